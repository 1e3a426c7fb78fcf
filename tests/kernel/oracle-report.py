#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Usage: oracle-report.py [--all] [--script] STOCK-LOG OUR-LOG [DIFFERENCES]

Lay what oracle said on two kernels side by side and hold it against the list of differences that
are meant (differences.txt beside this file). Fails where the kernels differ and the list does not
say so, where a difference on the list is another one or does not show, and where a stimulus is
missing on either side. A stimulus that one of the guests cannot have counts as skipped.

The list, in paragraphs:

    [name]                  of the stimulus; a shell pattern for several
    stock: words
    ours: words
    cures: what is wrong with stock
    only: PREEMPT_RT        the difference shows on such kernels alone (optional)
    may hide: why           stock may by luck behave as ours does (optional)

With --script it is what the two answered to script.txt, and the list is script-differences.txt, whose
entries say besides

    documented: words       with which a row of DIFFERENCES.md begins

Without --all, lines that are alike are only counted.
"""
import fnmatch
import os
import re
import sys

KEYS = ("stock", "ours", "cures", "only", "may hide", "documented")
HERE = os.path.dirname(os.path.abspath(__file__))


def die(text):
    sys.exit("oracle-report: " + text)


def read_log(path, mark):
    """The kernel's own line, and {stimulus: words} in order, of the lines with that mark."""
    kernel, said, done = "", {}, False
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            line = line.strip("\r\n")
            if line.startswith(mark + "-KERNEL "):
                kernel = line.split(" ", 1)[1]
            elif line.startswith(mark + "-DONE"):
                done = True
            elif line.startswith(mark + " "):
                name, _, words = line[len(mark) + 1:].partition(" ")
                if name in said:
                    die(f"{path}: {name} twice")
                said[name] = words
    if not kernel:
        die(f"{path}: nobody was asked there")
    if not done:
        print(f"oracle-report: {path}: the end was not reached")
    return kernel, said, done


def read_differences(path):
    listed, entry = [], None
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\n")
            if not line.strip() or line.startswith("#"):
                continue
            head = re.fullmatch(r"\[(\S+)\]", line)
            if head:
                entry = {"name": head[1], "line": number}
                listed.append(entry)
                continue
            key, colon, value = line.partition(":")
            if not entry or not colon or key not in KEYS or key in entry:
                die(f"{path}:{number}: not understood: {line}")
            entry[key] = value.strip()
    for entry in listed:
        for key in KEYS[:3]:
            if key not in entry:
                die(f"{path}:{entry['line']}: [{entry['name']}] has no {key}:")
    return listed


def undocumented(listed):
    """What the list says that DIFFERENCES.md does not."""
    with open(os.path.join(HERE, "../../DIFFERENCES.md"), encoding="utf-8") as document:
        rows = document.read().splitlines()
    for entry in listed:
        words = entry.get("documented", "")
        if not words or not any(row.startswith("| " + words) for row in rows):
            yield f"[{entry['name']}]: no row of DIFFERENCES.md begins with: {words}"


def judge(name, stock, ours, entries):
    """(mark, remark): "=" alike, "+" a difference that is meant, "!" wrong, "-" skipped"""
    entry = next((e for e in entries if fnmatch.fnmatchcase(name, e["name"])), None)
    if stock is None or ours is None:
        return "!", "missing on " + ("stock" if stock is None else "ours")
    if stock.startswith("skipped:") or ours.startswith("skipped:"):
        return "-", ""
    if not entry:
        return ("=", "") if stock == ours else ("!", "differs, and the list does not say so")
    if ours != entry["ours"]:
        return "!", "ours is to be: " + entry["ours"]
    if stock == entry["stock"]:
        return "+", "cures: " + entry["cures"]
    if "may hide" in entry and stock == entry["ours"]:
        return "-", "hidden this time: " + entry["may hide"]
    return "!", "the list has of stock: " + entry["stock"]


def main(args):
    show_all, script = "--all" in args, "--script" in args
    args = [a for a in args if a not in ("--all", "--script")]
    if len(args) not in (2, 3) or any(a.startswith("-") for a in args):
        die("two logs are wanted\n" + __doc__)
    own_list = "script-differences.txt" if script else "differences.txt"
    listed = read_differences(args[2] if len(args) > 2 else os.path.join(HERE, own_list))
    for line in undocumented(listed) if script else ():
        die(line)
    mark = "SCRIPT" if script else "ORACLE"
    stock_kernel, stock, stock_done = read_log(args[0], mark)
    our_kernel, ours, our_done = read_log(args[1], mark)
    if ("PREEMPT_RT" in stock_kernel) != ("PREEMPT_RT" in our_kernel):
        die("one of the kernels is PREEMPT_RT, the other is not")
    entries = [e for e in listed if e.get("only", "PREEMPT_RT") in our_kernel or "only" not in e]
    names = list(stock) + [n for n in ours if n not in stock]
    count = dict.fromkeys("=+!-", 0)
    used = set()
    rows = []
    for name in names:
        mark, remark = judge(name, stock.get(name), ours.get(name), entries)
        count[mark] += 1
        used.update(e["line"] for e in entries if fnmatch.fnmatchcase(name, e["name"]))
        if mark != "=" or show_all:
            rows.append((mark, name, stock.get(name, ""), ours.get(name, ""), remark))
    for entry in entries:
        if entry["line"] not in used and not any(n.split(".")[0] == entry["name"].split(".")[0] for n in names):
            continue    # a group of stimuli that was not asked for
        if entry["line"] not in used:
            count["!"] += 1
            rows.append(("!", entry["name"], "", "", "on the list, but there is no such stimulus"))
    print(f"stock: {stock_kernel}\nours:  {our_kernel}\n")
    name_width = max([len(r[1]) for r in rows] + [8])
    stock_width = min(max([len(r[2]) for r in rows] + [5]), 60)
    print(f"  {'stimulus':{name_width}} | {'stock':{stock_width}} | ours")
    for mark, name, left, right, remark in rows:
        print(f"{mark} {name:{name_width}} | {left:{stock_width}} | {right}")
        if remark:
            print(f"  {'':{name_width}}   {remark}")
    print(f"\n= alike {count['=']}, + differences that are meant {count['+']}, ! wrong {count['!']}, "
          f"- skipped {count['-']}")
    failed = count["!"] + (not stock_done) + (not our_done)
    print(f"{count['='] + count['+']} passed, {failed} failed, {count['-']} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
