"""What is run: programs with their answers, and their twins in other languages.

A job for an engine is a Text: a name, MeTTa source, the right answer, and the
source of a twin for each language that has one. Sizes never stand in the MeTTa
source as numbers when it runs: they come out of states, so that no compiler can
know them.
"""
import os
import re

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAMS = os.path.join(BENCH, "programs")
TWINS = os.path.join(BENCH, "twins")
STARTUP = "a_startup"


def stem(path):
    return os.path.splitext(os.path.basename(path))[0]


def slurp(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


class Text:
    """One source at one size."""

    def __init__(self, name, metta, answer, twins=None):
        self.name, self.metta, self.answer = name, metta, answer
        self.twins = twins or {}  # extension -> (file name, source)

    def twin(self, extension):
        return self.twins.get(extension)


class Program:
    """A file of programs/: its header lines say the answers and other sizes."""

    def __init__(self, path):
        self.name, self.path, self.source = stem(path), path, slurp(path)
        self.answer = self.line(r"expect: (.+)")
        if self.answer is None or not self.source.startswith("; expect: "):
            raise SystemExit(f"{path}: line 1 is not `; expect: ANSWER`")
        self.small = self.sized(r"small: (.+?) => (.+)")
        self.tier0 = self.sized(r"tier 0: (.+?) => (.+)")
        search = re.search(r"(?m)^; search: (.+) => (\d+), small (\d+)$", self.source)
        self.search = search and search.groups()  # expression, results, and when small
        growth = re.search(r"(?m)^; growth: ([A-Z])\^([\d.]+)$", self.source)
        self.grows, self.exponent = (growth.group(1), float(growth.group(2))) \
            if growth else (None, None)
        self.growth = [(dict(re.findall(r"(\w+)=(\d+)", sizes)), answer)
                       for sizes, answer in re.findall(
                           r"(?m)^; growth: (\S+=.+?) => (.+)$", self.source)]

    def line(self, pattern):
        m = re.search(rf"(?m)^; {pattern}$", self.source)
        return m and m.group(1)

    def sized(self, pattern):
        """(sizes, answer) of a header line; None without it."""
        m = re.search(rf"(?m)^; {pattern}$", self.source)
        return m and (dict(re.findall(r"(\w+)=(\d+)", m.group(1))), m.group(2))

    def at(self, sized=None):
        """The Text at (sizes, answer), or at the sizes in the file."""
        sizes, answer = sized or ({}, self.answer)
        metta = self.source
        for name, value in sizes.items():
            metta, found = re.subn(rf"(?m)^\(= \({name}\) \d+\)",
                                   f"(= ({name}) {value})", metta)
            if found != 1:
                raise SystemExit(f"{self.path}: no single (= ({name}) NUMBER)")
        constants = dict(re.findall(r"(?m)^\(= \(([A-Z])\) (\d+)\)", metta))
        twins = {}
        for file in find_twins(self.name):
            twins[file.rsplit(".", 1)[1]] = (
                file, at_constants(slurp(os.path.join(TWINS, file)), constants))
        return Text(self.name, opaque(metta), answer, twins)


def opaque(metta):
    """The constants (= (N) 9) read from states instead."""
    return re.sub(r"(?m)^\(= \(([A-Z])\) (\d+)\)",
                  r"!(bind! &size-\1 (new-state \2))"
                  r" (= (\1) (get-state &size-\1))", metta)


def at_constants(twin, constants):
    """The twin's text with these constants in place of its own."""
    for name, value in constants.items():
        twin = re.sub(rf"(?m)^({name.lower()}\(|#define +{name} +"
                      rf"|local {name} = |const {name} = "
                      rf"|-define\({name}, )\d+", rf"\g<1>{value}", twin)
    return twin


def find_twins(name):
    """The program's own twins, and those of another size of the same program."""
    files, found = sorted(os.listdir(TWINS)), {}
    family = re.sub(r"\d+(e\d+)?$", "", name)
    if family != name:
        for f in files:
            if re.fullmatch(rf"{re.escape(family)}\d+(e\d+)?\.\w+", f):
                found.setdefault(f.rsplit(".", 1)[1], f)
    for f in files:
        if stem(f) == name:
            found[f.rsplit(".", 1)[1]] = f
    return sorted(found.values())


def programs():
    return [Program(os.path.join(PROGRAMS, f))
            for f in sorted(os.listdir(PROGRAMS)) if f.endswith(".metta")]


def units():
    """program -> (unit, how many of them), from the table in README.md."""
    rows = re.findall(r"(?m)^\| (\w+) \| ([^|]+?) \| (\d+) \|",
                      slurp(os.path.join(BENCH, "README.md")))
    return {name: (unit, int(count)) for name, unit, count in rows}
