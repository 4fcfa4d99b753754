#!/usr/bin/env perl
# Searches by the number of choices, of programs made by chance: their results, and the
# order of these, are those of --tier 0 in every mode. A number names a program:
# SEARCHES_FROM=SEED SEARCHES=1 runs that one alone, with SEARCHES_SHOW=1 it is shown.
use strict;
use warnings;
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use lib "$Bin/lib";
use Modes;
use Program;
use Test::More;

my $slow  = $ENV{AMBIT_SLOW} || 1;
my $from  = $ENV{SEARCHES_FROM} || 1;
my $count = $ENV{SEARCHES} || int( 60 / $slow ) || 1;
my $dir   = tempdir( CLEANUP => 1 );

# ---- programs ------------------------------------------------------------------------

# The same numbers everywhere, whatever Perl's own are.
my $state;

sub below {
    my ($n) = @_;
    $state = ( $state * 1103515245 + 12345 ) % 2**31;
    return int( $state / 65536 ) % $n;
}

sub one_of { return $_[ below( scalar @_ ) ] }

my $FUNCTIONS = 5;

sub pattern {
    my ($fresh) = @_;
    return one_of( '$x', '$x', '$x', '0', '1', 'a', '(S $x)', '(P $x $y)', '(P $x $x)', 'b' ) unless $fresh;
    return one_of( "\$$fresh", "\$$fresh", "(S \$$fresh)", "(P \$$fresh \$z)", '1' );
}

sub leaf { return one_of( '0', '1', 'a', 'b', '$x', '$x', '(S $x)', '(P $x 1)', '(S 0)', '$free', '(P a $free)' ) }

my $names;

sub fresh { return 'v' . ++$names }

sub called {
    my ($d) = @_;
    my $arg = below(3) ? leaf() : expression( $d - 1 );
    return sprintf '(f%d %s (- $k 1))', below($FUNCTIONS), $arg;
}

# Each makes an expression of others that are less deep by one.
my @FORMS = (
    ( sub { called( $_[0] ) } ) x 6,
    ( sub { my $d = shift; '(superpose (' . join( ' ', map { expression($d) } 0 .. below(3) ) . '))' } ) x 5,
    sub {'(superpose (1 2 a))'},
    sub { my $v = fresh(); "(let \$$v (collapse " . expression( $_[0] ) . ") (superpose \$$v))" },
    ( sub {
        my $v = fresh();
        "(let " . pattern($v) . ' ' . expression( $_[0] ) . ' ' . one_of( "\$$v", expression( $_[0] ), "(Q \$$v)" ) . ')';
    } ) x 4,
    sub {
        my ( $v, $w ) = ( fresh(), fresh() );
        "(let* ((\$$v " . expression( $_[0] ) . ") (\$$w " . expression( $_[0] ) . ")) (P \$$v \$$w))";
    },
    ( sub { '(if (== ' . leaf() . ' ' . leaf() . ') ' . expression( $_[0] ) . ' ' . expression( $_[0] ) . ')' } ) x 2,
    ( sub { my $v = fresh(); "(match &self (fact " . one_of( 'a', '$x', "\$$v", '1' ) . " \$$v) " . one_of( "\$$v", expression( $_[0] ) ) . ')' } ) x 3,
    sub { my $v = fresh(); "(match &self (, (fact \$x \$$v) (fact \$$v \$w)) (P \$$v \$w))" },
    sub {'(empty)'},
    ( sub { '(Q ' . expression( $_[0] ) . ' ' . expression( $_[0] ) . ')' } ) x 3,
    sub { '(collapse ' . expression( $_[0] ) . ')' },
    sub { '(once ' . expression( $_[0] ) . ')' },
    ( sub {
        '(case ' . expression( $_[0] ) . ' ((' . pattern() . ' ' . expression( $_[0] ) . ') ($other ' . expression( $_[0] ) . ')))';
    } ) x 2,
    sub { '(switch ' . expression( $_[0] ) . ' ((' . pattern() . ' ' . expression( $_[0] ) . ') ($other (R $other))))' },
    sub { '(unify ' . leaf() . ' ' . pattern() . ' ' . expression( $_[0] ) . ' ' . expression( $_[0] ) . ')' },
    sub { my $g = fresh(); sprintf '(let $%s (superpose (f%d f%d)) ($%s %s (- $k 1)))', $g, below($FUNCTIONS), below($FUNCTIONS), $g, leaf() },
    sub { my $v = fresh(); "(map-atom (1 2) \$$v " . expression( $_[0] ) . ')' },
    sub { my $v = fresh(); "(let \$$v (superpose ((2 a) (1 b))) (minimize " . one_of( "\$$v", "(superpose (\$$v (1 c)))" ) . '))' },
    sub { my $v = fresh(); "((|-> (\$$v) " . expression( $_[0] ) . ') ' . leaf() . ')' },
    sub {'(Error something wrong)'},
    sub { '(t ' . leaf() . ')' },
    sub { '(typed ' . one_of( '1', '$x', 'a', expression( $_[0] ) ) . ')' },
    sub { '(applied (g ' . one_of( 'f0', 'f1' ) . ') ' . leaf() . ' (- $k 1))' },
);

