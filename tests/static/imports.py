#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the library calls outside of itself, by the context that leads there.

usage: imports.py SOURCE_ROOT CC [ARG...]

The core: exactly core-imports.txt, and mem*, which compilers call as they like. What a function of
context "any" can reach: only names in handler-imports.txt. What the others reach besides: only
names in process-imports.txt. A name on the latter two lists comes with the reason why.
"""
import pathlib
import re
import sys
import tempfile

import graph

HERE = pathlib.Path(__file__).parent
COMPILERS_OWN = {"memcpy", "memmove", "memset", "memcmp"}


def check_core(g, objects, root):
    core = [obj for obj, source in objects.items() if source.parent == root / "src"]
    mine = {name for name, where in g.home.items() if where[0] in core}
    names = {name for where in g.refs if where[0] in core for _, name in g.refs[where]
             if not name.startswith(".") and (where[0], name) not in g.local}
    have = names - mine - graph.LINKER_NAMES - COMPILERS_OWN
    want = set(graph.read_list(HERE / "core-imports.txt"))
    for name in sorted(have - want):
        print(f"core imports {name}, which is not in core-imports.txt")
    for name in sorted(want - have):
        print(f"core-imports.txt has {name}, which the core does not import")
    print(f"core: {len(have)} imports")
    return have == want


def check_context(what, names, listed):
    bad = False
    for name, user in sorted(names.items()):
        if not listed.get(name):
            print(f"{what}: {user} refers to {name}, which is not on the list")
            bad = True
    print(f"{what}: {len(names)} imports: {' '.join(sorted(names))}")
    return not bad


def main():
    root, cc = pathlib.Path(sys.argv[1]), sys.argv[2:]
    graph.need(cc[0], "readelf")
    with tempfile.TemporaryDirectory() as work:
        objects = graph.build(root, cc, work)
        g = graph.Graph(objects)
    context = graph.contexts(root / "include/bpfstream.h")
    handler = g.closure([name for name in context if context[name] == "any"])
    process = g.closure([name for name in context if context[name] == "process"])
    rest = {name: process[name] for name in set(process) - set(handler)}
    good = check_core(g, objects, root)
    good &= check_context("any context", handler, graph.read_list(HERE / "handler-imports.txt"))
    good &= check_context("process context", rest, graph.read_list(HERE / "process-imports.txt"))
    everywhere = g.outside(set(objects))
    for name in sorted(everywhere - set(handler) - set(process)):
        print(f"nobody's: {name} is imported and no public function leads there")
        good = False
    for name in sorted(everywhere):
        if re.search(r"atfork|__tls_get_addr|tls_desc|__cxa_thread_atexit|pthread_key", name):
            print(f"never: {name}")
            good = False
    return 0 if good else 1


sys.exit(main())
