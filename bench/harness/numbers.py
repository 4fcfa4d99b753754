"""The numbers that machine code is held to: measured, beside goals and peers.

A Number asks for programs, shapes or micro benchmarks, and makes one figure of them
for each engine. All that is asked for is measured once, in the turns of measure.py;
answers are checked there.
"""
import statistics

import groups
from . import micro, report, texts
from .engines import note
from .shapes import shape_costs

PEERS = ["gcc", "luajit", "swipl", "gplc"]
BYTECODE = "tier 1"
WIDTH = 46  # of the first column


class Number:
    """title; figure(measured, engine) -> float or None; goal, or None: at most that,
    or at least. programs, shapes as (name, size), micro: what it needs."""

    def __init__(self, title, goal, figure, least=False, programs=(),
                 shapes=(), micros=()):
        self.title, self.goal, self.least = title, goal, least
        self.figure, self.programs = figure, programs
        self.shapes, self.micros = shapes, micros

    def goal_text(self):
        if self.goal is None:
            return ""
        return (">= " if self.least else "<= ") + report.figure(self.goal)

    def verdict(self, value):
        if self.goal is None or value is None:
            return ""
        met = value >= self.goal if self.least else value <= self.goal
        return "met" if met else "missed"


# ---- kinds of numbers -------------------------------------------------------

def each(title, goal, program):
    """Nanoseconds of a unit of the program."""
    return Number(f"{title}, ns", goal, lambda m, e: m.each(program, e),
                  programs=[program])


def shape(title, goal, name, size):
    return Number(f"{title}, ns", goal, lambda m, e: m.shape(name, size, e),
                  shapes=[(name, size)])


def rate(title, goal, program):
    def figure(m, e):
        ns = m.each(program, e)
        return 1000 / ns if ns else None
    return Number(f"{title}, millions a second", goal, figure, least=True,
                  programs=[program])


def over(program, peer, goal, title=None):
    """Net time over that of the peer."""
    return Number(title or f"{program}, time over {peer}'s", goal,
                  lambda m, e: m.ratio(program, e, peer), programs=[program])


def faster(program, peer, goal, title=None):
    """How many times as fast as the peer."""
    return Number(title or f"{program}, times as fast as {peer}", goal,
                  lambda m, e: m.ratio(program, peer, e), least=True,
                  programs=[program])


def mean_over(title, programs, peer, goal):
    def figure(m, e):
        ratios = [m.ratio(p, e, peer) for p in programs]
        return statistics.geometric_mean(ratios) \
            if ratios and None not in ratios else None
    return Number(title, goal, figure, programs=programs)


def timed(title, goal, case, factor):
    """A line of a micro benchmark, for Ambit alone."""
    return Number(title, goal, lambda m, e: m.micro(case, factor)
                  if e == m.main else None, micros=[case[0]])


INSTALL = ("emit", "level 1, an instruction, hot to installed")
EMIT = ("emit", "level 1, an instruction, each unit once")
EMIT_AGAIN = ("emit", "level 1, an instruction, again")
OPERATIONS = 100


def break_even(m, e):
    """Runs of 100 instructions until compiling them is paid back: what they take as
    bytecode and as machine code is that of m_chain."""
    cost = m.micro(INSTALL, OPERATIONS)
    slow, fast = m.each("m_chain", BYTECODE), m.each("m_chain", e)
    if e != m.main or None in (cost, slow, fast) or slow <= fast:
        return None
    return cost / ((slow - fast) * OPERATIONS)


MEAN = ["d_callmono", "d_fib", "d_sumarray", "d_nbody", "d_spectral",
        "d_bintrees"]

