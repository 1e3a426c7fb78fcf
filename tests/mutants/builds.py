# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A copy of the tree, and builds of it in the flavours that see different things."""
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess

JOBS = "2"
BAD = ("FAIL", "ERROR", "INTERRUPT", "UNEXPECTEDPASS")

# meson's arguments, the test setup, and the suites that are worth running, cheapest first
COMMON = ["-Dexamples=false", "-Ddebug=false", "-Doptimization=1"]
FLAVOURS = {
    "native": (COMMON, None,
               ["unit", "contract", "weak", "fault", "model", "kshim", "static", "sim", "fuzz",
                "stress", "sweep", "torture", "nmi"]),
    "tsan": ([*COMMON, "-Db_sanitize=thread"], None,
             ["contract", "unit", "stress", "torture"]),
    "asan": ([*COMMON, "-Db_sanitize=address,undefined"], None, ["unit", "model"]),
    "helgrind": ([*COMMON, "-Dannotate=true"], "helgrind", ["contract", "unit"]),
}

ENVIRONMENT = {
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
    "ASAN_OPTIONS": "detect_stack_use_after_return=0",
}

# @result: passed, failed, hangs, or does not build; @test: SUITE/TEST; @detail: what it said
Verdict = collections.namedtuple("Verdict", "result test detail")
PASSED = Verdict("passed", "", "")


def run(command, log, **options):
    with open(log, "w", encoding="utf-8") as out:
        return subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False,
                              stdin=subprocess.DEVNULL, **options).returncode


def said(text):
    """The line that tells best what went wrong."""
    for pattern in (r"\[  (?:FAILED|ERROR ) ? \] (?!\d+ test)([a-z]\w+)",
                    r"WARNING: ThreadSanitizer: ([a-z ]+)", r"(.*), by these choices",
                    r"ERROR: AddressSanitizer: (\S+)", r"runtime error: (.*)",
                    r"(Possible data race)", r"\[ *RUN *\] (\S+)(?![\s\S]*\[ *(?:OK|RUN) *\])"):
        found = re.search(pattern, text)
        if found:
            return found[1].strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:80] if lines else ""


class Tree:
    """The copy. Files keep their age as long as they are the same."""

    def __init__(self, root, scratch):
        self.root, self.path = pathlib.Path(root), pathlib.Path(scratch) / "tree"

    def names(self):
        command = ["git", "-C", self.root, "ls-files", "-z", "--cached", "--others",
                   "--exclude-standard"]
        listing = subprocess.run(command, capture_output=True, text=True, check=False)
        names = listing.stdout.split("\0")
        if listing.returncode:	# no work tree: all but the builds
            names = [str(path.relative_to(self.root)) for path in self.root.rglob("*")]
            names = [name for name in names if not name.startswith("build")]
        return {name for name in names if name and (self.root / name).is_file()}

    def copy(self):
        names = self.names()
        for name in names:
            self.write(name, (self.root / name).read_bytes())
            shutil.copymode(self.root / name, self.path / name)
        for path in sorted(self.path.rglob("*")):
            if path.is_file() and str(path.relative_to(self.path)) not in names:
                path.unlink()

    def write(self, name, content):
        path = self.path / name
        if path.is_file() and path.read_bytes() == content:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def put_in(self, changed):
        for name, text in changed.items():
            self.write(name, text.encode())

    def put_back(self, changed):
        for name in changed:
            self.write(name, (self.root / name).read_bytes())


class Build:
    """One flavour of the copy, made when it is first asked for."""

    def __init__(self, flavour, tree, scratch):
        self.flavour, self.tree = flavour, tree
        self.arguments, self.setup, self.suites = FLAVOURS[flavour]
        self.path = pathlib.Path(scratch) / flavour
        self.log = self.path.with_suffix(".log")
        self.tests = None

    def introspect(self, what):
        return json.loads(subprocess.run(["meson", "introspect", what, self.path], check=True,
                                         capture_output=True, text=True).stdout)

    def configure(self):
        if self.tests is not None:
            return
        if not (self.path / "build.ninja").is_file():
            shutil.rmtree(self.path, ignore_errors=True)
            if run(["meson", "setup", self.path, self.tree.path, *self.arguments], self.log):
                raise SystemExit(f"{self.flavour}: meson setup fails: see {self.log}")
        elif run(["ninja", "-C", self.path, "build.ninja"], self.log):
            raise SystemExit(f"{self.flavour}: meson setup fails: see {self.log}")
        files = {target["id"]: target["filename"] for target in self.introspect("--targets")}
        self.tests = collections.OrderedDict()
        for test in self.introspect("--tests"):
            needs = [os.path.relpath(name, self.path) for target in test["depends"]
                     for name in files.get(target, [])]
            suite = test["suite"][0].split(":")[-1] if test["suite"] else ""
            self.tests[f"{suite}/{test['name']}"] = needs

    def select(self, wanted):
        """The tests that @wanted, SUITE or SUITE/TEST, stands for: not those of these lists."""
        self.configure()
        return [name for name in self.tests if wanted in (name, name.split("/")[0])
                and not name.startswith("static/mutants-")]

    def test(self, names, patience=None):
        """Build what @names need and run them until one fails."""
        self.configure()
        if not names:
            return PASSED
        needs = sorted({need for name in names for need in self.tests[name]})
        if run(["ninja", "-j", JOBS, "-C", self.path, *needs], self.log) if needs else 0:
            lines = [line for line in self.log.read_text().splitlines() if "error" in line]
            return Verdict("does not build", names[0], (lines or [""])[0][-100:])
        for old in (self.path / "meson-logs").glob("mutant*"):
            old.unlink()
        command = ["setarch", os.uname().machine, "-R", "meson", "test", "-C", self.path,
                   "--no-rebuild", "--num-processes", JOBS, "--maxfail", "1", "--logbase", "mutant"]
        command += ["--setup", self.setup] if self.setup else []
        command += ["--timeout-multiplier", str(patience)] if patience else []
        run([*command, *(name.split("/", 1)[1] for name in names)], self.log,
            env={**os.environ, **ENVIRONMENT})
        return self.verdict(names)

    def verdict(self, names):
        logs = list((self.path / "meson-logs").glob("mutant*.json"))
        if not logs:
            return Verdict("does not build", names[0], f"no test was run: see {self.log}")
        hangs, ran = None, 0
        for line in logs[0].read_text().splitlines():
            entry = json.loads(line)
            suite, _, test = entry["name"].rpartition(" / ")
            name = f"{suite.split(':')[-1]}/{test}"
            ran += 1
            text = (entry.get("stdout") or "") + (entry.get("stderr") or "")
            if entry["result"] in BAD:
                return Verdict("failed", name, said(text))
            if entry["result"] == "TIMEOUT":
                hangs = Verdict("hangs", name, said(text))
        return hangs or (PASSED if ran else Verdict("does not build", names[0], "no test was run"))
