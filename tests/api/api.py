# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The library as a user meets it: installed, and found by pkg-config."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

STRICT = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror")


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            skip(f"no {tool}")


def run(*argv, check=True, **more):
    argv = [str(arg) for arg in argv]
    print("+", " ".join(argv), flush=True)
    return subprocess.run(argv, check=check, text=True, **more)


def succeeds(*argv, **more):
    argv = [str(arg) for arg in argv]
    return subprocess.run(argv, capture_output=True, **more).returncode == 0


def exports(root):
    """Names that the header declares."""
    return set(re.findall(r"^BPFSTREAM_API\b[^;(]*?\b(bpfstream_\w+)\(",
                          (root / "include/bpfstream.h").read_text(), re.M))


class Installed:
    """The library installed below @work; @build is the build directory it comes from."""

    def __init__(self, build, work):
        need("meson", "pkg-config")
        self.top = pathlib.Path(work, "dest")
        run("meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", self.top)
        files = sorted(self.top.rglob("libbpfstream.pc"))
        if len(files) != 1:
            sys.exit(f"{len(files)} files libbpfstream.pc were installed")
        self.pkgconfig = files[0].parent
        self.lib = self.pkgconfig.parent
        self.env = {**os.environ, "PKG_CONFIG_PATH": str(self.pkgconfig),
                    "PKG_CONFIG_SYSROOT_DIR": str(self.top)}

    def flags(self, *what):
        out = subprocess.run(["pkg-config", *what, "libbpfstream"], env=self.env, check=True,
                             capture_output=True, text=True).stdout
        return out.split()

    def run(self, *argv, **more):
        return run(*argv, env={**os.environ, "LD_LIBRARY_PATH": str(self.lib)}, **more)
