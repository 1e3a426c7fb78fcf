#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# ./dev coverage: which branches of the core the tests take. Fails if there is one that none takes
# and that tests/coverage/unreachable.txt gives no reason for. The report is left in the build
# directory.
set -u
. scripts/packages.sh
need "${build_packages[@]}" "${test_packages[@]}" "${coverage_packages[@]}" || exit 1

build=$(realpath -m "${BPFSTREAM_BUILD:-build}")/coverage
root=$PWD
mkdir -p "$(dirname "$build")"
# Unoptimized, and each inline function once: a branch is then one of the source.
[ -f "$build/build.ninja" ] ||
	meson setup "$build" --buildtype=debug -Db_coverage=true -Dexamples=false \
		-Dc_args=-DBSP_INLINE=inline >"$build.log" 2>&1 ||
	{ tail -n 30 "$build.log"; exit 1; }
programs=$(ninja -C "$build" -t targets all |
	grep -oE '^tests/(unit|contract|model|fault)/[a-z_]+: c_LINKER' | cut -d: -f1)
# shellcheck disable=SC2086
ninja -C "$build" $programs >"$build.log" 2>&1 || { tail -n 30 "$build.log"; exit 1; }
find "$build" -name '*.gcda' -delete

failed=0
setarch "$(uname -m)" -R meson test -C "$build" --no-rebuild --print-errorlogs --num-processes 2 \
	--suite unit --suite contract --suite model --suite fault || failed=1

mkdir -p "$build/report"
cd "$build" || exit 1
gcovr --root "$root" --filter "$root/src/" --filter "$root/port/user/" --object-directory . \
	--exclude '.*/fault\.[ch]$' --gcov-ignore-parse-errors --json report/coverage.json \
	--txt report/coverage.txt --html-details report/index.html tests >report/gcovr.log 2>&1 ||
	{ tail -n 20 report/gcovr.log; exit 1; }
cd "$root" || exit 1
python3 -B scripts/coverage.py "$build/report/coverage.json" tests/coverage/unreachable.txt ||
	failed=1
echo "report: $build/report/index.html"
exit $failed
