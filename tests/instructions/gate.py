#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How many instructions a call takes, against the table of limits.

usage: gate.py VALGRIND CALLS LIMITS [--set]

CALLS runs one case of the table; callgrind counts what its measured() does, all that it calls
included. More than the limit is a failure. Less than the limit by more than SLACK is told, so
that the limit is brought down to what has been won: --set writes what was counted, and HEADROOM
on top, into LIMITS.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

SLACK = 0.10
HEADROOM = 1.04


def table(path):
    """{case: limit}, in the order of the file."""
    limits = {}
    for line in path.read_text().splitlines():
        words = line.split("#")[0].split()
        if words:
            limits[words[0]] = float(words[1])
    return limits


def set_limits(path, counted):
    lines = []
    for line in path.read_text().splitlines():
        words = line.split()
        if words and words[0] in counted:
            line = f"{words[0]:16}{counted[words[0]] * HEADROOM:.0f}"
        lines.append(line + "\n")
    path.write_text("".join(lines))


def count(valgrind, calls, case, work):
    """Instructions a message."""
    out = pathlib.Path(work, case)
    run = subprocess.run([valgrind, "--tool=callgrind", "--collect-atstart=no",
                          "--toggle-collect=measured", f"--callgrind-out-file={out}", calls, case],
                         capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{case}: {calls} ended with {run.returncode}\n{run.stderr}")
    total = re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.M)
    if not total or not int(total[1]):
        sys.exit(f"{case}: callgrind counted nothing")
    return int(total[1]) / int(run.stdout)


def main():
    valgrind, calls, path = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    limits, counted, over = table(path), {}, 0
    print(f"{'case':12} {'counted':>8} {'limit':>8}")
    with tempfile.TemporaryDirectory() as work:
        for case, limit in limits.items():
            counted[case] = now = count(valgrind, calls, case, work)
            verdict = ""
            if now > limit:
                verdict = "  too many"
                over += 1
            elif now < limit * (1 - SLACK):
                verdict = f"  the limit may come down to {now * HEADROOM:.0f}"
            print(f"{case:12} {now:8.1f} {limit:8.0f}{verdict}", flush=True)
    if "--set" in sys.argv:
        set_limits(path, counted)
        return 0
    if over:
        print(f"{over} of {len(limits)} cases take more instructions than their limit")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
