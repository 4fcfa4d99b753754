#!/usr/bin/env perl
# A system that does not do as it is told: reads and writes that are short or
# interrupted, disks that are full, streams that are closed or slow. Nothing is lost
# without a word, and the exit code tells.
# AMBIT names the program, AMBIT_TIERS the tiers to run (both).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Program;
use Cwd qw(abs_path);
use Errno qw(EAGAIN);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use constant { F_GETPIPE_SZ => 1032, FIONREAD => 0x541B };    # of Linux
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use POSIX qw(:sys_wait_h);
use Test::More;

my $here  = abs_path(dirname(__FILE__));
my $ambit = abs_path($ENV{AMBIT} // "$here/../build/ambit");
my @tiers = split ' ', $ENV{AMBIT_TIERS} // '0 1';
-x $ambit or plan skip_all => "no program at $ambit";

my $dir = tempdir(CLEANUP => 1);
chdir $dir;
my $tier;

BEGIN { *write_file = \&Program::write_file }

sub slurp {
    open my $in, '<:raw', $_[0] or return '';
    local $/;
    return <$in> // '';
}

# Runs `$ambit --tier=N WORDS` with what a shell makes of $around, where % is the
# command. Returns exit code and standard error.
sub run {
    my ($around, $words, %env) = @_;
    local @ENV{ keys %env } = values %env;
    local $ENV{ASAN_OPTIONS} = join ':', grep {defined} $ENV{ASAN_OPTIONS},
        'verify_asan_link_order=0';
    (my $line = $around) =~ s/%/"$ambit --tier=$tier $words"/e;
    my $status = system 'timeout', $Program::guard, 'bash', '-c', "{ $line; } 2>err";
    return ($status & 127 ? 'signal ' . ($status & 127) : $status >> 8, slurp('err'));
}

# is_run(what, shell line, words, exit code, standard error [, expected text of out])
sub is_run {
    my ($what, $around, $words, $want_code, $want_err, $want_out, %env) = @_;
    unlink 'out';
    my ($code, $err) = run($around, $words, %env);
    my $out = slurp('out');
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $ok = $code eq $want_code && $err =~ $want_err;
    $ok &&= $out eq $want_out if defined $want_out;
    ok($ok, "tier $tier: $what")
        or diag "exit $code, not $want_code\nstderr: $err\nstdout: "
        . substr($out, 0, 300);
}

# ---- the programs -----------------------------------------------------------------

my $long = join ' ', map {"w$_"} 1 .. 3000;
write_file('many.metta',
    "(= (count \$n) (if (== \$n 0) done (let \$x (println! \$n) (count (- \$n 1)))))\n"
  . "!(count 300)\n!(size-atom ($long))\n!(quote ($long))\n!(+ 1 1)\n");
my $many = join('', map {"$_\n"} reverse 1 .. 300) . "[done]\n[3000]\n[(quote ($long))]\n[2]\n";

my $text = 'x' x 40000;
write_file('copy.metta', <<"END_OF_TEXT");
!(import! &self fileio)
!(import! &self io)
!(import! &self strings)
!(bind! &out (file-open! "copied" "wct"))
!(file-write! &out "$text")
!(file-close! &out)
!(bind! &in (file-open! "copied" "r"))
!(file-get-size! &in)
!(string-length (file-read-to-string! &in))
!(file-seek! &in 10)
!(string-length (file-read-exact! &in 100))
!(file-close! &in)
END_OF_TEXT
my $copy = "[()]\n" x 6 . "[()]\n[40000]\n[40000]\n[()]\n[100]\n[()]\n";

# Writes until an Error comes, and says what it is.
sub filling {
    my ($path) = @_;
    return "!(import! &self fileio)\n!(import! &self io)\n"
        . "!(bind! &out (file-open! \"$path\" \"wc\"))\n"
        . "!(file-write! &out \"$text$text\")\n!(file-close! &out)\n!(+ 1 1)\n";
}

# ---- the faults -------------------------------------------------------------------

my $shim = "$dir/short_io.so";
my $cc   = $ENV{CC} // 'cc';
my $have_shim = system("$cc -shared -fPIC -o $shim $here/lib/short_io.c -ldl 2>/dev/null") == 0;

sub short_and_interrupted {
    my %settings = (
        'single bytes'        => { SHORT_IO => 1,   SHORT_IO_EINTR => 0 },
        'single bytes, every third call interrupted' => { SHORT_IO => 1, SHORT_IO_EINTR => 3 },
        'every other call interrupted'  => { SHORT_IO => 0, SHORT_IO_EINTR => 2 },
        'a hundred bytes, every seventh interrupted' => { SHORT_IO => 100, SHORT_IO_EINTR => 7 },
    );
    for my $name (sort keys %settings) {
        my @env = (LD_PRELOAD => $shim, %{ $settings{$name} });
        is_run("output in full: $name", '% >out', 'many.metta', 0, qr/^$/, $many, @env);
        is_run("output in full through a pipe: $name", 'set -o pipefail; % | cat >out',
            'many.metta', 0, qr/^$/, $many, @env);
        is_run("a script from standard input: $name", '% <many.metta >out', '-', 0, qr/^$/,
            $many, @env);
        is_run("files: $name", '% >out', 'copy.metta', 0, qr/^$/, $copy, @env);
        is(-s 'copied', length $text, "tier $tier: the file is whole: $name");
    }
    write_file('one.metta', "!(import! &self many)\n!(count 0)\n");
    is_run('a module', '% >out', 'one.metta', 0, qr/^$/, undef, LD_PRELOAD => $shim);
}

sub full_disk {
    my @disasm = $tier > 0 ? 'disasm many.metta' : ();
    for my $words ('many.metta', '-e "!(+ 1 1)"', 'parse many.metta', @disasm, '--help',
        '--version')
    {
        is_run("$words >/dev/full", '% >/dev/full', $words, 5,
            qr/^ambit: cannot write the output: No space left on device$/);
    }
    is_run('standard error that is full changes nothing', '% >out 2>/dev/full',
        '-e "!(+ 1 1) !(Error a b)"', 1, qr/^$/, "[2]\n[(Error a b)]\n");
    write_file('full.metta', filling('/dev/full'));
    is_run('a file on a full disk', '% >out', 'full.metta', 1,
        qr/uncaught Error/, undef);
    like(slurp('out'), qr/Failed to write content to file: No space left/,
        "tier $tier: the Error says so");
}

sub file_size_limit {
    write_file('large.metta', filling('large'));
    is_run('output beyond the limit of a file', 'ulimit -f 4; % >out', 'many.metta', 5,
        qr/^ambit: cannot write the output: File too large$/, substr $many, 0, 4096);
    unlink 'large';
    is_run('a file beyond its limit', 'set -o pipefail; (ulimit -f 8; %) | cat >out',
        'large.metta', 1, qr/uncaught Error/, undef);
    like(slurp('out'), qr/Failed to write content to file: File too large/,
        "tier $tier: the Error says so");
    is(-s 'large', 8192, "tier $tier: what had room is there");
    save_spaces();
}

# A snapshot that finds no room leaves the one that is there, and nothing beside it.
sub save_spaces {
    write_file('save.metta', "!(import! &self snapshot)\n!(bind! &kb (new-space))\n"
          . "!(add-atom &kb (a b))\n!(save-space! &kb \"kept.snap\")\n");
    is_run('a space is saved', '% >out', 'save.metta', 0, qr/^$/, "[()]\n[()]\n[()]\n[1]\n");
    my $old = slurp('kept.snap');
    my $facts = join ' ', map {"(f $_)"} 1 .. 3000;
    write_file('more.metta', "!(import! &self snapshot)\n!(bind! &kb (new-space))\n"
          . "!(add-atoms &kb ($facts))\n!(save-space! &kb \"kept.snap\")\n");
    is_run('a snapshot beyond its limit', 'set -o pipefail; (ulimit -f 8; %) | cat >out',
        'more.metta', 1, qr/uncaught Error/, undef);
    like(slurp('out'), qr/cannot write kept\.snap: File too large/, "tier $tier: the Error says so");
    ok(slurp('kept.snap') eq $old, "tier $tier: the old snapshot is as it was");
    is(join(' ', glob 'kept.snap*'), 'kept.snap', "tier $tier: and nothing lies beside it");
    is_run('then there is room', '% >out', 'more.metta', 0, qr/^$/,
        "[()]\n[()]\n[()]\n[3000]\n");
    write_file('back.metta', "!(import! &self snapshot)\n!(bind! &kb (new-space))\n"
          . "!(load-space! &kb \"kept.snap\")\n!(match &kb (f 2999) found)\n");
    write_file('cut.metta', "!(import! &self snapshot)\n!(import! &self fileio)\n"
          . "!(bind! &kb (new-space))\n!(load-space! &kb \"kept.snap\")\n"
          . "!(bind! &f (file-open! \"kept.snap\" \"wt\"))\n!(match &kb (f 2999) found)\n");
    is_run('and the space is loaded', '% >out', 'back.metta', 0, qr/^$/,
        "[()]\n[()]\n[3000]\n[found]\n");
    chmod 0600, 'kept.snap';
    is_run('saved once more', 'umask 022; % >out', 'more.metta', 0, qr/^$/, undef);
    is((stat 'kept.snap')[2] & 0777, 0600, "tier $tier: what was kept from others stays so");
    chmod 0664, 'kept.snap';
    is_run('and once more', 'umask 077; % >out', 'more.metta', 0, qr/^$/, undef);
    is((stat 'kept.snap')[2] & 0777, 0664, "tier $tier: what was for others stays so");
    SKIP: {
        skip 'root may write all files', 2 if $> == 0;
        chmod 0444, 'kept.snap';
        is_run('a snapshot that may not be written', '% >out', 'save.metta', 1, qr/uncaught Error/, undef);
        like(slurp('out'), qr/cannot write kept\.snap: Permission denied/, "tier $tier: the Error says so");
        chmod 0644, 'kept.snap';
    }
    is_run('a snapshot that is loaded may be cut', '% >out', 'cut.metta', 0, qr/^$/,
        "[()]\n[()]\n[()]\n[3000]\n[()]\n[found]\n");
    is_run('then it is none', '% >out', 'back.metta', 1, qr/uncaught Error/, undef);
    like(slurp('out'), qr/cannot load kept\.snap: it is no snapshot/, "tier $tier: the Error says so");
    is_run('and it is saved again', '% >out', 'more.metta', 0, qr/^$/, undef);
    return unless $have_shim;
    is_run('a snapshot written by single bytes, with interrupts', '% >out', 'more.metta', 0,
        qr/^$/, undef, LD_PRELOAD => $shim, SHORT_IO => 100, SHORT_IO_EINTR => 3);
    is_run('... is the same', '% >out', 'back.metta', 0, qr/^$/,
        "[()]\n[()]\n[3000]\n[found]\n");
}

# A file system of our own that is too small, if we may make one.
sub small_disk {
    my $mount = 'mkdir -p small && mount -t tmpfs -o size=16k none small';
    SKIP: {
        skip 'file systems cannot be mounted here', 6
            if system("unshare -m bash -c '$mount' 2>/dev/null") != 0;
        write_file('small.metta', filling('small/file'));
        is_run('a file on a small disk', "unshare -m bash -c '$mount; % >out; exit \$?'",
            'small.metta', 1, qr/uncaught Error/, undef);
        like(slurp('out'), qr/Failed to write content to file: No space left/,
            "tier $tier: the Error says so");
        my $begin = "!(import! &self snapshot)\n!(bind! &kb (new-space))\n";
        my $many  = '!(add-atoms &kb (' . join(' ', map {"(f $_)"} 1 .. 3000) . "))\n";
        write_file('full.metta', "$begin$many!(save-space! &kb \"small/kept.snap\")\n");
        is_run('a snapshot on a small disk',
            "unshare -m bash -c '$mount; % >out; code=\$?; ls small >>out; exit \$code'",
            'full.metta', 1, qr/uncaught Error/, undef);
        like(slurp('out'), qr/cannot write small\/kept\.snap: No space left on device.*\]\n\z/,
            "tier $tier: the Error says so, and nothing of it stays");
        my $save = '!(save-space! &kb "small/old.snap")' . "\n";
        write_file('over.metta', "$begin!(add-atom &kb (f old))\n$save$many$save");
        write_file('old.metta',
            "$begin!(load-space! &kb \"small/old.snap\")\n!(match &kb (f \$x) \$x)\n");
        is_run('... and what was saved before is still there',
            "unshare -m bash -c '$mount; % >/dev/null; ls small >out; $ambit old.metta >>out'",
            'over.metta', 0, qr/No space left/, "old.snap\n[()]\n[()]\n[1]\n[old]\n");
        is_run('output on a small disk', "unshare -m bash -c '$mount; % >small/out; exit \$?'",
            'many.metta', 5, qr/^ambit: cannot write the output: No space left on device$/);
    }
}

