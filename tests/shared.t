#!/usr/bin/env perl
# Which searches evaluators share: programs of which something is handed over when one
# may at every step, and those where nothing may be. That the answers are the same is
# matrix.t's to show.
use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Modes;
use Program;
use Test::More;

my $ambit = Program::path();
plan skip_all => 'only a debug build hands over at every step' if !Modes::can_stress();

my $search = <<'END';
(= (digit) (superpose (1 2 3 4 5 6 7 8)))
(= (count $all) (size-atom $all))
(= (work $n) (if (== $n 0) 0 (work (- $n 1))))
END

# A name, whether it is shared (undef: in hope at most, and then begun again), the program
# behind $search, and what it prints.
my @programs = (
    [   'a search', 1,
        '!(collapse (let* (($x (digit)) ($w (work 5))) (if (> $x 6) $x (empty))))', '[(7 8)]'
    ],
    [   'with effects', 0,
        '!(count (collapse (let $x (digit) (println! $x))))',
        join( "\n", 1 .. 8, '[8]' )
    ],
    [   'rules of the library that evaluate one operation', 1,
        '!(count (collapse (let* (($x (digit)) ($y (digit))) (if (== (min $x $y) (max $x $y)) $x (empty)))))',
        '[8]'
    ],
    [   'a rule that evaluates what prints', undef,
        '(= (told $x) (function (chain (eval (println! $x)) $u (return $x))))
         !(count (collapse (told (digit))))',
        join( "\n", 1 .. 8, '[8]' )
    ],
    [   'a rule that evaluates what it is given', undef,
        '(= (given $e) (function (chain (eval $e) $u (return $u))))
         !(count (collapse (let $x (digit) (given (println! $x)))))',
        join( "\n", 1 .. 8, '[8]' )
    ],
    [   'what case looks at', 1,
        '(= (large) (let* (($x (digit)) ($w (work 5))) (if (> $x 6) $x (empty))))
         !(case (large) (($z (+ $z 1))))', '[8, 9]'
    ],
    [   'a search beside a table', 1,
        '(= (near 1) 2) (= (near 2) 1) (= (far $x) (near $x)) (= (far $x) (near (far $x)))
         !(tabled! far)
         !(far 1)
         !(collapse (let* (($x (digit)) ($w (work 5))) (if (> $x 6) $x (empty))))', "[()]\n[2, 1]\n[(7 8)]"
    ],
    [   'a search that asks a table', undef,
        '(= (near 1) 2) (= (near 2) 1) (= (far $x) (near $x)) (= (far $x) (near (far $x)))
         !(tabled! far)
         !(collapse (let* (($x (superpose (1 2 1 2))) ($y (far $x))) (if (== $x $y) $x (empty))))
         !(collapse (let* (($f (superpose (far near))) ($x (superpose (1 2))) ($y ($f $x))) $y))',
        "[()]\n[(1 2 1 2)]\n[(2 1 1 2 2 1)]"
    ],
    [   'tuples of variables, behind an import', 1,
        '!(import! &self concurrent)
         (= (pair $k) (let* (($x (digit)) ($y (digit))) (if (== (+ $x $y) $k) ($x $y) (empty))))
         !(count (collapse (pair 9)))',
        "[()]\n[8]"
    ],
    [   'a once that binds what is older', 1,
        '(= (num 1) a) (= (num 2) b) (= (num 3) c)
         !(let $r (once (let $x (num $y) (let $w (work 5) (if (== $x c) $x (empty))))) ($r $y))',
        '[(c 3)]'
    ],
    [   'what a case in a form looks at', 1,
        '!(case (let* (($x (digit)) ($w (work 5))) (if (> $x 6) $x (empty))) (($z (+ $z 1))))', '[8, 9]'
    ],
    [   'results with variables', 1,
        '!(let $p (old $o) (let $r (collapse (let* (($x (digit)) ($w (work 5))) ($x $o $new))) (count $r)))',
        '[8]'
    ],
);

