#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
run.py BUILD/bench: run all candidates in turns, round by round, and say what they cost.

A ratio is one inside a round, between programs that ran within seconds of each other; what is
printed is the median over the rounds. Two writers pay for each cache line's way between CPUs,
and a virtual machine may move them nearer or farther at any time: that way is measured before and
after each such run, and runs are compared only where it was the same, near or far.
"""
import argparse
import csv
import json
import math
import os
import subprocess
import sys
import time

import candidates
import lttng
import machine
import tables

MODES = {           # rounds, arguments of a candidate, which of a side's
    "full": (9, ["--ms", "60", "--bursts", "200"], 1),
    "quick": (3, ["--ms", "25", "--bursts", "100"], 2),
    "smoke": (1, ["--ms", "1", "--bursts", "4"], 3),
}
# In every record that has them these are figures: positive numbers.
FIGURES = ("ns", "best", "p50", "p90", "p99", "p999", "gbps", "mbps", "ratio", "calls", "pages")


class Progress:
    """One line on a terminal, a line a round elsewhere."""

    def __init__(self, steps):
        self.steps = steps
        self.done = 0
        self.start = time.monotonic()
        self.tty = sys.stderr.isatty()

    def step(self, what):
        left = (time.monotonic() - self.start) / max(self.done, 1) * (self.steps - self.done)
        if self.tty:
            text = f"{self.done}/{self.steps}  {what}"
            if self.done >= 20:
                text += f"  ({int(left) // 60}:{int(left) % 60:02} left)"
            print("\r\033[K" + text, end="", file=sys.stderr, flush=True)
        self.done += 1

    def line(self, text):
        print(("\r\033[K" if self.tty else "") + text, file=sys.stderr, flush=True)


class Runner:
    def __init__(self, build, mode, session):
        self.build = build
        self.mode = mode
        self.session = session
        self.records = []
        self.absent = {}
        self.failures = []
        self.nice = 0

    def prepare(self):
        """In the child."""
        try:
            os.setpriority(os.PRIO_PROCESS, 0, -15)
        except PermissionError:
            pass

    def prepare_lttng(self):
        self.prepare()
        self.session.drop()

    def start(self, program, arguments):
        env, prepare, path = None, self.prepare, os.path.join(self.build, program)
        if program in lttng.PROGRAMS:
            env, prepare = self.session.environment, self.prepare_lttng
            path = self.session.program(program)
        return subprocess.run([path, *arguments], env=env, preexec_fn=prepare, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
                              check=False)

    def run(self, program, arguments):
        """The records that a program prints; [] if it fails, which is noted."""
        def fail(why):
            self.failures.append(f"{program} {' '.join(arguments)}: {why}")
            return []

        try:
            done = self.start(program, arguments)
            records = [json.loads(line) for line in done.stdout.splitlines()]
        except subprocess.TimeoutExpired:
            return fail("does not end")
        except ValueError as error:
            return fail(f"prints what is no JSON: {error}")
        if done.returncode:
            return fail(f"exit code {done.returncode}: {done.stderr.strip()}")
        if not records:
            return fail("prints nothing")
        for record in records:
            for key, value in record.items():
                if (key in FIGURES or key.startswith("of_")) and not (
                        isinstance(value, (int, float)) and math.isfinite(value) and value > 0):
                    return fail(f"{key} is {value}")
        return records

    def add(self, records, program, round_nr, **more):
        for record in records:
            record.update(program=program, round=round_nr, **more)
        self.records += records

    def find_absent(self):
        for c in candidates.CALLS + candidates.QUEUES:
            if c.program in lttng.PROGRAMS:
                if self.session.why:
                    self.absent[c.name] = self.session.why
            elif not os.access(os.path.join(self.build, c.program), os.X_OK):
                self.absent[c.name] = c.package + " not installed" if c.package else "not built"
        for name, *_ in candidates.SIDES:
            if not os.access(os.path.join(self.build, name), os.X_OK):
                self.absent[name] = "not built"
        return self.absent

    def line(self, round_nr):
        if machine.cpus() < 2:
            return None
        records = self.run("line", ["--ms", "1" if self.mode == "smoke" else "20"])
        self.add(records, "line", round_nr)
        return records[0]["ns"] if records else None


def where(before, after):
    """How far the CPUs were from each other during a run."""
    if before is None or after is None:
        return "mixed"
    if max(before, after) < candidates.NEAR_NS:
        return "near"
    return "far" if min(before, after) >= candidates.NEAR_NS else "mixed"


def run_round(runner, plan, arguments, nr, progress):
    before = None
    for case in plan:
        progress.step(f"round {nr + 1}: {case.label}")
        program, more = case.candidate.program, {}
        if case.threads == 2 and before is None:
            before = runner.line(nr)
        records = runner.run(program, arguments + case.arguments)
        if case.threads == 2:
            after = runner.line(nr)
            more = {"cpus": where(before, after), "line_before": before, "line_after": after}
            before = after
        runner.add(records, program, nr, **more)


def run_sides(runner, which, nr, progress):
    for side in candidates.SIDES:
        if side[0] in runner.absent:
            continue
        progress.step(f"round {nr + 1}: {side[0]}")
        seen = {}
        records = runner.run(side[0], side[which])
        for record in records:      # its n-th line of a kind is the same in each round
            kind = tuple(sorted((k, v) for k, v in record.items() if isinstance(v, str)))
            seen[kind] = seen.get(kind, -1) + 1
            record["line_of_kind"] = seen[kind]
        runner.add(records, side[0], nr)


def run_all(build, options, session):
    rounds, arguments, which = MODES[options.mode]
    rounds = options.rounds or rounds
    runner = Runner(build, options.mode, session)
    absent = runner.find_absent()
    plan = [c for c in candidates.cases(machine.cpus()) if c.candidate.name not in absent and
            all(set(words.split(",")) & set(c.label.split()) for words in options.only)]
    side_steps = 0 if options.only else len(candidates.SIDES) + 1
    progress = Progress((len(plan) + side_steps) * rounds)
    for nr in range(rounds):
        began = time.monotonic()
        if side_steps:
            progress.step(f"round {nr + 1}: floor")
            runner.add(runner.run("floor", ["--rounds", "3"] if options.mode == "smoke" else []),
                       "floor", nr)
        run_round(runner, plan, arguments, nr, progress)
        if side_steps:
            run_sides(runner, which, nr, progress)
        progress.line(f"round {nr + 1} of {rounds}: {time.monotonic() - began:.0f} s")
    return runner


def save(out, runner, description, goals):
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "bench.json"), "w", encoding="utf-8") as f:
        json.dump({"machine": description, "absent": runner.absent, "failures": runner.failures,
                   "goals": goals, "records": runner.records}, f, indent=0)
    columns = list(dict.fromkeys(key for record in runner.records for key in record))
    with open(os.path.join(out, "bench.csv"), "w", encoding="utf-8", newline="") as f:
        writer = csv.DictWriter(f, columns)
        writer.writeheader()
        writer.writerows(runner.records)


def options_of(argv):
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("build", help="where the programs are")
    parser.add_argument("--out", help="where bench.csv, bench.json and the plots go")
    parser.add_argument("--rounds", type=int, help="rounds; otherwise 9, quick 3")
    parser.add_argument("--only", action="append", default=[], metavar="WORD,...",
                        help="only cases with one of the words in their label (a candidate, F2, "
                             "x2, storm); given again, also one of those")
    parser.add_argument("--quick", dest="mode", action="store_const", const="quick",
                        default="full", help="fewer and shorter rounds")
    parser.add_argument("--smoke", dest="mode", action="store_const", const="smoke",
                        help="each program for a moment; says only whether they work")
    return parser.parse_args(argv)


def main(argv):
    options = options_of(argv)
    build = os.path.abspath(options.build)
    with lttng.Session(build) as session:
        description = machine.describe(build)
        print(machine.text(description), flush=True)
        runner = run_all(build, options, session)
    goals = []
    if options.mode != "smoke":
        goals = tables.print_all(runner, bool(options.only))
    for name, why in runner.absent.items():
        print(f"absent: {name}: {why}")
    for failure in runner.failures:
        print(f"failed: {failure}")
    if options.out:
        save(options.out, runner, description, goals)
        if options.mode != "smoke":
            import plots
            print(plots.draw(options.out, runner.records))
    if options.mode == "smoke":
        print(f"{len(runner.records)} results from {len({r['program'] for r in runner.records})} "
              f"programs, {len(runner.failures)} failures, {len(runner.absent)} absent")
    return 1 if runner.failures or not runner.records else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
