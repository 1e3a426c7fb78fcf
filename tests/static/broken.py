#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Shows that shared_object.py sees what it looks for: in libraries with one flaw each.

usage: broken.py SOURCE_ROOT CC [ARG...]

Each library has all that is wanted but one thing; the report has to be that of the flaw. One
without a flaw comes first: of it only the missing functions may be reported.
"""
import pathlib
import subprocess
import sys
import tempfile

import graph

HERE = pathlib.Path(__file__).parent
GOOD = {"now": "-Wl,-z,now", "relro": "-Wl,-z,relro", "nodelete": "-Wl,-z,nodelete",
        "symbolic": "-Wl,-Bsymbolic", "stack": "-Wl,-z,noexecstack"}
PLAIN = "int bpfstream_write(void);\nint bpfstream_write(void) { return 0; }\n"
IE = '__attribute__((tls_model("initial-exec")))'
# flaw: (what is reported, code, the linker's arguments that differ, compiler's more)
FLAWS = {
        "lazy TLS": ("lazy thread-local storage",
                     "__thread int word; int *at(void); int *at(void) { return &word; }", {}, []),
        "large TLS": ("64 bytes, 16 allowed",
                      f"static __thread char word[64] {IE}; char *at(void);"
                      "char *at(void) { return word; }", {}, []),
        "atfork": ("never: ", "int __register_atfork(void *, void *, void *, void *);"
                   "int at(void); int at(void) { return __register_atfork(0, 0, 0, 0); }", {}, []),
        "own by loader": ("bound by the loader",
                          "extern int (*at)(void); int (*at)(void) = bpfstream_write;",
                          {"symbolic": None}, ["-fsemantic-interposition"]),
        "no RELRO": ("no RELRO segment", "", {"relro": "-Wl,-z,norelro"}, []),
        "executable stack": ("executable stack", "", {"stack": "-Wl,-z,execstack"}, []),
        "lazy binding": ("not bound when loaded", "", {"now": "-Wl,-z,lazy"}, []),
        "unloadable": ("may be unloaded", "", {"nodelete": None}, []),
        "code that is written to": ("memory that is writable and code",
                                    r'__asm__(".pushsection .both,\"awx\",@progbits\n.long 1\n'
                                    r'.popsection");', {}, []),
        "constructor": ("runs without being called: .init_array",
                        "volatile int at; __attribute__((constructor)) static void run(void)"
                        "{ at = 1; }",
                        {}, []),
        "one export too many": ("library against header: bpfstream_more is one too many",
                                "int bpfstream_more(void); int bpfstream_more(void)"
                                "{ return 1; }", {}, []),
}
LARGE = {  # an address that is written into the code needs more than is left in it otherwise
        "text relocations": ("text relocations",
                             "extern char at[]; char *word(void); char *word(void)"
                             "{ return at; }", {"text": "-Wl,-z,notext"},
                             ["-fno-pic", "-mcmodel=large"]),
}


def report(root, cc, work, code, links, flags):
    """What shared_object.py says of a library made of @code."""
    source, obj, library = (f"{work}/broken.{end}" for end in ("c", "o", "so"))
    pathlib.Path(source).write_text(PLAIN + code + "\n")
    graph.output(*cc, "-O1", "-fPIC", *flags, "-c", source, "-o", obj)
    arguments = [link for link in {**GOOD, **links}.values() if link]
    graph.output(*cc, "-shared", obj, *arguments, "-o", library)
    done = subprocess.run([sys.executable, "-B", HERE / "shared_object.py", root, library, obj],
                          capture_output=True, text=True)
    if not done.returncode or done.stderr:
        return f"exit status {done.returncode}: {done.stderr}"
    return "\n".join(line for line in done.stdout.splitlines()
                     if not line.startswith("library against header") or "too many" in line)


def main():
    root, cc = pathlib.Path(sys.argv[1]), sys.argv[2:]
    graph.need(cc[0], "readelf", "nm")
    flaws = {**FLAWS, **(LARGE if graph.output(*cc, "-dumpmachine").startswith("x86_64") else {})}
    bad = 0
    with tempfile.TemporaryDirectory() as work:
        said = report(root, cc, work, "", {}, [])
        if len(said.splitlines()) != 1 or "exports" not in said:
            print(f"without a flaw: {said}")
            bad += 1
        for flaw, (wanted, code, links, flags) in flaws.items():
            said = report(root, cc, work, code, links, flags)
            if wanted not in said:
                print(f"{flaw}: wanted '{wanted}', have\n{said}")
                bad += 1
    print(f"{len(flaws)} flaws, {bad} not seen")
    return 1 if bad else 0


sys.exit(main())
