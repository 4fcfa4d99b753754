"""Binding width and depth.

A variable is a slot known when code is made: no map of bindings, no look-up by
name, no copying of an environment. Then a function with 200 bindings costs 200
times a function with one, and a variable bound 100 levels further out costs as
much to read as the innermost one. A map, a chain of scopes or a copied frame
shows as a slope in these shapes.

Every binding adds the loop counter $i, which is bound outermost, to something
bound before it, so that each level reads from both ends of the nest. A remainder
at the end keeps numbers within a machine word, however many turns there are.
"""
from . import MODULUS, Shape


def let_star(size):
    pairs = [f"($b{k} (+ $b{k - 1} $i))" for k in range(1, size + 1)]
    return (f"(= (f $i $b0) (let* ({' '.join(pairs)})"
            f" (% $b{size} {MODULUS})))")


def let_star_live(size):
    pairs = [f"($b{k} (+ $b0 $i))" for k in range(1, size + 1)]
    total = f"$b{size}"
    for k in range(size - 1, -1, -1):
        total = f"(+ $b{k} {total})"
    return (f"(= (f $i $b0) (let* ({' '.join(pairs)})"
            f" (% {total} {MODULUS})))")


def let_nest(size):
    levels = [f"(let $b{k} (+ $b{k - 1} $i) " for k in range(1, size + 1)]
    return (f"(= (f $i $b0) {''.join(levels)}(% $b{size} {MODULUS})"
            f"{')' * size})")


def let_nest_right(size):
    body = "$b0"
    for k in range(1, size + 1):
        body = f"(let $b{k} {body} (+ $b{k} $i))"
    return f"(= (f $i $b0) (% {body} {MODULUS}))"


def prolog(size):
    goals = [f"X{k} is X{k - 1}+I" for k in range(1, size + 1)]
    return f"f(I,X0,Y) :- {', '.join(goals)}, Y is X{size} rem {MODULUS}."


def prolog_live(size):
    goals = [f"X{k} is X0+I" for k in range(1, size + 1)]
    total = "+".join(f"X{k}" for k in range(size + 1))
    return f"f(I,X0,Y) :- {', '.join(goals)}, Y is ({total}) rem {MODULUS}."


def add_once(size, i, x):
    return (x + size * i) % MODULUS


def add_all(size, i, x):
    return (x + size * (x + i)) % MODULUS


SIZES = (1, 2, 5, 10, 20, 50, 100)


def shape(what, sizes, metta, step, pl):
    return Shape(what, sizes, "binding", lambda size: size, metta, step, pl=pl)


SHAPES = {
    "let_star": shape("one let*; each binding reads the one before it, which "
                      "dies there", SIZES + (200,), let_star, add_once, prolog),
    "let_star_live": shape("one let*; every binding stays alive until all are "
                           "added up", SIZES + (200,), let_star_live, add_all,
                           prolog_live),
    "let_nest": shape("let within let; each level reads the one around it",
                      SIZES, let_nest, add_once, prolog),
    "let_nest_right": shape("let within the value of a let; each level reads "
                            "the one inside it", SIZES, let_nest_right,
                            add_once, prolog),
}
