#!/usr/bin/env perl
# Limits: each kind of endless work under each limit that can stop it. A form
# that is stopped prints what it has found, standard error names the limit and
# the place, the next form runs, and the exit code is 4.
# AMBIT names the program, AMBIT_TIERS the tiers to run (all there are).
use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use Program;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(sleep);

my $here  = abs_path(dirname(__FILE__));
my $ambit = abs_path($ENV{AMBIT} // "$here/../build/ambit");
my @tiers = Program::tiers();
-x $ambit or plan skip_all => "no program at $ambit";

my $slow         = $ENV{AMBIT_SLOW} || 1;    # sanitizers
my $most_seconds = 20 * $slow;
my $dir  = tempdir(CLEANUP => 1);
chdir $dir;
my $tier;

# The limit is one on what is resident, too, and what ThreadSanitizer knows of memory that
# was given back stays so: no room comes back there.
my $gives_back = Program::sanitizers() !~ /thread/;

my $rules = <<'END';
(= (loop $x) (loop (+ $x 1)))
(= (gen) a)
(= (gen) (gen))
(= (grow $l) (grow (cons-atom 1 $l)))
(= (pile $l) (pile (C 1 $l)))
(= (deep $n) (+ 1 (deep (+ $n 1))))
(= (down $n) (if (== $n 0) 0 (+ 1 (down (- $n 1)))))
(= (nat $n) $n)
(= (nat $n) (nat (+ $n 1)))
(= (big $n) (big (* $n $n)))
(= (heads a) a)
(= (heads ($n)) (a (heads $n) $n))
(: twice (-> Number Atom %Undefined%))
(= (twice $n $t) (if (== $n 0) $t (let $m (- $n 1) (twice $m ($t $t)))))
(= (say) (let $x (println! hello) (say)))
(= (fill $n) (let $x (add-atom &self (p $n)) (fill (+ $n 1))))
(= (facts $n) (if (> $n 0) (let $x (add-atom &self (q $n)) (facts (- $n 1))) done))
!(facts 300)
END
my $none = '(unify $v0 0 x (empty))';
$none = "(let \$v$_ (superpose (1 2 3 4 5 6 7 8 9)) $none)" for 0 .. 24;
$rules = "(= (choices) $none)\n$rules";
my $line = () = $rules =~ /\n/g;
$line += 2;    # of the form that is stopped

# form => what its result line is when it is stopped
my %endless = (
    '(loop 0)'                                   => qr/^\[\]$/,
    '(gen)'                                      => qr/^\[a[a, ]*\]$/,
    '(grow ())'                                  => qr/^\[\]$/,
    '(pile Nil)'                                 => qr/^\[\]$/,
    '(deep 0)'                                   => qr/^\[\]$/,
    '(nat 0)'                                    => qr/^\[0[\d, ]*\]$/,
    '(collapse (nat 0))'                         => qr/^\[\]$/,
    '(say)'                                      => qr/^\[\]$/,
    '(twice 60 (a b))'                           => qr/^\[\]$/,
    '(choices)'                                  => qr/^\[\]$/,
    '(let a (heads $u) a)'                       => qr/^\[(?:a[a, ]*)?\]$/,    # ever deeper heads
    '(fill 0)'                                   => qr/^\[\]$/,
    '(breadth-first (nat 0))'                    => qr/^\[0[\d, ]*\]$/,
    '(iterative-deepening (loop 0) 3)'           => qr/^\[\]$/,
    '(minimize (let $n (nat 0) ($n)))'           => qr/^\[\]$/,
    '(match &self (, (q $a) (q $b) (q $c) (q $d)) x)' => qr/^\[[x, ]*\]$/,
    '(collapse (match &self (, (q $a) (q $b) (q $c) (q $d)) x))' => qr/^\[\]$/,
);

sub slurp {
    open my $in, '<', $_[0] or return '';
    local $/;
    return <$in> // '';
}

# Highest resident size so far in KiB, once the child is the program.
sub peak {
    my ($pid) = @_;
    return 0 if (readlink("/proc/$pid/exe") // '') ne $ambit;
    my ($kib) = slurp("/proc/$pid/status") =~ /^VmHWM:\s+(\d+) kB/m;
    return $kib // 0;
}

# Runs the program text; returns exit code, output, messages, KiB. What goes on after its
# limit is ended by the processor time it takes, which other programs do not change.
sub run {
    my ($text, @options) = @_;
    open my $out, '>', 'p.metta' or die "p.metta: $!";
    print $out $text;
    close $out;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDOUT, '>', 'out';
        open STDERR, '>', 'err';
        exec 'sh', '-c', "ulimit -t $most_seconds; exec \"\$@\"", 'sh', $ambit, "--tier=$tier", @options, 'p.metta'
            or exit 127;
    }
    my $most = 0;
    while (waitpid($pid, 1) == 0) {
        my $now = peak($pid);
        $most = $now if $now > $most;
        sleep 0.005;
    }
    my $code = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
    return ($code, slurp('out'), slurp('err'), $most);
}

# An endless form between others that end.
sub text_with {
    my ($form) = @_;
    my $import = $form =~ /breadth|deepening|minimize/ ? ' !(import! &self concurrent)' : '';
    return "$rules!(+ 1 1)$import\n!$form\n!(+ 2 2)\n";
}

# What is wrong with a run of it; limit: regex of its name.
sub wrong_with {
    my ($form, $limit, $code, $out, $err) = @_;
    my @lines = grep { $_ ne 'hello' && $_ ne '[()]' } split /\n/, $out;
    my @wrong;
    push @wrong, "exit $code" if $code ne '4';
    push @wrong, "no place and limit: $err"
        if $err !~ /^p\.metta:$line:1: stopped: $limit$/m;
    push @wrong, 'the other forms' if "@lines[0, 1] $lines[-1]" ne '[done] [2] [4]';
    push @wrong, 'the results: ' . substr($lines[2] // 'none', 0, 80)
        if @lines != 4 || $lines[2] !~ $endless{$form};
    return @wrong;
}

sub stops {
    my ($form, $limit, @options) = @_;
    my ($code, $out, $err, $kib) = run(text_with($form), @options);
    my @wrong = wrong_with($form, $limit, $code, $out, $err);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok(!@wrong, sprintf 'tier %d: %s %s', $tier, $form, "@options") or diag(join '; ', @wrong);
    return $kib;
}

# Limits of time hold for forms that end, too, which need a part of a millisecond. The
# processors may be somebody else's for longer: then the limit is a longer one.
my @seconds = (0.3, 1.2, 3.6);

sub stops_in_time {
    my ($form) = @_;
    my (@wrong, $option);
    for my $s (@seconds) {
        $option = "--query-timeout=$s";
        @wrong  = wrong_with($form, quotemeta "the time limit of $s s", run(text_with($form), $option));
        last if !grep { $_ eq 'the other forms' } @wrong;
    }
    ok(!@wrong, "tier $tier: $form $option") or diag(join '; ', @wrong);
}

sub by_time {
    stops_in_time($_) for sort keys %endless;
    my ($code) = run("$rules!(big 3)\n", '--query-timeout=0.3');
    is($code, 4, "tier $tier: great numbers end, too");
}

sub by_memory {
    for my $form ('(gen)', '(pile Nil)', '(grow ())', '(deep 0)', '(collapse (nat 0))', '(fill 0)',
        '(collapse (match &self (, (q $a) (q $b) (q $c) (q $d)) x))')
    {
        my $kib = stops($form, 'the memory limit of 64 MiB', '--memory=64M');
        cmp_ok($kib, '<', (64 + 32) * 1024, "tier $tier: ... and within it")
            if $slow == 1;
    }
}

sub by_steps {
    stops($_, 'the limit of 10000 steps', '--steps=10000')
        for '(loop 0)', '(gen)', '(grow ())', '(deep 0)', '(collapse (nat 0))', '(say)', '(choices)',
        '(let a (heads $u) a)', '(breadth-first (nat 0))', '(iterative-deepening (loop 0) 3)',
        '(minimize (let $n (nat 0) ($n)))';
    # The least number that suffices is the one with which it ends.
    my ($low, $high) = (0, 1 << 16);
    my $text = "(= (down \$n) (if (== \$n 0) 0 (+ 1 (down (- \$n 1)))))\n!(down 50)\n";
    while ($high - $low > 1) {
        my $middle = ($low + $high) >> 1;
        my ($code) = run($text, "--steps=$middle");
        if ($code) { $low = $middle } else { $high = $middle }
    }
    cmp_ok($low, '>=', 50, "tier $tier: steps are counted one by one");
    cmp_ok($high, '<', 50 * 50, "tier $tier: ... each once");
}

sub by_depth {
    stops('(deep 0)', 'the depth limit of 1000', '--depth=1000');
    my ($code, $out) = run("$rules!(down 100)\n", '--depth=10000');
    is("$code $out", "0 [done]\n[100]\n", "tier $tier: what is less deep runs");
}

# Names are kept, so a supply of new ones without end has to end; what is there goes on.
sub by_names {
    my $names = "!(import! &self strings)\n"
        . '(= (names $n) (let $x (parse (format-args "made-{}" ($n))) (names (+ $n 1))))' . "\n";
    my ($code, $out, $err) = run("$names!(names 0)\n!(+ 1 1)\n!(names 0)\n!(quote made-7)\n!never-seen-before\n",
        '--names=5000');
    is("$code $out", "4 [()]\n[]\n[2]\n[]\n[(quote made-7)]\n", "tier $tier: names without end are stopped");
    is(() = $err =~ /stopped: the limit of 5000 names/g, 3, "tier $tier: ... and it is told why");
    ($code, $out) = run("$names!(import! &self json)\n!(quote (a b c))\n", '--names=5000');
    is("$code $out", "0 [()]\n[()]\n[(quote (a b c))]\n", "tier $tier: fewer are fine");
}

# The pragma max-stack-depth: rules, and for each form the least number that is
# enough, as measured with Hyperon. One less, and the form or a part of it is a
# StackOverflow error.
my $counted = <<'END';
(= (down $n) (if (> $n 0) (down (- $n 1)) done))
(= (count $n) (if (== $n 0) 0 (+ 1 (count (- $n 1)))))
(= (nat $n) $n)
(= (nat $n) (if (> $n 0) (nat (- $n 1)) (empty)))
(= (er) (Error a b))
(= (er) 1)
(= (mix $n) (Error m $n))
(= (mix $n) (if (> $n 0) (mix (- $n 1)) z))
(= (col x) a)
(= (col y) b)
(= (pair $x) ($x (col $x)))
(= (fun $n) (function (chain (eval (- $n 1)) $m (chain (eval (== $m 0)) $c
  (unify $c True (return end) (chain (eval (fun $m)) $r (return (s $r))))))))
(= (ch $n) (chain (+ $n 1) $x (chain (eval (* $x 2)) $y ($x $y (down 1)))))
(= (app Nil $y) $y)
(= (app (Cons $h $t) $y) (Cons $h (app $t $y)))
(: typed (-> Number $t Number))
(= (typed $n $q) (+ $n (count 1)))
(: id (-> $t $t))
(= (id $x) $x)
(: at (-> Atom Atom))
(= (at $x) ($x $x))
(= (data) (a (b (c d) (e (f g)))))
END
my %enough = (
    '(down 3)'                                             => 119,
    '(count 3)'                                            => 161,
    '(nat 2)'                                              => 15,
    '(mix 2)'                                              => 93,
    '(bar (mix 1))'                                        => 79,
    '(pair $q)'                                            => 40,
    '(let $x (pair $q) ($x $q))'                           => 54,
    '(let* (($x 1) ($y (+ $x 1)) ($z (count $y))) ($x $z))' => 304,
    '(fun 3)'                                              => 39,
    '(ch 2)'                                               => 107,
    '(app (Cons 1 (Cons 2 Nil)) Nil)'                      => 70,
    '(typed 1 a)'                                          => 108,
    '(id (id (down 1)))'                                   => 91,
    '(at (down 1))'                                        => 15,
    '(a (b (c (d (e f)))))'                                => 62,
    '(let $d (data) (let $e $d ($e $d)))'                  => 79,
    '(case (er) ((1 one) ((Error $a $b) (got $a))))'       => 27,
    '(chain (eval (down 2)) $x ($x))'                      => 103,
    '(evalc (down 1) &self)'                               => 16,
    '(metta (down 1) %Undefined% &self)'                   => 77,
    '(chain (collapse-bind (metta (nat 2) %Undefined% &self)) $c (superpose-bind $c))' => 27,
    '(f (capture (nat 2)))'                                => 27,
    '(let $x (foo (+ 1 2)) (g $x (h $x)))'                 => 66,
    '(let $x (foo (bar 3)) (let $y (g $x) $y))'            => 66,
    'a'                                                    => 2,
);

sub by_stack_depth {
    for my $form (sort keys %enough) {
        my @overflow;
        for my $n ($enough{$form} - 1, $enough{$form}) {
            my (undef, $out) = run("$counted!(pragma! max-stack-depth $n)\n! $form\n");
            my (undef, $line) = split /\n/, $out;
            push @overflow, ($line // 'none') =~ /StackOverflow/ ? 'too deep' : 'fine';
        }
        is("@overflow", 'too deep fine', "tier $tier: max-stack-depth $enough{$form} for $form");
    }
    for my $form ('(loop 0)', '(deep 0)', '(nat 0)') {
        my ($code, $out, $err) =
            run("$rules!(pragma! max-stack-depth 1000000000)\n!$form\n!(+ 2 2)\n", '--steps=20000');
        is($code, 4, "tier $tier: $form counted, under another limit");
        like($out, qr/\n\[4\]\n\z/, "tier $tier: ... which stops it alone");
    }
}

sub others {
    my ($code, $out, $err) = run("$rules!(nat 0)\n!(+ 2 2)\n", '-n', '3');
    is("$code $out$err", "0 [done]\n[0, 1, 2]\n[4]\n", "tier $tier: answers asked for");
    for my $s (@seconds) {
        ($code, $out, $err) = run("$rules!(loop 0)\n!(+ 2 2)\n", "--time-limit=$s");
        last if $out =~ /^\[done\]/;
    }
    is("$code $out", "4 [done]\n[]\n", "tier $tier: the time of the run ends it");
    like($err, qr/^p\.metta:\d+:1: stopped: the time limit of the run$/m, "tier $tier: ... by name");
    my $facts = join '', map { "(fact $_)\n" } 1 .. 1000;
    ($code, $out) = run("$rules!(loop 0)\n$facts!(+ 2 2)\n", '--steps=5000');
    is("$code $out", "4 [done]\n[]\n[4]\n", "tier $tier: facts behind a stopped form");
    my $tree = '(= (tree $n) (if (== $n 0) a (let $t (tree (- $n 1)) (b $t $t))))';
    for my $s (@seconds) {
        ($code, $out, $err) = run("$tree\n!(tree 40)\n!(+ 2 2)\n", "--query-timeout=$s");
        last if $out =~ /\n\[4\]\n\z/;
    }
    like($out, qr/\n\[4\]\n\z/, "tier $tier: a result too long to print does not stop the next form");
    is($code, 4, "tier $tier: ... but is a limit");
    like($err, qr/cut: no more time|stopped: the time limit/, "tier $tier: ... and is told");
    $facts = join '', map { "(fact $_ (a b c))\n" } 1 .. 300_000;
    for (1 .. 5) {    # the limit is to be shorter than reading takes
        ($code, $out) = run("!(+ 1 1)\n$facts!(+ 2 2)\n", '--query-timeout=0.05');
        last if $code eq '0';
    }
    is("$code $out", "0 [2]\n[4]\n", "tier $tier: reading is not the time of a form");
}

# Terms that share their parts: as trees they have 2^60 nodes. What looks at all of them
# is stopped; what need not ends at once.
sub shared_parts {
    my $text = '(= (wrap $n $x) (if (== $n 0) $x (let $y (N $x $x) (wrap (- $n 1) $y))))'
        . '(= (all) (let* (($a (wrap 60 a)) ($b (wrap 60 a)) ($p (wrap 60 $x)) ($q (wrap 60 $y)))';
    for my $form ('(unify $p $q yes no)', '(sealed ($x) $p)', '(let $y $a $q)', '(new-state $a)',
        '(change-state! (new-state (a)) $a)', '(add-atom &self $a)', '(intersection-atom ($a $p) ($b $q))')
    {
        for my $limit ('--query-timeout=0.3', '--steps=100000') {
            my ($code, $out) =
                run("$text $form))\n!(let \$x (all) done)\n!(+ 2 2)\n", $limit, '--memory=64M');
            is("$code $out", "4 []\n[4]\n", "tier $tier: $form is stopped with $limit");
        }
    }
    return if $tier == 0;    # goes through values again at each step
    for my $form ('(assertEqual $a $b)', '(unique-atom ($a $b))', '(== $p $q)', '(is-member $a ($b))') {
        my ($code, $out) = run("$text $form))\n!(let \$x (all) done)\n", '--steps=100000');
        is("$code $out", "0 [done]\n", "tier $tier: $form looks at shared parts once, or at some");
    }
}

# A stopped form leaves no table that is not complete: the same form is stopped again.
sub tables {
    my $text = <<'END';
(= (more $n) (let $m (more $n) (+ $m 1)))
(= (more $n) 0)
(= (deeper $n) (let $m (deeper (+ $n 1)) $m))
(= (few $n) (let $m (few $n) (if (< $m 3) (+ $m 1) (empty))))
(= (few $n) 0)
!(tabled! more)
!(tabled! deeper)
!(tabled! few)
END
    for my $limit ('--steps=20000', '--query-timeout=0.3', '--memory=64M') {
        for my $form ('(more 0)', '(deeper 0)') {
            # Rounds that look at all they have take long to fill the memory.
            next if $tier == 0 && $limit =~ /memory/ && $form =~ /more/;
            next if $limit =~ /memory/ && !$gives_back;
            my ($code, $out) = run("$text!$form\n!$form\n!(few 0)\n!$form\n!(few 0)\n", $limit);
            is($code, 4, "tier $tier: tabled $form under $limit");
            is($out, "[()]\n[()]\n[()]\n[]\n[]\n[0, 1, 2, 3]\n[]\n[0, 1, 2, 3]\n", "tier $tier: ... and no table stays");
        }
    }
    my ($code, $out) = run("$text!(few 0)\n!(few 0)\n", '-n', '2');
    is("$code $out", "0 [()]\n[()]\n[()]\n[0, 1]\n[0, 1]\n", "tier $tier: answers asked for, of a table");
}

# Kept calls take what is there, and the oldest go when it is needed.
sub kept {
    return if $tier == 0 || !$gives_back;    # tier 0 keeps none
    my $text = <<'END';
!(pragma! tabling auto)
(= (triple $x) (T $x $x $x))
(= (all $n) (if (== $n 0) done (let (T $x $y $z) (triple $n) (all (- $n 1)))))
(= (grow $n $l) (if (== $n 0) grown (grow (- $n 1) (cons-atom $n $l))))
!(all 100000)
!(grow 300000 ())
!(all 100000)
END
    my ($code, $out, $err) = run($text, '--memory=48M', '--table-stats');
    is("$code $out", "0 [()]\n[done]\n[grown]\n[done]\n", "tier $tier: more kept calls than there is room");
    my ($dropped) = $err =~ /^tables: tables dropped +(\d+)$/m;
    my ($bytes) = $err =~ /^tables: bytes of tables kept +(\d+)$/m;
    cmp_ok($dropped, '>', 0, "tier $tier: ... some have gone");
    cmp_ok($bytes, '<=', 24 << 20, "tier $tier: ... half of the limit at most");
}

for (@tiers) {
    $tier = $_;
    $_->() for \&tables, \&kept, \&by_time, \&by_memory, \&by_steps, \&by_depth, \&by_names,
        \&by_stack_depth, \&shared_parts, \&others;
}
done_testing;
