#!/usr/bin/env python3
"""Compares the tiers on random programs.

  tier_diff.py [--ambit PROGRAM] [--seed N] [--count N] [--stop N] [--save DIR]
               [--mix NAME] [--tiers 0,1] [--timeout S]
  tier_diff.py [--ambit PROGRAM] --shrink FILE

Each program (made from the seed and its number alone) runs once in each tier;
output must be the same line by line, up to the names of variables, what errors say
(with --strict: up to a renaming of the variables of a line) and addresses, and so
must the exit status. A program that differs is shrunk by
deleting forms and subterms and printed with both outputs. --mix takes away or
stresses parts of the grammar (see MIXES). A program that does not end within
the limits in the first tier is left out. Exit status 1: there was a difference.
"""
import argparse
import os
import random
import re
import subprocess
import sys
import tempfile

# ---- programs as nested lists of words --------------------------------------


def show(x):
    return x if isinstance(x, str) else "(" + " ".join(map(show, x)) + ")"


def text_of(program):
    return "".join(("!" if run else "") + show(atom) + "\n" for run, atom in program)


WORD = re.compile(r'\s*(?:;[^\n]*\n\s*)*("(?:\\.|[^"\\])*"|[()!]|[^\s()]+)')


def parse(text):
    """list of (is it run?, atom)"""
    program, stack, run, at = [], [], False, 0
    while True:
        m = WORD.match(text, at)
        if not m:
            return program
        word, at = m.group(1), m.end()
        if word == "!" and not stack:
            run = True
        elif word == "(":
            stack.append([])
        elif word == ")" or not stack:
            atom = stack.pop() if word == ")" else word
            if stack:
                stack[-1].append(atom)
            else:
                program.append((run, atom))
                run = False
        else:
            stack[-1].append(word)


# ---- running -------------------------------------------------------------------


def without_errors(line):
    """the line with (Error ...) for each error"""
    out, at = "", 0
    for m in re.finditer(r"\(Error ", line):
        if m.start() < at:
            continue
        out += line[at:m.start()] + "(Error)"
        depth, at, quoted = 0, m.start(), False
        while at < len(line):
            c = line[at]
            quoted ^= c == '"'
            depth += 0 if quoted else (c == "(") - (c == ")")
            at += 1
            if depth == 0:
                break
    return out + line[at:]


def normalise(text, strict):
    ids = {}

    def rename(m):
        return "$#" + str(ids.setdefault(m.group(0), len(ids) + 1)) if strict else "$"

    lines = []
    for line in text.splitlines():
        ids.clear()
        line = re.sub(r"\$[^\s()#,\]]*(#\d+)?", rename, line)
        if not strict:
            line = without_errors(line)
        lines.append(re.sub(r"0x[0-9a-fA-F]{4,}", "0x", line))
    return "\n".join(lines)


class Runner:
    def __init__(self, options):
        self.ambit = options.ambit
        self.tiers = options.tiers.split(",")
        self.timeout = options.timeout
        self.strict = options.strict
        self.dir = tempfile.mkdtemp(prefix="tier-diff-")
        self.file = os.path.join(self.dir, "p.metta")

    def one(self, tier):
        argv = [self.ambit, "--tier=" + tier, "--memory=2G", self.file]
        try:
            r = subprocess.run(argv, capture_output=True, timeout=self.timeout, cwd=self.dir)
        except subprocess.TimeoutExpired:
            return "(no end)"
        if r.returncode == 4:  # a limit
            return "(no end)"
        out = normalise(r.stdout.decode(errors="replace"), self.strict)
        if r.returncode not in (0, 1):
            lines = r.stderr.decode(errors="replace").splitlines()
            why = [x for x in lines if "ERROR:" in x or "runtime error" in x or "#1 " in x]
            out += "\n(exit %d %s)" % (r.returncode, " ".join(why)[:300])
        return out

    def outputs(self, program):
        with open(self.file, "w") as f:
            f.write(text_of(program))
        first = self.one(self.tiers[0])
        if first == "(no end)":
            return [first]
        return [first] + [self.one(t) for t in self.tiers[1:]]

    def differs(self, program):
        outs = self.outputs(program)
        return outs if any(o != outs[0] for o in outs) else None


