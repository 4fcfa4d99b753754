package Document;

# A document as steps: what stands in fences, and what is to be done with it.
#
#   ```console      `$ COMMAND` lines, and below each what it prints
#                   with `> ` and `| ` lines below it: what is typed at its prompt
#   ```sh           commands that must end with status 0
#   ```metta        part of the program of the document; behind each form, or in comments
#                   below it, stands what it prints
#   ```text         neither
#   any, below a line that ends in `NAME.EXT`:    the file of that name
#
# In what is printed `...` stands for any text within a line, and alone on a line for any
# lines. A comment above the block says more:
#
#   <!-- numbers vary -->        any number may stand where one is shown
#   <!-- not run: REASON -->
#   <!-- needs: THING -->        not run where that is not there

use strict;
use warnings;

# read(TEXT) -> steps: { kind, tag, line, body, name, marks }
sub steps {
    my ($text) = @_;
    my ( @steps, $block, @marks );
    my ( $above, $line ) = ( '', 0 );
    for ( split /^/, $text ) {
        $line++;
        if ($block) {
            if (/^```$/) { push @steps, $block; undef $block; @marks = (); $above = '' }
            else         { $block->{body} .= $_ }
        }
        elsif (/^```(.*)$/) {
            $block = { tag => $1, line => $line + 1, body => '', marks => { map {@$_} @marks } };
            $block->{name} = $1 if $above =~ m{`([\w./-]+\.\w+)`:$};
            $block->{kind} = kind($block);
        }
        elsif (/^<!-- ([\w ]+?)(?:: (.*?))? -->$/) { push @marks, [ $1, $2 // 1 ] }
        elsif (/\S/) { chomp( $above = $_ ); @marks = () }
    }
    die "a block is not closed\n" if $block;
    return @steps;
}

sub kind {
    my ($block) = @_;
    return 'file' if $block->{name};
    return { console => 'console', sh => 'commands', metta => 'program', text => 'text' }->{ $block->{tag} }
        // ( $block->{tag} eq '' ? 'nameless' : 'other' );
}

# The commands of a block: { line, command, shown }, shown undefined in a block without.
# A command goes on behind a backslash at the end of its line.
sub commands {
    my ($block) = @_;
    my $console = $block->{tag} eq 'console';
    my ( @commands, $open );
    my $line = $block->{line} - 1;
    for ( split /^/, $block->{body} ) {
        $line++;
        if ($open) { $commands[-1]{command} .= $_ }
        elsif ( $console ? s/^\$ // : /^[^#\s]/ ) {
            push @commands, { line => $line, command => $_, shown => $console ? '' : undef };
        }
        elsif ( $console && @commands ) { $commands[-1]{shown} .= $_; next }
        elsif ($console) { die "line $line: what prints this?\n" }
        else             { next }
        $open = /\\$/;
    }
    return @commands;
}

# What is typed at the prompt of the one command of a block: { typed, shown }.
sub session {
    my ($command) = @_;
    my @inputs;
    for ( split /^/, $command->{shown} ) {
        if    (/^([>|]) ?(.*)$/) { push @inputs, { prompt => $1, typed => $2, shown => [] } }
        elsif (@inputs)          { push @{ $inputs[-1]{shown} }, $_ }
    }
    return @inputs;
}

# Does a run print what is shown?
sub agrees {
    my ( $shown, $got, $vary ) = @_;
    my $pattern = '';
    for ( split /^/, $shown ) {
        if (/^\.\.\.$/) { $pattern .= '(?:.*\n)*?'; next }
        chomp;
        my $line = join '.*', map { $vary ? varying($_) : quotemeta } split /\.\.\./, $_, -1;
        $pattern .= "$line\\n";
    }
    $got .= "\n" if $got ne '' and $got !~ /\n\z/;
    return $got =~ /\A$pattern\z/;
}

sub varying {
    my ($text) = @_;
    return join '', map { /^\d/ ? '\d+(?:\.\d+)?(?:e[-+]?\d+)?' : /^ / ? ' +' : quotemeta }
        $text =~ /(\d+(?:\.\d+)?| +|[^\d ]+)/g;
}

# The blocks of a document are one program. Behind each form stands what it prints, on the
# line where it ends or, line by line, in comments below it.
# -> text, what it prints, number of forms, of those that say so
sub program {
    my (@steps) = @_;
    my ( $program, $forms, $told, @want ) = ( '', 0, 0 );
    for my $block ( grep { $_->{kind} eq 'program' && !$_->{marks}{'not run'} } @steps ) {
        my $behind;
        for ( split /^/, $block->{body} ) {
            $program .= $_;
            if ( $behind and /^; (.*)/ ) { push @want, $1; $told += $behind == 1; $behind++; next }
            $forms++ if /^!/;
            $behind = /^!/ || ( $behind && /^\s/ );
            next unless /^[!\s].*\s; (\S.*)$/;
            push @want, $1;
            $told++;
            $behind = 0;
        }
    }
    return ( $program, join( '', map {"$_\n"} @want ), $forms, $told );
}

1;
