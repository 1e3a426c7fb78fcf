#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""verify.py MODEL [all]: let Spin go through all states of MODEL.pml, then without each guard.

As it is, the model must have no error, and no part that is never reached. Without any one of the
guards that README.md lists it must have an error. With "all" the model is larger (-DALL).
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77
SECONDS = 1200
MEGABYTES = 6000


def guards_in(text):
    """The names that a model asks for, but for its size."""
    names = re.findall(r"^#ifn?def (\w+)|defined\((\w+)\)", text, re.M)
    return {a or b for a, b in names} - {"ALL"}


def guards_listed(model):
    """Those of the README's table below the model's name."""
    section = re.search(rf"^### {re.escape(model)}\.pml$(.*?)(?=^##|\Z)",
                        (HERE / "README.md").read_text(), re.M | re.S)
    return re.findall(r"^\| `(\w+)` \|", section[1], re.M) if section else []


def command(words, where):
    run = subprocess.run(words, cwd=where, capture_output=True, text=True, timeout=SECONDS,
                         check=False)
    return run.returncode, run.stdout + run.stderr


def verify(model, where, names, compiler):
    """What the verifier says."""
    text = (HERE / f"{model}.pml").read_text()
    (where / "model.pml").write_text(text)
    # Spin's reduction knows nothing of processes that others stop
    reduce = ["-DNOREDUCE"] if "provided" in text else []
    for words in (["spin", "-a", *(f"-D{name}" for name in names), "model.pml"],
                  [*compiler, "-w", "-DSAFETY", f"-DMEMLIM={MEGABYTES}", *reduce, "-o", "pan",
                   "pan.c"]):
        status, said = command(words, where)
        if status or "Error" in said:
            sys.exit(f"{model}: {' '.join(words)}:\n{said}")
    return command(["./pan", "-m20000", "-w18"], where)[1]


def problems_as_it_is(said):
    if not re.search(r"errors: 0$", said, re.M):
        yield "has an error"
    for word in ("Search not completed", "max search depth too small", "MEMLIM", "truncated"):
        if word in said:
            yield "is not looked through: " + word
    if "Full statespace search" not in said:
        yield "is not looked through at all"
    for line in re.findall(r"^\s+(\S+\.pml:\d+, state .*)$", said, re.M):
        if not line.endswith('"-end-"'):    # of a process that goes on for ever
            yield "is never there: " + line


def error_of(said):
    """The first error, or nothing. A slip of the model itself is none."""
    found = re.search(r"^pan:1: (assertion violated .*|invalid end state.*) \(at depth", said,
                      re.M | re.S)
    return " ".join(found[1].split()) if found else ""


def main():
    model, larger = sys.argv[1], sys.argv[2:] == ["all"]
    if not shutil.which("spin"):
        print("spin is not installed")
        return SKIPPED
    listed = guards_listed(model)
    wanted = guards_in((HERE / f"{model}.pml").read_text())
    bad = [f"{name}: not in both README.md and {model}.pml"
           for name in sorted(wanted ^ set(listed))]
    # an error is found before a compiler has optimised
    quick = [shutil.which("clang") or "gcc", "-O0"]
    with tempfile.TemporaryDirectory() as name:
        where = pathlib.Path(name)
        said = verify(model, where, ["ALL"] if larger else [], ["gcc", "-O2"])
        states = re.search(r"(\S+) states, stored", said)
        print(f"{model}.pml: {states[1] if states else 'no'} states")
        bad += [f"{model}.pml {problem}" for problem in problems_as_it_is(said)]
        if bad:
            print(said)
        for guard in listed:
            error = error_of(verify(model, where, [guard], quick))
            print(f"  {guard}: {error or 'no error'}")
            if not error:
                bad.append(f"{model}.pml has no error with {guard}")
    print("\n".join(bad) or f"{len(listed)} guards, each needed")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
