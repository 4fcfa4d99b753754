#!/usr/bin/env perl
# Bad input of every kind: each case says what is printed, what is said on
# standard error, and the exit code. The cases are in bad/*.txt.
#
# A case is a block of lines up to an empty line:
#   case: TITLE          may be left out when there is an expr
#   file: NAME           the indented lines that follow are its text
#   bytes: NAME HEX...   a file given in hexadecimal
#   stdin:               the indented lines that follow are standard input
#   run: WORDS           arguments, quoted as in a shell (default main.metta)
#   expr: EXPR           short for a main.metta with the form !EXPR
#   gives: LINE          with expr: the result line; exit 1 and a message follow
#   exit: CODE  stdout: LINE (exact, repeated)  stderr: REGEX (repeated)
#   gives~: and stdout~: REGEX in place of an exact line
#   notier: 1            the case has its own --tier or none
# AMBIT names the program, AMBIT_TIERS the tiers to run (all there are).
use strict;
use warnings;
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use Program;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;
use Text::ParseWords qw(shellwords);

my $here  = abs_path(dirname(__FILE__));
my $ambit = abs_path($ENV{AMBIT} // "$here/../build/ambit");
my @tiers = Program::tiers();
-x $ambit or plan skip_all => "no program at $ambit";

sub read_cases {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!";
    my (@cases, $case, $text);
    while (my $line = <$in>) {
        chomp $line;
        next if $line =~ /^#/;
        if ($line eq '') { $case = $text = undef; next }
        if ($line =~ /^  (.*)/ && $text) { $$text .= "$1\n"; next }
        my ($key, $value) = $line =~ /^([a-z]+~?):(?: (.*))?$/
            or die "$path:$.: cannot read: $line";
        $value //= '';
        push @cases, $case = { title => "$path:$." } if !$case;
        $text = undef;
        if    ($key eq 'case')  { $case->{title} = $value }
        elsif ($key eq 'file')  { $text = \($case->{files}{$value} = '') }
        elsif ($key eq 'stdin') { $text = \($case->{stdin} = '') }
        elsif ($key eq 'bytes') {
            my ($name, @hex) = split ' ', $value;
            $case->{files}{$name} = pack 'H2' x @hex, @hex;
        }
        elsif ($key eq 'expr') {
            $case->{files}{'main.metta'} = "!$value\n";
            $case->{title} = $value if $case->{title} =~ /:\d+$/;
        }
        elsif ($key =~ /^(?:gives|stdout)(~?)$/) {
            push @{ $case->{stdout} }, $1 ? qr/$value/ : $value;
            next unless $key =~ /^gives/;
            $case->{exit} = 1;
            push @{ $case->{stderr} }, 'main\.metta:1:1: error: uncaught Error';
        }
        elsif ($key eq 'stderr') { push @{ $case->{stderr} }, $value }
        else                     { $case->{$key} = $value }
    }
    return @cases;
}

sub write_files {
    my ($dir, $files) = @_;
    for my $name (sort keys %$files) {
        make_path(dirname("$dir/$name"));
        open my $out, '>', "$dir/$name" or die "$dir/$name: $!";
        binmode $out;
        print $out $files->{$name};
        close $out;
    }
}

sub slurp {
    open my $in, '<', $_[0] or die "$_[0]: $!";
    local $/;
    return <$in> // '';
}

sub run_case {
    my ($case, $tier) = @_;
    my $dir = tempdir(CLEANUP => 1);
    my $io  = tempdir(CLEANUP => 1);
    write_files($dir, $case->{files} // {});
    write_files($io, { stdin => $case->{stdin} // '' });
    my @words = shellwords($case->{run} // 'main.metta');
    unshift @words, "--tier=$tier" unless $case->{notier};
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        chdir $dir;
        open STDIN,  '<', "$io/stdin";
        open STDOUT, '>', "$io/stdout";
        open STDERR, '>', "$io/stderr";
        alarm $Program::guard;
        exec $ambit, @words or exit 127;
    }
    waitpid $pid, 0;
    my $code = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
    return ($code, slurp("$io/stdout"), slurp("$io/stderr"));
}

sub stdout_is_right {
    my ($got, $want) = @_;
    my @got = split /\n/, $got;
    return 0 if @got != @$want;
    for my $i (0 .. $#got) {
        my $w = $want->[$i];
        return 0 unless ref $w ? $got[$i] =~ $w : $got[$i] eq $w;
    }
    return 1;
}

sub check_case {
    my ($case, $tier) = @_;
    my ($code, $out, $err) = run_case($case, $tier);
    my @wrong;
    push @wrong, "exit $code, not $case->{exit}" if $code ne $case->{exit};
    push @wrong, 'standard output' if !stdout_is_right($out, $case->{stdout} // []);
    push @wrong, map { "no $_ on standard error" }
        grep { $err !~ /$_/m } @{ $case->{stderr} // [] };
    ok(!@wrong, "tier $tier: $case->{title}")
        or diag(join("\n", @wrong), "\nstdout:\n$out", "stderr:\n$err");
}

my $ncases = 0;
for my $path (sort glob "$here/bad/*.txt") {
    for my $case (read_cases($path)) {
        $ncases++;
        defined $case->{exit} or die "$path: no exit code: $case->{title}";
        check_case($case, $_) for @tiers;
    }
}
cmp_ok($ncases, '>=', 150, 'the corpus is complete');
done_testing;
