"""Chains of calls: every function is called from one place and calls one other."""
from . import MODULUS, Shape

SIZES = (10, 50, 100)


def nested(size):
    """each function adds to what the next one gives"""
    rules = ["(= (f $i $x) (f1 $i $x))"]
    rules += [f"(= (f{k} $i $x) (+ {k} (f{k + 1} $i $x)))"
              for k in range(1, size)]
    return "\n".join(rules + [
        f"(= (f{size} $i $x) (% (+ $x $i) {MODULUS}))"])


def nested_prolog(size):
    rules = ["f(I,X,Y) :- f1(I,X,Y)."]
    rules += [f"f{k}(I,X,Y) :- f{k + 1}(I,X,Z), Y is Z+{k}."
              for k in range(1, size)]
    return "\n".join(rules + [
        f"f{size}(I,X,Y) :- Y is (X+I) rem {MODULUS}."])


def nested_c(size):
    rules = [f"CALL f{size}(long i, long x) {{\n"
             f"  return (x + i) % {MODULUS};\n}}"]
    for k in range(size - 1, 0, -1):
        rules.append(f"CALL f{k}(long i, long x) {{\n"
                     f"  return {k} + f{k + 1}(i, x);\n}}")
    return "\n".join(rules + [
        "CALL f(long i, long x) {\n  return f1(i, x);\n}"])


def nested_lua(size):
    # A chunk has at most 200 locals and a function 60 upvalues: a table.
    rules = ["local c = {}",
             f"c[{size}] = function(i,x) return (x+i)%{MODULUS} end"]
    rules += [f"c[{k}] = function(i,x) return {k}+c[{k + 1}](i,x) end"
              for k in range(size - 1, 0, -1)]
    return "\n".join(rules + ["local function f(i,x) return c[1](i,x) end"])


def nested_step(size, i, x):
    return (x + i) % MODULUS + size * (size - 1) // 2


def tail(size):
    """each function hands its sum on to the next"""
    rules = ["(= (f $i $x) (f1 $i $x))"]
    rules += [f"(= (f{k} $i $x) (f{k + 1} $i (+ $x $i)))"
              for k in range(1, size)]
    return "\n".join(rules + [f"(= (f{size} $i $x) (% $x {MODULUS}))"])


def tail_prolog(size):
    rules = ["f(I,X,Y) :- f1(I,X,Y)."]
    rules += [f"f{k}(I,X,Y) :- Z is X+I, f{k + 1}(I,Z,Y)."
              for k in range(1, size)]
    return "\n".join(rules + [f"f{size}(_,X,Y) :- Y is X rem {MODULUS}."])


def tail_step(size, i, x):
    return (x + (size - 1) * i) % MODULUS


SHAPES = {
    "call_nested": Shape(nested.__doc__, SIZES, "call", lambda size: size,
                         nested, nested_step, pl=nested_prolog, c=nested_c,
                         lua=nested_lua),
    "call_tail": Shape(tail.__doc__, SIZES, "call", lambda size: size,
                       tail, tail_step, pl=tail_prolog),
}
