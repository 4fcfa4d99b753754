#!/usr/bin/perl
# What documents show is what happens: each command and each program of each document is
# run, in a folder that has what the document has shown so far, and what it prints is
# compared. tests/lib/Document.pm says how a document is read.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use Document;
use Program;
use Pty;
use Test::More;

my $root  = abs_path("$Bin/..");
my $ambit = Program::path();
my $build = $ENV{AMBIT_BUILD} || dirname($ambit);
my $scratch = tempdir( CLEANUP => 1 );
my ( $run, %not_run ) = (0);

my @docs = map {s{^\Q$root\E/}{}r} grep {-e} "$root/README.md", "$root/ARCHITECTURE.md", "$root/CONTRIBUTING.md",
    "$root/CHANGELOG.md", "$root/docs/ambit.1", glob("$root/docs/*.md $root/docs/*/*.md $root/bench/*.md $root/examples/*/README.md");
@docs = grep { !m{^docs/reference/} } @docs;    # made of what tests/reference.t runs
@docs = @ARGV if @ARGV;    # prove tests/shown.t :: docs/tools.md

# ---- what is there ------------------------------------------------------------------

# Sanitizers take memory of their own.
sub is_plain { return !Program::sanitizers() }

# What ThreadSanitizer is told of stands between the instructions of machine code.
sub is_unwatched { return Program::has_native() && Program::sanitizers() !~ /thread/ }

# The library as it is installed, for programs in C.
sub library {
    return 0 if !is_plain();    # such a library wants a program with sanitizers, too
    for my $part (qw(library development)) {
        my $r = Program::run( argv => [ qw(cmake --install), $build, '--prefix', "$scratch/usr", '--component', $part ] );
        return 0 if $r->{exit};
    }
    my ($pc) = glob "$scratch/usr/lib/pkgconfig $scratch/usr/lib/*/pkgconfig";
    $ENV{PKG_CONFIG_PATH} = $pc;
    $ENV{LD_LIBRARY_PATH} = dirname($pc);
    return 1;
}

my ( %there, %found );
%there = (
    'machine code' => \&Program::has_native,
    'machine code without ThreadSanitizer' => \&is_unwatched,
    'the library'  => \&library,
    'a build without sanitizers' => \&is_plain,
);

sub has {
    my ($what) = @_;
    return $found{$what} //= ( $there{$what} // sub { return 0 == system "command -v '$what' >/dev/null" } )->() ? 1 : 0;
}

# Why a block is not run here; undef: it is.
sub reason {
    my ($block) = @_;
    my $marks = $block->{marks};
    return $marks->{'not run'} if $marks->{'not run'};
    return "there is no $marks->{needs} here" if $marks->{needs} and !has( $marks->{needs} );
    return;
}

# Commands that are not run are at least commands: their words are verbs and types of
# build.sh, their tests are there.
sub unknown {
    my ($block) = @_;
    my %words = map { $_ => 1 } Program::run( argv => [ "$root/build.sh", 'help' ] )->{out} =~ /^(?:verbs  |       )(\w+)/mg;
    my @unknown;
    for ( map { $_->{command} } Document::commands($block) ) {
        s/ +#.*//;
        push @unknown, grep { !-e "$root/$_" } m{\b(tests/[\w./]+)}g;
        push @unknown, grep { !$words{$_} } $1 if m{\./build\.sh (?:(?:debug|asan|ubsan|tsan|stress|noise) )?(\w+)};
    }
    return @unknown;
}

# A folder that looks like that of README.md, as far as commands need it.
sub folder {
    my ($doc) = @_;
    my $dir = "$scratch/" . $doc =~ s{\W}{-}gr;
    mkdir $dir or die "$dir: $!\n";
    system( 'cp', '-r', "$root/examples", "$root/editors", $dir ) == 0 or die "cp: $?\n";
    symlink $build, "$dir/build" or die "$dir/build: $!\n";
    mkdir "$scratch/home";
    return $dir;
}

# ---- commands -----------------------------------------------------------------------

# All commands of a document in one shell, each with its output in a file and its status
# in another; files appear where the document shows them.
sub script {
    my ( $dir, @steps ) = @_;
    my ( $script, @commands ) = ("trap 'kill \$(jobs -p) 2>/dev/null' EXIT\n");
    for my $block (@steps) {
        if ( $block->{kind} eq 'file' ) {
            my $kept = "$dir.files/$block->{line}";
            Program::write_file( $kept, $block->{body} );
            $script .= "mkdir -p '" . dirname( $block->{name} ) . "' && cp '$kept' '$block->{name}'\n";
            next;
        }
        for my $command ( Document::commands($block) ) {
            my $out = "$dir.files/out-" . @commands;
            push @commands, { %$command, block => $block, out => $out };
            $script .= "{\n$command->{command}\n} >'$out' 2>&1 </dev/null\nstatus=\$?; echo \$status >'$out.status'; (exit \$status)\n";
        }
    }
    return ( $script, @commands );
}

sub told {
    my ($file) = @_;
    return -e $file ? Program::slurp($file) : undef;
}