sub closed_streams {
    is_run('closed output', '% >&-', 'many.metta', 5,
        qr/^ambit: cannot write the output: Bad file descriptor$/);
    is_run('closed standard input', '% <&- >out', '-', 3,
        qr/^ambit: cannot read <stdin>: Bad file descriptor$/, '');
    is_run('closed standard error', '% >out 2>&-', '-e "!(+ 1 1) !(Error a b)"', 1, qr/^$/,
        "[2]\n[(Error a b)]\n");
    write_file('keep.metta', "!(import! &self fileio)\n"
          . "!(bind! &out (file-open! \"kept\" \"wct\"))\n!(file-write! &out \"its own\")\n");
    run('% >&-', q{-e '!(import! &self keep)'});
    is(slurp('kept'), 'its own', "tier $tier: a file does not take the place of closed output");
    is_run('a directory as standard input', '% <. >out',
        q{-e '!(import! &self io) !(readln!)'}, 1, qr/uncaught Error/, undef);
    like(slurp('out'), qr/cannot read the standard input: Is a directory/,
        "tier $tier: the Error says so");
}

# ---- pipes ------------------------------------------------------------------------

# Starts the program with a pipe as its output, which nobody reads yet.
sub start_with_pipe {
    my ($blocking, @words) = @_;
    pipe my $from, my $to or die "pipe: $!";
    fcntl $to, F_SETFL, fcntl($to, F_GETFL, 0) | O_NONBLOCK or die "fcntl: $!" if !$blocking;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDOUT, '>&', $to;
        open STDERR, '>', 'err';
        close $from;
        alarm $Program::guard;
        exec $ambit, "--tier=$tier", @words or exit 127;
    }
    close $to;
    return ($pid, $from);
}