# ---- shrinking -----------------------------------------------------------------


def smaller(x):
    """atoms a little smaller than x, the smallest first"""
    if isinstance(x, str):
        return
    if x and not (len(x) == 1 and x[0] == "a"):
        yield "a"
        if len(x) > 1:
            yield "1"
    for child in x:
        yield child
    if len(x) > 1:
        for i in range(len(x)):
            yield x[:i] + x[i + 1:]
    for i, child in enumerate(x):
        for less in smaller(child):
            yield x[:i] + [less] + x[i + 1:]


def weight(program):
    return len(text_of(program))


def shrink(runner, program, budget=3000):
    def still(p):
        nonlocal budget
        budget -= 1
        return budget > 0 and runner.differs(p)

    step = True
    while step and budget > 0:
        step = False
        i = len(program)
        while i > 0:
            i -= 1
            shorter = program[:i] + program[i + 1:]
            if shorter and still(shorter):
                program, step = shorter, True
        i = 0
        while i < len(program):
            run, atom = program[i]
            for less in smaller(atom):
                if len(show(less)) >= len(show(atom)):
                    continue
                candidate = program[:i] + [(run, less)] + program[i + 1:]
                if still(candidate):
                    program, step = candidate, True
                    break
            else:
                i += 1
    return program


# ---- the grammar ------------------------------------------------------------------

MIXES = {
    "all": {},
    "pure": {"effects": 0},
    "minimal": {"minimal": 6, "effects": 0},
    "effects": {"effects": 3},
    "types": {"types": 4},
    "errors": {"errors": 4, "effects": 0},
    "narrow": {"narrow": 4, "effects": 0},
    "deep": {"deep": 1, "effects": 0},
    "plain": {"effects": 0, "types": 0, "minimal": 0},
    "odd": {"odd": 1},
    "overlap": {"overlap": 1, "effects": 0},
    "changing": {"changing": 5, "effects": 1},
    "numbers": {"numbers": 6, "effects": 0, "types": 0},
    "library": {"library": 8, "effects": 0},
    "generators": {"generators": 6, "errors": 2},
}

# Numbers at the edges of what a word, a double and a fast path hold.
EDGES = ["0", "-0.0", "0.0", "1.0", "2.0", "0.1", "1e-5", "1e16", "1e308", "1e400", "-1e400", "5e-324",
         "32767", "32768", "-32768", "-32769", "2147483648", "9007199254740992", "9007199254740993", "9007199254740993.0",
         "70368744177664", "140737488355327", "140737488355328", "-140737488355328", "-140737488355329",
         "9223372036854775807", "-9223372036854775808", "18446744073709551616", "-100000000000000000000"]

TYPES = ["Number", "Number", "Bool", "Atom", "Expression", "%Undefined%", "%Undefined%", "Symbol",
         "A", "A", "B", "$t", ["List", "$t"], ["List", "A"], "Variable", "Grounded", "String", ["->", "A", "A"]]


