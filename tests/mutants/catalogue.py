# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The list of seeded bugs: reading it, and putting one into a tree.

A list is a text file of entries:

    mutant  NAME
    says    what is wrong, in a line
    kill    FLAVOUR SUITE[/TEST]    who is expected to see it; several are tried in turn
    hang    yes                     a test that never ends counts as having seen it
    survives yes                    it changes nothing, so whoever kills it is wrong
    missing yes                     no suite can see it yet: told, and not counted as failed
    file    PATH
    -old line
    +new line
     line that stays

The lines after "file" are hunks, as in a diff but without line numbers, parted by "@@". What was
there, lines that stay included, must be found in the file exactly once; how it is indented and
spaced does not matter, nor what stands around it. "file" may come again. "#" begins a comment.
"""
import pathlib
import re


class Wrong(Exception):
    """An entry that cannot be used, and why."""


class Hunk:
    def __init__(self, path, where):
        self.path, self.where, self.lines = path, where, []

    def old(self):
        return [text for sign, text in self.lines if sign != "+"]

    def new(self):
        return [text for sign, text in self.lines if sign != "-"]


class Mutant:
    def __init__(self, name, where):
        self.name, self.where = name, where
        self.says, self.kill, self.hunks = "", [], []
        self.hang = self.survives = self.missing = False

    def files(self):
        return sorted({hunk.path for hunk in self.hunks})


def plain(line):
    return " ".join(line.split())


def find(lines, wanted):
    """Where @wanted stands in @lines, both plain."""
    return [at for at in range(len(lines) - len(wanted) + 1)
            if lines[at:at + len(wanted)] == wanted]


def replace(text, hunk, name):
    """@text with @hunk put in."""
    lines = text.split("\n")
    old = [plain(line) for line in hunk.old()]
    places = find([plain(line) for line in lines], old)
    if len(places) != 1:
        raise Wrong(f"{name} no longer applies: {hunk.where}: "
                    f"{'not' if not places else f'{len(places)} times'} in {hunk.path}: {old[0]}")
    at = places[0]
    lines[at:at + len(old)] = hunk.new()
    return "\n".join(lines)


def mutate(mutant, root):
    """The files that @mutant changes in the tree @root, with their new text."""
    changed = {}
    for hunk in mutant.hunks:
        path = pathlib.Path(root) / hunk.path
        if hunk.path not in changed:
            if not path.is_file():
                raise Wrong(f"{mutant.name} no longer applies: {hunk.where}: no {hunk.path}")
            changed[hunk.path] = path.read_text()
        changed[hunk.path] = replace(changed[hunk.path], hunk, mutant.name)
    for name, text in changed.items():
        if text == (pathlib.Path(root) / name).read_text():
            raise Wrong(f"{mutant.name} changes nothing in {name}")
    return changed


class Reader:
    def __init__(self, name):
        self.name, self.mutants, self.hunk, self.path = name, [], None, None

    def key(self, where, key, value):
        if key == "mutant":
            self.mutants.append(Mutant(value, where))
            self.hunk = self.path = None
            return
        if not self.mutants:
            raise Wrong(f"{where}: {key} of no mutant")
        mutant = self.mutants[-1]
        if key == "says":
            mutant.says = value
        elif key == "kill":
            flavour, _, test = value.partition(" ")
            mutant.kill.append((flavour, test.strip()))
        elif key in ("hang", "survives", "missing"):
            setattr(mutant, key, value == "yes")
        elif key == "file":
            self.hunk, self.path = None, value
        else:
            raise Wrong(f"{where}: what is {key}?")

    def line(self, where, line):
        if not line.strip() or line.startswith("#"):
            return
        if line == "@@":
            self.hunk = None
        elif line[0] in "+- ":
            if not self.path:
                raise Wrong(f"{where}: a hunk of no file")
            if not self.hunk:
                self.hunk = Hunk(self.path, where)
                self.mutants[-1].hunks.append(self.hunk)
            self.hunk.lines.append((line[0], line[1:]))
        else:
            key, _, value = line.partition(" ") if " " in line else line.partition("\t")
            self.key(where, key.strip(), value.strip())


def problems(mutants):
    """What is wrong with the entries themselves."""
    seen = set()
    for mutant in mutants:
        if not re.fullmatch(r"[a-z0-9-]+", mutant.name):
            yield f"{mutant.where}: not a name: {mutant.name}"
        if mutant.name in seen:
            yield f"{mutant.where}: {mutant.name} is there twice"
        seen.add(mutant.name)
        if not mutant.says:
            yield f"{mutant.where}: {mutant.name} does not say what is wrong"
        if not any(hunk.old() for hunk in mutant.hunks):
            yield f"{mutant.where}: {mutant.name} changes nothing"
        if not mutant.kill and not mutant.missing:
            yield f"{mutant.where}: {mutant.name} does not say who kills it"


def read(folder):
    """All entries of all lists in @folder."""
    mutants = []
    for path in sorted(pathlib.Path(folder).glob("*.mutants")):
        reader = Reader(path.name)
        for number, line in enumerate(path.read_text().split("\n"), 1):
            reader.line(f"{path.name}:{number}", line)
        mutants += reader.mutants
    wrong = list(problems(mutants))
    if wrong:
        raise Wrong("\n".join(wrong))
    return mutants
