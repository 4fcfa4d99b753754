"""How a text is run: Ambit in one of its tiers, or a peer on the text's twin.

A run is believed only if its last line is the right answer and it ended well.
"""
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from .texts import BENCH, stem

PATIENCE = 10  # a run may last so many times its limit by the clock
PEERS = {"swipl": "pl", "gplc": "pl", "luajit": "lua", "node": "js",
         "gcc": "c", "erl": "erl"}
BUILD = {  # how a twin becomes something to run, where that takes a step
    "gplc": lambda src, out: ["gplc", "--no-top-level", "-o", out, src],
    "gcc": lambda src, out: ["gcc", "-O2", "-ffp-contract=off", "-o", out,
                             src, "-lm"],
    "erl": lambda src, out: ["erlc", "-o", os.path.dirname(out), src],
}
RUN = {
    "swipl": lambda src, out: ["swipl", "-O", "--stack-limit=4g", src],
    "gplc": lambda src, out: [out],
    "luajit": lambda src, out: ["luajit", src],
    "node": lambda src, out: ["node", "--stack-size=50000", src],
    "gcc": lambda src, out: [out],
    "erl": lambda src, out: ["erl", "+S", "1:1", "-noshell",
                             "-pa", os.path.dirname(out),
                             "-s", stem(src), "main"],
}
# GNU Prolog takes the sizes of its stacks, in kilobytes, from here.
ENVIRONMENT = dict(os.environ, GLOBALSZ="1000000", LOCALSZ="500000",
                   TRAILSZ="200000")


def note(text):
    print(f"bench/run: {text}", file=sys.stderr, flush=True)


class Failed(Exception):
    """Why a run or a build gave no time, in a word for the table."""


class Run:
    """What one process cost: seconds of processor and clock, peak megabytes; and
    what it said on standard error."""

    def __init__(self, cpu, wall, peak, said=""):
        self.cpu, self.wall, self.peak, self.said = cpu, wall, peak, said


class Launcher:
    """launch.c, compiled; folder is a temporary one for all of a run of bench.
    pages: megabytes of memory that are used before a run."""

    def __init__(self, folder, pages):
        self.pages = str(pages)
        self.path = os.path.join(folder, "launch")
        self.report = os.path.join(folder, "report")
        source = os.path.join(BENCH, "harness", "launch.c")
        subprocess.run([os.environ.get("CC", "cc").split()[0], "-O1",
                        "-o", self.path, source], check=True)

    def run(self, argv, want, limit):
        """One Run whose last line is the wanted answer, or Failed."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            subprocess.run(
                [self.path, str(math.ceil(limit)),
                 str(math.ceil(PATIENCE * limit)), self.pages,
                 self.report] + argv,
                stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env=ENVIRONMENT, check=True)
            with open(self.report, encoding="utf-8") as f:
                status, user, system, wall, kilobytes = f.read().split()
            cpu = float(user) + float(system)
            if cpu >= limit or float(wall) >= PATIENCE * limit or \
                    status == str(-signal.SIGXCPU):
                raise Failed(f">{limit:g}")
            out.seek(0)
            lines = [s for s in out.read().decode(errors="replace").splitlines()
                     if s.strip()]
            if status != "0" or not lines or squeeze(lines[-1]) != want:
                err.seek(0)
                note(f"{' '.join(argv)}: status {status}, want {want}, got "
                     f"{lines[-1][:200] if lines else 'nothing'}\n"
                     f"{err.read(600).decode(errors='replace')}")
                raise Failed("wrong")
            err.seek(0)
            said = err.read().decode(errors="replace")
        return Run(cpu, float(wall), int(kilobytes) / 1024, said)


def squeeze(text):
    return " ".join(text.split())


class Ambit:
    """One tier of one ambit program, with one evaluator and more options."""

    native = []  # options of all that make machine code

    def __init__(self, path, tier, name, *options):
        self.name, self.slow = name, tier == "0"
        more = Ambit.native if tier == "2" else []
        self.argv = [path, "-j1", f"--tier={tier}", *more, *options]

    def prepare(self, text, folder):
        """(arguments, wanted last line), or None if there is nothing to run."""
        file = os.path.join(folder, f"{text.name}.metta")
        with open(file, "w", encoding="utf-8") as f:
            f.write(text.metta)
        return self.argv + [file], squeeze(f"[{text.answer}]")


class Peer:
    """Another engine, which runs twins."""

    slow = False

    def __init__(self, name):
        self.name = name

    def prepare(self, text, folder):
        twin = text.twin(PEERS[self.name])
        if not twin or f"not {self.name}:" in twin[1].split("\n", 1)[0]:
            return None
        source = os.path.join(folder, twin[0])
        with open(source, "w", encoding="utf-8") as f:
            f.write(twin[1])
        out = os.path.join(folder, "twin")
        if self.name in BUILD:
            built = subprocess.run(BUILD[self.name](source, out),
                                   capture_output=True, text=True, check=False)
            if built.returncode != 0:
                note(f"{self.name} does not take {twin[0]}: "
                     f"{built.stdout}{built.stderr}")
                raise Failed("wrong")
        return RUN[self.name](source, out), squeeze(text.answer)


def runs(argv):
    """Does this program take these options?"""
    r = subprocess.run(argv + ["-e", "!(+ 1 2)"], capture_output=True,
                       text=True, check=False)
    return r.returncode == 0


def levels(path):
    """Machine code of the first level alone, where the program has another."""
    if runs([path, "--tier=2", "--jit-level=2"]):
        yield Ambit(path, "2", "level 1", "--jit-level=1")


def installed(names):
    """Those of the peers that are here."""
    for name in names:
        tools = [name] + (["erlc"] if name == "erl" else [])
        if all(shutil.which(t) for t in tools):
            yield name
        else:
            note(f"{name} is not installed, its column is left out")
