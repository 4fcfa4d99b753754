#!/usr/bin/env python3
"""Compares answers with the reference implementation (the `hyperon` package).

  oracle_diff.py [--python PY] [--ambit PROGRAM] [--options='--tier=0'] FILE...
  oracle_diff.py [--python PY] --expect FILE...

Runs each file form by form on the reference. Without --expect the other side is
what ambit prints; with it, the `; expect:` comments behind each form, or the file
NAME.expected. Result lists and printed lines of a form are compared as multisets
up to renaming of variables; where a file uses collapse, the order inside tuples
is free too. A form followed by `; reference: REASON` is not compared, nor is a
file that says so before its first form. A difference of a class that
docs/conformance.md documents (known_differences.py) is counted under its name; with
--verbose it is shown, too. PY is a Python that has the package. Not part of the test run.
"""
import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
import threading

import known_differences

# ---- forms ------------------------------------------------------------------


def skip_blank(text, i):
    """index after white space and comments"""
    while i < len(text):
        if text[i].isspace():
            i += 1
        elif text[i] == ";":
            while i < len(text) and text[i] != "\n":
                i += 1
        else:
            break
    return i


def atom_end(text, i):
    """index after the atom that starts at text[i]"""
    depth = 0
    while i < len(text):
        c = text[i]
        if c == '"':
            i += 1
            while i < len(text) and text[i] != '"':
                i += 2 if text[i] == "\\" else 1
            i += 1
        elif c == "(":
            depth += 1
            i += 1
        elif c == ")":
            depth -= 1
            i += 1
        elif c.isspace() or c == ";":
            i = skip_blank(text, i)
            continue
        elif c == "$":
            while i < len(text) and not text[i].isspace() and text[i] not in "()":
                i += 1
        else:
            while i < len(text) and not text[i].isspace() and text[i] not in "();":
                i += 1
        if depth <= 0:
            return i
    return i


def forms(text):
    """[(text of the form, text up to the next form, whether it is evaluated)]"""
    out, i = [], skip_blank(text, 0)
    while i < len(text):
        start, bang = i, False
        if text[i] == "!" and (i + 1 == len(text) or text[i + 1] in "( \t\n;"):
            bang, i = True, skip_blank(text, i + 1)
        end = atom_end(text, i)
        nxt = skip_blank(text, end)
        out.append((text[start:end], text[end:nxt], bang))
        i = nxt
    return out


# ---- the reference ----------------------------------------------------------

RUNNER = r"""
import json, os, sys, tempfile
import hyperon
keep = os.dup(1)
def note(x):
    os.write(keep, (json.dumps(x) + "\n").encode())
def answer(m, form, t):
    os.dup2(t.fileno(), 1)
    try:
        got = [[str(a) for a in r] for r in m.run(form)]
    except BaseException as e:
        got = "ERR %s" % e
    sys.stdout.flush()
    t.seek(0)
    return got, t.read().decode("utf-8", "replace")
for job in sys.stdin:
    folder, forms = json.loads(job)
    m = hyperon.MeTTa(env_builder=hyperon.Environment.custom_env(working_dir=folder, config_dir=""))
    for form in forms:
        with tempfile.TemporaryFile() as t:
            got, printed = answer(m, form, t)
        note([got, printed])
        if isinstance(got, str) or any(a.startswith(("(Error ", "(Error)")) for r in got for a in r):
            break
    note(None)
"""


