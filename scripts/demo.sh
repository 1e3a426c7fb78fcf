#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# ./dev demo: build the example daemon, let it live hard, let it die, and check what it said.
set -u
. scripts/packages.sh
need "${build_packages[@]}" || exit 1
build=${BPFSTREAM_BUILD:-build}/demo
if [ ! -f "$build/build.ninja" ]; then
	meson setup "$build" -Dtests=false -Dbuildtype=debugoptimized >"/tmp/bpfstream-demo.log" 2>&1 ||
		{ cat /tmp/bpfstream-demo.log >&2; exit 1; }
fi
ninja -C "$build" >/tmp/bpfstream-demo.log 2>&1 || { cat /tmp/bpfstream-demo.log >&2; exit 1; }
exec bash examples/run-demo.sh "$build" "${1:-5}"
