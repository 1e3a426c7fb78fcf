#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What port/linux/install.sh promises, on a tree that has only the places it looks for.

usage: installer.py SOURCE_ROOT
"""
import filecmp
import json
import os
import pathlib
import runpy
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(sys.argv[1])
TREE = {
    "include/linux/bpf.h": """\
before
struct bpf_stream_elem {
	int any;
};

struct bpf_stream {
	int any;

	int more;
};

struct bpf_stream_stage {
	int any;
};

	struct bpf_stream stream[2];
void bpf_prog_stream_init(struct bpf_prog *prog);
void bpf_prog_stream_free(struct bpf_prog *prog);
after
""",
    "kernel/bpf/core.c": """\
#ifdef CONFIG_BPF_SYSCALL
	bpf_prog_stream_init(fp);
#endif

""",
    "kernel/bpf/syscall.c": """\
static void bpf_prog_show_fdinfo(struct seq_file *m, struct file *filp)
{
		   prog->aux->verified_insns);
}
	atomic64_set(&prog->aux->refcnt, 1);

	if (bpf_prog_is_dev_bound(prog->aux)) {
""",
    "kernel/bpf/helpers.c": """\
	if (WARN_ON_ONCE(nest_level > MAX_BPRINTF_NEST_LEVEL)) {
					tmp_buf += (err + 1);
			tmp_buf += err + 1;
""",
    "kernel/bpf/Makefile": "obj-$(CONFIG_BPF_SYSCALL) += btf.o memalloc.o rqspinlock.o stream.o\n",
    "kernel/bpf/Kconfig": 'menu "BPF subsystem"\n\nendmenu # "BPF subsystem"\n',
}
problems = []


def check(what, holds):
    print(("ok      " if holds else "not ok  ") + what)
    if not holds:
        problems.append(what)


def install(*arguments):
    return subprocess.run(["sh", ROOT / "port/linux/install.sh", *map(str, arguments)],
                          capture_output=True, text=True)


def contents(tree):
    return {str(path.relative_to(tree)): path.read_bytes()
            for path in sorted(tree.rglob("*")) if path.is_file()}


def make_tree(where):
    for name, text in TREE.items():
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return where


def test_install(tree, pristine):
    new = tree / "kernel/bpf/bpfstream"
    linked = tree.parent / "linked"
    os.link(tree / "kernel/bpf/core.c", linked)
    check("it installs", install(tree).returncode == 0)
    check("the core arrives unchanged", all(
        filecmp.cmp(path, new / path.name, shallow=False) for path in (ROOT / "src").glob("*.[ch]")))
    check("stream.o leaves the build", "stream.o" not in (tree / "kernel/bpf/Makefile").read_text())
    check("a file that another tree shares stays there as it was",
          linked.read_text() == TREE["kernel/bpf/core.c"])
    once = contents(tree)
    check("it installs again", install(tree).returncode == 0)
    check("twice is as once", contents(tree) == once)
    changed = tree / "kernel/bpf/core.c"
    changed.write_text(changed.read_text() + "\n")
    dirty = contents(tree)
    refused = [install(tree), install("--revert", tree)]
    check("what was changed since is left alone", contents(tree) == dirty and all(
        run.returncode and "core.c was changed" in run.stderr for run in refused))
    changed.write_bytes(once["kernel/bpf/core.c"])
    check("it reverts", install("--revert", tree).returncode == 0)
    check("byte for byte", contents(tree) == pristine)
    check("once only", install("--revert", tree).returncode != 0)


def test_patch(tree, pristine):
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@localhost"]
    patch = install("--patch", tree)
    check("it prints a patch", patch.returncode == 0)
    check("and leaves the tree alone", contents(tree) == pristine)
    applied = tree.parent / "applied"
    shutil.copytree(tree, applied)
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], cwd=applied, check=True)
    am = subprocess.run([*git, "am", "-q"], cwd=applied, input=patch.stdout, text=True,
                        capture_output=True)
    check("that git am takes", am.returncode == 0)
    print(am.stderr, end="")
    install(tree)
    installed = {name: data for name, data in contents(tree).items() if "/.installed/" not in name}
    shutil.rmtree(applied / ".git")
    check("and makes what the installer makes", contents(applied) == installed)
    check("an installed tree has the same patch",
          install("--patch", tree).stdout.splitlines()[3:] == patch.stdout.splitlines()[3:])
    install("--revert", tree)


class Interruption(BaseException):
    pass


def interrupted(writes, tree, *options):
    """Run the installer here, until it wants to write once more than that. Whether it came to its end."""
    left, real, argv = [writes], os.replace, sys.argv

    def replace(*arguments):
        if not left[0]:
            raise Interruption
        left[0] -= 1
        real(*arguments)

    os.replace, sys.argv = replace, ["install.py", *options, str(tree)]
    try:
        runpy.run_path(ROOT / "port/linux/install.py", run_name="__main__")
    except Interruption:
        return False
    finally:
        os.replace, sys.argv = real, argv
    return True


def redo(tree, *options):
    """Run it here to its end: what it said, should it have refused."""
    try:
        interrupted(1000, tree, *options)
    except SystemExit as refusal:
        return str(refusal)
    return ""


def whole(tree):
    """What there is, but for what only the installer looks at."""
    return {name: data for name, data in contents(tree).items() if "/.installed/" not in name}


def test_interrupted(tree, pristine):
    work, fresh = tree.parent / "work", tree.parent / "fresh"
    make_tree(fresh)
    install(tree)
    installed = whole(tree)
    for before, options in ((fresh, ()), (tree, ("--revert",))):
        writes, good, ended = 0, True, False
        while not ended:
            for after in (("--revert",), ()):
                shutil.rmtree(work, ignore_errors=True)
                shutil.copytree(before, work)
                ended = interrupted(writes, work, *options)
                said = redo(work, *after)
                good &= whole(work) == (pristine if after else installed)
                good &= not said or bool(after) and "nothing is installed" in said
            writes += 1
        check(f"interrupted at any of {writes - 1} writes, it can be done again and reverted: "
              f"{' '.join(options) or 'install'}", good and writes > 5)
    install("--revert", tree)


def test_built(tree, pristine):
    into = tree / "kernel/bpf/bpfstream"
    install(tree)
    for name in ("page.o", ".page.o.cmd", "built-in.a", "modules.order"):
        (into / name).write_text("made")
    check("what make left goes, too", not install("--revert", tree).returncode and contents(tree) == pristine)
    install(tree)
    (into / "mine.txt").write_text("a note")
    run = install("--revert", tree)
    check("what is somebody's stays, and is said", run.returncode and "mine.txt" in run.stderr and
          [path.name for path in into.iterdir()] == ["mine.txt"])
    check("and is no hindrance", not install(tree).returncode)
    (into / "mine.txt").unlink()
    install("--revert", tree)


def test_undone(tree, pristine):
    """What git checkout and git clean leave: all but what .gitignore hides, as a kernel's does with dot files."""
    installed = {}
    for options in ((), ("--revert",)):
        install(tree)
        installed = installed or whole(tree)
        for name in whole(tree):
            path = tree / name
            path.write_bytes(pristine[name]) if name in pristine else path.unlink()
        run = install(*options, tree)
        check(f"undone by somebody else, it goes on: {' '.join(options) or 'install'}",
              not run.returncode and whole(tree) == (pristine if options else installed))
    check("and nothing is left", contents(tree) == pristine)


def test_foreign_update(tree, pristine):
    """An older version did not bring what is somebody's here, and this one would."""
    name = "kernel/bpf/bpfstream/tally.h"
    install(tree)
    manifest = tree / "kernel/bpf/bpfstream/.installed/manifest.json"
    known = json.loads(manifest.read_text())
    del known[name]
    manifest.write_text(json.dumps(known))
    (tree / name).write_text("mine")
    before = contents(tree)
    run = install(tree)
    check("an update leaves a file alone that is somebody's",
          run.returncode and "tally.h" in run.stderr and contents(tree) == before)
    (tree / name).unlink()
    check("and without it, it is done", not install(tree).returncode)
    check("and reverted", not install("--revert", tree).returncode and contents(tree) == pristine)


def test_unknown(tree, pristine):
    for name, text in TREE.items():
        for line in (line for line in text.splitlines() if line.strip("\t{}; ") not in
                     ("before", "after", "", "int any", "int more", 'menu "BPF subsystem"')):
            (tree / name).write_text(text.replace(line + "\n", "", 1))
            spoilt = contents(tree)
            run = install(tree)
            if not run.returncode or contents(tree) != spoilt or name not in run.stderr:
                check(f"a tree without {line.strip()!r} is refused, unchanged", False)
            (tree / name).write_text(text)
    check("a tree that misses any place is refused, unchanged", contents(tree) == pristine)
    check("what is no tree is refused", install(tree.parent).returncode != 0)


def main():
    if not shutil.which("git"):
        print("skipped: no git")
        return 77
    with tempfile.TemporaryDirectory() as work:
        tree = make_tree(pathlib.Path(work, "tree"))
        pristine = contents(tree)
        for test in (test_install, test_patch, test_interrupted, test_built, test_undone,
                     test_foreign_update, test_unknown):
            test(tree, pristine)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


sys.exit(main())
