#!/usr/bin/env perl
# `ambit new`: what it makes passes every tool, and it takes nothing that is there.
use strict;
use warnings;
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use JSON::PP qw(decode_json);
use lib "$FindBin::Bin/lib";
use Program;
use Test::More;

my $ambit = Program::path();
my $dir   = tempdir( CLEANUP => 1 );

# ambit([WORDS], exit, what, folder) -> stdout, stderr
sub ambit {
    my ( $words, $exit, $what, $in ) = @_;
    my $r = Program::run( argv => [ $ambit, @$words ], dir => $in // $dir );
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is( $r->{exit}, $exit, $what ) or diag("$r->{out}$r->{err}");
    return ( $r->{out}, $r->{err} );
}

like( ( ambit( [ 'new', 'my-shapes_2' ], 0, 'a project' ) )[0], qr/^  cd my-shapes_2\n  ambit test\n/m, 'how to begin' );
my $project = "$dir/my-shapes_2";
is( ( ambit( ['main.metta'], 0, 'its program', $project ) )[0], "[()]\nHello, world!\n[()]\n", 'what that prints' );
like( ( ambit( ['test'], 0, 'its test', $project ) )[0], qr/^ok 2 - tests\/my-shapes_2_test\.metta:4 \(assertEqual/m, 'a point' );
is( ( ambit( [ 'fmt', '--check', '.' ], 0, 'its layout', $project ) )[0], '', 'nothing would change' );
is( ( ambit( [ 'check', 'module.metta', 'main.metta', 'tests/my-shapes_2_test.metta' ], 0, 'nothing is wrong', $project ) )[0], '', 'nothing is told' );
like( ( ambit( [ 'doc', 'module.metta' ], 0, 'its documentation', $project ) )[0], qr/^  my-shapes_2: .*^  greet\n/ms, 'is shown' );
my $info = decode_json( Program::slurp("$project/pkg-info.json") );
is( "$info->{name} $info->{version}", 'my-shapes_2 0.1.0', 'pkg-info.json' );
Program::write_file( "$dir/use.metta", "!(import! &self my-shapes_2)\n!(greet \"you\")\n" );
is( ( ambit( ['use.metta'], 0, 'a program beside it' ) )[0], "[()]\n[\"Hello, you!\"]\n", 'uses the module' );
unlike( Program::slurp($_), qr{%}, "$_ is filled in" ) for grep { -f } map { glob "$project/$_" } '*', 'tests/*.metta';

mkdir "$dir/in";
ambit( [ 'new', 'in/there' ], 0, 'a project in another folder' );
like( Program::slurp("$dir/in/there/module.metta"), qr/^; there: /, 'has the last name' );
Program::write_file( "$dir/in/there/module.metta", "mine\n" );
like( ( ambit( [ 'new', 'in/there' ], 5, 'a folder that is there' ) )[1], qr/cannot make in\/there: File exists/, 'is told' );
is( Program::slurp("$dir/in/there/module.metta"), "mine\n", 'and left alone' );
ambit( [ 'new', 'none/there' ], 5, 'a folder in none' );
ambit( [ 'new', @$_ ], 2, "new @$_" ) for [], ['1st'], ['a b'], ['a.b'], ['in/'], ['.'], [ 'a', 'b' ], ['--x'];
done_testing;