# More does not go into the pipe: the program waits, or what it writes is refused.
sub wait_until_full {
    my ($from) = @_;
    my $room = fcntl $from, F_GETPIPE_SZ, 0;
    my $there;
    ok(Program::wait_until(sub {
        ioctl $from, FIONREAD, $there = pack 'i', 0 or die "ioctl: $!";
        return unpack('i', $there) == $room;
    }), "tier $tier: a pipe gets full");
}

sub finish {
    my ($pid, $from) = @_;
    my $out = do { local $/; <$from> };
    waitpid $pid, 0;
    return ($? & 127 ? 'signal ' . ($? & 127) : $? >> 8, $out);
}

sub slow_readers {
    my $wide = join ' ', 1 .. 40000;    # more than a pipe takes
    write_file('wide.metta', "!(quote ($wide))\n!(+ 1 1)\n");
    my ($pid, $from) = start_with_pipe(0, 'wide.metta');
    wait_until_full($from);
    my ($code, $out) = finish($pid, $from);
    ok($code eq 0 && $out eq "[(quote ($wide))]\n[2]\n",
        "tier $tier: a pipe that does not block gets everything")
        or diag "exit $code, " . length($out) . ' bytes, ' . slurp('err');
    ($pid, $from) = start_with_pipe(1, 'wide.metta');
    wait_until_full($from);
    kill INT => $pid;
    Program::wait_until(sub { slurp("/proc/$pid/status") !~ /^(?:Sig|Shd)Pnd:.*[^0\s]/m });
    ($code, $out) = finish($pid, $from);
    my $told = slurp('err') =~ /^ambit: a result line was cut: /;
    chop(my $prefix = $out);
    ok($code eq 130 && $told && $prefix eq substr("[(quote ($wide))]", 0, length $prefix),
        "tier $tier: an interrupt while output waits cuts the line, and tells")
        or diag "exit $code, " . length($out) . ' bytes, ' . slurp('err');
}

