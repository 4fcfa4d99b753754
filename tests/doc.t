#!/usr/bin/env perl
# `ambit doc` as typed: modules that are built in, files, folders, names; as text and as
# HTML; all that is documented in the library is shown.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename);
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use Program;
use Test::More;

my $root  = abs_path("$Bin/..");
my $ambit = Program::path();
my $dir   = tempdir( CLEANUP => 1 );

# doc([WORDS], exit, what) -> stdout, stderr
sub doc {
    my ( $words, $exit, $what ) = @_;
    my $r = Program::run( argv => [ $ambit, 'doc', @$words ], dir => $dir );
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is( $r->{exit}, $exit, $what ) or diag("$r->{out}$r->{err}");
    return ( $r->{out}, $r->{err} );
}

Program::write_file( "$dir/m/shapes.metta", <<'END');
; Shapes: <areas> & more.
; A second line
;   * and a list

; no part of that
; ---- areas ------
(@doc area
  (@desc "The area of a shape, which is a text that is long enough to be broken into lines \"here\"")
  (@params ((@param "A shape") (@param (@type Unit) (@desc "A unit"))))
  (@return "Its area"))
(: area (-> Shape Unit Number))
(= (area (circle $r) $u) (* 3 (* $r $r)))
(@doc (odd $x) (@desc "Two\nlines"))
(@doc Shape (@desc "A type"))
(: Shape Type)
(: perimeter (-> Shape Number))
(= (perimeter $s) 0)
(= (_helper) 1)
END
my ($out) = doc( ['m/shapes.metta'], 0, 'a file' );
is( $out, <<'END', 'as text' );
m/shapes.metta

  Shapes: <areas> & more.
  A second line
    * and a list

areas

  area
      (-> Shape Unit Number)
      The area of a shape, which is a text that is long enough to be broken into
      lines "here"
      1. Shape: A shape
      2. Unit: A unit
      gives Number: Its area

  (odd $x)
      Two
      lines

  Shape
      Type
      A type

not documented

  perimeter
END
is( ( doc( ['m'], 0, 'a folder' ) )[0], $out, 'the files of it' );
my ($html) = doc( [ '--html', 'm/shapes.metta' ], 0, 'as HTML' );
like( $html, qr/^<!DOCTYPE html>.*<title>m\/shapes\.metta<\/title>.*<\/html>\n\z/s,   'a page' );
like( $html, qr/<pre>Shapes: &lt;areas&gt; &amp; more\.\n/,                         'its text' );
like( $html, qr/<a href="#m_2fshapes\.metta\.area"><code>area<\/code>/,             'the index' );
like( $html, qr/<h3 id="m_2fshapes\.metta\.area">area<\/h3>\n<pre class="type">\(-&gt; Shape Unit Number\)/, 'an item' );
like( $html, qr/<li><code class="type">Unit<\/code> A unit<\/li>/,                  'a parameter' );
my %open;
$open{$2} += $1 ? -1 : 1 while $html =~ /<(\/?)(\w+)[^>]*>/g;
is( join( ' ', grep { $open{$_} && $_ ne 'meta' } sort keys %open ), '', 'what is opened is closed' );
is( ( doc( [ '-o', 'out.html', '--html', 'm' ], 0, 'to a file' ) )[0], '', 'nothing is printed' );
is( Program::slurp("$dir/out.html"), $html, 'the same is written' );

is( ( doc( ['+'], 0, 'a name' ) )[0], <<'END', 'of an operation in C' );
corelib

  +
      (-> Number Number Number)
      Addition
      1. Number: One number
      2. Number: The other number
      gives Number: The sum

      !(+ 1 2)                                ; [3]
      !(- 1 2.5)                              ; [-1.5]
      !(* 99999999999 99999999999)            ; [9999999999800000000001]
END
like( ( doc( ['random-int'], 0, 'a name of two modules' ) )[0],
    qr/^petta\n.*!\(random-int 5 5\).*^random\n.*!\(random-int &rng 5 6\)/ms, 'each has its examples' );
like( ( doc( ['chian'], 1, 'a misspelt name' ) )[1], qr/did you mean chain\?/, 'the one that was meant' );
is( ( doc( [ '--html', 'chian' ], 1, 'a page of it' ) )[0], '', 'there is none' );
doc( [ '--html', '-o', 'none.html', 'chian' ], 1, 'nor as a file' );
ok( !-e "$dir/none.html", 'nothing is written' );
like( ( doc( [ '--html', '+' ], 2, 'a page of a name' ) )[1], qr/--html is for modules and files/, 'that is told' );
like( ( doc( ['n/none.metta'], 3, 'a file that is not there' ) )[1], qr/cannot read/, 'that is told' );
Program::write_file( "$dir/bad.metta", "(a\n" );
like( ( doc( ['bad.metta'], 3, 'text that is no program' ) )[1], qr/^bad\.metta:1:1: error/, 'with its place' );

# all that is built in
my ($list) = doc( [], 0, 'no word' );
my @files = glob "$root/runtime/library/*.metta";
is( scalar( () = $list =~ /^\w/mg ), scalar @files, 'a line for each module' );
for my $file (@files) {
    my $module = basename( $file, '.metta' );
    my ($text) = doc( [$module], 0, "module $module" );
    my @names = Program::slurp($file) =~ /^\(\@doc ([^\s()]+)/mg;
    is( join( ' ', grep { $text !~ /^  \Q$_\E\n/m } @names ), '', "$module: all " . @names . ' are shown' );
}
my @long = grep { length > 80 && !/^ +\(->/ } split /\n/, ( doc( ['corelib'], 0, 'the core library' ) )[0];
is( "@long", '', 'lines are not too long, but types' );
done_testing;
