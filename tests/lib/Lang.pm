package Lang;

# A MeTTa test file: what it says about itself in comments, and whether a run
# of the program agrees.
#
# Comments that count, anywhere in the file:
#   ; expect: LINE         one line of standard output; all of them, in order
#   ; expect-exit: N       exit status (default 0)
#   ; expect-stderr: REGEX found in standard error
#   ; mode: not NAME because REASON
#   ; small: NAME=VALUE    a constant as modes with switches have it (Matrix.pm)
#   ; reference: REASON    the form above differs from the reference (for
#                          tools/oracle_diff.py; means nothing here)
# Files named scratch-* that it leaves in its folder are removed after the run.
# A file beside it named NAME.expected holds the output instead of `expect`
# lines. A file with none of these is an assertion file: it exits with 0 and
# each line that starts with `!` gives the result list [()].

use strict;
use warnings;
use Exporter 'import';
use File::Basename qw(basename);
use File::Find ();
use Program;

our @EXPORT_OK = qw(find_tests read_test normalise);

# Every .metta file below the folders, sorted. Names that start with `_`, and
# module.metta, are parts of other tests.
sub find_tests {
    my (@folders) = @_;
    my @found;
    File::Find::find(
        {   no_chdir => 1,
            wanted   => sub {
                return unless /\.metta$/;
                my $name = basename($_);
                push @found, $_ unless $name =~ /^_/ or $name eq 'module.metta';
            },
        },
        grep { -d } @folders
    );
    return sort @found;
}

sub lines_of {
    my ($text) = @_;
    my @lines = split /\n/, $text, -1;
    pop @lines if @lines and $lines[-1] eq '';
    s/\s+$// for @lines;
    return @lines;
}

# The modes that a program's header leaves out, and why.
sub left_out {
    my ($text) = @_;
    return { $text =~ /;\s*mode:\s*not\s+(\S+)\s+because\s+(.*?)\s*$/mg };
}

sub read_test {
    my ($path) = @_;
    my $text = Program::slurp($path);
    my %t = ( path => $path, exit => 0, not => left_out($text), stderr => [], scratch => scalar( $text =~ /scratch-/ ) );
    my ( @expect, $said );
    for my $line ( split /\n/, $text ) {
        if ( $line =~ /;\s*expect:(?: (.*))?$/ ) {
            my $want = defined $1 ? $1 : '';
            $want =~ s/\s+$//;
            push @expect, $want;
            $said = 1;
        }
        elsif ( $line =~ /;\s*expect-exit:\s*(\d+)/ )     { $t{exit} = $1; $said = 1 }
        elsif ( $line =~ /;\s*expect-stderr:\s*(.*?)\s*$/ ) { push @{ $t{stderr} }, $1 }
    }
    ( my $beside = $path ) =~ s/\.metta$/.expected/;
    if ( -e $beside ) {
        die "$path: both expect lines and $beside\n" if @expect;
        @expect = lines_of( Program::slurp($beside) );
        $said   = 1;
    }
    if ( !$said ) {
        $t{assertions} = () = $text =~ /^!/mg;
        @expect = ('[()]') x $t{assertions};
    }
    $t{expect} = \@expect;
    return \%t;
}

# Machine-made names: ids of variables are renumbered per line in order of
# appearance, unnamed spaces and handles lose their numbers.
sub normalise {
    my ($line) = @_;
    my ( %id, $n );
    $line =~ s/(\$[^\s()#]*)#(\d+)/$1 . '#' . ($id{$1, $2} ||= ++$n)/ge;
    $line =~ s/0x[0-9a-fA-F]+/0x/g;
    return $line;
}

# First difference between two lists of lines, or undef.
sub difference {
    my ( $want, $got ) = @_;
    my $n = @$want > @$got ? @$want : @$got;
    for my $i ( 0 .. $n - 1 ) {
        my $w = $i < @$want ? normalise( $want->[$i] ) : undef;
        my $g = $i < @$got  ? normalise( $got->[$i] )  : undef;
        next if defined $w and defined $g and $w eq $g;
        return sprintf "line %d\n   want %s\n   got  %s", $i + 1,
            defined $w ? $w : '(end)', defined $g ? $g : '(end)';
    }
    return undef;
}

# What is wrong with a run, as a list of texts.
sub judge {
    my ( $t, $r ) = @_;
    my $trouble = Program::trouble($r);
    return ($trouble) if $trouble;
    my @wrong;
    my $d = difference( $t->{expect}, [ lines_of( $r->{out} ) ] );
    push @wrong, $d if $d;
    push @wrong, "exit status $r->{exit}, want $t->{exit}" if $r->{exit} != $t->{exit};
    for my $re ( @{ $t->{stderr} } ) {
        push @wrong, "standard error does not match $re" unless $r->{err} =~ /$re/;
    }
    push @wrong, "no form that starts a line with `!`"
        if defined $t->{assertions} and $t->{assertions} == 0;
    return @wrong;
}

# What a run printed, for comparing modes.
sub printed {
    my ($r) = @_;
    return join "\n", map { normalise($_) } lines_of( $r->{out} );
}

1;
