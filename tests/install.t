#!/usr/bin/perl
# What is installed: every file in its place, a program and a library that run wherever
# their folder is moved to, completions that know what --help knows, and nothing left
# behind when it is removed.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Find qw(find);
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use lib "$FindBin::Bin/lib";
use Program;
use Test::More;

my $root  = abs_path("$Bin/..");
my $build = $ENV{AMBIT_BUILD} || "$root/build";
my $dir   = tempdir( CLEANUP => 1 );
my $sanitized = Program::sanitizers();
delete $ENV{LD_LIBRARY_PATH};

sub runs {    # (what is told when it fails, words...) -> what it printed
    my ( $about, @argv ) = @_;
    my $r = Program::run( argv => \@argv, dir => '/' );
    ok( !Program::trouble($r) && $r->{exit} == 0, $about ) or diag("@argv\n$r->{out}$r->{err}");
    return $r->{out};
}

sub files_below {
    my ($top) = @_;
    my @found;
    find( sub { push @found, $File::Find::name =~ s{^\Q$top\E/}{}r unless -d && !-l }, $top ) if -e $top;
    return sort @found;
}

sub tool { return ( grep {-x} map {"$_/$_[0]"} split /:/, $ENV{PATH} )[0] }

# The program and a C program, both from the folders below $prefix.
sub use_of {
    my ( $prefix, $where ) = @_;
    is( runs( "$where: the program runs", "$prefix/bin/ambit", '-e', '!(import! &self json) !(+ 1 2)' ),
        "[()]\n[3]\n", "$where: it has its library with it" );
SKIP: {
        skip "a library with $sanitized sanitizers wants a program with them", 1 if $sanitized;
        my ($pc) = grep {m{pkgconfig/ambit\.pc$}} files_below($prefix);
        ( my $lib = "$prefix/$pc" ) =~ s{/pkgconfig/.*}{};
        local $ENV{PKG_CONFIG_PATH} = "$lib/pkgconfig";
        chomp( my $flags = qx{pkg-config --cflags --libs ambit} );
        my $cc = $ENV{CC} || 'cc';
        my $c  = "$root/examples/c/first_answers";
        runs( "$where: a C program compiles", split( ' ', $cc ), '-o', "$dir/first", "$c.c", split( ' ', $flags ) );
        is( runs( "$where: ... and runs", 'env', "LD_LIBRARY_PATH=$lib", "$dir/first" ),
            Program::slurp("$c.expected"), "$where: ... and prints what it should" );
    }
}

# ---- its place ------------------------------------------------------------------

my $usr = "$dir/usr";
runs( 'it installs', 'cmake', '--install', $build, '--prefix', $usr );
my $manifest = Program::slurp("$build/install_manifest.txt");
Program::write_file( "$dir/manifest", $manifest );
my @there = files_below($usr);
is_deeply( [ sort map {s{^\Q$usr\E/}{}r} split /\n/, $manifest ], \@there, 'the manifest lists what is there' );
my ($lib) = map {m{^(.*)/libambit\.so$}} @there;
for my $file (
    qw(bin/ambit include/ambit.h share/man/man1/ambit.1 share/man/man3/libambit.3 share/bash-completion/completions/ambit
    share/zsh/site-functions/_ambit share/fish/vendor_completions.d/ambit.fish
    share/vim/vimfiles/syntax/metta.vim share/ambit/metta.tmLanguage.json
    share/doc/ambit/LICENSE share/doc/ambit/README.md share/doc/ambit/CHANGELOG.md share/doc/ambit/docs/tools.md
    share/doc/ambit/examples/zebra.metta), "$lib/libambit.a", "$lib/libambit.so.0", "$lib/pkgconfig/ambit.pc"
    )
{
    ok( -s "$usr/$file", "there is $file" );
}
my @odd = grep {
    my $mode = ( lstat "$usr/$_" )[2] & 07777;
    !-l "$usr/$_" && ( $mode & ~0111 ) != 0644
} @there;
is( "@odd", '', 'all may read, and nobody else may write' );

