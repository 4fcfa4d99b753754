#!/usr/bin/env perl
# The reference is whole and true: each name that a program can call is in docs/reference,
# with forms that show it; these print what stands behind them, in each tier; and the pages
# are the ones made of what is there.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use Program;
use Messages;
use Reference;
use Test::More;

my $root    = abs_path("$Bin/..");
my $ambit   = Program::path();
my $scratch = tempdir( CLEANUP => 1 );
my @pages   = Reference::pages($root);
my $library = Reference::library($root);
my $forms   = Reference::forms($root);

# ---- names --------------------------------------------------------------------------

my %shown;    # module -> name -> page
for my $page (@pages) {
    $shown{ $page->{module} }{$_} = $page->{name} for map { @{ $_->{names} } } @{ $page->{entries} };
}
for my $module ( sort keys %$library ) {
    my @names = grep { !/^_/ } keys %{ $library->{$module} };
    my $what  = $module eq '' ? 'the core library' : "module $module";
    is( join( ' ', grep { !$shown{$module}{$_} } sort @names ), '', "$what: all " . @names . ' names are in the reference' );
    is( join( ' ', grep { !$library->{$module}{$_} } sort keys %{ $shown{$module} // {} } ), '', "$what: and no others" );
    my @unsaid = grep { !$library->{$module}{$_}{doc} && !$library->{$module}{$_}{types} } @names;
    is( "@unsaid", '', "$what: something is said of each" );
}
is( join( ' ', grep { !$library->{$_} } sort keys %shown ), '', 'pages are of modules that there are' );

sub effects_text {
    my ($name) = @_;
    my $module = $library->{''}{$name} ? '' : 'concurrent';
    return Reference::effects_text( Reference::evaluates( $library->{$module}{$name}, $forms->{$name} ),
        Reference::effects_of( $library, $module, $name ) );
}
is( effects_text('+'),        'none',                                          'effects of arithmetic' );
is( effects_text('if'),       'those of what it evaluates',                    'of a form' );
is( effects_text('println!'), 'input or output',                               'of printing' );
is( effects_text('match'),    'reads spaces; those of what it evaluates',      'of a query' );
is( effects_text('add-atoms'), 'changes spaces; may change rules, types or words', 'of what is called by a rule' );
is( effects_text('spawn'),    'any',                                           'of an actor' );

# ---- programs -----------------------------------------------------------------------

# Actors need tier 1; an Error ends a program with status 1.
sub run_entry {
    my ( $page, $entry ) = @_;
    my $name = "$page->{name}: @{ $entry->{names} }";
    my @unused = grep { $entry->{code} !~ /(?<![^\s(\[])\Q$_\E(?![^\s)\]])/ && $entry->{want} !~ /(?<![^\s(\[])\Q$_\E(?![^\s)\]])/ } @{ $entry->{names} };
    is( "@unused",        '', "$name: the forms show them" );
    is( $entry->{silent}, 0,  "$name: each form says what it prints" );
    isnt( $entry->{want}, '', "$name: there is a form" );
    my ($last) = $entry->{want} =~ /(.*)\n\z/;
    for my $tier ( grep { $_ || $page->{module} ne 'concurrent' } Program::tiers() ) {
        my $dir = tempdir( DIR => $scratch );
        Program::write_file( "$dir/$_", $entry->{files}{$_} ) for keys %{ $entry->{files} };
        Program::write_file( "$dir/program.metta", $entry->{program} );
        my $r = Program::run( argv => [ $ambit, "--tier=$tier", 'program.metta' ], dir => $dir );
        is( lines( $r->{out} ), $entry->{want}, "$name: what is printed, tier $tier" ) or diag( $r->{err} );
        is( $r->{exit}, ( $last // '' ) =~ /^\[\(Error / ? 1 : 0, "$name: how it ends, tier $tier" );
    }
    return;
}

sub lines { return $_[0] =~ s/(?<=[^\n])\z/\n/r }

for my $page (@pages) {
    ok( @{ $page->{text} } || @{ $page->{entries} } > 1, "$page->{name}: a text tells what it is about" );
    run_entry( $page, $_ ) for @{ $page->{entries} };
}

# ---- pages --------------------------------------------------------------------------

system( $^X, "$root/tests/tools/reference_md.pl", "$scratch/made" ) == 0 or die "reference_md.pl: $?\n";
my @made = map { basename($_) } glob "$scratch/made/*.md";
is( join( ' ', map { basename($_) } glob "$root/docs/reference/*.md" ), "@made", 'docs/reference/ has the pages' );
for my $page (@made) {
    ok( -e "$root/docs/reference/$page" && Program::slurp("$root/docs/reference/$page") eq Program::slurp("$scratch/made/$page"),
        "docs/reference/$page is the one that is made (./build.sh docs)" );
}
# ---- errors -------------------------------------------------------------------------

# A row of docs/errors.md is run, a command in a shell, all else as a program.
sub run_row {
    my ($row) = @_;
    return $row->{said} if defined $row->{said};
    my $dir   = tempdir( DIR => $scratch );
    my $shown = $row->{shown};
    my @argv  = ( $ambit, 'program.metta' );
    if ( $shown =~ s/^\$ // ) {
        @argv = ( 'bash', '-c', ( $row->{before}{sh} // '' ) . $shown );
    }
    else {
        Program::write_file( "$dir/program.metta", ( $row->{before}{metta} // '' ) . "$shown\n" );
    }
    local $ENV{PATH} = dirname($ambit) . ":$ENV{PATH}";
    my $r = Program::run( argv => \@argv, dir => $dir );
    return "$r->{out}$r->{err}";
}

# Rows with calls of the C library are functions of one program, each run in a process of its
# own: notes in each what the library said. False: there is no such program here.
sub run_calls {
    my (@calls) = @_;
    my $build = dirname($ambit);
    return if Program::sanitizers();
    my $text = <<'C';
#include <stdio.h>
#include <stdlib.h>
#include "include/ambit.h"
#define TEXT(s) s, sizeof s - 1
static ambit_outcome nothing(ambit_call *call, const ambit_term *args, size_t n, void *data) {
  (void)call, (void)args, (void)n, (void)data;
  return AMBIT_GAVE;
}
int main(int argc, char **argv) {
  ambit *a = ambit_open(NULL);
  ambit_heap *h = ambit_heap_open(a);
  (void)nothing;
  switch (argc > 1 ? atoi(argv[1]) : -1) {
C
    $text .= "  case $_: { $calls[$_]{shown} } break;\n" for 0 .. $#calls;
    $text .= qq(  }\n  puts(ambit_message(a));\n  return 0;\n}\n);
    Program::write_file( "$scratch/calls.c", $text );
    my $cc = $ENV{CC} || 'cc';
    system("$cc -Wall -I'$root' -o '$scratch/calls' '$scratch/calls.c' '$build/libambit.so' -Wl,-rpath,'$build'") == 0
        or die "docs/errors.md: its calls do not compile\n";
    for my $i ( 0 .. $#calls ) {
        my $r = Program::run( argv => [ "$scratch/calls", $i ], dir => $scratch );
        $calls[$i]{said} = "$r->{out}$r->{err}";
    }
    return 1;
}

my @rows = Messages::rows( Program::slurp("$root/docs/errors.md") );
my @calls = grep { $_->{shown} =~ /^ambit_\w+[ (]/ } @rows;
cmp_ok( scalar @calls, '>', 15, @calls . ' of them call the C library' );
my $with_calls = run_calls(@calls);
cmp_ok( scalar @rows, '>', 150, 'docs/errors.md has ' . @rows . ' rows' );
my ( @unshown, @patterns );
for my $row (@rows) {
    my $name = "docs/errors.md:$row->{line}: $row->{messages}[0]";
    push @patterns, map { Messages::pattern($_) } @{ $row->{messages} };
    ok( $row->{cause} =~ /\w/ && $row->{cure} =~ /\w/, "$name: cause and cure" );
    if ( $row->{shown} eq '' ) { push @unshown, $row->{line}; next }
    next if $row->{shown} =~ /--jit/ and !Program::has_native();
    next if $row->{shown} =~ /^ambit_\w+[ (]/ and !$with_calls;
    my $got     = run_row($row);
    my $pattern = Messages::pattern( $row->{messages}[0] );
    like( $got =~ s/\\n/\n/gr, $pattern, $name );
}
cmp_ok( scalar @unshown, '<=', 40, 'few rows that no program shows' );

for my $message ( Messages::in_source($root) ) {
    my $text = $message->{text} =~ s/%[-+ #0-9.*]*(?:ll|[zjhl])?[a-zA-Z]/X/gr;
    ok( ( grep { $text =~ /^(?:$_)\s*$/ || "stopped: $text" =~ /^(?:$_)$/ } @patterns ),
        "docs/errors.md has what $message->{file} says: $text" );
}
# ---- limits -------------------------------------------------------------------------

my $limits  = Program::slurp("$root/docs/limits.md");
my $options = Program::slurp("$root/cli/options.c");
my $modules = Program::slurp("$root/runtime/builtins/builtin_module.c");
my @limits  = ( $options =~ /\{"(-[\w-]+)", "\w+",\s+"[^"]*\bat most\b/g, $modules =~ /"(max-[\w-]+)"/g );
cmp_ok( scalar @limits, '>', 10, 'there are limits' );
is( join( ' ', grep { $limits !~ /(?<![\w-])$_\b/ } @limits ), '', 'docs/limits.md has all options and pragmas' );
done_testing;
