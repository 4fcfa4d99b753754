#!/usr/bin/perl
# The C library as it is installed: the examples in examples/c are compiled against it
# with what pkg-config says, run, and print what stands in their .expected; the header
# suits C99 and C++; the shared object gives away exactly the names in golden/abi.txt.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename);
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use Test::More;

my $root  = abs_path("$Bin/..");
my $build = $ENV{AMBIT_BUILD} || "$root/build";
my $dir   = tempdir( CLEANUP => 1 );
my $cc    = $ENV{CC} || 'cc';

sub slurp {
    open my $in, '<', $_[0] or die "$_[0]: $!\n";
    local $/;
    return scalar <$in>;
}

sub prints {    # (what it printed, exit status)
    my $out = qx{@_ 2>&1};
    return ( $out, $? >> 8 );
}

my ( $said, $status )
    = prints( join ' && ', map {"cmake --install '$build' --prefix '$dir/usr' --component $_"} qw(library development) );
is( $status, 0, 'it installs' ) or diag($said);
my ($pc) = glob "$dir/usr/lib/pkgconfig/ambit.pc $dir/usr/lib/*/pkgconfig/ambit.pc";
( my $lib = $pc ) =~ s{/pkgconfig/.*}{};
$ENV{PKG_CONFIG_PATH} = "$lib/pkgconfig";
chomp( my $flags = qx{pkg-config --cflags --libs ambit} );
chomp( my $includes = qx{pkg-config --cflags ambit} );

# ---- names --------------------------------------------------------------------

my @given = sort map { ( split ' ' )[2] } grep {/ [TDBRVW] /} qx{nm -D --defined-only '$lib/libambit.so'};
my @wanted = split ' ', slurp("$Bin/golden/abi.txt");
is_deeply( [ grep { !/^__(?:asan|odr)/ } @given ], \@wanted, 'the shared object gives away what golden/abi.txt lists' );
my @declared = sort( slurp("$root/include/ambit.h") =~ /^AMBIT_API\b[^(]*?\b(ambit_\w+|ambit_open)\(/mg );
is_deeply( \@declared, \@wanted, '... which is what the header declares' );

# ---- the header -----------------------------------------------------------------

for my $language ( 'c -std=c99', 'c -std=c11', 'c++ -std=c++11' ) {
    ( $said, $status ) = prints("echo '#include <ambit.h>' | $cc -x $language -Wall -Wextra -pedantic -Werror -fsyntax-only $includes -");
    is( $status, 0, "the header is $language" ) or diag($said);
}

# ---- the examples -----------------------------------------------------------------

SKIP: {
    my ($sanitized) = slurp("$build/CMakeCache.txt") =~ /^AMB_SANITIZE:\w+=(\S+)/m;
    skip "a library with $sanitized sanitizers wants a program with them", 1 if $sanitized;
    chomp( my $private = qx{pkg-config --static --libs-only-l ambit} );
    $private =~ s/-lambit\b//;
    for my $source ( sort glob "$root/examples/c/*.c" ) {
        my $name = basename( $source, '.c' );
        my $want = slurp("$root/examples/c/$name.expected");
        for my $how ( [ 'shared', $flags ], [ 'static', "-I$dir/usr/include $lib/libambit.a $private" ] ) {
            my ( $kind, $with ) = @$how;
            ( $said, $status ) = prints("$cc -Wall -Wextra -Werror -O1 -o $dir/$name-$kind '$source' $with");
            is( $status, 0, "$name compiles, $kind" ) or diag($said);
            local $ENV{LD_LIBRARY_PATH} = $lib;
            ( $said, $status ) = prints("$dir/$name-$kind");
            is( $said, $want, "$name prints what it should, $kind" );
        }
    }
}
done_testing;
