#!/usr/bin/env perl
# What `ambit trace` tells of calls, in order; which calls; stepping through them at a
# terminal, from a breakpoint and at the prompt; what `ambit why` and `ambit why-not` say of
# answers. AMBIT names the program.
use strict;
use warnings;
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use JSON::PP;
use lib "$FindBin::Bin/lib";
use Program;
use Pty;
use Test::More;

my $ambit = Program::path();
my $dir   = tempdir( CLEANUP => 1 );
my $rules = <<'END';
(= (fact $n) (if (== $n 0) 1 (* $n (fact (- $n 1)))))
(= (par) 1)
(= (par) 2)
(= (pick $x) (let $y (par) (if (== $y $x) (found $y) (empty))))
(= (none) (empty))
(= (both) ((par) (none)))
(= (wrong $x) (Error $x no))
(= (first) (once (par)))
(= (loop $n) (if (== $n 0) done (loop (- $n 1))))
END

sub trace {
    my ( $form, @options ) = @_;
    Program::write_file( "$dir/p.metta", "$rules$form\n" );
    return Program::run( argv => [ $ambit, 'trace', @options, "$dir/p.metta" ] );
}

sub told { return trace(@_)->{err} }

# ---- ports ----------------------------------------------------------------------

my $r = trace('!(fact 2)');
is( $r->{out}, "[2]\n", 'results are those of a run' );
is( $r->{err}, <<'END', 'calls and exits, nested' );
call  1: (fact 2)
  call  2: (fact 1)
    call  3: (fact 0)
    exit  3: (fact 0) = 1
  exit  2: (fact 1) = 1
exit  1: (fact 2) = 2
END
is( told('!(pick 2)'), <<'END', 'another value is a retry' );
call  1: (pick 2)
  call  2: (par)
  exit  2: (par) = 1
  retry 2: (par)
  exit  2: (par) = 2
exit  1: (pick 2) = (found 2)
END
is( told('!(pick 3)'), <<'END', 'a call with no value fails' );
call  1: (pick 3)
  call  2: (par)
  exit  2: (par) = 1
  retry 2: (par)
  exit  2: (par) = 2
fail  1: (pick 3)
END
is( told('!(both)'), <<'END', 'so does one around it' );
call  1: (both)
  call  2: (par)
  exit  2: (par) = 1
  retry 2: (par)
  exit  2: (par) = 2
  call  3: (none)
  fail  3: (none)
  call  4: (none)
  fail  4: (none)
fail  1: (both)
END
like( told('!(wrong 1)'), qr/^call  1: \(wrong 1\)\nerror 1: \(wrong 1\) = \(Error 1 no\)\n/, 'an Error is told' );
is( told('!(let $x (both) 1)'), told('!(both)'), 'what is an argument is called in the same way' );
unlike( told('!(first)'), qr/retry|fail/, 'what is cut off is not told of' );
like( told('!(unknown (par))'), qr/^call  1: \(par\)\n.*= 2\n\z/s, 'data is no call' );

# ---- which calls ----------------------------------------------------------------

is( told( '!(both)', '--only', 'none' ), <<'END', '--only' );
call  1: (none)
fail  1: (none)
call  2: (none)
fail  2: (none)
END
is( told( '!(fact 2)', '--trace-depth', 1 ), "call  1: (fact 2)\nexit  1: (fact 2) = 2\n", '--trace-depth' );
like( told( '!(fact 0)', '--trace-all' ), qr/^call  1: \(fact 0\)\n  call  2: \(== 0 0\)\n  exit  2: \(== 0 0\) = True\n/,
    '--trace-all has operations' );
