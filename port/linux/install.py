#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Put the core and the Linux port into a kernel tree.

usage: install.sh TREE            install, or bring an installation up to date
       install.sh --revert TREE   restore the tree, byte for byte
       install.sh --patch TREE    print the change as a patch for git am; TREE stays as it is

All that is to be changed is looked for first. If a place is not there, or not as it was left, that is
said and nothing is written.
"""
import difflib
import email.utils
import hashlib
import json
import os
import pathlib
import re
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
CORE = HERE.parent.parent / "src"
PORT = ("bsp.h", "percpu.h", "percpu.c", "glue.h", "glue.c", "kunit.h",
        "kunit.c", "kunit-stream.c", "kunit-glue.c", "kunit-model.c", "kunit-context.c", "Kbuild", "Kconfig")
INTO = "kernel/bpf/bpfstream"
STATE = INTO + "/.installed"
BUILT = re.compile(r".*\.(o|a|i|s|lst|mod|gcno)|modules\.order|\..*\.(cmd|d)")  # what make leaves there

ROOM = """\
{0}if (err >= tmp_buf_end - tmp_buf) {{
{0}	err = -ENOSPC;
{0}	goto out;
{0}}}
"""

# What to find, exactly once, and what to put there. In the order of the files' lines.
EDITS = {
    "include/linux/bpf.h": (
        (r"struct bpf_stream_elem \{\n(?:[^}].*\n)*\};\n\n", ""),
        (r"struct bpf_stream \{\n(?:[^}].*\n|\n)*\};\n",
         "struct bpf_stream;\t/* kernel/bpf/bpfstream/glue.c */\n"),
        (r"(struct bpf_stream_stage \{\n)(?:[^}].*\n)*\};\n",
         r"\1\tu64 state[8];\t\t/* kernel/bpf/bpfstream/stage.h */\n};\n"),
        (r"\tstruct bpf_stream stream\[2\];\n", "\tstruct bpf_stream *stream;\t/* stdout and stderr */\n"),
        (r"void (bpf_prog_stream_init\(struct bpf_prog \*prog\);\n)", r"int \1"),
        (r"(void bpf_prog_stream_free\(struct bpf_prog \*prog\);\n)",
         r"\1void bpf_prog_stream_show_fdinfo(struct seq_file *m, const struct bpf_prog *prog);\n"),
    ),
    "kernel/bpf/core.c": (
        (r"#ifdef CONFIG_BPF_SYSCALL\n\tbpf_prog_stream_init\(fp\);\n#endif\n\n", ""),
    ),
    "kernel/bpf/syscall.c": (
        (r"(static void bpf_prog_show_fdinfo\((?:.*\n)*?\t\t   prog->aux->verified_insns\);\n)",
         r"\1\tbpf_prog_stream_show_fdinfo(m, prog);\n"),
        (r"(\tatomic64_set\(&prog->aux->refcnt, 1\);\n\n)(\tif \(bpf_prog_is_dev_bound\(prog->aux\)\) \{\n)",
         r"\1\terr = bpf_prog_stream_init(prog);\n\tif (err)\n\t\tgoto free_prog;\n\n\2"),
    ),
    "kernel/bpf/helpers.c": (
        (r"WARN_ON_ONCE\((nest_level > MAX_BPRINTF_NEST_LEVEL)\)", r"\1"),
        (r"(\t+)(tmp_buf \+= \(err \+ 1\);\n)", lambda m: ROOM.format(m[1]) + m[0]),
        (r"(\t+)(tmp_buf \+= err \+ 1;\n)", lambda m: ROOM.format(m[1]) + m[0]),
    ),
    "kernel/bpf/Makefile": (
        (r"(obj-\$\(CONFIG_BPF_SYSCALL\) \+= btf\.o .*) stream\.o\n",
         r"\1\nobj-$(CONFIG_BPF_SYSCALL) += bpfstream/\n"),
    ),
    "kernel/bpf/Kconfig": (
        (r'(endmenu # "BPF subsystem"\n)', r'source "kernel/bpf/bpfstream/Kconfig"\n\n\1'),
    ),
}


class Refusal(Exception):
    pass


def digest(data):
    return None if data is None else hashlib.sha256(data).hexdigest()


def sources():
    """{path in the tree: contents} of what is new there."""
    paths = sorted([*CORE.glob("*.c"), *CORE.glob("*.h"), *(HERE / name for name in PORT)])
    return {f"{INTO}/{path.name}": path.read_bytes() for path in paths if path.exists()}


def edited(name, data):
    text = data.decode("utf-8", "surrogateescape")
    for anchor, put in EDITS[name]:
        text, found = re.subn(anchor, put, text)
        if found != 1:
            raise Refusal(f"{name}: {'no' if not found else found} place like /{anchor[:60]}/: "
                          "this tree is not one that is known")
    return text.encode("utf-8", "surrogateescape")


class Tree:
    """A tree, and what was done to it.

    The manifest has, of each path that is ours or changed, the digests that it may have; None is no file.
    It says old and new before a file is touched, and new alone afterwards: who is interrupted can
    do it again, or revert. What the files to change were is kept before that.
    """

    def __init__(self, root):
        self.root = pathlib.Path(root)
        if not (self.root / "kernel/bpf/Makefile").is_file():
            raise Refusal(f"{root}: not a kernel tree")
        state = self.root / STATE / "manifest.json"
        self.manifest = json.loads(state.read_text()) if state.is_file() else {}
        foreign = [name for name in sources() if name not in self.manifest and self.read(name) is not None]
        if foreign:
            raise Refusal(f"{root}/{foreign[0]} is there, but not from here")

    def read(self, name):
        path = self.root / name
        return path.read_bytes() if path.is_file() else None

    def original(self, name):
        """What @name was before; None if it was not there."""
        kept = self.read(f"{STATE}/{name}") if self.manifest else None
        return kept if kept is not None or name in self.manifest else self.read(name)

    def originals(self):
        """{path: contents} of the files to edit, as they were before. Checks all that was put.

        What is as it was before was taken out by somebody else: git, which leaves what we keep.
        """
        for name, digests in self.manifest.items():
            data = self.read(name)
            if data != self.original(name) and digest(data) not in digests:
                raise Refusal(f"{name} was changed since it was installed")
        before = {name: self.original(name) for name in EDITS}
        missing = [name for name, data in before.items() if data is None]
        if missing:
            raise Refusal(f"no {missing[0]}: this tree is not one that is known")
        return before

    def write(self, name, data):
        """In a new file: the tree may share its files with another one."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode if path.exists() else 0o100644
        if path.exists() and path.read_bytes() == data:
            return
        temporary = self.root / STATE / "new"
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.chmod(mode & 0o7777)
        os.replace(temporary, path)

    def put(self, name, data):
        if data is None:
            (self.root / name).unlink(missing_ok=True)
        else:
            self.write(name, data)

    def remember(self, allowed):
        text = {name: sorted({digest(data) for data in some}, key=str) for name, some in allowed.items()}
        self.write(f"{STATE}/manifest.json", json.dumps(text, indent=0).encode())

    def change(self, want):
        """Make each path's contents what @want says, and what is no more wanted what it was."""
        want = {**{name: self.original(name) for name in self.manifest}, **want}
        self.remember({name: (self.read(name), data) for name, data in want.items()})
        for name, data in want.items():
            self.put(name, data)
        ours = {*sources(), *EDITS}
        self.remember({name: (data,) for name, data in want.items() if name in ours})

    def install(self):
        originals = self.originals()
        want = {**sources(), **{name: edited(name, data) for name, data in originals.items()}}
        for name, data in originals.items():
            self.write(f"{STATE}/{name}", data)
        self.change(want)

    def revert(self):
        if not self.manifest:
            raise Refusal("nothing is installed there")
        self.originals()
        self.change({})
        (self.root / STATE / "manifest.json").unlink()      # first: without it, the rest is nothing
        shutil.rmtree(self.root / STATE)
        into = self.root / INTO
        for path in into.iterdir():
            if BUILT.fullmatch(path.name):
                path.unlink()
        left = sorted(path.name for path in into.iterdir())
        if left:
            sys.exit(f"install.sh: reverted, but {INTO} stays, with what is not from here: {' '.join(left)}")
        into.rmdir()

    def patch(self):
        originals = self.originals()
        change = {name: (data, edited(name, data)) for name, data in originals.items()}
        change.update({name: (None, data) for name, data in sources().items()})
        print(PATCH_HEAD.format(date=email.utils.formatdate()), end="")
        for name in sorted(change):
            print_diff(name, *change[name])
        print("-- \nlibbpfstream")


