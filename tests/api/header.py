#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The header alone, in every C and C++ that its users may write, without a warning.

usage: header.py SOURCE_ROOT COMPILER...
"""
import pathlib
import subprocess
import sys
import tempfile

import api

C = ("c99", "c11", "c17", "c2x", "gnu99", "gnu11", "gnu17")
CXX = ("c++11", "c++14", "c++17", "c++20", "gnu++11")
ALONE = "#include <bpfstream.h>\n"
# the macro, a constant of each kind, and both structs that a user fills
USE = ALONE + """
int use(struct bpfstream_prog *prog);
int use(struct bpfstream_prog *prog)
{
	struct bpfstream_opts opts = { sizeof(opts), BPFSTREAM_DEFAULT_CAPACITY, 0,
				       BPFSTREAM_LOST_LINES, "name" };
	struct bpfstream_stage ss;
	struct bpfstream_stat stat;
	int err = bpfstream_stage(&ss, prog, BPFSTREAM_STDERR,
				  bpfstream_stage_printf(&ss, "%s", opts.name));

	stat.sz = sizeof(stat);
	return err ? err : bpfstream_prog_stat(prog, BPFSTREAM_STDOUT, &stat);
}
"""
MISUSE = ALONE + """
int use(struct bpfstream_prog *prog);
int use(struct bpfstream_prog *prog)
{
	return bpfstream_printf(prog, BPFSTREAM_STDOUT, "%s", 1);
}
"""


def compiles(compiler, flags, std, text, work, suffix):
    source = pathlib.Path(work, f"use.{suffix}")
    source.write_text(text)
    run = subprocess.run([compiler, f"-std={std}", *api.STRICT, *flags, "-c", str(source),
                          "-o", f"{work}/use.o"], capture_output=True, text=True)
    return run.returncode == 0, run.stderr


def knows(compiler, std, suffix, work):
    return compiles(compiler, (), std, "int nothing;\n", work, suffix)[0]


def main():
    root = pathlib.Path(sys.argv[1])
    compilers = [name for name in sys.argv[2:] if api.shutil.which(name)]
    if not compilers:
        api.skip("no compiler")
    bad = 0
    with tempfile.TemporaryDirectory() as work:
        for compiler in compilers:
            cxx = compiler.endswith("++")
            suffix, tried = ("cc" if cxx else "c"), []
            flags = [f"-I{root}/include"]
            for std in CXX if cxx else C:
                if not knows(compiler, std, suffix, work):
                    continue
                tried.append(std)
                for text in (ALONE, USE):
                    ok, errors = compiles(compiler, flags, std, text, work, suffix)
                    if not ok:
                        print(f"{compiler} -std={std}:\n{errors}")
                        bad += 1
                if compiles(compiler, flags, std, MISUSE, work, suffix)[0]:
                    print(f"{compiler} -std={std}: a wrong format is not seen")
                    bad += 1
            print(f"{compiler}: {' '.join(tried)}")
    return 1 if bad else 0


sys.exit(main())
