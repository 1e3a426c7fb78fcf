#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Builds and runs the example in the README, and compares what it prints with what is said there.

usage: readme.py SOURCE_ROOT BUILD_DIR CC [ARG...]

The example is the first block marked "c" that has a main(); its output the first block after it
that is marked "output", if there is one. A line "..." in that stands for any lines.
"""
import pathlib
import re
import sys
import tempfile

import api


def blocks(text):
    """[(info string, content)] of the fenced blocks."""
    return re.findall(r"^```([^\n`]*)\n(.*?)^```\s*$", text, re.M | re.S)


def example(text):
    """(source, expected output or None)."""
    found = blocks(text)
    for index, (info, content) in enumerate(found):
        if info.strip() == "c" and re.search(r"\bmain\s*\(", content):
            said = [later for mark, later in found[index + 1:] if mark.strip() == "output"]
            return content, said[0] if said else None
    return None, None


def matches(said, expected):
    pattern = "".join(r"(?:.*\n)*" if line == "...\n" else re.escape(line)
                      for line in expected.splitlines(keepends=True))
    return re.fullmatch(pattern, said)


def main():
    root, build, cc = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    readme = root / "README.md"
    if not readme.exists():
        api.skip("no README.md")
    api.need(cc[0])
    source, expected = example(readme.read_text())
    if not source:
        print("README.md has no example")
        return 1
    with tempfile.TemporaryDirectory() as work:
        installed = api.Installed(build, work)
        pathlib.Path(work, "example.c").write_text(source)
        api.run(*cc, "-std=gnu11", "-Wall", "-Wextra", "-Werror", f"{work}/example.c",
                *installed.flags("--cflags", "--libs"), "-o", f"{work}/example")
        said = installed.run(f"{work}/example", capture_output=True, cwd=work, timeout=60).stdout
    print(said, end="")
    if expected is None:
        print("README.md does not say what the example prints")
    elif not matches(said, expected):
        print(f"README.md says:\n{expected}", end="")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
