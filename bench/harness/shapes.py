"""What one unit of a generated shape costs, the loop around it subtracted."""
import statistics
import tempfile

from groups import EMPTY
from . import report, texts
from .engines import PEERS, Ambit
from .measure import GRAIN, Cell

MOST_TURNS = 1 << 26
SMALL_TURNS = 5


def shape_text(name, shape, size, turns):
    return texts.Text(name, shape.source(size, turns),
                      shape.answer(size, turns),
                      shape.twin_sources(name, size, turns))


def enough_turns(bench, o, engine, name, shape, size, folder):
    """Turns doubled until the run is long enough; None if it gives no answer."""
    turns = max(1, (64 if engine.slow else 4096) // shape.count(size))
    while True:
        c = Cell()
        c.argv = engine.prepare(shape_text(name, shape, size, turns), folder)
        s = c.attempt(lambda c=c: bench.sample(c))
        if s is None:
            return None, c.word
        net = s.cpu - bench.start.get(engine.name, 0)
        if net >= o.least or turns >= MOST_TURNS:
            return turns, None
        # Nearly there: as many as it takes, at least twice as many.
        turns *= max(2, min(32, int(o.least / max(net, 1e-4))))


def shape_cost(o, whole, empty, units):
    """Nanoseconds of one of so many units; a word if a run failed."""
    for c in (whole, empty):
        if c.word is not None:
            return c.word
    if o.small:
        return "right"
    extra = statistics.median(x - y for x, y in zip(whole.values("cpu"),
                                                    empty.values("cpu")))
    return (f"<{report.figure(GRAIN * 1e9 / units)}" if extra < GRAIN
            else extra * 1e9 / units)


def shape_turns(bench, o, engines, name, shape, size):
    """engine name -> turns, or a word; peers take as many as Ambit's first
    tier."""
    turns, usual = {}, SMALL_TURNS
    with tempfile.TemporaryDirectory(prefix="ambit-bench-") as folder:
        for engine in engines:
            if o.small or (not engine.slow and engine is not engines[0]):
                turns[engine.name] = usual
                continue
            own, word = enough_turns(bench, o, engine, name, shape, size,
                                     folder)
            turns[engine.name] = word or own
            if engine is engines[0] and own:
                usual = own
    return turns


def shape_costs(bench, o, engines, name, shape, size):
    """engine name -> cost. All engines take turns, with the shape and with the
    empty loop."""
    turns = shape_turns(bench, o, engines, name, shape, size)
    costs = {n: t for n, t in turns.items() if isinstance(t, str)}
    jobs = {}
    for e in engines:
        if e.name in costs:
            continue
        text = shape_text(name, shape, size, turns[e.name])
        if isinstance(e, Ambit) or text.twin(PEERS[e.name]):
            jobs[e.name, "whole"] = (e, text)
            jobs[e.name, "empty"] = (
                e, shape_text(name, EMPTY, 1, turns[e.name]))
    cells = bench.turns(jobs, o.n, lengthen=False)
    for n, part in jobs:
        if part == "whole":
            costs[n] = shape_cost(o, cells[n, "whole"],
                                  cells[n, "empty"],
                                  turns[n] * shape.count(size))
    return costs
