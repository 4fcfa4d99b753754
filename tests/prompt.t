#!/usr/bin/env perl
# The prompt at a real terminal, a pseudo-terminal driven as a person would: editing,
# history, completion, pages, interrupts, sizes, pastes; and behind a pipe.
# AMBIT names the program.
use strict;
use warnings;
use utf8;
use Encode qw(encode);
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use JSON::PP;
use lib "$FindBin::Bin/lib";
use Program;
use Pty;
use Test::More;

my $ambit = Program::path();
my $dir   = tempdir( CLEANUP => 1 );
my $UP    = "\e[A";

Program::write_file( "$dir/nat.metta", <<'END');
(= (nat) Z)
(= (nat) (S (nat)))
(= (loop $n) (if (== $n -1) done (loop (+ $n 1))))
(= (num) 7)
(= (count $n) (superpose ($n (count (+ $n 1)))))
END

# Whether the editor is there: without libedit lines are read as they come.
sub start {
    my (%how) = @_;
    $how{env} = { HOME => $dir, XDG_STATE_HOME => "$dir/state", %{ $how{env} || {} } };
    return Pty->start( dir => $dir, %how, argv => [ $ambit, @{ $how{words} || [] } ] );
}

# The prompt stands at the beginning of a line, and nothing behind it.
sub at_prompt {
    my ($t) = @_;
    my $shown = $t->wait_for(qr/\n> /);
    fail( 'there is a prompt in line ' . (caller)[2] ) unless defined $shown;
    return $shown;
}

# Types a line; what is shown behind its echo, up to the next prompt.
sub enter {
    my ( $t, $line ) = @_;
    $t->type("$line\r");
    my $shown = at_prompt($t);
    return '(nothing)' unless defined $shown;
    $shown =~ s/^.*?\n//s;
    $shown =~ s/(?:\n|\r)*> \z//;
    return $shown;
}

# ---- evaluating -----------------------------------------------------------------

my $t = start();
like( $t->wait_for(qr/leaves/), qr/^Ambit \d/, 'it says who it is, with no file on a terminal' );
at_prompt($t);
is( enter( $t, '!(+ 1 2)' ),           '[3]',  'a form is evaluated' );
is( enter( $t, '(= (par a) b)' ),      '',     'an atom is added' );
is( enter( $t, '!(par a)' ),           '[b]',  'and is there' );
is( enter( $t, '!(superpose (1 2))' ), '[1, 2]', 'several answers' );
is( enter( $t, '!(superpose ())' ),    '[]',   'no answer' );
is( enter( $t, '!(println! "said")' ), "said\n[()]", 'what the program writes' );
is( enter( $t, '' ),                   '',     'an empty line' );
is( enter( $t, '; nothing' ),          '',     'a comment' );
is( enter( $t, '!(+ 1 2) (c d) !(match &self (c $x) $x)' ), "[3]\n[d]", 'several on a line' );
is( enter( $t, '!(error-here)) (x)' ), "[(error-here)]\nprompt:1:14: error: Unexpected right bracket\n"
        . "  !(error-here)) (x)\n               ^", 'a bracket too many is told with its place' );
is( enter( $t, '!(/ 1 0)' ), '[(Error (/ 1 0) DivisionByZero)]', 'an error is an answer' );
is( enter( $t, '!(par a)' ), '[b]', 'and the state survives it' );
enter( $t, '(= (mixed) (Error h one)) (= (mixed) 2) (= (mixed) (Error h three))' );
is( enter( $t, '!(mixed)' ), '[2]', 'errors beside another answer are dropped' );
enter( $t, '(= (bad) (Error h one)) (= (bad) (Error h three))' );
is( enter( $t, '!(bad)' ), '[(Error h one), (Error h three)]', 'errors alone are not' );
enter( $t, '(= (third $x) (+ 1 (/ 3 $x))) (= (twice $x) (* 2 (third $x)))' );
is( enter( $t, '!(twice 0)' ), "[(Error (/ 3 0) DivisionByZero)]\n  calls, the innermost first:\n    (+ 1 (/ 3 0))\n    (twice 0)",
    'the calls that an Error comes from' );
