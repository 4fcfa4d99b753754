#!/usr/bin/env perl
# `ambit check`: what it finds in wrong programs, and that it says nothing wrong about
# right ones.
#
# The wrong programs are in check/*.txt, a case a block of lines up to an empty line:
#   case: TITLE
#   option: WORDS        for the command
#   the program, indented
#   wants: LINE:COLUMN CODE [TEXT]   one finding; TEXT is in what was expected, or is the
#                                    name that may have been meant. Nothing else is found.
#   misses: REASON       a person would want more, and it cannot be told without running
# AMBIT names the program.
use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use File::Find qw(find);
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Program;
use Test::More;

my $ambit = Program::path();
my $root  = "$Bin/..";
my $dir   = tempdir(CLEANUP => 1);
chdir $dir;

sub check {
    my (@words) = @_;
    return Program::run(argv => [$ambit, 'check', @words]);
}

sub findings { return map { decode_json($_) } split /\n/, check('--format=json', @_)->{out} }

# ---- wrong programs -----------------------------------------------------------

sub read_cases {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!";
    local $/ = '';
    return map {
        my $block = $_;
        {
            file   => $path =~ s{.*/}{}r,
            title  => $block =~ /^case: (.*)$/m ? "$1" : die("$path: no title: $block"),
            text   => join('', map {"$_\n"} $block =~ /^  (.*)$/mg),
            wants  => [$block =~ /^wants: (.*)$/mg],
            misses => scalar($block =~ /^misses: \S/m),
            option => $block =~ /^option: (.*)$/m ? [split ' ', $1] : [],
        }
    } grep {/^case:/m} <$in>;
}

