#!/usr/bin/env perl
# Makes the seeds of the fuzz targets in the folder that is given: those of corpus/,
# and some that other tests have already: small language tests as programs, texts
# that are no MeTTa for the reader, wrong command lines, and each option with some values.

use strict;
use warnings;
use FindBin qw($Bin);
use File::Basename qw(basename);
use File::Find qw(find);
use File::Path qw(make_path);
use Text::ParseWords qw(shellwords);

my ($out) = @ARGV;
my $tests = "$Bin/..";

sub slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    return scalar <$in> // '';
}

my %count;

sub seed {
    my ( $target, $text ) = @_;
    my $path = sprintf '%s/%s/%04d', $out, $target, $count{$target}++;
    return if -f $path && slurp($path) eq $text;
    open my $to, '>:raw', $path or die "$path: $!\n";
    print $to $text;
    close $to or die "$path: $!\n";
}

for my $target ( map { basename( $_, '.c' ) } sort glob "$Bin/*.c" ) {
    make_path("$out/$target");
    seed( $target, slurp($_) ) for sort glob "$Bin/corpus/$target/*";
}

# Programs, without their comments.
my @programs;
find( sub { push @programs, $File::Find::name if /\.metta$/ && -s $_ < 1500 },
    "$tests/lang", "$tests/regress" );
seed( "collect", slurp($_) ) for sort glob "$Bin/corpus/program/*";
for my $path ( sort @programs ) {
    my $text = slurp($path);
    seed( 'layout', "L$text" ) if length $text < 400;
    $text =~ s/^;.*\n//mg;
    $text =~ s/ *; expect.*//g;
    next if length $text > 500;
    seed( $_, $text ) for qw(program collect);
}

# The indented lines of each case are a text; bytes are given in hexadecimal.
for my $case ( split /\n\n+/, slurp("$tests/bad/syntax.txt") ) {
    my $text = join '', map {"$_\n"} $case =~ /^  (.*)/mg;
    $text .= pack '(H2)*', split ' ', $1 while $case =~ /^bytes: \S+ (.*)/mg;
    next unless length $text && length $text <= 400;
    seed( 'reader', $text );
    seed( 'layout', "L$text" );
}

for my $words ( slurp("$tests/bad/options.txt") =~ /^run: (.*)/mg ) {
    seed( 'options', join "\n", shellwords($words) );
}

# Each option of the program with values of every kind, in the two ways to write one.
my @values = qw(0 1 -1 2 3.5 .5 1e309 1e9 nan inf 0x10 99999999999999999999 1k 16777216T 300 off x);
for my $option ( slurp("$tests/../cli/options.c") =~ /^    \{"(--?[a-z-]+)",/mg ) {
    seed( 'options', "$option=$_\nf.metta" ), seed( 'options', "$option\n$_\nf.metta" ) for @values, '';
    seed( 'options', "$option\nf.metta" );
}
