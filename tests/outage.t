#!/usr/bin/env perl
# The program while memory runs out: whichever request for memory fails, of the program's
# own or of a library's, every command ends by itself. Either it did without, and all is
# as always, or it says that memory is out, and the exit code tells. Builds with
# AddressSanitizer or ThreadSanitizer have a malloc of their own, and are left out.
#
# tests/lib/fail_malloc.c, preloaded, lets the n-th request fail. Each command is run for
# a sample of all n, and with AMBIT_LONG=1 for each; and for some n with all requests
# behind it failing, too. (What the library does then is in tests/unit/outage_test.c.)
# AMBIT names the program. Words behind prove's :: select commands by name.
use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use File::Temp qw(tempdir);
use Pool;
use Program;
use Test::More;

my $ambit = Program::path();
my $dir   = tempdir( CLEANUP => 1 );
my $shim  = "$dir/fail_malloc.so";
my $cc    = $ENV{CC} // 'cc';
plan skip_all => "no compiler for $Bin/lib/fail_malloc.c"
    if system("$cc -O1 -shared -fPIC -o $shim $Bin/lib/fail_malloc.c -ldl 2>/dev/null") != 0;
plan skip_all => 'a sanitizer has a malloc of its own'
    if Program::slurp($ambit) =~ /__(?:asan|tsan)_init/;
my $samples = $ENV{AMBIT_LONG} ? 1 << 30 : 60;

# ---- what is run ------------------------------------------------------------------

BEGIN { *write_file = \&Program::write_file }

write_file( "$dir/a.metta", <<'END' );
; twice as much
(: twice (-> Number Number))
(= (twice $x) (* 2 $x))
(@doc twice (@desc "Twice as much") (@params ((@param "a number"))) (@return "a number"))
(= (color) red)
(= (color) blue)
(= (fac $n) (if (== $n 0) 1 (* $n (fac (- $n 1)))))
!(color)
!(let $x (color) (pair $x (twice 21)))
!(fac 40)
!(assertEqual (twice 2) 4)
!(collapse (match &self (= (color) $c) $c))
END
write_file( "$dir/wrong.metta", "(= (f \$x) \$y)\n!(g 1)\n!(+ 1 \"a\")\n(: h (-> Number Number))\n!(h a)\n" );
write_file( "$dir/broken.metta", "(= (f \$x) (g \$x)\n!(f 1))\n\"abc" );
write_file( "$dir/rows.csv", "name,n\n" . join '', map {"r$_,$_\n"} 1 .. 200 );
write_file( "$dir/load.metta", "!(import! &self table)\n!(import! &self json)\n!(import! &self strings)\n"
        . "!(import! &self concurrent)\n"
        . "!(load-rows! &self \"rows.csv\" row)\n!(once (match &self (row r7 \$n) \$n))\n" );
write_file( "$dir/typed", "!(+ 1 2)\n(= (f \$x) (g \$x))\n!(f a)\n:help\n:type (f 1)\n!(f\n1)\n!(+ 1 \"a\")\n:doc f\n" );
write_file( "$dir/editor", join '', map { 'Content-Length: ' . length($_) . "\r\n\r\n$_" }
        '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}',
    '{"jsonrpc":"2.0","method":"initialized","params":{}}',
    '{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"file:///a.metta","languageId":"metta","version":1,"text":"(= (f $x) $y)\n!(f 1)\n"}}}',
    '{"jsonrpc":"2.0","id":2,"method":"textDocument/hover","params":{"textDocument":{"uri":"file:///a.metta"},"position":{"line":1,"character":2}}}',
    '{"jsonrpc":"2.0","id":3,"method":"textDocument/completion","params":{"textDocument":{"uri":"file:///a.metta"},"position":{"line":1,"character":2}}}',
    '{"jsonrpc":"2.0","id":4,"method":"textDocument/formatting","params":{"textDocument":{"uri":"file:///a.metta"},"options":{"tabSize":2,"insertSpaces":true}}}',
    '{"jsonrpc":"2.0","id":5,"method":"shutdown"}', '{"jsonrpc":"2.0","method":"exit"}' );

