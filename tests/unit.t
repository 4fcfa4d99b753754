#!/usr/bin/perl
# The C unit tests: every program in AMBIT_BUILD/unit, each of its TAP lines as
# one test point here. Arguments (prove tests/unit.t :: WORD ...) select
# programs by name. AMBIT_SHUFFLE=1 as for tests/matrix.t.

use strict;
use warnings;
use File::Basename qw(basename);
use FindBin qw($Bin);
use List::Util qw(shuffle);
use lib "$FindBin::Bin/lib";
use Test::More;
use Pool;

my $folder   = ( $ENV{AMBIT_BUILD} || "$Bin/../build" ) . '/unit';
my @programs = grep { -f && -x } glob "$folder/*_test";
if (@ARGV) {
    my $some = join '|', map {quotemeta} @ARGV;
    @programs = grep { basename($_) =~ /$some/ } @programs;
}
@programs = shuffle(@programs) if $ENV{AMBIT_SHUFFLE};
ok( @programs > 0, "unit programs in $folder" );

# What a program prints, and its wait status.
sub printed {
    my ($program) = @_;
    open my $out, '-|', $program or die "$program: $!\n";
    my @lines = <$out>;
    close $out;
    return { lines => \@lines, status => $? };
}

sub report {
    my ( $name, $r ) = @_;
    my ( $planned, $seen, $failed ) = ( -1, 0, 0 );
    for my $line ( @{ $r->{lines} } ) {
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
    ok( $planned == $seen, "$name: all $seen planned tests ran" ) or diag("planned $planned");
    ok( $r->{status} == 0 || $failed, "$name: ends cleanly" ) or diag("wait status $r->{status}");
    return;
}

Pool::run(
    [ map { [$_] } 0 .. $#programs ],
    sub { return printed( $programs[ $_[0] ] ) },
    sub { report( basename( $programs[ $_[0] ] ), $_[1] || { lines => [], status => -1 } ) }
);
done_testing;
