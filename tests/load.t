#!/usr/bin/env perl
# Loading as typed: tables as a plain model reads them, larger than any window; what
# stops an import leaves the space as it was; how far it has come is told on a terminal;
# a compiled program does what its text does.
# AMBIT names the program, AMBIT_TIERS the tiers to run (all there are).
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use POSIX qw(mkfifo);
use Program;
use Test::More;
use Time::HiRes qw(sleep);

my $ambit = Program::path();
my @tiers = Program::tiers();
my $dir   = tempdir( CLEANUP => 1 );
chdir $dir;

BEGIN { *write_file = \&Program::write_file }

sub run_text {
    my ( $text, @options ) = @_;
    write_file( 'p.metta', "!(import! &self table)\n!(bind! &kb (new-space))\n$text" );
    my $r = Program::run( argv => [ $ambit, @options, 'p.metta' ] );
    $r->{out} =~ s/^\[\(\)\]\n\[\(\)\]\n//;
    return $r;
}

# ---- a model --------------------------------------------------------------------

srand 4711;
my @pieces = ( 'a', 'Ü', '日本', ' ', ',', "\t", '"', "\n", "\r\n", '\\', '0', '12', '-3', 'x y', '()', ';', '$v', '😀' );

sub cell { return join '', map { $pieces[ rand @pieces ] } 1 .. rand 5 }

