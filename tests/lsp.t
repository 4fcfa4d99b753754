#!/usr/bin/env perl
# `ambit lsp` as an editor sees it: a client that speaks the protocol over pipes, with
# what editors really send, and with what they should not.
# AMBIT names the program.
use strict;
use warnings;
use utf8;
use Encode qw(encode_utf8);
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use IPC::Open2 qw(open2);
use JSON::PP ();
use Program;
use Test::More;

my $ambit = Program::path();
my $dir   = tempdir(CLEANUP => 1);
my $json  = JSON::PP->new->utf8->canonical;
my ($pid, $from, $to, $last, @pending);

# ---- the client -----------------------------------------------------------------

sub start {
    $pid = open2($from, $to, $ambit, 'lsp');
    binmode $_ for $from, $to;
    ($last, @pending) = (0);
    alarm $Program::guard;
}

sub send_bytes { print $to $_[0]; $to->flush }

sub frame {
    my $body = ref $_[0] ? $json->encode($_[0]) : $_[0];
    return 'Content-Length: ' . length($body) . "\r\n\r\n$body";
}

sub receive {
    my ($length, $body);
    while (my $line = <$from>) {
        $line =~ s/\r\n\z// or die "a header that ends wrongly: $line";
        last if $line eq '';
        ($length) = $line =~ /^Content-Length: (\d+)$/ or die "a wrong header: $line";
    }
    defined $length or die 'the server has ended';
    read($from, $body, $length) == $length or die 'a message was cut';
    return $json->decode($body);
}

