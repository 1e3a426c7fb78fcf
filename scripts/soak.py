#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""soak.py CSV PLOT: draw the memory of a soak, and say whether it is flat.

The first tenth of the time is warm-up: pages are touched for the first time. Of the rest the median
of the last quarter must not be more than SLACK_KB above that of the first. The same goes for the
library's pages in use, at rest, with a slack of SLACK_PAGES.
"""
import csv
import statistics
import sys

WARM_UP = 0.1
SLACK_KB = 1024
SLACK_PAGES = 16
LEAST_ROUNDS = 8


def load(path):
    with open(path, encoding="utf-8") as lines:
        rows = csv.DictReader(line for line in lines if not line.startswith("#"))
        return [{key: float(value) for key, value in row.items()} for row in rows]


def quarters(rows):
    """First and last quarter of what follows the warm-up."""
    begin = rows[-1]["seconds"] * WARM_UP
    step = (rows[-1]["seconds"] - begin) / 4
    first = [r for r in rows if begin <= r["seconds"] < begin + step]
    last = [r for r in rows if r["seconds"] >= begin + 3 * step]
    return first, last


def judge(rows):
    """A line for what was measured, and whether it is flat."""
    first, last = quarters(rows)
    flat = True
    for key, unit, slack in (("private_kb", "kB", SLACK_KB), ("pages", "pages", SLACK_PAGES)):
        before = statistics.median(r[key] for r in first)
        after = statistics.median(r[key] for r in last)
        good = after - before <= slack
        flat = flat and good
        print(f"{unit}: first quarter {before:.0f}, last {after:.0f}, slack {slack}: "
              f"{'flat' if good else 'GROWS'}")
    return flat


def draw(rows, path):
    try:
        import matplotlib
    except ImportError:
        print("no plot: python3-matplotlib not installed")
        return
    matplotlib.use("agg" if path.endswith(".png") else "svg")
    matplotlib.rcParams["svg.hashsalt"] = "bpfstream"
    from matplotlib import pyplot
    at = [r["seconds"] / 60 for r in rows]
    figure, memory = pyplot.subplots(figsize=(9, 4.5))
    memory.axvspan(0, at[-1] * WARM_UP, color="#eeeeee", label="warm-up")
    memory.plot(at, [r["private_kb"] / 1024 for r in rows], color="#3182bd", linewidth=1,
                label="private memory, MiB")
    memory.plot(at, [r["pages"] / 256 for r in rows], color="#08306b", linewidth=3,
                clip_on=False, label="of it, pages of the library that are in use, MiB")
    memory.set_xlabel("minutes")
    memory.set_ylabel("MiB, at rest between rounds")
    memory.set_xlim(0, at[-1])
    memory.set_ylim(bottom=0)
    messages = memory.twinx()
    messages.plot(at, [r["messages"] / 1e6 for r in rows], color="#e6550d", linewidth=1,
                  label="messages, million (right)")
    messages.set_ylabel("million messages, all checked")
    messages.set_ylim(bottom=0)
    handles = memory.get_legend_handles_labels(), messages.get_legend_handles_labels()
    memory.legend(handles[0][0] + handles[1][0], handles[0][1] + handles[1][1], fontsize=8,
                  loc="lower right")
    figure.tight_layout()
    figure.savefig(path)
    print(f"plot: {path}")


def main():
    rows = load(sys.argv[1])
    if len(rows) < LEAST_ROUNDS:
        print(f"{len(rows)} rounds are too few to judge")
        return 1
    draw(rows, sys.argv[2])
    print(f"{rows[-1]['rounds']:.0f} rounds, {rows[-1]['messages']:.0f} messages, "
          f"{rows[-1]['bytes'] / 1e9:.1f} GB, {rows[-1]['lost']:.0f} refused")
    return 0 if judge(rows) else 1


sys.exit(main())
