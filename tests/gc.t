#!/usr/bin/env perl
# What --gc-stats tells: that programs with garbage collect, that what is copied and
# live fits what they keep, and that what survives alike is not copied each time. No claim is
# about how long anything takes; one evaluator does it all, so that each run is the same.
# AMBIT names the program, AMBIT_TIERS the tiers to run (all there are).
use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use Program;
use Test::More;

my $ambit = Program::path();

# The exit code and output of the text, and the rows of --gc-stats by name.
sub stats {
    my ( $tier, $text ) = @_;
    my $r = Program::run(
        argv    => [ $ambit, "--tier=$tier", '-j1', '--gc-stats', '-e', $text ],
    );
    my %rows = $r->{err} =~ /^gc: (\S.*?)\s{2,}([\d.]+)/mg;
    $rows{all} = $rows{'minor collections'} + $rows{'major collections'};
    return ( "$r->{exit} $r->{out}", \%rows );
}

my $rules = <<'END';
(= (turn $n $a) (if (== $n 0) $a (turn (- $n 1) (pair $n (pair 1 2)))))
(= (list $n $l) (if (== $n 0) $l (list (- $n 1) (C $n $l))))
(= (beside $n $l) (let $a (turn $n end) (first $l $a)))
(= (head (C $h $t)) $h)
(= (open $n $l) (if (== $n 0) $l (open (- $n 1) (C $v $l))))
(= (bind N) done)
(= (bind (C $h $t)) (let $u (same $h (f 1)) (bind $t)))
(= (same $x $x) ok)
(= (two) 1)
(= (two) 2)
(= (bound $n) (let $l (open $n N) (let $t (two) (let $d (bind $l) (spin 1000000)))))
(= (spin $n) (let (pair $x $y) (turn $n (pair 1 end)) $y))
(= (first (C $h $t) (pair $x $y)) (+ $h $x))
END
my $many = 1_000_000;

for my $tier ( Program::tiers() ) {
    my ( $said, $s ) = stats( $tier, '!(+ 1 1)' );
    is( $said, "0 [2]\n", "tier $tier: statistics are not output" );
    is( keys %$s, 16, "tier $tier: all rows are there" );
    if ( $tier == 0 ) {
        is( $s->{all}, 0, "tier $tier: nothing is collected" );
        next;
    }
    ( $said, $s ) = stats( $tier, "$rules!(turn $many end)" );
    is( $said, "0 [(pair 1 (pair 1 2))]\n", "tier $tier: garbage" );
    cmp_ok( $s->{all}, '>', 0, "tier $tier: ... is collected" );
    cmp_ok( $s->{'live at most'}, '<', 1 << 20, "tier $tier: ... with little that lives" );
    ( $said, $s ) = stats( $tier, "$rules!(beside $many (list 100000 N))" );
    is( $said, "0 [2]\n", "tier $tier: garbage beside a list" );
    cmp_ok( $s->{'live at most'}, '>', 100_000 * 32, "tier $tier: ... that lives" );
    cmp_ok( $s->{copied}, '>', 0, "tier $tier: ... and was copied" );
    ( $said, $s ) = stats( $tier, "$rules!(head (list $many N))" );
    is( $said, "0 [1]\n", "tier $tier: a list that grows" );
    cmp_ok( $s->{stayed}, '>', $many * 8, "tier $tier: ... stays where it is, mostly" );
    cmp_ok( $s->{copied}, '<', $many * 96, "tier $tier: ... and is copied by few collections" );
    ( $said, $s ) = stats( $tier, "$rules!(once (bound 100000))" );
    is( $said, "0 [(pair 1 2)]\n", "tier $tier: garbage above many bindings" );
    cmp_ok( $s->{'trail looked at'}, '<', 800_000, "tier $tier: ... which are not looked at each time" );
}
done_testing;
