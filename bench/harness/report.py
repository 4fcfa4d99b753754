"""Figures as tables: on the terminal, and as Markdown between markers of a file."""
import re

from .measure import GRAIN
from .texts import STARTUP, slurp

LEFT = 14  # width of the first column


class Table:
    """Rows of texts below titles, printed as they come."""

    def __init__(self, titles, widths):
        self.titles, self.widths, self.rows = titles, widths, []
        self.show(titles)

    def add(self, texts):
        self.rows.append(texts)
        self.show(texts)

    def show(self, texts):
        line = "".join(f"{t:<{w}}" if i == 0 else f"{t:>{w}}"
                       for i, (t, w) in enumerate(zip(texts, self.widths)))
        print(line.rstrip(), flush=True)

    def markdown(self):
        lines = [self.titles, ["---"] + ["---:"] * (len(self.titles) - 1)]
        return "\n".join("| " + " | ".join(row) + " |"
                         for row in lines + self.rows) + "\n"


def seconds(value):
    return f"{value:.3f}"


def figure(value):
    """Three digits that mean something."""
    return f"{value:.0f}" if value >= 100 else \
        f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(entry, field="seconds"):
    """A figure of an engine's entry, or the word it has instead."""
    if entry is None:
        return ""
    return entry.get("failed") or seconds(entry[field])


def program_table(names, slow):
    """names: engines in their order, Ambit's tier 1 first; slow: those that run
    a smaller size and have a factor only."""
    peers = [n for n in names[1:] if n not in slow]
    titles = ["program", names[0], "+-%", "wall", "MB", "net"] + \
        [f"x {n}" for n in slow] + peers + [f"/{n}" for n in peers] + \
        ["ns", "each"]
    widths = [LEFT] + [max(8, len(t) + 2) for t in titles[1:]]
    return Table(titles, widths[:-1] + [14])


def program_texts(row, names, slow):
    peers = [n for n in names[1:] if n not in slow]
    e = row["engines"]
    main = e.get(names[0])
    fine = main is not None and "failed" not in main
    texts = [row["program"], cell(main)]
    texts += [f"{100 * main['spread']:.0f}"
              if fine and main["spread"] is not None else "",
              cell(main, "wall") if fine else "",
              f"{main['peak']:.0f}" if fine else "",
              seconds(max(main["net"], 0))
              if fine and row["program"] != STARTUP else ""]
    texts += [factor(row, n) for n in slow]
    texts += [cell(e.get(n)) for n in peers]
    texts += [figure(row["ratio"][n]) if n in row["ratio"] else ""
              for n in peers]
    return texts + ["" if "ns" not in row else figure(row["ns"]),
                    row.get("unit", "")]


def factor(row, name):
    """How many times as long the slow tier took, at its own size."""
    entry = row["engines"].get(name)
    if entry is not None and "failed" in entry:
        return entry["failed"]
    return figure(row["ratio"][name]) if name in row["ratio"] else ""


def shape_cell(cost):
    """Nanoseconds of a unit; `<` where the run was too short to say."""
    if cost is None:
        return ""
    return cost if isinstance(cost, str) else figure(cost)


def exponent_text(row):
    if row.get("exponent") is None:
        return ""
    off = abs(row["exponent"] - row["expected"]) > 0.25
    return f"{row['exponent']:.2f}" + (" !" if off else "")


def ahead(rows, reasons):
    """Markdown: every place where a peer is ahead, with the reason."""
    lines = ["| program | peer | Ambit's net time over the peer's | reason |",
             "| --- | --- | ---: | --- |"]
    for row in rows:
        for peer, ratio in row.get("ratio", {}).items():
            if peer.startswith("tier") or ratio <= 1:
                continue
            lines.append(f"| {row['program']} | {peer} | {figure(ratio)} | "
                         f"{reason(reasons, row['program'], peer)} |")
    return "\n".join(lines) + "\n"


def reason(reasons, program, peer):
    for key in ((program, peer), (program, "*"), ("*", peer)):
        if key in reasons:
            return reasons[key]
    return "not known yet"


def read_reasons(path):
    """(program, peer) -> why; lines are `program peer: reason`, * for any."""
    return {(m.group(1), m.group(2)): m.group(3) for m in
            re.finditer(r"(?m)^(\S+) (\S+): (.+)$", slurp(path))}


def put_between_markers(path, parts):
    """Replaces what stands between the markers `bench NAME` of a document."""
    text = slurp(path)
    for name, content in parts.items():
        begin, end = f"<!-- bench {name} -->", f"<!-- end of {name} -->"
        pattern = re.escape(begin) + r".*?" + re.escape(end)
        if not re.search(pattern, text, re.S):
            raise SystemExit(f"{path} has no lines {begin} and {end}")
        text = re.sub(pattern, lambda m, c=content, b=begin, e=end:
                      f"{b}\n\n{c}\n{e}", text, flags=re.S)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def too_short(net):
    return net is None or net < GRAIN
