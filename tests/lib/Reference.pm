package Reference;

# What docs/reference is made of: names, types and effects from builtins.def and from the
# library in MeTTa, and examples from runtime/library/examples/. A file there is a page:
#
#   ; TITLE
#   ;
#   ; Text.
#
#   !(import! &self NAME)   if the names are in a module; else they are always there
#
#   ;; NAME NAME ..     an entry: what the forms below show
#   ; Text.
#   ; file NAME: TEXT   a file that they find, \n for the end of a line
#   !(form)  ; [what it prints], or line by line in comments below
#
# An entry is a program of its own, behind the import of its page.

use strict;
use warnings;
use Document;
use Program;

my $TABLE   = 'runtime/builtins/builtins.def';
my $LIBRARY = 'runtime/library';

# ---- reading ------------------------------------------------------------------------

# The expressions of a text: a string for each word, an array for each expression.
sub expressions {
    my ($text) = @_;
    my @open = ( [] );
    while ( $text =~ /\G(?:\s+|;[^\n]*)*(?:([()])|("(?:[^"\\]|\\.)*")|([^\s()";]+))/gc ) {
        if    ( defined $2 ) { push @{ $open[-1] }, $2 }
        elsif ( defined $3 ) { push @{ $open[-1] }, $3 }
        elsif ( $1 eq '(' )  { push @open, [] }
        else                 { my $whole = pop @open; push @{ $open[-1] }, $whole }
    }
    return @{ $open[0] };
}

sub text_of {
    my ($e) = @_;
    return ref $e ? '(' . join( ' ', map { text_of($_) } @$e ) . ')' : $e;
}

sub unquoted {
    my ($string) = @_;
    $string =~ s/^"|"$//g;
    $string =~ s/\\n/\n/g;
    $string =~ s/\\(.)/$1/g;
    return $string;
}

# ---- pages --------------------------------------------------------------------------

