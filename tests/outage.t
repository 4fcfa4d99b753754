#!/usr/bin/env perl
# The program while memory runs out: whichever request for memory fails, of the program's
# own or of a library's, every command ends by itself. Either it did without, and all is
# as always, or it says that memory is out, and the exit code tells. Builds with
# AddressSanitizer or ThreadSanitizer have a malloc of their own, and are left out.
#
# tests/lib/fail_malloc.c, preloaded, lets the n-th request fail. Each command is run for
# a sample of all n, and with AMBIT_LONG=1 for each; and for some n with all requests
# behind it failing, too. (What the library does then is in tests/unit/outage_test.c.)
# AMBIT names the program. Words behind prove's :: select commands by name.
use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use Commands;
use File::Temp qw(tempdir);
use Pool;
use Program;
use Test::More;

my $ambit = Program::path();
my $dir   = tempdir( CLEANUP => 1 );
my $shim  = "$dir/fail_malloc.so";
my $cc    = $ENV{CC} // 'cc';
plan skip_all => "no compiler for $Bin/lib/fail_malloc.c"
    if system("$cc -O1 -shared -fPIC -o $shim $Bin/lib/fail_malloc.c -ldl 2>/dev/null") != 0;
plan skip_all => 'a sanitizer has a malloc of its own'
    if Program::slurp($ambit) =~ /__(?:asan|tsan)_init/;
my $samples = $ENV{AMBIT_LONG} ? 1 << 30 : 60;

# ---- what is run ------------------------------------------------------------------

Commands::write_files($dir);
my @commands = @Commands::ALL;
if (@ARGV) {
    my $some = join '|', map {quotemeta} @ARGV;
    @commands = grep { $_->[0] =~ /$some/ } @commands;
}

# ---- running ----------------------------------------------------------------------

# Runs a command with these settings of the shim.
sub run {
    my ( $command, $place, %env ) = @_;
    my ( undef, $words, $input ) = @$command;
    local $ENV{ASAN_OPTIONS} = join ':', grep {defined} $ENV{ASAN_OPTIONS},
        'verify_asan_link_order=0', 'exitcode=98';
    my $env = join ' ', "LD_PRELOAD=$shim", map {"$_=$env{$_}"} keys %env;
    my $r = Program::run(
        argv  => [ 'sh', '-c', "$env exec \"$ambit\" $words" ],
        dir   => $place,
        stdin => $input ? "$dir/$input" : '/dev/null',
    );
    s/\d+(?:\.\d+)? (?:ms|s|us|µs)\b/TIME/g for $r->{out}, $r->{err};
    return $r;
}

# What a run says or leaves behind, without the exit code.
sub told { my ($r) = @_; return "$r->{out}\n--\n$r->{err}" }

sub about {
    my ($r) = @_;
    return "exit $r->{exit}, signal $r->{signal}\nstdout: " . substr( $r->{out}, 0, 600 )
        . "\nstderr: " . substr( $r->{err}, 0, 3000 );
}

# What is wrong with a run that something failed in; nothing if all is well.
sub wrong_with {
    my ( $r, $usual, $command ) = @_;
    my ( $goes_on, $may_differ ) = @{$command}[ 3, 5 ];
    return 'does not end' if $r->{timeout};
    return 'crashes' if $r->{signal} || $r->{exit} > 5 || $r->{exit} < 0;
    return 'has an internal error' if $r->{err} =~ /internal error/ && $r->{err} !~ /memory/;
    return undef if $r->{exit} == $usual->{exit} && told($r) eq told($usual);
    return undef if $may_differ && $r->{exit} == $usual->{exit} && $r->{err} eq $usual->{err};
    return 'does not say that memory is out' if told($r) !~ /memory|cannot be started|no address space/;
    return 'ends as if all were well'
        if $r->{exit} == 0 && $r->{out} ne $usual->{out} && !$goes_on;
    return undef;
}

# All failures of a command, a reference to a list of texts.
sub try_command {
    my ($command) = @_;
    my $place = tempdir( CLEANUP => 1 );
    system "cp $dir/* $place/";
    my $usual = run( $command, $place, FAIL_MALLOC_COUNT => "$place/count" );
    my ($n) = Program::slurp("$place/count") =~ /^(\d+)/ or return ['nothing was counted'];
    my $step = $n > $samples && !$command->[4] ? $n / $samples : 1;
    my ( @failures, $runs );
    for ( my $at = 1 ; $at <= $n ; $at += $step ) {
        my $i = int $at;
        for my $settings ( { FAIL_MALLOC => $i }, $runs++ % 8 ? () : { FAIL_MALLOC => $i, FAIL_MALLOC_ON => 1 } ) {
            my $r   = run( $command, $place, %$settings );
            my $bad = wrong_with( $r, $usual, $command ) // next;
            push @failures, join( ' ', map {"$_=$settings->{$_}"} sort keys %$settings ) . ": $bad\n" . about($r);
        }
    }
    return { n => $n, failures => \@failures };
}

Pool::run(
    [ map { [$_] } 0 .. $#commands ],
    sub { return try_command( $commands[ $_[0] ] ) },
    sub {
        my ( $i, $r ) = @_;
        my @failures = $r ? @{ $r->{failures} } : ('no end');
        ok( !@failures, "$commands[$i][0]: " . ( $r ? "$r->{n} requests" : '' ) )
            or diag( scalar @failures, " failures\n", join "\n", @failures[ 0 .. ( $#failures < 2 ? $#failures : 2 ) ] );
    }
);
done_testing;
