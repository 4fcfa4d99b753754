package Modes;

# The one table of ways in which every MeTTa test file is run. A mode is a name
# and the options given to the program before the file. AMBIT_MODES=a,b in the
# environment selects some of them.

use strict;
use warnings;

our @MODES = (
    { name => 'tier0', options => ['--tier=0'] },
    { name => 'tier1', options => ['--tier=1'] },
);

sub selected {
    my $want = $ENV{AMBIT_MODES} or return @MODES;
    my %known = map { $_->{name} => $_ } @MODES;
    return map { $known{$_} or die "AMBIT_MODES: no mode named $_\n" } split /,/, $want;
}

1;