class Maker:
    def __init__(self, rng, mix):
        self.r = rng
        self.effects = mix.get("effects", 1)
        self.types = mix.get("types", 1)
        self.minimal = mix.get("minimal", 1)
        self.errors = mix.get("errors", 1)
        self.narrow = mix.get("narrow", 1)
        self.deep = mix.get("deep", 0)
        self.odd = mix.get("odd", 0)
        self.overlap = mix.get("overlap", 0)
        self.changing = mix.get("changing", 0)
        self.numbers = mix.get("numbers", 0)
        self.library = mix.get("library", 1)
        self.generators = mix.get("generators", 1)
        self.fresh = 0
        self.level = 0
        self.functions = []  # (name, arity)

    def one_of(self, *choices):
        return self.r.choice(choices)

    def chance(self, p):
        return self.r.random() < p

    def new_var(self):
        self.fresh += 1
        return self.one_of("$x", "$y", "$z", "$v%d" % self.fresh)

    # -- data

    def constant(self):
        kinds = ["a", "b", "c", "a", "1", "2", "0", "3", "True", "False", '"s"', "()", "2.5"]
        if self.chance(0.1):
            kinds = ["Empty", "100000000000000000000", "-7", "140737488355327", "e", "+", "f0"]
        c = self.r.choice(kinds)
        return [] if c == "()" else c

    def data(self, d, vars):
        if vars and self.chance(0.4):
            return self.r.choice(vars)
        if d <= 0 or self.chance(0.4):
            return self.constant()
        if self.errors > 1 and self.chance(0.15):
            return ["Error", self.data(d - 1, vars), self.data(d - 1, vars)]
        head = self.one_of("S", "P", "Cons", "d", "", "g")
        n = self.r.randint(1, 3)
        kids = [self.data(d - 1, vars) for _ in range(n)]
        return ([head] if head else []) + kids

    def pattern(self, d, vars):
        """a pattern; its new variables are appended to vars"""
        if d > 0 and self.chance(0.35):
            head = self.one_of("S", "P", "Cons", "d", "", "Error")
            n = {"S": 1, "P": 2, "Cons": 2, "Error": 2}.get(head, self.r.randint(1, 2))
            return ([head] if head else []) + [self.pattern(d - 1, vars) for _ in range(n)]
        if vars and self.chance(0.12):
            return self.r.choice(vars)
        if self.chance(0.65):
            v = self.new_var()
            vars.append(v)
            return v
        return self.constant()

    # -- expressions

    def call(self, d, vars):
        if not self.functions:
            return self.constant()
        name, arity = self.r.choice(self.functions)
        if self.chance(0.04):
            arity += self.one_of(-1, 1)
        return [name] + [self.expr(d - 1, vars) for _ in range(max(arity, 0))]

    def number(self, d, vars):
        if d <= 0 or self.chance(0.35):
            if vars and self.chance(0.5):
                return self.r.choice(vars)
            if self.chance(0.5 if self.numbers else 0.05):
                return self.r.choice(EDGES)
            return self.one_of("0", "1", "2", "3", "5", "-1", "1.5", "140737488355327")
        if self.chance(0.3):
            return self.call(d, vars)
        op = self.one_of("+", "-", "*", "+", "-", "%", "/")
        return [op, self.number(d - 1, vars), self.number(d - 1, vars)]

    def truth(self, d, vars):
        k = self.r.randint(0, 9)
        if k < 4:
            return [self.one_of("<", ">", "<=", ">=", "=="), self.number(d - 1, vars), self.number(d - 1, vars)]
        if k < 6:
            return ["==", self.expr(d - 1, vars), self.expr(d - 1, vars)]
        if k < 7:
            return [self.one_of("and", "or"), self.truth(d - 1, vars), self.truth(d - 1, vars)] if d > 0 else "True"
        if k < 8:
            return ["not", self.truth(d - 1, vars)] if d > 0 else "False"
        return self.one_of("True", "False", self.expr(d - 1, vars))

    def items(self, d, vars, least=0):
        return [self.expr(d - 1, vars) for _ in range(self.r.randint(least, 3))]

    def expr(self, d, vars):
        if d <= 0 or self.chance(0.12):
            if vars and self.chance(0.6):
                return self.r.choice(vars)
            if self.narrow and self.chance(0.05 * self.narrow):
                return self.one_of("$q", "$w")
            return self.constant()
        table = self.forms
        name = self.r.choices(table[0], table[1])[0]
        return getattr(self, "form_" + name)(d, vars)

    def prepare(self):
        weights = dict(
            call=12, data=6, arith=4, truth=1, branch=4, let=5, letpat=3, letstar=2, case=4, switch=1,
            superpose=5, collapse=3, once=2, match=3, unify=2, chain=2, quote=1, listop=3, maps=1,
            error=self.errors, empty=1, apply=1, nop=1, typeof=1 if self.types else 0, noeval=1,
            instr=2 * self.minimal, write=self.effects, state=self.effects, say=self.effects,
            metta=self.minimal, bind=self.minimal, equal=1, free=self.narrow, petta=1,
            library=self.library, compare=self.numbers, changed=self.changing, scanned=self.changing,
            generator=self.generators, caught=self.generators)
        weights = {k: w for k, w in weights.items() if w}
        self.forms = (list(weights), list(weights.values()))

    def form_call(self, d, v):
        return self.call(d, v)

    def form_data(self, d, v):
        if self.chance(0.5):
            return self.data(2, v)
        return [self.one_of("S", "P", "d", "g")] + self.items(d, v, 1)

    def form_arith(self, d, v):
        return self.number(d, v)

    def form_truth(self, d, v):
        return self.truth(d, v)

    def form_branch(self, d, v):
        if self.chance(0.15):
            return ["if", self.truth(d - 1, v), self.expr(d - 1, v)]
        return ["if", self.truth(d - 1, v), self.expr(d - 1, v), self.expr(d - 1, v)]

    def form_let(self, d, v):
        x = self.new_var()
        return ["let", x, self.expr(d - 1, v), self.expr(d - 1, v + [x, x])]

    def form_letpat(self, d, v):
        new = list(v)
        p = self.pattern(2, new)
        return ["let", p, self.expr(d - 1, v), self.expr(d - 1, new)]

    def form_letstar(self, d, v):
        new, pairs = list(v), []
        for _ in range(self.r.randint(1, 3)):
            e = self.expr(d - 1, list(new))
            pairs.append([self.pattern(1, new), e])
        return ["let*", pairs, self.expr(d - 1, new)]

    def arms(self, d, v):
        out = []
        for _ in range(self.r.randint(1, 3)):
            new = list(v)
            out.append([self.pattern(2, new), self.expr(d - 1, new)])
        if self.chance(0.2):
            out.append(["Empty", self.expr(d - 1, v)])
        if self.chance(0.25):
            out.append([["Error", "$e", "$m"], self.expr(d - 1, v + ["$m"])])
        return out

    def form_case(self, d, v):
        return ["case", self.expr(d - 1, v), self.arms(d, v)]

    def form_switch(self, d, v):
        return ["switch", self.expr(d - 1, v), self.arms(d, v)]

    def form_superpose(self, d, v):
        return ["superpose", self.items(d, v, 1)]

    def form_collapse(self, d, v):
        return ["collapse", self.expr(d - 1, v)]

    def form_once(self, d, v):
        return ["once", self.expr(d - 1, v)]

    def space(self):
        return self.one_of("&self", "&self", "&kb")

    def fact(self, v):
        return self.one_of(["fact", self.data(1, v)], ["rel", self.data(1, v), self.data(1, v)])

    def form_match(self, d, v):
        new = list(v)
        p = [self.one_of("fact", "rel"), self.pattern(1, new)]
        if p[0] == "rel":
            p.append(self.pattern(1, new))
        if self.chance(0.2):
            p = [",", p, ["fact", self.pattern(1, new)]]
        return ["match", self.space(), p, self.expr(d - 1, new)]

    def form_unify(self, d, v):
        if self.chance(0.25):
            new = list(v)
            p = ["rel", self.pattern(1, new), self.pattern(1, new)]
            return ["unify", self.space(), p, self.expr(d - 1, new), self.expr(d - 1, v)]
        new = list(v)
        p = self.pattern(2, new)
        return ["unify", self.data(2, v), p, self.expr(d - 1, new), self.expr(d - 1, v)]

    def form_chain(self, d, v):
        x = self.new_var()
        e = self.expr(d - 1, v)
        if self.chance(0.6):
            e = ["eval", e if self.odd else self.call(d - 1, v)]
        return ["chain", e, x, self.expr(d - 1, v + [x])]

    def form_quote(self, d, v):
        return [self.one_of("quote", "quote", "id"), self.expr(d - 1, v)]

    def form_noeval(self, d, v):
        return [self.one_of("noeval", "unquote", "is-function", "car-atom"), self.expr(d - 1, v)]

    def form_listop(self, d, v):
        e = self.one_of(self.items(d, v), self.expr(d - 1, v))
        op = self.one_of("car-atom", "cdr-atom", "size-atom", "unique-atom", "cons-atom", "decons-atom",
                         "index-atom", "union-atom", "subtraction-atom", "max-atom")
        if op == "cons-atom":
            return [op, self.expr(d - 1, v), e]
        if op == "index-atom":
            return [op, e, self.one_of("0", "1")]
        if op in ("union-atom", "subtraction-atom"):
            return [op, e, self.items(d, v)]
        return [op, e]

    def form_maps(self, d, v):
        e, x = self.items(d, v), self.new_var()
        k = self.r.randint(0, 2)
        if k == 0:
            return ["map-atom", e, x, self.expr(d - 1, v + [x])]
        if k == 1:
            return ["filter-atom", e, x, self.truth(d - 1, v + [x])]
        y = self.new_var() + "2"
        return ["foldl-atom", e, self.constant(), x, y, self.expr(d - 1, v + [x, y])]

    def form_error(self, d, v):
        return self.one_of(["Error", self.data(1, v), self.data(1, v)], ["/", "1", "0"],
                           ["Error", self.expr(d - 1, v), "m"], ["if-error", self.expr(d - 1, v), "bad", self.expr(d - 1, v)])

    def form_empty(self, d, v):
        return self.one_of(["empty"], "Empty", ["superpose", []])

    def form_apply(self, d, v):
        head = self.r.choice(v) if v and self.chance(0.6) else self.expr(d - 1, v)
        return [head] + self.items(d, v)

    def form_nop(self, d, v):
        return ["nop", self.expr(d - 1, v)]

    def form_typeof(self, d, v):
        return [self.one_of("get-type", "get-metatype"), self.expr(d - 1, v)]

    def form_instr(self, d, v):
        x = self.new_var()
        if not self.odd:
            return self.one_of(
                ["eval", self.call(d - 1, v)],
                ["evalc", self.call(d - 1, v), self.space()],
                ["chain", ["function", ["chain", ["eval", self.call(d - 1, v)], x, ["return", self.expr(d - 1, v + [x])]]],
                 x, self.expr(d - 1, v + [x])],
                ["context-space"])
        return self.one_of(
            ["eval", self.expr(d - 1, v)],
            ["evalc", self.expr(d - 1, v), self.space()],
            ["function", ["return", self.expr(d - 1, v)]],
            ["function", ["chain", ["eval", self.expr(d - 1, v)], x, ["return", self.expr(d - 1, v + [x])]]],
            ["function", self.expr(d - 1, v)],
            ["context-space"])

    def form_metta(self, d, v):
        return ["metta", self.expr(d - 1, v), self.one_of("%Undefined%", "Number", "Atom", "A"), self.space()]

    def form_bind(self, d, v):
        e = ["eval", self.call(d - 1, v)] if self.chance(0.5) else ["metta", self.expr(d - 1, v), "%Undefined%", "&self"]
        all_ = ["collapse-bind", e]
        if self.chance(0.5):
            return all_ if self.chance(0.3) else ["size-atom", all_]
        return ["chain", all_, "$all", ["superpose-bind", "$all"]]

    def form_equal(self, d, v):
        return [self.one_of("=alpha", "if-equal", "=="), self.expr(d - 1, v), self.expr(d - 1, v)] + \
            ([] if self.chance(0.5) else ["yes", "no"])

    def form_free(self, d, v):
        x = self.one_of("$q", "$w", "$u")
        return self.one_of(["let", x, self.expr(d - 1, v), self.expr(d - 1, v + [x])],
                           [self.r.choice(self.functions)[0] if self.functions else "d", x],
                           ["P", self.call(d - 1, v + [x]), x])

    def form_petta(self, d, v):
        return self.one_of(["empty"], ["or", self.truth(d - 1, v), self.truth(d - 1, v)],
                           ["sealed", ["$x"], self.expr(d - 1, v)], ["atom-subst", self.expr(d - 1, v), "$x", ["d", "$x"]])

    def form_write(self, d, v):
        k = self.r.randint(0, 4)
        if k == 0:
            e = ["add-atom", self.space(), self.fact(v)]
        elif k == 1:
            e = ["remove-atom", self.space(), self.fact(v)]
        elif k == 2:
            e = ["add-reduct", self.space(), ["fact", self.expr(d - 1, v)]]
        elif k == 3 and self.functions:
            new = []
            name, arity = self.r.choice(self.functions)
            head = [name] + [self.pattern(1, new) for _ in range(arity)]
            e = ["add-atom", "&self", ["=", head, self.data(1, new)]]
        else:
            e = ["remove-atom", "&self", ["=", [self.r.choice(self.functions or [("f0", 0)])[0]], self.constant()]]
        return self.one_of(e, ["let", "$_", e, self.expr(d - 1, v)])

    def form_state(self, d, v):
        k = self.r.randint(0, 2)
        if k == 0:
            return ["get-state", "&s"]
        if k == 1:
            return ["change-state!", "&s", self.number(d - 1, v)]
        return ["let", "$_", ["change-state!", "&s", ["+", "1", ["get-state", "&s"]]], self.expr(d - 1, v)]

    def form_say(self, d, v):
        return self.one_of(["println!", self.expr(d - 1, v)], ["trace!", self.data(1, v), self.expr(d - 1, v)],
                           ["let", [], ["println!", self.expr(d - 1, v)], self.expr(d - 1, v)])

    def form_library(self, d, v):
        x = self.new_var()
        e, more = self.expr(d - 1, v), self.items(d, v)
        return self.one_of(
            ["if-decons-expr", self.one_of(more, e), x, "$r", self.expr(d - 1, v + [x, "$r"]), e],
            ["progn", e, self.expr(d - 1, v)], ["prog1", e, self.expr(d - 1, v)],
            ["forall", e, self.one_of("not", "f0")], ["foldall", "+", e, "0"],
            ["unique", e], ["union", e, self.expr(d - 1, v)], ["intersection", e, self.expr(d - 1, v)],
            ["return-on-error", e, self.expr(d - 1, v)], ["noreduce-eq", e, self.expr(d - 1, v)],
            ["min", self.number(d - 1, v), self.number(d - 1, v)],
            ["switch-minimal", e, self.arms(d - 1, v)], ["for-each-in-atom", more, "f0"],
            ["match-types", e, self.one_of("Number", "A", e), "yes", "no"],
            ["type-cast", e, self.one_of("Number", "Atom", "A"), "&self"], ["unquote", ["quote", e]],
            [["|->", [x], self.expr(d - 1, v + [x])], e], ["first-from-pair", ["P", e]], ["min-atom", more],
            ["sealed", [x], self.expr(d - 1, v + [x])], ["assertEqual", e, self.expr(d - 1, v)])

    def form_compare(self, d, v):
        op = self.one_of("<", ">", "<=", ">=", "==")
        c = [op, self.number(d - 1, v), self.number(d - 1, v)]
        return self.one_of(c, ["if", c, self.number(d - 1, v), self.expr(d - 1, v)],
                           ["case", self.number(d - 1, v), [[self.r.choice(EDGES), "edge"], ["$n", ["n", "$n"]]]],
                           [self.one_of("sqrt-math", "abs-math", "trunc-math", "floor-math"), self.number(d - 1, v)])

    def form_changed(self, d, v):
        """rules and types that come and go while the form runs"""
        name, arity = self.r.choice(self.functions or [("f0", 1)])
        new = list(v)
        head = [name] + [self.pattern(1, new) for _ in range(arity)]
        rule = ["=", head, self.expr(d - 2, new)]
        what = self.one_of(rule, rule, [":", name, ["->"] + [self.r.choice(TYPES) for _ in range(arity + 1)]],
                           ["=", [self.one_of("d", "S", "g"), "$a"], self.constant()], [":", "a", "B"])
        change = [self.one_of("add-atom", "add-atom", "remove-atom"), "&self", what]
        return self.one_of(["let", "$_", change, self.expr(d - 1, v)], ["let", [], change, self.call(d - 1, v)],
                           ["let", self.new_var(), self.call(d - 1, v), ["P", change, self.call(d - 1, v)]])

    def form_scanned(self, d, v):
        """a space that changes while it is matched"""
        s, x = self.space(), self.new_var()
        change = self.one_of(["add-atom", s, ["fact", ["n", x]]], ["remove-atom", s, ["fact", x]], ["add-atom", s, ["fact", "a"]])
        return self.one_of(["match", s, ["fact", x], ["let", "$_", change, self.expr(d - 1, v + [x])]],
                           ["collapse", ["match", s, ["fact", x], ["P", change, x]]],
                           ["let", x, ["match", s, ["fact", x], x], ["P", change, ["collapse", ["match", s, ["fact", "$k"], "$k"]]]])

    def form_generator(self, d, v):
        """alternatives of every kind, errors among them"""
        def item():
            return self.one_of(self.constant(), self.expr(d - 1, v), ["Error", self.constant(), "m"], ["empty"], "Empty",
                               ["superpose", self.items(d - 1, v, 1)], self.call(d - 1, v), ["/", "1", "0"])
        return ["superpose", [item() for _ in range(self.r.randint(1, 4))]]

    def form_caught(self, d, v):
        x = self.new_var()
        g = self.form_generator(d - 1, v)
        return self.one_of(["collapse", g], ["once", g], ["case", g, self.arms(d - 1, v)], ["let", x, g, self.expr(d - 1, v + [x])],
                           ["chain", g, x, self.expr(d - 1, v + [x])], ["let", x, ["collapse", g], ["superpose", x]],
                           ["P", g, ["collapse", self.expr(d - 1, v)]], ["let", x, ["once", g], ["P", x, g]],
                           ["catch", g, self.expr(d - 1, v)], ["unify", g, self.pattern(1, []), self.expr(d - 1, v), g])

    # -- the program

    def near(self, head):
        """a head that overlaps with this one"""
        if isinstance(head, str):
            if self.chance(0.3):
                return self.one_of(self.new_var(), self.new_var(), self.constant(), ["S", self.new_var()])
            return head
        return [x if i == 0 and isinstance(x, str) else self.near(x) for i, x in enumerate(head)]

    def variables(self, x):
        if isinstance(x, str):
            return [x] if x.startswith("$") else []
        return [v for y in x for v in self.variables(y)]

    def recursive(self, name):
        """rules that count down, or walk a list"""
        if self.chance(0.5):
            step = self.one_of([name, ["-", "$n", "1"]], ["S", [name, ["-", "$n", "1"]]],
                               ["+", "1", [name, ["-", "$n", "1"]]],
                               ["superpose", [[name, ["-", "$n", "1"]], self.expr(1, ["$n"])]],
                               ["let", "$r", [name, ["-", "$n", "1"]], self.expr(2, ["$n", "$r"])])
            yield ["=", [name, "$n"], ["if", [">", "$n", "0"], step, self.expr(2, ["$n"])]]
        elif self.chance(0.5):
            yield ["=", [name, self.one_of("Z", "a", [])], self.expr(1, [])]
            yield ["=", [name, ["S", "$n"]], self.one_of(["S", [name, "$n"]], ["P", [name, "$n"], "$n"], [name, "$n"])]
        else:
            yield ["=", [name, "Nil"], self.expr(1, [])]
            yield ["=", [name, ["Cons", "$h", "$t"]], ["Cons", self.expr(2, ["$h"]), [name, "$t"]]]

    def define(self, i):
        name, arity, out = "f%d" % i, self.r.choice([0, 1, 1, 2, 2, 3]), []
        if arity == 1 and self.chance(0.4):
            out += [["=",] + r[1:] for r in self.recursive(name)]
        else:
            for _ in range(self.r.choice([1, 1, 2, 2, 3, 4])):
                vars = []
                head = [name] + [self.pattern(2, vars) for _ in range(arity)]
                if out and self.chance(0.7 if self.overlap else 0.15):
                    head = self.near(out[-1][1])
                    vars = self.variables(head)
                body = self.expr(self.r.randint(1, 3), vars)
                if self.minimal and self.chance(0.05 * self.minimal):
                    body = ["function", ["chain", ["eval", self.call(1, vars)], "$c", ["return", body]]]
                out.append(["=", head, body])
        if self.types and self.chance(0.2 * self.types):
            for _ in range(self.r.choice([1, 1, 1, 2])):
                n = arity if self.chance(0.93) else arity + 1
                ts = [self.r.choice(TYPES) for _ in range(n + 1)]
                if self.chance(0.3):
                    ts = [self.one_of("Number", "%Undefined%", "Atom")] * (n + 1)
                out.append([":", name, ["->"] + ts if self.chance(0.93) else self.r.choice(TYPES)])
        self.functions.append((name, arity))
        if self.chance(0.2):
            self.r.shuffle(out)
        return out

    def argument(self, depth):
        if self.deep and self.chance(0.5):
            n, x = self.r.choice([3, 40, 700]), self.one_of("Z", "a")
            for _ in range(n):
                x = ["S", x]
            return x
        if self.chance(0.2):
            x = "Nil"
            for _ in range(self.r.randint(0, 3)):
                x = ["Cons", self.data(1, []), x]
            return x
        return self.expr(depth, [])

    def program(self):
        self.prepare()
        out = []
        if self.effects:
            out += [(True, ["bind!", "&kb", ["new-space"]]), (True, ["bind!", "&s", ["new-state", "0"]])]
        else:
            out.append((True, ["bind!", "&kb", ["new-space"]]))
        for _ in range(self.r.randint(0, 3)):
            out.append((False, self.fact([])))
            if self.chance(0.5):
                out.append((True, ["add-atom", "&kb", self.fact(["$k"] if self.chance(0.2) else [])]))
        if self.chance(0.3):
            out.append((True, ["add-atom", "&kb", ["=", ["f0"] + [self.constant()] * self.r.randint(0, 2), self.constant()]]))
        if self.types:
            out += [(False, [":", x, self.one_of("A", "B", ["List", "A"])]) for x in "ab" if self.chance(0.3 * self.types)]
            if self.chance(0.2 * self.types):
                out.append((False, [":", self.one_of("S", "P", "d"), ["->", self.r.choice(TYPES), self.r.choice(TYPES)]]))
            if self.chance(0.1 * self.types):
                out.append((False, [":<", "A", "B"]))
        for i in range(self.r.randint(1, 5)):
            out += [(False, x) for x in self.define(i)]
        if self.odd and self.chance(0.2):
            out.append((False, ["=", self.one_of(["$f", "c"], [["cur", "$x"], "$y"], "a", ["d", "$x"]), self.expr(1, [])]))
        if self.chance(0.2):
            self.r.shuffle(out[2:])
        for _ in range(self.r.randint(1, 3)):
            q = self.call(2, []) if self.chance(0.5) else self.expr(3, [])
            if self.functions and self.chance(0.5):
                name, arity = self.r.choice(self.functions)
                q = [name] + [self.argument(2) for _ in range(arity)]
                if self.narrow and arity and self.chance(0.15 * self.narrow):
                    q[self.r.randint(1, arity)] = "$q"
            out.append((True, ["collapse", q] if self.chance(0.3) else q))
        return out


