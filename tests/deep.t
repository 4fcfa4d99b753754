#!/usr/bin/perl
# Depth: nothing may use the C stack in proportion to data or recursion. Each
# program is written here, in a size per mode, smaller in slow builds; AMBIT_LONG
# asks for the endless loops in full length.

use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use File::Temp qw(tempdir);
use Test::More;
use Modes;
use Program;

my $dir = tempdir( CLEANUP => 1 );

# [name, sub (size) -> (program text, expected output)]
my @cases = (
    [   'recursion that is not in tail position',
        sub {
            my ($n) = @_;
            return "(= (count \$n) (if (== \$n 0) 0 (+ 1 (count (- \$n 1)))))\n!(count $n)\n",
                "[$n]\n";
        }
    ],
    [   'recursion through let and a constructor',
        sub {
            my ($n) = @_;
            return "(= (up \$n) (if (== \$n 0) Z (let \$r (up (- \$n 1)) (S \$r))))\n"
                . "(= (size Z) 0)\n(= (size (S \$x)) (+ 1 (size \$x)))\n"
                . "!(let \$x (up $n) (size \$x))\n",
                "[$n]\n";
        }
    ],
    [   'a list built and walked',
        sub {
            my ($n) = @_;
            return "(= (upto \$a \$b) (if (> \$a \$b) Nil (Cons \$a (upto (+ \$a 1) \$b))))\n"
                . "(= (sum Nil \$acc) \$acc)\n"
                . "(= (sum (Cons \$h \$t) \$acc) (sum \$t (+ \$acc \$h)))\n"
                . "!(let \$l (upto 1 $n) (sum \$l 0))\n",
                '[' . $n * ( $n + 1 ) / 2 . "]\n";
        }
    ],
    [   'nested brackets read and printed',
        sub {
            my ($n) = @_;
            my $x = '(' x $n . 'a' . ')' x $n;
            return "!(quote $x)\n", "[(quote $x)]\n";
        }
    ],
    [   'nested brackets evaluated',
        sub {
            my ($n) = @_;
            my ( $l, $r ) = ( '(s ' x $n, ')' x $n );
            return "!${l}(+ 1 2)$r\n", "[${l}3$r]\n";
        }
    ],
    [   'nested brackets around a variable evaluated',
        sub {
            my ($n) = @_;
            my ( $l, $r ) = ( '(s ' x $n, ')' x $n );
            return "!${l}\$x$r\n", "[${l}\$x$r]\n";
        }
    ],
    [   'nested calls of a typed operation',
        sub {
            my ($n) = @_;
            return '!' . '(+ 1 ' x $n . '0' . ')' x $n . "\n", "[$n]\n";
        }
    ],
    [   'nested calls of typed functions, and typed data',
        sub {
            my ($n) = @_;
            my $half = $n / 2;
            return "(: same (-> \$t \$t))\n(= (same \$x) \$x)\n(: Nil (List \$t))\n"
                . "(: Cons (-> \$t (List \$t) (List \$t)))\n"
                . "(: kind (-> (List Number) Bool))\n(= (kind \$l) True)\n"
                . '!(kind ' . '(Cons 1 ' x $half . 'Nil' . ')' x $half . ")\n"
                . '!' . '(same ' x $half . '1' . ')' x $half . "\n",
                "[True]\n[1]\n";
        }
    ],
    [   'nested terms compared, unified and stored',
        sub {
            my ($n) = @_;
            my ( $l, $r ) = ( '(s ' x $n, ')' x $n );
            return "!(=alpha ${l}a$r ${l}a$r)\n!(=alpha ${l}a$r ${l}b$r)\n"
                . "!(unify ${l}a$r ${l}\$x$r \$x no)\n!(unify \$x ${l}\$x$r yes no)\n"
                . "!(add-atom &self (deep ${l}a$r))\n"
                . "!(match &self (deep (s \$x)) found)\n"
                . "!(match &self (deep ${l}\$x$r) \$x)\n",
                "[True]\n[False]\n[a]\n[no]\n[()]\n[found]\n[a]\n";
        }
    ],
    [   'a wide expression',
        sub {
            my ($n) = @_;
            my $x = join ' ', 1 .. $n;
            return "!(size-atom ($x))\n!(let \$l (quote ($x)) (unify \$l (quote \$x) (index-atom \$x "
                . ( $n - 1 )
                . ") no))\n!(let \$c (collapse (superpose ($x))) (size-atom \$c))\n",
                "[$n]\n[$n]\n[$n]\n";
        }
    ],
    [   'alternatives by the thousand',
        sub {
            my ($n) = @_;
            return "(= (nat \$n) \$n)\n(= (nat \$n) (if (> \$n 0) (nat (- \$n 1)) (empty)))\n"
                . "!(let \$c (collapse (nat $n)) (size-atom \$c))\n",
                '[' . ( $n + 1 ) . "]\n";
        }
    ],
    [   'alternatives met on the way back',
        sub {
            my ($n) = @_;
            return "(= (nat \$n) (if (> \$n 0) (nat (- \$n 1)) (empty)))\n(= (nat \$n) \$n)\n"
                . "!(let \$c (collapse (nat $n)) (size-atom \$c))\n",
                '[' . ( $n + 1 ) . "]\n";
        }
    ],
);

