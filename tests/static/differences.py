#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""differences.py SOURCE: each difference that DIFFERENCES.md tells of has a test, and it is run."""
import pathlib
import re
import sys


def main():
    source = pathlib.Path(sys.argv[1])
    suites = "".join(path.read_text() for path in sorted((source / "tests").rglob("*.c")))
    rows = [line for line in (source / "DIFFERENCES.md").read_text().splitlines()
            if line.startswith("| ") and not line.startswith(("| ---", "| Linux", "| done"))]
    bad = []
    for row in rows:
        names = re.findall(r"`([a-z][a-z0-9_]*)`", row.rstrip(" |").rsplit("|", 1)[1])
        if not names:
            bad.append(f"no test: {row}")
        for name in names:
            if f"static void {name}(void **state)" not in suites or \
                    not re.search(rf"\({name}[,)]", suites):
                bad.append(f"no such test: {name}")
    print(f"{len(rows)} differences")
    print("\n".join(bad))
    return bool(bad) or not rows


if __name__ == "__main__":
    sys.exit(main())