sub notify {
    my ($method, $params) = @_;
    send_bytes(frame({ jsonrpc => '2.0', method => $method, params => $params // {} }));
}

# The answer to a request; what comes before it is kept.
sub request {
    my ($method, $params) = @_;
    my $id = ++$last;
    send_bytes(frame({ jsonrpc => '2.0', id => $id, method => $method, params => $params // {} }));
    while (1) {
        my $m = receive();
        return $m if exists $m->{id} && defined $m->{id} && $m->{id} eq $id;
        push @pending, $m;
    }
}

sub result { return request(@_)->{result} }

# The next diagnostics.
sub diagnostics {
    my $m = shift @pending // receive();
    is($m->{method}, 'textDocument/publishDiagnostics', 'diagnostics come');
    return $m->{params};
}

# How it ended.
sub finish {
    close $to;
    waitpid $pid, 0;
    alarm 0;
    return $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
}

sub uri { return "file://$dir/$_[0]" }

sub open_document {
    my ($name, $text) = @_;
    notify('textDocument/didOpen',
        { textDocument => { uri => uri($name), languageId => 'metta', version => 1, text => $text } });
    return diagnostics();
}

sub change {
    my ($name, @changes) = @_;
    notify('textDocument/didChange',
        { textDocument => { uri => uri($name), version => 2 }, contentChanges => [@changes] });
    return diagnostics();
}

sub at { return { line => $_[0], character => $_[1] } }
sub span { return { start => at(@_[0, 1]), end => at(@_[2, 3]) } }

sub place {
    my ($name, @at) = @_;
    return { textDocument => { uri => uri($name) }, position => at(@at) };
}

sub codes { return join ' ', map {"$_->{range}{start}{line}:$_->{range}{start}{character} $_->{code}"} @{ $_[0]{diagnostics} } }

sub begin {
    start();
    my $r = request('initialize', { processId => undef, capabilities => {} });
    notify('initialized');
    return $r->{result};
}

# ---- a session --------------------------------------------------------------------

my $about = begin();
is($about->{capabilities}{positionEncoding}, 'utf-16', 'positions are UTF-16 units');
is($about->{capabilities}{textDocumentSync}{change}, 2, 'changes come as ranges');
is($about->{serverInfo}{name}, 'ambit', 'who it is');

my $d = open_document('a.metta', <<'END');
(@doc area
  (@desc "How large it is")
  (@params ((@param "Width") (@param "Height")))
  (@return "A number"))
(: area (-> Number Number Number))
(= (area $width $height)
   (* $width $heigth))
!(area 2 "3")
!(println! (arae 2 3))
END
is(codes($d), '6:13 V301 7:9 C402 8:12 N201', 'what check finds');
my ($first, undef, $third) = @{ $d->{diagnostics} };
is_deeply($first->{range}, span(6, 13, 6, 20), 'where: the whole word');
is($first->{message}, "nothing binds \$heigth\ndid you mean \$height?", 'what');
is($first->{severity}, 2, 'a warning');
is($first->{source}, 'ambit', 'who says so');
is($third->{relatedInformation}[0]{location}{uri}, uri('a.metta'), 'the other place');
is_deeply($third->{relatedInformation}[0]{location}{range}, span(5, 4, 5, 8), 'the other place: where');

my $actions = result('textDocument/codeAction',
    { textDocument => { uri => uri('a.metta') }, range => $first->{range}, context => { diagnostics => [$first] } });
is($actions->[0]{title}, 'Replace by $height', 'what can be done');
is_deeply($actions->[0]{edit}{changes}{ uri('a.metta') },
    [{ range => $first->{range}, newText => '$height' }], 'how it is done');

$d = change('a.metta', { range => span(6, 13, 6, 20), text => '$height' });
is(codes($d), '7:9 C402 8:12 N201', 'a word replaced');
$d = change('a.metta', { range => span(7, 9, 7, 12), text => '3' },
    { range => span(8, 12, 8, 16), text => 'area' });
is(codes($d), '', 'two changes, one behind the other');

# ---- questions ----------------------------------------------------------------------

my $hover = result('textDocument/hover', place('a.metta', 7, 3));
like($hover->{contents}{value}, qr/^```metta\n\(: area \(-> Number Number Number\)\)\n```\n/, 'hover: the type');
like($hover->{contents}{value}, qr/How large it is\n\n\* Width\n\* Height\n\nReturns: A number/, 'hover: the documentation');
is_deeply($hover->{range}, span(7, 2, 7, 6), 'hover: of the word');
$hover = result('textDocument/hover', place('a.metta', 8, 4));
like($hover->{contents}{value}, qr/\(: println! /, 'hover: an operation of the library');
like($hover->{contents}{value}, qr/```metta\n!\(println! "a text"\)\n; a text\n.*\n```\n\z/s, 'hover: forms that show it');
is(result('textDocument/hover', place('a.metta', 7, 7)), undef, 'hover: nothing to say of a number');

sub labels { return map { $_->{label} } @{ result('textDocument/completion', place(@_))->{items} } }
change('a.metta', { range => span(9, 0, 9, 0), text => "!(are\n(= (f \$first \$second) (+ \$fi" });
is_deeply([labels('a.metta', 9, 5)], ['area'], 'completion: a function of the program');
is_deeply([labels('a.metta', 10, 28)], ['$first'], 'completion: a variable of the rule');
ok((grep { $_ eq 'println!' } labels('a.metta', 8, 4)), 'completion: the library');
my @all = labels('a.metta', 9, 2);
ok((grep { $_ eq 'assertEqual' } @all) && !(grep {/^_/} @all), 'completion: all, but nothing private');
my ($item) = @{ result('textDocument/completion', place('a.metta', 9, 4))->{items} };
is_deeply($item->{textEdit}, { range => span(9, 2, 9, 4), newText => 'area' }, 'completion: what it replaces');
is($item->{detail}, '(-> Number Number Number)', 'completion: the type');
change('a.metta', { range => span(9, 0, 11, 0), text => '' });

my $where = result('textDocument/definition', place('a.metta', 7, 4));
is_deeply($where, { uri => uri('a.metta'), range => span(5, 4, 5, 8) }, 'definition: the rule');
$where = result('textDocument/definition', place('a.metta', 6, 7));
is_deeply($where->{range}, span(5, 9, 5, 15), 'definition: where a variable stands first');
is(result('textDocument/definition', place('a.metta', 8, 4)), undef, 'definition: none in the library');

sub ranges { return join ' ', map { my $r = $_->{range}{start}; "$r->{line}:$r->{character}" } @{ $_[0] } }
my $uses = result('textDocument/references', { %{ place('a.metta', 7, 4) }, context => { includeDeclaration => JSON::PP::true } });
is(ranges($uses), '0:6 4:3 5:4 7:2 8:12', 'references: all places');
$uses = result('textDocument/references', { %{ place('a.metta', 7, 4) }, context => { includeDeclaration => JSON::PP::false } });
is(ranges($uses), '0:6 7:2 8:12', 'references: without the declarations');
$uses = result('textDocument/references', { %{ place('a.metta', 6, 7) }, context => { includeDeclaration => JSON::PP::true } });
is(ranges($uses), '5:9 6:6', 'references: of a variable, in its rule');

my $symbols = result('textDocument/documentSymbol', { textDocument => { uri => uri('a.metta') } });
is(join(' ', map { $_->{name} } @$symbols), 'area area', 'symbols: what is defined');

# ---- modules ------------------------------------------------------------------------

Program::write_file("$dir/shapes.metta", "(: side (-> Number Number))\n(= (side \$a) \$a)\n");
$d = open_document('b c.metta', "!(import! &self shapes)\n!(side \"x\")\n!(sied 1)\n");
is(codes($d), '1:7 C402 2:2 N201', 'a module beside the document');
$where = result('textDocument/definition', place('b c.metta', 1, 3));
is_deeply($where, { uri => uri('shapes.metta'), range => span(1, 4, 1, 8) }, 'definition: in the module');
Program::write_file("$dir/shapes.metta", "(= (sied \$a) \$a)\n");
notify('textDocument/didSave', { textDocument => { uri => uri('shapes.metta') } });
my %told = map { $_->{uri} => codes($_) } diagnostics(), diagnostics();
is($told{ uri('b c.metta') }, '1:2 N201', 'what was saved is looked at again');

# ---- characters -----------------------------------------------------------------------

$d = open_document('c.metta', "!(println! \"\x{1F600}é\") !(pritnln! 1)\n");
is(codes($d), '0:20 N201', 'a character beyond 16 bits is two units');
$d = change('c.metta', { range => span(0, 20, 0, 28), text => 'println!' });
is(codes($d), '', 'a range behind it');
$d = change('c.metta', { range => span(0, 12, 0, 14), text => 'ü' });
is_deeply(result('textDocument/hover', place('c.metta', 0, 20))->{range}, span(0, 19, 0, 27),
    'the character itself replaced');
$d = change('c.metta', { text => "!(+ 1 2)\r\n!(pritnln! 1)\r\n" });
is(codes($d), '1:2 N201', 'the whole text, with lines that end in CR LF');
$d = change('c.metta', { range => span(0, 99, 0, 200), text => ' ; more' });
is(codes($d), '1:2 N201', 'a column behind the end of its line');
$d = change('c.metta', { range => span(99, 0, 100, 5), text => "!(* 2)" });
is(codes($d), '1:2 N201 2:1 C401', 'a line behind the end of the text');

# ---- formatting ------------------------------------------------------------------------

change('c.metta', { text => "(= (f   \$x)\n(+ \$x 1))\n" });
my $edits = result('textDocument/formatting',
    { textDocument => { uri => uri('c.metta') }, options => { tabSize => 2 } });
is($edits->[0]{newText}, "(= (f \$x)\n   (+ \$x 1))\n", 'formatting: the layout of ambit fmt');
is_deeply($edits->[0]{range}, span(0, 0, 2, 0), 'formatting: of all of it');
change('c.metta', { range => $edits->[0]{range}, text => $edits->[0]{newText} });
$edits = result('textDocument/formatting', { textDocument => { uri => uri('c.metta') } });
is_deeply($edits, [], 'formatting: nothing to do');
change('c.metta', { text => "(= (f\n" });
$edits = result('textDocument/formatting', { textDocument => { uri => uri('c.metta') } });
is_deeply($edits, [], 'formatting: what cannot be read stays');

# ---- typing ------------------------------------------------------------------------------

# Each character on its own; what is told at the end is about the end.
my $typed = "!(+ 1 \"s\")";
change('c.metta', { text => '' });
my $sent = '';
my $column = 0;
for my $c (split //, $typed) {
    $sent .= frame({ jsonrpc => '2.0', method => 'textDocument/didChange',
        params => { textDocument => { uri => uri('c.metta'), version => 3 + $column },
            contentChanges => [{ range => span(0, $column, 0, $column), text => $c }] } });
    $column++;
}
send_bytes($sent);
do { $d = diagnostics() } until codes($d) eq '0:6 C402';
ok(1, 'typed character by character');
for my $byte (split //, frame({ jsonrpc => '2.0', id => 'slow', method => 'textDocument/hover', params => place('c.metta', 0, 2) })) {
    send_bytes($byte);
}
my $m = receive();
is($m->{id}, 'slow', 'a message that comes byte by byte, with a word for its id');

notify('textDocument/didClose', { textDocument => { uri => uri('c.metta') } });
is_deeply(diagnostics()->{diagnostics}, [], 'nothing is said of a closed document');
is(request('textDocument/hover', place('c.metta', 0, 0))->{error}{code}, -32602, 'nor asked');

# ---- what should not come ------------------------------------------------------------------

sub answers_code {
    my ($bytes, $code, $what) = @_;
    send_bytes($bytes);
    is(receive()->{error}{code}, $code, $what);
}
answers_code(frame('{"jsonrpc": "2.0", "id": 1, '), -32700, 'no JSON');
answers_code(frame('[1, 2]'), -32600, 'JSON that is no request');
answers_code(frame('{"jsonrpc":"2.0","id":{},"method":"shutdown"}'), -32600, 'an id that is none');
answers_code(frame("\xFF\xFE"), -32700, 'bytes that are no text');
answers_code(frame('[' x 100_000), -32700, 'a hundred thousand brackets');
answers_code("Content-Length: x\r\n\r\n", -32700, 'a length that is no number');
answers_code("Content-Type: text\r\n\r\n", -32700, 'no length');
answers_code("Content-Length: 99999999999999999999\r\n\r\n", -32700, 'a length beyond reason');
answers_code(('x' x 10_000), -32700, 'no header');
send_bytes("\r\n\r\n");    # what ends it
do { $m = receive() } until !$from->blocking || $m->{error};
is(request('no/such/method')->{error}{code}, -32601, 'a method that is none');
notify('$/no/such/notification', { a => 1 });
notify('textDocument/didChange', { textDocument => { uri => 'file:///nowhere' }, contentChanges => [{ text => 'x' }] });
notify('textDocument/didChange', { textDocument => { uri => uri('a.metta') }, contentChanges => 5 });
notify('textDocument/didChange', { textDocument => { uri => uri('a.metta') }, contentChanges => [{}, 5, { range => 7, text => 3 }] });
notify('textDocument/didOpen', [1, 2, 3]);
send_bytes(frame({ jsonrpc => '2.0', id => 77, result => undef }));    # an answer to nothing
$hover = result('textDocument/hover', { textDocument => { uri => uri('a.metta') }, position => at(-5, -5) });
is($hover, undef, 'a place before the text');
$hover = result('textDocument/hover', { textDocument => { uri => uri('a.metta') }, position => 'here' });
is($hover, undef, 'a place that is none');
like(result('textDocument/hover', place('a.metta', 7, 3))->{contents}{value}, qr/area/, 'it still answers');

is(request('initialize')->{error}{code}, -32601, 'initialize comes once');
is(request('shutdown')->{result}, undef, 'shutdown');
is(request('textDocument/hover', place('a.metta', 7, 3))->{error}{code}, -32600, 'nothing behind shutdown');
notify('exit');
is(finish(), 0, 'the end: exit code');

start();
is(request('textDocument/hover', place('a.metta', 0, 0))->{error}{code}, -32002, 'initialize comes first');
notify('exit');
is(finish(), 1, 'exit without shutdown');
begin();
is(finish(), 1, 'an editor that went away');
is(Program::run(argv => [$ambit, 'lsp', 'word'])->{exit}, 2, 'no words are expected');
done_testing;
