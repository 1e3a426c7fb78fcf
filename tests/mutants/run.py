#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""run.py [--list] [--check] [--by FLAVOUR SUITE] [NAME...]: seed each bug, see who finds it.

Works on a copy of the tree in BUILD/mutants (BPFSTREAM_BUILD, or build). First the copy as it is
must pass whatever is going to judge. Then each mutant is judged by the test that its entry names,
and if that sees nothing, by all suites, cheapest first, until one fails. NAME may be a pattern.
"""
import argparse
import fnmatch
import os
import pathlib
import sys
import time

import builds
import catalogue

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
HANG_PATIENCE = 0.25	# of a test's timeout: a mutant that is known to hang is not waited for long


class Session:
    def __init__(self, scratch):
        self.tree = builds.Tree(ROOT, scratch)
        self.tree.copy()
        self.builds = {name: builds.Build(name, self.tree, scratch) for name in builds.FLAVOURS}
        self.clean = set()	# what the tree passes as it is
        self.unfit = set()	# and what it does not

    def select(self, flavour, wanted):
        return self.builds[flavour].select(wanted)

    def chain(self):
        """All suites that there are, cheapest first."""
        for flavour, build in self.builds.items():
            for suite in build.suites:
                if self.select(flavour, suite):
                    yield flavour, suite

    def vet(self, judges):
        """Have the tree as it is judged, once by each: all of a flavour at once, if they pass."""
        new = sorted(set(judges) - self.clean - self.unfit)
        for flavour, build in self.builds.items():
            mine = [judge for judge in new if judge[0] == flavour]
            names = {name for _, wanted in mine for name in build.select(wanted)}
            if mine and build.test(sorted(names)).result == "passed":
                self.clean.update(mine)
            else:
                self.vet_each(mine)

    def vet_each(self, judges):
        for flavour, wanted in judges:
            verdict = self.builds[flavour].test(self.select(flavour, wanted))
            passed = verdict.result == "passed"
            (self.clean if passed else self.unfit).add((flavour, wanted))
            if not passed:
                print(f"the tree as it is: {flavour} {verdict.test} {verdict.result}: "
                      f"{verdict.detail}", flush=True)

    def judge(self, mutant, judges):
        """The first of @judges to see @mutant, and what it saw; None if nobody does."""
        hung = None
        changed = catalogue.mutate(mutant, ROOT)
        self.tree.put_in(changed)
        try:
            for flavour, wanted in judges:
                if (flavour, wanted) in self.unfit:
                    continue
                patience = HANG_PATIENCE if mutant.hang else None
                verdict = self.builds[flavour].test(self.select(flavour, wanted), patience)
                if verdict.result in ("failed", "does not build") or \
                        verdict.result == "hangs" and mutant.hang:
                    return flavour, verdict
                if verdict.result == "hangs":
                    hung = flavour, verdict
        finally:
            self.tree.put_back(changed)
        return hung


class Report:
    def __init__(self, total):
        self.total, self.rows, self.began = total, [], time.monotonic()

    def add(self, mutant, state, by, seconds):
        self.rows.append((mutant, state, by, seconds))
        print(f"[{len(self.rows)}/{self.total}, {time.monotonic() - self.began:.0f} s] "
              f"{mutant.name}: {state} {by} ({seconds:.1f} s)", flush=True)

    def count(self, *states):
        return sum(state in states for _, state, _, _ in self.rows)

    def close(self, problems):
        print()
        for mutant, state, by, seconds in self.rows:
            print(f"{mutant.name:32} {state:9} {seconds:6.1f} s  {by}")
        failed = self.count("survived", "invalid", "wrong") + len(problems)
        for mutant, state, _, _ in self.rows:
            if state in ("survived", "invalid", "wrong", "unseen"):
                print(f"{state}: {mutant.name} ({mutant.where}): {mutant.says}")
        for problem in problems:
            print(problem)
        print(f"{self.count('killed', 'harmless')} passed, {failed} failed, "
              f"{self.count('unseen')} skipped")
        return 1 if failed or not self.rows else 0


def outcome(mutant, found):
    """What a verdict says of @mutant: state and by whom."""
    if not found:
        return ("harmless" if mutant.survives else "unseen" if mutant.missing else "survived"), ""
    flavour, verdict = found
    by = f"{flavour} {verdict.test}: {verdict.detail}"
    if verdict.result == "does not build":
        return "invalid", by
    if verdict.result == "hangs" and not mutant.hang:
        return "survived", f"hangs in {by}"
    return ("wrong" if mutant.survives else "killed"), by


def run(mutants, scratch, hints, only_hints):
    """Judge @mutants, first by those named in @hints or by each one's own."""
    session = Session(scratch)
    report = Report(len(mutants))
    expected = set(hints) or {judge for mutant in mutants for judge in mutant.kill}
    for flavour, wanted in sorted(expected):
        if not session.select(flavour, wanted):
            session.unfit.add((flavour, wanted))	# not in this tree
    session.vet(sorted(expected - session.unfit))
    left = []
    for mutant in mutants:
        start = time.monotonic()
        found = session.judge(mutant, hints or mutant.kill)
        if found or only_hints or mutant.survives:
            report.add(mutant, *outcome(mutant, found), time.monotonic() - start)
        else:
            left.append(mutant)
    if left:
        print(f"{len(left)} not seen by who should: {' '.join(m.name for m in left)}", flush=True)
        session.vet(session.chain())
    for mutant in left:
        start = time.monotonic()
        state, by = outcome(mutant, session.judge(mutant, session.chain()))
        report.add(mutant, state, by, time.monotonic() - start)
    return report.close([f"the tree as it is does not pass: {flavour} {wanted}"
                         for flavour, wanted in sorted(session.unfit)
                         if session.select(flavour, wanted)])


