"""How long programs wait for the collector, as --gc-stats tells it.

Three shapes: garbage beside a small live set, garbage beside a list of a million
cells, and a recursion a million calls deep that allocates on its way down and up.
"""
import re
import statistics
import tempfile

from .engines import Failed
from .report import LEFT, Table, figure
from .texts import Text

TITLES = ["program", "s", "minor", "99 % us", "longest us",
          "major", "longest us", "copied MB", "live MB"]
FIELDS = ("minor collections", "minor pause, 99 % within",
          "minor pause, longest", "major collections",
          "major pause, longest", "copied", "live at most")

CELLS = """
!(bind! &n (new-state {n}))
(= (turn $n $a) (if (== $n 0) $a (turn (- $n 1) (pair $n (pair 1 2)))))
(= (list $n $l) (if (== $n 0) $l (list (- $n 1) (C $n $l))))
(= (beside $n $l) (let $a (turn $n end) (first $l $a)))
(= (first (C $h $t) (pair $x $y)) (+ $h $x))
(= (pick (pair $a $b)) $a)
(= (down $n) (if (== $n 0) 0 (let $p (pair $n (pair $n 2)) (above (down (- $n 1)) $p))))
(= (above $r $p) (let $q (pair (pick $p) $r) (- (pick $q) (- (pick $p) (+ 1 $r)))))
"""


def texts(small):
    n = 1_000 if small else 1_000_000
    turns = n if small else 20 * n
    def program(name, form, count, answer):
        return Text(name, CELLS.format(n=count) + f"!{form}\n", str(answer))
    return [
        program("small live set", "(pick (turn (get-state &n) end))", turns, 1),
        program("list of a million",
                f"(beside {turns} (list (get-state &n) N))", n, 2),
        program("a million calls deep", "(down (get-state &n))", n, n)]


def told(err):
    """The figures of --gc-stats by name."""
    return {m.group(1): float(m.group(2)) for m in
            re.finditer(r"(?m)^gc: (.+?) {2,}([\d.]+)", err)}


def measure(bench, engine, text, folder):
    argv, want = engine.prepare(text, folder)
    argv = argv[:1] + ["--gc-stats"] + argv[1:]
    runs = [bench.launcher.run(argv, want, bench.o.limit)
            for _ in range(bench.o.n)]
    row = {"pauses": text.name,
           "seconds": statistics.median(r.cpu for r in runs)}
    for field in FIELDS:
        row[field] = statistics.median(told(r.said)[field] for r in runs)
    return row


def run(bench, engine):
    """(rows, table) over the programs: medians of the turns."""
    table = Table(TITLES, [LEFT, 8, 8, 9, 11, 6, 11, 10, 8])
    rows = []
    with tempfile.TemporaryDirectory(prefix="ambit-bench-") as folder:
        for text in texts(bench.o.small):
            try:
                row = measure(bench, engine, text, folder)
            except Failed as e:
                rows.append({"pauses": text.name, "failed": str(e)})
                table.add([text.name, str(e)] + [""] * 7)
                continue
            rows.append(row)
            cells = [row[f] / (2**20 if f in FIELDS[5:] else 1) for f in FIELDS]
            table.add([text.name] + (["right"] * 8 if bench.o.small else
                                     [figure(row["seconds"])] +
                                     [figure(c) for c in cells]))
    return rows, table
