"""What more evaluators bring to one search, beside what this machine can give.

Each turn runs a program with one evaluator, as two copies side by side (no two
evaluators can be faster than these: that is the ceiling), and with 2, 4 and 8
evaluators. Figures are wall times without what starting up takes, which two copies do
side by side and one search does not: that of a program that does nothing else, measured
in the same turn. Ratios are medians of those within a turn.
"""
import os
import statistics
import tempfile
from concurrent.futures import ThreadPoolExecutor

from .engines import Failed, Launcher
from .report import LEFT, Table, figure
from .texts import programs

SEARCHES = ("n_queens10", "n_queens12", "n_colour", "n_comp", "n_cross",
            "n_fork", "n_infer", "n_perm", "n_sendmore", "n_sudoku",
            "n_zebra", "s_bc", "d_fib")
COUNTS = (2, 4, 8)
START_UP = next(p for p in programs() if p.name == "a_startup")


def with_evaluators(argv, n):
    return argv[:1] + [f"-j{n}"] + argv[2:]  # in place of -j1


def side_by_side(launchers, pool, argv, want, limit):
    runs = list(pool.map(lambda one: one.run(argv, want, limit), launchers))
    return max(r.wall for r in runs)


def turn(bench, launchers, pool, prepared, nothing):
    """Wall seconds but for starting up: of one, of two copies, and with each count."""
    def alone(argv, want):
        return bench.launcher.run(argv, want, bench.o.limit).wall

    def net(wall, start):
        return max(wall - start, 1e-6)
    argv, want = prepared
    one = alone(*nothing)
    two = side_by_side(launchers, pool, *nothing, bench.o.limit)
    return [net(alone(argv, want), one),
            net(side_by_side(launchers, pool, argv, want, bench.o.limit), two)] + \
        [net(alone(with_evaluators(argv, n), want), one) for n in COUNTS]


def rates(turns, unit):
    """A row of medians over turns: what one takes, and how many times as much is done in
    a second by two copies and with each count."""
    middle = statistics.median
    row = {unit: middle(t[0] for t in turns),
           "ceiling": middle(2 * t[0] / t[1] for t in turns),
           "of_ceiling": middle(t[1] / 2 / t[2] for t in turns)}
    for i, n in enumerate(COUNTS):
        row[f"j{n}"] = middle(t[0] / t[2 + i] for t in turns)
    return row


def tabulate(bench, key, title, unit, chosen, turn_of):
    """(rows, table): turn_of(program) gives a function that takes a turn."""
    fields = [unit, "ceiling"] + [f"j{n}" for n in COUNTS] + ["of_ceiling"]
    titles = [title, unit, "two copies"] + [f"-j {n}" for n in COUNTS] + ["of two copies"]
    table = Table(titles, [LEFT, 8, 11] + [7] * len(COUNTS) + [14])
    rows = []
    for program in chosen:
        try:
            take = turn_of(program)
            turns = [take() for _ in range(bench.o.warm_up + bench.o.n)]
        except Failed as e:
            rows.append({key: program.name, "failed": str(e)})
            table.add([program.name, str(e)] + [""] * (len(titles) - 2))
            continue
        rows.append({key: program.name} | rates(turns[bench.o.warm_up:], unit))
        table.add([program.name] + ["right" if bench.o.small else figure(rows[-1][f])
                                    for f in fields])
    return rows, table


def run(bench, engine):
    """(rows, table) over the searches: medians of the turns."""
    with tempfile.TemporaryDirectory(prefix="ambit-bench-") as folder, \
            ThreadPoolExecutor(2) as pool:
        own = [os.path.join(folder, str(i)) for i in range(2)]
        for place in own:
            os.mkdir(place)
        launchers = [Launcher(place, 0) for place in own]  # both at once
        nothing = engine.prepare(START_UP.at(), folder)

        def turn_of(program):
            text = program.at(program.small if bench.o.small else None)
            prepared = engine.prepare(text, folder)
            return lambda: turn(bench, launchers, pool, prepared, nothing)
        return tabulate(bench, "parallel", "program", "s",
                        [p for p in programs() if p.name in SEARCHES], turn_of)
