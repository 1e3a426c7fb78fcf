# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
candidates.py: what is run, in which cases, and what a candidate needs that may not be there.

A new log call is a source file that defines bench_candidate (harness.h), a line in meson.build and
a line in CALLS. A program that compares by itself is a line in SIDES.
"""
from dataclasses import dataclass

OURS = "bpfstream"
FORMATS = ("F1", "F2", "F3", "T1000")

LTTNG = "liblttng-ust-dev and lttng-tools"


@dataclass(frozen=True)
class Candidate:
    """A program call-NAME. @package: what to install where the build left it out."""
    name: str
    title: str
    package: str = ""
    formats: tuple = FORMATS
    kind: str = "peer"
    pairs: bool = True      # also with two threads

    @property
    def program(self):
        return "call-" + self.name


def _floor(name, title, package="", pairs=False):
    return Candidate("floor-" + name, title, package, kind="floor", pairs=pairs)


def _queue(name, title, package=""):
    return Candidate("queue-" + name, title, package, formats=("F1",), kind="queue",
                     pairs=name != "ck_ring-spsc")


CALLS = [
    Candidate(OURS, "libbpfstream", kind="ours"),
    Candidate("bpfstream-static", "libbpfstream, static", kind="ours", pairs=False),
    Candidate("bpfstream-write", "libbpfstream, bpfstream_write()", kind="ours", pairs=False,
              formats=("F1", "T1000")),
    Candidate("plain", "plain: Linux's first algorithm", kind="plain"),
    Candidate("plain-write", "plain, ready text", kind="plain", pairs=False,
              formats=("F1", "T1000")),
    _floor("empty", "an empty call"),
    _floor("own", "own formatter alone"),
    _floor("own-copy", "own formatter + memcpy"),
    _floor("own-copy-1", "own formatter + memcpy + 1 locked", pairs=True),
    _floor("own-copy-1shared", "own formatter + memcpy + 1 shared", pairs=True),
    _floor("own-copy-2", "own formatter + memcpy + 2 locked"),
    _floor("own-copy-2shared", "own formatter + memcpy + 2 shared", pairs=True),
    _floor("stb", "stb_vsnprintf alone", "libstb-dev"),
    _floor("stb-copy-2", "stb_vsnprintf + memcpy + 2 locked", "libstb-dev"),
    _floor("glibc", "glibc vsnprintf alone"),
    _floor("glibc-copy-1", "glibc vsnprintf + memcpy + 1 locked"),
    Candidate("lttng-tracepoint", "LTTng-UST tracepoint, formats later", LTTNG),
    Candidate("lttng-tracef", "LTTng-UST tracef", LTTNG),
    Candidate("libqb", "libqb blackbox, formats later", "libqb-dev"),
    Candidate("spdlog-async", "spdlog async, null sink", "libspdlog-dev"),
    Candidate("absl-raw", "Abseil RAW_LOG to /dev/null", "libabsl-dev"),
    Candidate("glog-raw", "glog RAW_LOG to /dev/null", "libgoogle-glog-dev"),
    Candidate("write-null", "snprintf + write, /dev/null"),
    Candidate("write-pipe", "snprintf + write, drained pipe"),
    Candidate("write-tmpfs", "snprintf + write, tmpfs"),
    Candidate("dprintf-null", "dprintf, /dev/null"),
    Candidate("write-datagram", "snprintf + datagram, as syslog"),
]

QUEUES = [
    _queue("bpfstream", "libbpfstream's list"),
    _queue("wfcqueue", "liburcu wfcqueue"),
    _queue("wfstack", "liburcu wfstack"),
    _queue("lfstack", "liburcu lfstack"),
    _queue("ck_stack", "ck_stack", "libck-dev"),
    _queue("ck_fifo", "ck_fifo_mpmc", "libck-dev"),
    _queue("ck_ring", "ck_ring, many producers", "libck-dev"),
    _queue("ck_ring-spsc", "ck_ring, one producer", "libck-dev"),
]

BY_NAME = {c.name: c for c in CALLS + QUEUES}

# With more writers than CPUs, and while signals come
CROWD = (OURS, "plain", "floor-own-copy-1shared", "lttng-tracepoint", "lttng-tracef", "libqb",
         "spdlog-async", "write-null")
STORM = (OURS, "plain", "floor-empty", "lttng-tracepoint", "write-null")
STORM_US = 200

NEAR_NS = 80    # a cache line's way from one CPU to the other, at most

# Programs that compare by themselves, library and baseline in turns:
# (name, arguments, arguments of a quick run, arguments of a smoke run)
SIDES = [
    ("sides/reader", ["--rounds", "21"], ["--rounds", "11"], ["--rounds", "1", "--bytes", "65536"]),
    ("sides/e2e", ["--rounds", "5"], ["--rounds", "3"], ["--rounds", "1", "--messages", "20000"]),
    ("sides/drain", ["--rounds", "7"], ["--rounds", "3"], ["--rounds", "1", "--bytes", "65536"]),
    ("sides/drop", ["--rounds", "41"], ["--rounds", "21"], ["--rounds", "1"]),
    ("sides/stage", ["--rounds", "101"], ["--rounds", "51"], ["--rounds", "1"]),
    ("sides/memory", ["--rounds", "5"], ["--rounds", "3"], ["--rounds", "1", "--bytes", "131072"]),
]


@dataclass(frozen=True)
class Case:
    """One run of a program in a round."""
    candidate: Candidate
    fmt: str
    threads: int = 1
    storm: int = 0

    @property
    def arguments(self):
        out = ["--format", self.fmt, "--threads", str(self.threads), "--storm", str(self.storm)]
        return out + ["--bursts", "2000"] if self.storm else out    # as long as time allows

    @property
    def label(self):
        return f"{self.candidate.name} {self.fmt}" + \
            (f" x{self.threads}" if self.threads > 1 else "") + (" storm" if self.storm else "")


def cases(cpus):
    """All cases of a round, those that are compared with each other side by side."""
    out = []
    for fmt in FORMATS:
        out += [Case(c, fmt) for c in CALLS if fmt in c.formats]
    out += [Case(c, "F1") for c in QUEUES]
    if cpus > 1:
        out += [Case(c, "F2", 2) for c in CALLS if c.pairs]
        out += [Case(BY_NAME[n], fmt, 2) for fmt in ("F1", "F3")
                for n in (OURS, "plain", "floor-own-copy-1shared")]
        out += [Case(c, "F1", 2) for c in QUEUES if c.pairs]
    for threads in (4, 8):
        out += [Case(BY_NAME[n], "F2", threads) for n in CROWD]
    out += [Case(BY_NAME[n], "F2", threads, STORM_US) for threads in (1, 2) for n in STORM]
    return out
