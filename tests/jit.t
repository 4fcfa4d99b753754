#!/usr/bin/perl
# Machine code as a user meets it: the same answers, what --jit-stats tells, rules that
# change while a loop is compiled code, interrupts. Where it is not built in: that this
# is said.

use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use File::Temp qw(tempdir);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);
use Modes;
use Program;

my $ambit = Program::path();
my $dir   = tempdir( CLEANUP => 1 );
my $fib   = '(= (fib $n) (if (< $n 2) $n (+ (fib (- $n 1)) (fib (- $n 2)))))';

sub run {
    my (@words) = @_;
    return Program::run( argv => [ $ambit, @words ], dir => $dir );
}

sub write_file {
    my ( $name, $text ) = @_;
    open my $out, '>', "$dir/$name" or die "$name: $!\n";
    print $out $text;
    close $out or die "$name: $!\n";
}

# The rows of --jit-stats by name.
sub stats {
    my ($r) = @_;
    return { $r->{err} =~ /^jit: (\S.*?)\s{2,}(.*)$/mg };
}

# Hot units are in one row each.
sub accounted {
    my ($s) = @_;
    my $sum = 0;
    $sum += $s->{$_} for grep {/^(?:compiled|not compiled: .*|dropped: .*|put off: .*)$/} keys %$s;
    return $sum;
}
my ($built_in) = run('--version')->{out} =~ /^machine code: (.*)$/m;
if ( $built_in eq 'not built in' ) {
    for my $words ( ['--jit=sync'], ['--jit', 'background'], ['--tier=2'] ) {
        my $r = run( @$words, '-e', '!(+ 1 1)' );
        is( $r->{exit}, 2, "@$words is refused" );
        like( $r->{err}, qr/built without machine code/, 'and why is told' );
    }
    my $r = run( '--jit=off', '--jit-stats', '-e', '!(+ 1 1)' );
    is( "$r->{exit} $r->{out}", "0 [2]\n", 'off is what there is' );
    is( stats($r)->{mode}, 'off: not built in', 'and the statistics say why' );
    done_testing;
    exit;
}

# ---- what is told -------------------------------------------------------------

for my $mode (qw(sync background)) {
    my $r = run( "--jit=$mode", '--jit-threshold=2', '--jit-stats', '-e', "$fib !(fib 20) !(fib 20)" );
    is( "$r->{exit} $r->{out}", "0 [6765]\n[6765]\n", "$mode: the answer" );
    my $s = stats($r);
    is( $s->{mode}, $mode, "$mode: is told" );
    is( accounted($s), $s->{'units that got hot'}, "$mode: every hot unit is accounted for" );
    is( $s->{waiting}, 0, "$mode: nothing waits at the end" );
    for my $what ( 'hot to installed', 'program asking for it' ) {
        my @us = map { $s->{"$what, $_"} =~ /^([\d.]+) us$/ } 'half of them within', '99 % within', 'longest';
        is( scalar @us, 3, "$mode: $what" );
        ok( $us[0] <= $us[1] && $us[1] <= $us[2], "$mode: ... in order" );
    }
    next if $mode eq 'background';    # which may come too late
    cmp_ok( $s->{compiled}, '>', 0, "$mode: something was compiled" );
    like( $s->{'machine code'}, qr/^[1-9]\d* bytes$/, "$mode: its size" );
}
for my $words ( ['--jit=off'], ['--tier=1'], ['--tier=0'] ) {
    my $r = run( @$words, '--jit-stats', '-e', "$fib !(fib 15)" );
    is( $r->{out}, "[610]\n", "@$words: the answer" );
    is( $r->{err}, sprintf( "jit: %-56s off\n", 'mode' ), "@$words: no machine code" );
}
my $r = run( '--tier=2', '--jit-threshold=1000000', '--jit-stats', '-e', "$fib !(fib 15)" );
is( stats($r)->{mode}, 'background', 'tier 2 compiles in the background' );
is( stats($r)->{'units that got hot'}, 0, 'nothing gets hot below the threshold' );

# ---- levels -------------------------------------------------------------------