enter( $t, '(= (say $x) (let $y (println! $x) $x))' );
is( enter( $t, '!(say (superpose (1 2)))' ), "1\n[1,\n2\n 2]", 'what is written between two answers' );

$t->type("(= (two)\r");
ok( defined $t->wait_for(qr/\n\| /), 'an open bracket is told by another prompt' );
$t->type("  2)\r");
ok( defined at_prompt($t), 'until it is closed' );
is( enter( $t, '!(two)' ), '[2]', 'lines are one input' );
$t->type("!\r");
ok( defined $t->wait_for(qr/\n\| /), 'a ! waits for its atom' );
is( enter( $t, '(two)' ), '[2]', 'on the next line' );
$t->type("!(id \"a\r");
$t->wait_for(qr/\n\| /);
is( enter( $t, 'b")' ), '["a\nb"]', 'a string may have several lines' );

# ---- hints ----------------------------------------------------------------------

is( enter( $t, '(= (colour red) 1)' ), '', 'a function' );
like( enter( $t, '!(colvur red)' ), qr/\[\(colvur red\)\]\nnote: colvur is not known here; did you mean colour\?/,
    'a misspelt name' );
is( enter( $t, '!(zzz 1)' ), '[(zzz 1)]', 'a name like no other' );
like( enter( $t, ':hlep' ), qr/there is no command :hlep; did you mean :help\?/, 'a misspelt command' );
like( enter( $t, ':doc car-atm' ), qr/did you mean car-atom\?/, 'a misspelt name in :doc' );

# ---- commands -------------------------------------------------------------------

like( enter( $t, ':help' ), qr/:load FILE .*:quit/s, ':help' );
like( enter( $t, ':help time' ), qr/^  :time FORM +\S/, ':help of one' );
is( enter( $t, ':type 1' ), '[Number]', ':type' );
is( enter( $t, ":type $_" ), ':type takes ATOM: the types of an atom', ":type $_" ) for ')', 'a) (b', '1 2';
is( enter( $t, ':doc )' ), ':doc takes NAME: the documentation of a name', ':doc of what is no name' );
like( enter( $t, ':doc car-atom' ), qr/^corelib\n\n +car-atom\n.* gives .*!\(car-atom \(a b c\)\) +; \[a\]/s, ':doc' );
enter( $t, '(@doc my-own (@desc "What is mine") (@params ()) (@return "nothing"))' );
like( enter( $t, ':doc my-own' ), qr/What is mine/, ':doc of what the program documents' );
like( enter( $t, ':time (+ 1 2)' ), qr/^\[3\]\n[\d.]+ s, \d+ steps\z/, ':time' );
like( enter( $t, ':time !(+ 1 2)' ), qr/^\[3\]\n/, ':time of a form with its !' );
like( enter( $t, ':spaces' ), qr/&self +\d+ atoms\n/, ':spaces' );
is( enter( $t, '!(bind! &kb (new-space))' ), '[()]', 'a space with a name' );
like( enter( $t, ':spaces' ), qr/\n  &kb +0 atoms\n/, 'is among them' );
like( enter( $t, ':stats' ), qr/evaluation steps +\d+/, ':stats' );
like( enter( $t, ':limit' ), qr/answers +off\n.*memory +\d+ bytes/s, ':limit' );
is( enter( $t, ':limit steps 2000' ), '', ':limit sets' );
is( enter( $t, ":load $dir/nat.metta" ), '', ':load' );
like( enter( $t, '!(loop 0)' ), qr/^stopped: the limit of 2000 steps/, 'a limit stops a form' );
like( enter( $t, '!(+ 1 (loop 0))' ), qr/^stopped: [^\n]*\n  calls, the innermost first:\n    \(loop [_\d]+\)\z/, 'and the calls are told' );
is( enter( $t, ':limit steps off' ), '', 'and is lifted' );
like( enter( $t, ':limit steps x' ), qr/a whole number or off is expected/, 'a wrong limit' );
is( enter( $t, ':limit answers 3' ), '', 'a limit of answers' );
is( enter( $t, '!(nat)' ), '[Z, (S Z), (S (S Z))]', 'holds, for what has no end' );
is( enter( $t, ':limit answers off' ), '', 'and is lifted' );
like( enter( $t, ':limit memory 1k' ) . enter( $t, '!(two)' ), qr/^stopped: the memory limit of 1 KiB/, 'a limit that nothing keeps' );
is( enter( $t, ':limit memory off' ) . enter( $t, '!(two)' ), '[2]', 'does not keep anybody from lifting it' );
like( enter( $t, ':set' ), qr/hints +on /, ':set' );
is( enter( $t, ':set hints off' ), '', ':set changes' );
is( enter( $t, '!(colvur red)' ), '[(colvur red)]', 'what it names' );
like( enter( $t, ':set what on' ), qr/takes one of these names/, 'no such setting' );
like( enter( $t, ':load nowhere.metta' ), qr/cannot read nowhere\.metta: No such file/, 'a file that is not there' );
is( enter( $t, '!(two)' ), '[2]', 'all that leaves the state' );
is( enter( $t, ':reload' ), '', ':reload' );
is( enter( $t, '!(two)' ), '[(two)]', 'forgets what was typed' );
is( enter( $t, '!(num)' ), '[7]', 'and has the files' );
like( enter( $t, ':quit now' ), qr/takes no argument/, 'a word too many' );
$t->type(":quit\r");
is( $t->status, 0, ':quit leaves' );

