#!/usr/bin/env perl
# What `ambit trace` tells of calls, in order; which calls; stepping through them at a
# terminal, from a breakpoint and at the prompt. AMBIT names the program.
use strict;
use warnings;
use File::Temp qw(tempdir);
use FindBin qw($Bin);
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

sub why {
    my ($form) = @_;
    Program::write_file( "$dir/p.metta", "$rules(parent Tom Bob) (parent Bob Ann) (parent Bob Pat)\n"
            . "(= (anc \$x \$y) (match &self (parent \$x \$y) yes))\n"
            . "(= (anc \$x \$z) (match &self (parent \$x \$y) (anc \$y \$z)))\n$form\n" );
    my $run = Program::run( argv => [ $ambit, 'why', "$dir/p.metta" ] );
    $run->{err} =~ s/ModuleSpace\S+/&self/g;
    return $run;
}

$r = why('!(anc Tom Ann)');
is( $r->{out}, "[yes]\n", 'why: results are those of a run' );
is( $r->{err}, <<'END', 'an answer, the rules and facts it rests on, and nothing that was tried in vain' );
yes because
  (anc Tom Ann) = yes
    rule (= (anc $x $z) (match &self (parent $x $y) (anc $y $z)))
    fact (parent Tom Bob)
    (anc Bob Ann) = yes
      rule (= (anc $x $y) (match &self (parent $x $y) yes))
      fact (parent Bob Ann)
END
is( why('!((par) (none-such))')->{err}, <<'END', 'each answer by itself' );
(1 (none-such)) because
  (par) = 1
    rule (= (par) 1)
(2 (none-such)) because
  (par) = 2
    rule (= (par) 2)
END
is( why('!(wrong 1)')->{err} =~ /\A\(Error 1 no\) because\n  \(wrong 1\) = \(Error 1 no\)\n    rule / ? 1 : 0,
    1, 'an Error has its reasons, too' );
is( why('!(+ 1 2)')->{err}, "3 without a rule of the program\n", 'nothing but the library' );
is( why('!(none)')->{err}, '', 'no answer' );
is( ( () = why('!(loop 2000)')->{err} =~ /= done$/mg ), 2001, 'a tree of any depth' );

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
like( $t->wait_for(qr/\n> /), qr/\n1 because\n  \(first\) = 1\n/, ':why' );
$t->type(":trace (pick 2)\r");
$t->wait_for(qr/abort --/);
$t->type('b');
$t->wait_for(qr/abort --/);
$t->type('a');
like( $t->wait_for(qr/\n> /), qr/interrupted/, 'a aborts' );
$t->type("!(fact 3)\r");
is( ( $t->wait_for(qr/\n> /) // '' ) =~ /\n\[6\]\n/ ? 1 : 0, 1, 'and the state survives, without a trace' );
$t->type("\cD");
$t->status;

done_testing();
