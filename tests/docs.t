#!/usr/bin/perl
# The documents tell the truth where a program can find out: every path they
# name exists, every link leads somewhere, the manual page and the help text know
# the same commands, options and exit codes, and no document names another option.
# (tests/shown.t runs what they show.)

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use Document;
use Modes;
use Program;
use Test::More;

my $root  = abs_path("$Bin/..");
my $ambit = Program::path();
my @front = qw(README.md ARCHITECTURE.md CONTRIBUTING.md);
my @docs  = ( @front, map {s{^\Q$root\E/}{}r} glob "$root/CHANGELOG.md $root/docs/*.md $root/docs/*/*.md $root/bench/*.md" );

sub text_of { return Program::slurp("$root/$_[0]") }

# ---- paths ------------------------------------------------------------------

# Everything in backticks, or in commands that are not run, that looks like a path of this
# tree: a word with a slash or with one of our endings. Placeholders in capitals, what
# building makes, names behind a /, functions with their arity, and files that the document
# shows are none.
sub paths_in {
    my ($text) = @_;
    my @steps = Document::steps($text);
    my @code  = map { $_->{body} } grep { $_->{marks}{'not run'} || $_->{kind} eq 'text' } @steps;
    my %shown = map { ( $_->{name} // '' ) => 1 } @steps;
    my %seen;
    $text =~ s/^```.*?^```$//msg;
    push @code, $1 while $text =~ /`([^`\n]+)`/g;
    for ( map {split} grep { !/^\$ / } @code ) {
        s/[:,;.]+$//;
        s{^\./}{};
        next if m{[^\w./*+-]} or m{^\.\w+$} or m{^/} or m{^build(/|$)} or m{^\.+$};
        next unless m{\w/} or /\.(?:[cht]|md|def|metta|sh|pm|py|txt|1)$/;
        next if m{\b[A-Z]{4,}\b} and !m{^[A-Z]+\.md$};
        next if $shown{$_} or m{^\*} or m{^[a-z]+/\d$};
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
        COMMANDS      => [ $commands =~ /^  ([\w-]+)/mg ],
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

# Commands and options that documents name for the program, and the table of exit codes.
my %verbs = map { $_ => 1 } @{ $help->{COMMANDS} };
for my $doc (@docs) {
    my $text = text_of($doc);
    my %named;
    for ( $text =~ /`((?:build\/)?ambit [^`\n]+)`/g, $text =~ /^(?:\$ )?((?:build\/)?ambit .+)$/mg ) {
        s/ +#.*| [|;<>] .*//;
        s/'[^']*'//g;
        $named{$1} = 1 while / (--?[a-z][a-z-]*)\b/g;
        $named{$1} = 1 if m{ambit ([a-z]+(?:-[a-z]+)*)(?: |$)};
    }
    $named{$1} = 1 while $text =~ /^\| `(--[a-z][a-z-]*)\b/mg;
    is( join( ' ', grep { !$known{$_} && !$verbs{$_} } sort keys %named ), '', "$doc names real commands and options" );
}
my $readme = text_of('README.md');
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

done_testing;
