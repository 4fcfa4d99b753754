package Modes;

# The one table of ways in which every MeTTa program of this tree is run.
#
#   name     as in AMBIT_MODES=a,b and in `; mode: not NAME because REASON`
#   options  given to the program before the file
#   jit      for programs with machine code
#   stress   what AMBIT_STRESS is set to (memory/stress.h); needs a debug build
#   compile  what is run is the program as `ambit compile` writes it
#   rare     not for tests with loads of their own
#   not      [ pattern of paths, reason ]: programs that are left out
#
# A program left out is skipped, and its reason printed. Programs that take too
# long here say a smaller size instead (`; small:`).

use strict;
use warnings;
use Program;

my @SYNC = ( '--jit=sync', '--jit-threshold=1' );
our @MODES = (
    { name => 'tier0', options => ['--tier=0'] },
    { name => 'tier1', options => ['--tier=1'] },
    { name => 'native',     options => [ @SYNC, '--jit-level=1' ], jit => 1 },
    { name => 'native-level2', options => [@SYNC], jit => 1 },
    { name => 'background', options => [ '--jit=background', '--jit-threshold=2' ], jit => 1 },
    { name => 'j2', options => [ '--tier=1', '-j2' ] },
    { name => 'j4-native', options => [ @SYNC, '-j4' ], jit => 1 },
    { name => 'compiled', options => ['--tier=1'], compile => 1, rare => 1 },
    { name => 'native-cap', options => [ @SYNC, '--jit-memory=12k' ], jit => 1, rare => 1 },
    { name => 'tier0-walk', options => ['--tier=0'], stress => 'minimal,walk' },
    { name => 'collect',    options => ['--tier=1'], stress => 'collect' },
    { name => 'relower',    options => ['--tier=1'], stress => 'relower' },
    { name => 'minimal',    options => ['--tier=1'], stress => 'minimal' },
    { name => 'yield',      options => ['--tier=1'], stress => 'yield' },
    { name => 'stow',       options => ['--tier=1'], stress => 'yield,stow' },
    { name => 'native-stow', options => [ @SYNC, '-j2' ], jit => 1, stress => 'yield,stow,walk' },
    { name => 'handover',   options => [ '--tier=1', '-j1' ], stress => 'handover' },
    { name => 'handover-j3', options => [ '--tier=1', '-j3' ], stress => 'handover,collect' },
    { name => 'verify',     options => ['--tier=1'], stress => 'verify' },
    { name => 'walk',       options => ['--tier=1'], stress => 'collect,minimal,walk' },
    { name => 'native-collect', options => [@SYNC], jit => 1, stress => 'collect,minimal,walk' },
    { name => 'native-refuse',  options => [@SYNC], jit => 1, stress => 'refuse,collect' },
    { name => 'tabling',        options => ['--tier=1'], stress => 'tabling' },
    { name => 'tabling-collect', options => ['--tier=1'], stress => 'tabling,collect,minimal,walk' },
    { name => 'native-tabling', options => [@SYNC], jit => 1, stress => 'tabling,collect' },
    { name => 'native-yield', options => [@SYNC], jit => 1, stress => 'yield,collect' },
    { name => 'native-handover', options => [ @SYNC, '-j3' ], jit => 1, stress => 'handover,yield' },
    { name => 'native-early', options => [@SYNC], jit => 1, stress => 'early' },
    { name => 'native-early-leave', options => [@SYNC], jit => 1, stress => 'early,leave' },
    { name => 'native-leave',   options => [@SYNC], jit => 1, stress => 'leave,collect' },
    { name => 'native-relower', options => [@SYNC], jit => 1, stress => 'relower' },
);

# One evaluator, unless a row is about how many there are, or about the defaults.
for my $mode (@MODES) {
    next if $mode->{name} eq 'background' || grep {/^-j/} @{ $mode->{options} };
    push @{ $mode->{options} }, '-j1';
}

# Valgrind has room for a few heaps only: each reserves more addresses than it will need.
if ( $ENV{AMBIT_CHECKED} ) {
    push @{ $_->{not} }, [ qr{/concurrent/}, 'there are not enough addresses under valgrind' ] for @MODES;
}

# Has the program the switches? A release build does not look at the variable.
my $can;

sub can_stress {
    return $can if defined $can;
    local $ENV{AMBIT_STRESS} = 'no-such-switch';
    my $r = Program::run( argv => [ Program::path(), '-e', '!(+ 1 1)' ] );
    return $can = $r->{exit} != 0 ? 1 : 0;
}

sub named {
    my ($names) = @_;
    my %known = map { $_->{name} => $_ } @MODES;
    return map { $known{$_} or die "AMBIT_MODES: no mode named $_\n" } split /,/, $names;
}

# The rows that AMBIT_MODES names, or all that this build can do.
sub selected {
    return named( $ENV{AMBIT_MODES} ) if $ENV{AMBIT_MODES};
    return grep { ( !$_->{stress} || can_stress() ) && ( !$_->{jit} || Program::has_native() ) } @MODES;
}

# Those among them for tests with loads of their own.
sub tiers {
    return grep { !$_->{stress} && !$_->{rare} } selected();
}

1;
