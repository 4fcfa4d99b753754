#!/usr/bin/env perl
# What the program tells about its own run: --stats. No claim is about how long
# anything takes.
# AMBIT names the program, AMBIT_TIERS the tiers to run (all there are).
use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use JSON::PP;
use List::Util qw(max sum0);
use Program;
use Test::More;

my $ambit = Program::path();
my $search = <<'END';
(= (bit) 0)
(= (bit) 1)
(= (bits $n) (if (== $n 0) nil (cons (bit) (bits (- $n 1)))))
(= (count nil) 0)
(= (count (cons $b $more)) (+ $b (count $more)))
!(let $all (collapse (count (bits 14))) (size-atom $all))
END
my $messages = <<'END';
!(import! &self concurrent)
(= (sink $n) (if (== $n 0) done (receive (($any (sink (- $n 1)))))))
(= (feed $a $n) (if (== $n 0) fed (let $u (send $a x) (feed $a (- $n 1)))))
!(let $a (spawn (sink 50) (monitor)) (let $u (feed $a 50) (receive (((down $b $why) $why)))))
END

sub told {
    my ( $text, @options ) = @_;
    my $r = Program::run( argv => [ $ambit, @options, '-e', $text ], timeout => 120 );
    return ( "$r->{exit} $r->{out}", $r->{err} );
}

sub stats {
    my ( $said, $err ) = told(@_);
    my $all = eval { decode_json($err) };
    diag "no JSON: $@\n$err" if !$all;
    return ( $said, $all // {} );
}

sub stats_of_searches {
    my ($tier) = @_;
    my ( $said, $all ) = stats( $search, "--tier=$tier", '--stats=json' );
    is( $said, "0 [16384]\n", "tier $tier: statistics are not output" );
    is( scalar @{ $all->{evaluators} }, 1, "tier $tier: one evaluator" );
    cmp_ok( $all->{total}{steps}, '>=', 16384, "tier $tier: steps are counted" );
    cmp_ok( $all->{resident_peak_bytes}, '>', 1 << 20, "tier $tier: and memory" );
    return if $tier == 0;
    cmp_ok( $all->{total}{backtracks}, '>=', 16383, "tier $tier: one for each other answer" );
    is( $all->{total}{given}, 0, "tier $tier: nobody to hand anything to" );
    my $alone = $all->{total}{steps};
    ( $said, $all ) = stats( $search, "--tier=$tier", '-j3', '--stats=json' );
    is( $said,                             "0 [16384]\n", "tier $tier: -j3" );
    is( scalar @{ $all->{evaluators} }, 3,             "tier $tier: three evaluators" );
    cmp_ok( $all->{total}{given}, '>=', $all->{total}{taken}, "tier $tier: given, then taken" );
    for my $key ( sort keys %{ $all->{total} } ) {
        my @each = map { $_->{$key} } @{ $all->{evaluators} };
        is( $all->{total}{$key}, $key =~ /^longest/ ? max(@each) : sum0(@each),
            "tier $tier: $key of all of them" );
    }
}

sub stats_as_text {
    my ( $said, $err ) = told( $search, '--tier=1', '-j2', '--stats' );
    my %rows = $err =~ /^stats: (\S.*?)\s{2,}(\d[\d ]*)$/mg;
    my ( $total, @each ) = split ' ', $rows{'evaluation steps'};
    is( $total, sum0(@each), 'a row has the sum and each evaluator' );
    is( @each,  2,           '... both of them' );
    my ( undef, $all ) = stats( $search, '--tier=1', '--stats=json' );
    is( scalar( keys %rows ), keys( %{ $all->{total} } ) + keys(%$all) - 2,
        'JSON and text have the same rows' );
}

sub stats_of_messages {
    my ($tier) = @_;
    my ( $said, $all ) = stats( $messages, "--tier=$tier", '--stats=json' );
    is( $said, "0 [()]\n[normal]\n", "tier $tier: actors" );
    is( $all->{total}{messages}, 51, "tier $tier: each message, and that of the end" );
    is( $all->{total}{tasks},    1,  "tier $tier: an actor is a task" );
}

for my $tier ( Program::tiers() ) {
    stats_of_searches($tier);
    stats_of_messages($tier) if $tier > 0;
}
stats_as_text();
done_testing;
