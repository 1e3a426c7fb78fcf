#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A user's program is told of its own errors, and of nothing that the library does.

usage: quiet.py valgrind SOURCE_ROOT BUILD_DIR aware|unaware CC [ARG...]
       quiet.py tsan SOURCE_ROOT BUILD_DIR CC [ARG...]

quiet.c is run without an error of its own, which has to give no report, and with one, which has
to give exactly the report of that, by each tool whose matter it is. Reports are counted in what the
tools write for programs, of the forked child too.

valgrind: memcheck, helgrind and drd; the library is the installed, optimized one.
tsan: the program is built with ThreadSanitizer; first with the installed library, which is not, as
a package's library is not; then together with the library's sources, as a subproject's are.
"""
import pathlib
import re
import shutil
import sys
import tempfile
import xml.etree.ElementTree

import api

TIMEOUT = 300
OWN = {"race": "set_racy", "slip": "slip"}  # where the error is
VALGRIND = {"memcheck": ("slip", ("--leak-check=full",
                                  "--errors-for-leak-kinds=definite,possible")),
            "helgrind": ("race", ()),
            "drd": ("race", ())}


def judge(what, own, expected, places):
    """@places: where each report is of; to be the own error's, if the tool sees that."""
    want = [OWN[own]] if own and own == expected else []
    print(f"{what}, {own or 'no'} error of its own: {len(places)} reports")
    if places == want:
        return 0
    print(f"  wanted {want}, have {places}")
    return 1


def innermost(error):
    """The innermost function of quiet.c in a report's first stack, else the innermost."""
    frames = [(frame.findtext("file"), frame.findtext("fn")) for frame in error.iter("frame")]
    mine = [fn for file, fn in frames if file == "quiet.c"]
    return mine[0] if mine and frames[0][0] == "quiet.c" else frames[0][1]


def under_valgrind(installed, program, work, tool, flags, own):
    """Places of the reports on the program and its child; None if one of them did not end well."""
    for old in pathlib.Path(work).glob("report.*"):
        old.unlink()
    done = installed.run("valgrind", f"--tool={tool}", "-q", "--xml=yes", "--fair-sched=try",
                         f"--xml-file={work}/report.%p", *flags, program, *own, check=False,
                         capture_output=True, timeout=TIMEOUT)
    if "debuginfo reader" in done.stderr:
        api.skip("this valgrind cannot read what this compiler says for debuggers")
    reports = sorted(pathlib.Path(work).glob("report.*"))
    if done.returncode or len(reports) != 2:
        print(f"exit status {done.returncode}, {len(reports)} reports files\n{done.stderr}")
        return None
    return [innermost(error) for path in reports
            for error in xml.etree.ElementTree.parse(path).iter("error")]


def valgrind(root, build, awareness, *cc):
    api.need(cc[0], "valgrind")
    if awareness == "unaware":
        api.skip("the library was built without Valgrind's headers")
    bad = 0
    with tempfile.TemporaryDirectory() as work:
        installed = api.Installed(build, work)
        program = f"{work}/quiet"
        api.run(*cc, "-std=gnu11", "-g", "-O1", root / "tests/api/quiet.c",
                *installed.flags("--cflags", "--libs"), "-pthread", "-o", program)
        for tool, (expected, flags) in VALGRIND.items():
            for own in ("", "race", "slip"):
                places = under_valgrind(installed, program, work, tool, flags,
                                        [own] if own else [])
                bad += judge(tool, own, expected, places) if places is not None else 1
    return bad


def under_tsan(installed, program, own):
    still = ["setarch", "-R"] if shutil.which("setarch") else []
    done = installed.run(*still, program, *own, check=False, capture_output=True,
                         timeout=TIMEOUT)
    if "unexpected memory mapping" in done.stderr:
        api.skip("ThreadSanitizer does not run on this kernel")
    reports = done.stderr.split("WARNING: ThreadSanitizer: ")[1:]
    if bool(done.returncode) != bool(reports):
        print(f"exit status {done.returncode}\n{done.stderr}")
        return None
    return [re.findall(r"^SUMMARY: .* in (\w+)", report, re.M)[0] for report in reports]


def tsan_builds(root, installed):
    """{what: arguments}"""
    sources = [path for folder in ("src", "port/user")
               for path in sorted((root / folder).glob("*.c")) if path.name != "fault.c"]
    return {"a plain library": installed.flags("--cflags", "--libs"),
            "a library with ThreadSanitizer": [
                    "-D_GNU_SOURCE", f"-I{root}/include", f"-I{root}/src", f"-I{root}/port/user",
                    *sources, "-lurcu-bp"]}


def tsan(root, build, *cc):
    api.need(cc[0])
    bad = 0
    with tempfile.TemporaryDirectory() as work:
        if not api.succeeds(*cc, "-fsanitize=thread", "-xc", "-o", f"{work}/probe", "-",
                            input=b"int main(void) { return 0; }"):
            api.skip(f"{cc[0]} does not build with ThreadSanitizer")
        installed = api.Installed(build, work)
        for what, arguments in tsan_builds(root, installed).items():
            program = f"{work}/quiet"
            api.run(*cc, "-std=gnu11", "-g", "-O1", "-fsanitize=thread",
                    root / "tests/api/quiet.c", *arguments, "-pthread", "-o", program)
            for own in ("", "race"):
                places = under_tsan(installed, program, [own] if own else [])
                bad += judge(what, own, "race", places) if places is not None else 1
    return bad


def main():
    kind, root, build, *rest = sys.argv[1:]
    return 1 if {"valgrind": valgrind, "tsan": tsan}[kind](pathlib.Path(root), build, *rest) else 0


sys.exit(main())
