"""Samples taken in turns, made long enough, and what follows from them.

Each turn takes one sample of every engine, so that a busy machine slows them all.
A sample is as many runs of the process as it takes to be long enough. Costs are net
of start-up; ratios are medians of the ratios within a turn.
"""
import math
import os
import statistics
import tempfile

from .engines import Failed

GRAIN = 0.002  # net processor seconds below which a figure says nothing
MOST_RUNS = 16


def slope(points):
    """Exponent of the power that fits best: least squares on logarithms."""
    xs = [math.log(x) for x, _ in points]
    ys = [math.log(y) for _, y in points]
    mx, my = statistics.mean(xs), statistics.mean(ys)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / \
        sum((x - mx) ** 2 for x in xs)


class Cell:
    """The samples of one engine on one text, or a word instead."""

    def __init__(self):
        self.argv, self.word, self.runs = None, None, 1
        self.samples = []  # of Run, each the mean of self.runs processes

    def attempt(self, action):
        if self.word is not None:
            return None
        try:
            return action()
        except Failed as e:
            self.word = str(e)
            return None

    def values(self, field):
        return [getattr(s, field) for s in self.samples]

    def median(self, field="cpu"):
        return statistics.median(self.values(field)) \
            if self.samples and self.word is None else None

    def spread(self):
        """Half the distance of the quartiles, relative to the median."""
        v = sorted(self.values("cpu"))
        if len(v) < 3 or self.word is not None or not self.median():
            return None
        low, _, high = statistics.quantiles(v, n=4, method="inclusive")
        return (high - low) / 2 / self.median()


def mean(runs):
    first = runs[0]
    return type(first)(statistics.mean(r.cpu for r in runs),
                       statistics.mean(r.wall for r in runs),
                       max(r.peak for r in runs))


class Bench:
    """Measures jobs with one launcher and the options of the command line."""

    def __init__(self, launcher, o):
        self.launcher, self.o = launcher, o
        self.start = {}  # engine name -> processor seconds of its start-up

    def sample(self, cell):
        runs = [self.launcher.run(*cell.argv, self.o.limit)
                for _ in range(cell.runs)]
        return mean(runs)

    def lengthen(self, cell, start):
        """Doubles the processes of a sample until it is long enough."""
        first = cell.attempt(lambda: self.sample(cell))
        if first is None:
            return
        while cell.runs < MOST_RUNS and \
                cell.runs * (first.cpu - start) < self.o.least:
            cell.runs *= 2

    def turns(self, jobs, rounds, lengthen=True):
        """key -> Cell, for jobs: key -> (engine, text)."""
        cells = {key: Cell() for key in jobs}
        with tempfile.TemporaryDirectory(prefix="ambit-bench-") as folder:
            for i, (key, (engine, text)) in enumerate(jobs.items()):
                c, own = cells[key], os.path.join(folder, str(i))
                os.mkdir(own)
                c.argv = c.attempt(
                    lambda e=engine, t=text, d=own: e.prepare(t, d))
                if c.argv and lengthen and not self.o.small:
                    self.lengthen(c, self.start.get(engine.name, 0))
            order = [c for c in cells.values() if c.argv]
            for turn in range(self.o.warm_up + rounds):
                # Who comes behind a pause pays for memory that was taken back.
                order = order[1:] + order[:1]
                for c in order:
                    s = c.attempt(lambda c=c: self.sample(c))
                    if s is not None and turn >= self.o.warm_up:
                        c.samples.append(s)
        return cells

    def net(self, cell, name):
        m = cell.median()
        return None if m is None else m - self.start.get(name, 0)

    def ratio(self, a, name_a, b, name_b):
        """Median over the turns of net a / net b; None where it says nothing."""
        net_a, net_b = self.net(a, name_a), self.net(b, name_b)
        if net_a is None or net_b is None:
            return None
        # The mean of several processes is finer than one.
        if net_a < GRAIN / math.sqrt(a.runs) or \
                net_b < GRAIN / math.sqrt(b.runs):
            return None
        start_a, start_b = self.start.get(name_a, 0), self.start.get(name_b, 0)
        pairs = [(x - start_a) / (y - start_b)
                 for x, y in zip(a.values("cpu"), b.values("cpu"))
                 if y > start_b]
        return statistics.median(pairs) if pairs else None
