# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""tables.py: medians over the rounds, ratios inside a round, and the goals."""
from statistics import median, quantiles

import candidates
from candidates import CALLS, FORMATS, NEAR_NS, OURS, QUEUES, STORM_US

ENDS = ("near", "far")


class Results:
    """Records by what was run; a value is {round: number}."""

    def __init__(self, records):
        self.records = records
        self.calls = {}
        for r in records:
            if r["bench"] in ("call", "queue"):
                key = (r["candidate"], r["format"], r["threads"], r["storm"], r.get("cpus", ""))
                self.calls.setdefault(key, {})[r["round"]] = r

    def call(self, name, fmt, threads=1, storm=0, cpus="", key="ns"):
        found = self.calls.get((name, fmt, threads, storm, cpus), {})
        return {nr: record[key] for nr, record in found.items()}

    def safe(self, name):
        return any(r.get("signal_safe") for r in self.records if r.get("candidate") == name)

    def lost(self, name, fmt, threads):
        """The part of all calls whose text was refused or overwritten."""
        found = self.calls.get((name, fmt, threads, 0, ""), {}).values()
        return sum(r["lost"] for r in found) / sum(r["calls"] for r in found) if found else None

    def side(self, bench, key, **wanted):
        """A figure that a side's program gives; a candidate's name is one of the conditions."""
        return {r["round"]: r[key] for r in self.records
                if r["bench"] == bench and key in r and
                all(r.get(k) == v for k, v in wanted.items())}


def middle(values):
    return median(values.values()) if values else None


def ratios(above, below):
    return {nr: above[nr] / below[nr] for nr in above if nr in below}


def number(value):
    if value is None:
        return "-"
    if value >= 1000 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values):
    """Half of the rounds are this near to their median, about."""
    if len(values) < 3:
        return "-"
    low, centre, high = quantiles(values.values(), n=4, method="inclusive")
    return f"{(high - low) / 2 / centre:.0%}"


def print_table(title, header, rows, note=""):
    if not rows:
        return
    table = [header] + rows
    width = [max(len(row[i]) for row in table) for i in range(len(header))]
    print(f"\n{title}")
    for row in table:
        print("  " + "  ".join(cell.ljust(width[i]) if i == 0 else cell.rjust(width[i])
                               for i, cell in enumerate(row)).rstrip())
    if note:
        print("  " + note)


def _cost(results, name, fmt, **case):
    """ "16.8 (1.00x)": ns, and how many times ours. """
    values = results.call(name, fmt, **case)
    if not values:
        return "-"
    times = middle(ratios(values, results.call(OURS, fmt, **case)))
    return number(middle(values)) + (f" {times:5.2f}x" if times else "")


def print_calls(results):
    rows = []
    for c in CALLS:
        if not any(results.call(c.name, fmt) for fmt in FORMATS):
            continue
        tail = [number(middle(results.call(c.name, "F2", key=k))) for k in ("p50", "p99", "p999")]
        times = results.call(c.name, "F2")
        if c.name != OURS:
            times = ratios(times, results.call(OURS, "F2"))
        rows.append([c.title] + [_cost(results, c.name, fmt) for fmt in FORMATS] +
                    [spread(times)] + tail +
                    ["" if c.kind == "floor" else "yes" if results.safe(c.name) else "no"])
    print_table("One writer, ns a call, and how many times the library's; F2: the rounds' spread, "
                "batches of 8",
                ["", *FORMATS, "F2 +-", "p50", "p99", "p99.9", "in handlers"], rows,
                "in handlers: a signal handler that interrupted the call may make it")


