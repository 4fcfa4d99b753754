#!/usr/bin/perl
# bench/run itself: it must accept right answers, refuse wrong ones, and know what got
# slower. No test depends on how fast anything is. The answers of the programs are
# looked at in matrix.t.

use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json encode_json);
use Test::More;
use Program;

my $bench = "$Bin/../bench";
my $dir   = tempdir( CLEANUP => 1 );

sub write_file {
    my ( $file, $text, $mode ) = @_;
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
    chmod $mode, $file if $mode;
    return $file;
}

# Runs bench/run on this program without other engines.
sub bench_run {
    my (@options) = @_;
    return Program::run(
        argv    => [ 'python3', "$bench/run", '--ambit', Program::path(), @options ],
    );
}

# Figures as `--save` writes them, with every figure of one row multiplied.
sub scaled {
    my ( $from, $to, $factor ) = @_;
    my $figures = decode_json( Program::slurp($from) );
    $_->{net} *= $factor for map { values %{ $_->{engines} } } @{ $figures->{rows} };
    $_->{spread} = 0 for map { values %{ $_->{engines} } } @{ $figures->{rows} };
    return ( write_file( $to, encode_json($figures) ), $figures );
}

# A program that gives the right answer after so many milliseconds of work.
sub worker {
    my ( $name, $turns ) = @_;
    return write_file( "$dir/$name", <<"END", 0755 );
#!/usr/bin/perl
my \$n = 0;
\$n += \$_ for 1 .. ( "\@ARGV" =~ /d_fib/ ? $turns : 1 );
print "\@ARGV" =~ /d_fib/ ? "[34]\\n" : "[3]\\n";
END
}

