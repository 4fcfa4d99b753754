#!/usr/bin/env perl
# A short pass over the fuzz targets: their seeds, and, but for programs, a few
# thousand inputs made of them, the same ones each time. Needs clang; ./build.sh fuzz
# runs them for longer.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use Test::More;

my $here = abs_path( dirname(__FILE__) );
plan skip_all => 'runs once, with the tests of the release build'
    if $ENV{AMBIT_BUILD} && basename( $ENV{AMBIT_BUILD} ) ne 'build';
chomp( my $missing = `$here/fuzz/run --can` );
plan skip_all => $missing if $?;

for my $path ( sort glob "$here/fuzz/*.c" ) {
    my $target = basename( $path, '.c' );
    my $said   = `$here/fuzz/run --pass $target 2>&1`;
    ok( $? == 0, "nothing is found: $target" ) or diag($said);
}
done_testing;
