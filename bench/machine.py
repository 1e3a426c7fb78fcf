# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""machine.py: where figures come from: machine, compiler, flags, clock."""
import json
import os
import platform
import re
import subprocess


def cpus():
    return len(os.sched_getaffinity(0))


def _cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        found = dict(re.findall(r"^(model name|cpu family|model|CPU part)\s*:\s*(.*)$", f.read(),
                                re.M))
    if "model name" in found:
        return f"{found['model name']} (family {found.get('cpu family')}, " \
               f"model {found.get('model')})"
    return found.get("CPU part", platform.processor() or "unknown")


def _version(compiler):
    try:
        done = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)
        return done.stdout.splitlines()[0]
    except (OSError, IndexError):
        return compiler


def _compiler(root):
    """Version, and the flags that decide about speed, of the library and of a candidate."""
    version, flags = "unknown compiler", {}
    path = os.path.join(root, "compile_commands.json")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            for command in json.load(f):
                for what, source in (("library", "src/stream.c"),
                                     ("candidate", "bench/call/bpfstream.c")):
                    if command["file"].endswith(source) and what not in flags:
                        version = _version(command["command"].split()[0])
                        flags[what] = " ".join(re.findall(
                            r"(?<= )-(?:O|m|f(?!diag)|std=|g)\S*", command["command"]))
    return version, flags


def _revision(root):
    """The source's commit, if it is in git."""
    try:
        with open(os.path.join(root, "meson-info", "meson-info.json"), encoding="utf-8") as f:
            source = json.load(f)["directories"]["source"]
        done = subprocess.run(["git", "-C", source, "describe", "--always", "--dirty"],
                              capture_output=True, text=True, check=False)
        return done.stdout.strip()
    except (OSError, ValueError, KeyError):
        return ""


def describe(build):
    root = os.path.dirname(build)
    version, flags = _compiler(root)
    return {
        "cpu": _cpu_model(),
        "cpus": cpus(),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()),
        "compiler": version,
        "flags": flags,
        "clock": "rdtsc" if platform.machine() == "x86_64" else "clock_gettime",
        "revision": _revision(root),
        "load": os.getloadavg()[0],
        "nice": "-15" if os.getuid() == 0 else "0: not root",
    }


def text(d):
    lines = [f"{d['cpu']}, CPUs: {d['cpus']}, {d['kernel']}, {d['libc']}",
             f"{d['compiler']}; clock {d['clock']}; nice {d['nice']}; load {d['load']:.1f}"
             + (f"; {d['revision']}" if d["revision"] else "")]
    lines += [f"{what}: {flags}" for what, flags in d["flags"].items()]
    return "\n".join(lines)
