#!/usr/bin/perl
# Which instructions do the language tests reach, and which does machine code execute?
# A debug build with the
# counter in the loop writes what it executed to the file that AMBIT_OPCODES
# names; of any other build the test looks at what the definitions of the tests
# and of the library are lowered to, where the machine's own instructions never
# stand.

use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use File::Basename qw(basename dirname);
use File::Temp qw(tempdir tempfile);
use Test::More;
use Lang qw(find_tests);
use Program;

# Never executed, whatever the program. Remove a row as soon as something emits
# the instruction.
my %unused = (
    NOP    => 'stands for "no instruction" while code is put together',
    EV_ARG => 'children are begun by EV_START and EV_RET',
);

# Instructions that stand in frames of routines and in records, those of level 2, of
# calls that ask tables and of searches that count choices, which an import brings, and QUERYT, which takes the
# place of code that was thrown away too often: no file says when.
my $machine = qr/^(?:MADEL?|ALIKE|CHOICE|HOLD|UNCOUNTED|DEEPEN.*|INLINED|TAKE|VALUE|SPLITT?|EV_.*|EVINSTR|RETRV|QUERYT|.*_NEXT|CHAINED|TABLED?|TABLE_END|PEND|DELIVER|ONCE_FAIL|TOP_.*|LOWER|WARM|NATIVE|SEEN)$/;

my @names = Program::slurp("$Bin/../runtime/bytecode/opcodes.def") =~ /^OP\((\w+),/mg;
cmp_ok( scalar @names, '>', 50, 'opcodes.def is read' );

# Copies of the programs: other tests run the same ones at the same time, and some write
# files beside themselves.
my $copies = tempdir( CLEANUP => 1 );
system( 'cp', '-R', ( map {"$Bin/$_"} qw(lang regress programs golden ../examples) ), $copies ) == 0
    or die "cp: $?\n";
my @programs = grep { !/stack|deep|huge/ } find_tests( map {"$copies/$_"} qw(lang regress programs) );
push @programs, sort glob "$copies/{golden,examples}/*.metta";

my ( $handle, $list ) = tempfile( UNLINK => 1 );
close $handle;

# One evaluator: several lose counts to each other, and what each of them does is
# different from run to run.
my @tier1  = qw(--tier=1 -j1);
my @native = qw(--jit=sync --jit-threshold=1 -j1);

sub run_program {
    my ( $path, @words ) = @_;
    my $r = Program::run(
        argv => [ Program::path(), @words, basename($path) ],
        dir  => dirname($path),
    );
    unlink glob dirname($path) . '/scratch-*';
    return $r->{out};
}

# Every instruction that was executed; nothing when the build does not count.
sub executed {
    local $ENV{AMBIT_OPCODES} = $list;
    run_program( $programs[0], @tier1 );
    return unless -s $list;
    run_program( $_, @tier1 ) for @programs;
    if ( Program::has_native() ) {
        run_program( $_, @native, '--jit-threshold=2' ) for @programs[ 0 .. 9 ];
        local $ENV{AMBIT_STRESS} = 'leave';    # what level 2 writes, run by the loop
        run_program( $_, @native ) for @programs;
    }
    else {
        $unused{$_} = 'there is no machine code' for qw(WARM NATIVE INLINED TAKE VALUE SPLIT SPLITT);
    }
    return map { $_ => 1 } split /\s+/, Program::slurp($list);
}

sub lowered {
    my %seen;
    for my $path ( @programs, sort glob "$Bin/../runtime/library/*.metta" ) {
        $seen{$_} = 1 for run_program( $path, 'disasm' ) =~ /^ +\d+  ([A-Z_]+)\b/mg;
    }
    return %seen;
}

my %seen = executed();
my $how  = 'executed';
if ( !%seen ) {
    %seen = lowered();
    $how  = 'lowered to';
    @names = grep { !/$machine/ } @names;
}
my @missing = grep { !$seen{$_} && !$unused{$_} } @names;
ok( !@missing, "every instruction is $how by " . @programs . ' programs' )
    or diag("never $how: @missing");
my @wrong = grep { $seen{$_} } sort keys %unused;
ok( !@wrong, 'no instruction is wrongly said to be unused' ) or diag("@wrong");

# ---- machine code -----------------------------------------------------------------

# Without a template: machine code has the loop run them, one at a time.
my %loop = map { $_ => 1 }
    Program::slurp("$Bin/../compiler_thread/emit_rest.c") =~ /^BY_THE_LOOP\((\w+)\)/mg;
# ThreadSanitizer does not see what machine code reads.
$loop{GETSTATE} = 1 if Program::sanitizers() =~ /thread/;

# Has one, and stands in frames of routines alone.
$unused{RETRV} = 'machine code is made of units';

SKIP: {
    skip 'there is no machine code, or this build does not count', 5
        if $how ne 'executed' || !Program::has_native();
    local $ENV{AMBIT_OPCODES_NATIVE} = $list;
    open my $empty, '>', $list or die "$list: $!\n";
    close $empty;
    run_program( $_, @native ) for @programs;
    {
        # Where rules change while a frame runs, its error edges are taken once and the unit
        # is made anew, so machine code of level 2 never has them: here level 1 has all.
        local $ENV{AMBIT_STRESS} = 'collect';
        run_program( $_, @native )
            for grep { m{/regress/.*(?:new_rules|became_a_call|form_runs|_get_hot)\.metta$} } @programs;
    }
    my %native = map { $_ => 1 } split /\s+/, Program::slurp($list);
    my @never  = grep { !$native{$_} && !$loop{$_} && !$unused{$_} } @names;
    ok( !@never, 'every instruction with a template is executed as machine code' )
        or diag("never as machine code: @never");
    my @second = Program::slurp("$Bin/../compiler_thread/emit_keep.c") =~ /\[OP_I_(\w+)\] = \{\w+, (?!NULL)\w+\}/g;
    cmp_ok( scalar @second, '>', 30, 'the templates of level 2 are read' );
    my @not_kept = grep { !$native{"$_/2"} } @second;
    ok( !@not_kept, 'each of them is executed' ) or diag("never at level 2: @not_kept");
    my @both = grep { $native{$_} } sort keys %loop;
    ok( !@both, 'those without are left to the loop' ) or diag("@both");
    my $n = grep { $native{$_} } @names;
    cmp_ok( $n, '>', 70, "machine code executed $n of " . @names . ' instructions' );
}
done_testing;