is( told( '!(fact 2)', '--only', '*' ) =~ /call  1: \(\* 1 1\)/ ? 1 : 0, 1, '--only of an operation' );
is( told( '!(loop 3)', '--break', 'loop' ) =~ /call  1: \(loop 3\)\n/ ? 1 : 0, 1, 'a break where nobody can be asked goes on' );
my $long = '(' . 'x ' x 500 . ')';
like( told("!(wrong $long)"), qr/^call  1: \(wrong \(x x [x ]*\.\.\.\n/, 'long atoms are cut' );
ok( length( ( split /\n/, told("!(wrong $long)") )[1] ) < 300, 'in values, too' );
my $deep = told('!(loop 3000)');
is( ( () = $deep =~ /^ *call/mg ),  3001, 'thousands of calls' );
is( ( () = $deep =~ /^ *exit/mg ),  3001, 'and exits' );
like( trace( '!(loop 100)', '--steps', 200 )->{err}, qr/^call  1.*stopped: /s, 'a limit stops what is traced' );
$r = Program::run( argv => [ $ambit, '--only', 'x', "$dir/p.metta" ] );
is( $r->{exit}, 2, 'options of trace are for trace' );

# ---- why --------------------------------------------------------------------------

# What a program behind the rules tells, with a command; rules begin on line 10.
sub tells {
    my ( $form, @words ) = @_;
    Program::write_file( "$dir/p.metta", "$rules(parent Tom Bob) (parent Bob Ann) (parent Bob Pat)\n"
            . "(= (anc \$x \$y) (match &self (parent \$x \$y) yes))\n"
            . "(= (anc \$x \$z) (match &self (parent \$x \$y) (anc \$y \$z)))\n"
            . "(= (same \$x \$x) yes)\n(= (same (S \$x) (S \$y)) no)\n$form\n" );
    return Program::run( argv => [ $ambit, @words, 'p.metta' ], dir => $dir );
}

sub why { return tells( @_, 'why' ) }

$r = why('!(anc Tom Ann)');
is( $r->{out}, "[yes]\n", 'why: results are those of a run' );
is( $r->{err}, <<'END', 'an answer, the rules and facts it rests on with their places, and nothing that was tried in vain' );
yes because
  (anc Tom Ann) = yes
    rule p.metta:12:1: (= (anc $x $z) (match &self (parent $x $y) (anc $y $z)))
      where $x = Tom, $z = Ann
    fact p.metta:10:1: (parent Tom Bob)
    (anc Bob Ann) = yes
      rule p.metta:11:1: (= (anc $x $y) (match &self (parent $x $y) yes))
        where $x = Bob, $y = Ann
      fact p.metta:10:18: (parent Bob Ann)
END
is( why('!((par) (none-such))')->{err}, <<'END', 'each answer by itself' );
(1 (none-such)) because
  (par) = 1
    rule p.metta:2:1: (= (par) 1)
(2 (none-such)) because
  (par) = 2
    rule p.metta:3:1: (= (par) 2)
END
is( why('!(wrong 1)')->{err} =~ /\A\(Error 1 no\) because\n  \(wrong 1\) = \(Error 1 no\)\n    rule / ? 1 : 0,
    1, 'an Error has its reasons, too' );
is( why('!(+ 1 2)')->{err}, "3 without a rule of the program\n", 'nothing but the library' );
is( why('!(none)')->{err}, '', 'no answer' );
is( ( () = why('!(loop 2000)')->{err} =~ /= done$/mg ), 2001, 'a tree of any depth' );
is( why("!(add-atom &self (= (late) 1))\n!(late)")->{err} =~ /\n    rule \(= \(late\) 1\)\n/ ? 1 : 0, 1, 'what the program adds has no place' );
is( why("!(remove-atom &self (parent Bob Ann))\n!(add-atom &self (parent Bob Ann))\n!(anc Bob Ann)")->{err} =~ /\n    fact \(parent Bob Ann\)\n\z/ ? 1 : 0,
    1, 'nor what came back' );
Program::write_file( "$dir/m.metta", "; a module\n  (= (there \$x) (+ \$x 1))\n" );
is( why("!(import! &self m)\n!(there 1)")->{err} =~ m{\n    rule \S*m\.metta:2:3: \(= \(there } ? 1 : 0, 1, 'a rule of a module' );

sub json_of {
    my ( $run, $kind ) = @_;
    my ($line) = grep {/"kind":"$kind"/} split /\n/, $run->{err};
    return JSON::PP->new->utf8->decode( $line // '{}' );
}
my $because = json_of( tells( '!(anc Tom Bob)', 'why', '--format=json' ), 'why' );
is( $because->{about}, 'yes', 'as JSON: the answer' );
is( join( ' ', map {"$_->{depth}$_->{step}"} @{ $because->{steps} } ), '1call 2rule 2fact', 'and its steps' );
is_deeply(
    $because->{steps}[1],
    {   depth    => 2,
        step     => 'rule',
        text     => '(= (anc $x $y) (match &self (parent $x $y) yes))',
        file     => 'p.metta',
        line     => 11,
        column   => 1,
        bindings => { '$x' => 'Tom', '$y' => 'Bob' }
    },
    'a rule with place and bindings'
);

# ---- why not ----------------------------------------------------------------------

sub why_not { return tells( $_[0], 'why-not', @_[ 1 .. $#_ ] )->{err} }

$r = tells( '!(anc Bob Tom)', 'why-not' );
is( $r->{out}, "[]\n", 'why-not: results are those of a run' );
is( $r->{err}, <<'END', 'each rule that was tried, and what it came to' );
(anc Bob Tom) has no answer because
  (anc Bob Tom) has no value
    rule p.metta:11:1: (= (anc $x $y) (match &self (parent $x $y) yes))
      where $x = Bob, $y = Tom
      (match &self (parent Bob Tom) yes): nothing is found; the nearest is (parent Bob Ann) at p.metta:10:18, whose argument 2 is Ann, and not Tom
    rule p.metta:12:1: (= (anc $x $z) (match &self (parent $x $y) (anc $y $z)))
      where $x = Bob, $z = Tom
      fact p.metta:10:18: (parent Bob Ann)
        (anc Ann Tom) has no value
          rule p.metta:11:1: (= (anc $x $y) (match &self (parent $x $y) yes))
            where $x = Ann, $y = Tom
            (match &self (parent Ann Tom) yes): nothing is found; the nearest is (parent Tom Bob) at p.metta:10:1, whose argument 1 is Tom, and not Ann
          rule p.metta:12:1: (= (anc $x $z) (match &self (parent $x $y) (anc $y $z)))
            where $x = Ann, $z = Tom
            (match &self (parent Ann $y#1) (anc $y#1 Tom)): nothing is found; the nearest is (parent Tom Bob) at p.metta:10:1, whose argument 1 is Tom, and not Ann
      fact p.metta:10:35: (parent Bob Pat)
        (anc Pat Tom) has no value
          rule p.metta:11:1: (= (anc $x $y) (match &self (parent $x $y) yes))
            where $x = Pat, $y = Tom
            (match &self (parent Pat Tom) yes): nothing is found; the nearest is (parent Tom Bob) at p.metta:10:1, whose argument 1 is Tom, and not Pat
          rule p.metta:12:1: (= (anc $x $z) (match &self (parent $x $y) (anc $y $z)))
            where $x = Pat, $z = Tom
            (match &self (parent Pat $y#1) (anc $y#1 Tom)): nothing is found; the nearest is (parent Tom Bob) at p.metta:10:1, whose argument 1 is Tom, and not Pat
END
is( why_not('!(pick 3)'), <<'END', 'conditions, for each value behind which they were asked' );
(pick 3) has no answer because
  (pick 3) has no value
    rule p.metta:4:1: (= (pick $x) (let $y (par) (if (== $y $x) (found $y) (empty))))
      where $x = 3
      (par) = 1
        (== 1 3) = False
        (empty): it gives nothing
      (par) = 2
        (== 2 3) = False
        (empty): it gives nothing
END
is( why_not('!(same (S a) (S (T b)))'), <<'END', 'where heads do not fit' );
(same (S a) (S (T b))) has 1 answer; in vain was
  rule p.metta:13:1: (= (same $x $x) yes) does not fit: argument 2 has a, and not (T b)
END
is( why_not('!(same a b)'), <<'END', 'and what comes back for that' );
(same a b) has 1 answer; in vain was
  (same a b) comes back as it is
    rule p.metta:13:1: (= (same $x $x) yes) does not fit: argument 2 is a, and not b
    rule p.metta:14:1: (= (same (S $x) (S $y)) no) does not fit: argument 1 is (S $x#1), and not a
END
is( why_not('!(both)'), <<'END', 'a part that has no value; what was told is not told again' );
(both) has no answer because
  (both) has no value
    rule p.metta:6:1: (= (both) ((par) (none)))
      (par) = 1
        (none) has no value
          rule p.metta:5:1: (= (none) (empty))
            (empty): it gives nothing
      (par) = 2
        (none) is told above
END
is( why_not( '!(par)', '--answer', '3' ), <<'END', 'an answer that is missing' );
(par) has 2 answers, and not 3 because
  (par) = 1
    1 is another answer
  (par) = 2
    2 is another answer
END
is( why_not( '!(par)', '--answer', '2' ), <<'END', 'one that is not' );
(par) has 2 answers; in vain was
  (par) = 1
    1 is another answer
END
is( why_not('!(par)'), "(par) has 2 answers, and nothing was in vain\n", 'nothing is missing' );
like( why_not('!(superpose ((wrong 1) 5))'), qr/ has 1 answer; in vain was\n  \(wrong 1\) = \(Error 1 no\)\n\z/, 'an Error beside an answer' );
like( why_not('!(match &self (, (parent Tom $x) (parent $x $y) (parent $y $z)) $z)'),
    qr/: nothing is \(parent Ann \$z\); the nearest is \(parent Tom Bob\)/, 'the goal of a query that has no fact' );
like( why_not('!(match &self (parnet $x $y) $x)'), qr/: nothing is found; nothing that begins with parnet and has 3 items is there$/m, 'no such fact at all' );
like( why_not('!(let (a $x) (b c) $x)'), qr/^  \(b c\): it does not fit \(a \$x\); it has b, and not a$/m, 'a pattern that does not fit' );
like( why_not('!(case (par) ((7 seven)))'), qr/^ +\(case \(par\) \(\(7 seven\)\)\): no case fits$/m, 'no case' );
like( why_not('!(fact 1 2)'), qr/^  fact: no rule is for it with 2 arguments$/m, 'a wrong number of arguments' );
Program::write_file( "$dir/forms.metta", "(= (late) 1)\n!(late)\n!(superpose ())\n" );
like( why_not('!(let $x (par) (let $y (import! &self forms) (empty)))'),
    qr/\A\(let [^\n]* has no answer because\n.*\(superpose \(\)\): it gives nothing\n\z/s, 'forms of a module are part of the one that waits for it' );
my $cut = why_not( '!(anc Bob Tom)', '--trace-depth', 1 );
like( $cut, qr/\(anc Ann Tom\) has no value\n(?! {10}).*\.\.\. deeper calls: --trace-depth N tells them\n\z/s, 'no deeper than is wanted' );
like( why_not('(= (many) (superpose (1 2 3 4 5 6 7 8 9 10))) !(let $x ((many) (many) (many)) (empty))'),
    qr/\n  \.\.\. and \d+ more steps\n\z/, 'nor longer than can be read' );
my $steps = json_of( tells( '!(pick 3)', 'why-not', '--format=json' ), 'why-not' );
is( $steps->{about}, '(pick 3)', 'as JSON: the form' );
is( join( ' ', map {"$_->{depth}$_->{step}"} @{ $steps->{steps} } ),
    '1nothing 2rule 3call 4call 4reason 3call 4call 4reason', 'and its steps' );
like( tells( '!(loop 100)', 'why-not', '--steps', 200 )->{err}, qr/^\(loop 100\) has no answer.*stopped: /s, 'a limit stops it' );
$r = Program::run( argv => [ $ambit, '--answer', 'x', "$dir/p.metta" ] );
is( $r->{exit}, 2, 'options of why-not are for why-not' );

# ---- step by step -----------------------------------------------------------------

Program::write_file( "$dir/p.metta", "$rules!(pick 2)\n!(fact 3)\n" );
my $t = Pty->start( argv => [ $ambit, 'trace', '--break', 'fact', "$dir/p.metta" ] );
my $shown = $t->wait_for(qr/abort --/);
like( $shown, qr/^\[\(found 2\)\]\s+call  \d+: \(fact 3\)\n-- space/, 'it leaps to the breakpoint' );
$t->type("\n");
like( $t->wait_for(qr/abort --/), qr/  call  \d+: \(fact 2\)\n/, 'enter is a step' );
$t->type("a\n");
isnt( $t->status, 0, 'a aborts' );

$t = Pty->start(
    argv => [ $ambit, 'repl', "$dir/p.metta" ],
    env  => { HOME => $dir, XDG_STATE_HOME => "$dir/state" }
);
$t->wait_for(qr/\n> /);
$t->type(":trace (fact 3)\r");
like( $t->wait_for(qr/abort --/), qr/\ncall  1: \(fact 3\)\n/, ':trace stops at the first call' );
$t->type(' ');
like( $t->wait_for(qr/abort --/), qr/  call  2: \(fact 2\)\n/, 'space is a step' );
$t->type('s');
like( $t->wait_for(qr/abort --/), qr/\A[^\n]*\r?  exit  2: \(fact 2\) = 2\n/, 's skips what a call does' );
$t->type('l');
like( $t->wait_for(qr/\n> /), qr/\[6\]\n/, 'l leaps to the end' );
$t->type(":why (first)\r");
like( $t->wait_for(qr/\n> /), qr/\n1 because\n  \(first\) = 1\n    rule \S*p\.metta:8:1: /, ':why' );
$t->type(":why-not (pick 3)\r");
like( $t->wait_for(qr/\n> /), qr/\n\(pick 3\) has no answer because\n.*\(== 2 3\) = False\n/s, ':why-not of a form' );
$t->type(":why-not (par) 3\r");
like( $t->wait_for(qr/\n> /), qr/\n\(par\) has 2 answers, and not 3 because\n/, 'and of an answer' );
$t->type(":trace (fact 3)\r");
$t->wait_for(qr/abort --/);
$t->type('b');
$t->wait_for(qr/abort --/);
$t->type('l');
like( $t->wait_for(qr/abort --/), qr/\A[^\n]*\r?  call  2: \(fact 2\)\n/, 'b sets a breakpoint, to which l leaps' );
$t->type('s');
like( $t->wait_for(qr/abort --/), qr/\A[^\n]*\r?  exit  2: /, 's goes to the end of a call that has breakpoints in it' );
$t->type('l');
$t->wait_for(qr/\n> /);
$t->type(":trace (pick 2)\r");
$t->wait_for(qr/abort --/);
$t->type(' ');
$t->wait_for(qr/call  2: \(par\).*abort --/s);
$t->type('s');
like( $t->wait_for(qr/abort --/), qr/exit  2: \(par\) = 1\n/, 'values of a call' );
$t->type(' ');
like( $t->wait_for(qr/abort --/), qr/retry 2: \(par\)\n/, 'retries' );
$t->type('l');
like( $t->wait_for(qr/\n> /), qr/\[\(found 2\)\]\n/, 'and on to the end' );
$t->type(":trace (wrong 1)\r");
$t->wait_for(qr/abort --/);
$t->type(' ');
like( $t->wait_for(qr/abort --/), qr/error 1: \(wrong 1\) = \(Error 1 no\)\n/, 'Errors' );
$t->type(' ');
$t->wait_for(qr/\n> /);
$t->type(":trace (none)\r");
$t->wait_for(qr/abort --/);
$t->type(' ');
like( $t->wait_for(qr/abort --/), qr/fail  1: \(none\)\n/, 'and fails are stepped to' );
$t->type('a');
like( $t->wait_for(qr/\n> /), qr/interrupted/, 'a aborts' );
$t->type("!(fact 3)\r");
is( ( $t->wait_for(qr/\n> /) // '' ) =~ /\n\[6\]\n/ ? 1 : 0, 1, 'and the state survives, without a trace' );
$t->type("\cD");
$t->status;

done_testing();