def print_writers(results):
    columns = [(1, ""), (2, "near"), (2, "far"), (4, ""), (8, "")]
    columns = [c for c in columns if any(results.call(x.name, "F2", threads=c[0], cpus=c[1])
                                         for x in CALLS)]
    rows = []
    for c in CALLS:
        cells = [_cost(results, c.name, "F2", threads=t, cpus=e) for t, e in columns]
        if any(cell != "-" for cell in cells[1:]):
            wall = results.call(c.name, "F2", threads=8, key="wall")
            lost = [results.lost(c.name, "F2", t) for t in (4, 8)]
            rows.append([c.title] + cells + [number(middle(wall)),
                                             "-" if None in lost else f"{max(lost):.1%}"])
    print_table("Several writers on two CPUs, F2, ns a call and thread",
                [""] + [f"{t} {e}".strip() for t, e in columns] + ["8 all", "lost"], rows,
                "4 and 8: the thread's own CPU time; 8 all: whatever the CPUs did meanwhile; lost: "
                "refused or overwritten, as far as known")
    rows = []
    for fmt in ("F1", "F3"):
        for c in CALLS:
            cells = [_cost(results, c.name, fmt, threads=2, cpus=e) for e in ENDS]
            if any(cell != "-" for cell in cells):
                rows.append([f"{fmt} {c.title}"] + cells)
    print_table("Two writers, other formats", ["", *ENDS], rows)


def print_storm(results):
    rows = []
    for threads in (1, 2):
        for end in ("",) if threads == 1 else ENDS:
            for c in CALLS:
                case = dict(threads=threads, storm=STORM_US, cpus=end)
                if not results.call(c.name, "F2", **case):
                    continue
                value = [results.call(c.name, "F2", key=k, **case)
                         for k in ("ns", "p50", "p99", "p999", "handler_calls", "lost")]
                rows.append([f"{threads} {end}".strip() + "  " + c.title] +
                            [number(middle(v)) for v in value[:4]] +
                            [f"{sum(value[4].values()):.0f}", f"{sum(value[5].values()):.0f}"])
    print_table(f"A signal each {STORM_US} us in each thread, whose handler makes a call, F2",
                ["writers", "ns", "p50", "p99", "p99.9", "handlers' calls", "lost"], rows,
                "ns: a burst that mostly no signal met; p99.9: one that did, the signal included")


def print_pieces(results):
    pieces = {}
    for r in results.records:
        if r["bench"] == "floor":
            pieces.setdefault(r["piece"], []).append(r)
    rows = [[name, number(median(r["ns"] for r in found)),
             number(min(r["best"] for r in found)),
             number(median(r["gbps"] for r in found)) if "gbps" in found[0] else ""]
            for name, found in pieces.items()]
    line = [r["ns"] for r in results.records if r["bench"] == "line"]
    if line:
        rows.append(["a cache line to the other CPU", number(median(line)), number(min(line)), ""])
        near = sum(1 for ns in line if ns < NEAR_NS)
        note = f"the cache line {len(line)} times: {number(min(line))} to {number(max(line))} ns," \
               f" near {near}, far {len(line) - near}"
    else:
        note = ""
    print_table("Single pieces", ["", "ns", "best", "GB/s"], rows, note)


def print_queues(results):
    rows = []
    for c in QUEUES:
        cells = [number(middle(results.call(c.name, "F1"))),
                 *(number(middle(results.call(c.name, "F1", threads=2, cpus=e))) for e in ENDS)]
        if any(cell != "-" for cell in cells):
            rows.append([c.title] + cells)
    print_table("Raw push of a node that is ready, ns", ["", "1", "2 near", "2 far"], rows)


def print_sides(results):
    """Whatever the other programs print: a table a kind, its columns as they come."""
    skip = {"bench", "program", "round", "line_of_kind"}
    names = {name for name, *_ in candidates.SIDES}
    kinds = {}
    for r in results.records:
        if r["program"] in names:
            texts = tuple((k, v) for k, v in r.items() if isinstance(v, str) and k not in skip)
            kinds.setdefault(r["bench"], {}).setdefault((texts, r["line_of_kind"]), []).append(r)
    for bench, lines in kinds.items():
        records = [r for found in lines.values() for r in found]
        columns = [k for k in dict.fromkeys(k for r in records for k in r) if k not in skip]
        rows = []
        for found in lines.values():
            row = []
            for k in columns:
                values = [r[k] for r in found if k in r]
                if not values:
                    row.append("")
                else:
                    row.append(values[0] if isinstance(values[0], str) else
                               number(median(values)))
            rows.append(row)
        print_table(bench, columns, rows)