sub paragraphs {
    my (@lines) = @_;
    return [ grep {/\S/} map {s/^\n+//r} split /\n\n+/, join "\n", @lines ];
}

sub page {
    my ($file) = @_;
    my ( $head, @parts ) = split /^;; /m, Program::slurp($file);
    my ($name) = $file =~ m{([^/]+)\.metta$};
    my ($import) = $head =~ s/^!\(import! &self (\S+)\)\n//m ? $1 : '';
    my ( $title, @lines ) = map {s/^; ?//r} split /\n/, $head;
    my %page = ( name => $name, title => $title, module => $import, entries => [], text => paragraphs(@lines) );
    push @{ $page{entries} }, entry( \%page, $_ ) for @parts;
    return \%page;
}

sub entry {
    my ( $page, $part ) = @_;
    my ( $names, @lines ) = split /\n/, $part;
    my ( @text, %files );
    while ( @lines and $lines[0] =~ /^; ?(.*)/ ) {
        my $line = $1;
        if ( $line =~ /^file (\S+): (.*)/ ) { my ($to, $what) = ($1, $2); $files{$to} = $what =~ s{\\n}{\n}gr }
        else                                { push @text, $line }
        shift @lines;
    }
    pop @lines while @lines and $lines[-1] !~ /\S/;
    my $code   = join '', map {"$_\n"} @lines;
    my $import = $page->{module} eq '' ? '' : "!(import! &self $page->{module})\n";
    my ( $program, $want, $forms, $told ) =
        Document::program( { kind => 'program', marks => {}, body => $code } );
    return {
        names   => [ split ' ', $names ],
        text    => \@text,
        files   => \%files,
        code    => $code,
        program => $import . $program,
        want    => ( $import eq '' ? '' : "[()]\n" ) . $want,
        silent  => $forms - $told,
    };
}

sub pages {
    my ($root) = @_;
    return map { page($_) } sort glob "$root/$LIBRARY/examples/*.metta";
}

# ---- names --------------------------------------------------------------------------

# The rows of the table: { name, module, type, effects }.
sub builtins {
    my ($root) = @_;
    my @rows;
    for ( grep {/^BUILTIN(?:_ENGINE)?\(/} split /\n/, Program::slurp("$root/$TABLE") ) {
        my ( $name, $module, $type, $rest ) = /^\w+\(\w+, "([^"]*)", "([^"]*)", "([^"]*)", (.*)\)$/
            or die "row not understood: $_\n";
        push @rows, { name => $name, module => $module, type => $type, effects => [ $rest =~ /\b(E_\w+)/g ], engine => scalar( $rest =~ /\bF_ENGINE\b/ ) };
    }
    return @rows;
}

# The letters of cli/check/forms.def: which arguments are evaluated.
sub forms {
    my ($root) = @_;
    my %forms = Program::slurp("$root/cli/check/forms.def") =~ /^FORM\("([^"]+)", "(\w+)"\)/mg;
    return \%forms;
}

sub documented {
    my ($doc) = @_;
    my ( undef, undef, @parts ) = @$doc;
    my %d = ( params => [] );
    for my $part (@parts) {
        my ( $head, $first ) = @$part;
        if    ( $head eq '@desc' )   { $d{text}   = unquoted($first) }
        elsif ( $head eq '@return' ) { $d{result} = unquoted($first) }
        elsif ( $head eq '@params' ) { $d{params} = [ map { unquoted( $_->[1] ) } @$first ] }
    }
    return \%d;
}

# All that the modules define: module -> name -> { types, doc, rules, effects }; the module
# that is always there is ''.
sub library {
    my ($root) = @_;
    my %library;
    for my $row ( builtins($root) ) {
        my $item = $library{ $row->{module} }{ $row->{name} } = { %$row{qw(effects engine)}, native => 1 };
        $item->{types} = [ $row->{type} ] if $row->{type} ne '';
    }
    for my $file ( sort glob "$root/$LIBRARY/*.metta" ) {
        my ($module) = $file =~ m{([^/]+)\.metta$};
        my $names = $library{ $module eq 'corelib' ? '' : $module } //= {};
        for my $e ( expressions( Program::slurp($file) ) ) {
            next unless ref $e and @$e > 2 and !ref $e->[0];
            my ( $head, $subject, $what ) = @$e;
            if ( $head eq ':' or $head eq '_overload' ) {
                push @{ $names->{ head_of($subject) }{types} }, text_of($what);
            }
            elsif ( $head eq '@doc' ) { $names->{ head_of($subject) }{doc} = documented($e) }
            elsif ( $head eq '=' )    { push @{ $names->{ head_of($subject) }{rules} }, $e }
        }
    }
    return \%library;
}

# Whose type, rule or documentation it is: of ((|-> ..) ..) that of |->.
sub head_of {
    my ($e) = @_;
    $e = $e->[0] while ref $e;
    return $e;
}

# ---- effects ------------------------------------------------------------------------

my %SAID = (
    E_READ_SPACE  => 'reads spaces',
    E_READ_STATE  => 'reads states',
    E_WRITE_SPACE => 'changes spaces',
    E_WRITE_STATE => 'makes spaces, makes or changes states',
    E_IO          => 'input or output',
    E_RULES       => 'may change rules, types or words',
);
my @ORDER = qw(E_READ_SPACE E_READ_STATE E_WRITE_SPACE E_WRITE_STATE E_RULES E_IO);

# What a call does beside what its arguments do: the effects of the operations that its rules
# may reach. -> names of effects
sub effects_of {
    my ( $library, $module, $name ) = @_;
    my ( %effects, %done, @open );
    @open = ($name);
    while ( defined( my $one = pop @open ) ) {
        next if $done{$one}++;
        my $item = find( $library, $module, $one ) // next;
        $effects{$_} = 1 for @{ $item->{effects} // [] };
        for my $rule ( @{ $item->{rules} // [] } ) {
            my %types = types_in($item, $rule);
            walk( $rule->[2], sub {
                my ( $head, $first ) = @{ $_[0] };
                return if ref $head;
                push @open, $head;
                my $space = $head eq 'unify' && !ref $first && ( $types{$first} // '' ) =~ /^(?:SpaceType|Grounded)$/;
                $effects{E_READ_SPACE} = 1 if $space;
            } );
        }
    }
    $effects{E_READ_SPACE} = 1 if $name eq 'unify';    # an instruction: no row says so
    delete $effects{E_PURE};
    return grep { $effects{$_} || $effects{E_ALL} } @ORDER;
}

sub find {
    my ( $library, $module, $name ) = @_;
    return $library->{$module}{$name} // $library->{''}{$name} // $library->{lists}{$name};
}

# Calls the function with each expression in this one.
sub walk {
    my ( $e, $f ) = @_;
    return unless ref $e;
    $f->($e) if @$e;
    walk( $_, $f ) for @$e;
    return;
}

# The types of parameters that are variables, in one rule.
sub types_in {
    my ( $item, $rule ) = @_;
    my ($arrow) = expressions( $item->{types}[0] // '()' );
    return () unless ref $arrow and ref $rule->[1];
    my ( undef, @types )  = @$arrow;
    my ( undef, @params ) = @{ $rule->[1] };
    return map { $_ < @types && !ref $params[$_] ? ( $params[$_] => text_of( $types[$_] ) ) : () } 0 .. $#params;
}

# Does it evaluate something that it was given unevaluated, or call a function that it was given?
sub evaluates {
    my ( $item, $letters ) = @_;
    return 0 if $item->{native} && !$item->{engine} && ( $item->{types}[0] // '' ) =~ / Atom\)$/;
    return $letters =~ /[erlc]/ if defined $letters;
    my $does = 0;
    for my $rule ( @{ $item->{rules} // [] } ) {
        my ( $left, $body ) = @$rule[ 1, 2 ];
        my %given;
        walk( $left, sub { $given{$_} = 1 for grep { !ref && /^\$/ } @{ $_[0] } } );
        my %function = map { $_ => 1 } functions_in( $item, $left );
        $does ||= !ref $body && $given{$body} && ref $left && grep {ref} @$left;
        walk( $body, sub {
            my ( $head, $first ) = @{ $_[0] };
            return if ref $head;
            $does ||= $function{$head} || $head =~ /^(?:eval|metta)$/ && !ref $first && $given{$first};
        } );
    }
    return $does;
}

# The parameters that are functions, as their descriptions say.
sub functions_in {
    my ( $item, $left ) = @_;
    my ( undef, @params ) = ref $left ? @$left : ();
    my @said = @{ ( $item->{doc} // {} )->{params} // [] };
    return grep { !ref } map { ( $said[$_] // '' ) =~ /function|lambda/i ? $params[$_] : () } 0 .. $#params;
}

# In words.
sub effects_text {
    my ( $evaluates, @effects ) = @_;
    return 'any' if @effects == @ORDER;
    my @words = map { $SAID{$_} } @effects;
    push @words, 'those of what it evaluates' if $evaluates;
    return @words ? join( '; ', @words ) : 'none';
}

1;
