#!/usr/bin/env perl
# `ambit bench` as typed: what is told, tiers, answers that differ, runs that break off.
# How long anything takes is not looked at.
use strict;
use warnings;
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use JSON::PP qw(decode_json);
use lib "$FindBin::Bin/lib";
use Program;
use Test::More;

my $ambit = Program::path();
my $dir   = tempdir( CLEANUP => 1 );
my @tiers = grep { $_ > 0 } Program::has_native() ? ( 1, 2 ) : (1);

# bench([WORDS], exit, what) -> stdout, stderr
sub bench {
    my ( $words, $exit, $what ) = @_;
    my $r = Program::run( argv => [ $ambit, @$words ], dir => $dir );
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is( $r->{exit}, $exit, $what ) or diag("$r->{out}$r->{err}");
    return ( $r->{out}, $r->{err} );
}

Program::write_file( "$dir/a.metta", "(= (f) (\$x \$x))\n!(f)\n!(import! &self io)\n!(args)\n" );
my ($out) = bench( [ 'bench', '--runs', '2', 'a.metta', 'one' ], 0, 'a program' );
like( $out, qr/^a\.metta: 2 runs, 1 before them, seconds of the processor\ntier +median +least +most +spread\n/, 'what was done' );
my $number = qr/\d+\.\d{4}/;
like( $out, qr/^$_ +$number +$number +$number +\d+\.\d %$/m, "a line for tier $_" ) for @tiers;
like( $out, qr/^the answers are the same each time\n\z/m, 'the answers' );
like( ( bench( [ 'bench', '--wall', '--runs=1', 'a.metta' ], 0, 'by the clock' ) )[0], qr/seconds of the clock/, 'that is told' );

my $told = decode_json( ( bench( [ 'bench', '--json', '--runs=3', '--tiers=0,1', 'a.metta' ], 0, 'as JSON' ) )[0] );
is( join( ' ', map { $_->{tier} } @{ $told->{tiers} } ), '0 1', 'the tiers that were asked for' );
for my $tier ( @{ $told->{tiers} } ) {
    my @s = @{ $tier->{seconds} };
    is( scalar @s, 3, 'each run' );
    ok( $s[0] <= $s[1] && $s[1] <= $s[2], 'sorted' );
    is( $tier->{median}, $s[1], 'the median is one of them' );
}
ok( $told->{same}, 'the same answers' );

Program::write_file( "$dir/b.metta", "!(import! &self random)\n!(random-int &rng 0 1000000000)\n" );
my ( $differ, $err ) = bench( [ 'bench', '--runs=3', '--tiers=1', 'b.metta' ], 1, 'answers by chance' );
like( $err, qr/tier 1 gave other answers/, 'that is told' );
unlike( $differ, qr/the same/, 'and nothing else' );
Program::write_file( "$dir/c.metta", "!(+ 1 \"a\")\n" );
like( ( bench( [ 'bench', '--runs=1', 'c.metta' ], 0, 'an Error each time' ) )[1], qr/^c\.metta:1:1: error: uncaught/, 'shown once' );
Program::write_file( "$dir/d.metta", "(= (loop) (loop))\n!(loop)\n" );
bench( [ '--steps', '1000', 'bench', '--runs=1', 'd.metta' ], 0, 'options of ambit hold' );
Program::write_file( "$dir/e.metta", "!(f\n" );
like( ( bench( [ 'bench', 'e.metta' ], 3, 'no program' ) )[1], qr/^e\.metta:1:2: error/, 'its message' );
like( ( bench( [ 'bench', 'none.metta' ], 3, 'no file' ) )[1], qr/cannot read none\.metta/, 'its message' );
like( ( bench( [ 'bench', '.' ], 3, 'a folder' ) )[1], qr/cannot read \./, 'its message' );
bench( ['bench'], 2, 'no word' );
bench( [ 'bench', "--tiers=$_", 'a.metta' ], 2, "--tiers=$_" ) for '3', '1,', '1;2', 'x';
done_testing;
