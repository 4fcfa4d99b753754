"""What one unit of a generated shape costs, the loop around it subtracted."""
import statistics
import tempfile

from groups import EMPTY
from . import report, texts
from .engines import PEERS, Ambit
from .measure import GRAIN, Cell

MOST_TURNS = 1 << 26
SMALL_TURNS = 5
SLOWEST = 64  # times as slow as Ambit's first tier: what a peer is tried with


def shape_text(name, shape, size, turns):
    return texts.Text(name, shape.source(size, turns),
                      shape.answer(size, turns),
                      shape.twin_sources(name, size, turns))


def enough_turns(bench, o, engine, text_of, turns, most):
    """Turns, doubled until the run is long enough, at most so many; a word if one gives
    no answer."""
    while True:
        c = Cell()
        with tempfile.TemporaryDirectory(prefix="ambit-bench-") as folder:
            c.argv = c.attempt(
                lambda n=turns, d=folder: engine.prepare(text_of(n), d))
            s = c.attempt(lambda c=c: bench.sample(c)) if c.argv else None
        if s is None:
            return c.word or turns
        net = s.cpu - bench.start.get(engine.name, 0)
        if net >= o.least or turns >= most:
            return turns
        # Nearly there: as many as it takes, at least twice as many.
        turns = min(most, turns * max(2, min(SLOWEST,
                                             int(o.least / max(net, 1e-4)))))


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
    """engine name -> turns, or a word: for each so many that its run is long enough,
    but no more than Ambit's first tier takes."""
    def text_of(turns):
        return shape_text(name, shape, size, turns)

    turns, usual = {}, MOST_TURNS
    for e in engines:
        if o.small:
            turns[e.name] = SMALL_TURNS
            continue
        first = e is engines[0] or e.slow
        begin = (64 if e.slow else 4096) // shape.count(size) if first \
            else usual // SLOWEST
        turns[e.name] = enough_turns(bench, o, e, text_of, max(1, begin),
                                     MOST_TURNS if first else usual)
        if e is engines[0] and isinstance(turns[e.name], int):
            usual = turns[e.name]
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
