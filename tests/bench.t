#!/usr/bin/perl
# The benchmark programs at their small sizes, in every mode of lib/Modes.pm, and
# bench/run itself: it must accept right answers and refuse wrong ones.

use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use File::Basename qw(basename);
use File::Temp qw(tempdir);
use Test::More;
use Modes;
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

# White space does not count, nor do the lines before the last.
sub last_line {
    my ($text) = @_;
    my @lines = grep {/\S/} split /\n/, $text;
    return @lines ? join ' ', split ' ', $lines[-1] : 'nothing';
}

# The program with its `; small:` constants, and the answer to them; undef and
# what is wrong with the program otherwise.
sub small {
    my ($path) = @_;
    my $text = Program::slurp($path);
    my ($full) = $text =~ /\A; expect: (\S.*)\n/ or return ( undef, 'no expect on line 1' );
    my ( $sizes, $answer ) = $text =~ /\A.*\n.*\n; small: (.+?) => (\S.*)\n/
        or return basename($path) eq 'a_startup.metta' ? ( $text, $full ) : ( undef, 'no small on line 3' );
    for my $size ( split ' ', $sizes ) {
        my ( $name, $value ) = split /=/, $size;
        my $found = $text =~ s/^\(= \($name\) \d+\)/(= ($name) $value)/mg;
        return ( undef, "no constant $name" ) if $found != 1;
    }
    return ( $text, $answer );
}

for my $path ( sort glob "$bench/programs/*.metta" ) {
    my $name = basename( $path, '.metta' );
    my ( $text, $answer ) = small($path);
    if ( !defined $text ) {
        fail("$name: $answer");
        next;
    }
    my $file = write_file( "$dir/$name.metta", $text );
    for my $mode ( Modes::selected() ) {
        my $r = Program::run( argv => [ Program::path(), @{ $mode->{options} }, $file ] );
        my $wrong = Program::trouble($r);
        $wrong = "exit status $r->{exit}" if !$wrong and $r->{exit};
        my $got = last_line( $r->{out} );
        $wrong = "got $got, want [$answer]" if !$wrong and $got ne "[$answer]";
        ok( !$wrong, "$name [$mode->{name}]" )
            or diag( $wrong, ', stderr: ', substr $r->{err}, 0, 300 );
    }
}

# Runs bench/run with one turn and no peers.
sub bench_run {
    my (@options) = @_;
    return Program::run(
        argv => [ 'python3', "$bench/run", '--peers', 'none', '-n', 1, '--warm-up', 0, @options ],
        timeout => 120,
    );
}

SKIP: {
    skip 'no python3', 6 if system 'python3 -c "" 2>/dev/null';

    my $json = "$dir/figures.json";
    my $r    = bench_run( '--ambit', Program::path(), '--small', '--only', '^(d_fib|n_fork|s_kv1e3)$',
        '--tiers', '0,1', '--limit', 20 * ( $ENV{AMBIT_SLOW} || 1 ), '--json', $json );
    is( $r->{exit}, 0, 'bench/run: right answers' ) or diag( $r->{out}, $r->{err} );
    my @rows = $r->{out} =~ /^(\w+)(?: +\d+\.\d{3}){2}/mg;
    is( "@rows", 'a_startup d_fib n_fork s_kv1e3', 'bench/run: a row of times for each' );
    like( Program::slurp($json), qr/"program": "n_fork"/, 'bench/run: --json' );

    my $liar = write_file( "$dir/liar", "#!/bin/sh\necho '[34]'\necho '[35]'\n", 0755 );
    $r = bench_run( '--ambit', $liar, '--small', '--only', '^d_fib$' );
    is( $r->{exit}, 1, 'bench/run: a wrong answer fails' );
    like( $r->{out}, qr/^d_fib +wrong$/m, 'bench/run: and is shown instead of a time' );

    $r = bench_run( '--ambit', Program::path(), '--small', '--series', '--only', '^let_(star|nest)$' );
    is( $r->{exit}, 0, 'bench/run: the answers of the series' ) or diag( $r->{out}, $r->{err} );
}
done_testing;
