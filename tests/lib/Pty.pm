package Pty;

# A program at a terminal: what a person would type is sent, and what appears is waited
# for: in the stream of text (wait_for), which has no sequences that move the cursor or
# colour, or in the row where the cursor stands (wait_row), as a terminal would show it.

use strict;
use warnings;
use IO::Pty;
use IO::Select;
use Program;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(time sleep);

# start(argv => [...], rows => N, columns => N, env => { ... }, dir => DIR)
sub start {
    my ( $class, %how ) = @_;
    my $pty  = IO::Pty->new;
    my $self = bless {
        pty  => $pty,
        seen => '',    # text that came and was not waited for yet
        rest => '',    # the beginning of a sequence
        all  => '',    # bytes
        row  => [],    # cells of the row where the cursor is, and its column
        at   => 0,
    }, $class;
    $self->resize( $how{rows} || 24, $how{columns} || 80 );
    my $pid = fork // die "fork: $!\n";
    if ( !$pid ) {
        $pty->make_slave_controlling_terminal;
        my $slave = $pty->slave;
        close $pty;
        open STDIN,  '<&', $slave or POSIX::_exit(126);
        open STDOUT, '>&', $slave or POSIX::_exit(126);
        open STDERR, '>&', $slave or POSIX::_exit(126);
        chdir $how{dir} if $how{dir};
        delete @ENV{qw(COLUMNS LINES NO_COLOR LC_ALL LC_CTYPE)};
        %ENV = ( %ENV, TERM => 'xterm', LANG => 'C.UTF-8', %{ $how{env} || {} } );
        exec @{ $how{argv} } or POSIX::_exit(127);
    }
    $pty->close_slave;
    $self->{pid} = $pid;
    return $self;
}

sub resize {
    my ( $self, $rows, $columns ) = @_;
    # TIOCSWINSZ on the master tells the process group in front, too.
    my $size = pack 'S4', $rows, $columns, 0, 0;
    ioctl $self->{pty}, 0x5414, $size;
    return;
}

# One sequence that begins with an escape, as far as it matters within a row.
sub obey {
    my ( $self, $sequence ) = @_;
    return unless $sequence =~ /^\e\[(\d*)[;\d]*([A-Za-z@])/;
    my ( $n, $what ) = ( $1 || 1, $2 );
    my $row = $self->{row};
    if    ( $what eq 'G' ) { $self->{at} = $n - 1 }
    elsif ( $what eq 'C' ) { $self->{at} += $n }
    elsif ( $what eq 'D' ) { $self->{at} = $self->{at} < $n ? 0 : $self->{at} - $n }
    elsif ( $what eq 'K' ) { $#$row = $self->{at} - 1 if @$row > $self->{at} }
    elsif ( $what eq 'J' ) { $#$row = $self->{at} - 1 if @$row > $self->{at} }
    elsif ( $what eq 'P' ) { splice @$row, $self->{at}, $n if @$row > $self->{at} }
    elsif ( $what eq '@' ) { splice @$row, $self->{at}, 0, (' ') x $n }
    elsif ( $what =~ /[ABH]/ ) { @$row = () }    # another row: not followed
    return;
}

sub show {
    my ( $self, $text ) = @_;
    for my $c ( split //, $text ) {
        if    ( $c eq "\n" ) { $self->{row} = []; }
        elsif ( $c eq "\r" ) { $self->{at} = 0 }
        elsif ( $c eq "\b" ) { $self->{at}-- if $self->{at} }
        elsif ( $c ge ' ' ) {
            push @{ $self->{row} }, ' ' while @{ $self->{row} } < $self->{at};
            $self->{row}[ $self->{at}++ ] = $c;
        }
    }
    return;
}

sub row { my ($self) = @_; return join '', @{ $self->{row} } }

# Takes the bytes in: text goes to `seen`, all of it to the row.
sub take {
    my ( $self, $bytes ) = @_;
    $self->{all} .= $bytes;
    $bytes = $self->{rest} . $bytes;
    $self->{rest} = $bytes =~ s/(\e(?:\[[0-9;?]*)?)\z// ? $1 : '';
    while ( $bytes =~ /\G(?:(\e(?:\[[0-9;?]*[A-Za-z@]|[()][A-Z0-9]|[=>78]))|([^\e]+)|\e)/g ) {
        if ( defined $1 ) { $self->obey($1); next }
        next unless defined $2;
        my $text = $2;
        $self->show( length $text > 4096 ? substr( $text, -4096 ) : $text );
        $text =~ tr/\0\a//d;
        $self->{seen} .= $text;
    }
    $self->{seen} =~ s/\r+\n/\n/g;
    return;
}

# What the program writes within so many seconds, and all that comes at once. False:
# nothing, or the end.
sub more {
    my ( $self, $seconds ) = @_;
    my ( $all, $n ) = ('');
    while ( IO::Select->new( $self->{pty} )->can_read($seconds) ) {
        $n = sysread $self->{pty}, $all, 65536, length $all;
        last if !$n or length $all > 1 << 20;
        $seconds = 0.01;
    }
    $self->take($all);
    return length $all;
}

# Waits until something is as wanted: what $found gives, unless it is undef. Where that
# never comes, the test ends.
sub wait_until {
    my ( $self, $found ) = @_;
    my $until = time + $Program::guard;
    while (1) {
        my $got = $found->();
        return $got if defined $got;
        my $left = $until - time;
        die "it does not come; there is:\n" . substr( $self->{seen}, -2000 ) if $left <= 0;
        next if $self->more( $left < 1 ? $left : 1 );
        return undef if $self->gone;
    }
}

# Until the text appears; what came up to it is given back. undef: the program has ended.
sub wait_for {
    my ( $self, $want ) = @_;
    return $self->wait_until(
        sub {
            return undef unless $self->{seen} =~ /$want/;
            my $upto = substr $self->{seen}, 0, $+[0];
            $self->{seen} = substr $self->{seen}, $+[0];
            return $upto;
        }
    );
}

# Until the row where the cursor is reads so.
sub wait_row {
    my ( $self, $want ) = @_;
    return $self->wait_until( sub { return $self->row =~ $want ? $self->row : undef } );
}

# In pieces that a terminal takes, reading meanwhile so that nobody waits for the other.
sub type {
    my ( $self, $text ) = @_;
    $self->{pty}->blocking(0);
    my $at = 0;
    while ( $at < length $text ) {
        my $n = syswrite $self->{pty}, $text, 1024, $at;
        $at += $n if $n;
        $self->more( $n ? 0 : 0.01 );
    }
    $self->{pty}->blocking(1);
    return;
}

sub gone {
    my ($self) = @_;
    return 1 if defined $self->{status};
    return 0 unless waitpid( $self->{pid}, WNOHANG ) == $self->{pid};
    $self->{status} = $?;
    return 1;
}

# The exit status, once it has ended; undef: it does not. Then it is ended.
sub status {
    my ($self) = @_;
    my $until = time + $Program::guard;
    while ( !$self->gone && time < $until ) {
        $self->more(0.05);
    }
    return $self->{status} >> 8 | ( $self->{status} & 127 ) << 8 if $self->gone;
    kill 'KILL', $self->{pid};
    waitpid $self->{pid}, 0;
    return undef;
}

1;
