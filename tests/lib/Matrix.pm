package Matrix;

# The matrix: programs times modes. A program is a file with what it must print;
# each mode must print that, and all modes the same.
#
# Programs are run by several processes at once (AMBIT_JOBS, or 2), each of which
# takes a program through all modes; the points come out in the order of the files.
# Programs that leave files in their folder are run one after the other.

use strict;
use warnings;
use File::Basename qw(basename dirname);
use Test::More;
use Lang;
use Modes;
use Pool;
use Program;

# How a benchmark's answer is found: its last line that is not blank.
sub last_line {
    my ($text) = @_;
    my @lines = grep {/\S/} split /\n/, $text;
    return @lines ? join ' ', split ' ', $lines[-1] : 'nothing';
}

# The text with the constants of `; small: NAME=VALUE ... [=> ANSWER]` changed, and
# that answer; nothing where no size is named. Dies when a constant is not there, or
# not there once.
sub small {
    my ($text) = @_;
    my ( $sizes, $answer ) = $text =~ /^; small: (.+?)(?: => (\S.*))?$/m or return;
    for my $size ( split ' ', $sizes ) {
        my ( $name, $value ) = split /=/, $size;
        my $found = $text =~ s/^\(= \($name\) \d+\)/(= ($name) $value)/mg;
        die "no constant $name, or several\n" if $found != 1;
    }
    return ( $text, $answer );
}

sub write_copy {
    my ( $path, $dir, $text ) = @_;
    my $file = "$dir/" . basename($path);
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
    return $file;
}

# A benchmark at its small size, as a test whose last line counts.
sub benchmark {
    my ( $path, $dir ) = @_;
    my $text = Program::slurp($path);
    my ($answer) = $text =~ /\A; expect: (\S.*)$/m or die "no expect on line 1\n";
    my ( $less, $small ) = small($text);
    die "no small size on line 3\n" if !defined $small and $path !~ /startup/;
    ( $text, $answer ) = ( $less, $small ) if defined $small;
    return {
        path   => write_copy( $path, $dir, $text ),
        exit   => 0,
        not    => Lang::left_out($text),
        stderr => [],
        expect => ["[$answer]"],
        last   => 1,
    };
}

# Any other program; if it names a small size, modes under stress run that.
sub program {
    my ( $path, $dir ) = @_;
    my $t = Lang::read_test($path);
    my ($less) = small( Program::slurp($path) );
    $t->{small} = write_copy( $path, $dir, $less ) if defined $less;
    return $t;
}

# Why a mode does not apply to a program, or undef.
sub left_out {
    my ( $mode, $name, $t ) = @_;
    my $why = $t->{not}{ $mode->{name} };
    $why //= $t->{not}{stress} if $mode->{stress};
    return $why if $why;
    for my $row ( @{ $mode->{not} || [] } ) {
        return $row->[1] if $name =~ $row->[0];
    }
    return undef;
}

# The program in a file beside it, where it finds its modules; undef: it cannot be read.
sub compiled {
    my ($path) = @_;
    my $to = dirname($path) . "/_compiled-$$-" . basename($path);
    my $r  = Program::run( argv => [ Program::path(), 'compile', $path, '-o', $to ] );
    return $r->{exit} == 0 ? $to : undef;
}

sub run_mode {
    my ( $mode, $t ) = @_;
    my $path = $mode->{stress} && $t->{small} || $t->{path};
    local $ENV{AMBIT_STRESS} = $mode->{stress} // '';
    my $made = $mode->{compile} && compiled($path);
    my $r    = Program::run(
        argv    => [ Program::path(), @{ $mode->{options} }, basename( $made || $path ) ],
        dir     => dirname($path),
    );
    unlink $made if $made;
    return $r;
}

# The points of one program: [ok, label, what is wrong] or [undef, label: reason].
sub points {
    my ( $name, $t ) = @_;
    my ( @points, %seen, @modes );
    for my $mode ( Modes::selected() ) {
        my $label = "$name [$mode->{name}]";
        if ( my $why = left_out( $mode, $name, $t ) ) {
            push @points, [ undef, "$label: $why" ];
            next;
        }
        my $r = run_mode( $mode, $t );
        unlink glob dirname( $t->{path} ) . '/scratch-*' if $t->{scratch};
        $r->{out} = last_line( $r->{out} ) . "\n" if $t->{last};
        my @wrong = Lang::judge( $t, $r );
        push @wrong, 'stderr: ' . substr $r->{err}, 0, 600 if @wrong;
        push @points, [ !@wrong, $label, join "\n", @wrong ];
        push @modes, $mode->{name};
        $seen{ $mode->{name} } = Lang::printed($r);
    }
    return @points if @modes < 2;
    my @off = grep { $seen{$_} ne $seen{ $modes[0] } } @modes;
    push @points, [ !@off, "$name: all modes print the same", "differs from $modes[0]: @off" ];
    return @points;
}

sub say_points {
    my ( $name, $points ) = @_;
    $points ||= [ [ 0, $name, 'the runner came to no end' ] ];
    for my $p (@$points) {
        my ( $good, $label, $wrong ) = @$p;
        if ( !defined $good ) {
        SKIP: { skip $label, 1 }
            next;
        }
        ok( $good, $label ) or diag($wrong);
    }
    return;
}

# run( { name, test => sub giving what read_test gives, scratch } ... )
sub run {
    my (@programs) = @_;
    my @scratch = grep { $programs[$_]{scratch} } 0 .. $#programs;
    my @others  = grep { !$programs[$_]{scratch} } 0 .. $#programs;
    Pool::run(
        [ ( @scratch ? \@scratch : () ), map { [$_] } @others ],
        sub {
            my $p      = $programs[ $_[0] ];
            my @points = eval { points( $p->{name}, $p->{test}->() ) };
            return $@ ? [ [ 0, $p->{name}, $@ ] ] : \@points;
        },
        sub { say_points( $programs[ $_[0] ]{name}, $_[1] ) }
    );
    return;
}

1;
