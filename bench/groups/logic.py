"""Chains of boolean operations and of comparisons."""
from . import MODULUS, Shape

SIZES = (10, 50, 100)
OPERATIONS = ("not", "and", "or", "xor")


def operation(k):
    """The k-th operation of the chain and its other operand."""
    return OPERATIONS[k % 4], "$p" if k % 3 else "$q"


def booleans(size):
    """not, and, or, xor around each other, over two flags that change"""
    chain = "$p"
    for k in range(size):
        name, other = operation(k)
        chain = f"(not {chain})" if name == "not" else \
            f"({name} {chain} {other})"
    return (f"(= (flags $p $q) {chain})\n"
            "(= (f $i $x) (let* (($p (== (% $i 2) 0)) ($q (== (% $i 3) 0)))"
            f" (% (if (flags $p $q) (+ $x $i) (+ $x 1)) {MODULUS})))")


def booleans_step(size, i, x):
    p, q = i % 2 == 0, i % 3 == 0
    return (x + (i if chain_value(size, p, q) else 1)) % MODULUS


VALUES = {}


def chain_value(size, p, q):
    if (size, p, q) not in VALUES:
        value = p
        for k in range(size):
            name, other = operation(k)
            other = p if other == "$p" else q
            value = {"not": not value, "and": value and other,
                     "or": value or other, "xor": value != other}[name]
        VALUES[size, p, q] = value
    return VALUES[size, p, q]


def compared(size):
    """if within if, every comparison says no"""
    body = f"(% (+ $x $i) {MODULUS})"
    for k in range(size, 0, -1):
        test = f"(> $x {MODULUS + k})" if k % 2 else f"(== $i {-k})"
        body = f"(if {test} {k} {body})"
    return f"(= (f $i $x) {body})"


def compared_prolog(size):
    body = f"Y is (X+I) rem {MODULUS}"
    for k in range(size, 0, -1):
        test = f"X > {MODULUS + k}" if k % 2 else f"I =:= {-k}"
        body = f"( {test} -> Y = {k} ; {body} )"
    return f"f(I,X,Y) :- {body}."


def compared_lua(size):
    # Branches nested deeper than the parser takes: one after the other.
    lines = [f"if {f'x > {MODULUS + k}' if k % 2 else f'i == {-k}'}"
             f" then return {k} end" for k in range(1, size + 1)]
    return ("local function f(i,x) " + " ".join(lines)
            + f" return (x+i)%{MODULUS} end")


SHAPES = {
    "boolean": Shape(booleans.__doc__, SIZES, "operation", lambda size: size,
                     booleans, booleans_step),
    "compare": Shape(compared.__doc__, SIZES, "comparison", lambda size: size,
                     compared, lambda size, i, x: (x + i) % MODULUS,
                     pl=compared_prolog, lua=compared_lua),
}
