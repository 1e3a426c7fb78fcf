# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""plots.py: the same figures as pictures, SVG."""
import os

from candidates import BY_NAME, CALLS, CROWD, OURS
from tables import Results, middle, number

FLOORS = ("floor-own", "floor-own-copy-1", "floor-stb-copy-2", "floor-glibc")
COLOURS = {"F1": "#9ecae1", "F2": "#3182bd", "F3": "#08306b"}
TAILS = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999))


def _cost(pyplot, results):
    """Cost of a call by format and peer."""
    names = [c for c in CALLS if middle(results.call(c.name, "F2")) and
             (c.kind != "floor" or c.name in FLOORS) and c.name != "bpfstream-static"]
    names.sort(key=lambda c: middle(results.call(c.name, "F2")), reverse=True)
    figure, axes = pyplot.subplots(figsize=(9, 0.42 * len(names) + 1.2))
    for i, (fmt, colour) in enumerate(COLOURS.items()):
        at = [y + (1 - i) * 0.27 for y in range(len(names))]
        value = [middle(results.call(c.name, fmt)) or float("nan") for c in names]
        axes.barh(at, value, 0.27, color=colour, label=fmt)
        for y, v in zip(at, value):
            axes.text(v, y, f" {number(v)}", va="center", fontsize=6)
    axes.set_yticks(range(len(names)), [c.title for c in names], fontsize=8)
    for label, c in zip(axes.get_yticklabels(), names):
        label.set_fontweight("bold" if c.name == OURS else "normal")
        label.set_color("#666666" if c.kind == "floor" else "black")
    axes.set_xscale("log")
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.set_xlabel("ns a call, one writer, median; grey: pieces of which calls are made")
    axes.legend(loc="upper right")
    return figure


def _writers(pyplot, results):
    """Cost against the number of writers."""
    figure, axes = pyplot.subplots(figsize=(9.5, 4.5))
    for name in CROWD:
        points = []
        for threads in (1, 2, 4, 8):
            ends = ("near", "far") if threads == 2 else ("",)
            values = [middle(results.call(name, "F2", threads=threads, cpus=e)) for e in ends]
            values = [v for v in values if v]
            if values:
                points.append((threads, values[0]))
        if points:
            axes.plot(*zip(*points), marker="o", label=BY_NAME[name].title,
                      linewidth=3 if name == OURS else 1.2)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks([1, 2, 4, 8], ["1", "2", "4", "8"])
    axes.set_xlabel("writers on two CPUs")
    axes.set_ylabel("ns a call and writer, F2")
    axes.grid(True, which="both", alpha=0.2)
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _latency(pyplot, results):
    """Distribution of a call's cost."""
    figure, axes = pyplot.subplots(figsize=(9.5, 5))
    axes.set_prop_cycle(color=pyplot.get_cmap("tab20").colors)
    for c in CALLS:
        if c.kind == "floor" and c.name != "floor-own-copy-1" or c.name == "bpfstream-static":
            continue
        value = [middle(results.call(c.name, "F2", key=k)) for k, _ in TAILS]
        if all(value):
            axes.plot([1 / (1 - p) for _, p in TAILS], value, marker="o", label=c.title,
                      linewidth=3 if c.name == OURS else 1.2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([1 / (1 - p) for _, p in TAILS], [f"{p * 100:g} %" for _, p in TAILS])
    axes.minorticks_off()
    axes.set_xlabel("percentile of batches of 8 calls")
    axes.set_ylabel("ns a call, F2, one writer")
    axes.grid(True, alpha=0.2)
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _reader(pyplot, results):
    """What a reader delivers, by the size of messages."""
    curves = {}
    for r in results.records:
        if r["bench"] == "reader" and r.get("bytes") and r["backlog"] == 2 << 20:
            key = (r["candidate"], r["writer"])
            curves.setdefault(key, {}).setdefault(r["bytes"], []).append(r["gbps"])
    curves = {k: v for k, v in curves.items() if len(v) > 1}
    if not curves:
        return None
    figure, axes = pyplot.subplots(figsize=(8, 5))
    for (name, writer), sizes in curves.items():
        at = sorted(sizes)
        axes.plot(at, [sorted(sizes[s])[len(sizes[s]) // 2] for s in at], marker="o",
                  linestyle="-" if writer == "same-thread" else "--",
                  color="#3182bd" if name == OURS else "#e6550d",
                  label=f"{name}, written by the "
                        f"{'same' if writer == 'same-thread' else 'other'} CPU")
    axes.set_xscale("log", base=2)
    axes.set_xlabel("bytes a message")
    axes.set_ylabel("GB/s read")
    axes.set_ylim(bottom=0)
    axes.grid(True, alpha=0.2)
    axes.legend()
    return figure


def draw(out, records):
    try:
        import matplotlib
    except ImportError:
        return "no plots: python3-matplotlib not installed"
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "bpfstream"
    from matplotlib import pyplot
    results = Results(records)
    drawn = []
    for name, plot in (("cost", _cost), ("writers", _writers), ("latency", _latency),
                       ("reader", _reader)):
        figure = plot(pyplot, results)
        if figure:
            figure.tight_layout()
            figure.savefig(os.path.join(out, name + ".svg"), metadata={"Date": None})
            pyplot.close(figure)
            drawn.append(name + ".svg")
    return f"plots and data in {out}: {' '.join(drawn)} bench.csv bench.json"
