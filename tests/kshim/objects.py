#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Builds src/ against port/linux/bsp.h as a kernel would: no libc, no compiler headers, no FPU.

usage: objects.py SOURCE_ROOT CC [ARG...]

Any warning is an error. What the objects leave undefined must be the shim's, the core's own, mem*,
or one of the kernel primitives that the shim's inline functions stand for.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

KERNEL = ("-std=gnu11", "-O2", "-nostdinc", "-ffreestanding", "-fno-strict-aliasing", "-fno-common",
          "-fno-omit-frame-pointer", "-fno-stack-protector", "-mgeneral-regs-only",
          "-D__KERNEL__", "-DCONFIG_64BIT=1")
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wcast-qual", "-Wvla", "-Wundef",
            "-Wmissing-prototypes", "-Wsign-compare", "-Wno-missing-field-initializers", "-Wno-unused-parameter", "-Werror")
PAGE_SHIFTS = (12, 14, 16, 18)
PRIMITIVES = {"alloc_pages_nolock", "free_pages_nolock", "__mutex_init", "mutex_destroy",
              "mutex_lock", "mutex_unlock",
              "irq_work_queue", "jiffies", "cpuhp_setup_state", "pr_warn",
              "min_low_pfn", "max_pfn", "totalram_pages", "totalhigh_pages",
              # for __va(), WARN_ON_ONCE and local_irq_save()
              "kshim_page_offset", "kshim_warn", "kshim_irqs_off"}
SIBLINGS = re.compile(r"bsp_\w+|bpfstream_\w+|mem(cpy|move|set|cmp)")


def undefined(nm, archive):
    out = subprocess.run([nm, "-u", archive], check=True, capture_output=True, text=True).stdout
    return {line.split()[1] for line in out.splitlines() if line.strip().startswith("U ")}


def main():
    root = pathlib.Path(sys.argv[1])
    cc = sys.argv[2:]
    if not shutil.which(cc[0]):
        print(f"skipped: no {cc[0]}")
        return 77
    # the kernel's atomics are no calls
    probe = subprocess.run([*cc, "-Werror", "-mno-outline-atomics", "-fsyntax-only", "-xc",
                            "/dev/null"], capture_output=True)
    flags = [*KERNEL, *(["-mno-outline-atomics"] if probe.returncode == 0 else []), *WARNINGS,
             f"-I{root}/tests/kshim/include", f"-I{root}/port/linux", f"-I{root}/src"]
    sources = sorted([*(root / "src").glob("*.c"), root / "port/linux/percpu.c"])
    headers = sorted([*(root / "src").glob("*.h"), root / "port/linux/bsp.h",
                      root / "port/linux/percpu.h"])
    bad = 0
    with tempfile.TemporaryDirectory() as work:
        alone = []
        for header in headers:
            alone.append(pathlib.Path(work, header.name + ".c"))
            alone[-1].write_text(f'#include "{header.name}"\n')
        for shift in PAGE_SHIFTS:
            objects = []
            for source in [*sources, *alone]:
                objects.append(f"{work}/{source.name}.{shift}.o")
                run = subprocess.run([*cc, *flags, f"-DKSHIM_PAGE_SHIFT={shift}", "-c",
                                      str(source), "-o", objects[-1]])
                bad += run.returncode != 0
            if bad:
                continue
            archive = f"{work}/kshim.{shift}.a"
            subprocess.run(["ar", "rcs", archive, *objects], check=True)
            odd = {name for name in undefined("nm", archive)
                   if name not in PRIMITIVES and not SIBLINGS.fullmatch(name)}
            for name in sorted(odd):
                print(f"page shift {shift}: undefined and nobody's: {name}")
            bad += len(odd)
    print(f"{len(sources)} sources, {len(headers)} headers, {len(PAGE_SHIFTS)} page sizes: "
          f"{'bad' if bad else 'good'}")
    return 1 if bad else 0


sys.exit(main())
