#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What holds for the text of the tree.

usage: tree.py SOURCE_ROOT

Every tracked text file says its licence in its first lines; the licences themselves need not. The
core knows no kernel from no kernel: it includes bsp.h and its siblings, and asks no #ifdef.
"""
import pathlib
import re
import subprocess
import sys

import graph

LICENCE = "SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause"
LINES = 4
EXEMPT = re.compile(r"LICENSE|LICENSES/.*|tests/fuzz/corpus/.*|\.git(ignore|attributes)|.*\.(png|gz|svg|pdf|bin)")


def tracked(root):
    graph.need("git")
    run = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, text=True)
    top = subprocess.run(["git", "-C", root, "rev-parse", "--show-toplevel"], capture_output=True,
                         text=True)
    if run.returncode or pathlib.Path(top.stdout.strip()) != root.resolve():
        graph.skip("not a git work tree")
    return [name for name in run.stdout.split("\0") if name and (root / name).is_file()]


def licence_problems(root):
    for name in tracked(root):
        content = (root / name).read_bytes()
        if EXEMPT.fullmatch(name) or b"\0" in content or not content:
            continue
        head = content.decode("utf-8", "replace").splitlines()[:LINES]
        if not any(LICENCE in line for line in head):
            yield f"{name}: no licence in its first {LINES} lines"


def core_problems(root):
    files = sorted((root / "src").iterdir())
    allowed = {path.name for path in files} | {"bsp.h"}
    for path in files:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            where = f"{path.relative_to(root)}:{number}"
            include = re.match(r'\s*#\s*include\s+(.*\S)', line)
            if include and include[1].strip('"') not in allowed:
                yield f"{where}: includes {include[1]}"
            if re.search(r"__KERNEL__|__linux__|CONFIG_\w+|BSP_USER", line):
                yield f"{where}: asks which world it is in"
            if re.match(r"\s*#\s*(if|ifdef|elif)\b", line):
                yield f"{where}: conditional"


def main():
    root = pathlib.Path(sys.argv[1])
    problems = [*core_problems(root), *licence_problems(root)]
    for line in problems:
        print(line)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


sys.exit(main())
