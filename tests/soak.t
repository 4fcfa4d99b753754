#!/usr/bin/env perl
# A short run of tests/soak/memory: it ends well, each limit has cut off forms, memory has
# not grown much, and the plot is drawn. The long one is `./build.sh soak memory`.
# AMBIT names the program, AMBIT_TIERS the tiers to run (all there are).
use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use File::Temp qw(tempdir);
use Program;
use Test::More;

plan skip_all => 'sanitizers keep what was freed' if ( $ENV{AMBIT_SLOW} || 1 ) > 1;
my $dir = tempdir( CLEANUP => 1 );
local $ENV{AMBIT} = Program::path();
for my $tier ( grep { $_ > 0 } Program::tiers() ) {
    my $r = Program::run(
        argv => [
            "$Bin/soak/memory", '--rounds=12', '--within=20', "--tier=$tier", "--plot=$dir/plot.svg"
        ],
    );
    is( $r->{exit}, 0, "tier $tier: the same work takes the same memory" ) or diag( $r->{out}, $r->{err} );
    like( $r->{out}, qr/^12 rounds in .*^24000 atoms added and removed$/ms, "tier $tier: all of it is done" );
    like( Program::slurp("$dir/plot.svg"), qr/<polyline [^>]*points="[\d., ]{100,}"/,
        "tier $tier: a plot is made of it" );
}
done_testing;
