#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""script.py SOURCE PROGRAM: the library answers a script as a kernel does, but for what is listed.

PROGRAM is tests/kernel/script-user; what a kernel answered is in the tree (stock-7.3.txt).
"""
import pathlib
import subprocess
import sys
import tempfile


def main():
    kernel = pathlib.Path(sys.argv[1]) / "tests/kernel"
    with tempfile.NamedTemporaryFile("w+", suffix=".out") as answers:
        run = subprocess.run([sys.argv[2], kernel / "script.txt"], stdout=answers, check=False)
        if run.returncode:
            answers.seek(0)
            print(f"{sys.argv[2]}: {run.returncode}\n{answers.read()[-500:]}")
            return 1
        return subprocess.run([sys.executable, "-B", kernel / "oracle-report.py", "--script",
                               kernel / "stock-7.3.txt", answers.name], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