sub is_wanted {
    my ($found, $want) = @_;
    my ($place, $code, $text) = split / /, $want, 3;
    return 0 if "$found->{line}:$found->{column}" ne $place || $found->{code} ne $code;
    return 1 if !defined $text;
    return 1 if ($found->{nearest} // '') eq $text;
    return index($found->{expected} // '', $text) >= 0;
}

my ($cases, $missed, %codes) = (0, 0);
for my $path (sort glob "$Bin/check/*.txt") {
    next if $path =~ /known\.txt$/;
    for my $case (read_cases($path)) {
        $cases++;
        $missed += $case->{misses};
        Program::write_file('main.metta', $case->{text});
        my @found = findings(@{ $case->{option} }, 'main.metta');
        my @left  = @found;
        my @wrong;
        for my $want (@{ $case->{wants} }) {
            my ($i) = grep { is_wanted($left[$_], $want) } 0 .. $#left;
            if (defined $i) { $codes{ (splice @left, $i, 1)->{code} } = 1 }
            else            { push @wrong, "not found: $want" }
        }
        push @wrong, map {"unwanted: $_->{line}:$_->{column} $_->{code} $_->{message}"} @left;
        ok(!@wrong, "$case->{file}: $case->{title}")
            or diag(join("\n", @wrong), "\n", $case->{text});
    }
}
cmp_ok($cases, '>=', 280, 'the corpus is complete');
cmp_ok($missed, '<', 0.1 * $cases, 'nine of ten are found');

my @rows = split /\n/, check('--list')->{out};
is(join(' ', grep { !$codes{$_} } map {/^(\w+)/} @rows), 'S106', 'each code is found somewhere');

# The forms whose arguments are told by a table are those of the library.
my $library = join "\n", map { Program::slurp($_) } glob "$root/runtime/library/*.metta";
my $operations = Program::slurp("$root/runtime/builtins/builtins.def");
my @forms = Program::slurp("$root/cli/check/forms.def") =~ /^FORM\("([^"]+)"/mg;
cmp_ok(@forms, '>', 50, 'there is a table of forms');
is(join(' ', grep { $library !~ /^\(: \Q$_\E \(->/m && $operations !~ /, "\Q$_\E", / } @forms), '',
    'each of them is a function of the library');

# ---- right programs -----------------------------------------------------------

my %known;
for (grep { /^[^#]/ } split /\n/, Program::slurp("$Bin/check/known.txt")) {
    my ($place, $code) = split ' ';
    $known{"$place $code"} = 1;
}

sub programs_of {
    my ($folder) = @_;
    my @all;
    find({ no_chdir => 1,
           wanted => sub { push @all, $_ if /\.metta$/ && !m{/_[^/]*$|/corelib\.metta$} } }, "$root/$folder");
    return sort @all;
}

# What the program itself expects there: an Error, or a module that is not there.
sub shows_error {
    my ($path, $line) = @_;
    my @lines = split /\n/, Program::slurp($path);
    return $lines[$line - 1] =~ /; (?:expect:|\[).*(?:Error|Failed to resolve)/;
}

my %seen;
for my $folder (qw(examples tests/programs bench runtime/library)) {
    my @programs = programs_of($folder);
    ok(@programs > 0, "$folder has programs");
    for my $path (@programs) {
        my $name = $path =~ s{^\Q$root\E/}{}r;
        my @wrong;
        for my $found (findings($path)) {
            my $key = "$name:$found->{line} $found->{code}";
            $seen{$key} = 1;
            push @wrong, "$key $found->{message}" if !$known{$key} && !shows_error($path, $found->{line});
        }
        is(join("\n", @wrong), '', "$name: nothing wrong is said");
    }
}
is(join("\n", grep { !$seen{$_} } sort keys %known), '', 'all that is known is said');

# ---- as typed -----------------------------------------------------------------

sub says {
    my ($text, $words, $exit, $want, $what) = @_;
    Program::write_file('a.metta', $text);
    my $r = check(@$words, 'a.metta');
    is($r->{exit}, $exit, "$what: exit code");
    if (ref $want) { like($r->{out}, $want, $what) }
    else           { is($r->{out}, $want, $what) }
}

says("(= (f \$x) (+ \$x 1))\n!(f 1)\n", [], 0, '', 'nothing to say');
says("!(+ 1 \"s\")\n", [], 1, <<'END', 'the line, what was expected');
a.metta:1:7: warning: argument 2 of + has the type String [C402]
  !(+ 1 "s")
        ^~~
  expected: Number
END
says("(= (area \$w) (* \$w 2))\n!(aera 1)\n!(aera 2)\n", [], 1, <<'END', 'those that say the same are one');
a.metta:2:3: warning: there is no function aera [N201]
  !(aera 1)
    ^~~~
  did you mean area?
a.metta:1:5: note: area is defined here
  (= (area $w) (* $w 2))
      ^~~~
a.metta:3:3: note: and here
  !(aera 2)
    ^~~~
END
says("!(+ 1 \"s\") ; check: ignore\n", [], 0, '', 'a comment on the line');
says("; check: ignore C402\n!(+ 1 \"s\")\n", [], 0, '', 'a comment on the line before');
says("!(+ 1 \"s\") ; check: ignore N201 C402\n", [], 0, '', 'one of several codes');
says("!(+ 1 \"s\") ; check: ignore N201\n", [], 1, qr/C402/, 'another code');
says("!(+ 1 \"s\")\n!(+ 2 \"s\") ; check: ignore\n", [], 1, qr/^a\.metta:1:7:.*\n(?!.*:2:)/s, 'another line');
says("; check: ignore-file C402\n!(+ 1 2)\n!(+ 1 \"s\")\n", [], 0, '', 'a whole file');
says("(= (f \$x) 1)\n!(f 1)\n", ['--strict'], 1, qr/\[V303\]/, 'more with --strict');

Program::write_file('sub/one.metta', "!(+ 1 \"s\")\n");
Program::write_file('sub/two.metta', "!(+ 1 2)\n");
my $r = check('sub');
is($r->{exit}, 1, 'a folder: exit code');
like($r->{out}, qr{^sub/one\.metta:1:7: warning}, 'a folder: its programs');
Program::write_file('helpers.metta', "(: help (-> Number Number))\n(= (help \$x) \$x)\n");
says("!(import! &self helpers)\n!(help \"a\")\n!(hepl 1)\n", [], 1, qr/C402.*N201/s, 'types and names of a module');
is((check('-', 'nosuch.metta'))->{exit}, 3, 'a file that is not there');
is((check())->{exit}, 2, 'no file');
is((check('--format=xml', 'a.metta'))->{exit}, 2, 'a format that is none');
$r = check('--explain', 'N201');
like($r->{out}, qr/^N201: a function that is not known\n\n.*\w+/s, 'a code explained');
is($r->{exit}, 0, 'a code explained: exit code');
$r = check('--explain', 'N2011');
like($r->{err}, qr/did you mean N201\?/, 'a code that is none');
is($r->{exit}, 2, 'a code that is none: exit code');
for my $row (@rows) {
    my ($code) = $row =~ /^(\w+)/;
    my @long = grep { length > 78 } split /\n/, check('--explain', $code)->{out};
    is("@long", '', "$code is explained in lines of a terminal");
}

# The document has the table of codes.
my $doc = Program::slurp("$root/docs/check.md");
is(join(' ', grep { $doc !~ /^\| $_ \|/m } map {/^(\w+)/} @rows), '', 'docs/check.md has all codes');

# Bytes that are no text, deep nesting, no end: told, and not fallen over.
Program::write_file('a.metta', "(\xFF\xFE)\n");
is((findings('a.metta'))[0]{code}, 'S106', 'bytes that are no UTF-8');
Program::write_file('a.metta', ('(' x 100_000) . "\n");
is((findings('a.metta'))[0]{code}, 'S102', 'a hundred thousand open brackets');
Program::write_file('a.metta', '!' . ('(f ' x 20_000) . (')' x 20_000) . "\n");
is(check('a.metta')->{exit}, 0, 'calls nested deep');
Program::write_file('a.metta', '');
is(check('a.metta')->{exit}, 0, 'an empty file');
done_testing;
