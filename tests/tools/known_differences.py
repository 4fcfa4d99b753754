"""Differences from the reference that docs/conformance.md names, known by their cause.

A form that is answered otherwise belongs to a class when taking the cause of that class
away takes the difference away: the program is changed so that what the reference does by
accident cannot happen in it, and then both sides give one answer. The answer of the side
that was not changed stays what it was, so a difference of another cause is still seen.
"""
import itertools
import os
import re
from typing import Callable, NamedTuple, Optional

METATYPES = {"Atom", "Symbol", "Variable", "Expression", "Grounded"}
HERE = os.path.dirname(os.path.abspath(__file__))

# ---- programs as trees: a word is a string, an expression a list ------------


class Form(NamedTuple):
    atom: object
    bang: bool


def parse(text):
    """the first atom of a text"""
    stack = [[]]
    for word in re.findall(r'"(?:\\.|[^"\\])*"|;[^\n]*|[()]|[^\s();]+', text):
        if word == "(":
            stack.append([])
        elif word == ")":
            stack[-2].append(stack.pop())
        elif not word.startswith(";"):
            stack[-1].append(word)
    return stack[0][0] if stack[0] else []


def show(atom):
    return "(" + " ".join(map(show, atom)) + ")" if isinstance(atom, list) else atom


def is_variable(atom):
    return isinstance(atom, str) and atom.startswith("$")


def head_of(atom):
    return atom[0] if isinstance(atom, list) and atom else None


def is_rule(form):
    return not form.bang and head_of(form.atom) == "=" and len(form.atom) == 3


def is_declaration(form):
    return not form.bang and head_of(form.atom) == ":" and len(form.atom) == 3


def words(atom):
    return itertools.chain.from_iterable(map(words, atom)) if isinstance(atom, list) else [atom]


def calls(atom):
    """all expressions that are not empty"""
    if isinstance(atom, list):
        if atom:
            yield atom
        for child in atom:
            yield from calls(child)


def library_names():
    """what the library declares, which is not looked into"""
    names = set()
    for name, pattern in (("library/corelib.metta", r"(?m)^\(: (\S+) "),
                          ("builtins/builtins.def", r'BUILTIN\w*\(\w+, "([^"]+)"')):
        with open(os.path.join(HERE, "../../runtime", name), encoding="utf-8") as f:
            names.update(re.findall(pattern, f.read()))
    return names


# ---- order of types ----------------------------------------------------------


def keys_of(atom):
    """an atom as the reference's index files it"""
    if isinstance(atom, list):
        return [len(atom)] + [key for child in atom for key in keys_of(child)]
    return [atom]


def as_indexed(types):
    """types in the order of that index: variables first, then what came first"""
    root = {}
    for number, kind in enumerate(types):
        node = root
        for key in keys_of(kind):
            node = node.setdefault(key, {})
        node.setdefault("", []).append(number)

    def walk(node):
        for key in sorted(node, key=lambda key: not is_variable(key)):
            if key == "":
                yield from node[key]
            else:
                yield from walk(node[key])

    return [types[number] for number in walk(root)]


def order_types(forms):
    out = list(forms)
    places = {}
    for place, form in enumerate(forms):
        if is_declaration(form):
            places.setdefault(show(form.atom[1]), []).append(place)
    for where in places.values():
        for place, kind in zip(where, as_indexed([forms[p].atom[2] for p in where])):
            out[place] = Form(forms[place].atom[:2] + [kind], False)
    return out


# ---- members of tuples, and what the ones before them have bound ---------------

# Which arguments are evaluated where they stand; the others are left alone.
EVALUATED = {
    "let": (2, 3), "if": (1, 2, 3), "unify": (3, 4), "chain": (3,), "match": (3,), "metta": (1,),
    "collapse": (1,), "id": (1,), "map-atom": (3,), "foldl-atom": (5,), "nop": (1, 2, 3),
    "+": (1, 2), "-": (1, 2), "*": (1, 2), "/": (1, 2), "<": (1, 2), ">": (1, 2), "==": (1, 2),
    "case": (1,), "switch": (1,), "superpose": (), "let*": (2,),
}


