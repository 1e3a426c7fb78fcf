#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the guests said.

usage: report.py --line LOG               one line about a boot
       report.py --only-failed TEST LOG   succeed if TEST, and nothing else, failed in it
       report.py --table DIR              all boots of DIR, and the closing line

A boot is LOG.meta (name=, cpus=, status=, seconds=, expect=, stock=, retry=), LOG.console (the kernel's) and
LOG.out (the programs', as init.c marks them). What a boot is expected to have and does not is a
failure, so a guest that dies early cannot pass.
"""
import pathlib
import re
import subprocess
import sys

# upstream's own subtests, and stream_syscall, which has none
STREAM_TESTS = {"7.3": 23, "7.2": 17}
# their object has a bpf_timer, which no PREEMPT_RT kernel loads
TIMED = {"stream_arena_fault_address", "stream_success/stream_arena_callback_fault", "stream_syscall"}
TIMED_PARTS = 4                                 # the first's five subtests then are one
RACY = "stream_success/stream_arena_callback_fault"
COMPLAINT = re.compile(r"WARNING: |BUG: |KASAN: |UBSAN: |INFO: (?:task|trying|rcu|lockdep)|rcu: INFO:|\bOops\b|"
                       r"general protection fault|Kernel panic|possible (?:circular|recursive|irq)")
RACE = "BUG: KCSAN: "
COPIES = re.compile(r"mem(cpy|set|move)|copy_to_user|vsnprintf|bstr_printf")
HERE = pathlib.Path(__file__).resolve().parent


class Row:
    """One line of the table."""

    def __init__(self, suite):
        self.suite, self.passed, self.failed, self.skipped, self.seconds = suite, 0, 0, 0, 0.0
        self.notes = []

    def fail(self, note):
        self.failed += 1
        self.notes.append(note)

    def text(self):
        parts = [f"{self.passed} passed"]
        if self.failed:
            parts.append(f"{self.failed} FAILED")
        if self.skipped:
            parts.append(f"{self.skipped} skipped")
        return f"{self.suite} {', '.join(parts)}"


class Boot:
    def __init__(self, log):
        self.log = log
        self.name = log.name
        meta = [line.split("=", 1) for line in self.lines("meta")]
        self.meta = dict(meta)
        self.cpus = self.meta.get("cpus", "?")
        self.expect = self.meta.get("expect", "").split(",")
        self.retries = sum(key == "retry" for key, _ in meta)
        self.console, self.times = [], []
        for line in self.lines("console"):
            found = re.match(r"\[ *(\d+\.\d+)\](?:\[[^]]*\])? ?(.*)", line)
            self.console.append(found[2] if found else line)
            self.times.append(float(found[1]) if found else 0.0)
        self.out = self.lines("out") or self.console     # where there is no second line
        self.rows, self.remarks = [], []
        if "selftests" in self.expect:
            self.selftests()
        if "kunit" in self.expect:
            self.kunit()
        if "oracle" in self.expect:
            self.oracle()
        if "storm" in self.expect:
            self.storm()
        if "cost" in self.expect:
            self.cost()
        self.complaints()

    def lines(self, kind):
        path = self.log.with_name(f"{self.log.name}.{kind}")
        return path.read_text(errors="replace").replace("\r", "").splitlines() if path.exists() else []

    def runs(self, path):
        """Of each time a program ran: its output, exit status (None if it did not end) and seconds."""
        runs, inside = [], False
        for line in self.out:
            if line.startswith("@run "):
                inside = line[5:].split(",")[0] == path
                if inside:
                    runs.append(([], None, 0.0))
            elif inside and line.startswith("@exit "):
                _, status, seconds = line.split()
                runs[-1] = runs[-1][0], int(status), float(seconds)
                inside = False
            elif inside:
                runs[-1][0].append(line)
        return runs

    def program(self, path):
        runs = self.runs(path)
        return runs[0] if runs else ([], None, 0.0)

    def selftests(self):
        text, status, seconds = self.program("/bin/test_progs")
        results = {}
        for line in text:
            found = re.match(r"#\d+(?:/\d+)?\s+(\S.*?):(OK|FAIL|SKIP)\b", line)
            if found:
                results[found[1]] = found[2]
        if self.retries and self.retried():
            results[RACY] = results["stream_success"] = "OK"
            self.remarks.append(f"{RACY} was late, and passed in boot {self.retries} of its own")
        leaves = {name: result for name, result in results.items()
                  if not any(other.startswith(name + "/") for other in results)}
        stream, other = Row("selftests: stream"), Row("selftests: others")
        stream.seconds = seconds
        for name, result in leaves.items():
            row = stream if name.startswith("stream_") else other
            if result == "OK":
                row.passed += 1
            elif result == "FAIL" and name in TIMED and self.meta["name"].endswith("-rt"):
                row.skipped += 1
                row.notes.append(f"{name}: skipped: a bpf_timer cannot be loaded on PREEMPT_RT")
            elif result == "SKIP" and row is other:
                row.skipped += 1
                row.notes.append(f"{name}: skipped")
            else:
                row.fail(f"{name}: {result}")
        least = STREAM_TESTS.get(self.meta.get("name", "").split("-")[0], 1)
        if stream.skipped:
            least -= TIMED_PARTS
        if len([name for name in leaves if name.startswith("stream_")]) < least:
            stream.fail(f"fewer than {least} stream tests ran")
        if status is None:
            stream.fail("test_progs did not end")
        self.rows += [stream, other] if other.passed + other.failed + other.skipped else [stream]

    def retried(self):
        text = self.lines(f"retry{self.retries}.out")
        return any(re.match(rf"#\S+\s+{RACY}:OK", line) for line in text)

    def kunit(self):
        row = Row("KUnit")
        groups, results, times = set(), [], []
        for line, time in zip(self.console, self.times):
            found = re.match(r" *# Subtest: (\S+)", line)
            if found:
                groups.add(found[1])
                times.append(time)
            found = re.match(r" *(ok|not ok) \d+ ([^#]*?)(?: *# *(SKIP)?.*)?$", line)
            if found:
                results.append((found[2].strip(), "SKIP" if found[3] else found[1]))
                times.append(time)
        row.seconds = max(times, default=0) - min(times, default=0)
        for group in self.suites() - groups:
            row.fail(f"KUnit: {group} did not run")
        for group in groups - {name for name, _ in results}:
            row.fail(f"KUnit: {group} did not end")
        for name, result in results:
            if name in groups and result != "SKIP":
                continue
            if result == "ok":
                row.passed += 1
            elif result == "SKIP":
                row.skipped += 1
                row.notes.append(f"KUnit: {name}: skipped")
            else:
                row.fail(f"KUnit: {name}: failed")
        if not row.passed + row.failed + row.skipped:
            row.fail("KUnit did not run")
        self.rows.append(row)

    @staticmethod
    def suites():
        """The names of the port's suites."""
        sources = (HERE / "../../port/linux").glob("kunit*.c")
        return {name for path in sources for name in re.findall(r'\.name = "(bpf_stream\w*)",', path.read_text())}

    def oracle(self):
        """Its answers beside those of the distribution's kernel."""
        row = Row("oracle")
        _, status, row.seconds = self.program("/bin/oracle")
        stock = self.log.with_name(self.meta.get("stock", "") + ".out")
        ours = self.log.with_name(self.name + ".out")
        if self.meta.get("name", "").endswith("-debug"):
            # what a sanitizer keeps of freed memory, and beside each object, is in these answers
            text = re.sub(r"^ORACLE (memory\.\S+) .*", r"ORACLE \1 skipped: a debug kernel's memory says nothing",
                          "\n".join(self.out) + "\n", flags=re.M)
            ours = self.log.with_name(self.name + ".asked")
            ours.write_text(text)
        command = [sys.executable, "-B", HERE / "oracle-report.py", stock, ours]
        if "-stock-" in self.meta.get("name", ""):
            command.append("/dev/null")         # two unmodified kernels: no difference is meant
        compare = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        self.log.with_name(self.name + ".oracle").write_text(compare.stdout + compare.stderr)
        counts = re.findall(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", compare.stdout, re.M)
        if counts:
            self.remarks.append(f"oracle: what the two kernels answered is in {self.name}.oracle")
            row.passed, row.failed, row.skipped = map(int, counts[-1])
        else:
            row.fail(f"oracle-report.py: {(compare.stderr.strip() or 'no verdict').splitlines()[-1]}")
        if status != 0:
            row.fail("oracle did not end" if status is None else f"oracle exited with {status}")
        self.rows.append(row)

    def storm(self):
        row = Row("storm")
        for text, status, seconds in self.runs("/bin/storm") or [([], None, 0.0)]:
            row.seconds += seconds
            if status == 0:
                row.passed += 1
                continue
            row.fail("storm did not end" if status is None else f"storm exited with {status}")
            row.notes += [line for line in text if line.startswith("STORM")][-8:]
        self.rows.append(row)

    def cost(self):
        """Figures, not a judgement: what the objects take, and a message in them."""
        row = Row("cost")
        text, status, row.seconds = self.program("/bin/cost")
        size = self.log.with_name(self.meta.get("name", "").replace("-counted", "-plain") + ".size")
        totals = [line.split() for line in size.read_text().splitlines() if "(TOTALS)" in line] if size.exists() else []
        for code, data, bss, *_ in totals:
            self.remarks.append(f"objects of the streams: {code} bytes of code and constants, {data} of data, {bss} of bss")
        self.remarks += [f"instructions a message: {line[5:]}" for line in text if line.startswith("COST ")]
        if status == 0:
            row.passed = 1
        else:
            row.fail("cost did not end" if status is None else f"cost exited with {status}")
        self.rows.append(row)

    @staticmethod
    def about(block, ours):
        """Whether a report of a race is about an access of ours: made by us, or by what copies for us."""
        stacks, frames = [], None
        for line in block:
            if re.match(r"(?:race at unknown|read|write|read-write)\b.* (?:to|bytes|origin)", line):
                frames = []
                stacks.append(frames)
            found = re.match(r" ([A-Za-z_][\w.]*)\+0x", line)
            if frames is not None and found:
                frames.append(found[1].split(".")[0])
        return any(stack[:1] and (stack[0] in ours or COPIES.search(stack[0]) and stack[1:2] and stack[1] in ours)
                   for stack in stacks)

    def complaints(self):
        """A row for the kernel's log: what it complained of is a failure."""
        row = Row("kernel log")
        row.seconds = float(self.meta.get("seconds", 0))
        symbols = self.log.with_name(self.meta.get("name", "") + ".symbols")
        ours = set(symbols.read_text().split()) if symbols.exists() else set()
        elsewhere = 0
        # the oracle turns the console off, and prints what it reads of the log; a plain warning there is an
        # answer of the kernel's, compared as such
        said = [line[7:] for line in self.out
                if line.startswith("KERNEL ") and not re.match(r"KERNEL WARNING: (CPU|\S+:\d+ at )", line)]
        log = self.console + said
        for at, line in enumerate(log):
            if not COMPLAINT.search(line):
                continue
            block = log[at:at + 60]
            ends = [i for i, text in enumerate(block) if i and text.startswith("=====")]
            block = block[:ends[0]] if ends else block
            if RACE in line and not self.about(block, ours):
                elsewhere += 1
                continue
            row.fail(f"the kernel's log: {line.strip()}")
        if elsewhere:
            self.remarks.append(f"{elsewhere} data races in other parts of the kernel, none with ours")
        leaks = [i for i, line in enumerate(self.out) if line.startswith("unreferenced object")]
        for at in leaks:
            block = "\n".join(self.out[at:at + 30]).split("unreferenced object")[1]
            frames = set(re.findall(r"[A-Za-z_]\w+", block))
            if ours & frames:
                row.fail(f"not freed: {' '.join(sorted(ours & frames))}")
            else:
                self.remarks.append(f"not freed, not ours: {self.out[at]}")
        for line in self.out:
            if line.startswith("@put "):
                row.fail(f"could not be written: {line[5:]}")
        if "@done" not in self.out:
            row.fail("the guest died" if self.meta.get("status") == "0" else "the guest ran out of time")
        if not row.failed:
            row.passed = 1
        self.rows.append(row)

    def failed(self):
        return [note for row in self.rows for note in row.notes if row.failed]


def table(directory):
    logs = sorted(path.with_suffix("") for path in directory.glob("*.meta"))
    logs.sort(key=lambda log: log.with_name(log.name + ".meta").stat().st_mtime)
    boots = [Boot(log) for log in logs]
    steps = [line.split("\t") for line in (directory / "steps").read_text().splitlines()]
    passed, failed, skipped = 0, 0, 0
    notes = [f"{name}: {suite} failed" for name, suite, status, _ in steps if status != "0"]
    width = max([len(boot.meta["name"]) for boot in boots] + [len(step[0]) for step in steps], default=8)

    def show(name, suite, cpus, *counts):
        print(f"{name:{width}}  {suite:18} {cpus:>4}  {counts[0]:>6}  {counts[1]:>6}  {counts[2]:>7}  {counts[3]:>7}")

    print()
    show("kernel", "suite", "CPUs", "passed", "failed", "skipped", "seconds")
    for name, suite, status, seconds in steps:
        done = int(status == "0")
        # a step that only prepares is no test; that it failed is a failure all the same
        counts = done if suite in ("installer", "checks", "recorded") else 0, 1 - done, 0
        if suite in ("installer", "checks", "recorded", "build") or not done:
            show(name, suite, "", *(counts if any(counts) else ("", "", "")), seconds)
        passed, failed = passed + counts[0], failed + counts[1]
    for boot in boots:
        for row in boot.rows:
            show(boot.meta["name"], row.suite, boot.cpus, row.passed, row.failed, row.skipped, f"{row.seconds:.1f}")
            passed, failed, skipped = passed + row.passed, failed + row.failed, skipped + row.skipped
    print()
    for boot in boots:
        for note in [note for row in boot.rows for note in row.notes] + boot.remarks:
            print(f"{boot.name}: {note}")
    print(*notes, sep="\n", end="\n" if notes else "")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


def main(words):
    if len(words) == 2 and words[0] == "--table":
        return table(pathlib.Path(words[1]))
    if len(words) == 2 and words[0] == "--line":
        boot = Boot(pathlib.Path(words[1]))
        print(f"{boot.meta['name']}, {boot.cpus} CPUs: {'; '.join(row.text() for row in boot.rows)}"
              f" ({boot.meta['seconds']} s)")
        return 0
    if len(words) == 3 and words[0] == "--only-failed":
        failed = Boot(pathlib.Path(words[2])).failed()
        return 0 if [note for note in failed if "skipped" not in note] == [f"{words[1]}: FAIL"] else 1
    sys.exit(__doc__.strip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
