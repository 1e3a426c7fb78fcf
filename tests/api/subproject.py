#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Builds and runs a project that has the library as a meson subproject.

usage: subproject.py SOURCE_ROOT CC [ARG...]
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import api

CONFIGURATIONS = (("--default-library=shared",), ("--default-library=static",))


def main():
    root, cc = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    api.need("meson", cc[0])
    with tempfile.TemporaryDirectory() as work:
        project = pathlib.Path(work, "project")
        shutil.copytree(root / "tests/api/subproject-user", project)
        (project / "subprojects").mkdir()
        (project / "subprojects/libbpfstream").symlink_to(root)
        for number, options in enumerate(CONFIGURATIONS):
            build = f"{work}/build{number}"
            api.run("meson", "setup", build, project, "--force-fallback-for=libbpfstream",
                    *options, env={**os.environ, "CC": " ".join(cc)},
                    stdout=subprocess.DEVNULL)
            api.run("meson", "compile", "-C", build, "-j", "2", stdout=subprocess.DEVNULL)
            said = api.run(f"{build}/user", capture_output=True, timeout=60).stdout
            if said != "hello from a subproject\n":
                print(f"{options}: the program said {said!r}")
                return 1
    return 0


sys.exit(main())