def make(seed, number, mix):
    return Maker(random.Random("%s:%s:%d" % (mix, seed, number)), MIXES[mix]).program()


# ---- command ---------------------------------------------------------------------


def report(program, outs, title):
    print("==== " + title)
    print(text_of(program), end="")
    for i, o in enumerate(outs):
        print("---- side %d\n%s" % (i, o[:1500]))
    sys.stdout.flush()


def main():
    sys.setrecursionlimit(100000)
    p = argparse.ArgumentParser()
    p.add_argument("--ambit", default=os.environ.get("AMBIT", "build/ambit"))
    p.add_argument("--seed", default="1")
    p.add_argument("--start", type=int, default=0)
    p.add_argument("--count", type=int, default=1000)
    p.add_argument("--stop", type=int, default=5)
    p.add_argument("--mix", default="all")
    p.add_argument("--tiers", default="0,1")
    p.add_argument("--timeout", type=float, default=5)
    p.add_argument("--strict", action="store_true")
    p.add_argument("--save")
    p.add_argument("--shrink")
    options = p.parse_args()
    options.ambit = os.path.abspath(options.ambit)
    runner = Runner(options)
    if options.shrink:
        with open(options.shrink) as f:
            program = parse(f.read())
        if not runner.differs(program):
            print("no difference")
            return 0
        program = shrink(runner, program)
        report(program, runner.outputs(program), options.shrink)
        return 1
    found = left_out = 0
    for i in range(options.start, options.start + options.count):
        program = make(options.seed, i, options.mix)
        outs = runner.outputs(program)
        left_out += outs == ["(no end)"]
        if all(o == outs[0] for o in outs):
            continue
        found += 1
        small = shrink(runner, program)
        report(small, runner.outputs(small), "program %d" % i)
        if options.save:
            with open(os.path.join(options.save, "%s-%s-%d.metta" % (options.mix, options.seed, i)), "w") as f:
                f.write(text_of(small))
        if found >= options.stop:
            break
    print("%d programs, %d differ, %d left out" % (i + 1 - options.start, found, left_out))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
