"""Generated programs, in groups: one shape at several sizes each.

A Shape writes a function (f $i $x) of some size. The program calls it once a turn
with the loop counter and what the turn before gave, so that nothing can be computed
once; the number of turns comes out of a state. The same loop around an empty function
is measured beside it and subtracted. The cost of a unit (a call, an operation, a
leaf) should say nothing about the size, unless the shape says so.
"""
import importlib
import os
import pkgutil

MODULUS = 1000003  # where running values are cut, so that they stay small


class Shape:
    """what: one line. unit(size): units in a turn. metta(size): definitions, among
    them (f $i $x). step(size, i, x): the same in Python. twins: extension -> a
    function of the size that gives definitions of f; setup(size): forms run first."""

    def __init__(self, what, sizes, unit, count, metta, step, setup=None,
                 **twins):
        self.what, self.sizes, self.unit, self.count = what, sizes, unit, count
        self.metta, self.step, self.setup = metta, step, setup
        self.twins, self.answers = twins, {}

    def answer(self, size, turns):
        """What the program prints; every engine asks for it, so it is kept."""
        if (size, turns) not in self.answers:
            self.answers[size, turns] = str(self.last(size, turns))
        return self.answers[size, turns]

    def last(self, size, turns):
        x, step = 0, self.step
        for i in range(turns, 0, -1):
            x = step(size, i, x)
        return x

    def source(self, size, turns):
        setup = self.setup(size) if self.setup else ""
        return LOOP["metta"].format(
            f=setup + self.metta(size), turns=turns)

    def twin_sources(self, name, size, turns):
        return {ext: (f"{name}.{ext}",
                      LOOP[ext].format(f=write(size), turns=turns))
                for ext, write in self.twins.items()}


LOOP = {
    "metta": "{f}\n"
             "(= (rep $i $x) (if (== $i 0) $x (rep (- $i 1) (f $i $x))))\n"
             "!(bind! &turns (new-state {turns}))\n"
             "!(rep (get-state &turns) 0)\n",
    "pl": "{f}\n"
          "rep(I,X,R) :- ( I =:= 0 -> R = X ; f(I,X,Y), J is I-1,"
          " rep(J,Y,R) ).\n"
          "turns({turns}).\n"
          "main :- turns(T), rep(T,0,R), write(R), nl, halt.\n"
          ":- initialization(main).\n",
    # BAR keeps the compiler from joining an operation with the next.
    "c": "#include <stdio.h>\n"
         '#define BAR(x) __asm__ volatile("" : "+r"(x))\n'
         "#define CALL __attribute__((noinline)) static long\n"
         "{f}\n"
         "int main(void) {{\n"
         "  volatile long turns = {turns};\n"
         "  long x = 0;\n"
         "  for (long i = turns; i; i--)\n"
         "    x = f(i, x);\n"
         '  printf("%ld\\n", x);\n'
         "}}\n",
    "lua": "{f}\n"
           "local x = 0\n"
           "for i={turns},1,-1 do x = f(i,x) end\n"
           'print(string.format("%d",x))\n',
}


class Nothing(Shape):
    def last(self, size, turns):
        return 0


EMPTY = Nothing("the loop alone", (1,), "turn", lambda size: 1,
                lambda size: "(= (f $i $x) $x)", None,
                pl=lambda size: "f(_,X,X).",
                c=lambda size: "CALL f(long i, long x) {\n"
                               "  BAR(i);\n  return x;\n}",
                lua=lambda size: "local function f(i,x) return x end")


def groups():
    """group -> {shape name -> Shape}, in the order of the names."""
    found = {}
    for module in pkgutil.iter_modules([os.path.dirname(__file__)]):
        found[module.name] = importlib.import_module(
            f"{__name__}.{module.name}").SHAPES
    return found
