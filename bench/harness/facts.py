"""A space that grows: what a fact costs to load, to add and to find, and its memory.

The facts are (edge I J), every I once. Loading reads them as a script; adding does it
one by one; the first question makes the index. Then facts are asked for in an order
that no cache can guess. Memory is the most the process held with facts that were
added and an index, over that of a process that does nothing.
"""
import statistics

from .report import LEFT, Table, figure
from .texts import STARTUP, Text, programs

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
SMALL = (1_000,)
QUESTIONS = 1_000_000
STEP = 618_033  # shares no factor with the sizes
TITLES = ["facts", "load ns", "add ns", "find ns", "bytes"]


def loading(n):
    facts = "".join(f"(edge {i} {2 * i})\n" for i in range(n))
    return Text("load", facts + "!(match &self (edge 7 $x) $x)\n", "14")


def asking(n, questions):
    total, key = 0, 0
    for _ in range(questions):
        total += 2 * key
        key = (key + STEP) % n
    return Text("ask", f"""
!(bind! &n (new-state {n}))
!(bind! &kb (new-space))
(= (fill $i $n)
   (if (== $i $n) done
       (let* (($j (* 2 $i)) ($_ (add-atom &kb (edge $i $j))))
         (fill (+ $i 1) $n))))
(= (ask $t $i $n $sum)
   (if (== $t 0) $sum
       (let $v (match &kb (edge $i $x) $x)
         (ask (- $t 1) (% (+ $i {STEP}) $n) $n (+ $sum $v)))))
!(fill 0 (get-state &n))
!(ask {questions} 0 (get-state &n) 0)
""", str(total))


def difference(a, b, field="cpu"):
    return statistics.median(x - y for x, y in
                             zip(a.values(field), b.values(field)))


def measure(bench, engine, n, questions):
    """The row of one size; a word in place of figures if a run failed."""
    nothing = next(p for p in programs() if p.name == STARTUP).at()
    cells = bench.turns({"nothing": (engine, nothing),
                         "load": (engine, loading(n)),
                         "fill": (engine, asking(n, 1)),
                         "ask": (engine, asking(n, questions))},
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


def run(bench, engine):
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
                                  for k in ("load", "add", "find", "bytes")])
    return rows, table
