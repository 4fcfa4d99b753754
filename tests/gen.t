#!/usr/bin/env perl
# A short pass over generated programs, the same ones each time, in the modes of this
# build. ./build.sh soak runs a million of others.
use strict;
use warnings;
use FindBin qw($Bin);
use Test::More;

my $soak = ( $ENV{AMBIT_BUILD} || "$Bin/../build" ) . '/soak';
plan skip_all => "$soak is not built" unless -x $soak;
my $slow = $ENV{AMBIT_SLOW} || 1;

sub same {
    my ( $count, @options ) = @_;
    $count = int( $count / $slow );
    my $said = `$soak --count $count @options 2>&1`;
    is( $?, 0, "$count programs: @options" ) or diag($said);
    my ($cut) = $said =~ /^$count programs, (\d+) cut by a limit, 0 differ;/m;
    cmp_ok( $cut // $count, '<', $count / 20 + 5, 'few of them are cut by a limit' );
}

same( 2000, '--seed 104' );
my $modes = `$soak --modes none 2>&1`;
same( 1000, '--seed 71 --modes tier1,native' ) if $modes =~ /\bnative\b/;
same( 200, '--seed 104 --modes tier1,collect,minimal,verify' ) if $modes =~ /\bcollect\b/;

my $shown = `$soak --show --seed 5 --start 17 --count 3`;
is( `$soak --show --seed 5 --start 17 --count 3`, $shown, 'a number names a program' );
isnt( `$soak --show --seed 6 --start 17 --count 3`, $shown, 'for one seed' );
done_testing;