SKIP: {
    skip 'no python3', 37 if system 'python3 -c "" 2>/dev/null';
    my @limit = ( '--limit', 20 * ( $ENV{AMBIT_SLOW} || 1 ) );

    my $saved = "$dir/figures.json";
    my $r     = bench_run( '--small', 'd_fib', 'n_fork', 's_kv1e3', @limit, '--save', $saved );
    is( $r->{exit}, 0, 'bench/run: right answers' ) or diag( $r->{out}, $r->{err} );
    my @rows = $r->{out} =~ /^(\w+) +\d+\.\d{3} /mg;
    is( "@rows", 'a_startup d_fib n_fork s_kv1e3', 'bench/run: a row of times for each' );

    my $figures = decode_json( Program::slurp($saved) );
    my ($fib) = grep { $_->{program} eq 'd_fib' } @{ $figures->{rows} };
    like( join( ' ', sort keys %{ $fib->{engines} } ), qr/^ambit tier 0/, '--save: every tier' );
    ok( $figures->{machine}{processors} && $figures->{build}{sha256},
        '--save: machine and build are named' );
    ok( !( grep { !defined $fib->{engines}{ambit}{$_} } qw(seconds net wall peak) ),
        '--save: processor time, net time, time by the clock, peak memory' );
    cmp_ok( $fib->{engines}{ambit}{peak}, '<', 100, '--save: the peak is not that of Python' )
        if !$ENV{AMBIT_SLOW} || $ENV{AMBIT_SLOW} < 10;

    # Whatever the time was: a hundredth of it is a base that this run is slower
    # than, a hundred times as much is none.
    my @same = ( '--small', 'd_fib', @limit );
    my $busy = worker( 'busy', 2_000_000 );
    $r = bench_run( @same, '--ambit', $busy, '--save', $saved );
    is( $r->{exit}, 0, 'bench/run: another program that is right' ) or diag( $r->{out}, $r->{err} );
    my ( $low, $text ) = scaled( $saved, "$dir/low.json", 0.01 );
    $r = bench_run( @same, '--ambit', $busy, '--compare', $low );
    is( $r->{exit}, 3, '--compare: slower than the base' ) or diag( $r->{out}, $r->{err} );
    like( $r->{out}, qr/^REGRESSION d_fib ambit: /m, '--compare: says what is slower' );
    my ($high) = scaled( $saved, "$dir/high.json", 100 );
    $r = bench_run( @same, '--ambit', $busy, '--compare', $high );
    is( $r->{exit}, 0, '--compare: faster than the base' ) or diag( $r->{out}, $r->{err} );
    $text->{machine}{processor} = 'another';
    write_file( $low, encode_json($text) );
    $r = bench_run( @same, '--ambit', $busy, '--compare', $low );
    is( $r->{exit}, 0, '--compare: no verdict on figures of another machine' );
    $r = bench_run( @same, '--compare', write_file( "$dir/none.json", "{}\n" ) );
    like( $r->{err}, qr/not figures saved by/, '--compare: a file that holds no figures' );

    my $liar = write_file( "$dir/liar", "#!/bin/sh\necho '[34]'\necho '[35]'\n", 0755 );
    $r = bench_run( '--ambit', $liar, '--small', 'd_fib' );
    is( $r->{exit}, 1, 'bench/run: a wrong answer fails' );
    like( $r->{out}, qr/^d_fib +wrong/m, 'bench/run: and is shown instead of a time' );
    $r = bench_run( '--ambit', $liar, '--small', 'growth', 'd_nrev', 'call_nested' );
    like( $r->{err}, qr/d_nrev: \d+, call_nested: ambit/, 'bench/run: so it is of growth and shapes' );

    if ( Program::has_native() ) {
        $r = bench_run( '--small', 'native', '--peers', 'none', @limit );
        is( $r->{exit}, 0, 'bench/run: the answers of native' ) or diag( $r->{out}, $r->{err} );
        like( $r->{out}, qr/^number +ambit .*tier 1 +goal$/m, 'bench/run: ... a column for each kind of code' );
        like( $r->{out}, qr/^d_fib, time over luajit's +<= 1\.00$/m, 'bench/run: ... and a row with each goal' );
        $r = bench_run( '--ambit', $liar, '--small', 'native', '--peers', 'none' );
        is( $r->{exit}, 1, 'bench/run: no figure of native with a wrong answer' );
    }
    $r = bench_run( '--small', 'nothing-of-that-name' );
    is( $r->{exit}, 2, 'bench/run: a name that stands for nothing' );

    my @groups = qw(arithmetic bindings calls higher logic patterns search states);
    for my $group (@groups) {
        $r = bench_run( '--small', $group, @limit );
        is( $r->{exit}, 0, "bench/run: the answers of the group $group" ) or diag( $r->{out}, $r->{err} );
    }

    $r = bench_run( '--small', 'facts', @limit );
    is( $r->{exit}, 0, 'bench/run: a space that grows' ) or diag( $r->{out}, $r->{err} );
    like( $r->{out}, qr/^1000( +right){4}$/m, 'bench/run: and its answers' );
    like( $r->{out}, qr/^s_join2, time over luajit's .*<= 1\.20$/m, 'bench/run: and the goals of spaces' );

    $r = bench_run( '--small', 'load', @limit );
    is( $r->{exit}, 0, 'bench/run: files of facts' ) or diag( $r->{out}, $r->{err} );
    is( () = $r->{out} =~ /( +right){5}$/mg, 11, 'bench/run: and their answers' );

    $r = bench_run( '--small', 'gc', @limit );
    is( $r->{exit}, 0, 'bench/run: programs that collect' ) or diag( $r->{out}, $r->{err} );
    is( () = $r->{out} =~ /( +right){8}$/mg, 3, 'bench/run: and their answers' );

    $r = bench_run( '--small', 'parallel', @limit );
    is( $r->{exit}, 0, 'bench/run: searches that evaluators share' ) or diag( $r->{out}, $r->{err} );
    is( () = $r->{out} =~ /( +right){6}$/mg, 23, 'bench/run: and their answers' );

    $r = bench_run( '--small', 'actors', @limit );
    is( $r->{exit}, 0, 'bench/run: actors' ) or diag( $r->{out}, $r->{err} );
    is( () = $r->{out} =~ /( +right){2}$/mg, 8, 'bench/run: and their answers' );
    like( $r->{out}, qr/^spawning, .*<= 200$/m, 'bench/run: and their goals' );

    $r = bench_run( '--small', 'pairs', 'd_fib' );
    like( $r->{out} . $r->{err}, qr/ %  ADD\b|does not count instructions/,
        'bench/run: pairs of instructions, or that this build does not count them' );

    my $doc = write_file( "$dir/doc.md",
        join "\n", map {"<!-- bench $_ -->\nold\n<!-- end of $_ -->\n"} qw(programs ahead) );
    $r = bench_run( @same, '--markdown', $doc );
    like( Program::slurp($doc), qr/programs -->\s+\| program \|.*\| d_fib \|/s, '--markdown: the table' );
    unlike( Program::slurp($doc), qr/old/, '--markdown: nothing of the old one' );
}
done_testing;
