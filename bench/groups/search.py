"""Nondeterminism: forks, nests of them, trees, guards, and what becomes of results.

Every shape gathers its results in one collapse a turn. The size is the number of
alternatives, or the depth; the unit is a result, a leaf or a level.
"""
from . import MODULUS, Shape

TOTAL = "(= (total $l) (foldl-atom $l 0 $a $b (+ $a $b)))\n"
TOTAL_PL = ("total([],S,S).\ntotal([H|T],S,R) :- U is S+H, total(T,U,R).\n")


def gathered(goal):
    """f, where the goal gives numbers to add up."""
    return (f"(= (f $i $x) (let $r (collapse {goal})"
            f" (% (+ $x (total $r)) {MODULUS})))")


def gathered_prolog(goal):
    return (f"f(I,X,Y) :- findall(V,{goal},L), total(L,X,S),"
            f" Y is S rem {MODULUS}.\n")


def fork(size):
    """superpose of so many numbers"""
    items = " ".join(str(k) for k in range(1, size + 1))
    return TOTAL + gathered(f"(+ $i (superpose ({items})))")


def fork_prolog(size):
    items = ",".join(str(k) for k in range(1, size + 1))
    return (TOTAL_PL + "mem(X,[X|_]).\nmem(X,[_|T]) :- mem(X,T).\n"
            + gathered_prolog(f"(mem(X1,[{items}]),V is I+X1)"))


def fork_rules(size):
    """a function with so many rules that all fit"""
    rules = "".join(f"(= (any $i) (+ $i {k}))\n" for k in range(1, size + 1))
    return TOTAL + rules + gathered("(any $i)")


def fork_rules_prolog(size):
    rules = "".join(f"any(I,V) :- V is I+{k}.\n" for k in range(1, size + 1))
    return TOTAL_PL + rules + gathered_prolog("any(I,V)")


def fork_fail(size):
    """superpose of so many numbers, of which at most one passes a comparison"""
    items = " ".join(str(k) for k in range(1, size + 1))
    return TOTAL + gathered(f"(let $v (superpose ({items}))"
                            " (if (== $v $i) $v (empty)))")


def fork_fail_prolog(size):
    items = ",".join(str(k) for k in range(1, size + 1))
    return (TOTAL_PL + "mem(X,[X|_]).\nmem(X,[_|T]) :- mem(X,T).\n"
            + gathered_prolog(f"(mem(V,[{items}]),V =:= I)"))


def fork_fail_step(size, i, x):
    return (x + (i if i <= size else 0)) % MODULUS


