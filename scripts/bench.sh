#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# ./dev bench: build the benches with whatever peers there are, and run them all in turns.
set -u
. scripts/packages.sh
need "${build_packages[@]}" || exit 1
need "${bench_packages[@]}" || echo "Without them, some rows are absent." >&2

build=${BPFSTREAM_BUILD:-build}/bench
log=/tmp/bpfstream-bench.log
# what was not there when it was configured may be there now
packages=$(dpkg-query -W -f '${Package} ${Version}\n' "${bench_packages[@]}" 2>/dev/null)
[ "$(cat "$build/packages" 2>/dev/null)" = "$packages" ] || rm -rf "$build"
if [ ! -f "$build/build.ninja" ]; then
	meson setup "$build" -Dbench=true -Dtests=false -Dexamples=false >"$log" 2>&1 ||
		{ cat "$log" >&2; exit 1; }
	echo "$packages" >"$build/packages"
fi
ninja -C "$build" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
python=python3
if ! "$python" -c 'import matplotlib' 2>/dev/null && [ -x /usr/bin/python3 ]; then
	python=/usr/bin/python3		# the one that packages install modules for
fi
exec "$python" -B bench/run.py "$build/bench" --out "$build/results" "$@"
