#!/usr/bin/perl
# Every MeTTa test file and every example, in every mode of lib/Modes.pm.
# Arguments (prove tests/lang.t :: WORD ...) select files whose path holds one
# of the words.

use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use Test::More;
use Lang qw(find_tests run_in_modes);

my @files = ( find_tests( "$Bin/lang", "$Bin/regress" ), sort glob "$Bin/../examples/*.metta" );
if (@ARGV) {
    my $some = join '|', map {quotemeta} @ARGV;
    @files = grep {/$some/} @files;
}
plan skip_all => 'no files' unless @files;

for my $path (@files) {
    ( my $name = $path ) =~ s{^\Q$Bin\E/}{};
    run_in_modes( $path, $name );
}
done_testing;