# ---- other commands ---------------------------------------------------------------

# Words, standard input; all of them write to standard output.
my @tools = (
    ['check wrong.metta'], ['fmt -', 'tool.metta'], ['doc tool.metta'], ['doc --html tool.metta'],
    ['test tool.metta'], ['parse tool.metta'], ['trace tool.metta'], ['why tool.metta'],
    ['lsp', 'asked'], ['repl', 'typed'],
);

# What a command prints, without how long it took.
sub printed_by {
    my ($tool, %env) = @_;
    my $from = $tool->[1] ? "<$tool->[1]" : '</dev/null';
    unlink 'out';
    my ($code, $err) = run("% $from >out", $tool->[0], %env);
    return "$code\n" . (slurp('out') . $err) =~ s/\d+\.\d+ s//r;
}

sub commands {
    write_file('tool.metta', "; a file\n(: f (-> Number Number))\n(\@doc f (\@desc \"$text\"))\n"
          . "(= (f \$x) (+ \$x 1))\n!(f 1)\n!(assertEqual (f 1) 2)\n");
    write_file('wrong.metta', "!(+ 1 \"a\")\n" x 50);
    write_file('typed', "!(+ 1 1)\n(= (f \$x)\n  \$x)\n!(f 7)\n:quit\n");
    write_file('asked', join '', map { 'Content-Length: ' . length($_) . "\r\n\r\n$_" }
        '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}',
        '{"jsonrpc":"2.0","id":2,"method":"shutdown"}', '{"jsonrpc":"2.0","method":"exit"}');
    for my $tool (@tools) {
        my $usual = printed_by($tool);
        cmp_ok(length $usual, '>', 5, "$tool->[0]: prints something");
        my $every = $tool->[0] eq 'repl' ? 0 : 3;    # there, it is somebody's Ctrl-C
        is(printed_by($tool, LD_PRELOAD => $shim, SHORT_IO => 1, SHORT_IO_EINTR => $every),
            $usual, "$tool->[0]: single bytes, interrupted at each call no. $every")
            if $have_shim;
        my $from = $tool->[1] ? "<$tool->[1]" : '</dev/null';
        for my $full ('/dev/full', '&-') {
            is_run("$tool->[0] >$full", "% $from >$full", $tool->[0], 5,
                qr/^ambit: cannot write the output: (?:No space left on device|Bad file descriptor)$/m);
        }
    }
    is_run('compile does not take the place of a pipe', 'mkfifo pipe; %', 'compile -o pipe tool.metta',
        5, qr/cannot write pipe: it is not a regular file/);
    ok(-p 'pipe', 'which is there still');
    is_run('documentation to a full disk', '%', 'doc -o /dev/full tool.metta', 5, qr/No space left/);
    is_run('compile beyond the limit of a file', 'ulimit -f 4; %', 'compile -o large.out tool.metta',
        5, qr/File too large/);
    is(join(' ', glob 'large.out*'), '', 'and nothing of it stays');
}

for (@tiers) {
    $tier = $_;
    $have_shim ? short_and_interrupted() : note "no compiler for $here/lib/short_io.c";
    $_->() for \&full_disk, \&file_size_limit, \&small_disk, \&closed_streams, \&slow_readers;
}
$tier = 1;
commands();
done_testing;