# Turns of loops that must run in constant space.
my @loops = (
    [ 'if',    '(= (loop $n) (if (== $n 0) done (loop (- $n 1))))' ],
    [ 'let',   '(= (loop $n) (let $m (- $n 1) (if (< $m 0) done (loop $m))))' ],
    [ 'chain', '(= (loop $n) (chain (eval (- $n 1)) $m (if (< $m 0) done (loop $m))))' ],
    [ 'case',  '(= (loop $n) (case $n ((0 done) ($m (loop (- $m 1))))))' ],
);

sub check {
    my ( $mode, $name, $text, $want, @options ) = @_;
    my $file = "$dir/deep.metta";
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
    my $r = Program::run(
        argv    => [ Program::path(), @{ $mode->{options} }, @options, $file ],
    );
    my $wrong = Program::trouble($r);
    $wrong = "exit status $r->{exit}" if !$wrong and $r->{exit};
    $wrong = 'got ' . substr( $r->{out}, 0, 200 ) if !$wrong and $r->{out} ne $want;
    my $label = sprintf '%s [%s] %.1f s', $name, $mode->{name}, $r->{seconds};
    ok( !$wrong, $label ) or diag( $wrong, ', stderr: ', substr $r->{err}, 0, 300 );
    return;
}

for my $mode ( Modes::tiers() ) {
    my $slow = $mode->{name} eq 'tier0' || ( $ENV{AMBIT_SLOW} || 1 ) > 1;
    # A million once; in the other modes what no C stack has room for, at 28 bytes a level.
    my $size = $slow ? 100_000 : $mode->{name} eq 'tier1' ? 1_000_000 : 300_000;
    for my $case (@cases) {
        my ( $name, $make ) = @$case;
        check( $mode, "$name, $size", $make->($size) );
    }
    my $turns = $slow ? 100_000 : $ENV{AMBIT_LONG} ? 100_000_000 : 1_000_000;
    for my $loop (@loops) {
        my ( $name, $rule ) = @$loop;
        check( $mode, "$turns turns through $name", "$rule\n!(loop $turns)\n", "[done]\n" );
    }
    my $counted = $size / 10;
    check(
        $mode,
        "$counted calls deep, and so many turns, counted for max-stack-depth",
        "(= (count \$n) (if (== \$n 0) 0 (+ 1 (count (- \$n 1)))))\n"
            . "(= (loop \$n) (if (== \$n 0) done (loop (- \$n 1))))\n"
            . "!(pragma! max-stack-depth 1000000000)\n!(count $counted)\n!(loop $counted)\n",
        "[()]\n[$counted]\n[done]\n"
    );
    next if $mode->{name} eq 'tier0';    # where only tail calls take no depth
    my $pairs = $size / 10;
    my @chained = map { "(\$x$_ (+ 1 \$x" . ( $_ - 1 ) . '))' } 1 .. $pairs;
    check( $mode, "results that share their parts",
        "(= (twice \$n \$x) (if (== \$n 0) \$x (twice (- \$n 1) (\$x \$x))))\n"
            . "(= (depth \$n \$x) (if (== \$x a) \$n (let (\$l \$r) \$x (depth (+ \$n 1) \$r))))\n"
            . "!(let \$all (collapse (twice 1000 a)) (let (\$x) \$all (depth 0 \$x)))\n",
        "[1000]\n" );
    my $links = join '', map {"(= (f$_ \$x) (if (< \$x 0) (f0 \$x) (f" . ( $_ + 1 ) . " \$x)))\n"} 0 .. $pairs - 1;
    check(
        $mode,
        "$pairs rules that all reach each other",
        "$links(= (f$pairs \$x) (let \$y (add-atom &self (met \$x)) (match &self (met \$z) \$z)))\n!(f0 1)\n!(f1 2)\n",
        "[1]\n[1, 2]\n"
    );
    check( $mode, "let* with $pairs pairs",
        "!(let* ((\$x0 0) @chained) \$x$pairs)\n", "[$pairs]\n" );
    check( $mode, "$pairs cells headed by variables, grown and taken apart",
        "(= (grow \$n \$l) (if (== \$n 0) (take \$l) (grow (- \$n 1) (\$x . \$l))))\n"
            . "(= (again \$n \$l) (if (== \$n 0) (take \$l) (let \$m (\$x . \$l) (again (- \$n 1) \$m))))\n"
            . "(= (take ()) done)\n(= (take (\$x . \$l)) (let \$x 1 (take \$l)))\n"
            . "!(grow $pairs ())\n!(again $pairs ())\n",
        "[done]\n[done]\n" );
    check( $mode, "let* with $pairs pairs without variables",
        '!(let* (' . '(() ()) ' x $pairs . ") done)\n", "[done]\n" );
    check(
        $mode,
        "$size cells of a list, no deeper than 100 calls",
        "(= (upto \$a \$b) (if (> \$a \$b) Nil (Cons \$a (upto (+ \$a 1) \$b))))\n"
            . "(= (sum Nil \$acc) \$acc)\n"
            . "(= (sum (Cons \$h \$t) \$acc) (sum \$t (+ \$acc \$h)))\n"
            . "!(sum (upto 1 $size) 0)\n",
        '[' . $size * ( $size + 1 ) / 2 . "]\n",
        '--depth=100'
    );
}
done_testing;
