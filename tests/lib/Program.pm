package Program;

# Running the program under test: one call gives its output, what it wrote to
# standard error, how it ended, and ends it when it takes too long.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempfile);
use POSIX qw(:sys_wait_h);
use Test::More ();
use Time::HiRes qw(time sleep);

my $HERE = dirname( abs_path(__FILE__) );

# Path of the program: AMBIT, or the one in build/ of this tree.
sub path {
    my $p = $ENV{AMBIT} || "$HERE/../../build/ambit";
    $p = abs_path($p) || $p;
    Test::More::BAIL_OUT("no program $p (build it, or set AMBIT)") unless -x $p;
    return $p;
}

# Is machine code built in?
my $native;

sub has_native {
    return $native if defined $native;
    my $r = run( argv => [ path(), '--version' ] );
    return $native = $r->{out} =~ /^machine code: not built in/m ? 0 : 1;
}

# The sanitizers that the build was made with, or nothing.
sub sanitizers {
    my $cache = ( $ENV{AMBIT_BUILD} || dirname( path() ) ) . '/CMakeCache.txt';
    return -e $cache && slurp($cache) =~ /^AMB_SANITIZE:\w+=(\S+)/m ? $1 : '';
}

# The numbers for --tier: AMBIT_TIERS, or all there are.
sub tiers {
    return split ' ', $ENV{AMBIT_TIERS} // ( has_native() ? '0 1 2' : '0 1' );
}

sub slurp {
    my ($file) = @_;
    open my $in, '<:raw', $file or die "$file: $!\n";
    local $/;
    my $text = <$in>;
    return defined $text ? $text : '';
}

# What has not ended then hangs. No test asks for more speed than that: the machine may do
# anything else at the same time.
our $guard = 300 * ( $ENV{AMBIT_SLOW} || 1 );

# Waits until something is so; false: it never was.
sub wait_until {
    my ($is_so) = @_;
    my $until = time + $guard;
    until ( $is_so->() ) {
        return 0 if time > $until;
        sleep 0.005;
    }
    return 1;
}

# run(argv => [...], dir => DIR, stdin => FILE, guard => SECONDS)
# -> { out, err, exit, signal, timeout, seconds }
# The files go here, once: a name that is free again may be another process's, whose random
# numbers are the same.
sub run {
    my (%how) = @_;
    my ( $out_fh, $out ) = tempfile( UNLINK => 0 );
    my ( $err_fh, $err ) = tempfile( UNLINK => 0 );
    my $limit = $how{guard} || $guard;
    my $start = time;
    my $pid   = fork;
    die "fork: $!\n" unless defined $pid;
    if ( $pid == 0 ) {
        chdir $how{dir} if $how{dir};
        open STDIN,  '<', $how{stdin} || '/dev/null' or POSIX::_exit(126);
        open STDOUT, '>&', $out_fh or POSIX::_exit(126);
        open STDERR, '>&', $err_fh or POSIX::_exit(126);
        exec { $how{argv}[0] } @{ $how{argv} } or POSIX::_exit(127);
    }
    my ( $timeout, $pause ) = ( 0, 0.001 );
    while ( waitpid( $pid, WNOHANG ) == 0 ) {
        if ( time - $start > $limit ) {
            kill 'KILL', $pid;
            waitpid $pid, 0;
            $timeout = 1;
            last;
        }
        sleep $pause;
        $pause *= 2 if $pause < 0.02;
    }
    my $status = $?;
    my %r      = (
        out     => slurp($out),
        err     => slurp($err),
        exit    => $status >> 8,
        signal  => $status & 127,
        timeout => $timeout,
        seconds => time - $start,
    );
    unlink $out, $err;
    return \%r;
}

# How it ended, in words; undef when it ended by itself.
sub trouble {
    my ($r) = @_;
    return sprintf 'no end after %.0f s', $r->{seconds} if $r->{timeout};
    return "killed by signal $r->{signal}" if $r->{signal};
    return 'the program could not be started' if $r->{exit} == 127;
    return undef;
}

# A file with this text, in folders that may have to be made.
sub write_file {
    my ($name, $text) = @_;
    make_path(dirname($name));
    open my $out, '>:raw', $name or die "$name: $!";
    print $out $text;
    close $out;
}

1;
