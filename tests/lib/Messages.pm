package Messages;

# What the program can say that went wrong: the messages in the source, and the rows of
# docs/errors.md that explain them.
#
# A row is | messages | what shows them | cause | cure |. In a message words in capitals stand
# for what is different each time.

use strict;
use warnings;
use Document;
use Program;

# Whose texts are messages, whatever else stands between the brackets.
my @TELL = qw(ambi_answer_error ambi_set_message ambi_make_error_text AMB_ROW_FAIL ambi_line_fail
    cli_complain malformed fail fail_input wrong system_fail misused);
# Only where this is their name for it: elsewhere they are internal.
my %TELL_IN = ( 'runtime/loading/' => ['bad'], 'runtime/atoms/limits.c' => ['snprintf'] );

# A form that rests says so to nobody.
my %INTERNAL = map { $_ => 1 } 'the end of its slice', 'what it waits for';

my $STRING = qr/"(?:[^"\\]|\\.)*"/;
my $NESTED;
$NESTED = qr/(?:[^()"]|$STRING|\((??{$NESTED})\))*/;

sub plain {
    my ($strings) = @_;
    $strings =~ s/PRI\w+/"u"/g;
    my $text = join '', $strings =~ /"((?:[^"\\]|\\.)*)"/g;
    return $text =~ s/\\(.)/$1 eq 'n' ? "\n" : $1/ger;
}

# -> { text, file } of all C files; a text that only puts others together is none.
sub in_source {
    my ($root) = @_;
    my ( @all, %seen );
    for my $file ( map {s{^\Q$root\E/}{}r} sort map { glob "$root/$_" } qw(runtime/*.c runtime/*/*.[ch] scheduler/*.c cli/*.c cli/*/*.c) ) {
        next if $file =~ m{^cli/check/|^runtime/bytecode/|_valid\.c$};    # check has codes
        my $tell = join '|', @TELL, map { @{ $TELL_IN{$_} } } grep { index( $file, $_ ) == 0 } sort keys %TELL_IN;
        ( my $text = Program::slurp("$root/$file") ) =~ s{//[^\n]*}{}g;
        while ( $text =~ /\b(?:(?:$tell)\(($NESTED)\)|return ((?:[^;()"]*$STRING)+))/g ) {
            my $arguments = $1 // $2;
            next if defined $2 and $file !~ m{^runtime/(?:builtins|loading)/};
            while ( $arguments =~ /((?:$STRING\s*(?:PRI\w+\s*)?)+)/g ) {
                my $message = plain($1);
                my $words = $message =~ s/%[-+ #0-9.*]*(?:ll|[zjhl])?[a-zA-Z]//gr;
                next unless $words =~ /[a-z]{2,}[^a-z]+[a-z]{2,}|^[A-Z]\w+$/;
                push @all, { text => $message, file => $file } unless $INTERNAL{$message} || $seen{$message}++;
            }
        }
    }
    return @all;
}

# -> { messages, shown, before, line } of all tables; `before` is what stands in blocks of the
# section and belongs to each of its programs.
sub rows {
    my ($text) = @_;
    my ( @rows, %before );
    my ( $line, $open ) = ( 0, undef );
    for ( split /^/, $text ) {
        $line++;
        %before = () if /^## /;
        if ( defined $open ) {
            if   (/^```$/) { undef $open }
            else           { $before{$open} .= $_ =~ s/\s+; .*//r }
            next;
        }
        if (/^```(\w+)$/) { $open = $1; next }
        next unless /^\| `/;
        my ( undef, $messages, $shown, $cause, $cure ) = split /\s*(?<!\\)\|\s*/;
        push @rows, {
            messages => [ $messages =~ /`([^`]+)`/g ],
            shown    => $shown =~ /^`(.*)`$/ ? $1 : '',
            cause    => $cause,
            cure     => $cure,
            before   => {%before},
            line     => $line,
        };
    }
    return @rows;
}

# What a message of a document stands for.
sub pattern {
    my ($message) = @_;
    my $any = join '.+', map {quotemeta} split /\b(?:[A-Z][A-Z]+|[A-Z])\b/, $message, -1;
    return qr/$any/;
}

1;
