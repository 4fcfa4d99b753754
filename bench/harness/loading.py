"""Loading a million facts of three arguments: from text, tables and snapshots.

The facts are (edge nI nJ K), over a hundredth as many symbols as there are rows, or
(edge "nI" "nJ" K). One question behind them shows that they are there, and makes
indexes in all rows alike; rows `unasked` are without it, so the difference to those above
is what it and its indexes cost. Wall times are from starting the program to its end, with
all that it does before the first fact. SWI-Prolog consults a text, loads one that it has
compiled (qcompile), and reads csv with its own library.
"""
import os
import statistics
import subprocess
import tempfile

from .engines import ENVIRONMENT
from .report import Table, figure
from .texts import STARTUP, Text, programs

SIZE, SMALL = 1_000_000, 1_000
STEP = 618_033  # shares no factor with the sizes
TITLES = ["facts from", "ambit ns", "M/s", "wall ms", "swipl ns", "ratio"]


def rows_of(n):
    names = max(n // 100, 10)
    return [(f"n{i % names}", f"n{i * STEP % names}", i) for i in range(n)]


def write(folder, name, lines):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(lines)
    return path


def write_tables(folder, rows):
    """Name -> path of each file that facts are loaded from."""
    return {
        "metta": write(folder, "facts.metta",
                       [f"(edge {a} {b} {k})\n" for a, b, k in rows]),
        "csv": write(folder, "t.csv",
                     [f"{a},{b},{k}\n" for a, b, k in rows]),
        "quoted": write(folder, "q.csv",
                        [f'"{a}","{b}",{k}\n' for a, b, k in rows]),
        "tsv": write(folder, "t.tsv",
                     [f"{a}\t{b}\t{k}\n" for a, b, k in rows]),
        "nt": write(folder, "t.nt",
                    [f'<{a}> <{b}> "{k}"^^<http://www.w3.org/2001/XMLSchema'
                     "#integer> .\n" for a, b, k in rows]),
        "ndjson": write(folder, "t.ndjson",
                        [f'{{"a": "{a}", "b": "{b}", "c": {k}}}\n'
                         for a, b, k in rows]),
        "pl": write(folder, "facts.pl",
                    [f"edge({a}, {b}, {k}).\n" for a, b, k in rows]),
    }


def imported(path, options, question, answer):
    return Text("load", f"""!(import! &self table)
!(bind! &kb (new-space))
!(import-table! &kb "{path}" ({options}))
!(match &kb {question} $x)
""", answer)


def make_snapshots(argv, folder, files):
    """What Ambit loads without reading: made once, not timed."""
    made = {"snap": os.path.join(folder, "kb.snap"),
            "ambit": os.path.join(folder, "facts.ambit"),
            "unasked": os.path.join(folder, "unasked.ambit")}
    save = write(folder, "save.metta", [f"""!(import! &self table)
!(import! &self snapshot)
!(bind! &kb (new-space))
!(import-table! &kb "{files["csv"]}" ((types Symbol Symbol Number) (head edge)))
!(save-space! &kb "{made["snap"]}")
"""])
    subprocess.run(argv + [save], check=True, capture_output=True)
    with open(files["metta"], encoding="utf-8") as f:
        text = f.read()
    for name, form in (("ambit", "!(match &self (edge $x n0 0) $x)\n"),
                       ("unasked", "!(id n0)\n")):
        path = write(folder, name + ".metta", [text, form])
        subprocess.run([argv[0], "compile", path, "-o", made[name]],
                       check=True)
    return made


class Compiled:
    """A program as `ambit compile` wrote it."""

    slow = False

    def __init__(self, argv, path):
        self.name, self.argv, self.path = "compiled", argv, path

    def prepare(self, text, _folder):
        return self.argv + [self.path], f"[{text.answer}]"


class Prolog:
    """SWI-Prolog on a goal that leaves edge/3."""

    slow = False

    def __init__(self, goal):
        self.name, self.goal = "swipl", goal

    def prepare(self, text, folder):
        main = write(folder, "main.pl", [
            ":- use_module(library(csv)).\n:- dynamic edge/3.\n"
            ":- initialization(main).\n"
            f"main :- {self.goal}, edge(X, n0, 0), writeln(X), halt.\n"])
        return ["swipl", "-O", "--stack-limit=4g", main], text.answer


def jobs_of(engine, folder, files, swipl):
    """(name, (engine, text), (Prolog, text) or None) of each row of the table."""
    made = make_snapshots(engine.argv, folder, files)
    typed = "(types Symbol Symbol Number) (head edge)"
    ask, told = "(edge $x n0 0)", "n0"
    strings = ('(edge $x "n0" 0)', '"n0"')
    with open(files["metta"], encoding="utf-8") as f:
        text = Text("load", f.read() + f"!(match &self {ask} $x)\n", told)
    qlf = os.path.join(folder, "facts.qlf")
    consult = csv = fast = None
    if swipl:
        subprocess.run(["swipl", "-g", f"qcompile('{files['pl']}')", "-t",
                        "halt"], check=True, env=ENVIRONMENT,
                       capture_output=True)
        consult = Prolog(f"load_files('{files['pl']}', [qcompile(never)])")
        fast = Prolog(f"load_files('{qlf}')")
        csv = Prolog(f"csv_read_file('{files['csv']}', Rows, "
                     "[functor(edge), arity(3)]), "
                     "forall(member(R, Rows), assertz(R))")
    load = f"""!(import! &self snapshot)
!(bind! &kb (new-space))
!(load-space! &kb "{made["snap"]}")
"""
    loaded = Text("load", f"{load}!(match &kb {ask} $x)\n", told)
    unasked = Text("load", f"{load}!(id n0)\n", told)
    answer = Text("load", "", told)
    return [
        ("text", (engine, text), consult),
        ("csv, symbols", (engine, imported(files["csv"], typed, ask, told)),
         csv),
        ("csv, Strings", (engine, imported(files["quoted"], "(head edge)",
                                           *strings)), None),
        ("tsv, symbols", (engine, imported(files["tsv"], typed, ask, told)),
         None),
        ("N-Triples", (engine, imported(files["nt"], "(head edge)",
                                        "(edge $x <n0> 0)", "<n0>")), None),
        ("ndjson, symbols", (engine, imported(files["ndjson"], typed, ask,
                                              told)), None),
        ("ndjson, Strings", (engine, imported(files["ndjson"], "(head edge)",
                                              *strings)), None),
        ("a snapshot", (engine, loaded), fast),
        ("a snapshot, unasked", (engine, unasked), None),
        ("a compiled program", (Compiled(engine.argv, made["ambit"]), answer),
         fast),
        ("a compiled program, unasked",
         (Compiled(engine.argv, made["unasked"]), answer), None),
    ], answer


def net(cell, base):
    return statistics.median(x - y for x, y in
                             zip(cell.values("cpu"), base.values("cpu")))


def run(bench, engine, swipl):
    """(rows, table)."""
    n = SMALL if bench.o.small else SIZE
    table = Table(TITLES, [28, 10, 8, 8, 10, 8])
    rows = []
    nothing = next(p for p in programs() if p.name == STARTUP).at()
    idle = Text("load", "", "n0")
    with tempfile.TemporaryDirectory(prefix="ambit-bench-") as folder:
        files = write_tables(folder, rows_of(n))
        todo, answer = jobs_of(engine, folder, files, swipl)
        jobs = {"nothing": (engine, nothing)}
        if swipl:
            jobs["idle"] = (Prolog("assertz(edge(n0, n0, 0))"), idle)
        for name, ours, theirs in todo:
            jobs[name] = ours
            if theirs:
                jobs["swipl " + name] = (theirs, answer)
        cells = bench.turns(jobs, bench.o.n, lengthen=False)
    for name, _, theirs in todo:
        peer = cells["swipl " + name] if theirs else None
        row = {"load": name}
        rows.append(row)
        words = [c.word for c in (cells[name], peer) if c and c.word]
        if words:
            row["failed"] = words[0]
            table.add([name] + [words[0]] * 5)
            continue
        if bench.o.small:
            table.add([name] + ["right"] * 5)
            continue
        row["ns"] = net(cells[name], cells["nothing"]) * 1e9 / n
        row["wall"] = cells[name].median("wall")
        texts = [name, figure(row["ns"]), figure(1e3 / row["ns"]),
                 figure(row["wall"] * 1e3), "", ""]
        if peer:
            row["swipl"] = net(peer, cells["idle"]) * 1e9 / n
            texts[4:] = [figure(row["swipl"]),
                         f"{row['ns'] / row['swipl']:.3f}"]
        table.add(texts)
    return rows, table