class Members:
    """Evaluates the members of a tuple one by one, each in a let of its own."""

    def __init__(self, forms):
        self.types = {}
        for form in filter(is_declaration, forms):
            self.types.setdefault(show(form.atom[1]), []).append(form.atom[2])
        self.library = library_names()
        self.made = 0

    def places(self, atom):
        """None: all members are"""
        head = atom[0]
        if isinstance(head, str) and head in EVALUATED:
            return EVALUATED[head]
        types = self.types.get(show(head), [])
        functions = [t for t in types if head_of(t) == "->"]
        if len(types) == 1 and functions:
            return [i for i, t in enumerate(functions[0][1:-1], 1) if show(t) not in METATYPES]
        known = types or (isinstance(head, str) and head in self.library)
        return () if known else None

    def clauses(self, atom):
        """the pairs of let*, the clauses of case and switch, the branches of superpose"""
        where = {"let*": 1, "case": 2, "switch": 2, "superpose": 1}.get(show(atom[0]))
        if where is None or len(atom) <= where or not isinstance(atom[where], list):
            return atom
        pairs = atom[0] != "superpose"
        inner = [c[:1] + [self.atom(c[1])] if pairs and isinstance(c, list) and len(c) == 2 else
                 c if pairs else self.atom(c) for c in atom[where]]
        return atom[:where] + [inner] + atom[where + 1:]

    def atom(self, atom):
        if not isinstance(atom, list) or not atom:
            return atom
        places = self.places(atom)
        if places is not None:
            atom = self.clauses(atom)
            return [self.atom(a) if i in places else a for i, a in enumerate(atom)]
        members = list(map(self.atom, atom))
        waiting = [i for i, m in enumerate(members) if isinstance(m, list) or is_variable(m)]
        if len(waiting) < 2:
            return members
        lets = []
        for i in waiting:
            self.made += 1
            lets.append(("$member%d" % self.made, members[i]))
            members[i] = lets[-1][0]
        for name, value in reversed(lets):
            members = ["let", name, value, members]
        return members


def members_by_lets(forms):
    rewrite = Members(forms)
    return [Form(rewrite.atom(f.atom), True) if f.bang else
            Form(f.atom[:2] + [rewrite.atom(f.atom[2])], False) if is_rule(f) else f for f in forms]


def members_as_arguments(forms):
    """Heads without a type get one that says nothing: then members are arguments."""
    known = library_names() | {show(f.atom[1]) for f in filter(is_declaration, forms)}
    heads = {(c[0], len(c) - 1) for f in forms for c in calls(f.atom) if len(c) > 1 and
             isinstance(c[0], str) and c[0] not in known and re.match(r"[A-Za-z]", c[0])}
    return [Form([":", name, ["->"] + ["%Undefined%"] * (n + 1)], False)
            for name, n in sorted(heads)] + forms


# ---- the other causes ----------------------------------------------------------


def plain_metatypes(forms):
    """No function takes or gives a metatype whose values are evaluated."""
    def plain(kind):
        return ["%Undefined%" if show(t) in ("Symbol", "Grounded") else t for t in kind]
    return [Form(f.atom[:2] + [plain(f.atom[2])], False)
            if is_declaration(f) and head_of(f.atom[2]) == "->" else f for f in forms]


def parameters_apart(forms):
    """No variable is a whole parameter of a function and stands in its result as well."""
    def apart(kind):
        whole = {t for t in kind[1:-1] if is_variable(t)}

        def rename(t):
            return list(map(rename, t)) if isinstance(t, list) else t + "-result" if t in whole else t
        return kind[:-1] + [rename(kind[-1])]
    return [Form(f.atom[:2] + [apart(f.atom[2])], False)
            if is_declaration(f) and head_of(f.atom[2]) == "->" else f for f in forms]


def renamed(atom, name, other):
    if isinstance(atom, list):
        return [renamed(a, name, other) for a in atom]
    return other if atom == name else atom


CALLED_UNQUOTE = parse("""((: called-unquote (-> %Undefined% %Undefined%))
  (= (called-unquote (quote $atom)) (id $atom)))""")


def call_bodies(forms):
    """No rule gives back a variable of its own as it stands, nor does the library's unquote."""
    out = [Form(f.atom[:2] + [["id", f.atom[2]]], False)
           if is_rule(f) and is_variable(f.atom[2]) else f for f in forms]
    if not any(word == "unquote" for f in forms for word in words(f.atom)):
        return out
    return [Form(a, False) for a in CALLED_UNQUOTE] + \
        [Form(renamed(f.atom, "unquote", "called-unquote"), f.bang) for f in out]


def with_unquote(atom):
    """An answer as if call_bodies had left unquote alone."""
    return renamed(atom, "called-unquote", "unquote")