# ---- the goals ----

def goals_of(results):
    """(what, "<=" or ">=", limit, {round: value})"""
    def call(above, below, fmt, **case):
        return ratios(results.call(above, fmt, **case), results.call(below, fmt, **case))

    out = []
    for below, what, limits in (
            ("floor-own-copy-1", "own formatter + memcpy + 1 locked", (1.00, 1.05, 1.15)),
            ("floor-stb-copy-2", "stb_vsnprintf + memcpy + 2 locked", (0.55, 0.45, 0.38)),
            ("floor-glibc", "glibc vsnprintf alone", (0.70, 0.37, 0.32))):
        out += [(f"call / ({what}), {fmt}", "<=", limit, call(OURS, below, fmt))
                for fmt, limit in zip(FORMATS, limits)]
    out += [(f"plain / call, {fmt}", ">=", 3.5, call("plain", OURS, fmt))
            for fmt in ("F1", "F2", "F3")]
    out += [(f"{what} / call, F2", ">=", limit, call(name, OURS, "F2")) for name, what, limit in (
        ("lttng-tracef", "LTTng tracef", 8.5), ("lttng-tracepoint", "LTTng tracepoint", 5),
        ("spdlog-async", "spdlog async", 20), ("write-null", "snprintf + write(/dev/null)", 13))]
    out += [(f"two writers, {end}: call / (own formatter + memcpy + 1 shared xadd), F2", "<=", 1.5,
             call(OURS, "floor-own-copy-1shared", "F2", threads=2, cpus=end)) for end in ENDS]
    out.append(("p99.9 / p50, F2, batches of 8", "<=", 2, ratios(
        results.call(OURS, "F2", key="p999"), results.call(OURS, "F2", key="p50"))))
    same = dict(candidate=OURS, writer="same-thread")
    out += [
        ("reader / plain's GB/s, F2", ">=", 3,
         results.side("reader", "of_plain", format="F2", backlog=2 << 20, **same)),
        ("reader / memcpy's rate, 1000 B, backlog 256 KiB", ">=", 0.7,
         results.side("reader", "of_memcpy_1000", format="1000", backlog=256 << 10, **same)),
        ("reader / memcpy's rate, 1000 B, backlog 2 MiB", ">=", 0.7,
         results.side("reader", "of_memcpy_1000", format="1000", backlog=2 << 20, **same)),
        ("one writer + paced reader: delivered / plain's", ">=", 3.5,
         results.side("e2e", "of_plain", candidate=OURS)),
        ("dropped call / accepted call, F2", "<=", 1.0,
         results.side("drop", "of_accepted", candidate=OURS, format="F2")),
        ("pages / (payload + headers), 4 writers, signals", "<=", 1.2,
         results.side("memory", "of_needed", candidate=OURS, threads=4, storm=50)),
    ]
    return out


def print_goals(results, only_measured):
    rows, out = [], []
    for what, sign, limit, values in goals_of(results):
        value = middle(values)
        if value is None and only_measured:
            continue
        reached = None if value is None else \
            round(value, 2) <= limit if sign == "<=" else round(value, 2) >= limit
        rows.append([what, f"{sign} {limit:g}",
                     "-" if value is None else f"{value:.2f}",
                     f"{min(values.values()):.2f}..{max(values.values()):.2f}" if values else "",
                     "not measured" if reached is None else "yes" if reached else "no"])
        out.append({"goal": what, "sign": sign, "limit": limit, "value": value,
                    "reached": reached})
    print_table("Goals", ["ratio", "goal", "value", "rounds", "reached"], rows)
    return out


def print_all(runner, only_measured):
    results = Results(runner.records)
    print_pieces(results)
    print_calls(results)
    print_writers(results)
    print_storm(results)
    print_queues(results)
    print_sides(results)
    return print_goals(results, only_measured)
