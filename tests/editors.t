#!/usr/bin/env perl
# What editors make of a program: the TextMate grammar, by a reader of such grammars small
# enough to stand here; the syntax file of Vim, and the language server with the client of
# Neovim, where those are installed.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use JSON::PP qw(decode_json);
use lib "$FindBin::Bin/lib";
use Program;
use Test::More;

my $root = abs_path("$Bin/..");
my $dir  = tempdir( CLEANUP => 1 );

# Each line: a text, and what its words are: the kind of the token that begins at each ^.
my @samples = (
    [ '; a (comment) "x',          'comment' => '; a' ],
    [ '(= (double $x) (* 2 $x))',  'rule' => '=', 'name' => 'double', 'variable' => '$x', 'call' => '*', 'number' => '2' ],
    [ '(: f (-> Number %Undefined%))', 'type' => ':', 'name' => 'f', 'operator' => '->', 'constant' => 'Number' ],
    [ '!(let $a "s\n;$(" 1)',      'evaluate' => '!', 'control' => 'let', 'string' => '"s' ],
    [ '(match &self ($y;z b;c',    'control' => 'match', 'space' => '&self', 'variable' => '$y;z', 'comment' => ';c' ],
    [ '(a -5.25e3 5x !b 07 a$b)',  'number' => '-5.25e3', 'number' => '07', 'word' => '5x', 'word' => '!b', 'word' => 'a$b' ],
    [ '(@doc letter (if-error x))', 'documentation' => '@doc', 'call' => 'if-error' ],
    [ '"a"$x',                     'string' => '"a', 'variable' => '$x' ],
    [ '(let* (($b True)))',        'control' => 'let*', 'constant' => 'True' ],
);

# ---- the TextMate grammar --------------------------------------------------------

my $grammar = decode_json( Program::slurp("$root/editors/metta.tmLanguage.json") );

