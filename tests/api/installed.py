#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Installs the library, builds calls.c against what pkg-config says, and runs it.

usage: installed.py shared|static SOURCE_ROOT BUILD_DIR CC [ARG...]

shared: against the shared library alone, which has to have every function of the header.
static: against the static library, with the C library shared and, where there is a static
one, without any shared library.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

import api


def dynamic(tool, *argv):
    return subprocess.run([tool, *[str(arg) for arg in argv]], check=True, capture_output=True,
                          text=True).stdout


def shared(root, installed, cc, calls, program):
    api.run(*cc, *api.STRICT, "-std=gnu11", calls, *installed.flags("--cflags", "--libs"),
            "-o", program)
    installed.run(program, timeout=60)
    if "[libbpfstream.so.0]" not in dynamic("readelf", "-dW", program):
        return "the program does not ask for libbpfstream.so.0"
    if re.search(r"liburcu", dynamic("readelf", "-dW", program)):
        return "the program was linked with what only the library needs"
    used = set(re.findall(r"\bU (bpfstream_\w+)", dynamic("nm", "-D", program)))
    missing = api.exports(root) - used
    return f"calls.c does not call {' '.join(sorted(missing))}" if missing else None


def static(_, installed, cc, calls, program):
    for library in installed.lib.glob("libbpfstream.so*"):
        library.unlink()
    flags = installed.flags("--static", "--cflags", "--libs")
    api.run(*cc, *api.STRICT, "-std=gnu11", calls, *flags, "-o", program)
    installed.run(program, timeout=60)
    if "libbpfstream" in dynamic("readelf", "-dW", program):
        return "the program asks for a shared libbpfstream"
    probe = f"{program}.probe.c"
    pathlib.Path(probe).write_text("int main(void) { return 0; }\n")
    if not api.succeeds(*cc, "-static", probe, "-lurcu-bp", "-o", f"{program}.probe"):
        print("no static C library or liburcu: not linked without shared libraries")
        return None
    api.run(*cc, *api.STRICT, "-std=gnu11", "-static", calls, *flags, "-o", program)
    installed.run(program, timeout=60)
    return None


def main():
    kind, root, build, cc = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4:]
    api.need(cc[0], "readelf", "nm")
    with tempfile.TemporaryDirectory() as work:
        problem = {"shared": shared, "static": static}[kind](
                root, api.Installed(build, work), cc, root / "tests/api/calls.c", f"{work}/calls")
    if problem:
        print(problem)
    return 1 if problem else 0


sys.exit(main())
