#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# ./dev soak [MINUTES [SEED]]: torture at full speed in one process, each round checked, and its
# memory drawn and judged: it must not grow.
set -u
. scripts/packages.sh
need "${build_packages[@]}" libcmocka-dev || exit 1
need "${soak_packages[@]}" || echo "Without them, there is no plot." >&2

build=${BPFSTREAM_BUILD:-build}/soak
log=/tmp/bpfstream-soak.log
minutes=${1:-10}
[[ $minutes =~ ^[1-9][0-9]*$ ]] || { echo "soak: how many minutes is '$minutes'?" >&2; exit 2; }
if [ ! -f "$build/build.ninja" ]; then
	meson setup "$build" -Dexamples=false -Dbuildtype=debugoptimized >"$log" 2>&1 ||
		{ cat "$log" >&2; exit 1; }
fi
torture=$build/tests/torture/torture
ninja -C "$build" tests/torture/torture{,-check} >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
python=python3
if ! "$python" -c 'import matplotlib' 2>/dev/null && [ -x /usr/bin/python3 ]; then
	python=/usr/bin/python3		# the one that packages install modules for
fi
"$torture" -c "$torture-check" -k "$build" -m "$minutes" -o "$build/memory.csv" ${2:+"$2"}
status=$?
"$python" -B scripts/soak.py "$build/memory.csv" "$build/memory.svg" && [ $status = 0 ]
