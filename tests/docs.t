#!/usr/bin/perl
# The documents tell the truth where a program can find out: every path they
# name exists, every link leads somewhere, the manual page and the help text know
# the same commands, options and exit codes, and the programs of README.md and of
# the guide print what stands behind their forms.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use Modes;
use Program;
use Test::More;

my $root  = abs_path("$Bin/..");
my $ambit = Program::path();
my @front = qw(README.md ARCHITECTURE.md CONTRIBUTING.md);
my @docs  = ( @front, map {s{^\Q$root\E/}{}r} glob "$root/docs/*.md $root/docs/guide/*.md $root/bench/*.md" );

sub text_of { return Program::slurp("$root/$_[0]") }

# ---- paths ------------------------------------------------------------------

# Everything in backticks or in a fence that looks like a path of this tree: a
# word with a slash or with one of our endings. Placeholders in capitals, what
# building makes, and names behind a / are none.
sub paths_in {
    my ($text) = @_;
    my ( @code, %seen );
    push @code, $1 while $text =~ s/^```(?!metta)\w*\n(.*?)^```$//ms;
    push @code, $1 while $text =~ /`([^`\n]+)`/g;
    for ( map {split} @code ) {
        s/[:,;.]+$//;
        s{^\./}{};
        next if m{[^\w./*+-]} or m{^\.\w+$} or m{^/} or m{^build(/|$)} or m{^\.+$};
        next unless m{\w/} or /\.(?:[cht]|md|def|metta|sh|pm|py|txt|1)$/;
        next if m{\b[A-Z]{4,}\b} and !m{^[A-Z]+\.md$};
        $seen{$_} = 1;
    }
    return sort keys %seen;
}

for my $doc (@docs) {
    my @paths = paths_in( text_of($doc) );
    ok( @paths > 5, "$doc names paths" ) if grep { $_ eq $doc } @front;
    my $beside = "$root/" . dirname($doc);
    my @gone   = grep {
        my $path = $_;
        !grep { -e } map { glob "$_/$path" } $root, $beside;
    } @paths;
    is( "@gone", '', "$doc: all paths exist" );
}

my %linked;
for my $doc (@docs) {
    my $text = text_of($doc);
    my @gone;
    while ( $text =~ /\]\(([^)\s]+)\)/g ) {
        my $to = $1;
        next if $to =~ m{^(?:https?:|#)};
        $to =~ s/#.*//;
        my $path = $to =~ m{^/} ? $to : "$root/" . dirname($doc) . "/$to";
        push @gone, $to unless -e $path;
        $linked{ abs_path($path) // '' } = 1;
    }
    is( "@gone", '', "$doc: all links lead somewhere" );
}
for my $doc ( grep { $_ ne 'README.md' } @docs ) {
    ok( $linked{"$root/$doc"}, "$doc is linked" );
}
ok( -s "$root/LICENSE" && text_of('LICENSE') =~ /Apache License\s+Version 2\.0/, 'the license' );

# ---- manual page and help ---------------------------------------------------

sub help {
    my $r = Program::run( argv => [ $ambit, '--help' ] );
    my ($commands) = $r->{out} =~ /^commands:\n(.*?)^$/ms;
    my ($options)  = $r->{out} =~ /^options:\n(.*?)^$/ms;
    my ($exits)    = $r->{out} =~ /^exit codes:(.*)/ms;
    return {
        COMMANDS      => [ $commands =~ /^  (\w+)/mg ],
        OPTIONS       => [ $options =~ /^  (-[^\s[]+)/mg ],
        'EXIT STATUS' => [ $exits =~ /(?:^|,)\s*(\d+) /g ],
    };
}

# The tags of a section: the first word of the line behind each .TP.
sub tags_of {
    my ( $page, $section ) = @_;
    my ($part) = $page =~ /^\.SH \Q$section\E\n(.*?)(?=^\.SH|\z)/ms;
    my @tags = ( $part // '' ) =~ /^\.TP\n\.\w+\s+"?([^\s"]+)/mg;
    s/\\-/-/g for @tags;
    return \@tags;
}

my $page = text_of('docs/ambit.1');
my $help = help();
for my $section ( sort keys %$help ) {
    my ( $want, $got ) = map { join ' ', sort @$_ } $help->{$section}, tags_of( $page, $section );
    ok( $want ne '', "the help text has: $section" );
    is( $got, $want, "manual page and help text agree: $section" );
}
# Commands with options of their own.
my %known = map { $_ => 1 } @{ $help->{OPTIONS} };
my $tools = 0;
for my $tool ( @{ $help->{COMMANDS} } ) {
    my $r = Program::run( argv => [ $ambit, $tool, '--help' ] );
    next unless $r->{out} =~ /^usage: ambit \Q$tool\E /;
    my ($options) = $r->{out} =~ /^options:\n(.*?)^  --help/ms;
    my ($part)    = $page     =~ /^\.SS \Q$tool\E\n(.*?)(?=^\.S[SH]|\z)/ms;
    is( join( ' ', sort @{ tags_of( ".SH X\n$part", 'X' ) } ),
        join( ' ', sort $options =~ /^  (-[^\s[]+)/mg ), "manual page and help text agree: $tool" );
    $known{$1} = 1 while $options =~ /^  (-[^\s[]+)/mg;
    $tools++;
}
ok( $tools > 0, 'there are such commands' );
my ($version) = split /\n/, Program::run( argv => [ $ambit, '--version' ] )->{out};
like( $page, qr/^\.TH AMBIT 1 .*"\Q$version\E"/m, 'the manual page is of this version' );

# Options that README.md names for the program, and its table of exit codes.
my $readme = text_of('README.md');
my %named;
$named{$1} = 1 while $readme =~ /(?:^\| `|`|ambit )(--?[a-z][a-z-]*)\b/mg;
is( join( ' ', grep { !$known{$_} } sort keys %named ), '', 'README.md names real options' );
my ($codes) = $readme =~ /^### Exit codes\n(.*?)^##/ms;
is( join( ' ', $codes =~ /^\| (\d+) \|/mg ),
    join( ' ', @{ $help->{'EXIT STATUS'} } ), 'README.md has the exit codes' );

# Modes and switches: the rows of the tables that tell of them.
my ($modes)    = text_of('docs/testing.md') =~ /^## The matrix\n(.*?)^## /ms;
my ($switches) = text_of('CONTRIBUTING.md') =~ /^\| switch \|(.*?)^$/ms;
my $stress = text_of('memory/stress.h');
is( join( ' ', sort $modes =~ /`([\w-]+)`(?=[^|]*\|[^|]+\| [\d, ]+\|)/g ),
    join( ' ', sort map { $_->{name} } @Modes::MODES ), 'docs/testing.md has the modes' );
is( join( ' ', sort $switches =~ /^\| `(\w+)`/mg ),
    join( ' ', sort $stress =~ m{// "(\w+)": }g ), 'CONTRIBUTING.md has the switches' );

# ---- programs ---------------------------------------------------------------

# The blocks of a document are one program. Behind each form stands what it prints, on the
# line where it ends or, line by line, in comments below it.
sub program_in {
    my ($doc) = @_;
    my ( $program, $forms, $told, @want ) = ( '', 0, 0 );
    my $text = text_of($doc);
    while ( $text =~ /^```metta\n(.*?)^```$/msg ) {
        my $behind;
        for ( split /^/, $1 ) {
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
    is( $told, $forms, "$doc: each form says what it prints" );
    return ( $program, join '', map {"$_\n"} @want );
}

my $dir = tempdir( CLEANUP => 1 );
for my $doc ( 'README.md', grep {m{^docs/guide/\d}} @docs ) {
    my ( $program, $want ) = program_in($doc);
    cmp_ok( length $want, '>', 5, "$doc has a program" );
    open my $out, '>', "$dir/program.metta" or die "$dir: $!\n";
    print $out $program;
    close $out or die "$dir: $!\n";
    for my $tier ( $program =~ /\(spawn / ? 1 : ( 0, 1 ) ) {    # tier 0 has no actors
        my $r = Program::run( argv => [ $ambit, "--tier=$tier", "$dir/program.metta" ] );
        is( $r->{out},  $want, "$doc: what is printed, tier $tier" );
        is( $r->{exit}, 0,     "$doc: it ends well, tier $tier" );
    }
}
for my $shown ( $readme =~ /^It prints `(.*)`/m, $readme =~ /It prints `([^`]+)`/ ) {
    my $r = Program::run( argv => [ $ambit, "$root/examples/zebra.metta" ] );
    is( $r->{out}, "$shown\n", 'the first command prints what README.md says' );
    last;
}
done_testing;