sub as_string {
    my ($s) = @_;
    $s =~ s/(["\\])/\\$1/g;
    $s =~ s/\n/\\n/g;
    $s =~ s/\r/\\r/g;
    $s =~ s/\t/\\t/g;
    return qq("$s");
}

sub as_csv {
    my ($s) = @_;
    return $s unless $s =~ /[",\n\r]/ or rand 4 < 1;
    $s =~ s/"/""/g;
    return qq("$s");
}

sub as_tsv {
    my ($s) = @_;
    my %letter = ( "\t" => 't', "\n" => 'n', "\r" => 'r', '\\' => '\\' );
    $s =~ s/([\t\n\r\\])/\\$letter{$1}/g;
    return $s;
}

sub as_json {
    my ( $s, $wide ) = @_;
    $s =~ s/(["\\])/\\$1/g;
    $s =~ s/\n/\\n/g;
    $s =~ s/\r/\\u000D/g;
    $s =~ s/\t/\\t/g;
    $s =~ s/😀/$wide/g if rand 2 < 1;
    return qq("$s");
}

my @rows = map { [ map { cell() } 1 .. 3 ] } 1 .. 30_000;
my %text = (
    csv => join( '', map { join( ',', map { as_csv($_) } @$_ ) . ( rand 2 < 1 ? "\n" : "\r\n" ) } @rows ),
    tsv => join( '', map { join( "\t", map { as_tsv($_) } @$_ ) . "\n" } @rows ),
    ndjson => join( '', map { '[' . join( ' , ', map { as_json( $_, '\uD83D\uDE00' ) } @$_ ) . "]\n" } @rows ),
    nt => join( '', map { "_:a <b> " . as_json( $_->[0], '\U0001F600' ) . " .\n" } @rows ),
);
my %want = map { $_ => join( '', map { '(row ' . join( ' ', map { as_string($_) } @$_ ) . ")\n" } @rows ) } qw(csv tsv ndjson);
$want{nt} = join '', map { '(triple _:a <b> ' . as_string( $_->[0] ) . ")\n" } @rows;
srand;    # of which names of files are made
for my $tier (@tiers) {
    for my $format ( sort keys %text ) {
        write_file( "t.$format", $text{$format} );
        my $r = run_text( "!(import-table! &kb \"t.$format\" ((types String)))\n!(let \$a (get-atoms &kb) (println! \$a))\n",
            "--tier=$tier" );
        $r->{out} =~ s/^\[\(\)(, \(\))*\]\n//m;
        ok( $r->{out} eq '[' . @rows . "]\n$want{$format}", "tier $tier: $format as the model has it" )
            or diag substr( $r->{out}, 0, 300 ), $r->{err};
    }
}

# ---- what stops an import ---------------------------------------------------------

write_file( 'big.csv', join '', map {"n$_,$_,\"some text\"\n"} 1 .. 300_000 );
my $ask = "!(import-table! &kb \"big.csv\" ())\n!(collapse (match &kb (row \$a 7 \$b) \$a))\n";
my $room = Program::sanitizers() ? '48M' : '12M';    # which take memory of their own
my $r    = run_text( $ask, '--memory', $room );
is( "$r->{exit} $r->{out}", "4 []\n[()]\n", 'the limit of memory stops an import, and nothing of it is there' );
like( $r->{err}, qr/p\.metta:3:1: stopped: the memory limit/, 'it is named' );
write_file( 'bad.csv', slurp_text('big.csv') . "n1,x\n" );
$r = run_text( "!(case (import-table! &kb \"bad.csv\" ()) (((Error \$c \$w) \$w)))\n!(collapse (match &kb (row \$a 7 \$b) \$a))\n" );
is( $r->{out}, "[bad.csv:300001:1: 3 cells are expected as in the first row, here are 2]\n[()]\n",
    'an error in the last line: the place is told, and nothing is there' );

sub slurp_text { return Program::slurp( $_[0] ) }

# ---- a table without an end, and a terminal -------------------------------------------------

mkfifo( 'slow.csv', 0600 ) or die "mkfifo: $!";

# Writes rows into the pipe, ten portions a second, so many or until it is ended; a byte
# in `fed` for each portion.
sub feed {
    my ($portions) = @_;
    unlink 'fed';
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    $SIG{PIPE} = 'DEFAULT';
    open my $out, '>', 'slow.csv' or POSIX::_exit(1);
    open my $fed, '>', 'fed' or POSIX::_exit(1);
    $_->autoflush(1) for $out, $fed;
    for ( my $i = 0; !$portions || $i < $portions; $i++ ) {
        print $out "a,$i\n" x 4096;
        print $fed '.';
        sleep 0.1;
    }
    POSIX::_exit(0);
}

sub end_feeder {
    my ($pid) = @_;
    kill 'TERM', $pid;
    waitpid $pid, 0;
}

# A process of these words, with what it prints in OUT and `s.err`.
sub begin {
    my ( $out, @words ) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    open STDIN,  '<', '/dev/null';
    open STDOUT, '>', $out;
    open STDERR, '>', 's.err';
    exec @words or POSIX::_exit(127);
}

# A limit that the forms beside it, which take no time, do not come near, unless the
# processors are somebody else's for so long.
for my $seconds ( 0.5, 5 ) {
    my $endless = feed(0);
    $r = run_text( $ask =~ s/big\.csv/slow.csv/r, '--query-timeout', $seconds );
    end_feeder($endless);
    last if $r->{err} =~ /^p\.metta:3:1: stopped: the time limit/ && $r->{out} =~ /\)\]\n\z/;
}
is( "$r->{exit} $r->{out}", "4 []\n[()]\n", 'the limit of time stops an import, and nothing of it is there' );
like( $r->{err}, qr/p\.metta:3:1: stopped: the time limit/, 'it is named' );

my $feeder = feed(0);
write_file( 'i.metta', "!(import! &self table)\n!(import-table! &self \"slow.csv\" ())\n!(println! no)\n" );
my $pid = begin( 'i.out', $ambit, 'i.metta' );
Program::wait_until( sub { ( -s 'fed' // 0 ) > 9 } );    # more than the pipe has room for
kill 'INT', $pid;
waitpid $pid, 0;
is( $? >> 8, 130, 'an interrupt ends an import' );
end_feeder($feeder);

$feeder = feed(0);
write_file( 's.metta', "!(import! &self table)\n!(import-table! &self \"slow.csv\" ())\n" );
$pid = begin( 's.out', 'script', '-qfec', "$ambit s.metta", '/dev/null' );
my $far = qr/\rslow\.csv: \d+\.\d+ k facts, \d+\.\d+ k a second\e\[K/;
ok( Program::wait_until( sub { -e 's.out' && slurp_text('s.out') =~ $far } ), 'a slow import tells how far it has come' );
my $portions = -s 'fed';
end_feeder($feeder);
waitpid $pid, 0;
like( slurp_text('s.out'), qr/\rslow\.csv: \d+\.\d+ k facts, [^\r\n]*\e\[K\r?\n/, '... and how far it came' );
$feeder = feed( $portions + 5 );
$r = Program::run( argv => [ $ambit, 's.metta' ] );
waitpid $feeder, 0;
is( $r->{err}, '', 'but not where nobody sits' );

# ---- compiled programs --------------------------------------------------------------

sub ambit { return Program::run( argv => [ $ambit, @_ ] ) }

write_file( 'm/helper.metta', "(= (help \$x) (helped \$x))\n" );
write_file( 'm/prog.metta', <<'END' );
; forms change how the rest is read
(edge a b) (edge &kb c)
!(import! &self helper)
!(help 1)
!(bind! &kb (new-space))
(edge a &kb) (= (f $x) (match &self (edge $x $y) $y))
!(get-metatype &kb)
!(f a)
!(bind! b* regex)
!(f a) !(quote bb)
(: g (-> Number Number))
!(pragma! type-check auto)
(g "a")
END
my $text = ambit('m/prog.metta');
is( ambit( 'compile', 'm/prog.metta' )->{exit}, 0, 'a program is compiled' );
ok( -s 'm/prog.ambit', '... to a file of its name' );
my $made = ambit('m/prog.ambit');
$text->{err} =~ s{m/prog}{prog}g;
s/0x[0-9a-f]+/0x/g for $text->{out}, $made->{out};
is( $made->{out},  $text->{out},  'a compiled program prints the same' );
is( $made->{err},  $text->{err},  '... complains at the same places' );
is( $made->{exit}, $text->{exit}, '... and ends the same' );
like( $text->{err}, qr/prog\.metta:13:1: /, '... which is in the last line' );
is( ambit( '--tier=0', 'm/prog.ambit' )->{exit}, $text->{exit}, 'another tier' );

is( ambit( 'compile', 'm/prog.metta', '-o', 'm/again.ambit' )->{exit}, 0, 'a place for it' );
is( ambit( 'parse', 'm/again.ambit' )->{out}, ambit( 'parse', 'm/prog.metta' )->{out}, 'its text is there' );
is( ambit( 'compile', 'm/again.ambit', '-o', 'm/third.ambit' )->{exit}, 0, 'it is compiled once more' );
is( length slurp_text('m/third.ambit'), length slurp_text('m/again.ambit'), '... to as much' );

is( ambit( 'compile', 'm/helper.metta', '-o', 'm/helper.metta' )->{exit}, 0, 'a module in its own place' );
is( ambit('m/prog.metta')->{out} =~ s/0x[0-9a-f]+/0x/gr, $text->{out}, '... is imported' );

write_file( 'wrong.metta', "!(println! 1)\n(a (b)" );
$r = ambit( 'compile', 'wrong.metta' );
is( $r->{exit}, 3, 'a text that is no program' );
like( $r->{err}, qr/^wrong\.metta:2:1: error: Unexpected end of expression/, '... is told where' );
ok( !-e 'wrong.ambit' && !glob('wrong.ambit*'), '... and makes no file' );

my $whole = slurp_text('m/prog.ambit');
for my $cut ( 7, 8, 63, 64, 100, length($whole) - 1 ) {
    write_file( 'cut.ambit', substr $whole, 0, $cut );
    $r = ambit('cut.ambit');
    is( $r->{exit}, 3, "$cut bytes of a compiled program" );
    like( $r->{err}, qr/^(?:ambit: cannot load cut\.ambit: |cut\.ambit:1:1: )/, '... are refused' );
}
write_file( 'space.metta', "!(import! &self snapshot)\n!(save-space! &self \"space.snap\")\n(a b)\n" );
ambit('space.metta');
$r = ambit('space.snap');
like( $r->{err}, qr/^ambit: cannot load space\.snap: it is a space and no program$/m, 'a space is no program' );
is( $r->{exit}, 3, '... and is not run' );

$r = ambit( '-o', 'x', 'space.metta' );
is( "$r->{exit} $r->{err}", "2 ambit: option -o is for compile\n", 'a place for nothing' );
$r = ambit( 'compile', 'space.metta', 'm/prog.metta' );
is( "$r->{exit} $r->{err}", "2 ambit: compile takes one FILE, and not m/prog.metta\n", 'two programs' );
$r = ambit( 'compile', '-e', '!(+ 1 1)' );
is( "$r->{exit} $r->{err}", "2 ambit: compile needs -o FILE for a text without a file\n", 'a text without a name' );
is( ambit( 'compile', '-e', '!(+ 1 1)', '-o', 'e.ambit' )->{exit}, 0, '... gets one' );
is( ambit('e.ambit')->{out}, "[2]\n", '... and runs' );

done_testing;
