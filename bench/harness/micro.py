"""The benchmarks in bench/micro: built with CMake, run, their output passed on."""
import os
import re
import subprocess

from .engines import note
from .texts import BENCH, stem


def build():
    """The folder of the programs."""
    folder = os.path.join(BENCH, "..", "build", "micro")
    for argv in (["cmake", "-S", os.path.join(BENCH, ".."), "-B", folder,
                  "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                  "-DAMB_MICRO=ON"],
                 ["cmake", "--build", folder, "--target", "micro"]):
        r = subprocess.run(argv, capture_output=True, text=True, check=False)
        if r.returncode != 0:
            raise SystemExit(r.stdout + r.stderr)
    return os.path.join(folder, "micro")


def run(o, wanted=None):
    """(status, output) of all of them, or of those that are wanted and there."""
    folder, status, output = build(), 0, ""
    for source in sorted(os.listdir(os.path.join(BENCH, "micro"))):
        program = os.path.join(folder, stem(source))
        if not source.endswith(".c") or not os.path.exists(program):
            continue
        if wanted and stem(source) not in wanted:
            continue
        r = subprocess.run([program] + (["1"] if o.small else []),
                           capture_output=True, text=True, check=False)
        output += r.stdout
        if not wanted:
            print(r.stdout, end="", flush=True)
        if r.stderr:
            note(f"micro/{source}: {r.stderr.strip()}")
        if r.returncode != 0:
            note(f"micro/{source}: status {r.returncode}")
            status = 1
    return status, output


def figures(output):
    """(group, case) -> the figure of its line."""
    return {(m.group(1), m.group(2)): float(m.group(3)) for m in
            re.finditer(r"(?m)^(\w+) +(.+?) +([\d.-]+) (?:ns|%|bytes|times)$", output)}
