#!/usr/bin/perl
# Whole programs of one theme each, whose answers agree with the reference
# implementation (tools/oracle_diff.py --expect checks that they still do) or,
# where a form says `; reference:`, with our own language documents.

use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use Test::More;
use Lang qw(find_tests run_in_modes);

my @files = find_tests("$Bin/programs");
if (@ARGV) {
    my $some = join '|', map {quotemeta} @ARGV;
    @files = grep {/$some/} @files;
}
plan skip_all => 'no files' unless @files;

for my $path (@files) {
    ( my $name = $path ) =~ s{^\Q$Bin\E/}{};
    run_in_modes( $path, $name );
}
done_testing;
