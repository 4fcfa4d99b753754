#!/usr/bin/env perl
# Every command gives back all the memory it took, however it ends: those of
# lib/Commands.pm, and more ways to end. Needs a program built with AddressSanitizer,
# which looks for what nothing refers to any more when a process ends; each run must say
# that it did look. (Other tests run with it, too, but do not know whether it looked.)
#
# AMBIT names the program. Words behind prove's :: select commands by name.
use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use Commands;
use File::Temp qw(tempdir);
use Pool;
use Program;
use Test::More;

my $ambit = Program::path();
plan skip_all => 'the program is built without AddressSanitizer'
    if Program::slurp($ambit) !~ /__asan_init/;
my $dir = tempdir( CLEANUP => 1 );
Commands::write_files($dir);
Program::write_file( "$dir/a_test.metta", "(= (f \$x) \$x)\n(= (g) never)\n!(assertEqual (f 1) 1)\n!(assertEqual (f 1) 2)\n" );
Program::write_file( "$dir/endless.metta", "(= (loop \$x) (loop (S \$x)))\n!(superpose (1 2))\n!(loop 0)\n" );
Program::write_file( "$dir/half",          "!(+ 1 2)\n(= (f \$x)\n" );
Program::write_file( "$dir/hangs-up",      substr Program::slurp("$dir/editor"), 0, 700 );
Program::write_file( "$dir/away.metta",    "!(import! &self nowhere)\n!(import! &self broken.metta)\n" );
Program::write_file( "$dir/many.metta", <<'END' );
!(import! &self concurrent)
!(bind! &a (spawn (receive (($m (println! $m))))))
!(send &a hello)
!(collapse (hyperpose ((+ 1 1) (+ 2 2) (Error a b))))
!(first (hyperpose (1 2 3)))
!(transaction (add-atom &self (row 1)))
!(bind! &b (spawn (receive ((never 1)))))
END

my @commands = (
    @Commands::ALL,
    [ 'compiled',           'a.ambc', undef, 'compile -o a.ambc a.metta' ],
    [ 'stats',              '-j 2 --stats --gc-stats --jit-stats --table-stats a.metta' ],
    [ 'profile',            '-j 2 --profile=p.out --trace-timeline t.json --log-level debug a.metta' ],
    [ 'explain',            '--explain a.metta' ],
    [ 'actors',             '-j 3 many.metta' ],
    [ 'actors, tier 0',     '--tier=0 -j 3 many.metta' ],
    [ 'steps',              '--steps 1000 endless.metta' ],
    [ 'memory',             '--memory 64M endless.metta' ],
    [ 'depth',              '--depth 20 a.metta' ],
    [ 'time',               '--query-timeout 0.05 endless.metta' ],
    [ 'time, tier 0',       '--tier=0 --query-timeout 0.05 endless.metta' ],
    [ 'time of the run',    '--time-limit 0.05 endless.metta' ],
    [ 'answers',            '-n 1 a.metta' ],
    [ 'exit',               q{-e '!(import! &self io)' -e '(= (f) (exit! 3)) !(pair 1 (f))'} ],
    [ 'imports',            'away.metta' ],
    [ 'no file',            'nowhere.metta' ],
    [ 'no command',         'chekc a.metta' ],
    [ 'version',            '--version' ],
    [ 'bench',              'bench --runs 1 --warmup 0 --json a.metta' ],
    [ 'bench, options',     'bench --no-such a.metta' ],
    [ 'new',                'new project' ],
    [ 'new, again',         'new again', undef, 'new again' ],
    [ 'test, more',         'test --coverage --jobs 2 a_test.metta endless.metta' ],
    [ 'test, recorded',     'test --update a_test.metta' ],
    [ 'test, a folder',     'test .' ],
    [ 'fmt, in place',      'fmt a.metta wrong.metta' ],
    [ 'fmt, broken',        'fmt broken.metta' ],
    [ 'fmt, a folder',      'fmt --check .' ],
    [ 'check, strict',      'check --strict --format json .' ],
    [ 'check, explained',   'check --explain E001' ],
    [ 'doc, all',           'doc' ],
    [ 'doc, unknown',       'doc no-such-name' ],
    [ 'doc, to a file',     'doc --html -o doc.html a.metta strings' ],
    [ 'trace, more',        '--trace-all --trace-depth 3 trace a.metta' ],
    [ 'trace, steps',       '--break twice trace a.metta', 'half' ],
    [ 'why-not, wrong',     '--answer=green why-not wrong.metta' ],
    [ 'why, broken',        'why broken.metta' ],
    [ 'parse, broken',      'parse broken.metta' ],
    [ 'disasm, all',        '--native disasm a.metta' ],
    [ 'compile, broken',    'compile -o b.ambc broken.metta' ],
    [ 'repl, no file',      'repl', 'typed' ],
    [ 'repl, half a form',  'repl', 'half' ],
    [ 'repl, tier 0',       '--tier=0 repl wrong.metta', 'typed' ],
    [ 'lsp, hung up',       'lsp', 'hangs-up' ],
    [ 'lsp, nothing',       'lsp' ],
);
if (@ARGV) {
    my $some = join '|', map {quotemeta} @ARGV;
    @commands = grep { $_->[0] =~ /$some/ } @commands;
}

