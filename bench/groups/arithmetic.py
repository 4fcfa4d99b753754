"""Chains of arithmetic on the running value and the loop counter."""
from . import MODULUS, Shape

SIZES = (10, 20, 50, 100, 200)


def operations(size):
    """(operator, operand) for each of the chain; None is the loop counter."""
    for k in range(size - 1):
        if k % 25 == 24 and k < 150:
            yield "*", 3
        elif k % 5 == 3:
            yield "+", None
        elif k % 5 == 1:
            yield "-", 17 * k % 101
        else:
            yield "+", 31 * k % 211


def chain(size):
    """+, - and * around each other, a % outermost"""
    body = "$x"
    for op, c in operations(size):
        body = f"({op} {body} {'$i' if c is None else c})"
    return f"(= (f $i $x) (% {body} {MODULUS}))"


def prolog(size):
    body = "X"
    for op, c in operations(size):
        body = f"({body}{op}{'I' if c is None else c})"
    return f"f(I,X,Y) :- Y is {body} rem {MODULUS}."


def in_c(size):
    lines = [f"  x {op}= {'i' if c is None else c};\n  BAR(x);"
             for op, c in operations(size)]
    return ("CALL f(long i, long x) {\n" + "\n".join(lines)
            + f"\n  return x % {MODULUS};\n}}")


def in_lua(size):
    lines = [f"x = x{op}{'i' if c is None else c}"
             for op, c in operations(size)]
    return ("local function f(i,x) " + " ".join(lines)
            + f" return x%{MODULUS} end")


AFFINE = {}


def step(size, i, x):
    if size not in AFFINE:  # what the chain makes of x, i and 1
        a, b, c = 1, 0, 0
        for op, n in operations(size):
            if op == "*":
                a, b, c = a * n, b * n, c * n
            elif n is None:
                b += 1
            else:
                c += n if op == "+" else -n
        AFFINE[size] = a, b, c
    a, b, c = AFFINE[size]
    v = a * x + b * i + c
    return v % MODULUS if v >= 0 else -(-v % MODULUS)


SHAPES = {
    "arithmetic": Shape(chain.__doc__, SIZES, "operation", lambda size: size,
                        chain, step, pl=prolog, c=in_c, lua=in_lua),
}
