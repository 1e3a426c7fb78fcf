#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How much stack a function for any context needs: the deepest path, and what it consists of.

usage: stack.py SOURCE_ROOT CC [ARG...]

Frames are the compiler's own figures, the return address added where it leaves that out. Who calls
whom is in the code. A call through a pointer goes to those of the functions in INDIRECT
whose address somebody further up the path takes. Calls that leave the library are charged by
allowance, more than they need in glibc; with immediate binding none goes through the dynamic
linker. The first call in a forked child, which drops what it inherited, is a path like any other.
"""
import pathlib
import re
import sys
import tempfile

import graph

LIMIT = 1024
SLACK = 128  # off x86-64: more registers to save, and a variadic function's arguments
FUNCTION = re.compile(r"[0-9a-f]+ <(.+)>:$")
# mnemonic, operands, and what they refer to outside of the section
INSTRUCTION = re.compile(r"\s*[0-9a-f]+:\t(?:\w* )*?(\S+)\s*(.*?)(?:\t.*: R_\w+\t(\S+?)"
                         r"(?:[-+]0x[0-9a-f]+)?)?$")
CALL = re.compile(r"call|blr?$")
INDIRECT_CALL = re.compile(r"call \*|blr ")
BRANCH = re.compile(r"call|j|b$|blr?$|b\.|cbn?z$|tbn?z$")
SINKS = ("copy_out", "write_out", "write_pieces", "swallow")
INDIRECT = {
        "bsp_peek_by": ("peek_piece", "bsp_peek_vm", "bsp_peek_probe"),
        "deliver": SINKS,
        "bpfstream_deliver_log": SINKS,
        "bpfstream_deliver_hidden": SINKS,
        "deliver_line": SINKS,
        "deliver_text": SINKS,
        "bsp_fork_init": ("make_word",),  # by pthread_once()
}
POINTED = {name for names in INDIRECT.values() for name in names}
ALLOWANCE = 32
ALLOWANCES = {"pthread_mutex_init": 64, "urcu_bp_read_lock": 128}


def base(name):
    """As a .su file has it; what is split off as cold has its function's frame."""
    return re.sub(r"\.cold\b|\.\d+\b", "", name)


def plain(function):
    """The name in the source."""
    return function[1].split(".")[0]


def stack_usage(path):
    """{function: bytes} of a .su file, and the names of those without a bound."""
    frame, unbound = {}, []
    for line in path.read_text().splitlines():
        name, size, kind = line.split("\t")
        name = base(name.split(":")[-1])
        frame[name] = max(frame.get(name, 0), int(size))
        if kind == "dynamic":
            unbound.append(name)
    return frame, unbound