sub run_commands {
    my ( $doc, $dir, @steps ) = @_;
    my ( $script, @commands ) = script( $dir, @steps );
    Program::write_file( "$dir.files/script", $script );
    local %ENV = (
        ( map { $_ => $ENV{$_} } grep { !/^AMBIT_|^NO_COLOR$|^MAKEFLAGS$/ && defined $ENV{$_} } keys %ENV ),
        PATH => "$build:$ENV{PATH}",
        HOME => "$scratch/home",
        LANG => 'C.UTF-8',
    );
    # All that a document has begun ends with its shell.
    my $limit = 120 * ( $ENV{AMBIT_SLOW} || 1 );
    Program::run( argv => [ qw(timeout -k 5), $limit, 'bash', "$dir.files/script" ], dir => $dir, timeout => 150 );
    for my $command (@commands) {
        my $name   = "$doc:$command->{line}: " . $command->{command} =~ s/\s+/ /gr;
        my $got    = told( $command->{out} );
        my $status = told("$command->{out}.status");
        $run++;
        if ( !defined $status ) { fail("$name: it does not end"); diag( $got // '' ); last }
        if ( defined $command->{shown} ) {
            ok( Document::agrees( $command->{shown}, $got, $command->{block}{marks}{'numbers vary'} ), $name )
                or diag( "shown:\n$command->{shown}printed:\n" . join '', grep {defined} ( split /^/, $got )[ 0 .. 60 ] );
        }
        else {
            is( $status + 0, 0, $name ) or diag($got);
        }
    }
    return;
}

# ---- sessions -----------------------------------------------------------------------

# What is shown must appear, in this order, behind what is typed.
sub run_session {
    my ( $doc, $dir, $command ) = @_;
    my $pty = Pty->start(
        argv => [ 'bash', '-c', "exec $command->{command}" ],
        dir  => $dir,
        env  => { PATH => "$build:$ENV{PATH}", HOME => "$scratch/home", XDG_STATE_HOME => "$scratch/home", NO_COLOR => 1 },
    );
    for my $input ( Document::session($command) ) {
        my $name = "$doc:$command->{line}: $input->{prompt} $input->{typed}";
        $run++;
        ok( defined $pty->wait_row(qr/^\Q$input->{prompt}\E $/), "$name: a prompt" ) or last;
        $pty->type("$input->{typed}\r");
        my $missing;
        for ( @{ $input->{shown} } ) {
            chomp( my $line = $_ );
            my $pattern = join '.*', map {quotemeta} split /\.\.\./, $line, -1;
            $missing = $line unless defined $pty->wait_for(qr/^$pattern$/m);
            last if $missing;
        }
        is( $missing, undef, "$name: what comes of it" ) or diag( $pty->{seen} );
        last if $missing;
    }
    $pty->type("\x04") unless $pty->gone;
    $pty->status;
    return;
}

# ---- documents ----------------------------------------------------------------------

sub run_program {
    my ( $doc, $dir, @steps ) = @_;
    my ( $program, $want, $forms, $told ) = Document::program(@steps);
    return if $program eq '';
    is( $told, $forms, "$doc: each form says what it prints" );
    Program::write_file( "$dir/program.metta", $program );
    for my $tier ( $program =~ /\((?:spawn|hyperpose) / ? 1 : ( 0, 1 ) ) {    # tier 0 has no actors
        my $r = Program::run( argv => [ $ambit, "--tier=$tier", 'program.metta' ], dir => $dir );
        is( $r->{out},  $want, "$doc: what is printed, tier $tier" );
        is( $r->{exit}, 0,     "$doc: it ends well, tier $tier" );
        $run++;
    }
    return;
}

# Commands that hide: in a block of text, or indented.
sub hidden {
    my ( $text, @steps ) = @_;
    my @hidden = grep {/^(?:\$ |(?:build\/)?ambit [^:]|\.\/build\.sh )/m} map { $_->{body} } grep { $_->{kind} eq 'text' } @steps;
    ( my $outside = $text ) =~ s/^```.*?^```$//msg;
    push @hidden, $outside =~ /^ {4,}(\$ .*)/mg;
    return @hidden;
}

# The examples of a manual page are commands.
sub steps_of {
    my ( $doc, $text ) = @_;
    return Document::steps($text) if $doc =~ /\.md$/;
    my ( $before, $examples ) = $text =~ /^(.*^\.SH EXAMPLES\n\.nf\n)(.*?)^\.fi$/ms or die "$doc: no examples\n";
    $examples =~ s/\\-/-/g;
    return { kind => 'commands', tag => 'sh', line => 1 + ( $before =~ tr/\n// ), body => $examples, marks => {} };
}

for my $doc (@docs) {
    my $text  = Program::slurp("$root/$doc");
    my @steps = steps_of( $doc, $text );
    is( join( ' ', map { $_->{line} } grep { $_->{kind} eq 'nameless' } @steps ), '', "$doc: each block says what it is" );
    is( join( "\n", hidden( $text, @steps ) ), '', "$doc: commands stand in blocks of their own" );
    my ( @now, @sessions );
    for my $block (@steps) {
        my $reason = $block->{kind} =~ /^(?:text|file|nameless)$/ ? undef : reason($block);
        $reason = 'a block of another kind' if !defined $reason and $block->{kind} eq 'other';
        if ( defined $reason ) {
            $not_run{"$doc:$block->{line}"} = $reason;
            is( join( ' ', unknown($block) ), '', "$doc:$block->{line}: there are such commands" ) if $block->{tag} eq 'sh';
          SKIP: { skip "$doc:$block->{line}: $reason", 1 }
        }
        elsif ( $block->{body} =~ /^> /m and $block->{kind} eq 'console' ) { push @sessions, Document::commands($block) }
        elsif ( $block->{kind} =~ /^(?:console|commands|file)$/ ) { push @now, $block }
    }
    my $dir = folder($doc);
    run_commands( $doc, $dir, @now );
    run_session( $doc, $dir, $_ ) for @sessions;
    run_program( $doc, $dir, @steps );
}
if ( !@ARGV ) {
    cmp_ok( $run, '>', 100, "$run commands and programs were run" );
    my @marked = grep { $not_run{$_} !~ /^there is no / } keys %not_run;
    cmp_ok( scalar @marked, '<=', 40, @marked . ' blocks are marked as not run' );
}
note( "not run: $_: $not_run{$_}" ) for sort keys %not_run;
done_testing;