class Reference:
    """A process that runs one program after the other, each in a fresh interpreter."""

    def __init__(self, python):
        self.python = python
        self.process = None

    def start(self):
        self.process = subprocess.Popen([self.python, "-c", RUNNER], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def stop(self):
        """what it said at its end"""
        if not self.process:
            return ""
        self.process.kill()
        said = self.process.communicate()[1].strip().splitlines()
        self.process = None
        return ([line for line in said if line.startswith("attempt to")] or said or [""])[-1]

    def ask(self, path, texts, timeout):
        """per form reached: (result lists or error text, printed text)"""
        if not self.process:
            self.start()
        folder = os.path.dirname(os.path.abspath(path))
        self.process.stdin.write(json.dumps([folder, texts]) + "\n")
        self.process.stdin.flush()
        late = threading.Timer(timeout, self.process.kill)
        late.start()
        out, line = [], self.process.stdout.readline()
        while line.startswith("["):
            out.append(json.loads(line))
            line = self.process.stdout.readline()
        in_time = late.is_alive()
        late.cancel()
        if not line:  # it came to its end
            said = self.stop()
            if not in_time:
                raise subprocess.TimeoutExpired(path, timeout)
            out.append(["ERR process ended: " + said, ""])
        return out


# ---- comparison -------------------------------------------------------------


def atoms(line):
    """the atoms of a printed result list"""
    body, out, depth, cur, i = line[1:-1], [], 0, "", 0
    while i < len(body):
        c = body[i]
        if c == '"':
            j = i + 1
            while j < len(body) and body[j] != '"':
                j += 2 if body[j] == "\\" else 1
            cur += body[i:j + 1]
            i = j + 1
            continue
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0 and body[i + 1:i + 2] == " ":
            out.append(cur)
            cur, i = "", i + 2
            continue
        cur += c
        i += 1
    return out + [cur] if cur else out


def unnumbered(text):
    """an atom's text where variables that a message shows have no numbers: it was printed
    when the Error was made, so they are not those of the result around it"""
    first, *shown = text.split(" found: ")
    for i, part in enumerate(shown):
        end = atom_end(part, 0)
        shown[i] = re.sub(r"(\$[^\s()#]*)#\d+", r"\1", part[:end]) + part[end:]
    return " found: ".join([first] + shown)


def key(text):
    """an atom's text with variables numbered in order of appearance"""
    names = {}
    text = unnumbered(text)
    text = re.sub(r"\$[^\s()]*", lambda m: names.setdefault(m.group(0), "$%d" % len(names)), text)
    return re.sub(r"0x[0-9a-fA-F]+", "0x", text)


def loose(text):
    """an atom's words, in any order; variables lose their names"""
    return " ".join(sorted(re.findall(r"[^\s()]+|[()]", re.sub(r"\$[^\s()]*", "$", text))))


def bag(lines, free_tuples, see):
    """printed lines and result lists of one form, free of order and names"""
    out = []
    for l in lines:
        if l.startswith("[") and l.endswith("]"):
            keys = [key(see(a)) for a in atoms(l)]
            out.append(("results", tuple(sorted(map(loose, keys) if free_tuples else keys))))
        else:
            out.append(("text", key(l.rstrip())))
    return sorted(out)


def reference_lines(answer):
    results, printed = answer
    if isinstance(results, str):
        return [results]
    return printed.splitlines() + ["[" + ", ".join(r) + "]" for r in results]


def expected_lines(after):
    return [m.rstrip() for m in re.findall(r";\s*expect:(?: (.*))?$", after, re.M)]


def report(path, form, want, got, names):
    print("%s: %s" % (path, form.replace("\n", " ")[:200]))
    print("   %-9s %s" % (names[0], " / ".join(want)))
    print("   %-9s %s" % (names[1], " / ".join(got)))


def agree(text, want, got, see=str):
    free = "collapse" in text
    return bag(want, free, see) == bag(got, free, see)


def read(path, args):
    """(text, forms, answers of the reference), or None when the file is not to be compared"""
    text = open(path, encoding="utf-8").read()
    head = re.search(r";\s*reference:\s*(.*)", text[:skip_blank(text, 0)])
    if head:
        if args.verbose:
            print("%s: not compared: %s" % (path, head.group(1)))
        return None
    all_forms = forms(text)
    return text, all_forms, args.reference.ask(path, [f[0] for f in all_forms], args.timeout)


def excused(path, form, after, args):
    reason = re.search(r";\s*reference:\s*(.*)", after)
    if reason and args.verbose:
        print("%s: not compared: %s (%s)" % (path, form, reason.group(1)))
    return reason is not None


def take(lines):
    """the lines of one evaluated form from a whole output: printed text, then a result list"""
    out = []
    while lines:
        out.append(lines.pop(0))
        if out[-1].startswith("[") and out[-1].endswith("]"):
            break
    return out


def compare_expected(path, args):
    """differences between the expectations of a file and the reference"""
    content = read(path, args)
    if content is None:
        return 0
    text, all_forms, answers = content
    beside = re.sub(r"\.metta$", ".expected", path)
    whole = open(beside, encoding="utf-8").read().splitlines() if os.path.exists(beside) else None
    assertions = whole is None and "; expect" not in text
    bad = 0
    for k, (form, after, bang) in enumerate(all_forms):
        if not bang:
            continue
        want = ["[()]"] if assertions else expected_lines(after) if whole is None else take(whole)
        got = reference_lines(answers[k]) if k < len(answers) else []
        if got and got[-1].startswith("ERR ") and "expect-exit: 3" in text:
            break
        if not excused(path, form, after, args) and not agree(text, want, got):
            report(path, form, want, got, ("expected", "reference"))
            bad += 1
    return bad


def run_ambit(name, folder, args):
    return subprocess.run([args.ambit] + args.options.split() + [name], capture_output=True, text=True,
                          timeout=args.timeout, cwd=folder)


def ends_script(lines):
    """Is an Error among the results?"""
    return any(a.startswith(("(Error ", "(Error)")) for l in lines if l.startswith("[") for a in atoms(l))


def answer_changed(side, changed, args):
    """per form of a changed program, what that side answers; nothing where it does not get to"""
    texts = list(map(known_differences.text_of, changed))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "changed.metta")
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(text + "\n" for text in texts)
        if side == "reference":
            return [reference_lines(a) for a in args.reference.ask(path, texts, args.timeout)]
        lines = run_ambit("changed.metta", folder, args).stdout.splitlines()
        return [take(lines) if form.bang else [] for form in changed]


