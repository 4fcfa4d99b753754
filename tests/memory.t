#!/usr/bin/env perl
# The limit on memory is one on what the process takes: whatever a form piles up,
# the resident size stays below the limit and a margin, the form is stopped, its
# memory is given back, and the next forms run. What is counted is what is taken.
# AMBIT names the program, AMBIT_TIERS the tiers to run (all there are).
use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use Program;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(sleep);

my $here  = abs_path(dirname(__FILE__));
my $ambit = abs_path($ENV{AMBIT} // "$here/../build/ambit");
my @tiers = Program::tiers();
-x $ambit or plan skip_all => "no program at $ambit";

my $slow   = ($ENV{AMBIT_SLOW} || 1) > 1;    # sanitizers take memory of their own
our $limit = $slow ? 24 : 96;                # MiB
my $margin = 32;
my $dir    = tempdir(CLEANUP => 1);
chdir $dir;

my $rules = <<'END';
(= (nat $n) $n)
(= (nat $n) (nat (+ $n 1)))
(= (pairs $n) (pair $n (of $n)))
(= (pairs $n) (pairs (+ $n 1)))
(= (grow $l) (grow (cons-atom 1 $l)))
(= (pile $l) (pile (C 1 $l)))
(= (deep $n) (+ 1 (deep (+ $n 1))))
(= (big $n) (big (* $n $n)))
(= (power $n $i) (if (== $i 0) $n (power (* $n $n) (- $i 1))))
(= (twice $s) (format-args "{}{}" ($s $s)))
(= (double $s) (double (twice $s)))
(= (append $l) (append (union-atom $l $l)))
(= (bits 0) ())
(= (bits $n) (let $t (superpose (0 1)) (let $r (bits (- $n 1)) (cons-atom $t $r))))
(= (tree $n) (if (== $n 0) leaf (let $t (tree (- $n 1)) (node $t $t))))
(= (facts $s $n) (let $x (add-atom $s (p $n (q $n $n) "text")) (facts $s (+ $n 1))))
(= (churn $n) (let* (($x (add-atom &self (: r $n))) ($y (remove-atom &self (: r $n)))) (churn (+ $n 1))))
(= (changes $s $n) (let $x (change-state! $s (l $n (a b c $n))) (changes $s (+ $n 1))))
(= (items $s $n) (if (== $n 0) $s (items (twice $s) (- $n 1))))
!(import! &self json)
!(import! &self strings)
END

# What piles up => form. Each is endless, or ends far beyond the limit. What is
# kept leaves no room for other forms.
my @forms = (
    [ 'results'                     => '(nat 0)' ],
    [ 'results that are terms'      => '(pairs 0)' ],
    [ 'collected results'           => '(collapse (nat 0))' ],
    [ 'collected lists'             => '(collapse (bits 40))' ],
    [ 'a list'                      => '(grow ())' ],
    [ 'a nested term'               => '(pile Nil)' ],
    [ 'frames'                      => '(deep 0)' ],
    [ 'strings that double'         => '(double "abcdefgh")' ],
    [ 'lists that double'           => '(append (a b c))' ],
    [ 'great integers'              => '(big 3)' ],
    [ 'the text of a large term'    => '(let $t (tree 40) (repr $t))' ],
    [ 'the text of a great integer' => '(let $n (power 3 27) (repr $n))' ],
    [ 'atoms of a space'            => '(facts &self 0)', 'kept' ],
    [ 'types removed again'         => '(churn 0)' ],
    [ 'strings that were replaced' => '(string-replace (items "a" 15) "a" (items "abc" 15))' ],
    [ 'JSON'                        => '(let $s (items ",[],0" 20) (json-decode (format-args "[0{}]" ($s))))' ],
);

sub slurp {
    open my $in, '<', $_[0] or return '';
    local $/;
    return <$in> // '';
}

# Runs the file; its exit code and the highest resident size seen, in MiB.
sub run {
    my ($tier, @options) = @_;
    @options = "--memory=${limit}M" if !@options;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDOUT, '>', 'out';
        open STDERR, '>', 'err';
        alarm 600;
        exec $ambit, "--tier=$tier", @options, 'p.metta' or exit 127;
    }
    my $most = 0;
    until (waitpid $pid, WNOHANG) {
        if ((readlink("/proc/$pid/exe") // '') eq $ambit) {
            my ($kib) = slurp("/proc/$pid/status") =~ /^VmHWM:\s+(\d+) kB/m;
            $most = $kib / 1024 if $kib && $kib / 1024 > $most;
        }
        sleep 0.002;
    }
    return ($? & 127 ? 'signal ' . ($? & 127) : $? >> 8, $most);
}

for my $tier (@tiers) {
    for (@forms) {
        my ($what, $form, $kept) = @$_;
        open my $file, '>', 'p.metta' or die "p.metta: $!";
        print $file "$rules!$form\n!(size-atom (a b c))\n!(repr (a b))\n";
        close $file;
        my ($code, $mib) = run($tier);
        my @lines = split /\n/, slurp('out');
        my $err   = slurp('err');
        my @wrong;
        push @wrong, "exit $code" if $code ne '4';
        push @wrong, "said: $err" if $err !~ /stopped: the memory limit of $limit MiB$/m;
        push @wrong, 'the forms after it: ' . substr "@lines[-2, -1]", 0, 80
            if !$kept && ( @lines != 5 || "@lines[-2, -1]" ne '[3] ["(a b)"]' );
        push @wrong, "$mib MiB" if !$slow && $mib > $limit + $margin;
        ok(!@wrong, sprintf 'tier %d: %s (%.0f MiB)', $tier, $what, $mib) or diag(join '; ', @wrong);
    }
}

# Ten kinds of growth, each by itself and some together, drawn by chance: another AMBIT_SEED
# draws others. A step of a kind is done with a number that no step before had.
my %steps = (
    lists     => [ '(C $n $l)', '' ],
    spaces    => [ '$l', '(add-atom &kb (p $n (q $n $n) "text"))' ],
    indexes   => [ '$l', '(let $a (add-atom &kb (i $n (+ $n 1) (+ $n 2))) (collapse (match &kb (i $x $n $y) $x)))' ],
    tables    => [ '(C $r $l)', '', '($r (row-of $n))' ],
    symbols   => [ '$l', '(parse (format-args "name{}" ($n)))' ],
    strings   => [ '(C $s $l)', '', '($s (format-args "{} and some text behind it" ($n)))' ],
    integers  => [ '(C $b $l)', '', '($b (* 123456789012345678901234567890 $n))' ],
    choices   => [ '$l', '', '($c (superpose (1 2)))' ],
    mailboxes => [ '$l', '(send &a (m $n (of $n) "text"))' ],
    code      => [ '$l', '(let $rule (parse (format-args "(= (fn{} $x) (+ $x {}))" ($n $n))) (add-atom &self $rule))' ],
);

# The rest of a loop that grows in these ways for ever, or $times times.
sub growing {
    my ($times, @kinds) = @_;
    my ($list, $steps) = ('$l', '');
    for (@kinds) {
        my ($with, $step, $own) = @{ $steps{$_} };
        $list =~ s/\$l/$with/;
        $steps .= $own ? " $own" : $step ? " (\$done-$_ $step)" : '';
    }
    my $actor = grep { $_ eq 'mailboxes' } @kinds;
    my $spawn = $actor ? '!(bind! &a (spawn (receive ((never x)))))' : '';
    my $body = "(let* ($steps) (mix (+ \$n 1) $list))";
    $body = "(if (== \$n $times) \$l $body)" if $times;
    return <<"END";
!(tabled! row-of)
(= (row-of \$n) (row \$n (of \$n) \$n))
!(import! &self strings)
!(import! &self concurrent)
!(bind! &kb (new-space))
$spawn
(= (mix \$n \$l) $body)
END
}

my $seed = $ENV{AMBIT_SEED} // 1;
srand $seed;

# Some of them, in any order.
sub some_of {
    my @kinds = sort @_;
    return map { splice @kinds, rand @kinds, 1 } 1 .. 3 + int rand @kinds - 3;
}

sub grows {
    my ($tier, @kinds) = @_;
    open my $file, '>', 'p.metta' or die "p.metta: $!";
    print $file growing(0, @kinds), "!(mix 1 N)\n";
    close $file;
    my ($code, $mib) = run($tier);
    my $err = slurp('err');
    my @wrong;
    push @wrong, "exit $code" if $code ne '4';
    push @wrong, "said: $err" if $err !~ /stopped: the memory limit of $limit MiB$/m;
    push @wrong, "$mib MiB" if !$slow && $mib > $limit + $margin;
    ok(!@wrong, sprintf 'tier %d: %s (%.0f MiB)', $tier, "@kinds", $mib) or diag(join '; ', "AMBIT_SEED=$seed", @wrong);
}
{
    local $limit = $slow ? $limit : $limit / 2;
    for my $tier (@tiers) {
        my @kinds = grep { $tier || $_ ne 'mailboxes' } sort keys %steps;    # tier 0 has no actors
        grows($tier, $_) for @kinds;
        grows($tier, some_of(@kinds)) for 1 .. 3;
    }
}

# Nor does what malloc keeps between blocks that are in use come on top of the limit.
sub among_holes {
    my ($tier) = @_;
    open my $file, '>', 'p.metta' or die "p.metta: $!";
    print $file <<'END';
(: f (-> Number Number))
(= (f $n) (if (== $n 0) 0 (+ 1 (f (- $n 1)))))
(= (grow $l) (grow (C 1 $l)))
!(tabled! f)
!(- (f 80000) 80000)
!(grow N)
!(size-atom (a b c))
END
    close $file;
    my ($code, $mib) = run($tier);
    is("$code " . slurp('out'), "4 [()]\n[0]\n[]\n[3]\n", "tier $tier: a list beside what tables have left is stopped");
    cmp_ok($mib, '<=', $limit + $margin, sprintf 'tier %d: ... in time (%.0f MiB)', $tier, $mib);
}
if (!$slow) { among_holes($_) for grep { $_ > 0 } @tiers }

# A hundred thousand actors, each of which waits within something, take little more than what
# is live in them.
sub waiting_actors {
    my ($tier) = @_;
    open my $file, '>', 'p.metta' or die "p.metta: $!";
    print $file <<'END';
!(import! &self concurrent)
(= (adder $boss $n) (let $u (send $boss here) (send $boss (sum (+ $n (receive (((add $x) $x))))))))
(= (start $boss $n $l) (if (== $n 0) $l (let $a (spawn (adder $boss $n)) (start $boss (- $n 1) (Cons $a $l)))))
(= (await $k) (if (== $k 0) all (receive ((here (await (- $k 1)))))))
(= (tell Nil) ())
(= (tell (Cons $a $r)) (let $u (send $a (add 2)) (tell $r)))
(= (gather $k $s) (if (== $k 0) $s (receive (((sum $i) (gather (- $k 1) (+ $s $i)))))))
!(let* (($l (start (self) 100000 Nil)) ($w (await 100000)) ($u (tell $l))) (gather 100000 0))
END
    close $file;
    my ($code, $mib) = run($tier, '--memory=400M', '-j1');
    is("$code " . slurp('out'), "0 [()]\n[5000250000]\n", "tier $tier: 100000 actors that wait within something");
    cmp_ok($mib, '<=', 400, sprintf 'tier %d: ... (%.0f MiB)', $tier, $mib);
}
if (!$slow) { waiting_actors($_) for grep { $_ > 0 } @tiers }

# Tier 1 collects: more than the limit may pass through.
my %passing = (
    'garbage'             => '(let $l (fill 100000 ()) (spin 2000000 $l))',
    'old values of states' => '(let $s (new-state (l 0)) (set $s 400000))',
    'atoms removed again'  => '(let $s (new-space) (visit $s 400000))',
    'constants removed again' => '(let $s (new-space) (same $s 400000))',
    'states'               => '(states 100000)',
    'states in states'     => '(nested 100000 nil)',
    'states that hold much' => '(holding 400)',
    'spaces'               => '(spaces 100000)',
    'spaces in circles'    => '(circles 100000)',
    'spaces in which something was evaluated' => '(evaluated 100000)',
    'spaces in which rules that refer to them came, ran and went' => '(ruled 100000)',
    'atoms removed behind a query' =>
        '(let* (($s (new-space)) ($a (add-atom $s (p 1))) ($b (add-atom $s (p 2)))'
        . ' ($all (collapse (match $s (p $x) (let $c (remove-atom $s (p 2)) ($x (visit $s 300000)))))))'
        . ' (if (== $all ((1 100000) (2 100000))) 100000 $all))',
);

sub passes {
    my ($tier, $what) = @_;
    open my $file, '>', 'p.metta' or die "p.metta: $!";
    print $file <<"END";
(= (fill \$n \$l) (if (== \$n 0) \$l (fill (- \$n 1) (cons-atom \$n \$l))))
(= (spin \$n \$l) (if (== \$n 0) (size-atom \$l) (let \$x (list \$n \$n \$n \$n \$n \$n) (spin (- \$n 1) \$l))))
(= (set \$s \$n) (if (== \$n 0) 100000 (let \$x (change-state! \$s (l \$n (a b c \$n))) (set \$s (- \$n 1)))))
(= (visit \$s \$n) (if (== \$n 0) 100000 (let* ((\$a (add-atom \$s (l \$n (a b c \$n)))) (\$all (collapse (match \$s (l \$n \$x) \$x))) (\$b (remove-atom \$s (l \$n (a b c \$n))))) (visit \$s (- \$n 1)))))
(= (same \$s \$n) (if (== \$n 0) 100000 (let* ((\$a (add-atom \$s (l a b c d e f))) (\$b (remove-atom \$s (l a b c d e f)))) (same \$s (- \$n 1)))))
(= (states \$n) (if (== \$n 0) 100000 (let \$s (new-state (l \$n (a b c \$n))) (states (- \$n 1)))))
(= (nested \$n \$s) (if (== \$n 0) 100000 (let \$t (new-state (l \$n \$s)) (nested (- \$n 1) (if (== (% \$n 10) 0) nil \$t)))))
(= (holding \$n) (if (== \$n 0) 100000 (let \$s (new-state (fill 3000 ())) (let \$l (get-state \$s) (holding (- \$n 1))))))
(= (spaces \$n) (if (== \$n 0) 100000 (let* ((\$s (new-space)) (\$a (add-atom \$s (l \$n)))) (spaces (- \$n 1)))))
(= (circles \$n) (if (== \$n 0) 100000 (let* ((\$s (new-space)) (\$t (new-space)) (\$a (add-atom \$s (l \$t))) (\$b (add-atom \$t (l \$s)))) (circles (- \$n 1)))))
(: in (-> %Undefined% Atom %Undefined%))
(= (in \$s \$x) (metta \$x %Undefined% \$s))
(= (evaluated \$n) (if (== \$n 0) 100000 (let* ((\$s (new-space)) (\$a (add-atom \$s (= (f \$x) (l \$x)))) (\$r (in \$s (f \$n)))) (if (== \$r (l \$n)) (evaluated (- \$n 1)) \$r))))
(= (ruled \$n) (if (== \$n 0) 100000 (let* ((\$s (new-space)) (\$a (add-atom \$s (= (f \$x) (g \$x)))) (\$b (add-atom \$s (= (g \$x) (\$x \$s)))) (\$r (in \$s (f \$n))) (\$c (remove-atom \$s (= (f \$x) (g \$x))))) (if (== \$r (\$n \$s)) (ruled (- \$n 1)) \$r))))
!$passing{$what}
END
    close $file;
    $limit = $what =~ /much/ ? 12 : 24;
    my ($code) = run($tier);
    is($code . slurp('out'), "0[100000]\n", "tier $tier: $what do not count");
}
for my $what (sort keys %passing) {
    passes($_, $what) for grep { $_ == 1 || ($_ && $what =~ /in which/) } @tiers;
}

# What forms have left behind does not count for those after them.
my %left = (
    'states' => '!(let $s (new-state (l a)) (get-state $s))',
    'spaces' => '!(let* (($s (new-space)) ($a (add-atom $s (l a)))) (match $s (l $x) (l $x)))',
    'spaces in circles' =>
        '!(let* (($s (new-space)) ($t (new-space)) ($a (add-atom $s (l a $t))) ($b (add-atom $t (r $s)))) (match $s (l $x $y) (l $x)))',
    'states in states' => '!(let $s (new-state (l a)) (let $t (new-state $s) (get-state (get-state $t))))',
    'spaces in which something was evaluated' =>
        '!(let* (($s (new-space)) ($a (add-atom $s (= (f $x) (l $x)))) ($b (add-atom $s (held $s)))) (metta (f a) %Undefined% $s))',
    'states that hold much' =>
        '!(let $s (new-state (fill 3000 ())) (let $all (get-state $s) (if (== (size-atom $all) 3000) (l a) no)))',
);

sub leaves {
    my ($tier, $what) = @_;
    open my $file, '>', 'p.metta' or die "p.metta: $!";
    my ($n, $least) = $what =~ /much/ ? (400, $tier ? 12 : 16) : (40_000, 16);
    print $file '(= (fill $n $l) (if (== $n 0) $l (fill (- $n 1) (cons-atom $n $l))))', "\n";
    print $file "$left{$what}\n" for 1 .. $n;
    close $file;
    # The program takes 14 MiB, that of few forms 7, and 5 more while one runs in tier 0,
    # which does not collect; all that they leave would take 35 or 10 more.
    $limit = $least;
    my ($code) = run($tier);
    my @lines = split /\n/, slurp('out');
    is("$code " . scalar(grep { $_ eq '[(l a)]' } @lines), "0 $n", "tier $tier: $what that forms have left go");
}
if (!$slow) {
    for my $tier (@tiers) { leaves($tier, $_) for sort keys %left }
}

# What --memory counts is what the process takes: within 5 % when it keeps something,
# whatever that is. (And a MiB: pages of the program and of libraries come as they are
# used.)
sub filling {
    my ($n, $bound, $atom) = @_;
    return "(= (fill \$i) (if (== \$i 0) done (let* ($bound (\$_ (add-atom &self $atom))) (fill (- \$i 1)))))\n!(fill $n)\n";
}
my %kept = (
    'facts of a script' => join('', map {"(edge $_ (f $_ \"text\"))\n"} 1 .. 200_000),
    'small facts of a script' => join('', map {"(edge $_ " . ($_ + 1) . ")\n"} 1 .. 300_000),
    'nested facts of a script' => join('', map {"(a (b (c (d $_))) ($_ $_))\n"} 1 .. 100_000),
    'facts that were added, with indexes' => filling(300_000, '', '(e $i (+ $i 1) (f $i))')
        . "!(match &self (e 7 \$x \$y) \$x)\n!(match &self (e \$x 7 \$y) \$x)\n",
    'doubles'      => filling(200_000, '($d (* 1.5 $i))', '(e $i $d)'),
    'great integers' => filling(200_000, '($b (* 123456789012345678901 $i))', '(e $b)'),
    'facts with variables' => filling(200_000, '', '(e $i $x (f $y $x))'),
    'symbols'      => join('', map {"(s$_ t$_)\n"} 1 .. 100_000),
    'long symbols' => join('', map { "(s${_}_" . 'a' x 60 . " t)\n" } 1 .. 100_000),
    'states'       => filling(200_000, '($s (new-state (v $i)))', '(st $i $s)'),
    'spaces'       => filling(30_000, '($s (new-space)) ($a (add-atom $s (in $i)))', '(sp $s)'),
    'rules'        => join('', map {"(= (f$_ \$x) (+ \$x $_))\n!(f$_ 1)\n"} 1 .. 10_000),
    'tables'       => growing(100_000, 'tables') . "!(bind! &l (new-state (mix 1 N)))\n",
    'tables of several results' =>
        "!(tabled! few)\n(= (few \$n) (superpose (\$n 1 2)))\n"
        . "(= (mix \$n) (if (== \$n 0) done (let \$all (collapse (few \$n)) (mix (- \$n 1)))))\n!(mix 100000)\n",
    'strings'      => growing(200_000, 'strings') . "!(bind! &l (new-state (mix 1 N)))\n",
    'a list'       => "(= (list \$n \$l) (if (== \$n 0) \$l (list (- \$n 1) (C \$n \$l))))\n!(bind! &l (new-state (list 500000 N)))\n",
);

# MiB that were counted and that the process held, in the end.
sub counted {
    my ($tier, $text) = @_;
    open my $file, '>', 'p.metta' or die "p.metta: $!";
    print $file $text;
    close $file;
    run($tier, '--gc-stats', '--memory=2G');
    my %bytes = slurp('err') =~ /^gc: (counted|resident)\b.*?(\d+) bytes$/mg;
    return map { ($bytes{$_} // 0) / 2**20 } qw(counted resident);
}

for ( 1 .. 3 ) {    # mailboxes end with the script, and rules that change at each step take their time
    my @kinds = some_of(grep { !/choices|code|mailboxes/ } keys %steps);
    $kept{"@kinds"} = growing(100_000, @kinds) . "!(bind! &l (new-state (mix 1 N)))\n";
}

for my $tier (grep { $_ && !$slow } @tiers) {    # tier 0 keeps what a form has left, too
    for my $what (sort keys %kept) {
        my ($mine, $held) = counted($tier, $kept{$what});
        ok($held > 10 && abs($mine - $held) < 1 + $held / 20,
            sprintf 'tier %d: %s count as what they are (%.1f of %.1f MiB)', $tier, $what, $mine, $held)
            or diag("AMBIT_SEED=$seed");
    }
}
done_testing;
