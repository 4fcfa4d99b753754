#!/usr/bin/env perl
# `ambit fmt` as typed: streams, files in place, folders, --check, what is refused; and
# that every program of this tree means the same afterwards. What layouts look like is
# in tests/unit/fmt_test.c.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use Program;
use Test::More;

my $root  = abs_path("$Bin/..");
my $ambit = Program::path();
my $dir   = tempdir( CLEANUP => 1 );
chdir $dir;

# fmt([WORDS], exit, stdout, what, stdin): gives standard error
sub fmt {
    my ( $words, $exit, $out, $what, $stdin ) = @_;
    Program::write_file( "$dir/in", $stdin // '' );
    my $r = Program::run( argv => [ $ambit, 'fmt', @$words ], dir => $dir, stdin => "$dir/in" );
    my $right = ref $out ? $r->{out} =~ $out : $r->{out} eq $out;
    ok( $r->{exit} == $exit && $right, $what )
        or diag("exit $r->{exit}, not $exit\n$r->{out}$r->{err}");
    return $r->{err};
}

my ( $loose, $tight ) = ( "(a\n   b )\n\n\n! (c) ; d\n", "(a\n  b)\n\n!(c) ; d\n" );
fmt( [], 0, $tight, 'the standard input', $loose );
fmt( ['-'], 0, $tight, 'the standard input by name', $loose );
fmt( ['--check'], 1, "<stdin>\n", 'a stream that would change', $loose );
fmt( [ '--check', '-' ], 0, '', 'a stream that would not', $tight );
fmt( [ '--width', '10' ], 0, "(a bbbb\n   cccc)\n", 'narrow lines', '(a bbbb cccc)' );
fmt( ['--help'], 0, qr/^usage: ambit fmt .*--check.*--width N/s, 'the help' );
like( fmt( ['--chekc'], 2, '', 'no such option' ), qr/did you mean --check\?/, 'the option that was meant' );
like( fmt( ['--width=0'], 2, '', 'no such width' ), qr/whole number from 1/, 'what a width is' );

Program::write_file( "$dir/p/loose.metta",     $loose );
Program::write_file( "$dir/p/q/loose.metta",   $loose );
Program::write_file( "$dir/p/q/tight.metta",   $tight );
Program::write_file( "$dir/p/.hidden/h.metta", $loose );
Program::write_file( "$dir/p/notes.txt",       $loose );
symlink 'loose.metta', "$dir/p/link";
chmod 0600, "$dir/p/loose.metta";
fmt( [ '--check', 'p' ], 1, "p/loose.metta\np/q/loose.metta\n", 'what of a folder would change' );
is( Program::slurp("$dir/p/loose.metta"), $loose, 'which it did not' );
my $inode = ( stat "$dir/p/q/tight.metta" )[1];
fmt( [ 'p/link', 'p' ], 0, '', 'a folder, and a link into it' );
is( Program::slurp("$dir/p/$_"), $tight, "$_ was changed" ) for 'loose.metta', 'q/loose.metta';
is( Program::slurp("$dir/p/$_"), $loose, "$_ was not" )     for '.hidden/h.metta', 'notes.txt';
ok( -l "$dir/p/link", 'the link is one still' );
is( ( stat "$dir/p/loose.metta" )[2] & 0777, 0600, 'the mode is kept' );
is( ( stat "$dir/p/q/tight.metta" )[1], $inode, 'what is right was not written' );
is( join( ' ', grep {/metta\./} glob "$dir/p/* $dir/p/q/*" ), '', 'nothing is left beside' );
fmt( [ '--check', 'p' ], 0, '', 'then all is well' );

like( fmt( [], 3, '', 'a string that is open', '(a "b' ), qr/:1:4: error: Unclosed String Literal/, 'says so' );
like( fmt( [], 3, '', 'an escape that is', '(a "b\\\\c\\' ), qr/:1:4: error: Escaping sequence is not finished/, 'says what the reader says' );
Program::write_file( "$dir/bad.metta", "(a\n  (b c)\n" );
my $err = fmt( [ 'bad.metta', 'none.metta', 'p' ], 3, '', 'text that is no program' );
like( $err, qr/^bad\.metta:1:1: error: Unexpected end of expression/m, 'the bracket' );
like( $err, qr/cannot read none\.metta/, 'a file that is not there' );
is( Program::slurp("$dir/bad.metta"), "(a\n  (b c)\n", 'it stays as it was' );
chmod 0500, "$dir/p";
SKIP: {
    skip 'root writes anywhere', 1 if $> == 0;
    Program::write_file( "$dir/p/loose.metta", $loose );
    like( fmt( ['p/loose.metta'], 5, '', 'a folder that cannot be written' ),
        qr/cannot write/, 'that is told' );
}
chmod 0700, "$dir/p";

# The atoms of every program here, as the reader reads them, but for their places.
sub atoms {
    my ($path) = @_;
    my $r = Program::run( argv => [ $ambit, 'parse', $path ] );
    return $r->{exit} ? undef : $r->{out} =~ s/^\d+:\d+: //mgr;
}
my ( $seen, @changed ) = (0);
for my $path ( split /\n/, `find '$root/examples' '$root/runtime' '$root/bench' -name '*.metta' | sort` ) {
    my $before = atoms($path) // next;
    my $r = Program::run( argv => [ $ambit, 'fmt', '--width=40', '-' ], stdin => $path );
    Program::write_file( "$dir/out.metta", $r->{out} );
    push @changed, $path unless $before eq ( atoms("$dir/out.metta") // 'nothing' );
    $seen++;
}
ok( $seen > 60, "$seen programs were laid out" );
is( "@changed", '', 'they are read as before' );
done_testing;