def results(lines):
    return collections.Counter(key(a) for l in lines if l.startswith("[") for a in atoms(l))


def library_gives(side, args):
    """what that side's library alone gives to who asks for any rule, as an atom and by a call"""
    if side not in args.library:
        form = known_differences.Form
        asked = [form(["match", "&self", ["=", "$a", "$b"], ["noeval", "$b"]], True),
                 form(["=", ["any-rule"], ["eval", "$call"]], False), form(["any-rule"], True)]
        args.library[side] = sum(map(results, answer_changed(side, asked, args)), collections.Counter())
    return args.library[side]


def is_of_library(want, got, args):
    """Do both answers hold most of that, and differ only in it?"""
    for side, mine, other in (("reference", want, got), ("ambit", got, want)):
        mine, rules = results(mine), library_gives(side, args)
        if sum(rule in mine for rule in rules) * 2 < len(rules) or mine - results(other) - rules:
            return False
    return True


def is_end_of_tuple(want, got):
    """Does the reference give as an Error what follows another member of a tuple here?"""
    errors, values = results(want) - results(got), results(got) - results(want)
    return bool(errors) and all(e.startswith("(Error ") and any(" " + e[1:] in v for v in values) for e in errors)


def named(content, k, want, got, args):
    """the documented classes that the difference at form k belongs to, or None"""
    text, all_forms, _ = content
    parsed = [known_differences.Form(known_differences.parse(f[bang:]), bang) for f, _, bang in all_forms]
    try:
        if is_of_library(want, got, args):
            return ["rules of the library"]
        if is_end_of_tuple(want, got):
            return ["Error inside a tuple"]
        return known_differences.explain(parsed, k, lambda side, changed: answer_changed(side, changed, args),
                                         lambda a, b, see: agree(text, a, b, see))
    except subprocess.TimeoutExpired:
        return None


def compare_ambit(path, args):
    """differences between what ambit prints and the reference"""
    content = read(path, args)
    if content is None:
        return 0
    text, all_forms, answers = content
    p = run_ambit(os.path.basename(path), os.path.dirname(os.path.abspath(path)), args)
    lines = p.stdout.splitlines()
    bad = 0
    for k, ((form, after, bang), answer) in enumerate(zip(all_forms, answers)):
        want = reference_lines(answer)
        got = take(lines) if bang else []
        if want and want[-1].startswith("ERR "):
            if "remainder with a divisor of zero" in want[-1]:
                args.named["remainder by zero"] += 1
            elif want[-1].startswith("ERR process ended"):
                args.named["end of its process"] += 1
            elif p.returncode == 0:
                report(path, form, want, got, ("reference", "ambit"))
                bad += 1
            break
        if excused(path, form, after, args) or agree(text, want, got):
            continue
        classes = named(content, k, want, got, args)
        if classes:
            args.named[" and ".join(classes)] += 1
        if not classes or args.verbose:
            report(path, form, want, got, ("reference", "ambit"))
            bad += not classes
        if ends_script(want) != ends_script(got):
            break
    if p.returncode < 0 or p.returncode > 4:
        print("%s: ambit ended with status %d: %s" % (path, p.returncode, p.stderr.strip()[:300]))
        bad += 1
    return bad


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--python", default=sys.executable)
    ap.add_argument("--ambit", default=os.environ.get("AMBIT", "ambit"))
    ap.add_argument("--options", default="")
    ap.add_argument("--expect", action="store_true")
    ap.add_argument("--timeout", type=float, default=60)
    ap.add_argument("--verbose", action="store_true")
    ap.add_argument("files", nargs="+", metavar="FILE")
    args = ap.parse_args()
    args.reference = Reference(args.python)
    args.named, args.library = collections.Counter(), {}
    bad = 0
    for path in args.files:
        try:
            bad += compare_expected(path, args) if args.expect else compare_ambit(path, args)
        except subprocess.TimeoutExpired:
            print("%s: no end after %g s" % (path, args.timeout))
            bad += 1
    args.reference.stop()
    for classes, count in args.named.most_common():
        print("%d of a documented class: %s" % (count, classes))
    print("%d files, %d differences" % (len(args.files), bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
