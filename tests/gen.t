#!/usr/bin/env perl
# A short pass over generated programs, the same ones each time, in the modes of this
# build. ./build.sh soak runs a million of others.
use strict;
use warnings;
use File::Temp qw(tempdir);
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

# a folder for what is found is made, or there is no run
my $dir = tempdir( CLEANUP => 1 );
is( system("$soak --count 1 --save $dir/for/findings >$dir/said 2>&1"), 0, 'a run that keeps findings' );
ok( -d "$dir/for/findings", 'the folder is made' );
is( system("$soak --count 1 --save $dir/for/findings >$dir/said 2>&1"), 0, 'and used if it is there' );
isnt( system("$soak --count 1 --save $dir/said/findings >$dir/why 2>&1"), 0, 'a file is no folder' );
open my $why, '<', "$dir/why" or die "$dir/why: $!\n";
like( join( '', <$why> ), qr{^\Q$dir\E/said.*: Not a directory$}m, 'which is told' );
done_testing;
