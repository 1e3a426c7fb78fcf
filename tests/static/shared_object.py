#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the loader has to do for the shared library, and what it shows to others.

usage: shared_object.py SOURCE_ROOT LIBRARY.so [LIBRARY.a]

Its thread-local part is a few bytes, initial-exec: no first touch allocates, in a handler or
elsewhere. All calls are bound when it is loaded: none resolves a name in a handler, and none to a
function of its own goes through the loader. The names it exports are those that the header
declares, and those are the symbol map's. Nothing of it runs before it is called, and no memory is
both writable and code. broken.py shows that each of these is seen.
"""
import pathlib
import re
import sys

import graph

TLS_MAX = 16
LAZY_TLS = re.compile(r"TLSGD|TLSLD|TLS_GD|TLS_LD|DTPMOD|DTPREL|DTPOFF|TLSDESC|GOTPC32_TLSDESC")
BANNED = re.compile(r"__tls_get_addr|atfork")
UNCALLED = re.compile(r"\.(?:preinit_array|init_array|fini_array|ctors|dtors)\b\S*")
OWN = re.compile(r"\b(bpfstream|bsp)_\w+")


def names_in(text, pattern):
    return set(re.findall(pattern, text, re.M))


def compare(what, have, want):
    for name in sorted(have - want):
        print(f"{what}: {name} is one too many")
    for name in sorted(want - have):
        print(f"{what}: {name} is missing")
    return have == want


def relocations(files):
    """Lines of all relocations but those of debug information."""
    for name in files:
        for section in graph.output("readelf", "-rW", name).split("Relocation section ")[1:]:
            if not section.startswith(("'.rela.debug", "'.rel.debug")):
                yield from section.splitlines()


def main():
    root, library = pathlib.Path(sys.argv[1]), sys.argv[2]
    graph.need("readelf", "nm")
    problems = []

    for line in relocations(sys.argv[2:]):
        if LAZY_TLS.search(line):
            problems.append(f"lazy thread-local storage: {line.strip()}")
        if BANNED.search(line):
            problems.append(f"never: {line.strip()}")

    for line in relocations([library]):
        if OWN.search(line):
            problems.append(f"bound by the loader, not the linker: {line.strip()}")

    segments = graph.output("readelf", "-lW", library)
    tls = [int(size, 16) for size in
           re.findall(r"^\s*TLS\s+(?:0x\w+\s+){4}(0x\w+)", segments, re.M)]
    if sum(tls) > TLS_MAX:
        problems.append(f"thread-local storage: {sum(tls)} bytes, {TLS_MAX} allowed")
    if not re.search(r"^\s*GNU_RELRO\b", segments, re.M):
        problems.append("no RELRO segment")
    if not re.search(r"^\s*GNU_STACK\b.*\bRW \s", segments, re.M):
        problems.append("executable stack")
    if re.search(r"^\s*LOAD\b.*\bRWE\b", segments, re.M):
        problems.append("memory that is writable and code")

    for archive in sys.argv[3:]:  # a shared library has the compiler's own, which do nothing
        for name in sorted(set(UNCALLED.findall(graph.output("readelf", "-SW", archive)))):
            problems.append(f"runs without being called: {name}")

    dynamic = graph.output("readelf", "-dW", library)
    if not re.search(r"\(FLAGS\).*BIND_NOW|\(BIND_NOW\)|\(FLAGS_1\).*\bNOW\b", dynamic):
        problems.append("not bound when loaded")
    if not re.search(r"\(FLAGS_1\).*\bNODELETE\b", dynamic):
        problems.append("may be unloaded, under a thread's slot")
    if "(TEXTREL)" in dynamic:
        problems.append("text relocations")

    declared = names_in((root / "include/bpfstream.h").read_text(),
                        r"^BPFSTREAM_API\b[^;(]*?\b(bpfstream_\w+)\(")
    mapped = names_in((root / "port/user/libbpfstream.map").read_text(), r"^\s+(bpfstream_\w+);")
    exported = names_in(graph.output("nm", "-D", "--defined-only", library),
                        r"^\w+ [B-Zb-z] (\w+)")
    good = compare("map against header", mapped, declared)
    good &= compare("library against header", exported, declared)
    if len(declared) < 2:
        problems.append("no declarations found in the header")

    for line in problems:
        print(line)
    print(f"{len(exported)} exports, {sum(tls)} bytes of thread-local storage")
    return 0 if good and not problems else 1


sys.exit(main())