# Set operations that compare each with each. `set-without` gives a list without the first
# member that equals $x, or Nothing; `set-select` drops the members of $from for which it is
# $unless that none of $by is equal.
PLAIN_SETS = """
(= (set-without $x $seen $rest) (function
  (chain (eval (== $rest ())) $end (unify $end True (return Nothing)
    (chain (eval (set-split $rest)) $parts (chain (eval (index-atom $parts 0)) $first
      (chain (eval (index-atom $parts 1)) $others (chain (eval (== $first $x)) $same
        (unify $same True
          (chain (eval (union-atom $seen $others)) $left (return $left))
          (chain (cons-atom $first $seen) $more
            (chain (eval (set-without $x $more $others)) $left (return $left))))))))))))
(= (set-split $list) (function (chain (decons-atom $list) $parts (return $parts))))
(= (set-select $unless $from $by $kept) (function
  (chain (eval (== $from ())) $end (unify $end True (return $kept)
    (chain (eval (set-split $from)) $parts (chain (eval (index-atom $parts 0)) $first
      (chain (eval (index-atom $parts 1)) $others
        (chain (eval (set-without $first () $by)) $left (chain (eval (== $left Nothing)) $missing
          (chain (eval (set-pick $missing $by $left)) $next
            (chain (eval (== $missing $unless)) $drop (chain (cons-atom $first ()) $one
              (chain (eval (set-pick $drop () $one)) $more
                (chain (eval (union-atom $kept $more)) $now
                  (chain (eval (set-select $unless $others $next $now)) $all
                    (return $all))))))))))))))))
(= (set-pick $choice $a $b) (function (unify $choice True (return $a) (return $b))))
(: plain-intersection-atom (-> Expression Expression Atom))
(= (plain-intersection-atom $a $b) (function
  (chain (eval (set-select True $a $b ())) $all (return $all))))
(: plain-subtraction-atom (-> Expression Expression Atom))
(= (plain-subtraction-atom $a $b) (function
  (chain (eval (set-select False $a $b ())) $all (return $all))))
"""


def plain_sets(forms):
    names = ("intersection-atom", "subtraction-atom")

    def rename(atom):
        if isinstance(atom, list):
            return list(map(rename, atom))
        return "plain-" + atom if atom in names else atom
    if not any(word in names for f in forms for word in words(f.atom)):
        return forms
    return [Form(a, False) for a in parse("(" + PLAIN_SETS + ")")] + \
        [Form(rename(f.atom), f.bang) for f in forms]


def run_by_a_rule(forms):
    """A function that is the instruction of a chain is run by a rule instead."""
    def change(atom):
        if not isinstance(atom, list):
            return atom
        atom = list(map(change, atom))
        if head_of(atom) == "chain" and len(atom) == 4 and head_of(atom[1]) == "function":
            atom[1] = ["eval", ["run-it", atom[1][1]]] if len(atom[1]) == 2 else atom[1]
        return atom
    out = [Form(change(f.atom), f.bang) for f in forms]
    rule = ["=", ["run-it", "$body"], ["function", "$body"]]
    return [Form(rule, False)] + out if out != forms else forms


def without_culprit(atom):
    """An Error NoReturn that does not say of what."""
    if isinstance(atom, list):
        atom = list(map(without_culprit, atom))
        if len(atom) == 3 and atom[0] == "Error" and atom[2] == "NoReturn":
            return ["Error", "_", "NoReturn"]
    return atom


# ---- classes --------------------------------------------------------------------


class Class(NamedTuple):
    name: str  # as in docs/conformance.md
    side: str  # whose program is changed
    change: Callable
    blur: Optional[Callable] = None  # of answers


CLASSES = (
    Class("members bound late", "reference", members_by_lets),
    Class("members bound late", "reference", members_as_arguments),
    Class("order of types", "ambit", order_types),
    Class("metatype behind a variable", "reference", plain_metatypes),
    Class("metatype behind a variable", "reference", parameters_apart),
    Class("variable of a rule lost", "reference", call_bodies, with_unquote),
    Class("sets with variables", "reference", plain_sets),
    Class("function in a chain", "reference", run_by_a_rule, without_culprit),
)


def change(forms, classes, side):
    """the program of a side without the causes of these classes; None: nothing is changed"""
    out = forms
    for c in classes:
        if c.side == side:
            out = c.change(out)
            if out == forms:
                return None
    return out


def text_of(form):
    return "! " * form.bang + show(form.atom)


def blurred(classes):
    """an atom's text as the classes see it"""
    def see(text):
        for c in classes:
            if c.blur:
                text = show(c.blur(parse(text)))
        return text
    return see


def choices():
    """one class, or two of different names"""
    yield from ((c,) for c in CLASSES)
    for a, b in itertools.combinations(CLASSES, 2):
        if a.name != b.name:
            yield a, b


def explain(forms, k, run, agree):
    """The classes that form k belongs to, or None.

    run(side, forms) answers each form; agree(a, b, see) compares two answers, each atom
    as `see` shows it.
    """
    known = {}

    def answer(side, classes):
        mine = tuple(c for c in classes if c.side == side)
        if (side, mine) not in known:
            changed = change(forms, mine, side)
            answers = run(side, changed) if changed is not None else None
            behind = len(changed) - len(forms) if changed is not None else 0
            known[side, mine] = answers[behind:] if answers is not None else None
        return known[side, mine]

    for classes in choices():
        both = [answer(side, classes) for side in ("reference", "ambit")]
        if all(a is not None and len(a) > k for a in both):
            if agree(both[0][k], both[1][k], blurred(classes)):
                return sorted({c.name for c in classes})
    return None