def fork_step(size, i, x):
    return (x + size * i + size * (size + 1) // 2) % MODULUS


def nested(size):
    """superpose of two numbers within the same, so many levels deep"""
    goal = "$i"
    for _ in range(size):
        goal = f"(+ (superpose (1 2)) {goal})"
    return TOTAL + gathered(goal)


def nested_prolog(size):
    goals = ",".join(f"two(A{k})" for k in range(size))
    total = "+".join(f"A{k}" for k in range(size))
    return (TOTAL_PL + "two(1).\ntwo(2).\n"
            + gathered_prolog(f"({goals},V is I+{total})"))


def nested_step(size, i, x):
    return (x + 2 ** size * i + size * 3 * 2 ** (size - 1)) % MODULUS


def tree(size):
    """two rules that call each other down so many levels; one leaf is kept"""
    return TOTAL + ("(= (down $d $k $w) (if (== $d 0) (keep $k $w)"
                    " (down (- $d 1) (* 2 $k) $w)))\n"
                    "(= (down $d $k $w) (if (== $d 0) (empty)"
                    " (down (- $d 1) (+ 1 (* 2 $k)) $w)))\n"
                    "(= (keep $k $w) (if (== $k $w) $k (empty)))\n"
                    + gathered(f"(down {size} 0 (% $i {2 ** size}))"))


def tree_prolog(size):
    return (TOTAL_PL
            + "down(D,K,W,V) :- ( D =:= 0 -> K =:= W, V = K"
              " ; E is D-1, L is 2*K, down(E,L,W,V) ).\n"
              "down(D,K,W,V) :- D > 0, E is D-1, L is 2*K+1,"
              " down(E,L,W,V).\n"
            + gathered_prolog(f"(W is I rem {2 ** size},"
                              f"down({size},0,W,V))"))


def tree_step(size, i, x):
    return (x + i % 2 ** size) % MODULUS


def guards(size):
    """at each of so many levels a choice of four, of which a guard lets one by"""
    return TOTAL + ("(= (pick) 0)\n(= (pick) 1)\n(= (pick) 2)\n(= (pick) 3)\n"
                    "(= (walk $d $i $s) (if (== $d 0) $s"
                    " (let $c (pick) (if (== $c (% (+ $i $d) 4))"
                    " (walk (- $d 1) $i (+ $s $c)) (empty)))))\n"
                    + gathered(f"(walk {size} $i 0)"))


def guards_prolog(size):
    return (TOTAL_PL + "pick(0).\npick(1).\npick(2).\npick(3).\n"
            "walk(D,I,S,V) :- ( D =:= 0 -> V = S ; pick(C),"
            " C =:= (I+D) rem 4, E is D-1, T is S+C, walk(E,I,T,V) ).\n"
            + gathered_prolog(f"walk({size},I,0,V)"))


def guards_step(size, i, x):
    return (x + sum((i + d) % 4 for d in range(1, size + 1))) % MODULUS


RANGE = ("(= (from $a $n) $a)\n"
         "(= (from $a $n) (if (< $a $n) (from (+ $a 1) $n) (empty)))\n")
RANGE_PL = ("from(A,_,A).\n"
            "from(A,N,V) :- A < N, B is A+1, from(B,N,V).\n")


def collect(size):
    """so many results of a generator collected"""
    return TOTAL + RANGE + gathered(f"(from $i (+ $i {size - 1}))")


def collect_prolog(size):
    return (TOTAL_PL + RANGE_PL
            + gathered_prolog(f"(N is I+{size - 1},from(I,N,V))"))


def collect_step(size, i, x):
    return (x + size * i + size * (size - 1) // 2) % MODULUS


def give(size):
    """so many results handed out through four functions, where all but one are
    dropped"""
    return TOTAL + RANGE + (
        "(= (one $a $n) (+ 1 (two $a $n)))\n"
        "(= (two $a $n) (- (three $a $n) 1))\n"
        "(= (three $a $n) (+ 2 (four $a $n)))\n"
        "(= (four $a $n) (- (from $a $n) 2))\n"
        "(= (last $n $v) (if (== $v $n) $v (empty)))\n"
        + gathered(f"(let $n (+ $i {size - 1}) (last $n (one $i $n)))"))


def give_prolog(size):
    return (TOTAL_PL + RANGE_PL
            + "one(A,N,V) :- two(A,N,W), V is W+1.\n"
              "two(A,N,V) :- three(A,N,W), V is W-1.\n"
              "three(A,N,V) :- four(A,N,W), V is W+2.\n"
              "four(A,N,V) :- from(A,N,W), V is W-2.\n"
            + gathered_prolog(f"(N is I+{size - 1},one(I,N,V),V =:= N)"))


def give_step(size, i, x):
    return (x + i + size - 1) % MODULUS


def same(size):
    return size


def leaves(size):
    return 2 ** size


FORKS = (2, 4, 8, 16)
SHAPES = {
    "fork": Shape(fork.__doc__, FORKS, "alternative", same, fork, fork_step,
                  pl=fork_prolog),
    "fork_fail": Shape(fork_fail.__doc__, (4, 16, 64, 256), "alternative", same,
                       fork_fail, fork_fail_step, pl=fork_fail_prolog),
    "fork_rules": Shape(fork_rules.__doc__, FORKS, "alternative", same,
                        fork_rules, fork_step, pl=fork_rules_prolog),
    "fork_nested": Shape(nested.__doc__, (1, 2, 4, 8), "leaf", leaves, nested,
                         nested_step, pl=nested_prolog),
    "tree": Shape(tree.__doc__, (2, 4, 6, 8, 10), "leaf", leaves, tree,
                  tree_step, pl=tree_prolog),
    "guards": Shape(guards.__doc__, (4, 8, 16, 32), "level", same, guards,
                    guards_step, pl=guards_prolog),
    "collect": Shape(collect.__doc__, (1, 10, 100, 1000), "result", same,
                     collect, collect_step, pl=collect_prolog),
    "yield": Shape(" ".join(give.__doc__.split()), (1, 10, 100, 1000),
                   "result", same, give, give_step, pl=give_prolog),
}
