#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A failure's own words have it again: the same failure, in one schedule, shown.

usage: replay.py SIM SCENE OPTION...    where a run of SCENE with these options fails
"""
import re
import shlex
import subprocess
import sys


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 1:
        sys.exit(f"{shlex.join(command)}: no failure, but status {done.returncode}\n{done.stdout}")
    return done.stdout


def main():
    sim = sys.argv[1]
    first = run(sys.argv[1:])
    failure = re.search(r"/s: (.*)", first)[1]
    again = shlex.split(re.search(r"^replay: sim (.*)", first, re.M)[1])
    for _ in range(2):
        trace = run([sim, *again])
        if f"FAILED: {failure}" not in trace or ": 1 schedules in " not in trace:
            sys.exit(f"not the same failure as '{failure}':\n{trace}")
    print(f"{failure}: {len(trace.splitlines())} lines of trace")


main()