PATCH_HEAD = """\
From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: libbpfstream <libbpfstream@localhost>
Date: {date}
Subject: [PATCH] bpf: streams that lose nothing

Replace the machine behind BPF_STDOUT and BPF_STDERR. Charging for a message and publishing it are one
compare-and-swap, so a failed allocation costs no capacity; a nested context has a page of its own; what
is refused is counted. See kernel/bpf/bpfstream/.
---
"""


def print_diff(name, old, new):
    def lines(data):
        return data.decode("utf-8", "surrogateescape").splitlines(keepends=True)

    print(f"diff --git a/{name} b/{name}")
    if old is None:
        print("new file mode 100644")
    out = difflib.unified_diff(lines(old) if old else [], lines(new),
                               f"a/{name}" if old else "/dev/null", f"b/{name}")
    sys.stdout.write("".join(out))


def main(argv):
    options = [word for word in argv if word.startswith("-")]
    trees = [word for word in argv if not word.startswith("-")]
    if len(trees) != 1 or options not in ([], ["--revert"], ["--patch"]):
        sys.exit(__doc__.strip())
    sys.stdout.reconfigure(errors="surrogateescape")
    try:
        tree = Tree(trees[0])
        {"--revert": tree.revert, "--patch": tree.patch}.get(options[0] if options else "",
                                                            tree.install)()
    except Refusal as refusal:
        sys.exit(f"install.sh: {refusal}. Nothing was changed.")


main(sys.argv[1:])
