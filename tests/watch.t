#!/usr/bin/env perl
# What the program tells about its own run: --stats, --profile, --trace-timeline,
# --log-level. No claim is about how long anything takes.
# AMBIT names the program, AMBIT_TIERS the tiers to run (all there are).
use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use JSON::PP;
use List::Util qw(max sum0);
use File::Temp qw(tempdir);
use Modes;
use Program;
use Test::More;

my $ambit = Program::path();
my $dir   = tempdir( CLEANUP => 1 );
my $search = <<'END';
(= (bit) 0)
(= (bit) 1)
(= (bits $n) (if (== $n 0) nil (cons (bit) (bits (- $n 1)))))
(= (count nil) 0)
(= (count (cons $b $more)) (+ $b (count $more)))
!(let $all (collapse (count (bits 14))) (size-atom $all))
END
my $messages = <<'END';
!(import! &self concurrent)
(= (sink $n) (if (== $n 0) done (receive (($any (sink (- $n 1)))))))
(= (feed $a $n) (if (== $n 0) fed (let $u (send $a x) (feed $a (- $n 1)))))
!(let $a (spawn (sink 50) (monitor)) (let $u (feed $a 50) (receive (((down $b $why) $why)))))
END

sub told {
    my ( $text, @options ) = @_;
    my $r = Program::run( argv => [ $ambit, @options, '-e', $text ] );
    return ( "$r->{exit} $r->{out}", $r->{err} );
}

