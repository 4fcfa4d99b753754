package Commands;

# The commands of the program as they are typed, on small files: for tests of what must
# hold for each of them.

use strict;
use warnings;
use Program;

# Makes the files that the commands are about.
sub write_files {
    my ($dir) = @_;
    Program::write_file( "$dir/a.metta", <<'END' );
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
    Program::write_file( "$dir/wrong.metta", "(= (f \$x) \$y)\n!(g 1)\n!(+ 1 \"a\")\n(: h (-> Number Number))\n!(h a)\n" );
    Program::write_file( "$dir/broken.metta", "(= (f \$x) (g \$x)\n!(f 1))\n\"abc" );
    Program::write_file( "$dir/rows.csv", "name,n\n" . join '', map {"r$_,$_\n"} 1 .. 200 );
    Program::write_file( "$dir/load.metta", "!(import! &self table)\n!(import! &self json)\n!(import! &self strings)\n"
            . "!(import! &self concurrent)\n"
            . "!(load-rows! &self \"rows.csv\" row)\n!(once (match &self (row r7 \$n) \$n))\n" );
    Program::write_file( "$dir/typed", "!(+ 1 2)\n(= (f \$x) (g \$x))\n!(f a)\n:help\n:type (f 1)\n!(f\n1)\n!(+ 1 \"a\")\n:doc f\n" );
    Program::write_file( "$dir/editor", join '', map { 'Content-Length: ' . length($_) . "\r\n\r\n$_" }
            '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}',
            '{"jsonrpc":"2.0","method":"initialized","params":{}}',
            '{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"file:///a.metta","languageId":"metta","version":1,"text":"(= (f $x) $y)\n!(f 1)\n"}}}',
            '{"jsonrpc":"2.0","id":2,"method":"textDocument/hover","params":{"textDocument":{"uri":"file:///a.metta"},"position":{"line":1,"character":2}}}',
            '{"jsonrpc":"2.0","id":3,"method":"textDocument/completion","params":{"textDocument":{"uri":"file:///a.metta"},"position":{"line":1,"character":2}}}',
            '{"jsonrpc":"2.0","id":4,"method":"textDocument/formatting","params":{"textDocument":{"uri":"file:///a.metta"},"options":{"tabSize":2,"insertSpaces":true}}}',
            '{"jsonrpc":"2.0","id":5,"method":"shutdown"}', '{"jsonrpc":"2.0","method":"exit"}' );
    return;
}

# Name, words, standard input, and whether what is typed next goes on as if nothing had
# happened, whether each request for memory has its turn, and whether what is printed may be
# right in another way. All of it is the same from run to run.
our @ALL = (
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
    [ 'repl, json',   '--format=json -j 1 repl a.metta', 'typed', 1 ],
    [ 'help',         '--help' ],
);

1;
