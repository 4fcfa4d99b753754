#!/usr/bin/env perl
# The program as typed: commands, texts, files, streams, signals, modules.
# AMBIT names the program, AMBIT_TIERS the tiers to run (all there are).
use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use Program;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IPC::Open2 qw(open2);
use Test::More;

my $here  = abs_path(dirname(__FILE__));
my $ambit = abs_path($ENV{AMBIT} // "$here/../build/ambit");
my @tiers = Program::tiers();
-x $ambit or plan skip_all => "no program at $ambit";

# Sanitizers touch pages and start threads of their own.
my $sanitized = Program::slurp($ambit) =~ /__[at]san_init|__ubsan_handle/;
my $dir       = tempdir(CLEANUP => 1);
chdir $dir;
my $tier;

BEGIN { *write_file = \&Program::write_file }

sub slurp {
    open my $in, '<', $_[0] or return '';
    local $/;
    return <$in> // '';
}

# Starts ambit with its streams in files; returns the process.
sub start {
    my ($stdin, @words) = @_;
    write_file('in', $stdin);
    unlink 'out';
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDIN,  '<', 'in';
        open STDOUT, '>', 'out';
        open STDERR, '>', 'err';
        alarm $Program::guard;
        exec $ambit, "--tier=$tier", @words or exit 127;
    }
    return $pid;
}

sub finish {
    my ($pid) = @_;
    waitpid $pid, 0;
    my $code = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
    return ($code, slurp('out'), slurp('err'));
}