sub patterns_of {
    my ($from) = @_;
    return map {
        my ($name) = ( $_->{include} // '' ) =~ /^#(.*)/;
        my $one = $name ? $grammar->{repository}{$name} // die "no $name" : $_;
        $one->{patterns} && !$one->{begin} ? patterns_of( $one->{patterns} ) : $one
    } @$from;
}
my @patterns = patterns_of( $grammar->{patterns} );
for my $p (@patterns) {
    for my $key ( grep { defined $p->{$_} } qw(match begin end) ) {
        ok( eval { qr/$p->{$key}/ }, "a pattern: $p->{$key}" );
    }
}

# The scope at each place where a token begins: the pattern that matches first, of several
# there the one that is listed first.
sub scopes {
    my ($line) = @_;
    my %at;
    my $from = 0;
    while (1) {
        my ( $best, $hit, $end, @groups );
        for my $p (@patterns) {
            my $begin = $p->{match} // $p->{begin};
            pos($line) = $from;
            next unless $line =~ /$begin/g and $+[0] > $-[0];
            next if defined $best && $-[0] >= $best;
            ( $best, $hit, $end ) = ( $-[0], $p, $+[0] );
            @groups = map { [ $-[$_], $p->{captures}{$_}{name} ] } keys %{ $p->{captures} // {} };
        }
        return \%at unless defined $best;
        $at{$best} = $hit->{name};
        $at{ $_->[0] } = $_->[1] for @groups;
        if ( $hit->{begin} ) {
            pos($line) = $end;
            $end = $line =~ /(?:\\.|[^"\\])*$hit->{end}/g ? $+[0] : length $line;
        }
        $from = $end;
    }
}

my %scope = (
    comment => 'comment.line', rule => 'keyword.operator.rule', name => 'entity.name.function.metta',
    variable => 'variable.other', call => 'entity.name.function.call', number => 'constant.numeric',
    type => 'keyword.operator.type', operator => 'keyword.operator.metta', constant => 'constant.language',
    evaluate => 'keyword.operator.evaluate', control => 'keyword.control', string => 'string.quoted',
    space => 'support.variable.space', word => 'source.word', documentation => 'keyword.other.documentation',
);
for my $sample (@samples) {
    my ( $line, @want ) = @$sample;
    my $at = scopes($line);
    while ( my ( $kind, $text ) = splice @want, 0, 2 ) {
        my $got = $at->{ index $line, $text } // 'nothing';
        like( $got, qr/^\Q$scope{$kind}\E/, "TextMate: $text in $line" );
    }
}

# ---- Vim -------------------------------------------------------------------------

my %group = (
    comment => 'mettaComment', rule => 'mettaOperator', name => 'mettaFunction', variable => 'mettaVariable',
    call => 'mettaFunction', number => 'mettaNumber', type => 'mettaOperator', operator => 'mettaOperator',
    constant => 'mettaConstant', evaluate => 'mettaEvaluate', control => 'mettaControl', string => 'mettaString',
    space => 'mettaSpace', word => 'mettaWord', documentation => 'mettaDocumentation',
);
SKIP: {
    my ($vim) = grep { -x } map {"$_/vim"} split /:/, $ENV{PATH};
    skip 'vim is not installed', 1 unless $vim;
    my $r = Program::run( argv => [ $vim, '--version' ] );
    skip 'vim has no syntax', 1 unless $r->{out} =~ /\+syntax/;
    Program::write_file( "$dir/a.metta", join '', map {"$_->[0]\n\n"} @samples );
    my @asked;
    my $script = "set nocompatible runtimepath=$root/editors/vim,\$VIMRUNTIME\nfiletype plugin on\nsyntax on\n"
        . "edit $dir/a.metta\ncall writefile([&filetype, &commentstring], '$dir/kind')\nlet all = []\n";
    for my $i ( 0 .. $#samples ) {
        my ( $line, @want ) = @{ $samples[$i] };
        while ( my ( $kind, $text ) = splice @want, 0, 2 ) {
            # the name of a definition is no call for Vim, a type's is a plain word
            my $group = $line =~ /^\(: \Q$text\E / ? 'mettaWord' : $group{$kind};
            push @asked, [ $text, $line, $group ];
            $script .= sprintf "call add(all, synIDattr(synID(%d, %d, 0), 'name'))\n", 2 * $i + 1,
                1 + index $line, $text;
        }
    }
    Program::write_file( "$dir/look.vim", "${script}call writefile(all, '$dir/groups')\nqa!\n" );
    Program::run( argv => [ $vim, '-es', '-u', 'NONE', '-S', "$dir/look.vim" ], dir => $dir );
    is( Program::slurp("$dir/kind"), "metta\n; %s\n", 'Vim knows the kind of file' );
    my @got = split /\n/, Program::slurp("$dir/groups");
    is( shift @got, $_->[2], "Vim: $_->[0] in $_->[1]" ) for @asked;
}

# ---- Neovim ----------------------------------------------------------------------

SKIP: {
    my ($nvim) = grep { -x } map {"$_/nvim"} split /:/, $ENV{PATH};
    skip 'Neovim is not installed', 1 unless $nvim;
    Program::write_file( "$dir/area.metta", <<'END_TEXT' );
(: area (-> Number Number Number))
(= (area $w $h) (* $w $h))
!(area 2 3)
!(aera 2 3)
(= (square   $w) (area $w   $w))
END_TEXT
    local $ENV{AMBIT} = Program::path();
    my $r = Program::run(
        argv => [ $nvim, '--headless', '-u', 'NONE', '-i', 'NONE', 'area.metta', '-c', "luafile $root/tests/tools/lsp_client.lua" ],
        dir  => $dir
    );
    is( $r->{out}, <<'END_TEXT', 'the language server, with the client of Neovim' ) or diag( $r->{err} );
diagnostic 3:2-6 there is no function aera; did you mean area?
hover ```metta (: area (-> Number Number Number)) ``` 
definition 1:4-8
references 0:3-7 1:4-8 2:2-6 4:18-22
completion area (-> Number Number Number)
formatted (= (square $w) (area $w $w))
mended
stopped
END_TEXT
}
done_testing;
