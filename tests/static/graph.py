# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the library's objects are made of: functions, whom they refer to, and stack frames.

The sources are compiled here, with the flags of an optimized build, so the answers do not hang on
how the build directory was set up. Every function and every datum gets a section of its own; the
relocations of a section are all it refers to, calls that the compiler made up included. A
function whose address is taken counts as referred to, so a closure is too large rather than too
small.
"""
import pathlib
import re
import shutil
import subprocess
import sys

FLAGS = ("-std=gnu11", "-O2", "-D_GNU_SOURCE", "-fPIC", "-fvisibility=hidden",
         "-fno-omit-frame-pointer", "-fno-stack-protector", "-U_FORTIFY_SOURCE",
         "-ffunction-sections", "-fdata-sections")
LINKER_NAMES = {"_GLOBAL_OFFSET_TABLE_"}


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            skip(f"no {tool}")


def output(*argv):
    return subprocess.run([str(arg) for arg in argv], check=True, capture_output=True,
                          text=True).stdout


def accepts(cc, flag, work):
    probe = subprocess.run([*cc, "-Werror", flag, "-c", "-xc", "/dev/null",
                            "-o", f"{work}/probe.o"], capture_output=True)
    return probe.returncode == 0


def sources(root):
    """src/ and port/user/ without what only tests build."""
    return [path for folder in ("src", "port/user") for path in sorted((root / folder).glob("*.c"))
            if path.name != "fault.c"]


def build(root, cc, work, *more):
    """Compile all; returns {object: source}."""
    flags = [*FLAGS, *more, f"-I{root}/include", f"-I{root}/src", f"-I{root}/port/user"]
    if accepts(cc, "-mno-outline-atomics", work):
        flags.append("-mno-outline-atomics")
    objects = {}
    for source in sources(root):
        obj = pathlib.Path(work, f"{source.parent.name}_{source.stem}.o")
        subprocess.run([*cc, *flags, "-c", str(source), "-o", str(obj)], check=True)
        objects[obj] = source
    return objects


class Graph:
    """Sections, what they define and what they refer to.

    home: {global name: (object, section)}
    functions: {(object, section): name of the function in it}
    refs: {(object, section): [(relocation type, name or section)]}
    """

    def __init__(self, objects):
        self.home = {}
        self.local = {}
        self.functions = {}
        self.refs = {}
        for obj in objects:
            self._symbols(obj)
        for obj in objects:
            self._relocations(obj)

    def _symbols(self, obj):
        sections = {}
        for match in re.finditer(r"^\s*\[\s*(\d+)\]\s+(\S+)", output("readelf", "-SW", obj), re.M):
            sections[match[1]] = match[2]
        for line in output("readelf", "-sW", obj).splitlines():
            field = line.split()
            if len(field) < 8 or not field[0].endswith(":") or field[6] not in sections:
                continue
            where = (obj, sections[field[6]])
            if field[4] == "LOCAL":
                self.local[obj, field[7]] = where
            else:
                self.home[field[7]] = where
            if field[3] == "FUNC":
                self.functions[where] = field[7]

    def _relocations(self, obj):
        section = None
        for line in output("readelf", "-rW", obj).splitlines():
            match = re.match(r"Relocation section '\.rela?(\.\S+)'", line)
            if match:
                section = match[1]
                continue
            field = line.split()
            if len(field) >= 5 and re.fullmatch(r"[0-9a-f]+", field[0]):
                self.refs.setdefault((obj, section), []).append((field[2], field[4]))

    def find(self, obj, name):
        """Where a name that @obj refers to is defined; None if outside."""
        if name.startswith("."):
            return (obj, name)
        return self.local.get((obj, name)) or self.home.get(name)

    def targets(self, where):
        """(sections, outside names) that a section refers to."""
        inside, outside = set(), set()
        for _, name in self.refs.get(where, ()):
            target = self.find(where[0], name)
            if target:
                inside.add(target)
            elif name not in LINKER_NAMES:
                outside.add(name)
        return inside, outside

    def closure(self, roots):
        """{outside name: one who refers to it}, over all that @roots lead to."""
        seen, ahead, outside = set(), [self.home[root] for root in roots], {}
        while ahead:
            where = ahead.pop()
            if where in seen:
                continue
            seen.add(where)
            inside, names = self.targets(where)
            ahead.extend(inside)
            for name in names:
                outside.setdefault(name, self.functions.get(where, where[1]))
        return outside

    def outside(self, objects):
        """All names that @objects do not define themselves."""
        return {name for where in self.refs if where[0] in objects
                and not where[1].startswith(".debug")
                for name in self.targets(where)[1]}


def contexts(header):
    """{public function: 'any' or 'process'}, as its comment says."""
    text = header.read_text()
    found, like = {}, {}
    declared = r"/\*\*(.*?)\*/\s*BPFSTREAM_API\b[^;(]*?\b\*?(bpfstream_\w+)\("
    for match in re.finditer(declared, text, re.S):
        comment, name = match[1], match[2]
        context = re.search(r"Context: (any|process)", comment)
        same = re.search(r"\(\) - (bpfstream_\w+)\(\) with", comment)
        if context:
            found[name] = context[1]
        elif same:
            like[name] = same[1]
    for name, other in like.items():
        found[name] = found[other]
    return found


def read_list(path):
    """{name: reason} of a list of 'name reason' lines."""
    pairs = [line.split(None, 1) for line in path.read_text().splitlines()
             if line.strip() and not line.startswith("#")]
    return {pair[0]: pair[1] if len(pair) > 1 else "" for pair in pairs}
