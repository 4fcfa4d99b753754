"""A space that grows: what a fact costs to load, to add and to find, and its memory;
and the numbers that spaces are held to, beside other engines.

The facts are (edge I J), every I once. Loading reads them as a script; adding does it
one by one; the first question makes the index. Then facts are asked for in an order
that no cache can guess. Memory is the most the process held with facts that were
added and an index, over that of a process that does nothing.
"""
import statistics

from .measure import slope
from .numbers import Number, over
from .report import LEFT, Table, figure
from .texts import STARTUP, Text, programs

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
SMALL = (1_000,)
QUESTIONS = 1_000_000
STEP = 618_033  # of s_ask; shares no factor with the sizes
COSTS = ("load", "add", "find", "bytes")
TITLES = ["facts", "load ns", "add ns", "find ns", "bytes"]
PEERS = ["luajit", "swipl", "gplc"]


def program(name):
    return next(p for p in programs() if p.name == name)


def loading(n):
    facts = "".join(f"(edge {i} {2 * i})\n" for i in range(n))
    return Text("load", facts + "!(match &self (edge 7 $x) $x)\n", "14")


def asking(n, questions, among):
    """s_ask: n facts, so many questions for the first of them."""
    rounds, rest = divmod(questions, among)
    total, key = rounds * among * (among - 1), 0
    for _ in range(rest):
        total += 2 * key
        key = (key + STEP) % among
    return program("s_ask").at(
        ({"N": n, "Q": questions, "M": among}, str(total)))


def difference(a, b, field="cpu"):
    return statistics.median(x - y for x, y in
                             zip(a.values(field), b.values(field)))


# ---- growth -----------------------------------------------------------------

def measure(bench, engine, n, questions):
    """The row of one size; a word in place of figures if a run failed."""
    nothing = program(STARTUP).at()
    cells = bench.turns({"nothing": (engine, nothing),
                         "load": (engine, loading(n)),
                         "fill": (engine, asking(n, 1, n)),
                         "ask": (engine, asking(n, questions, n))},
                        bench.o.n, lengthen=False)
    row = {"facts": n}
    failed = [c.word for c in cells.values() if c.word is not None]
    if failed:
        return dict(row, failed=failed[0])
    base = cells["nothing"]
    return dict(row,
                load=difference(cells["load"], base) * 1e9 / n,
                add=difference(cells["fill"], base) * 1e9 / n,
                find=difference(cells["ask"], cells["fill"]) * 1e9
                / (questions - 1),
                bytes=difference(cells["fill"], base, "peak") * 2**20 / n)


def exponents(rows):
    """How the cost of one fact grows with their number: 0 is not at all."""
    texts = []
    for kind in COSTS:
        points = [(r["facts"], r[kind]) for r in rows if r.get(kind, 0) > 0]
        texts.append(f"n^{slope(points):.2f}" if len(points) > 2 else "")
    return texts


def grow(bench, engine):
    """(rows, table) over the sizes."""
    o = bench.o
    table = Table(TITLES, [LEFT, 10, 10, 10, 10])
    rows = []
    for n in SMALL if o.small else SIZES:
        row = measure(bench, engine, n, 1000 if o.small else QUESTIONS)
        rows.append(row)
        if o.small and "failed" not in row:
            table.add([str(n)] + ["right"] * 4)
        else:
            table.add([str(n)] + [row.get("failed") or figure(max(row[k], 0))
                                  for k in COSTS])
    if not o.small:
        table.add(["grow like"] + exponents(rows))
    return rows, table


# ---- numbers ----------------------------------------------------------------

MILLION = 1_000_000
HOT = 10  # times as many questions, because each takes so little


def per_second(title, goal, more, less, count):
    """Millions a second, from the difference of two texts."""
    def rate(m, e):
        a, b = m.cells[more].get(e), less and m.cells[less].get(e)
        if not a or a.median() is None or less and (not b or b.median() is None):
            return None
        took = difference(a, b) if less else m.bench.net(a, e)
        return count / took / 1e6 if took > 0 else None
    return Number(f"{title}, millions a second", goal, rate, least=True,
                  programs=[more] + ([less] if less else []))


def by_micro(title, goal, case, least=True):
    """A line of micro/space.c, as a rate; or as it stands."""
    def figure_of(m, e):
        value = m.micro(("facts", case), 1) if e == m.main else None
        return 1e3 / value if value and least else value
    return Number(title, goal, figure_of, least=least, micros=["space"])


def numbers():
    return [
        per_second("added one by one, indexed", 3, "10^6 added", None, MILLION),
        by_micro("added at once, indexed, millions a second", 15,
                 "10^6 added at once, indexed; a fact"),
        per_second("one of 100 found among 10^6", 30, "hot", "10^6 added",
                   HOT * MILLION),
        per_second("one of all found among 10^6", 3, "cold", "10^6 added",
                   MILLION),
        by_micro("one of 100, in C, millions a second", 30,
                 "one of 100 found among 10^6"),
        by_micro("one of all, in C, millions a second", 3,
                 "one of all found among 10^6"),
        over("s_kv1e6", "luajit", 1.5),
        over("s_kv1e6", "swipl", 0.35),
        over("s_join2", "gplc", 0.6),
        over("s_join2", "luajit", 1.2),
        over("s_triangle", "gplc", 0.5),
        by_micro("memory of one, bytes", 64, "kept, with one index; a fact",
                 least=False),
    ]


def texts(small):
    """What the numbers ask for beside the programs."""
    n = SMALL[0] if small else MILLION
    return {"10^6 added": asking(n, 1, n), "cold": asking(n, n, n),
            "hot": asking(n, HOT * n, 100)}