sub stats {
    my ( $said, $err ) = told(@_);
    my $all = eval { decode_json($err) };
    diag "no JSON: $@\n$err" if !$all;
    return ( $said, $all // {} );
}

sub stats_of_searches {
    my ($tier) = @_;
    my ( $said, $all ) = stats( $search, "--tier=$tier", '-j1', '--stats=json' );
    is( $said, "0 [16384]\n", "tier $tier: statistics are not output" );
    is( scalar @{ $all->{evaluators} }, 1, "tier $tier: one evaluator" );
    cmp_ok( $all->{total}{steps}, '>=', 16384, "tier $tier: steps are counted" );
    cmp_ok( $all->{resident_peak_bytes}, '>', 1 << 20, "tier $tier: and memory" );
    return if $tier == 0;
    cmp_ok( $all->{total}{backtracks}, '>=', 16383, "tier $tier: one for each other answer" );
    is( $all->{total}{given}, 0, "tier $tier: nobody to hand anything to" );
    my $alone = $all->{total}{steps};
    ( $said, $all ) = stats( $search, "--tier=$tier", '-j3', '--stats=json' );
    is( $said,                             "0 [16384]\n", "tier $tier: -j3" );
    is( scalar @{ $all->{evaluators} }, 3,             "tier $tier: three evaluators" );
    cmp_ok( $all->{total}{given}, '>=', $all->{total}{taken}, "tier $tier: given, then taken" );
    for my $key ( sort keys %{ $all->{total} } ) {
        my @each = map { $_->{$key} } @{ $all->{evaluators} };
        is( $all->{total}{$key}, $key =~ /^longest/ ? max(@each) : sum0(@each),
            "tier $tier: $key of all of them" );
    }
}

# Of a loop by two clauses each alternative has all that is left behind it. Parts of it
# are handed on one by one, and none of them waits for the next, with a Context of its own
# of which there are few.
sub chains_of_parts {
    my $loop = <<'END';
(= (from $a $b) $a)
(= (from $a $b) (if (< $a $b) (from (+ $a 1) $b) (empty)))
(= (rest $x $n) (if (< $x $n) $x (rest (- $x $n) $n)))
!(let $all (collapse (let $x (from 1 300) (if (== (rest $x 7) 0) $x (empty)))) (size-atom $all))
END
  SKIP: {
        skip 'a debug build hands over at every look', 2 if !Modes::can_stress();
        local $ENV{AMBIT_STRESS} = 'handover';
        my ( $said, $all ) = stats( $loop, '--tier=1', '-j2', '--stats=json' );
        is( $said, "0 [42]\n", 'a chain of parts' );
        cmp_ok( $all->{total}{given}, '>=', 100, 'as long as the search' );
    }
}

sub stats_as_text {
    my ( $said, $err ) = told( $search, '--tier=1', '-j2', '--stats' );
    my %rows = $err =~ /^stats: (\S.*?)\s{2,}(\d[\d ]*)$/mg;
    my ( $total, @each ) = split ' ', $rows{'evaluation steps'};
    is( $total, sum0(@each), 'a row has the sum and each evaluator' );
    is( @each,  2,           '... both of them' );
    my ( undef, $all ) = stats( $search, '--tier=1', '-j1', '--stats=json' );
    is( scalar( keys %rows ), keys( %{ $all->{total} } ) + keys(%$all) - 2,
        'JSON and text have the same rows' );
}

sub stats_of_messages {
    my ($tier) = @_;
    my ( $said, $all ) = stats( $messages, "--tier=$tier", '-j1', '--stats=json' );
    is( $said, "0 [()]\n[normal]\n", "tier $tier: actors" );
    is( $all->{total}{messages}, 51, "tier $tier: each message, and that of the end" );
    is( $all->{total}{tasks},    1,  "tier $tier: an actor is a task" );
}

# ---- the profile --------------------------------------------------------------------

my $functions = <<'END';
(= (fib $n) (if (< $n 2) $n (+ (fib (- $n 1)) (fib (- $n 2)))))
(= (bit) 0)
(= (bit) 1)
(= (three) (superpose (1 2 3)))
(= (sum $n $s) (if (== $n 0) $s (sum (- $n 1) (+ $s $n))))
(= (walk (C $h $t)) (walk $t))
(= (walk N) done)
(= (list $n $l) (if (== $n 0) $l (list (- $n 1) (C $n $l))))
!(fib 15)
!(collapse ((bit) (bit)))
!(+ (three) (three))
!(sum 1000 0)
!(walk (list 500 N))
END

# By name: calls, choice points, answers; and what stands below the table.
sub profile {
    my ( $text, @options ) = @_;
    my ( $said, $err ) = told( $text, @options );
    my ( %rows, @own );
    while ( $err =~ /^profile: +[\d.]+ +(\d+) +(\d+) +(\d+) +(\d+)  (\S+)$/mg ) {
        push @own, $1;
        $rows{$5} = "$2 $3 $4";
    }
    my ($samples) = $err =~ /^profile: samples in functions (\d+), outside \d+, lost \d+;/m;
    is( "@own", join( ' ', sort { $b <=> $a } @own ), 'rows stand by own time' );
    is( sum0(@own), $samples // 'none', 'the sum of the rows' );
    return ( $said, \%rows, $samples );
}

sub profiles {
    my %want = (
        'fib/1'   => '1973 0 1973',
        'bit/0'   => '3 3 6',
        'three/0' => '4 4 12',
        'sum/2'   => '1001 0 1',
        'walk/1'  => '501 0 1',
        'list/2'  => '501 0 1',
    );
    my @ways = ( ['--tier=1'] );
    push @ways, map { [ '--jit=sync', @$_ ] } ['--jit-threshold=1'], ['--jit-threshold=7'],
        [ '--jit-threshold=1', '--jit-level=1' ]
        if Program::has_native();
    for my $way (@ways) {    # evaluators that count at the same time may lose some
        my ( $plain, undef ) = told( $functions, '-j1', @$way );
        my ( $said, $rows ) = profile( $functions, '-j1', @$way, '--profile' );
        is( $said, $plain, "@$way: the answers are the same" );
        is( $rows->{$_}, $want{$_}, "@$way: calls, choice points, answers of $_" )
            for sort keys %want;
    }
}

sub stacks {
    my $file = "$dir/stacks";
    my $text = $functions . '(= (long $n) (+ (sum $n 0) 1)) !(long 10000000)';
    my ( $said, $rows, $samples ) = profile( $text, '--tier=1', "--profile=$file" );
    cmp_ok( $samples, '>', 0, 'a loop that takes long is met' );
    my @lines = split /\n/, Program::slurp($file);
    is( join( "\n", grep { !/^[^ ;]+(;[^ ;]+)* \d+$/ } @lines ), '', 'stacks, and how many' );
    is( sum0( map {/ (\d+)$/} @lines ), $samples, 'each sample has a stack' );
    ok( ( grep {/^(.*;)?long\/1;sum\/2 \d+$/} @lines ), 'with who calls whom' )
        or diag "@lines";
    for my $j (qw(2 3)) {
        ( $said, $rows ) = profile( $search, "-j$j", '--profile' );
        is( $said, "0 [16384]\n", "-j$j: profiled" );
    }
    ( $said, my $err ) = told( '!(+ 1 1)', '--tier=0', '--profile' );
    like( "$said$err", qr/^2 ambit: tier 0 has no functions/, 'tier 0 is not profiled' );
    ( $said, $err ) = told( '!(+ 1 1)', "--profile=$dir/none/stacks" );
    like( "$said$err", qr{^5 ambit: cannot write \Q$dir/none/stacks\E: No such file},
        'a file that cannot be written' );
}

# ---- the timeline -------------------------------------------------------------------

sub timeline {
    my ( $text, @options ) = @_;
    my $file = "$dir/timeline.json";
    unlink $file;
    my ( $said, $err ) = told( $text, "--trace-timeline=$file", @options );
    my $all = -e $file ? eval { decode_json( Program::slurp($file) ) } : undef;
    diag "no timeline: $@" if !$all;
    my @beside = glob "$file.*";
    is( "@beside", '', 'nothing is left beside it' );
    return ( $said, $all // { traceEvents => [] }, $err );
}

# Spans of one thread lie within one another or apart.
sub crossing {
    my @open;
    for my $e ( sort { $a->{ts} <=> $b->{ts} || $b->{dur} <=> $a->{dur} } @_ ) {
        my $end = $e->{ts} + $e->{dur};
        pop @open while @open && $open[-1] <= $e->{ts};
        return 1 if @open && $end > $open[-1] + 0.001;
        push @open, $end;
    }
    return 0;
}

sub is_well_formed {
    my ( $what, $all ) = @_;
    my ( %named, %spans, %left, %taken );
    for my $e ( @{ $all->{traceEvents} } ) {
        my $on = $e->{tid};
        $named{$on} = $e->{args}{name} if $e->{ph} eq 'M' && $e->{name} eq 'thread_name';
        push @{ $spans{$on} }, $e if $e->{ph} eq 'X';
        $left{ $e->{id} }  = $e->{ts} if $e->{ph} eq 's';
        $taken{ $e->{id} } = $e->{ts} if $e->{ph} eq 'f';
    }
    is( join( ' ', grep { !$named{$_} } keys %spans ), '', "$what: threads have names" );
    is( join( ' ', grep { crossing( @{ $spans{$_} } ) } keys %spans ),
        '', "$what: spans lie within one another" );
    is( join( ' ', grep { !defined $left{$_} || $left{$_} > $taken{$_} } keys %taken ),
        '', "$what: what is taken was given before" );
    return { given => scalar keys %left, taken => scalar keys %taken };
}

sub of_category {
    my ( $all, $category ) = @_;
    return grep { $_->{ph} eq 'X' && $_->{cat} eq $category } @{ $all->{traceEvents} };
}

sub timelines {
    my ($tier) = @_;
    my ( $said, $all, $err ) = timeline( $search, "--tier=$tier", '-j3', '--stats=json' );
    my $flows = is_well_formed( "tier $tier", $all );
    my $sums  = decode_json($err)->{total};
    is( $said, "0 [16384]\n", "tier $tier: a timeline is no output" );
    is( scalar( of_category( $all, 'form' ) ), 1, "tier $tier: the form" );
    is( $flows->{given}, $sums->{given}, "tier $tier: all that was given" );
    is( $flows->{taken}, $sums->{taken}, "tier $tier: all that was taken" );
    return if $tier == 0;
    ( $said, $all ) = timeline( $messages, "--tier=$tier" );
    is_well_formed( "tier $tier, actors", $all );
    cmp_ok( scalar( of_category( $all, 'actor' ) ), '>', 0, "tier $tier: slices of actors" );
    my $lists = '(= (list $n $l) (if (== $n 0) $l (list (- $n 1) (C $n $l))))';
    ( $said, $all, $err ) = timeline( "$lists !(let \$l (list 300000 N) done)",
        $tier == 2 ? '--jit=sync' : "--tier=$tier", '--stats=json' );
    $sums = decode_json($err)->{total};
    my @collections = of_category( $all, 'collection' );
    cmp_ok( scalar @collections, '>', 0, "tier $tier: collections" );
    is( @collections, $sums->{minor_collections} + $sums->{major_collections},
        "tier $tier: all of them" );
    return if $tier == 1;
    my %names = map { $_->{name} => 1 } of_category( $all, 'compile' );
    ok( $names{'list/2'}, "tier $tier: what was compiled has its name" )
        or diag join ' ', keys %names;
}

sub timeline_files {
    my $file = "$dir/none/timeline.json";
    my ( $said, $err ) = told( '!(+ 1 1)', '--trace-timeline', $file );
    is( $said, '5 ', 'what cannot be written is told before anything runs' );
    like( $err, qr{^ambit: cannot write \Q$file\E: No such file}, '... and why' );
    my $taken = "$dir/taken";
    mkdir $taken;
    ( $said, $err ) = told( '!(+ 1 1)', '--trace-timeline', $taken );
    like( $err, qr{^ambit: cannot write \Q$taken\E: Is a directory}, 'a directory is no file' );
}

# ---- the log ------------------------------------------------------------------------

sub logged {
    my ( $level, @words ) = @_;
    my $r = Program::run(
        argv    => [ $ambit, "--log-level=$level", '--log-format=json', @words ],
    );
    my @lines = map { decode_json($_) } grep {/^\{/} split /\n/, $r->{err};
    my $last  = 0;
    for my $line (@lines) {
        $last = -1 if $last < 0 || $line->{time} < 0 || !$line->{event};
    }
    is( $last, 0, "$level: each line has a time and an event" );
    return @lines;
}

sub logs {
    my ($tier) = @_;
    Program::write_file( "$dir/part.metta", "(= (f) 1)\n" );
    my $main = "$dir/main.metta";
    Program::write_file( $main, "!(import! &self part)\n!(f)\n(= (f) 2)\n!(f)\n!(f (Error a b))\n"
            . "!(Error x y)\n" );
    my @lines = logged( 'info', "--tier=$tier", $main );
    my @loads = grep { $_->{event} eq 'load' } @lines;
    is( join( ' ', map {"$_->{file} $_->{bytes}"} @loads ),
        "$main " . ( -s $main ) . " $dir/part.metta 10", "tier $tier: files that are loaded" );
    is( join( ' ', map { $_->{level} } grep { $_->{event} ne 'load' } @lines ),
        'error', "tier $tier: an Error" );
    my ($error) = grep { $_->{level} eq 'error' } @lines;
    is( $error->{line}, 5, "tier $tier: ... and where" );
    @lines = logged( 'warn', "--tier=$tier", '--steps=10000', '-e', "(= (g) (g))\n\n!(g)" );
    is( scalar @lines, 1, "tier $tier: a limit" );
    is( "$lines[0]{level} $lines[0]{what} $lines[0]{line}",
        'warn the limit of 10000 steps 3', "tier $tier: which, and where" );
    return if $tier == 0;
    @lines = logged( 'debug', "--tier=$tier", $main );
    my ($changed) = grep { $_->{event} eq 'rules changed' } @lines;
    is( $changed->{of}, 'f', "tier $tier: whose rules changed" );
    ok( ( grep { $_->{event} eq 'invalidated' } @lines ), "tier $tier: and that code went" );
    is( scalar( logged( 'error', "--tier=$tier", '-e', '!(+ 1 1)' ) ),
        0, "tier $tier: nothing to be told" );
}

sub logs_as_text {
    Program::write_file( "$dir/a file.metta", "!(+ 1 1)\n" );
    my $r = Program::run( argv => [ $ambit, '--log-level', 'info', "$dir/a file.metta" ] );
    like( $r->{err}, qr{^ambit: +\d+\.\d{6} info  load file="\Q$dir\E/a file\.metta" bytes=9$},
        'a line of text, with quotes where a value has blanks' );
    is( $r->{out}, "[2]\n", 'the log is no output' );
}

for my $tier ( Program::tiers() ) {
    stats_of_searches($tier);
    stats_of_messages($tier) if $tier > 0;
    timelines($tier);
    logs($tier);
}
chains_of_parts();
stats_as_text();
profiles();
stacks();
timeline_files();
logs_as_text();
done_testing;
