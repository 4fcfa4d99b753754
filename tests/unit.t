#!/usr/bin/perl
# The C unit tests: every program in AMBIT_BUILD/unit, each of its TAP lines as
# one test point here. Arguments (prove tests/unit.t :: WORD ...) select
# programs by name.

use strict;
use warnings;
use File::Basename qw(basename);
use FindBin qw($Bin);
use Test::More;

my $folder   = ( $ENV{AMBIT_BUILD} || "$Bin/../build" ) . '/unit';
my @programs = grep { -f && -x } glob "$folder/*_test";
if (@ARGV) {
    my $some = join '|', map {quotemeta} @ARGV;
    @programs = grep { basename($_) =~ /$some/ } @programs;
}
ok( @programs > 0, "unit programs in $folder" );

for my $program (@programs) {
    my $name = basename($program);
    open my $out, '-|', $program or die "$program: $!\n";
    my ( $planned, $seen, $failed ) = ( -1, 0, 0 );
    while ( my $line = <$out> ) {
        if ( $line =~ /^1\.\.(\d+)/ ) { $planned = $1 }
        elsif ( $line =~ /^(not )?ok \d+ - (?:\S*?:)?(.*)/ ) {
            my ( $bad, $text ) = ( $1, $2 );
            $seen++;
            $failed++ if $bad;
            $text =~ s/: Passed$//;
            ok( !$bad, "$name: $text" );
        }
        else { diag("$name: $line") }
    }
    close $out;
    my $status = $?;
    ok( $planned == $seen, "$name: all $seen planned tests ran" ) or diag("planned $planned");
    ok( $status == 0 || $failed, "$name: ends cleanly" ) or diag("wait status $status");
}
done_testing;