sub expression {
    my ($d) = @_;
    return leaf() if $d <= 0 || !below(6);
    return one_of(@FORMS)->( $d - 1 );
}

sub rules {
    my ($f) = @_;
    return map { "(= (f$f " . pattern() . ' $k) (if (> $k 0) ' . expression(2) . ' ' . leaf() . "))\n" } 0 .. below(4);
}

sub search {
    my ($prints) = @_;
    my $fuel = 1 + below(3);
    my $e    = expression(2);
    $e =~ s/\$k/$fuel/g;
    $e = one_of( $e, sprintf( '(f%d %s %d)', below($FUNCTIONS), one_of( '0', '1', 'a', '(S 1)', '$x', '(P a a)' ), $fuel + 1 ) );
    my $by = one_of( "(breadth-first $e)", "(breadth-first $e)", "(iterative-deepening $e)", "(iterative-deepening $e " . one_of( 2, 3, 7 ) . ')' );
    my $around = one_of( '%s', '%s', '(collapse %s)', '(once %s)', '(let $r %s (Result $r $x))', '(case %s (($c (Case $c))))', '(Q %s 1)', $prints ? 'printed' : '%s' );
    $around = "(let \$p (breadth-first (let \$q $e (let \$w (println! (quote \$q)) \$q))) (Printed \$p))" if $around eq 'printed';
    return '!' . ( $around =~ /%s/ ? sprintf( $around, $by ) : $around ) . "\n";
}

sub program {
    my ($seed) = @_;
    $state = $seed * 7919 % 2**31;
    below(2) for 1 .. 5;
    $names = 0;
    my $text = "!(import! &self concurrent)\n";
    $text .= "(fact a 1)\n(fact 1 b)\n(fact b b)\n(fact a b)\n" . ( below(2) ? '' : "(fact \$any c)\n" );
    $text .= "(= (t a) 1)\n(= (t \$x) 2)\n(= (t b) (superpose (3 4)))\n" . ( below(4) ? '' : "!(tabled! t)\n" );
    $text .= "(: typed (-> Number Number))\n(= (typed \$n) \$n)\n(= (typed \$n) (+ \$n 1))\n";
    $text .= "(= (applied (g \$f) \$x \$k) (\$f \$x \$k))\n(= (applied \$g \$x \$k) (none \$x))\n";
    $text .= join '', rules($_) for 0 .. $FUNCTIONS - 1;
    # What prints anywhere may do so through a head that only running can tell.
    return $text . join '', map { search( $seed % 5 == 0 ) } 1 .. 6;
}

# ---- running them ----------------------------------------------------------------------

# Variables by the order in which a line has them.
sub plain {
    my ($out) = @_;
    my @lines;
    for my $line ( split /\n/, $out ) {
        my %number;
        $line =~ s{[#](\d+)}{'#' . ( $number{$1} //= keys %number )}ge;
        push @lines, $line;
    }
    return join "\n", @lines;
}

sub outcome {
    my ( $mode, $file, @limits ) = @_;
    local $ENV{AMBIT_STRESS} = $mode->{stress} || '';
    delete $ENV{AMBIT_STRESS} unless $mode->{stress};
    return Program::run( argv => [ Program::path(), @{ $mode->{options} }, @limits, $file ] );
}

if ( $ENV{SEARCHES_SHOW} ) {
    print program($_) for $from .. $from + $count - 1;
    exit;
}

# In tier 0 a program may take so many steps; those that take more are not looked at.
my ( $cut, @differ ) = (0);
my ($tier0) = Modes::named('tier0');
my @modes = grep { $_->{name} ne 'tier0' && !$_->{compile} && $_->{name} ne 'tier0-walk' } Modes::selected();
for my $seed ( $from .. $from + $count - 1 ) {
    my $file = "$dir/search-$seed.metta";
    open my $to, '>', $file or die "$file: $!\n";
    print $to program($seed);
    close $to or die "$file: $!\n";
    my $want = outcome( $tier0, $file, '--steps=60000' );
    if ( $want->{err} =~ /step/ ) {
        $cut++;
        next;
    }
    for my $mode (@modes) {
        my $got = outcome( $mode, $file );
        next if plain( $got->{out} ) eq plain( $want->{out} ) && $got->{exit} == $want->{exit};
        push @differ, "$seed in $mode->{name}";
        my @g = split /\n/, plain( $got->{out} );
        my @w = split /\n/, plain( $want->{out} );
        shift @g, shift @w while @g && @w && $g[0] eq $w[0];
        diag( "program $seed, $mode->{name}: ", $g[0] // 'nothing', "\n  tier 0: ", $w[0] // 'nothing', "\n", $got->{err} );
    }
}
is( "@differ", '', "$count programs from number $from in " . @modes . ' modes' );
cmp_ok( $cut, '<=', $count / 4 + 1, 'few of them take too many steps' );
done_testing;
