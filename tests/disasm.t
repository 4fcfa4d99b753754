#!/usr/bin/perl
# `ambit disasm`: the text of bytecode, and that the verifier accepts what every
# program of the tests is lowered to. After a change of lowering, look at
#   AMBIT_GOLDEN=write prove tests/disasm.t && git diff tests/golden

use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use File::Basename qw(basename dirname);
use File::Temp qw(tempfile);
use Test::More;
use Lang qw(find_tests);
use Program;

sub disasm {
    my (@words) = @_;
    return Program::run( argv => [ Program::path(), 'disasm', @words ], dir => $Bin );
}

sub file_with {
    my ($text) = @_;
    my ( $out, $name ) = tempfile( SUFFIX => '.metta', UNLINK => 1 );
    print $out $text;
    close $out;
    return $name;
}

for my $path ( sort glob "$Bin/golden/*.metta" ) {
    ( my $golden = $path ) =~ s/\.metta$/.disasm/;
    my $r = disasm($path);
    if ( ( $ENV{AMBIT_GOLDEN} || '' ) eq 'write' ) {
        open my $out, '>', $golden or die "$golden: $!\n";
        print $out $r->{out};
        close $out;
    }
    my $name = basename($path);
    is( $r->{exit}, 0, "$name: sound" ) or diag( $r->{err} );
    my @got = split /\n/, $r->{out};
    my @want = split /\n/, -e $golden ? Program::slurp($golden) : '';
    is_deeply( \@got, \@want, "$name: as in " . basename($golden) );
    is( disasm($path)->{out}, $r->{out}, "$name: the same each time" );
}

my $choice = "$Bin/golden/choice.metta";
my $r      = disasm( $choice, 'same' );
like( $r->{out}, qr/\A; \(= \(same \$x \$x\) yes\)\nsame\/2\n/, 'one definition by name' );
is( () = $r->{out} =~ /^; /mg, 1, 'and no other' );
$r = disasm( $choice, 'car-atom' );
like( $r->{out}, qr/^car-atom\/1$/m, 'a definition of the library' );
$r = disasm( $choice, 'nothing-of-this-name' );
is( $r->{exit}, 3, 'an unknown name is refused' );
like( $r->{err}, qr/there is no definition of nothing-of-this-name/, 'and told' );

my $quiet = file_with("!(println! here)\n(= (f) 1)\n!(add-atom &self (= (g) 2))\n");
$r = disasm($quiet);
unlike( $r->{out}, qr/here/, 'forms are not run' );
like( $r->{out}, qr/^f\/0$/m, 'what stands between them is shown' );
unlike( $r->{out}, qr/^g\/0$/m, 'what they would have added is not' );
$r = Program::run( argv => [ Program::path(), '--tier=0', 'disasm', $choice ] );
is( $r->{exit}, 2, 'tier 0 has no bytecode' );
$r = disasm( file_with('(= (f) (') );
is( $r->{exit}, 3, 'a file that cannot be read' );

# Machine code stands beside the same bytecode.
SKIP: {
    skip 'no machine code', 8 unless Program::has_native();
    for my $path ( map {"$Bin/golden/$_.metta"} qw(choice numbers) ) {
        my $r = disasm( '--native', '--jit-level=1', $path );
        is( $r->{exit}, 0, basename($path) . ': with machine code' ) or diag( $r->{err} );
        my @bytecode = grep { !/^ +\| / } split /\n/, $r->{out};
        is_deeply( \@bytecode, [ split /\n/, disasm($path)->{out} ], '... the same bytecode' );
        my @code = $r->{out} =~ /^ +\d+  [A-Z_]+.*\n(?: +\| (?:level 1, called|sure|general)\n)? +\|  +[0-9a-f]+  \S/mg;
        cmp_ok( scalar @code, '>', 5, '... with code for its instructions' );
    }
    my $r = disasm( '--native', file_with('(= (twice $x) (* 2 $x)) (= (sum $x $y) (+ (twice $x) (twice $y)))') );
    my ( $sum, $better ) = $r->{out} =~ /^(sum.*?)^  level 2\n(.*?)^$/ms;
    like( $sum, qr/\bCALL +\S+, twice/, 'a call' );
    is( () = $better =~ /^ +\d+  INLINED +twice\b.*\n +\| /mg, 2, '... is a body at level 2, with machine code' );
}

my @broken;
my @programs = ( find_tests( map {"$Bin/$_"} qw(lang regress programs) ), glob "$Bin/../examples/*.metta" );
for my $path ( @programs, glob "$Bin/../runtime/library/*.metta" ) {
    my $r = disasm($path);
    next if $r->{exit} == 0 || $r->{exit} == 3;
    my ($why) = $r->{out} =~ /(broken at .*)/;
    push @broken, basename($path) . ': ' . ( $why || Program::trouble($r) || "exit $r->{exit}" );
}
ok( !@broken, 'the verifier accepts ' . @programs . ' programs' ) or diag( join "\n", @broken );
done_testing;