my $manual = Program::slurp("$usr/share/man/man3/libambit.3");
my @calls  = split ' ', Program::slurp("$Bin/golden/abi.txt");
is( join( ' ', grep { $manual !~ /^\.nf\n(?:(?!\.fi).+\n)*?.*\b\Q$_\E\(/m } @calls ), '', 'the manual page has all calls' );
SKIP: {
    skip 'man is not installed', 1 unless tool('man');
    for my $page (qw(man1/ambit.1 man3/libambit.3)) {
        my $r = Program::run( argv => [ 'env', 'LC_ALL=C', 'man', '--warnings', '-l', "$usr/share/man/$page" ] );
        is( $r->{err}, '', "$page is well formed" );
    }
}

# ---- another place --------------------------------------------------------------

rename $usr, "$dir/moved to" or die "$dir: $!\n";
is( runs( 'the program runs where it was moved to', "$dir/moved to/bin/ambit", '-e', '!(+ 1 2)' ),
    "[3]\n", '... and answers' );
rename "$dir/moved to", "$dir/moved" or die "$dir: $!\n";
use_of( "$dir/moved", 'moved' );

# ---- completions ----------------------------------------------------------------

my $share  = "$dir/moved/share";
my $ambit  = "$dir/moved/bin/ambit";
my $help   = runs( 'there is a help text', $ambit, '--help' );
my @commands = $help =~ /^commands:\n(.*?)^$/ms ? $1 =~ /^  ([\w-]+)/mg : ();
my %options  = ( '' => [ options_in($help) ] );
for my $command (@commands) {
    my $text = Program::run( argv => [ $ambit, $command, '--help' ] )->{out};
    $options{$command} = [ options_in($text) ] if $text =~ /^usage: ambit $command\b/;
}
cmp_ok( keys %options, '>', 5, 'there are commands with options of their own' );

sub options_in { return $_[0] =~ /^options:\n(.*?)(?:^$|\z)/ms ? $1 =~ /^  (-[^\s[]+)/mg : () }

sub same { my ( $got, $want, $about ) = @_; is_deeply( [ sort @$got ], [ sort @$want ], $about ) }

# What each shell offers: shell, then a function of the words so far and the one begun.
sub bash {
    my (@words) = @_;
    my $script = 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ambit; printf "%s\n" "${COMPREPLY[@]}"';
    my $r = Program::run( argv => [ 'bash', '-c', $script, "$share/bash-completion/completions/ambit", @words ],
        dir => "$share/ambit" );
    return split /\n/, $r->{out} . $r->{err};
}

sub fish {
    my $line = join ' ', @_;
    my $r    = Program::run( argv => [ tool('fish'), '--no-config', '-c',
            "source $share/fish/vendor_completions.d/ambit.fish; complete -C '$line'" ], dir => "$share/ambit" );
    return map {s/=?(?:\t.*)?$//r} split /\n/, $r->{out} . $r->{err};
}

# The functions of its completion system are replaced by ones that tell what they are given.
sub zsh {
    my ( $program, @words ) = @_;
    my $begun  = pop @words;
    my $state  = @words ? 'rest' : 'first';
    my $script = <<'END';
_files() { }
_describe() { [[ $begun == -* ]] || print -rl -- "${(@P)4%%:*}" }
_arguments() {
  if [[ $1 == -C ]]; then state=$want; [[ $want == first ]] || return; fi
  [[ $begun == -* ]] || return
  for spec; do [[ $spec == (|\*)-?*\[* ]] && print -r -- ${${spec#\*}%%[=+\[]*}; done
}
want=$1 begun=$2 file=$3 words=($4)
set --
source $file
END
    my $r = Program::run( argv => [ tool('zsh'), '-f', '-c', $script, 'zsh', $state, $begun,
            "$share/zsh/site-functions/_ambit", $words[0] // '' ] );
    return split /\n/, $r->{out} . $r->{err};
}

for ( [ bash => \&bash ], [ fish => \&fish ], [ zsh => \&zsh ] ) {
    my ( $shell, $offers ) = @$_;
SKIP: {
        skip "$shell is not installed", 1 unless tool($shell);
        same( [ grep {!/metta\.tmLanguage/} $offers->( 'ambit', '' ) ], \@commands, "$shell: all commands" );
        for my $scope ( sort keys %options ) {
            my @words = ( 'ambit', $scope || () );
            my %seen  = map { $_ => 1 } $offers->( @words, '-' ), $shell eq 'fish' ? $offers->( @words, '--' ) : ();
            # What fish finds behind one dash are also short options joined.
            delete @seen{ grep {/^-[a-z]-?[a-z]/} keys %seen };
            same( [ keys %seen ], $options{$scope}, "$shell: all options" . ( $scope && " of $scope" ) );
        }
    }
}
same( [ bash( 'ambit', '--format', '=', '' ) ],  [qw(text json)],     'bash: words for a value, behind =' );
same( [ bash( 'ambit', '--order',  '' ) ],       [qw(source arrival)], 'bash: ... behind a space' );
same( [ bash( 'ambit', '--stats',  '=', 'j' ) ], ['json'],            'bash: ... that may be missing' );
same( [ bash( 'ambit', '-j', '4', 'disa' ) ],    ['disasm'],          'bash: a command behind options' );
same( [ bash( 'ambit', 'check', 'met' ) ],       ['metta.tmLanguage.json'], 'bash: a file' );
same( [ bash( 'ambit', '--steps', '' ) ],        [],                'bash: nothing for a number' );

# ---- nothing is left ------------------------------------------------------------

rename "$dir/moved", $usr or die "$dir: $!\n";
Program::write_file( "$usr/share/doc/theirs", "not ours\n" );
my @remove = ( 'cmake', "-DMANIFEST=$dir/manifest", '-P', "$root/packaging/uninstall.cmake" );
runs( 'it is removed', @remove );
is_deeply( [ files_below($usr) ], ['share/doc/theirs'], '... but for what others put there' );
unlink "$usr/share/doc/theirs";
runs( 'removing it once more does no harm', @remove );
ok( !-e $usr, '... and nothing is left' );

# ---- Debian packages ------------------------------------------------------------

# Works on a root of its own, where no other package is installed.
sub dpkg {
    my ( $about, @words ) = @_;
    local $ENV{PATH} = "$ENV{PATH}:/usr/sbin:/sbin";
    return runs( $about, 'dpkg', "--root=$dir/clean", '--force-depends', '--log=/dev/null', @words );
}

SKIP: {
    for my $needed (qw(dpkg-deb dpkg-shlibdeps dpkg-parsechangelog)) {
        skip "$needed is not installed", 1 unless tool($needed);
    }
    skip "nobody packs a program with $sanitized sanitizers", 1 if $sanitized;
    local $ENV{AMBIT_XZ_LEVEL} = 0;
    my @packages = split /\n/, runs( 'packages are made', "$root/packaging/deb.sh", $build, "$dir/packages" );
    is_deeply( [ map {m{.*/(\S+?)_}} @packages ], [qw(ambit libambit0 libambit-dev)], '... three of them' );
    runs( "$_: it unpacks", 'dpkg-deb', '-x', $_, "$dir/root" ) for @packages;
    use_of( "$dir/root/usr", 'unpacked' );
    like( runs( 'the program tells its needs', 'dpkg-deb', '-f', $packages[0], 'Depends' ),
        qr/\blibc6 \(>= /, '... among them the C library' );
SKIP: {
        skip 'lintian is not installed', 1 unless tool('lintian');
        runs( 'lintian has nothing to say', 'lintian', '--fail-on', 'error,warning', @packages );
    }
SKIP: {
        skip 'only root installs packages', 1 if $>;
        Program::write_file( "$dir/clean/var/lib/dpkg/$_", '' ) for qw(status available info/format updates/.x);
        Program::write_file( "$dir/clean/var/lib/dpkg/info/format", "1\n" );
        unlink "$dir/clean/var/lib/dpkg/updates/.x";
        dpkg( 'dpkg installs them', '--install', @packages );
        use_of( "$dir/clean/usr", 'installed' );
        dpkg( 'dpkg removes them', '--purge', qw(ambit libambit0 libambit-dev) );
        is_deeply( [ grep { !m{^var/lib/dpkg/} } files_below("$dir/clean") ], [], '... and nothing is left' );
        ok( !-e "$dir/clean/usr", '... not even a folder' );
    }
}
done_testing;