# Name, words, standard input, and whether what is typed next goes on as if nothing had
# happened, whether each request has its turn, and whether what is printed may be right in
# another way. All of it is the same from run to run.
my @commands = (
    [ 'run',          '--tier=1 -j 1 a.metta' ],
    [ 'run, tier 0',  '--tier=0 -j 1 a.metta' ],
    [ 'run, tier 2',  '--jit=sync --jit-threshold=1 -j 1 a.metta' ],
    [ 'run, json',    '--format=json -j 1 wrong.metta' ],
    [ 'run, wrong',   '-j 1 wrong.metta' ],
    [ 'run, broken',  '-j 1 broken.metta' ],
    [ 'rows',         '-j 1 load.metta' ],
    [ 'two of them',  '-j 2 a.metta' ],
    [ 'text',         q{-j 1 -e '!(+ 1 2)' x y} ],
    [ 'no answer',    q{-j 1 -e '!()'}, undef, 0, 1 ],
    [ 'machine code', q{--jit=sync --jit-threshold=1 -j 1 -e '(= (f $x) $x) !(f 1)'}, undef, 0, 1 ],
    [ 'words',        q{-e 1 --steps 9 --only f --only g trace --no-such-option a}, undef, 0, 1 ],
    [ 'names',        'check --strict wrong.metta', undef, 0, 1 ],
    [ 'input',        '-j 1 -', 'a.metta' ],
    [ 'options',      '--steps=1000 --memory=1G --depth=100 --jit-stats --no-such-option a.metta' ],
    [ 'parse',        'parse a.metta' ],
    [ 'disasm',       '-j 1 disasm a.metta', undef, 0, 0, 1 ],    # without all that is to know
    [ 'compile',      'compile -o a.out a.metta' ],
    [ 'trace',        '-j 1 trace a.metta' ],
    [ 'why',          '-j 1 why a.metta' ],
    [ 'why-not',      '-j 1 --answer=green why-not a.metta' ],
    [ 'check',        'check a.metta wrong.metta' ],
    [ 'check, json',  'check --format=json broken.metta' ],
    [ 'fmt',          'fmt --check a.metta' ],
    [ 'fmt, input',   'fmt -', 'wrong.metta' ],
    [ 'lsp',          'lsp', 'editor' ],
    [ 'test',         'test a.metta' ],
    [ 'doc',          'doc a.metta' ],
    [ 'doc, a name',  'doc car-atom' ],
    [ 'doc, html',    'doc --html a.metta' ],
    [ 'repl',         '-j 1 repl a.metta', 'typed', 1 ],
    [ 'help',         '--help' ],
);
if (@ARGV) {
    my $some = join '|', map {quotemeta} @ARGV;
    @commands = grep { $_->[0] =~ /$some/ } @commands;
}

# ---- running ----------------------------------------------------------------------

# Runs a command with these settings of the shim.
sub run {
    my ( $command, $place, %env ) = @_;
    my ( undef, $words, $input ) = @$command;
    local $ENV{ASAN_OPTIONS} = join ':', grep {defined} $ENV{ASAN_OPTIONS},
        'verify_asan_link_order=0', 'exitcode=98';
    my $env = join ' ', "LD_PRELOAD=$shim", map {"$_=$env{$_}"} keys %env;
    my $r = Program::run(
        argv  => [ 'sh', '-c', "$env exec \"$ambit\" $words" ],
        dir   => $place,
        stdin => $input ? "$dir/$input" : '/dev/null',
    );
    s/\d+(?:\.\d+)? (?:ms|s|us|µs)\b/TIME/g for $r->{out}, $r->{err};
    return $r;
}

# What a run says or leaves behind, without the exit code.
sub told { my ($r) = @_; return "$r->{out}\n--\n$r->{err}" }

sub about {
    my ($r) = @_;
    return "exit $r->{exit}, signal $r->{signal}\nstdout: " . substr( $r->{out}, 0, 600 )
        . "\nstderr: " . substr( $r->{err}, 0, 3000 );
}

# What is wrong with a run that something failed in; nothing if all is well.
sub wrong_with {
    my ( $r, $usual, $command ) = @_;
    my ( $goes_on, $may_differ ) = @{$command}[ 3, 5 ];
    return 'does not end' if $r->{timeout};
    return 'crashes' if $r->{signal} || $r->{exit} > 5 || $r->{exit} < 0;
    return 'has an internal error' if $r->{err} =~ /internal error/ && $r->{err} !~ /memory/;
    return undef if $r->{exit} == $usual->{exit} && told($r) eq told($usual);
    return undef if $may_differ && $r->{exit} == $usual->{exit} && $r->{err} eq $usual->{err};
    return 'does not say that memory is out' if told($r) !~ /memory|cannot be started|no address space/;
    return 'ends as if all were well'
        if $r->{exit} == 0 && $r->{out} ne $usual->{out} && !$goes_on;
    return undef;
}

# All failures of a command, a reference to a list of texts.
sub try_command {
    my ($command) = @_;
    my $place = tempdir( CLEANUP => 1 );
    system "cp $dir/* $place/";
    my $usual = run( $command, $place, FAIL_MALLOC_COUNT => "$place/count" );
    my ($n) = Program::slurp("$place/count") =~ /^(\d+)/ or return ['nothing was counted'];
    my $step = $n > $samples && !$command->[4] ? $n / $samples : 1;
    my ( @failures, $runs );
    for ( my $at = 1 ; $at <= $n ; $at += $step ) {
        my $i = int $at;
        for my $settings ( { FAIL_MALLOC => $i }, $runs++ % 8 ? () : { FAIL_MALLOC => $i, FAIL_MALLOC_ON => 1 } ) {
            my $r   = run( $command, $place, %$settings );
            my $bad = wrong_with( $r, $usual, $command ) // next;
            push @failures, join( ' ', map {"$_=$settings->{$_}"} sort keys %$settings ) . ": $bad\n" . about($r);
        }
    }
    return { n => $n, failures => \@failures };
}

Pool::run(
    [ map { [$_] } 0 .. $#commands ],
    sub { return try_command( $commands[ $_[0] ] ) },
    sub {
        my ( $i, $r ) = @_;
        my @failures = $r ? @{ $r->{failures} } : ('no end');
        ok( !@failures, "$commands[$i][0]: " . ( $r ? "$r->{n} requests" : '' ) )
            or diag( scalar @failures, " failures\n", join "\n", @failures[ 0 .. ( $#failures < 2 ? $#failures : 2 ) ] );
    }
);
done_testing;