def check(mutants, quiet=False):
    """Whether all entries apply."""
    wrong = 0
    for mutant in mutants:
        try:
            catalogue.mutate(mutant, ROOT)
        except catalogue.Wrong as error:
            print(error)
            wrong += 1
    if wrong or not quiet:
        print(f"{len(mutants)} mutants, {wrong} do not apply")
    return 1 if wrong else 0


def show(mutants):
    for mutant in mutants:
        who = ", ".join(" ".join(judge) for judge in mutant.kill)
        who = "nobody: it changes nothing" if mutant.survives else who or "nobody yet"
        print(f"{mutant.name:32} {who:32} {mutant.says}")
    print(f"{len(mutants)} mutants")
    return 0


def main():
    parser = argparse.ArgumentParser(prog="./dev mutants", description=__doc__.split(":", 1)[1],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="tell what there is")
    parser.add_argument("--check", action="store_true", help="only see whether all can be put in")
    parser.add_argument("--by", nargs=2, action="append", default=[],
                        metavar=("FLAVOUR", "SUITE[/TEST]"), help="ask these first, in turn")
    parser.add_argument("--only-hints", action="store_true", help="and then nobody else")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    try:
        mutants = catalogue.read(HERE)
        if options.names:
            mutants = [mutant for mutant in mutants
                       if any(fnmatch.fnmatch(mutant.name, name) for name in options.names)]
        if not mutants:
            sys.exit("no such mutant")
        if options.list:
            return show(mutants)
        if options.check:
            return check(mutants)
        scratch = pathlib.Path(os.environ.get("BPFSTREAM_BUILD", ROOT / "build")) / "mutants"
        scratch.mkdir(parents=True, exist_ok=True)
        return check(mutants, quiet=True) or run(
            mutants, scratch.resolve(), [tuple(judge) for judge in options.by], options.only_hints)
    except catalogue.Wrong as error:
        sys.exit(str(error))


if __name__ == "__main__":
    sys.exit(main())