NUMBERS = [
    shape("call and return", 3, "call_nested", 10),
    each("turn by tail calls", 1, "d_evenodd"),
    each("chained operation", 0.6, "m_chain"),
    rate("naive reverse, inferences", 200, "d_nrev"),
    shape("alternative that fails at once", 3, "fork_fail", 64),
    shape("leaf of nested superpose, collected", 12, "fork_nested", 8),
    over("d_fib", "luajit", 1),
    faster("n_queens12", "gplc", 3),
    faster("n_perm", "gplc", 3),
    faster("n_zebra", "gplc", 3),
    over("d_nbody", "luajit", 4),
] + [over(p, "gcc", None) for p in MEAN] + [
    mean_over("geometric mean of these six, over gcc's", MEAN, "gcc", 3),
    over("s_sieve", "gcc", None),
    over("d_fannkuch", "gcc", None),
    over("d_quicksort", "gcc", None),
    timed("100 instructions compiled, hot to installed, us", 40, INSTALL,
          OPERATIONS / 1000),
    timed("... of which emitting, each unit once, us", None, EMIT,
          OPERATIONS / 1000),
    timed("... emitting again, with all in caches, us", None, EMIT_AGAIN,
          OPERATIONS / 1000),
    Number("runs until compiling is paid back", 300, break_even,
           programs=["m_chain"], micros=["emit"]),
    Number("start-up, ms", 10, lambda m, e: m.start(e)),
    timed("program asking for a unit, 99 % within, us", 1000,
          ("hot", "asking, one processor, 99 % of them"), 1e-3),
    timed("lost on one processor, over what compiling took", 1,
          ("hot", "lost over taken"), 1),
    timed("... of the rounds the middle half, that far apart", None,
          ("hot", "lost over taken, spread"), 1),
] + [faster(p, BYTECODE, goal, f"{p}, times as fast as its bytecode")
     for p, goal in [("n_queens12", 3), ("n_comp", 3), ("n_fork", 3),
                     ("n_cross", 3), ("n_perm", 2), ("n_zebra", 2),
                     ("n_colour", 2), ("n_sendmore", 2)]]


# ---- measuring --------------------------------------------------------------

class Measured:
    """Everything the numbers ask for. own: name -> Text, beside the programs."""

    def __init__(self, bench, engines, own=None):
        self.bench, self.engines, self.own = bench, engines, own or {}
        self.main = engines[0].name
        self.units = texts.units()
        self.cells, self.costs, self.lines = {}, {}, {}

    def run(self, o, numbers):
        programs = {p.name: p for p in texts.programs()}
        for name in sorted({p for n in numbers for p in n.programs}):
            note(f"{name} ...")
            text = self.own.get(name) or programs[name].at(
                programs[name].small if o.small else None)
            self.cells[name] = self.bench.turns(
                {e.name: (e, text) for e in self.engines}, o.n)
        known = {name: s for members in groups.groups().values()
                 for name, s in members.items()}
        for name, size in sorted({s for n in numbers for s in n.shapes}):
            note(f"{name} {size} ...")
            self.costs[name, size] = shape_costs(
                self.bench, o, self.engines, name, known[name], size)
        wanted = {m for n in numbers for m in n.micros}
        if not wanted or o.small:
            return 0
        note("micro benchmarks ...")
        status, output = micro.run(o, wanted)
        self.lines = micro.figures(output)
        return status

    def failed(self):
        """What gave a wrong answer."""
        cells = [(n, e, c.word) for n, row in self.cells.items()
                 for e, c in row.items()]
        costs = [(n, e, cost) for (n, _), row in self.costs.items()
                 for e, cost in row.items()]
        return [f"{n}: {e}" for n, e, word in cells + costs if word == "wrong"]

    def each(self, program, engine):
        c = self.cells[program].get(engine)
        net = c and self.bench.net(c, engine)
        return net and net * 1e9 / self.units[program][1]

    def ratio(self, program, a, b):
        cells = self.cells[program]
        if a not in cells or b not in cells:
            return None
        return self.bench.ratio(cells[a], a, cells[b], b)

    def shape(self, name, size, engine):
        cost = self.costs[name, size].get(engine)
        return cost if isinstance(cost, float) else None

    def micro(self, case, factor):
        value = self.lines.get(case)
        return None if value is None else value * factor

    def start(self, engine):
        s = self.bench.start.get(engine)
        return s and s * 1000


def run(bench, o, engines, numbers=None, own=None):
    """(status, row of saved figures, table); without numbers, those of machine code."""
    numbers = numbers or NUMBERS
    names = [e.name for e in engines]
    m = Measured(bench, engines, own)
    status = m.run(o, numbers)
    table = report.Table(["number"] + names + ["goal", ""],
                         [WIDTH] + [max(9, len(n) + 2) for n in names]
                         + [9, 8])
    row = {"numbers": {}}
    for number in numbers:
        values = {n: None if o.small else number.figure(m, n) for n in names}
        row["numbers"][number.title] = values
        table.add([number.title]
                  + ["" if values[n] is None else report.figure(values[n])
                     for n in names]
                  + [number.goal_text(), number.verdict(values[m.main])])
    bad = m.failed()
    if bad:
        note("no right answer from " + ", ".join(bad))
    return (1 if bad else status), row, table