# gives([WORDS], exit, stdout, what, stdin)
sub gives {
    my ($words, $want_code, $want_out, $what, $stdin) = @_;
    my ($code, $out, $err) = finish(start($stdin // '', @$words));
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $right = ref $want_out ? $out =~ $want_out : $out eq $want_out;
    ok($code eq $want_code && $right, "tier $tier: $what")
        or diag "exit $code, not $want_code\nstdout:\n$out\nstderr:\n$err";
    return $err;
}

sub texts_and_files {
    gives(['--version'], 0, qr/^ambit \d+\.\d+\.\d+\nmachine code: \S.*$/, 'the version');
    gives(['--help'], 0, qr/usage: ambit.*--query-timeout S.*exit codes/s, 'the help');
    gives(['-e', '!(+ 1 2)'], 0, "[3]\n", 'a text');
    gives(['-e', '(= (f) 1)', '-e', '!(f)', '-e', '!(+ (f) 1)'], 0, "[1]\n[2]\n",
        'texts share one runtime');
    gives(['-'], 0, "[3]\n", 'standard input', "!(+ 1 2)\n");
    write_file('a.metta', "(= (f \$x) (* \$x 2))\n!(f 4)\n! (f 5)\n!\n(f 6)\n!(f)\n");
    gives(['a.metta'], 0, "[8]\n[10]\n[12]\n[(f)]\n", 'a file');
    gives(['run', 'a.metta'], 0, "[8]\n[10]\n[12]\n[(f)]\n", 'a file with the command');
    gives(['a.metta', '--steps'], 0, "[8]\n[10]\n[12]\n[(f)]\n",
        'words behind FILE are the program\'s');
    write_file('--odd', "!(+ 1 1)\n");
    gives(['--', '--odd'], 0, "[2]\n", 'a file named like an option');
    write_file('run', "!(+ 2 2)\n");
    gives(['run', 'run'], 0, "[4]\n", 'a file named like a command');
    gives(['-e', ''], 0, '', 'an empty text');
    write_file('empty.metta', '');
    gives(['empty.metta'], 0, '', 'an empty file');
    gives(['-e', '!(superpose ())'], 0, "[]\n", 'no result');
    gives(['-e', '!(a $x $x $y)'], 0, "[(a \$x \$x \$y)]\n", 'variables as written');
    gives(['-e', '(a b) !(match &self ($p $q) ($q $p)) (c d)'], 0, qr/^\[.*\(b a\).*\]$/,
        'atoms are handled as they come');
    gives(['-n', '2', '-e', '!(superpose (a b c))'], 0, "[a, b]\n", 'the first answers');
    gives(['-n=2', '-e', '!(superpose (a b c))'], 0, "[a, b]\n", 'a value behind =');
}

sub arguments_and_exit {
    write_file('args.metta', "!(import! &self io)\n!(args)\n!(exit! 7)\n!(+ 1 1)\n");
    gives(['args.metta', 'a', '--steps', 'b c'], 7,
        "[()]\n[(\"a\" \"--steps\" \"b c\")]\n", 'arguments and an exit code');
    write_file('leave.metta', "!(import! &self io)\n!(println! leaving)\n!(exit! 9)\n");
    gives(['-e', '!(import! &self leave) !(+ 1 1)', '-e', '!(+ 2 2)'], 9, "leaving\n",
        'a module may end the run');
}

sub output {
    gives(['-e', '!(println! "one") !(+ 1 1) !(println! "two")'], 0,
        "one\n[()]\n[2]\ntwo\n[()]\n", 'printed text and results keep their order');
    gives(['parse', '-e', "(a (b \"c\"))\n  \$x !(f 1.50)\n\"s\" ; remark\n+"], 0,
        "1:1: (a (b \"c\"))\n2:3: \$x\n2:6: !\n2:7: (f 1.5)\n3:1: \"s\"\n4:1: +\n",
        'parse shows atoms with their places');
    my $slow = '!(import! &self concurrent) (= (f $n) (if (< $n 2) $n (+ (f (- $n 1)) (f (- $n 2))))) '
        . '!(collapse (hyperpose ((let $x (f 12) a) b (superpose (c d)))))';
    for my $order ( '', '--order=source', '--order=arrival' ) {
        my ($found) = `$ambit --tier=$tier -j3 $order -e '$slow'` =~ /^\[\((.+)\)\]$/m;
        my @found = split / /, $found // '';
        @found = sort @found if $order =~ /arrival/;
        is( "@found", 'a b c d', "tier $tier: hyperpose, $order" );
    }
    my $told = `$ambit --tier=$tier --explain -e '(p a b) (p b c) (q c) !(match &self (, (p \$x \$y) (q \$y)) \$x)' 2>err`;
    is($told, "[b]\n", "tier $tier: --explain leaves the answers as they are");
    is(slurp('err'), <<'END', "tier $tier: and tells how they were found");
match: 1 solutions
  1. (p $x $y)  all 2 facts
     asked 1 times, 2 facts looked at, 2 match
  2. (q $y)  all 1 facts
     asked 2 times, 2 facts looked at, 1 match
END
    my $long = '(' . 'a ' x 100000 . ')';
    write_file('long.metta', "$long\n!(size-atom $long)\n");
    gives(['long.metta'], 0, "[100000]\n", 'a long expression');
    my $deep = '(' x 100000 . ')' x 100000;
    write_file('deep.metta', "(deep $deep)\n!(quote $deep)\n");
    gives(['deep.metta'], 0, "[(quote $deep)]\n", 'a deep expression');
    if (-w '/dev/full') {
        my $code = system("$ambit --tier=$tier -e '!(+ 1 1)' >/dev/full 2>err") >> 8;
        is($code, 5, "tier $tier: a full disk is an error");
        like(slurp('err'), qr/^ambit: cannot write the output: No space left/,
            "tier $tier: and is reported");
    }
    write_file('talk.metta', "(= (talk) (let \$x (println! y) (talk)))\n!(talk)\n");
    my $text = `$ambit --tier=$tier talk.metta 2>err | head -2`;
    is($text, "y\ny\n", "tier $tier: a closed pipe ends an endless program");
    is(slurp('err'), '', "tier $tier: without a word");
    my $pid = open my $from, '-|', $ambit, "--tier=$tier", '--time-limit', '60', '-e',
        '!(+ 1 1) (= (loop) (loop)) !(loop)';
    is(scalar <$from>, "[2]\n", "tier $tier: a result line does not wait for the next form");
    ok(kill('KILL', $pid), "tier $tier: which is still running");
    close $from;
}

# What was written is seen by whoever the program waits for.
sub conversation {
    write_file('answer.metta', <<'END');
!(import! &self io)
(= (answer) (case (readln!) ((Empty over) ($line (let $u (println! (seen $line)) (answer))))))
!(answer)
END
    my $pid = open2(my $from, my $to, 'timeout', 300, $ambit, "--tier=$tier", 'answer.metta');
    is(scalar <$from>, "[()]\n", "tier $tier: a conversation begins");
    for my $word (qw(one two)) {
        print $to "$word\n";
        $to->flush;
        is(scalar <$from>, "(seen \"$word\")\n", "tier $tier: there is an answer before the next question");
    }
    close $to;
    is(scalar <$from>, "[over]\n", "tier $tier: until the input ends");
    waitpid $pid, 0;
    return if !$tier;    # tier 0 has no actors
    for my $n (1, 3) {
        $pid = open my $out, '-|', $ambit, "-j$n", "--tier=$tier", '--time-limit', '300', '-e',
            '!(import! &self concurrent) (= (wait) (receive ((never ()))))'
            . '!(let* (($a (spawn (wait))) ($u (println! waiting))) (receive ((never ())) 300000 late))';
        is(scalar <$out>, "[()]\n",    "tier $tier: -j$n, a script begins");
        is(scalar <$out>, "waiting\n", "tier $tier: what it wrote is seen while it waits for a message");
        kill 'KILL', $pid;
        close $out;
    }
}

# A log has the messages and not the results, so they say why.
sub reasons {
    like(gives(['-e', '!(/ 1 0)'], 1, "[(Error (/ 1 0) DivisionByZero)]\n", 'an Error with a reason'),
        qr{^<-e>:1:1: error: uncaught Error in \(/ 1 0\): DivisionByZero; the script ends here$}m, "tier $tier: is told with it");
    unlike(gives(['-e', '!(+ 1 a)'], 0, "[(+ 1 a)]\n", 'a call that stays'), qr/./, "tier $tier: without a word");
    like(gives(['-e', '!(+ 1 "a")'], 1, qr/^\[\(Error/, 'an Error about types'),
        qr{in \(\+ 1 "a"\); the script ends here\n(?s:.*)  expected: Number as argument 2, and not String$}m, "tier $tier: tells what was expected");
}

# Each line is one object, and what it says is what the text would say.
sub json_lines {
    write_file('j.metta', qq{!(println! "a\\nb")\n!(superpose (1 "x"))\n!(+ 1 "s")\n});
    my $err = gives(['--format=json', 'j.metta'], 1, <<'END', 'results as JSON');
{"kind":"output","text":"a\n"}
{"kind":"output","text":"b\n"}
{"kind":"results","file":"j.metta","line":1,"column":1,"results":["()"]}
{"kind":"results","file":"j.metta","line":2,"column":1,"results":["1","\"x\""]}
{"kind":"results","file":"j.metta","line":3,"column":1,"results":["(Error (+ 1 \"s\") (BadArgType 2 Number String))"]}
END
    is($err, <<'END', "tier $tier: diagnostics as JSON");
{"kind":"diagnostic","severity":"error","message":"uncaught Error in (+ 1 \"s\"); the script ends here","file":"j.metta","line":3,"column":1,"end_line":3,"end_column":2,"expected":"Number as argument 2, and not String"}
END
    $err = gives(['--format=json', '-e', "\xFF\xC3\xA9"], 3, '', 'text that is no UTF-8');
    like($err, qr/^\{"kind":"diagnostic".*"line":1,"column":1\D.*\}$/, "tier $tier: is told");
    $err = gives(['--format=json', 'nosuch.metta'], 3, '', 'a file that is not there');
    like($err, qr/^\{"kind":"diagnostic","severity":"error","message":"cannot read nosuch.*\}$/,
        "tier $tier: is told as JSON");
    $err = gives(['--format=json', '-e', '!(trace! x 1)'], 0, qr/"results":\["1"\]/, 'notes');
    is($err, qq({"kind":"note","text":"x\\n"}\n), "tier $tier: are objects");
    $err = gives(['--format=text', 'j.metta'], 1, qr/^a\nb\n\[\(\)\]\n/, 'text');
    like($err, qr/^  expected: Number as argument 2, and not String$/m, "tier $tier: what was expected");
}

# The calls around what failed: as they stand in tier 0, as frames in the others, with the
# arguments that are sure to be there.
sub call_stacks {
    write_file('deep.metta', <<'END');
(: half (-> Number Number))
(= (half $x) (/ $x 2))
(= (inner $x $y) (+ $y (half $x)))
(= (outer $l) (+ 1 (inner (car-atom $l) 5)))
(= (main $n) (let $r (outer ("a" b)) (+ $r $n)))
!(main 3)
END
    my $err = gives(['deep.metta'], 1, qr/^\[\(Error \(half "a"\)/, 'an Error deep inside');
    like($err, qr/^  calls, the innermost first:\n    \(\+ .*\n(?s:.*)\((?:outer|let) .*\("a" b\)/m,
        "tier $tier: the calls around it");
    like($err, qr/^deep\.metta:1:4: note: half is declared here\n  \(: half .*\n     \^~~~$/m,
        "tier $tier: and what failed");
    write_file('caught.metta', <<'END');
(= (try $n) (case (/ 1 $n) (((Error $c $r) caught) ($v $v))))
(= (safe) (try 0))
(= (unsafe $n) (+ 1 (/ $n 0)))
!(safe)
!(unsafe 8)
END
    $err = gives(['caught.metta'], 1, qr/^\[caught\]\n\[\(Error \(\/ 8 0\)/, 'one Error caught, one not');
    like($err, qr/^    \((?:unsafe 8|\+ 1 \(\/ 8 0\))\)$/m, "tier $tier: the calls of the one that was not");
    unlike($err, qr/safe\)|try/, "tier $tier: and not of the other");
    write_file('count.metta', "(= (count \$n) (+ 1 (count (+ \$n 1))))\n(= (go \$x) (* \$x (count 0)))\n!(go 7)\n");
    $err = gives(['--steps=20000', 'count.metta'], 4, "[]\n", 'a limit of steps');
    like($err, qr/^    \.\.\. and \d+ more of (?:count|\+)\n    \((?:go 7|\* 7 \(count 0\))\)$/m,
        "tier $tier: calls that are alike are counted");
    like(gives(['--depth=100', 'count.metta'], 4, "[]\n", 'a limit of depth'),
        qr/stopped: the depth limit of 100\n(?s:.*)calls, the innermost first:\n    \(/,
        "tier $tier: and of depth");
    like(gives(['--format=json', '--steps=20000', 'count.metta'], 4, qr/results/, 'as JSON'),
        qr/"stack":\["\(/, "tier $tier: a list of lines");
    write_file('long.metta', "(= (f \$x) (+ \$x (/ 1 0)))\n!(f \"" . ('x' x 5000) . "\")\n");
    $err = gives(['long.metta'], 1, qr/DivisionByZero|BadArgType/, 'a long argument');
    ok(!(grep { length > 200 } split /\n/, $err), "tier $tier: is cut");
    $err = gives(['-e', '(= (square $n $i) (if (== $i 0) (+ $n (/ 1 0)) (square (* $n $n) (- $i 1)))) !(square 3 15)'],
        1, qr/DivisionByZero/, 'a great integer');
    like($err, qr/<integer of 51937 bits>/, "tier $tier: is told by its size");
}

sub signals {
    write_file('loop.metta', "(= (loop) (let \$x (println! y) (loop)))\n!(+ 1 1)\n!(loop)\n!(+ 2 2)\n");
    my $pid = start('', 'loop.metta');
    Program::wait_until(sub { (-s 'out' // 0) > 100 });
    kill INT => $pid;
    my ($code, $out, $err) = finish($pid);
    is($code, 130, "tier $tier: an interrupt");
    like($out, qr/^\[2\]\n(?:y\n)+\[\]\n\z/, "tier $tier: what was found is printed");
    like($err, qr/^loop\.metta:3:1: stopped: an interrupt$/m, "tier $tier: where it was");
    return if $tier == 0;    # which has no actors
    write_file('wait.metta', "!(import! &self concurrent)\n!(receive ((\$x \$x)) 90000 late)\n!(+ 2 2)\n");
    $pid = start('', 'wait.metta');
    Program::wait_until(sub { slurp('out') =~ /\n/ && slurp("/proc/$pid/stat") =~ /\) S / });
    kill INT => $pid;
    ($code, $out, $err) = finish($pid);
    is($code, 130, 'an interrupt of a script that waits for a message');
    like($err, qr/^wait\.metta:2:1: stopped: an interrupt$/m, 'where it waited');
    ($code, $out, $err) = finish(start('', '--query-timeout=0.2', 'wait.metta'));
    is($out, "[()]\n[]\n[4]\n", 'a time limit ends the wait, too');
    like($err, qr/^wait\.metta:2:1: stopped: the time limit of 0\.2 s$/m, 'and is told');
}

# What would make it slow to start: more threads, machine code and its library before
# there is anything to compile, the library's text read again in each process.
sub start_up {
    unlink 'out';
    my $pid = open my $to, '|-',
        "exec $ambit --tier=$tier -e '!(import! &self io) !(println! begun) !(readln!)' >out";
    Program::wait_until(sub { slurp('out') =~ /begun/ });
    my @stat = split ' ', slurp("/proc/$pid/stat") =~ s/.*\) //r;
    my ($faults, $threads) = @stat[7, 17];
    my $maps = slurp("/proc/$pid/maps");
    kill KILL => $pid;
    close $to;
    unlike($maps, qr/asmjit/, "tier $tier: nothing that makes machine code is loaded at the start");
    return if $sanitized;
    is($threads, 1, "tier $tier: there is one thread");
    cmp_ok($faults, '<', 600, "tier $tier: few pages are touched ($faults)");
}

sub import_modules {
    write_file('m/one.metta', "(= (f \$x) (+ \$x 1))\n!(bind! &secret 42)\n(s &secret)\n");
    write_file('m/main.metta', "!(import! &self one)\n!(import! &self one)\n!(f 1)\n! &secret\n");
    gives(['m/main.metta'], 0, "[()]\n[()]\n[2]\n[&secret]\n",
        'import! into &self: rules once, no bound tokens');
    write_file('m/as.metta',
        "!(import! &o one)\n!(import! p one)\n!(f 1)\n"
      . "!(match &o (= (f 2) \$x) (quote \$x))\n!(match &p (s \$x) \$x)\n! &o\n");
    gives(['m/as.metta'], 0,
        "[()]\n[()]\n[(f 1)]\n[(quote (+ 2 1))]\n[42]\n[ModuleSpace(GroundingSpace-top:one)]\n",
        'import! under a name');
    write_file('m/two.metta', "!(import! &self one)\n(= (g) (f 10))\n");
    write_file('m/three.metta', "!(import! &self one)\n(= (h) (f 20))\n");
    write_file('m/diamond.metta',
        "!(import! &self two)\n!(import! &self three)\n!(g)\n!(h)\n!(f 1)\n!(print-mods!)\n");
    gives(['m/diamond.metta'], 0,
        qr/^\[\(\)\]\n\[\(\)\]\n\[11\]\n\[21\]\n\[2\]\ntop = 0\n ├─corelib = 1\n ├─stdlib = 1\n.* ├─two = (\d+)\n │  └─one = (\d+)\n └─three = \d+\n    └─one = \2\n\[\(\)\]\n$/s,
        'a diamond brings its base once');
    write_file('m/dir/module.metta', "!(import! &self peer)\n(= (d) (p))\n");
    write_file('m/dir/peer.metta',   "(= (p) peer)\n");
    write_file('m/dirs.metta',
        "!(import! &self dir)\n!(d)\n!(import! &x dir:peer)\n! &x\n!(mod-space! \"top:dir\")\n!(mod-space! top)\n");
    gives(['m/dirs.metta'], 0,
        "[()]\n[peer]\n[()]\n[ModuleSpace(GroundingSpace-top:dir:peer)]\n"
      . "[ModuleSpace(GroundingSpace-top:dir)]\n[ModuleSpace(GroundingSpace-top)]\n",
        'directories and name paths');
    write_file('m/file.metta',
        "!(import! &self \"dir/peer.metta\")\n!(p)\n!(import! &self \"./dir/peer.metta\")\n!(p)\n");
    gives(['m/file.metta'], 0, "[()]\n[peer]\n[()]\n[peer]\n", 'import of a file name');
    write_file('m/reg.metta',
        "!(register-module! \"dir/peer.metta\")\n!(register-module! dir)\n!(import! &self peer)\n!(p)\n!(d)\n");
    gives(['m/reg.metta'], 0, "[()]\n[()]\n[()]\n[peer]\n[(d)]\n", 'register-module!');
}

sub more_modules {
    write_file('m/inc.metta', "(= (i) 5)\n!(println! included)\n!(superpose (1 2))\n");
    write_file('m/include.metta', "!(include inc)\n!(i)\n!(include \"inc.metta\")\n!(i)\n");
    gives(['m/include.metta'], 0,
        "included\n[1, 2]\n[5]\nincluded\n[1, 2]\n[5, 5]\n", 'include runs the text here');
    write_file('m/tok.metta', "!(bind! &here 7)\n");
    write_file('m/intok.metta', "!(include tok)\n! &here\n");
    gives(['m/intok.metta'], 0, "[()]\n[7]\n", 'include may bind tokens');
    write_file('m/rel.metta', "!(import! &self sub)\n!(q)\n");
    write_file('m/sub/module.metta', "!(import! &self one)\n(= (q) (f 1))\n");
    gives(['m/rel.metta'], 0, "[()]\n[2]\n", 'modules look beside the program, too');
    write_file('m/pkg/module.metta', "!(import! &self dep)\n(= (v) (w))\n");
    write_file('m/pkg/pkg-info.json',
        '{"name": "pkg", "version": "1.0.0", "strict": true,'
      . ' "deps": {"dep": {"fs_path": "../elsewhere/thing"}}}');
    write_file('m/elsewhere/thing/module.metta', "(= (w) found)\n");
    write_file('m/usepkg.metta', "!(import! &self pkg)\n!(v)\n");
    gives(['m/usepkg.metta'], 0, "[()]\n[found]\n", 'pkg-info.json names a path');
    for my $row (['^1.2', 1], ['1.2', 1], ['~1.2', 1], ['>=1.0, <2', 1], ['=1.2.3', 1],
        ['*', 1], ['^2', 0], ['>1.2.3', 0], ['~1.1', 0], ['<1.2.3', 0], ['=1.3', 0])
    {
        my ($req, $ok) = @$row;
        write_file('m/pkg/pkg-info.json', "{\"deps\": {\"dep\": {\"version_req\": \"$req\"}}}");
        write_file('m/pkg/dep/module.metta',   "(= (w) inner)\n");
        write_file('m/pkg/dep/pkg-info.json', '{"version": "1.2.3"}');
        gives(['m/usepkg.metta'], $ok ? 0 : 1, $ok ? "[()]\n[inner]\n" : qr/does not meet/,
            "version 1.2.3 and $req");
    }
    gives(['-e', '!(import! &self random) !(get-type flip) !(import! &r random) ! &r'], 0,
        "[()]\n[(-> Bool)]\n[()]\n[ModuleSpace(GroundingSpace-top:random)]\n",
        'a built-in module and its tokens');
    write_file('m/userandom.metta', "!(import! &self random)\n(= (r) (random-int &rng 3 4))\n");
    write_file('m/indirect.metta',  "!(import! &self userandom)\n!(r)\n");
    gives(['m/indirect.metta'], 0, "[()]\n[3]\n", 'a module may use a built-in module');
}

sub settings {
    gives(['-e', '!(pragma! interpreter bare-minimal) !(+ 1 2) !(eval (+ 1 2))'], 0,
        "[()]\n[(+ 1 2)]\n[3]\n", 'bare-minimal');
    gives(['-e', '!(bind! a* 5) ! aa !(bind! aa+ 6) ! aa ! a'], 0,
        "[()]\n[5]\n[()]\n[6]\n[5]\n", 'the newest binding counts');
    gives(['-e', '!(bind! a* 5) ! aaa ! ab'], 0, "[()]\n[5]\n[ab]\n",
        'names to bind are regular expressions');
    gives(['-e', '!(pragma! anything goes)'], 0, "[()]\n", 'unknown settings');
    gives(['--depth', '0', '--steps', '0', '-e', '!(+ 1 1)'], 0, "[2]\n", '0 is no limit');
}

for (@tiers) {
    $tier = $_;
    $_->() for \&texts_and_files, \&arguments_and_exit, \&output, \&conversation, \&reasons, \&json_lines, \&call_stacks, \&signals, \&start_up, \&import_modules,
        \&more_modules, \&settings;
}
done_testing;
