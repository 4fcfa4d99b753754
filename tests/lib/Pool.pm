package Pool;

# Work that several processes do at once (AMBIT_JOBS, or 2), told in its order.

use strict;
use warnings;
use File::Temp qw(tempdir);
use POSIX ();
use Storable qw(retrieve store);

# What one process does, each result in a file of its own, whole when its name is there.
sub do_some {
    my ( $dir, $work, @numbers ) = @_;
    for my $n (@numbers) {
        store $work->($n), "$dir/part$n";
        rename "$dir/part$n", "$dir/$n";
    }
    return;
}

# run( [ [NUMBER...]... ], $work, $tell ): the numbers are 0 to some last one; a process
# takes those of one list after each other. $work->(NUMBER) gives a reference,
# $tell->(NUMBER, reference) gets them in the order of the numbers, undef for what came to
# no end.
sub run {
    my ( $lists, $work, $tell ) = @_;
    my $dir   = tempdir( CLEANUP => 1 );
    my $jobs  = $ENV{AMBIT_JOBS} || 2;
    my @queue = @$lists;
    my $count = map {@$_} @queue;
    my ( $told, %running ) = (0);
    my $next = sub { $tell->( $told, -e "$dir/$told" ? retrieve("$dir/$told") : undef ); $told++ };
    while ( @queue || %running ) {
        while ( @queue && keys %running < $jobs ) {
            my $some = shift @queue;
            my $pid  = fork // die "fork: $!\n";
            if ( $pid == 0 ) {
                eval { do_some( $dir, $work, @$some ) };
                POSIX::_exit(0);
            }
            $running{$pid} = 1;
        }
        delete $running{ wait() };
        $next->() while $told < $count && -e "$dir/$told";
    }
    $next->() while $told < $count;
    return;
}

1;
