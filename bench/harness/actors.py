"""Actors, races and shared states: what a message, an actor, a turn costs, and the
numbers they are held to.

Each turn runs a program of bench/actors with one evaluator and with two, and Erlang's
twin with as many schedulers. Figures are wall times net of start-up for one unit, so
this wants a quiet machine; bytes are the most that a process held over that of one that
does nothing. What has no program around it is measured by micro/actor.c and
micro/tasks.c.
"""
import os

from .engines import Ambit, Peer
from .numbers import Number, run as run_numbers
from .report import LEFT, Table, figure
from .texts import BENCH, STARTUP, Program, programs, units

FOLDER = os.path.join(BENCH, "actors")
COUNTS = (1, 2)


class Evaluators(Ambit):
    """Ambit with so many evaluators."""

    def __init__(self, path, tier, n):
        super().__init__(path, tier, f"-j {n}")
        self.argv[1] = f"-j{n}"


class Schedulers(Peer):
    """Erlang with so many schedulers."""

    def __init__(self, n):
        super().__init__("erl")
        self.n, self.title = n, f"erl {n}"

    def prepare(self, text, folder):
        made = super().prepare(text, folder)
        if not made:
            return None
        argv = [f"{self.n}:{self.n}" if a == "1:1" else a for a in made[0]]
        return argv[:1] + ["+P", "2000000"] + argv[1:], made[1]


def actor_programs():
    return [Program(os.path.join(FOLDER, f))
            for f in sorted(os.listdir(FOLDER)) if f.endswith(".metta")]


def titles(engines):
    return ["actors", "unit"] + [f"{t} ns" for t in engines] + ["bytes"]


def row_of(program, cells, starts, unit):
    """Nanoseconds of a unit by engine, and bytes of a unit of the first."""
    name, count = unit
    row = {"actors": program.name, "unit": name, "ns": {}}
    for title, cell in cells.items():
        if cell.word is not None:
            row["failed"] = cell.word
            continue
        wall, start = cell.median("wall"), starts[title].median("wall")
        if wall is not None:
            row["ns"][title] = (wall - start) * 1e9 / count
    first = f"-j {COUNTS[0]}"
    peak, start = cells[first].median("peak"), starts[first].median("peak")
    if peak is not None:
        row["bytes"] = (peak - start) * 2**20 / count
    return row


def cells_of(row, engines, small):
    if "failed" in row:
        return [row["actors"], row["unit"]] + [row["failed"]] + \
            [""] * len(engines)
    if small:
        return [row["actors"], row["unit"]] + ["right"] * len(row["ns"]) + \
            [""] * (1 + len(engines) - len(row["ns"]))
    return [row["actors"], row["unit"]] + \
        [figure(row["ns"][e]) if e in row["ns"] else "" for e in engines] + \
        [figure(row["bytes"]) if row["actors"] == "c_live" else ""]


def measure(bench, ambit, tier, peers):
    """(rows, table) of the programs."""
    engines = {f"-j {n}": Evaluators(ambit, tier, n) for n in COUNTS}
    if any(p.name == "erl" for p in peers):
        engines.update({f"erl {n}": Schedulers(n) for n in COUNTS})
    table = Table(titles(engines), [LEFT, 10] + [9] * len(engines) + [8])
    nothing = next(p for p in programs() if p.name == STARTUP).at()
    jobs = {t: (e, nothing) for t, e in engines.items()}
    starts = bench.turns(jobs, bench.o.n, lengthen=False)
    rows, known = [], units()
    for program in actor_programs():
        text = program.at(program.small if bench.o.small else None)
        cells = bench.turns({t: (e, text) for t, e in engines.items()
                             if e.name != "erl" or text.twin("erl")},
                            bench.o.n, lengthen=False)
        row = row_of(program, cells, starts, known[program.name])
        rows.append(row)
        table.add(cells_of(row, engines, bench.o.small))
    return rows, table


# ---- numbers ----------------------------------------------------------------

def by_micro(title, goal, group, case, factor=1.0):
    return Number(title, goal, lambda m, e: m.micro((group, case), factor)
                  if e == m.main else None,
                  micros=["actor" if group != "tasks" else "tasks"])


def by_program(rows, title, goal, name, evaluators, factor, least=False):
    """From the wall time of a program, of one unit."""
    ns = next((r["ns"].get(f"-j {evaluators}") for r in rows
               if r["actors"] == name), None)

    def figure_of(m, e):
        if ns is None or e != m.main:
            return None
        return factor / ns if least else ns * factor
    return Number(title, goal, figure_of, least=least)


def numbers(rows):
    return [
        by_micro("message, one evaluator, ns", 40, "message",
                 "sent and taken, one by one"),
        by_micro("message from another thread, both times, ns", 80, "message",
                 "sent by another thread"),
        by_micro("question to another thread and back, us", 3, "tasks",
                 "... and two evaluators", 1e-3),
        by_micro("spawning, without the first slice, ns", 200, "spawn",
                 "an actor that ends at once"),
        by_micro("actor that waits, bytes", 512, "idle", "(counter 5)"),
        by_program(rows, "race with one that never ends, us", 1000, "c_race",
                   2, 1e-3),
        by_program(rows, "update-state! by two, millions a second", 5,
                   "c_update", 2, 1e3, least=True),
    ]


def run(bench, o, ambit, tier, peers):
    """(status, rows, tables)"""
    rows, table = measure(bench, ambit, tier, peers)
    print()
    main = [Ambit(ambit, tier, "ambit")]
    status, more, held = run_numbers(bench, o, main, numbers(rows))
    return status, rows + [more], (table, held)
