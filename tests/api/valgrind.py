#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs users' programs under Valgrind with the library as it is installed: no error is reported.

usage: valgrind.py SOURCE_ROOT BUILD_DIR aware|unaware CC [ARG...]

The library is the optimized one that everybody uses, and the programs are the README's example,
calls.c, heap.c and threads.c. A library that was built without Valgrind's headers is unaware of it.
"""
import pathlib
import sys
import tempfile

import api
import readme

TOOLS = {
        "memcheck": ("--leak-check=full", "--errors-for-leak-kinds=definite,possible"),
        "helgrind": (),
        "drd": (),
}


def programs(root, work):
    """{name: source} of what is run."""
    example = pathlib.Path(work, "example.c")
    text, _ = readme.example((root / "README.md").read_text())
    example.write_text(text)
    return {"example": example, "calls": root / "tests/api/calls.c",
            "heap": root / "tests/api/heap.c", "threads": root / "tests/api/threads.c"}


def main():
    root, build, awareness, cc = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]
    api.need(cc[0], "valgrind")
    if awareness == "unaware":
        api.skip("the library was built without Valgrind's headers")
    bad = 0
    with tempfile.TemporaryDirectory() as work:
        installed = api.Installed(build, work)
        for name, source in programs(root, work).items():
            api.run(*cc, "-std=gnu11", "-g", source, *installed.flags("--cflags", "--libs"),
                    "-o", f"{work}/{name}")
            for tool, flags in TOOLS.items():
                done = installed.run("valgrind", f"--tool={tool}", "-q", "--error-exitcode=99",
                                     *flags, f"{work}/{name}", check=False,
                                     capture_output=True, timeout=120)
                if "debuginfo reader" in done.stderr:
                    api.skip("this valgrind cannot read what this compiler says for debuggers")
                if done.returncode or "==" in done.stderr:
                    print(f"{name} under {tool}: {done.returncode}\n{done.stderr}")
                    bad += 1
    return 1 if bad else 0


sys.exit(main())
