"""Generated programs whose cost for each binding should not depend on how many
bindings there are.

A variable is a slot known when code is made: no map of bindings, no look-up by
name, no copying of an environment. Then a function with 200 bindings costs 200
times a function with one, and a variable bound 100 levels further out costs as
much to read as the innermost one. A map, a chain of scopes or a copied frame
shows as a slope in these series.

Every binding adds the loop counter $i, which is bound outermost, to something
bound before it, so that each level reads from both ends of the nest and nothing
can be computed once. The programs differ only in how the bindings are written.
"""


def let_star(size):
    """one let*; each binding reads the one before it, which dies there"""
    pairs = [f"($b{k} (+ $b{k - 1} $i))" for k in range(1, size + 1)]
    return f"(let* ({' '.join(pairs)}) $b{size})"


def let_star_live(size):
    """one let*; every binding stays alive until all are added up"""
    pairs = [f"($b{k} (+ $b0 $i))" for k in range(1, size + 1)]
    total = f"$b{size}"
    for k in range(size - 1, -1, -1):
        total = f"(+ $b{k} {total})"
    return f"(let* ({' '.join(pairs)}) (% {total} 1000003))"


def let_nest(size):
    """let within let; each level reads the one around it"""
    levels = [f"(let $b{k} (+ $b{k - 1} $i) " for k in range(1, size + 1)]
    return f"{''.join(levels)}$b{size}{')' * size}"


def let_nest_right(size):
    """let within the value of a let; each level reads the one inside it"""
    body = "$b0"
    for k in range(1, size + 1):
        body = f"(let $b{k} {body} (+ $b{k} $i))"
    return body


def add_once(size, i, x):
    """what let_star, let_nest and let_nest_right compute"""
    return x + size * i


def add_all(size, i, x):
    """what let_star_live computes"""
    return (x + size * (x + i)) % 1000003


SIZES = (1, 2, 5, 10, 20, 50, 100)
# name -> (body of the function, the same in Python, sizes)
SERIES = {
    "let_star": (let_star, add_once, SIZES + (200,)),
    "let_star_live": (let_star_live, add_all, SIZES + (200,)),
    "let_nest": (let_nest, add_once, SIZES),
    "let_nest_right": (let_nest_right, add_once, SIZES),
}


def program(body, turns):
    """A loop of TURNS calls of (f $i $b0), whose body is given."""
    return (f"(= (f $i $b0) {body})\n"
            "(= (rep $i $x) (if (== $i 0) $x (rep (- $i 1) (f $i $x))))\n"
            f"!(rep {turns} 0)\n")


def answer(step, size, turns):
    """What the program prints inside its brackets."""
    x = 0
    for i in range(turns, 0, -1):
        x = step(size, i, x)
    return str(x)
