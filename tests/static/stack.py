#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How much stack a writer needs: the deepest path from each, and what it consists of.

usage: stack.py SOURCE_ROOT CC [ARG...]

Frames are the compiler's own figures (return address included). Who calls whom is the compiler's
call graph and the relocations, united. A call through a pointer goes to those of the functions in
INDIRECT that somebody further up the path refers to. Calls that leave the library are charged by
allowance, more than they need in glibc; with immediate binding none goes through the dynamic
linker.

Two things need more and have limits of their own: a floating point conversion, and the first call
in a forked child, which drops what it inherited, at whatever depth it finds out.
"""
import pathlib
import re
import sys
import tempfile

import graph

DOUBLE = "bsp_format_double"
FORK = "bsp_fork_child"
LIMITS = ((1024, {DOUBLE, FORK}, "integers and strings"),
          (1536, {FORK}, "floating point too"),
          (2048, set(), "and the first call in a forked child"))
SLACK = 128  # off x86-64: more registers to save, and a variadic function's arguments
LIMITED = ("bpfstream_printf", "bpfstream_vprintf", "bpfstream_write", "bpfstream_bprintf",
           "bpfstream_stage_init", "bpfstream_stage_printf", "bpfstream_stage_vprintf",
           "bpfstream_stage_commit", "bpfstream_stage_free", "bpfstream_prog_stat")
SINKS = ("copy_out", "write_out", "write_pieces", "swallow")
INDIRECT = {
        "bsp_peek_by": ("peek_piece", "bsp_peek_vm", "bsp_peek_probe"),
        "deliver": SINKS,
        "bpfstream_deliver_log": SINKS,
        "bpfstream_deliver_hidden": SINKS,
        "deliver_line": SINKS,
        "deliver_pieces": SINKS,
}
ALLOWANCE = 64
ALLOWANCES = {"pthread_sigmask": 256, "urcu_bp_read_lock": 128}


class Stack:
    def __init__(self, root, cc, work):
        objects = graph.build(root, cc, work, "-fcallgraph-info=su")
        self.frame = {}
        self.calls = {}
        self.odd = []
        g = graph.Graph(objects)
        for obj in objects:
            self._compiler_says(obj)
        for where, name in g.functions.items():
            inside, outside = g.targets(where)
            calls = self.calls.setdefault(self._base(name), set())
            calls |= {self._base(g.functions[to]) for to in inside if to in g.functions}
            calls |= outside
        self.pointed = {name for names in INDIRECT.values() for name in names}
        self.known = {}

    @staticmethod
    def _base(name):
        """What the compiler splits off is part of the whole: a frame as large as any."""
        return re.sub(r"\.(cold|part|isra|constprop|lto_priv)\b.*", "", name)

    def _compiler_says(self, obj):
        for line in obj.with_suffix(".ci").read_text().splitlines():
            match = re.match(r'node: \{ title: "([^"]+)" label: "([^"\\]+)\\n[^"]*?'
                             r'\\n(\d+) bytes \(([^)]*)\)', line)
            if match:
                name = self._base(match[1].split(":")[-1])
                self.frame[name] = max(self.frame.get(name, 0), int(match[3]))
                if match[4] == "dynamic":
                    self.odd.append(f"{name}: a frame without bound")
            match = re.match(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', line)
            if not match:
                continue
            caller, callee = (self._base(title.split(":")[-1]) for title in match.groups())
            if callee != "__indirect_call":
                self.calls.setdefault(caller, set()).add(callee)
            elif caller not in INDIRECT:
                self.odd.append(f"{caller}: calls through a pointer, INDIRECT does not say whom")

    def _callees(self, name, path):
        named = self.calls.get(name, set())
        return (named - self.pointed) | {
                callee for callee in INDIRECT.get(name, ())
                if any(callee in self.calls.get(above, ()) for above in (*path, name))}

    def deepest(self, name, cut=frozenset(), path=()):
        """(bytes, path) of the deepest chain from @name down that passes none of @cut."""
        if name in path:
            self.odd.append("recursion: " + " ".join((*path[path.index(name):], name)))
            return 0, ()
        if name in cut:
            return 0, ()
        if name not in self.frame:
            return ALLOWANCES.get(name, ALLOWANCE), (name,)
        carried = frozenset(to for above in path for to in self.calls[above] & self.pointed)
        key = (name, frozenset(cut), carried)
        if key not in self.known:
            need, chain = max((self.deepest(callee, cut, (*path, name))
                               for callee in self._callees(name, path)), default=(0, ()))
            self.known[key] = (self.frame[name] + need, (name, *chain))
        return self.known[key]

    def show(self, name, limit, cut):
        """Print the deepest path; whether it is short enough."""
        need, path = self.deepest(name, cut)
        bad = limit and need >= limit
        print(f"{need:5} {f'of {limit}' if limit else '':8}{name}{'  TOO MUCH' if bad else ''}")
        for step in path:
            outside = "" if step in self.frame else " (allowance)"
            print(f"{self.frame.get(step, ALLOWANCES.get(step, ALLOWANCE)):19} {step}{outside}")
        return not bad


def main():
    root, cc = pathlib.Path(sys.argv[1]), sys.argv[2:]
    graph.need(cc[0], "readelf")
    with tempfile.TemporaryDirectory() as work:
        if not graph.accepts(cc, "-fcallgraph-info=su", work):
            graph.skip(f"{cc[0]} draws no call graph")
        stack = Stack(root, cc, work)
    context = graph.contexts(root / "include/bpfstream.h")
    good = True
    for name in (DOUBLE, FORK):
        if name not in stack.frame:
            print(f"no function {name}: the limits have lost their meaning")
            good = False
    any_context = sorted((name for name in context if context[name] == "any"),
                         key=lambda name: (name not in LIMITED, name))
    slack = 0 if graph.output(*cc, "-dumpmachine").startswith("x86_64") else SLACK
    for limit, cut, what in LIMITS:
        print(f"--- {what}")
        for name in any_context:
            good &= stack.show(name, limit + slack if name in LIMITED else 0, cut)
    for name in LIMITED:
        if context.get(name) != "any":
            print(f"{name} is not a public function of context any")
            good = False
    for line in sorted(set(stack.odd)):
        print(line)
        good = False
    return 0 if good else 1


sys.exit(main())
