#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""summary.py BUILDS [PROBLEM...]: a table of all test logs, and the closing line."""
import glob
import json
import os
import re
import sys

BAD = ("FAIL", "TIMEOUT", "ERROR", "INTERRUPT", "UNEXPECTEDPASS")
LAST_WORDS = 30     # lines of a failed test that are told at the end, where a log is looked at first


def numbers(pattern, text):
    return sum(int(n) for n in re.findall(pattern, text))


def cases(text):
    """How many cmocka cases a program ran, and how many it skipped."""
    skipped = numbers(r"\[  SKIPPED \] (\d+) test", text)
    return numbers(r"\[=+\] (\d+) test\(s\) run", text) - skipped, skipped


def main():
    base, notes = sys.argv[1], sys.argv[2:]
    total = {"passed": 0, "failed": len(notes), "skipped": 0}
    cases_skipped = 0
    print(f"{'build':10} {'suite':10} {'programs':>8} {'cases':>6} {'failed':>6} {'skipped':>7} {'seconds':>8}")
    for log in sorted(glob.glob(os.path.join(base, "*/meson-logs/testlog*.json"))):
        build = log.split(os.sep)[-3]
        rows = {}
        for line in open(log, encoding="utf-8"):
            entry = json.loads(line)
            name = entry["name"].split(" / ")[-1]
            suite = entry["name"].split(" / ")[0].split(":")[-1]
            row = rows.setdefault(suite, [0, 0, 0, 0, 0.0])
            text = (entry.get("stdout") or "") + (entry.get("stderr") or "")
            ran, left_out = cases(text)
            row[0] += 1
            row[1] += ran
            cases_skipped += left_out
            if left_out:
                notes.append(f"{build}: {suite}/{name}: {left_out} of its cases skipped")
            notes += [f"{build}: {suite}/{name}: {line}" for line in text.splitlines()
                      if line.startswith(("absent: ", "fuzzed: "))]
            row[4] += entry["duration"]
            if entry["result"] in BAD:
                row[2] += 1
                total["failed"] += 1
                notes.append(f"{build}: {suite}/{name}: {entry['result']} after "
                             f"{entry['duration']:.1f} s; its last lines:")
                notes += [f"    {line}" for line in text.splitlines()[-LAST_WORDS:]]
            elif entry["result"] == "SKIP":
                row[3] += 1
                total["skipped"] += 1
                lines = text.strip().splitlines() or ["?"]
                notes.append(f"{build}: {suite}/{name}: skipped: {lines[-1]}")
            else:
                total["passed"] += 1
        for suite, row in rows.items():
            print(f"{build:10} {suite:10} {row[0]:8} {row[1]:6} {row[2]:6} {row[3]:7} {row[4]:8.1f}")
    for note in notes:
        print(note)
    if cases_skipped:
        print(f"{cases_skipped} cases were skipped by their programs")
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
