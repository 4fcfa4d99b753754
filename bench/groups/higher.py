"""Calls through a variable: one place, through which so many functions are called."""
from . import MODULUS, Shape

SIZES = (1, 4, 16, 64)


def cons(names):
    text = "Nil"
    for name in reversed(names):
        text = f"(Cons {name} {text})"
    return text


def functions(size):
    """functions in a list are applied one by one"""
    rules = [f"(= (g{k} $x) (+ $x {k}))" for k in range(size)]
    return "\n".join(rules + [
        "(= (pass Nil $x) $x)",
        "(= (pass (Cons $g $r) $x) (pass $r ($g $x)))",
        f"(= (f $i $x) (% (pass {cons([f'g{k}' for k in range(size)])}"
        f" (+ $x $i)) {MODULUS}))"])


def functions_prolog(size):
    rules = [f"g{k}(X,Y) :- Y is X+{k}." for k in range(size)]
    names = ",".join(f"g{k}" for k in range(size))
    return "\n".join(rules + [
        "pass([],X,X).",
        "pass([G|R],X,Y) :- call(G,X,Z), pass(R,Z,Y).",
        f"f(I,X,Y) :- Z is X+I, pass([{names}],Z,W), Y is W rem {MODULUS}."])


def functions_c(size):
    rules = [f"CALL g{k}(long x) {{\n  return x + {k};\n}}"
             for k in range(size)]
    names = ", ".join(f"g{k}" for k in range(size))
    return "\n".join(rules + [
        f"static long (*volatile g[{size}])(long) = {{{names}}};",
        "CALL f(long i, long x) {\n"
        "  x += i;\n"
        f"  for (int k = 0; k < {size}; k++) x = g[k](x);\n"
        f"  return x % {MODULUS};\n}}"])


def functions_lua(size):
    rules = ["local g = {}"]
    rules += [f"g[{k + 1}] = function(x) return x+{k} end"
              for k in range(size)]
    return "\n".join(rules + [
        "local function f(i,x)\n  x = x+i\n"
        f"  for k=1,{size} do x = g[k](x) end\n"
        f"  return x%{MODULUS}\nend"])


def functions_step(size, i, x):
    return (x + i + size * (size - 1) // 2) % MODULUS


def typed(size):
    """the same with types"""
    types = [f"(: g{k} (-> Number Number))" for k in range(size)]
    return "\n".join(types + [functions(size)])


def operations(size):
    """+ and - in a list are applied one by one"""
    names = cons(["-" if k % 2 else "+" for k in range(size)])
    return ("(= (pass Nil $i $x) $x)\n"
            "(= (pass (Cons $g $r) $i $x) (pass $r $i ($g $x $i)))\n"
            f"(= (f $i $x) (% (pass {names} $i $x) {MODULUS}))")


def operations_step(size, i, x):
    return (x + i * (size % 2)) % MODULUS


def lambdas(size):
    """functions without a name, made each turn with what they capture"""
    names = cons(["(|-> ($y) (+ $y $i))"] * size)
    return ("(= (pass Nil $x) $x)\n"
            "(= (pass (Cons $g $r) $x) (pass $r ($g $x)))\n"
            f"(= (f $i $x) (% (pass {names} (+ $x $i)) {MODULUS}))")


def lambdas_step(size, i, x):
    return (x + (size + 1) * i) % MODULUS


def applied(size):
    """functions without a name, applied where they are written"""
    lets = "".join(f"($x{k + 1} ((|-> ($y{k}) (+ $y{k} $i)) $x{k}))"
                   for k in range(size))
    return (f"(= (f $i $x) (let* (($x0 (+ $x $i)) {lets})"
            f" (% $x{size} {MODULUS})))")


def curried(size):
    """functions whose head is an expression, in a list"""
    names = cons([f"(add {k})" for k in range(size)])
    return ("(= ((add $k) $x) (+ $x $k))\n"
            "(= (pass Nil $x) $x)\n"
            "(= (pass (Cons $g $r) $x) (pass $r ($g $x)))\n"
            f"(= (f $i $x) (% (pass {names} (+ $x $i)) {MODULUS}))")


def maps(size):
    """elements mapped and folded by functions without a name"""
    items = " ".join(str(k + 1) for k in range(size))
    return (f"(= (f $i $x) (let $m (map-atom ({items}) (|-> ($y) (* $y $i)))\n"
            "  (let $s (foldl-atom $m $x (|-> ($a $b) (+ $a $b)))"
            f" (% $s {MODULUS}))))")


def maps_step(size, i, x):
    return (x + i * (size * (size + 1) // 2)) % MODULUS


SHAPES = {
    "functions": Shape(functions.__doc__, SIZES, "call", lambda size: size,
                       functions, functions_step, pl=functions_prolog,
                       c=functions_c, lua=functions_lua),
    "typed": Shape(typed.__doc__, SIZES, "call", lambda size: size, typed,
                   functions_step),
    "operations": Shape(operations.__doc__, SIZES, "call", lambda size: size,
                        operations, operations_step),
    "lambdas": Shape(lambdas.__doc__, SIZES, "call", lambda size: size,
                     lambdas, lambdas_step),
    "applied": Shape(applied.__doc__, SIZES, "call", lambda size: size,
                     applied, lambdas_step),
    "curried": Shape(curried.__doc__, SIZES, "call", lambda size: size,
                     curried, functions_step),
    "maps": Shape(maps.__doc__, SIZES, "element", lambda size: 2 * size, maps,
                  maps_step),
}