# ---- history ----------------------------------------------------------------------

my $history = "$dir/state/ambit/history";
ok( -e $history, 'there is a history' );
is( ( stat $history )[2] & 0777, 0600, 'which is for its owner alone' );
$t = start();
at_prompt($t);
$t->type( $UP . $UP );
ok( defined $t->wait_row(qr/^> :quit now$/), 'the line before the last of an earlier run' );
$t->type("\cU(= (early) 1)\r");
at_prompt($t);
$t->type("(= (lines)\r");
$t->wait_for(qr/\n\| /);
$t->type("  1)\r");
at_prompt($t);
enter( $t, '!(early)' );
$t->type( $UP . $UP );
ok( defined $t->wait_row(qr/^  1\)$/), 'several lines come back as one entry' );
$t->type("\r");
at_prompt($t);
is( enter( $t, '!(lines)' ), '[1, 1]', 'and are entered again' );
$t->type("\cRearly");
ok( defined $t->wait_for(qr/y\r?> !\(/), 'Ctrl-R searches' );
$t->type("\e\r");
ok( defined $t->wait_for(qr/\n\[1\]\n> /), 'what is searched for is found' );
$t->type("\cD");
is( $t->status, 0, 'Ctrl-D leaves' );

# ---- completion and brackets ---------------------------------------------------------

$t = start( words => [ 'repl', 'nat.metta' ] );
at_prompt($t);
is( enter( $t, '(= (parent-of $x) $x)' ), '', 'a function' );
$t->type("!(paren\t");
ok( defined $t->wait_row(qr/^> !\(parent-of $/), 'its name is completed' );
is( enter( $t, '7)' ), '[7]', 'to what it is' );
$t->type("!(lo\t");
ok( defined $t->wait_for(qr/log-math +loop/), 'several candidates are shown' );
$t->type("\cC");
at_prompt($t);
$t->type(":lo\tna\t");
ok( defined $t->wait_row(qr/^> :load nat\.metta $/), 'commands and files are completed' );
$t->type("\cC");
at_prompt($t);
$t->type("(= (f \$number) \$n\t");
ok( defined $t->wait_row(qr/\$number $/), 'variables of the same input' );
$t->type("\cC");
at_prompt($t);
$t->type('(abc (d e');
$t->wait_row(qr/d e$/);
$t->type(')');
my $column = 0;
$t->wait_until( sub { return ( $column = $t->{at} ) == 7 ? 1 : undef } );
is( $column, 7, 'the cursor shows the bracket that is closed' );
$t->type('f');
ok( defined $t->wait_row(qr/^> \(abc \(d e\)f$/), 'and comes back' );
$t->type("\cC");
at_prompt($t);
$t->type("(= (far \$x)\r");
$t->wait_for(qr/\n\| /);
$t->type('$x)');
ok( defined $t->wait_row(qr/^\| \$x\) +\(= \(far/), 'one on another line is told' );
$t->type("\r");
at_prompt($t);

# ---- interrupts ------------------------------------------------------------------------

$t->type('(a line');
$t->wait_for(qr/line/);
$t->type("\cC");
ok( defined at_prompt($t), 'Ctrl-C drops the line' );
$t->type("!(loop 0)\r");
ok( defined $t->wait_for(qr/  \d+\.\d s, [\d.]+ \w*\s?steps, [\d.]+ \w*\s?a second/), 'what takes long tells how far it is' );
$t->type("\cC");
my $shown = at_prompt($t);
like( $shown, qr/interrupted/, 'Ctrl-C stops what runs' );
like( $t->{all}, qr/ a second\S*\e\[\d+D\e\[K(?:\e\[2m)?interrupted/, 'and that line goes' );
is( enter( $t, '!(parent-of 1)' ), '[1]', 'and the state survives' );
$t->type("\cC");
at_prompt($t);
$t->type("\cC");
ok( defined $t->wait_for(qr/Leave ambit\? \(y\/n\) /), 'Ctrl-C twice on an empty line asks' );
$t->type('n');
at_prompt($t);
$t->type("\cC");
at_prompt($t);
$t->type("\cC");
$t->wait_for(qr/\(y\/n\) /);
$t->type('y');
is( $t->status, 0, 'and leaves' );

# ---- pages ------------------------------------------------------------------------------

$t = start( words => [ 'repl', 'nat.metta' ], rows => 8, columns => 40 );
at_prompt($t);
$t->type("!(count 0)\r");
my $page = $t->wait_for(qr/-- \d+ answers; .*? --/);
like( $page, qr/\[0, 1, 2, .*,\n -- |\[0, 1, 2, .*,\n.*-- (\d+)/s, 'more than a page pauses' );
my ($n) = $page =~ /-- (\d+) answers/;
ok( $n > 40 && $n < 100, 'when it is full' );
my ($seen) = $page =~ /(\[0, .*?)-- \d/s;
is( () = $seen =~ /\n/g, 7, 'and its first line is seen still' );
$t->type(' ');
$page = $t->wait_for(qr/-- \d+ answers/);
like( $page, qr/ $n, /, 'the next page goes on behind it' );
$t->type("\r");
my ($m) = $page =~ /-- (\d+)/;
$page = $t->wait_for(qr/-- \d+ answers/);
my ($k) = $page =~ /-- (\d+)/;
ok( $k > $m && $k < $m + 20, 'enter gives a line more' );
$t->type('q');
like( at_prompt($t), qr/ \.\.\.\]\n/, 'q stops' );
$t->type("!(count 0)\r");
$t->wait_for(qr/-- \d+ answers/);
$t->type("\cC");
ok( defined at_prompt($t), 'so does Ctrl-C' );
$t->resize( 30, 100 );
$t->type("!(count 0)\r");
$page = $t->wait_for(qr/-- \d+ answers/);
($k) = $page =~ /-- (\d+) answers/;
ok( $k > 4 * $n, 'a larger window has larger pages' );
my $widest = 0;
for ( split /\n/, $page ) { $widest = length if length > $widest }
ok( $widest > 80 && $widest <= 100, 'and longer lines' );
$t->type('a');
ok( defined $t->wait_for(qr/ 5000,\s/), 'a gives all' );
$t->type("\cC");
like( at_prompt($t), qr/interrupted/, 'a gives all, until it is interrupted' );
is( enter( $t, '(= (big $n) (if (== $n 0) Z (S (big (- $n 1)))))' ), '', 'a large term' );
$t->type("!(big 3000)\r");
$shown = at_prompt($t);
ok( ( () = $shown =~ /S/g ) >= 3000 && $shown !~ /answers;/, 'one answer never pauses' );
is( enter( $t, ':set pause off' ), '', 'without pauses' );
$t->type("!(let \$x (superpose (1 2 3 4 5 6 7 8 9)) (big (* 300 \$x)))\r");
$shown = at_prompt($t);
ok( ( () = $shown =~ /S/g ) >= 300 * 45 && $shown !~ /answers;/, 'all comes at once' );
$t->type("\cD");
$t->status;

# ---- characters, colours, pastes -------------------------------------------------------------

$t = start( env => { LANG => 'C' } );
at_prompt($t);
is( enter( $t, encode( 'UTF-8', '(= (größe 日本) "ünï")' ) ), '', 'UTF-8 is typed' );
is( enter( $t, encode( 'UTF-8', '!(größe 日本)' ) ), encode( 'UTF-8', '["ünï"]' ), 'and comes back' );
$t->type( encode( 'UTF-8', '!(größe 日本x' ) . "\x7f)\r" );
like( at_prompt($t), qr/ünï|\xC3\xBCn/, 'characters are deleted whole' );
$t->type("\xff\xfe(\x80)\r");
ok( defined at_prompt($t), 'bytes that are none are survived' );
is( enter( $t, '!(+ 2 2)' ), '[4]', 'with all that follows' );
like( $t->{all}, qr/\e\[1m> /, 'the prompt is coloured' );
enter( $t, '!(/ 1 0)' );
like( $t->{all}, qr/\[\e\[31m\(Error/, 'errors are' );
my $count = 10_000;
$t->type( "\e[200~" . join( '', map {"(=\t(fact-$_)\t$_)\n"} 1 .. $count ) . "!(fact-7)\r\e[201~" );
ok( defined $t->wait_for( qr/\n\[7\]/ ), 'ten thousand lines are pasted' );
at_prompt($t);
is( enter( $t, "!(fact-$count)" ), "[$count]", 'and all are there' );
like( enter( $t, ':spaces' ), qr/&self +@{[ $count + 3 ]} atoms/, 'once' );
$t->type("\cD");
is( $t->status, 0, 'it leaves' );

$t = start( env => { NO_COLOR => 1 } );
at_prompt($t);
enter( $t, '!(/ 1 0)' );
unlike( $t->{all}, qr/\e\[\d*m/, 'NO_COLOR: no colours' );
enter( $t, '!(import! &self io)' );
$t->type("!(exit! 7)\r");
is( $t->status, 7, 'exit! leaves with its code' );

$t = start( words => [ '--query-timeout', '0.2' ] );
at_prompt($t);
enter( $t, '(= (loop $n) (loop (+ $n 1)))' );
like( enter( $t, '!(loop 0)' ), qr/^stopped: the time limit of 0\.2 s/, 'limits of the command line' );
$t->type("\cD");
$t->status;

# ---- files and pipes ---------------------------------------------------------------------------

Program::write_file( "$dir/bad.metta", "(= (ok) 1)\n!(ok)\n!(/ 1 0)\n!(never)\n" );
$t = start( words => [ 'repl', 'bad.metta', 'nat.metta' ] );
$shown = at_prompt($t);
like( $shown, qr/\[1\]\n\[\(Error \(\/ 1 0\) DivisionByZero\)\]\nbad\.metta:3:1: error: /, 'a file with an error is read so far' );
is( enter( $t, '!(ok)' ), '[1]', 'and there is a prompt' );
$t->type("\cD");
is( $t->status, 0, 'which is left as usual' );

sub piped {
    my ( $text, @words ) = @_;
    Program::write_file( "$dir/in", $text );
    return Program::run( argv => [ $ambit, @words ], stdin => "$dir/in", dir => $dir );
}

my $r = piped( "(= (f) 1)\n!(f)\n!(f\n)\n:type 1\n", 'repl' );
is( $r->{out}, "[1]\n[1]\n[Number]\n", 'behind a pipe there is no prompt' );
is( $r->{err} . $r->{exit}, '0', 'and nothing is told' );
$r = piped( "!(let \$x (superpose (1 2)) (let \$y (println! \$x) \$x))\n", 'repl' );
is( $r->{out}, "1\n2\n[1, 2]\n", 'results stand behind what was written' );
$r = piped( "!(superpose (1 2 3))\n!(f", 'repl', 'nat.metta' );
is( $r->{out}, "[1, 2, 3]\n", 'the end in an open bracket' );
like( $r->{err}, qr/^prompt:1:2: error: Unexpected end of expression/, 'is told' );
$r = piped( "!(loop 0)\n!(num)\n", '--steps', 2000, 'repl', 'nat.metta' );
is( $r->{out}, "[]\n[7]\n", 'a form that a limit stopped has a line, too' );

# ---- as JSON -------------------------------------------------------------------------

my $json = JSON::PP->new->utf8->canonical;
$r = piped( <<'END', 'repl', '--format=json' );
(= (third $x) (+ 1 (/ 3 $x)))
!(third (superpose (1 3)))
!(println! "a line")
!(thirt 0)
!(+ 1 (third 0))
!(open))
:limit steps 2000
(= (loop $n) (loop (+ $n 1)))
!(loop 0)
:time (third 1)
:why (third 1)
:hlep
END
my @out = map { $json->decode($_) } split /\n/, $r->{out};
my @err = map { $json->decode($_) } split /\n/, $r->{err};
is( join( ' ', map { $_->{kind} } @out ), 'results output results results results results results results results',
    'JSON: results of each form, and what it writes, a line each' );
is_deeply( $out[0], { kind => 'results', file => 'prompt', line => 1, column => 1, results => [ '4', '2' ] }, 'all of a form' );
is_deeply( $out[1], { kind => 'output', text => "a line\n" }, 'and what the program writes' );
is( join( ' ', map {"$_->{kind}"} @err ), 'note diagnostic diagnostic diagnostic note why note', 'and all else' );
like( $err[0]{text}, qr/did you mean third/, 'a misspelt name' );
is( $err[1]{message}, 'uncaught Error in (/ 3 0): DivisionByZero', 'an Error' );
is_deeply( $err[1]{stack}, ['(+ 1 (/ 3 0))'], 'with the calls it happened in' );
is( "$err[2]{message} $err[2]{line}:$err[2]{column}", 'Unexpected right bracket 1:8', 'a place' );
is( $err[3]{severity}, 'stopped', 'a limit' );
is( $err[5]{about}, '4', 'an explanation' );
$t = start( words => [ 'repl', '--format=json' ] );
at_prompt($t);
is( enter( $t, '!(+ 1 2)' ), '{"kind":"results","file":"prompt","line":1,"column":1,"results":["3"]}', 'the same at a terminal' );
$t->type("\cD");
$t->status;

$r = piped("!(+ 1 2)\n");
is( $r->{exit}, 2, 'a pipe without a command is no program' );
$r = piped( "!(+ 1 2)\n", '-' );
is( $r->{out}, "[3]\n", 'but with - it is' );

done_testing();