# What it prints, and the counts of all evaluators.
sub counted {
    my ($text) = @_;
    local $ENV{AMBIT_STRESS} = 'handover';
    my $r   = Program::run( argv => [ $ambit, '--tier=1', '-j1', '--stats=json', '-e', $search . $text ] );
    my $all = eval { decode_json( $r->{err} ) } // {};
    return ( $r->{out}, $all->{total} // {} );
}

for my $row (@programs) {
    my ( $name, $shared, $text, $answer ) = @$row;
    my ( $out,  $total ) = counted($text);
    my $given = $total->{given} // -1;
    is( $out, "$answer\n", "$name: the answer" );
    next if !defined $shared;
    is( $total->{begun_again}, 0, "$name: it does not begin again" ) if $shared;
    ok( $shared ? $given > 0 : $given == 0, "$name: " . ( $shared ? 'shared' : 'not shared' ) )
        or diag "handed over: $given";
}

# Why nothing is handed over is counted: by what --stats tells, and a program.
my @kept = (
    [ 'kept_effects', '!(collapse (println! (let* (($x (digit)) ($w (work 5))) $x)))' ],
    [ 'kept_effects', '(= (some) (let* (($x (digit)) ($w (work 5))) $x)) !(collapse (println! (some)))' ],
    [ 'kept_behind', '!(case (digit) ((0 no) ($x (let $y (digit) (work $y)))))' ],
    [ 'kept_tables',  '(= (far $x) $x) (= (far $x) (+ $x 1)) !(tabled! far) !(collapse (far (digit)))' ],
    [ 'kept_single',  '!(work 50)' ],
    [   'kept_binds',
        '(= (num $x) (let* (($x (f a)) ($y (digit)) ($w (work 5))) (if (> $y 5) $y (empty))))
         !(let $r (once (num $z)) ($r $z))'
    ],
    [ 'kept_limits',  '!(import! &self concurrent) !(transaction (collapse (let $x (digit) (work $x))))' ],
    [   'begun_again',
        '(= (may $x) (if (> $x 6) (Error $x big) $x))
         !(collapse (let $y (may (digit)) (let $w (work 5) (+ 1 $y))))'
    ],
);

for my $row (@kept) {
    my ( $why, $text ) = @$row;
    my ( undef, $total ) = counted($text);
    cmp_ok( $total->{$why} // 0, '>', 0, "--stats counts $why" ) or diag explain $total;
}

# What results of a part have in common is copied once: all of these end with one list.
my $words = '(= (mk $n $l) (if (== $n 0) $l (mk (- $n 1) (Cons $n $l))))
             (= (word $n $l) (if (== $n 0) $l (let $b (superpose (0 1)) (word (- $n 1) (Cons $b $l)))))
             !(let $all (collapse (word 14 (mk 300 Nil))) (size-atom $all))';
my $common = Program::run( argv => [ $ambit, '--tier=1', '-j2', '--stats=json', '-e', $words ] );
my $all    = eval { decode_json( $common->{err} ) } // {};
is( $common->{out}, "[16384]\n", 'results with one end: the answer' );
cmp_ok( $all->{total}{given} // 0, '>', 0, '... shared' );
SKIP: {
    skip 'sanitizers take memory of their own', 1 if ( $ENV{AMBIT_SLOW} || 1 ) > 1;
    cmp_ok( $all->{resident_peak_bytes} // 1e12, '<', 40e6, '... in less memory than each by itself' )
        or diag $common->{err};
}

# What streams gives its first result before it has found the second.
my $endless = '(= (from $n) $n) (= (from $n) (from (+ $n 1))) !(once (+ 1 (min (from 3) 9)))';
my $r       = Program::run( argv => [ $ambit, '--tier=1', '-j1', '--steps=100000', '-e', $endless ] );
is( $r->{out}, "[4]\n", 'rules of the library stream' );

done_testing;