class Stack:
    """A function is (object, name); what is outside of the library is (None, name).

    frame: {function: bytes}
    calls: {function: functions it calls}
    jumps: {function: functions it ends in, its own frame gone}
    takes: {function: names of the functions whose address it takes}
    odd: what the figures cannot be trusted for
    """

    def __init__(self, root, cc, work):
        self.objects = graph.build(root, cc, work, "-fstack-usage")
        self.graph = graph.Graph(self.objects)
        self.odd = []
        self.frame, self.known = {}, {}
        self.calls, self.jumps, self.takes = {}, {}, {}
        left_out = self._return_address(cc, work)
        for obj in self.objects:
            frame, unbound = stack_usage(obj.with_suffix(".su"))
            self.frame |= {(obj, name): size + left_out for name, size in frame.items()}
            self.odd += [f"{name}: a frame without bound" for name in unbound]
            self._code(obj)

    @staticmethod
    def _return_address(cc, work):
        """Bytes of it that the compiler's figures leave out."""
        if not graph.output(*cc, "-dumpmachine").startswith("x86_64"):
            return 0
        probe = pathlib.Path(work, "empty.c")
        probe.write_text("void empty(void);\nvoid empty(void) { }\n")
        graph.output(*cc, "-O2", "-fomit-frame-pointer", "-fstack-usage", "-c", probe,
                     "-o", probe.with_suffix(".o"))
        return 8 - stack_usage(probe.with_suffix(".su"))[0]["empty"]

    def _code(self, obj):
        function = None
        for line in graph.output("objdump", "-drw", "--no-show-raw-insn", obj).splitlines():
            match = FUNCTION.match(line)
            if match:
                function = (obj, base(match[1]))
                for edges in self.calls, self.jumps, self.takes:
                    edges.setdefault(function, set())
            match = INSTRUCTION.match(line)
            if match:
                self._instruction(function, *match.groups())

    def _instruction(self, function, mnemonic, operands, name):
        branch, call = BRANCH.match(mnemonic), CALL.match(mnemonic)
        if INDIRECT_CALL.match(f"{mnemonic} {operands}") and not name:
            if plain(function) not in INDIRECT:
                self.odd.append(f"{function[1]} calls through a pointer, unknown to INDIRECT")
        elif call and not name:  # to its own section, which is one function
            self.calls[function].add(function)
        target = name and self.graph.find(function[0], name)
        if target and target in self.graph.functions:
            callee = (target[0], base(self.graph.functions[target]))
        elif name and branch and not target:
            callee = (None, name)
        else:
            return
        if branch and (call or callee != function):
            (self.calls if call else self.jumps)[function].add(callee)
        elif not branch:
            self.takes[function].add(plain(callee))
            if plain(callee) not in POINTED:
                self.odd.append(f"{function[1]} takes {callee[1]}'s address, unknown to INDIRECT")

    def _callees(self, function, path):
        possible = INDIRECT.get(plain(function), ())
        return self.calls[function] | {
                callee for callee in self.frame if plain(callee) in possible
                and any(plain(callee) in self.takes[above] for above in (*path, function))}

    def deepest(self, function, path=()):
        """(bytes, [(name, bytes)]) of the deepest chain from @function down."""
        if function in path:
            self.odd.append("recursion: " + " ".join(name for _, name in (*path, function)))
            return 0, []
        if function not in self.frame:
            need = ALLOWANCES.get(function[1], ALLOWANCE)
            return need, [(f"{function[1]} (allowance)", need)]
        carried = frozenset(name for above in path for name in self.takes[above])
        key = (function, carried)
        if key not in self.known:
            self.known[key] = max(self._chains(function, path))
        return self.known[key]

    def _chains(self, function, path):
        """What @function may lead to; a jump leaves no frame of its own behind."""
        name, frame = function[1], self.frame[function]
        yield frame, [(name, frame)]
        for callee in self._callees(function, path):
            need, chain = self.deepest(callee, (*path, function))
            yield frame + need, [(name, frame), *chain]
        for callee in self.jumps[function]:
            need, chain = self.deepest(callee, (*path, function))
            yield need, [(name, 0), *chain]

    def show(self, name, limit):
        """Print the deepest path; whether it is short enough."""
        need, chain = self.deepest((self.graph.home[name][0], name))
        print(f"{need:5} of {limit} {name}{'' if need < limit else '  TOO MUCH'}")
        for step, size in chain:
            print(f"{size:19} {step}")
        return need < limit


def main():
    root, cc = pathlib.Path(sys.argv[1]), sys.argv[2:]
    graph.need(cc[0], "readelf", "objdump")
    with tempfile.TemporaryDirectory() as work:
        if not graph.accepts(cc, "-fstack-usage", work):
            graph.skip(f"{cc[0]} does not tell its stack usage")
        stack = Stack(root, cc, work)
    context = graph.contexts(root / "include/bpfstream.h")
    limit = LIMIT
    if not graph.output(*cc, "-dumpmachine").startswith("x86_64"):
        limit += SLACK
    good = True
    for name in sorted(name for name in context if context[name] == "any"):
        good &= stack.show(name, limit)
    for line in sorted(set(stack.odd)):
        print(line)
        good = False
    return 0 if good else 1


sys.exit(main())
