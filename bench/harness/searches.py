"""One search on several evaluators, beside what this machine can give, with its code
compiled and its memory used before.

A program's `; search:` line names an expression. A run evaluates it several times, each
time in a form of its own, and tells how long each form took (--trace-timeline); the
first ones are not counted. Each turn runs it with one evaluator, as two copies side by
side (no two evaluators can be faster than these: that is the ceiling), and with 2, 4 and
8 evaluators. What a form takes is the median within its run, and ratios are medians of
those within a turn.
"""
import json
import os
import re
import statistics
import tempfile
from concurrent.futures import ThreadPoolExecutor

from .engines import Failed, Launcher, squeeze
from .parallel import COUNTS, tabulate, with_evaluators
from .texts import programs

WARM = 2             # forms that are not counted
LEAST, MOST = 4, 20  # so many are, as fit into these milliseconds
LONG = 300


class Search:
    """A program's search at one size, so many times: the file with its text, the line of
    the first form that counts, and how many results there are."""

    def __init__(self, program, small, folder):
        expr, full, few = program.search
        metta = program.at(program.small if small else None).metta
        self.start = metta[:metta.rindex("\n!")]  # the last form uses what is found
        self.form = f"!(let $all (collapse {expr}) (size-atom $all))\n"
        self.first = self.start.count("\n") + 2 + WARM
        self.want = squeeze(f"[{few if small else full}]")
        self.file = os.path.join(folder, f"{program.name}.metta")
        self.repeat(LEAST)

    def repeat(self, forms):
        self.forms = forms
        with open(self.file, "w", encoding="utf-8") as f:
            f.write(self.start + "\n" + self.form * (WARM + forms))


class Bed:
    """Where runs of one after another, or of two at a time, put what they tell."""

    def __init__(self, folder, bench):
        os.mkdir(folder)
        self.launcher = Launcher(folder, 0)
        self.told = os.path.join(folder, "timeline.json")
        self.limit = bench.o.limit

    def forms(self, argv, search, n):
        """The median milliseconds of the forms that count, with n evaluators."""
        argv = with_evaluators(argv, n)
        argv = argv[:1] + ["--trace-timeline", self.told] + argv[1:] + [search.file]
        self.launcher.run(argv, search.want, self.limit)
        with open(self.told, encoding="utf-8") as f:
            events = json.load(f)["traceEvents"]
        took = [e["dur"] / 1000 for e in events
                if re.match("form in line ", e["name"])
                and e["args"]["line"] >= search.first]
        if len(took) < search.forms / 2:  # the oldest events may be lost
            raise Failed("untold")
        return statistics.median(took)


def turn(beds, pool, argv, search):
    """Milliseconds of a form: alone, beside a copy, and with each count."""
    def alone(n):
        return beds[0].forms(argv, search, n)
    return [alone(1),
            statistics.mean(pool.map(lambda b: b.forms(argv, search, 1), beds))] + \
        [alone(n) for n in COUNTS]


def run(bench, engine):
    """(rows, table) over the searches: medians of the turns."""
    with tempfile.TemporaryDirectory(prefix="ambit-bench-") as folder, \
            ThreadPoolExecutor(2) as pool:
        beds = [Bed(os.path.join(folder, str(i)), bench) for i in range(2)]

        def turn_of(program):
            search = Search(program, bench.o.small, folder)
            took = beds[0].forms(engine.argv, search, 1)
            search.repeat(max(LEAST, min(MOST, int(LONG / took))))
            return lambda: turn(beds, pool, engine.argv, search)
        return tabulate(bench, "search", "search", "ms",
                        [p for p in programs() if p.search], turn_of)
