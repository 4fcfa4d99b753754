#!/usr/bin/env perl
# Writes docs/reference/: tests/tools/reference_md.pl FOLDER
# What stands there comes from builtins.def, the library in MeTTa and the files of
# runtime/library/examples/; tests/lib/Reference.pm reads them.
use strict;
use warnings;
use FindBin qw($Bin);
use lib "$Bin/../lib";
use Program;
use Reference;

my $root   = "$Bin/../..";
my $folder = shift // die "usage: $0 FOLDER\n";
my @pages   = Reference::pages($root);
my $library = Reference::library($root);
my $forms   = Reference::forms($root);

sub anchor {
    my ($name) = @_;
    return $name =~ s/([^\w-])/sprintf '.%02x', ord $1/ger;
}

sub sentence {
    my ($text) = @_;
    $text =~ s/([<>*_\\])/\\$1/g;
    $text =~ s/\n/ /g;
    return $text =~ /[.!?]$/ ? $text : "$text.";
}

# As part of a line: without the capital that it begins with.
sub phrase {
    my ($text) = @_;
    return sentence($text) =~ s/\.\z//r =~ s/^(?!True|False|Unit\b)([A-Z])(?=[a-z]|\s)/\l$1/r;
}

sub described {
    my ( $page, $name ) = @_;
    my $item = $library->{ $page->{module} }{$name} // die "$page->{name}: there is no $name\n";
    my $doc  = $item->{doc} // {};
    my $text = '* <a id="' . anchor($name) . "\"></a>**`$name`**";
    my @types = map {"`$_`"} @{ $item->{types} // [] };
    $text .= ' ' . ( @types > 3 ? "$types[0] to $types[-1]" : join ' or ', @types ) if @types;
    $text .= defined $doc->{text} ? ': ' . sentence( $doc->{text} ) . "\n" : "\n";
    $text .= '  * takes: ' . join( '; ', map { phrase($_) } @{ $doc->{params} } ) . "\n" if @{ $doc->{params} // [] };
    $text .= '  * gives: ' . phrase( $doc->{result} ) . "\n" if defined $doc->{result};
    my $effects = Reference::effects_text( Reference::evaluates( $item, $forms->{$name} ),
        Reference::effects_of( $library, $page->{module}, $name ) );
    $text .= "  * effects: $effects\n" if $item->{native} or $item->{rules} or $forms->{$name};
    return $text;
}

sub entry {
    my ( $page, $entry ) = @_;
    my $text = '## ' . join( ', ', map {"`$_`"} @{ $entry->{names} } ) . "\n\n";
    $text .= join( '', map { described( $page, $_ ) } @{ $entry->{names} } ) . "\n";
    $text .= join( "\n", @{ $entry->{text} } ) . "\n\n" if @{ $entry->{text} };
    for my $file ( sort keys %{ $entry->{files} } ) {
        $text .= "`$file`:\n\n```text\n" . $entry->{files}{$file} =~ s/\n?\z/\n/r . "```\n\n";
    }
    return "$text```metta\n$entry->{code}```\n";
}

sub head {
    my ($title) = @_;
    return "# $title\n\n<!-- made by tests/tools/reference_md.pl; what is shown stands in runtime/ -->\n\n";
}

sub page {
    my ($page) = @_;
    my $there = $page->{module} eq '' ? 'Always there.' : "`!(import! &self $page->{module})` brings these names.";
    return join "\n\n", head( $page->{title} ) =~ s/\s+\z//r, @{ $page->{text} }, "$there [All names](index.md).",
        join "\n", map { entry( $page, $_ ) } @{ $page->{entries} };
}

sub list {
    my (@listed) = @_;
    return join '', map {
        my $page = $_;
        "* [$page->{title}]($page->{name}.md): " . join( ' ', map {"`$_`"} map { @{ $_->{names} } } @{ $page->{entries} } ) . "\n";
    } @listed;
}

sub index_page {
    my %found;
    for my $page (@pages) {
        push @{ $found{$_} }, $page for map { @{ $_->{names} } } @{ $page->{entries} };
    }
    my $names = join ",\n", map {
        my $name = $_;
        join ' ', map { "[`$name`]($_->{name}.md#" . anchor($name) . ')' . ( @{ $found{$name} } > 1 ? " ($_->{name})" : '' ) } @{ $found{$name} };
    } sort { lc $a cmp lc $b or $a cmp $b } keys %found;
    my $text = head('Reference') . <<'TEXT';
Every name that a program can call: its type, what it does, what it takes and gives, its
effects, and forms that show it, with what they print behind them. Each block is a program
of its own. `ambit doc NAME` tells the same on a terminal, `help!` in a program.

Effects are those that a call has beside those of its arguments. What has none may be
searched by several evaluators ([parallel](../parallel.md)) and kept in tables.

TEXT
    $text .= "## Always there\n\n" . list( grep { $_->{module} eq '' } @pages );
    $text .= "\n## In modules\n\n`!(import! &self NAME)` brings them.\n\n" . list( grep { $_->{module} ne '' } @pages );
    return "$text\n## All names\n\n$names\n";
}

Program::write_file( "$folder/$_->{name}.md", page($_) ) for @pages;
Program::write_file( "$folder/index.md", index_page() );
