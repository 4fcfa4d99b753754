"""Finding one of many rules, or one of many facts, by pattern.

The size is the number of rules. One of them fits; the cost of a call should not
depend on how many do not.
"""
from . import Shape

SIZES = (10, 30, 100, 300, 1000)


def value(k):
    return k * 37 % 1009


def shape(what, head, call, head_pl, call_pl, rest="0", rest_pl="0",
          add=lambda i: 0):
    """Rules with a head for each key; the call has the key K."""
    def metta(size):
        rules = [f"(= {head.replace('K', str(k))}"
                 f" (+ {value(k)} {rest}))" for k in range(size)]
        return "\n".join(rules) + (
            f"\n(= (f $i $x) (let $k (% (+ $x $i) {size})"
            f" (+ (% $x 7) {call})))")

    def prolog(size):
        rules = [f"{head_pl.replace('K', str(k))} :- V is {value(k)}+{rest_pl}."
                 for k in range(size)]
        return "\n".join(rules) + (
            f"\nf(I,X,Y) :- K is (X+I) rem {size}, {call_pl},"
            " Y is X rem 7+V.")

    def step(size, i, x):
        return x % 7 + value((x + i) % size) + add(i)

    return Shape(what, SIZES, "call", lambda size: 1, metta, step, pl=prolog)


def facts(what, fact, query, fact_pl, query_pl):
    """Facts in a space, one for each key."""
    def setup(size):
        return "!(bind! &facts (new-space))\n" + "\n".join(
            f"!(add-atom &facts {fact.format(k=k, v=value(k))})"
            for k in range(size)) + "\n"

    def metta(size):
        return (f"(= (f $i $x) (let* (($k (% (+ $x $i) {size}))"
                f" ($v (match &facts {query} $v))) (+ (% $x 7) $v)))")

    def prolog(size):
        rules = [fact_pl.format(k=k, v=value(k)) + "." for k in range(size)]
        return "\n".join(rules) + (f"\nf(I,X,Y) :- K is (X+I) rem {size},"
                                   f" {query_pl}, Y is X rem 7+V.")

    def step(size, i, x):
        return x % 7 + value((x + i) % size)

    return Shape(what, SIZES, "query", lambda size: 1, metta, step, setup,
                 pl=prolog)


SHAPES = {
    "rules_ground": shape("heads without variables",
                          "(p K)", "(p $k)", "p(K,V)", "p(K,V)"),
    "rules_one": shape("one variable beside the key",
                       "(p K $a)", "(p $k $i)", "p(K,A,V)", "p(K,I,V)",
                       "$a", "A", lambda i: i),
    "rules_many": shape("six variables beside the key",
                        "(p $a $b $c K $d $e $g)", "(p $i $i $x $k 1 2 3)",
                        "p(K,A,_,_,D,_,_,V)", "p(K,I,I,X,1,2,3,V)",
                        "(+ $a $d)", "A+D", lambda i: i + 1),
    "rules_nested": shape("the key two levels inside a term",
                          "(p (N (L K $a) (R $b)))",
                          "(p (N (L $k $i) (R $x)))",
                          "p(K,n(l(K,A),r(_)),V)", "p(K,n(l(K,I),r(X)),V)",
                          "$a", "A", lambda i: i),
    "facts_flat": facts("match for a fact by its first argument",
                        "(fact {k} {v})", "(fact $k $v)",
                        "fact({k},{v})", "fact(K,V)"),
    "facts_nested": facts("match for a fact by a key inside its argument",
                          "(fact (key {k}) (value {v}))",
                          "(fact (key $k) (value $v))",
                          "fact({k},key({k}),value({v}))",
                          "fact(K,key(K),value(V))"),
}
