"""Figures kept in a file, and what got slower since.

A file says on which machine and from which build its figures come. Seconds of
another machine are shown, but no verdict is given.
"""
import hashlib
import json
import os
import platform
import subprocess

from .texts import BENCH, slurp

SLOWER = 1.10  # beyond this it is called a regression


def machine():
    model = ""
    if os.path.exists("/proc/cpuinfo"):
        for line in slurp("/proc/cpuinfo").splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"processor": model, "processors": os.cpu_count(),
            "memory": memory >> 20, "system": platform.system(),
            "kernel": platform.release(), "machine": platform.machine()}


def first_line(argv):
    try:
        r = subprocess.run(argv, capture_output=True, text=True, check=False,
                           cwd=BENCH)
    except OSError:
        return ""
    return (r.stdout.splitlines() or [""])[0]


def build(ambit):
    with open(ambit, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    return {"version": first_line([ambit, "--version"]), "sha256": digest,
            "commit": first_line(["git", "describe", "--always", "--dirty"])}


def save(path, o, rows):
    figures = {"machine": machine(), "build": build(o.ambit),
               "options": {"n": o.n, "small": o.small, "names": o.names},
               "rows": rows}
    with open(path, "w", encoding="utf-8") as f:
        json.dump(figures, f, indent=1)
        f.write("\n")


def load(path):
    try:
        figures = json.loads(slurp(path))
        return figures["machine"], figures["build"], figures["rows"]
    except (OSError, ValueError, KeyError) as e:
        raise SystemExit(f"{path}: not figures saved by bench/run: {e}") from e


def costs(rows):
    """(row, engine) -> (cost, its spread) of everything that is Ambit's own."""
    found = {}
    for row in rows:
        for name, e in row.get("engines", {}).items():
            if name.startswith(("ambit", "tier")) and "net" in e:
                found[row["program"], name] = (e["net"], e["spread"] or 0)
        for name, by_size in row.get("costs", {}).items():
            for size, cost in by_size.items():
                if name.startswith(("ambit", "tier")) and \
                        isinstance(cost, (int, float)):
                    found[f"{row['shape']} {size}", name] = (cost, 0)
        for size, entry in row.get("sizes", {}).items():
            if "net" in entry:
                found[f"{row['growth']} {size}", "ambit"] = (
                    entry["net"], entry["spread"] or 0)
    return found


def compare(path, rows, say):
    """Says what got slower or faster; returns the regressions."""
    base_machine, base_build, base_rows = load(path)
    same = base_machine == machine()
    base, now = costs(base_rows), costs(rows)
    say(f"compared with {path}: {base_build['version']}"
        f" {base_build['commit']}"
        + ("" if same else ", on another machine: no verdict"))
    worse = []
    for key in sorted(set(base) & set(now)):
        (old, old_spread), (new, new_spread) = base[key], now[key]
        if old <= 0 or new <= 0:
            continue
        ratio = new / old
        # A difference that the runs show among themselves is none.
        beyond = abs(ratio - 1) > 2 * (old_spread + new_spread)
        if ratio > SLOWER and beyond and same:
            worse.append(" ".join(key))
            say(f"REGRESSION {' '.join(key)}: {ratio:.2f} times the base")
        elif ratio > SLOWER or ratio < 1 / SLOWER:
            say(f"{' '.join(key)}: {ratio:.2f} times the base"
                + ("" if beyond else ", within its spread"))
    if not set(base) & set(now):
        say("no row is in both")
    elif not worse and same:
        say("no regression")
    return worse