# One loop that goes on for long: it gets hot in its middle, and again.
my $turns = '(= (turn $n $sum) (if (== $n 0) $sum (turn (- $n 1) (+ $sum 2)))) !(turn 1000000 0)';
for my $mode (qw(sync background)) {
    my $s = stats( my $r = run( "--jit=$mode", '--jit-stats', '-e', $turns ) );
    is( $r->{out}, "[2000000]\n", "$mode: a long loop" );
    next if $mode eq 'background';
    is( $s->{'compiled again, for level 2'}, 1, 'it is compiled at level 2' );
    is( $s->{'loops and forks that changed over to level 2'}, 1, '... and goes there in its middle' );
    like( $s->{'machine code that level 2 took the place of'}, qr/^[1-9]\d* bytes$/, '... leaving code behind' );
}
# One call that forks again and again, and calls nothing.
{
    my $list = '(' . join( ' ', 1 .. 60 ) . ')';
    my $fork = '(= (every $l) (let* (($x (superpose $l)) ($y (superpose $l)) ($z (superpose $l)))'
        . ' (if (== (+ $x (+ $y $z)) 180) ($x $y $z) (empty))))';
    my $s = stats( my $r = run( '--jit=sync', '--jit-stats', '-e', "$fork !(every $list)" ) );
    is( $r->{out}, "[(60 60 60)]\n", 'forks and failures' );
    is( $s->{'compiled again, for level 2'}, 1, '... are enough for level 2' );
    cmp_ok( $s->{'loops and forks that changed over to level 2'}, '>=', 1, '... which the fork goes on in' );
}
for my $words ( ['--jit-level=1'], ['--jit-level=2'] ) {
    my $r = run( '--jit=sync', '--jit-threshold=1', @$words, '--jit-stats', '-e', $turns );
    is( $r->{out}, "[2000000]\n", "@$words: the answer" );
    is( stats($r)->{'compiled again, for level 2'}, $words->[0] =~ /2/ ? 1 : 0, "@$words: as high as it says" );
}
# Of what is handed over turn by turn each part begins as the first did: it does not have to
# fail through all that went before it.
if ( Modes::can_stress() ) {
    local $ENV{AMBIT_STRESS} = 'handover';
    my $even = '(= (range $a $b) (if (<= $a $b) $a (empty)))'
        . '(= (range $a $b) (if (< $a $b) (range (+ $a 1) $b) (empty)))'
        . '(= (even $x) (== 0 (% $x 2)))'
        . '!(let $l (collapse (let $x (range 1 200) (if (even $x) $x (empty)))) (size-atom $l))';
    my $s = stats( my $r = run( '--jit=sync', '--jit-threshold=1', '--jit-stats', '--stats', '-e', $even ) );
    is( $r->{out}, "[100]\n", 'turns of a loop that are handed over' );
    my ($parts) = $r->{err} =~ /^stats: alternatives handed over\s+(\d+)/m;
    my ($failed) = ( $s->{'run by the loop: ONCE_FAIL'} // '' ) =~ /^(\d+) times$/;
    cmp_ok( $parts,  '>=', 200,        '... each by itself' );
    cmp_ok( $failed, '<=', 4 * $parts, '... and fail as often as there are parts' );
}
# A function returns two things, and its callers take them apart: at level 2 there is no term.
{
    my $pairs = '(= (two $n) (if (== $n 0) (Pair 0 0)'
        . ' (let (Pair $a $b) (two (- $n 1)) (Pair (+ $a 1) $b))))'
        . '(= (go $n $s) (if (== $n 0) $s (let (Pair $a $b) (two 40) (go (- $n 1) (+ $s $a)))))'
        . '!(go 50000 0)';
    my %collections;
    for my $level ( 1, 2 ) {
        my $r = run( '--jit=sync', "--jit-level=$level", '--gc-stats', '-e', $pairs );
        is( $r->{out}, "[2000000]\n", "level $level: pairs" );
        ( $collections{$level} ) = $r->{err} =~ /^gc: minor collections\s+(\d+)$/m;
    }
    cmp_ok( $collections{1}, '>', 10,                   '... of which the first makes millions' );
    cmp_ok( $collections{2}, '<', $collections{1} / 10, '... and the second hands over their parts' );
}
for my $mode (qw(--jit-level=0 --jit-level=3 --jit-level=)) {
    is( run( $mode, '-e', '!(+ 1 1)' )->{exit}, 2, "$mode is refused" );
}

# ---- one processor for both -----------------------------------------------------

# The first of the processors that we may use, alone: the thread keeps to a share.
my ($one) = Program::slurp('/proc/self/status') =~ /^Cpus_allowed_list:\s*(\d+)/m;
SKIP: {
    skip 'taskset is not installed', 4 if system('command -v taskset >/dev/null 2>&1') != 0;
    my $busy = join '', map {"(= (g$_ \$x) (if (> \$x 0) (* \$x $_) \$x))\n!(g$_ 2)\n"} 1 .. 300;
    my $r    = Program::run(
        argv => [ 'taskset', '-c', $one, $ambit, '--jit-threshold=1', '--jit-stats', '-e', $busy ],
        dir  => $dir,
    );
    is( $r->{exit}, 0, 'on one processor' );
    is( $r->{out}, join( '', map { '[' . 2 * $_ . "]\n" } 1 .. 300 ), '... the same answers' );
    my $s = stats($r);
    is( $s->{'share of a processor it may take'}, '15 %', '... and a share for the compiler' );
    like( $s->{'stood back for the program'}, qr/^\d+ times$/, '... which is counted' );
}

# ---- perf -----------------------------------------------------------------------

# The program's number is that of the process we start.
sub run_for_perf {
    my ($what) = @_;
    my $pid = fork // die $!;
    if ( !$pid ) {
        chdir $dir;
        open STDOUT, '>', 'out' or POSIX::_exit(126);
        exec $ambit, '--jit=sync', '--jit-threshold=1', "--jit-perf=$what", '-e', "$fib !(fib 15)"
            or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    is( $?, 0, "--jit-perf=$what" );
    my $path = $what eq 'map' ? "/tmp/perf-$pid.map" : "$dir/jit-$pid.dump";
    my $text = Program::slurp($path);
    unlink $path;
    return ( $pid, $text );
}

my ( $pid, $map ) = run_for_perf('map');
like( $map, qr{^[0-9a-f]+ [0-9a-f]+ fib/1$}m, 'the map has the rule' );
is( () = $map =~ /^(?![0-9a-f]+ [0-9a-f]+ \S)/mg, 0, '... and all its lines are addresses, sizes and names' );
( $pid, my $dump ) = run_for_perf('dump');
my ( $magic, $version, $size, $machine, $number ) = unpack 'L L L L x4 L', $dump;
is( "$magic $version $machine $number", join( ' ', 0x4A695444, 1, 62, $pid ), 'the head of the dump' );
my ( $at, @names ) = ($size);
while ( $at < length $dump ) {
    my ( $kind, $bytes ) = unpack 'L L', substr $dump, $at;
    my ( $length, $name ) = unpack 'x40 Q x8 Z*', substr $dump, $at;
    push @names, $name if $kind == 0 && $bytes == 56 + length($name) + 1 + $length;
    last if !$bytes;
    $at += $bytes;
}
is( $at, length $dump, 'records to its end' );
ok( ( grep { $_ eq 'fib/1' } @names ), '... with their names and code' );

# ---- gdb ------------------------------------------------------------------------

# What gdb prints when the program stops in a helper that machine code calls.
sub in_gdb {
    my (@words) = @_;
    my @commands = map { ( '-ex', $_ ) } 'break ambi_step_collect_begin', 'run', 'ignore 1 50', 'continue',
        'bt', 'kill';
    return Program::run(
        argv    => [ qw(gdb -nx -batch), '-iex', 'set debuginfod enabled off', @commands, '--args', $ambit, @words ],
        dir     => $dir,
    );
}
SKIP: {
    skip 'gdb is not installed', 4 if system('command -v gdb >/dev/null 2>&1') != 0;
    write_file( 'gdb.metta', <<'END_TEXT' );
(= (pick $n) (collapse (superpose (1 2 3))))
(= (turn $n) (if (== $n 0) done (let $x (pick $n) (turn (- $n 1)))))
!(turn 1000)
END_TEXT
    my @words = ( '--jit=sync', '--jit-threshold=1', '--jit-level=1', 'gdb.metta' );
    my $r     = in_gdb( '--jit-gdb', @words );
    skip "gdb cannot run a program here: $1", 4
        if "$r->{out}$r->{err}" =~ /(.*(?:ptrace|Could not trace|not permitted|Couldn't).*)/;
    like( $r->{out}, qr{^#\d+ .* in pick/1 \(\)}m, 'gdb has a name for the machine code of a rule' );
    like( $r->{out}, qr{^#\d+ .* in ambi_interp_run }m, '... and finds what called it' );
    like( $r->{out}, qr{^#\d+ .*\bmain \(}m, '... down to the beginning' )
        or diag( $r->{out} );
    unlike( in_gdb(@words)->{out}, qr{pick/1 \(\)}, 'without --jit-gdb it has not' );
}

# ---- the cap --------------------------------------------------------------------

my $many = join '', map {"(= (f$_ \$x) (+ \$x $_)) !(f$_ 1)\n"} 1 .. 60;
my $all  = join '', map { '[' . ( $_ + 1 ) . "]\n" } 1 .. 60;
$r = run( '--jit=sync', '--jit-threshold=1', '--jit-memory=8k', '--jit-stats', '-e', $many );
is( $r->{out}, $all, 'a small cap changes no answer' );
cmp_ok( stats($r)->{'not compiled: code memory full'}, '>', 0, 'what does not fit is counted' );
like( stats($r)->{'code memory there may be'}, qr/^8192 bytes$/, 'the cap is told' );

# ---- thousands of rules that get hot ------------------------------------------------

# Each calls the next; every call of the first is one of each.
my $links = 10_000;
my $chain = join '', map {"(= (f$_ \$x) (if (< \$x 0) (f0 \$x) (f" . ( $_ + 1 ) . " \$x)))\n"} 0 .. $links - 1;
$chain .= "(= (f$links \$x) (+ \$x 1))\n!(f0 1)\n!(f0 2)\n!(f0 3)\n";
write_file( 'chain.metta', $chain );

for my $mode (qw(sync background)) {
    for my $memory (qw(64M 64K)) {
        my $r = run( "--jit=$mode", '--jit-threshold=1', "--jit-memory=$memory", '--jit-stats', 'chain.metta' );
        is( $r->{out}, "[2]\n[3]\n[4]\n", "$links rules get hot, $mode, $memory" );
        my $s = stats($r);
        is( accounted($s), $s->{'units that got hot'}, '... each accounted for' );
        my ($most) = $s->{'code memory at most'} =~ /(\d+)/;
        my ($cap)  = $s->{'code memory there may be'} =~ /(\d+)/;
        cmp_ok( $most, '<=', $cap, '... within the memory there is' );
        next if $mode eq 'background';
        my $full = $s->{'not compiled: code memory full'};
        if ( $memory eq '64K' ) {
            cmp_ok( $full, '>', $links / 2, '... most find none, which is counted' );
        }
        else {
            is( $full, 0, '... which is enough' );
            cmp_ok( $s->{compiled}, '>=', $links, '... for all' );
        }
    }
}

# ---- one long loop --------------------------------------------------------------------

# Called once: it goes on in machine code, of both levels, from its middle.
write_file( 'long.metta', <<'END_TEXT' );
(= (turn $n $x) (if (== $n 0) $x (turn (- $n 1) (% (+ (* $x 3) $n) 1003))))
!(turn 100000000 1)
END_TEXT
for my $level ( 1, 2 ) {
    my $r = run( "--jit-level=$level", '--jit-stats', 'long.metta' );
    is( $r->{out}, "[893]\n", "a loop called once, level $level" );
    my $s = stats($r);
    cmp_ok( $s->{compiled}, '>=', $level, '... is compiled' );
    is( $s->{'dropped: too late'}, 0, '... before it ends' );
    cmp_ok( $s->{'loops and forks that changed over to level 2'}, '>=', $level - 1, '... and goes on in the better code' );
}

# ---- rules that change again and again ------------------------------------------------

# Each turn adds a rule and calls it, and something that nobody changes. What changes
# too often is not compiled any more, and stops to take other code with it.
my $changes = 300;
write_file( 'storm.metta', <<'END_TEXT' . join '', map {"(= (often $_) got-$_)\n!(both $_)\n"} 1 .. $changes );
(= (often 0) got-0)
(= (calm $x) (+ $x 1))
(= (both $x) (and-more (often $x) (calm $x)))
END_TEXT
my $every = join '', map { "[(and-more got-$_ " . ( $_ + 1 ) . ")]\n" } 1 .. $changes;
for my $mode (qw(sync background)) {
    my $r = run( "--jit=$mode", '--jit-threshold=1', '--jit-level=1', '--jit-stats', 'storm.metta' );
    is( $r->{out}, $every, "$changes changes, $mode: each is seen" );
    my $s = stats($r);
    cmp_ok( $s->{'units that got hot'}, '<', 100, '... most of them throw no code away' );
    cmp_ok( $s->{'units whose code was given back'}, '<=', $s->{compiled}, '... and what was is counted' );
    my ($bytes) = $s->{'code memory given back'} =~ /(\d+)/;
    cmp_ok( $bytes, '>', 0, '... with its memory' ) if $s->{'units whose code was given back'};
}

# ---- rules that change under a loop ---------------------------------------------

# The loop is compiled when rules are added to what it calls, from inside a form and
# between two.
my $loop = '(= (count $n $acc) (if (== $n 0) $acc (count (- $n 1) (+ $acc (step $n)))))';
for my $mode (qw(sync background)) {
    write_file( 'change.metta', <<"END_TEXT" );
(= (step \$n) 1)
$loop
!(count 20000 0)
!(add-atom &self (= (tune \$n) (step \$n)))
!(let () (add-atom &self (= (step 7) 0)) (collapse (count 8 0)))
(= (step 9) 5)
!(collapse (count 9 0))
END_TEXT
    my $off = run( '--tier=1', 'change.metta' );
    my $on  = run( "--jit=$mode", '--jit-threshold=1', '--jit-stats', 'change.metta' );
    is( $on->{out}, $off->{out}, "$mode: new calls see new rules" );
    is( $on->{exit}, 0, "$mode: ... and all is well" );
    cmp_ok( stats($on)->{compiled}, '>', 0, "$mode: ... in machine code" ) if $mode eq 'sync';
}

# Typed at a pipe, line by line, while the same program goes on.
sub conversation {
    my ($mode) = @_;
    pipe my $in,  my $to or die $!;
    pipe my $from, my $out or die $!;
    my $pid = fork // die $!;
    if ( !$pid ) {
        open STDIN,  '<&', $in  or POSIX::_exit(126);
        open STDOUT, '>&', $out or POSIX::_exit(126);
        close $to;
        close $from;
        exec $ambit, "--jit=$mode", '--jit-threshold=2', '--time-limit=60', '-' or POSIX::_exit(127);
    }
    close $in;
    close $out;
    $to->autoflush(1);
    print $to "(= (step \$n) 1)\n$loop\n!(count 3000 0)\n!(count 3000 0)\n(= (step 5) 10)\n!(count 5 0)\n";
    close $to;
    my @got = <$from>;
    waitpid $pid, 0;
    is( $?, 0, "$mode: a conversation ends well" );
    is( join( '', @got ), "[3000]\n[3000]\n[5, 14]\n", "$mode: a rule added between two forms" );
}
conversation($_) for qw(sync background);

# ---- interrupts -------------------------------------------------------------------

# At a different moment each time: while units get hot, are compiled, and run.
my $endless = join '', map {"(= (f$_ \$x) (if (> \$x 0) (+ \$x $_) (f$_ 1)))\n"} 0 .. 99;
$endless .= join '', map {"(= (all$_ \$n) (let \$s (f$_ \$n) (all" . ( $_ + 1 ) . " \$n)))\n"} 0 .. 99;
$endless .= '(= (all100 $n) (all0 (+ $n 1)))' . "\n";
$endless .= "!(+ 1 1)\n!(all0 1)\n!(+ 2 2)\n";
write_file( 'endless.metta', $endless );
for my $mode (qw(sync background)) {
    my %seen;
    for my $turn ( 1 .. 12 ) {
        pipe my $from, my $out or die $!;
        my $pid = fork // die $!;
        if ( !$pid ) {
            chdir $dir;
            open STDOUT, '>&', $out or POSIX::_exit(126);
            open STDERR, '>', 'err' or POSIX::_exit(126);
            exec $ambit, "--jit=$mode", '--jit-threshold=1', '--time-limit=60', 'endless.metta'
                or POSIX::_exit(127);
        }
        close $out;
        my $first = <$from>;    # it is in the endless form now, or soon
        sleep 0.002 * $turn;
        kill 'INT', $pid;
        my $rest = join '', <$from>;
        waitpid $pid, 0;
        $rest =~ s/^\[\]\n//;    # if the form had begun
        $seen{ ( $? >> 8 ) . ' ' . ( $? & 127 ) . " $first$rest" }++;
    }
    is_deeply( [ keys %seen ], ["130 0 [2]\n"], "$mode: an interrupt ends the form, whenever" );
}
done_testing;
