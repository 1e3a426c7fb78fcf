#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""summary.py BUILDS [BUILD-THAT-FAILED...]: a table of all test logs, and the closing line."""
import glob
import json
import os
import re
import sys

BAD = ("FAIL", "TIMEOUT", "ERROR", "INTERRUPT", "UNEXPECTEDPASS")


def cases(entry):
    """How many cmocka cases a program ran."""
    text = (entry.get("stdout") or "") + (entry.get("stderr") or "")
    return sum(int(n) for n in re.findall(r"\[=+\] (\d+) test\(s\) run", text))


def main():
    base, broken = sys.argv[1], sys.argv[2:]
    total = {"passed": 0, "failed": len(broken), "skipped": 0}
    notes = [f"{name}: does not build" for name in broken]
    print(f"{'build':10} {'suite':10} {'programs':>8} {'cases':>6} {'failed':>6} {'skipped':>7} {'seconds':>8}")
    for log in sorted(glob.glob(os.path.join(base, "*/meson-logs/testlog*.json"))):
        build = log.split(os.sep)[-3]
        rows = {}
        for line in open(log, encoding="utf-8"):
            entry = json.loads(line)
            name = entry["name"].split(" / ")[-1]
            suite = entry["name"].split(" / ")[0].split(":")[-1]
            row = rows.setdefault(suite, [0, 0, 0, 0, 0.0])
            row[0] += 1
            row[1] += cases(entry)
            notes += [f"{build}: {suite}/{name}: {text}"
                      for text in (entry.get("stdout") or "").splitlines()
                      if text.startswith(("absent: ", "fuzzed: "))]
            row[4] += entry["duration"]
            if entry["result"] in BAD:
                row[2] += 1
                total["failed"] += 1
                notes.append(f"{build}: {suite}/{name}: {entry['result']}")
            elif entry["result"] == "SKIP":
                row[3] += 1
                total["skipped"] += 1
                text = ((entry.get("stdout") or "") + (entry.get("stderr") or "")).strip()
                notes.append(f"{build}: {suite}/{name}: skipped: {text.splitlines()[-1] if text else '?'}")
            else:
                total["passed"] += 1
        for suite, row in rows.items():
            print(f"{build:10} {suite:10} {row[0]:8} {row[1]:6} {row[2]:6} {row[3]:7} {row[4]:8.1f}")
    for note in notes:
        print(note)
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
