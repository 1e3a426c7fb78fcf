#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""coverage.py COVERAGE.json UNREACHABLE.txt: which branches no test takes; fails for the core's.

A line of UNREACHABLE.txt is 'file: text of the source line :: reason': all branches of each such
line may go untaken. The text is compared without what surrounds it, so that a list outlives a change
elsewhere. An entry that nothing needs is an error.
"""
import json
import pathlib
import sys


def exempt(path):
    """{(file, text): reason}"""
    found = {}
    for line in pathlib.Path(path).read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, rest = line.split(": ", 1)
        text, reason = rest.rsplit(" :: ", 1)
        found[name, text.strip()] = reason
    return found


def untaken(entry, sources):
    """(file, line, text, taken, all) of each line of which a branch was not taken."""
    for line in entry["lines"]:
        branches = line.get("branches", [])
        taken = sum(branch["count"] > 0 for branch in branches)
        if taken < len(branches):
            yield line["line_number"], sources[line["line_number"] - 1].strip(), taken, \
                len(branches)


def main():
    root = pathlib.Path.cwd()
    listed, needed, bad = exempt(sys.argv[2]), set(), 0
    total = {"src": [0, 0], "port/user": [0, 0]}
    for entry in json.loads(pathlib.Path(sys.argv[1]).read_text())["files"]:
        name = entry["file"]
        folder = "src" if name.startswith("src/") else "port/user"
        for line in entry["lines"]:
            for branch in line.get("branches", []):
                total[folder][0] += branch["count"] > 0
                total[folder][1] += 1
        if folder != "src":
            continue
        sources = (root / name).read_text().splitlines()
        for number, text, taken, all_ in untaken(entry, sources):
            if (name, text) in listed:
                needed.add((name, text))
                continue
            print(f"{name}:{number}: {taken} of {all_} branches taken: {text}")
            bad += 1
    for name, text in sorted(set(listed) - needed):
        print(f"{sys.argv[2]}: every branch is taken: {name}: {text}")
        bad += 1
    for folder, (taken, all_) in total.items():
        print(f"{folder}: {taken} of {all_} branches taken, {100 * taken / max(all_, 1):.1f} %")
    print(f"{len(needed)} lines of the core may have untaken branches, {bad} problems")
    return 1 if bad or not total["src"][1] else 0


if __name__ == "__main__":
    sys.exit(main())
