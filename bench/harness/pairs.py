"""Which instructions a program runs, and which follow which: from a debug build.

Such a build adds lines `COUNT FIRST SECOND` to the file that AMBIT_OPCODE_PAIRS names.
Programs run at the size for tier 0: enough for the shares.
"""
import collections
import os
import subprocess

from .texts import slurp

SHOWN = 12


def count(ambit, text, folder):
    """(first, second) -> how often, of one run in tier 1."""
    file = os.path.join(folder, f"{text.name}.metta")
    counts = os.path.join(folder, f"{text.name}.pairs")
    with open(file, "w", encoding="utf-8") as f:
        f.write(text.metta)
    subprocess.run([ambit, "--tier=1", file], check=True,
                   env=dict(os.environ, AMBIT_OPCODE_PAIRS=counts),
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    if not os.path.exists(counts):
        raise SystemExit(f"{ambit} does not count instructions: "
                         "./build.sh debug bench pairs")
    pairs = collections.Counter()
    for line in slurp(counts).splitlines():
        n, first, second = line.split()
        pairs[first, second] += int(n)
    return pairs


def shares(title, counts):
    total = sum(counts.values())
    print(title)
    for name, n in counts.most_common(SHOWN):
        print(f"  {100 * n / total:5.1f} %  {name}")


def show(title, pairs):
    single = collections.Counter()
    for (_, second), n in pairs.items():
        single[second] += n
    print(f"{title}: {sum(pairs.values())} instructions")
    shares("  each", single)
    shares("  pairs", collections.Counter(
        {f"{a} {b}": n for (a, b), n in pairs.items()}))


def report(ambit, programs, folder):
    """Each program by itself, then all with the same weight."""
    together = collections.Counter()
    for program in programs:
        if not program.tier0:
            continue
        pairs = count(ambit, program.at(program.tier0), folder)
        show(program.name, pairs)
        total = sum(pairs.values())
        for pair, n in pairs.items():
            together[pair] += n * 1_000_000 // total
    show("all, each counted as a million", together)
