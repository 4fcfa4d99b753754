#!/usr/bin/env perl
# `ambit test` as typed: which files and forms are tests, what fails, recorded answers,
# filters, limits, reports.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use POSIX ();
use Program;
use Test::More;

my $root  = abs_path("$Bin/..");
my $ambit = Program::path();
my $dir   = tempdir( CLEANUP => 1 );
my @words = ( $ambit, "--tier=1" );

# test([WORDS], exit, [LINES of points], what): gives all that was printed
sub test {
    my ( $words, $exit, $points, $what ) = @_;
    my $r = Program::run( argv => [ @words, 'test', @$words ], dir => $dir );
    my @got = grep {/^(?:not )?ok |^1\.\./} split /\n/, $r->{out};
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is( $r->{exit}, $exit, "$what: exit code" ) or diag("$r->{out}$r->{err}");
    is( join( "\n", @got ), join( "\n", @$points ), $what ) if $points;
    return $r->{out} . $r->{err};
}

sub file { Program::write_file( "$dir/$_[0]", $_[1] ); return }

file( 'p/sum_test.metta', <<'END');
(= (sum $x $y) (+ $x $y))
; asserts
!(assertEqual (sum 1 2) 3)
!(assertEqual
   (sum 1   2) ; a remark
   4)
!(sum 1 "b")
!(assertEqualToResult (sum 2 2) (4)) (= (after) 1)
!(after)
END
file( 'p/plain.metta',        "!(+ 1 2)\n" );
file( 'p/asserts.metta',      "!(assertEqual 1 1)\n" );
file( 'p/_part_test.metta',   "!(assertEqual 1 2)\n" );
file( 'p/.h/hidden_test.metta', "!(assertEqual 1 2)\n" );
file( 'p/q/recorded.metta',   "!(println! a#b)\n!(superpose (1 2))\n!(f \$x)\n" );
file( 'p/q/recorded.expected', "a#b\n[()]\n[1, 2]\n[(f \$x)]\n" );
my @all = (
    'ok 1 - asserts.metta:1 (assertEqual 1 1)',
    'ok 2 - q/recorded.metta:1 (println! a\#b)',
    'ok 3 - q/recorded.metta:2 (superpose (1 2))',
    'ok 4 - q/recorded.metta:3 (f $x)',
    'ok 5 - sum_test.metta:3 (assertEqual (sum 1 2) 3)',
    'not ok 6 - sum_test.metta:4 (assertEqual (sum 1 2) 4)',
    'not ok 7 - sum_test.metta:7 (sum 1 "b")',
    'ok 8 - sum_test.metta:8 (assertEqualToResult (sum 2 2) (4))',
    'ok 9 - sum_test.metta:9 (after)',
    '1..9',
);
my $told;
{
    my $before = $dir;
    $dir = "$dir/p";
    $told = test( [], 1, \@all, 'all of a folder' );
    my $one = test( [ '--jobs', '1' ], 1, \@all, 'one after another' );
    $told =~ s/[\d.]+ s$//m;
    $one  =~ s/[\d.]+ s$//m;
    is( $one, $told, 'the same is told' );
    $dir = $before;
}
like( $told, qr/at: sum_test\.metta:4:1\n  message: \|\n    Expected: \[4\]\n    Got: \[3\]\n/, 'what was expected' );
like( $told, qr/message: \|\n    \(Error .*BadArgType/, 'the Error' );
like( $told, qr/^# 9 points in 3 files, 2 failed, /m,   'the sum' );

test( ['p/asserts.metta'], 0, [ 'ok 1 - p/asserts.metta:1 (assertEqual 1 1)', '1..1' ], 'a file' );
test( ['p/plain.metta'], 0, [ 'ok 1 - p/plain.metta:1 (+ 1 2)', '1..1' ], 'a file by its name' );
test( ['p/.h/hidden_test.metta'], 1, undef, 'a hidden one by its name' );
test( [ '--quiet', 'p/sum_test.metta' ], 1,
    [ 'not ok 2 - p/sum_test.metta:4 (assertEqual (sum 1 2) 4)', 'not ok 3 - p/sum_test.metta:7 (sum 1 "b")', '1..5' ],
    '--quiet' );
test( [ '--filter', 'sum 2', 'p' ], 0,
    [ 'ok 1 - p/sum_test.metta:8 (assertEqualToResult (sum 2 2) (4))', '1..1' ], 'points by their text' );
test( [ '--filter', 'q/rec', 'p' ], 0, undef, 'points by their file' );
like( test( ['nowhere'], 3, [], 'a path that is not there' ), qr/cannot read nowhere/, 'that is told' );
mkdir "$dir/empty";
like( test( ['empty'], 1, [], 'a folder without tests' ), qr/there are no tests/, 'that is told, too' );
like( test( ['--jbos=2'], 2, [], 'a wrong option' ), qr/did you mean --jobs/, 'the right one' );

# recorded answers
file( 'r/a.metta', "(= (g) (\$y \$y))\n!(+ 1 0)\n!(g)\n" );
test( [ '--update', 'r/a.metta' ], 0, [ 'ok 1 - r/a.metta:1 answers are recorded', '1..1' ], 'answers are recorded' );
like( Program::slurp("$dir/r/a.expected"), qr/^\[1\]\n\[\(\$y#(\d+) \$y#\1\)\]\n$/, 'as they were printed' );
test( ['r'], 0, undef, 'they are compared' );
my $recorded = Program::slurp("$dir/r/a.expected");
file( 'r/a.expected', $recorded =~ s/#\d+/#77777/gr );
test( ['r'], 0, undef, 'numbers of variables may differ' );
file( 'r/a.expected', $recorded =~ s/#\d+\)/#77777)/r );
test( ['r'], 1, [ 'ok 1 - r/a.metta:2 (+ 1 0)', 'not ok 2 - r/a.metta:3 (g)', '1..2' ],
    'but not which is which' );
file( 'r/a.expected', "[2]\n$recorded" =~ s/^\[1\]\n//mr );
like( test( ['r'], 1, undef, 'another answer' ), qr/expected:\n    \[2\]\n    got:\n    \[1\]\n/, 'both are shown' );
file( 'r/a.expected', "$recorded\[more]\n" );
test( ['r'], 1, undef, 'an answer that is missing' );
test( [ '--update', 'r' ], 0, undef, 'answers are recorded again' );
is( Program::slurp("$dir/r/a.expected") =~ s/#\d+/#/gr, $recorded =~ s/#\d+/#/gr, 'so they are what they were' );
file( 'r/b.metta', "!(f)\n!(+ 1 \"a\")\n!(g)\n" );
test( [ '--update', 'r/b.metta' ], 0, undef, 'a program that ends with an Error' );
is( Program::slurp("$dir/r/b.expected"), "[(f)]\n[(Error (+ 1 \"a\") (BadArgType 2 Number String))]\n", 'ends there' );
file( 'r/c_test.metta', "!(assertEqual 1 1)\n" );
test( [ '--update', 'r/c_test.metta' ], 0, undef, 'assertions are not recorded' );
ok( !-e "$dir/r/c_test.expected", 'nothing is there' );

# what ends or breaks a file
file( 's/a_test.metta', "(= (loop) (loop))\n!(assertEqual 1 1)\n!(loop)\n!(assertEqual 2 2)\n" );
$told = test( [ '--timeout', '1', 's' ], 1,
    [ 'ok 1 - s/a_test.metta:2 (assertEqual 1 1)', 'not ok 2 - s/a_test.metta:3 (loop)', 'ok 3 - s/a_test.metta:4 (assertEqual 2 2)', '1..3' ],
    'a form without an end' );
like( $told, qr/stopped: the time limit of 1 s/, 'the limit is told' );
$told = test( [ '--file-timeout', '1', 's' ], 1, undef, 'a file without an end' );
unlike( $told, qr/assertEqual 2/, 'it is left' );
file( 's/a_test.metta', "; no form\n!(assertEqual 1 1)\n" );
push @words, '--memory=1M';
like( test( ['s'], 1, [ 'not ok 1 - s/a_test.metta:1 the file', '1..1' ], 'no memory to read it' ),
    qr/stopped: the memory limit of 1 MiB/, 'the limit is told' );
pop @words;
file( 's/a_test.metta', "!(assertEqual 1 1)\n!(assertEqual 1 \n" );
$told = test( ['s'], 1,
    [ 'ok 1 - s/a_test.metta:1 (assertEqual 1 1)', 'not ok 2 - s/a_test.metta:2 the file is run to its end', '1..2' ],
    'a file that cannot be read' );
like( $told, qr/^# s\/a_test\.metta:2:2: error: Unexpected end/m, 'with its message' );
file( 's/a_test.metta', "!(assertEqual 1 (superpose ()))\n!(import! &self nowhere)\n!(assertEqual 1 1)\n" );
test( ['s'], 1, undef, 'an assertion without a result' );

# who is ended takes its processes along
file( 't/loop_test.metta', "(= (loop) (loop))\n!(loop)\n" );
my $pid = fork // die "fork: $!";
if ( !$pid ) {
    open STDOUT, '>', '/dev/null';
    exec @words, 'test', "$dir/t" or POSIX::_exit(127);
}
my $child;
Program::wait_until(
    sub {
        open my $in, '<', "/proc/$pid/task/$pid/children" or return 1;
        ($child) = ( <$in> // '' ) =~ /(\d+)/;
        return $child;
    }
);
kill 'TERM', $pid;
waitpid $pid, 0;
SKIP: {
    skip 'the children of a process cannot be told', 1 unless $child;
    ok( Program::wait_until(
            sub {
                open my $in, '<', "/proc/$child/stat" or return 1;
                return ( <$in> // '' ) !~ /\) [^Z]/;
            }
        ),
        'no process is left behind'
    );
}

# modules and reports
file( 'm/shape.metta',      "(= (area \$x) (* \$x \$x))\n" );
file( 'm/shape_test.metta', "!(import! &self shape)\n!(assertEqual (area 3) 9)\n!(assertEqual (area \"<&>\") 9)\n" );
test( [ '--junit', 'junit.xml', 'm' ], 1, undef, 'a module beside its test' );
my $xml = Program::slurp("$dir/junit.xml");
like( $xml, qr/<testsuite name="m\/shape_test\.metta" tests="3" failures="1" /, 'JUnit: the file' );
like( $xml, qr/<testcase classname="m\/shape_test\.metta" name="\(assertEqual \(area 3\) 9\)" line="2" time="[\d.]+"\/>/,
    'JUnit: a point' );
like( $xml, qr/name="\(assertEqual \(area &quot;&lt;&amp;&gt;&quot;\) 9\)".*\n\s*<failure message="[^"<>]+"\/>/, 'JUnit: a failure' );

# coverage
file( 'c/lib.metta', <<'END');
; a comment
(= (area (circle $r)) (* 3 (* $r $r)))
(= (area (square $a)) (* $a $a))
(= (fact 0) 1)
(= (fact $n) (if (> $n 0) (* $n (fact (- $n 1))) (empty)))
(= (pick $x) 1) (= (pick (pair $x $x)) 2)
(= (unused $x) (+ $x 1))
(= (open $x (cons $x $t)) True)
(= (open $x (cons $y $t)) (open $x $t))
(: area (-> Shape Number))
END
file( 'c/lib_test.metta', <<'END');
!(import! &self lib)
!(assertEqual (area (circle 2)) 12)
!(assertEqual (fact 5) 120)
!(assertEqual (pick (pair 1 2)) 1)
!(assertEqualToResult (let $y (open $x (cons 1 (cons 2 nil))) (if (== $y True) $x (empty))) (1 2))
END
file( 'c/other_test.metta', "!(import! &self lib)\n!(assertEqual (area (square 2)) 4)\n" );
sub coverage_of { return join '', map {"$_\n"} ( $_[0] =~ /^#((?:  | \S+: \d+ of ).*)/mg ) }
for my $extra ( [], [ '-j', '2' ], ['--tier=0'] ) {
    @words = ( $ambit, @$extra );
    $told = test( [ '--coverage', '--lcov', 'lcov.info', 'c/lib_test.metta' ], 0, undef, "coverage with [@$extra]" );
    is( coverage_of($told), <<'END', 'what was not taken' );
 c/lib.metta: 6 of 9 rules taken, 66.7 %
   line 3 never tried: (= (area (square $a)) (* $a $a))
   line 6 tried, never taken: (= (pick (pair $x $x)) 2)
   line 7 never tried: (= (unused $x) (+ $x 1))
 all: 6 of 9 rules taken, 66.7 %
END
    my %hits = Program::slurp("$dir/lcov.info") =~ /^DA:(\d+),(\d+)$/mg;
    is( join( ' ', map {"$_=$hits{$_}"} sort { $a <=> $b } keys %hits ), '2=1 3=0 4=1 5=6 6=1 7=0 8=2 9=2',
        'how often each line was taken' );
}
@words = ( $ambit, '--tier=1' );
like( Program::slurp("$dir/lcov.info"), qr/\ATN:\nSF:c\/lib\.metta\nDA:2,1\n.*^LF:8\nLH:6\nend_of_record\n\z/ms, 'the file for lcov' );
like( test( [ '--coverage', 'c' ], 0, undef, 'two files' ), qr/^# c\/lib\.metta: 7 of 9 rules taken/m, 'are added up' );
file( 'e/often_test.metta', join '', map {"(= (often $_) yes)\n!(assertEqual (often $_) yes)\n"} 1 .. 30 );
like( test( [ '--coverage', 'e' ], 0, undef, 'rules that come between calls' ), qr/30 of 30 rules taken/, 'are counted' );
file( 'e/often_test.metta', join( '', map {"(= (many (\$x $_)) yes)\n"} 1 .. 2500 ) . "!(assertEqual (many (1 2)) yes)\n" );
like( test( [ '--coverage', 'e' ], 0, undef, 'more rules than are lowered' ), qr/0 of 0 rules taken; 2500 not counted/, 'are told apart' );

# the program's own
for my $tier ( Program::tiers() ) {
    @words = ( $ambit, "--tier=$tier" );
    test( [ '--quiet', "$root/examples/queens.metta", "$root/examples/zebra.metta" ], 0, ['1..4'], "examples, tier $tier" );
}
done_testing;
