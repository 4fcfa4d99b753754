"""State cells: the same one again and again, and more and more of them in turns.

The size is the number of cells in use: 1 is hot, 8 warm, 64 cold for anything that
remembers a few. The mixed shape writes one cell for three that it reads.
"""
from . import MODULUS, Shape

SIZES = (1, 2, 4, 8, 16, 32, 64)


def cells(size):
    return "".join(f"!(bind! &s{k} (new-state {k + 1}))\n"
                   for k in range(size))


def add_up(terms, and_more):
    body = and_more
    for t in terms:
        body = f"(+ {t} {body})"
    return body


def hot(size):
    """one cell, read as often as the size says"""
    reads = add_up(["(get-state &s0)"] * size, "(+ $x $i)")
    return f"(= (f $i $x) (% {reads} {MODULUS}))"


def read(size):
    """each of the cells read once"""
    reads = add_up([f"(get-state &s{k})" for k in range(size)], "(+ $x $i)")
    return f"(= (f $i $x) (% {reads} {MODULUS}))"


def bound(cells_of):
    """Reads whose values get names before they are used, as programs mostly do."""
    def body(size):
        reads = " ".join(f"($v{k} (get-state &s{cell}))"
                         for k, cell in enumerate(cells_of(size)))
        total = add_up([f"$v{k}" for k in range(size)], "(+ $x $i)")
        return f"(= (f $i $x) (let* ({reads}) (% {total} {MODULUS})))"
    return body


def write(size):
    """each of the cells written once"""
    writes = " ".join(f"($u{k} (change-state! &s{k} $i))" for k in range(size))
    return (f"(= (f $i $x) (let* ({writes})"
            f" (% (+ $x (get-state &s{size - 1})) {MODULUS})))")


def mixed(size):
    """three reads and a write of each cell"""
    pairs = []
    for k in range(size):
        reads = add_up([f"(get-state &s{(k + d) % size})" for d in (1, 2)],
                       f"(get-state &s{k})")
        pairs.append(f"($v{k} (% (+ $i {reads}) 1009))"
                     f" ($u{k} (change-state! &s{k} $v{k}))")
    return (f"(= (f $i $x) (let* ({' '.join(pairs)})"
            f" (% (+ $x $v{size - 1}) {MODULUS})))")


class Mixed(Shape):
    def last(self, size, turns):
        state, x = [k + 1 for k in range(size)], 0
        for i in range(turns, 0, -1):
            for k in range(size):
                state[k] = (i + state[k] + state[(k + 1) % size]
                            + state[(k + 2) % size]) % 1009
            x = (x + state[size - 1]) % MODULUS
        return x


def same(size):
    return size


SHAPES = {
    "state_hot": Shape(hot.__doc__, SIZES, "read", same, hot,
                       lambda size, i, x: (x + i + size) % MODULUS,
                       lambda size: cells(1)),
    "state_hot_bound": Shape("one cell, read by let as often as the size says",
                             SIZES, "read", same,
                             bound(lambda size: [0] * size),
                             lambda size, i, x: (x + i + size) % MODULUS,
                             lambda size: cells(1)),
    "state_read_bound": Shape("each of the cells read once by let", SIZES,
                              "read", same, bound(range),
                              lambda size, i, x:
                              (x + i + size * (size + 1) // 2) % MODULUS,
                              cells),
    "state_read": Shape(read.__doc__, SIZES, "read", same, read,
                        lambda size, i, x:
                        (x + i + size * (size + 1) // 2) % MODULUS, cells),
    "state_write": Shape(write.__doc__, SIZES, "write", same, write,
                         lambda size, i, x: (x + i) % MODULUS, cells),
    "state_mixed": Mixed(mixed.__doc__, SIZES, "cell", same, mixed, None,
                         cells),
}
