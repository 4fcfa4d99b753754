#!/usr/bin/perl
# Every MeTTa program of this tree in every mode of lib/Modes.pm: the claims of
# lang/ and regress/, the whole programs of programs/ (whose answers agree with the
# reference implementation, see tools/oracle_diff.py), the examples, and the
# benchmarks at their small sizes.
#
# Arguments (prove tests/matrix.t :: WORD ...) select files whose path holds one
# of the words. AMBIT_MODES=a,b selects modes, AMBIT_JOBS how many run at once.
# With AMBIT_SHUFFLE=1 they run in another order each time, for runs that are cut off.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use List::Util qw(shuffle);
use lib "$FindBin::Bin/lib";
use Test::More;
use Lang;
use Matrix;
use Program;

my $root  = abs_path("$Bin/..");
my $dir   = tempdir( CLEANUP => 1 );
my $bench = qr{^\Q$root\E/bench/};
my @files = (
    Lang::find_tests( map {"$Bin/$_"} qw(lang regress programs) ),
    ( sort glob "$root/examples/*.metta" ),
    ( sort glob "$root/bench/{programs,actors}/*.metta" ),
);
if (@ARGV) {
    my $some = join '|', map {quotemeta} @ARGV;
    @files = grep {/$some/} @files;
}
plan skip_all => 'no files' unless @files;
@files = shuffle(@files) if $ENV{AMBIT_SHUFFLE};
Program::path();    # none: no test at all

Matrix::run(
    map {
        my $path = $_;
        ( my $name = $path ) =~ s{^\Q$root\E/(?:tests/)?}{};
        +{  name    => $name,
            test    => sub { $path =~ $bench ? Matrix::benchmark( $path, $dir ) : Matrix::program( $path, $dir ) },
            scratch => scalar( Program::slurp($path) =~ /scratch-/ ),
        };
    } @files
);
done_testing;