# ---- running ----------------------------------------------------------------------

my $LEAKS = 97;

sub run {
    my ( $words, $input, $place, %env ) = @_;
    local $ENV{ASAN_OPTIONS} = join ':', grep {defined} $ENV{ASAN_OPTIONS}, 'detect_leaks=1', 'verify_asan_link_order=0';
    local $ENV{LSAN_OPTIONS} = "exitcode=$LEAKS:log_threads=1";
    my $env = join ' ', map {"$_=$env{$_}"} keys %env;
    return Program::run(
        argv  => [ 'sh', '-c', "$env exec \"$ambit\" $words" ],
        dir   => $place,
        stdin => $input ? "$place/$input" : '/dev/null',
    );
}

# What is wrong with how memory was left; nothing if all is well.
sub wrong_with {
    my ($r) = @_;
    my $trouble = Program::trouble($r);
    return $trouble if $trouble;
    return "memory was lost\n$r->{err}" if $r->{exit} == $LEAKS || $r->{err} =~ /ERROR: LeakSanitizer/;
    return "a sanitizer found something\n$r->{err}" if $r->{err} =~ /ERROR: \w+Sanitizer|runtime error:/;
    return "exit $r->{exit}\n$r->{err}" if $r->{exit} > 5 || $r->{exit} < 0;
    return "nobody looked\n$r->{err}" if $r->{err} !~ /Processing thread \d/;
    return undef;
}

# ---- would it be seen? ---------------------------------------------------------------

# A library that loses memory as soon as it is loaded.
my $cc = $ENV{CC} // 'cc';
Program::write_file( "$dir/lose.c", <<'END' );
#include <stdlib.h>
static void *volatile last;
__attribute__((constructor)) static void lose(void) {
  for (int i = 0; i < 10; i++) last = malloc(100);
}
END
SKIP: {
    skip "no compiler for $dir/lose.c", 1 if system("$cc -O0 -shared -fPIC -o $dir/lose.so $dir/lose.c 2>/dev/null") != 0;
    my $r = run( '-e 1', undef, $dir, LD_PRELOAD => "$dir/lose.so" );
    like( wrong_with($r) // '', qr/^memory was lost/, 'memory that a library loses is seen' );
}

Pool::run(
    [ map { [$_] } 0 .. $#commands ],
    sub {
        my ( undef, $words, $input, $first ) = @{ $commands[ $_[0] ] };
        my $place = tempdir( CLEANUP => 1 );
        system "cp $dir/* $place/";
        run( $first, undef, $place ) if $first && $first !~ /^\d/;
        return { bad => wrong_with( run( $words, $input, $place ) ) };
    },
    sub {
        my ( $i, $r ) = @_;
        my $bad = $r ? $r->{bad} : 'no end';
        ok( !defined $bad, "$commands[$i][0]: nothing is lost" ) or diag( substr $bad // '', 0, 6000 );
    }
);
done_testing;
