#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# ./dev fuzz: look for inputs that the library and its references disagree about.
#
#   fuzz.sh SECONDS [TARGET...]	each target gets its share of the time, in each of its builds
#   fuzz.sh --merge [TARGET...]	bring what was found back into tests/fuzz/corpus, if it reaches code
#				that nothing there reaches
set -u
. scripts/packages.sh
need "${build_packages[@]}" "${test_packages[@]}" || exit 1

base=${BPFSTREAM_BUILD:-build}
build=$base/dev-fuzz
log=$build.log
found=$build/found	# by target: inputs that reach something new
crashes=$build/crashes
tree=tests/fuzz
export UBSAN_OPTIONS=print_stacktrace=1

usage() {
	sed -n 's/^#   //p' "$0" >&2
	exit 2
}

programs() {	# TARGET: its builds
	local program
	for program in "$build/tests/fuzz/fuzz_$1" "$build/tests/fuzz/fuzz_$1-bare"; do
		[ ! -x "$program" ] || echo "$program"
	done
}

options() {	# TARGET
	echo "-timeout=25 -rss_limit_mb=4096"
	[ ! -f "$tree/$1.dict" ] || echo "-dict=$tree/$1.dict"
}

watch_program() {	# NAME LOG PID: say how it goes, every ten seconds and at its end
	local second=0
	while sleep 1; do
		second=$((second + 1))
		if ! kill -0 "$3" 2>/dev/null || [ $((second % 10)) = 0 ]; then
			printf '%s: %4d s, %s\n' "$1" "$second" "$(grep -a '^#.*exec/s' "$2" | tail -n 1 |
				sed -nE 's/^#([0-9]+).*cov: ([0-9]+).*corp: ([^ ]*).*exec\/s: ([0-9]+).*/\1 inputs, \2 edges, corpus \3, \4 a second/p')"
		fi
		kill -0 "$3" 2>/dev/null || return 0
	done
}

fuzz() {	# PROGRAM TARGET SECONDS
	local name=${1##*/fuzz_} pid crash
	local out=$build/$name.log
	mkdir -p "$found/$2" "$crashes"
	# shellcheck disable=SC2046
	nice "$1" $(options "$2") -max_total_time="$3" -max_len=2400 -artifact_prefix="$crashes/$name-" \
		"$found/$2" "$tree/corpus/$2" >"$out" 2>&1 &
	pid=$!
	trap 'kill $pid 2>/dev/null' EXIT
	watch_program "$name" "$out" "$pid"
	trap - EXIT
	wait "$pid" && return 0
	crash=$(sed -n 's/.*Test unit written to //p' "$out")
	grep -aE 'DIFFERENCE|printed, |expected, |SUMMARY|runtime error' "$out"
	echo "again: $1 $crash"
	return 1
}

merge() {	# PROGRAM TARGET
	local before
	before=$(find "$tree/corpus/$2" -type f | wc -l)
	# shellcheck disable=SC2046
	nice "$1" $(options "$2") -merge=1 -use_counters=0 -max_len=300 "$tree/corpus/$2" "$found/$2" \
		>"$build/merge.log" 2>&1 || { tail -n 20 "$build/merge.log"; return 1; }
	echo "${1##*/fuzz_}: $before inputs, now $(find "$tree/corpus/$2" -type f | wc -l)"
}

[ $# -gt 0 ] || usage
what=$1
shift
[ "$what" = --merge ] || [[ $what =~ ^[1-9][0-9]*$ ]] || usage
mkdir -p "$base"
[ -f "$build/build.ninja" ] || CC=clang meson setup "$build" -Dfuzz=true -Dexamples=false >"$log" 2>&1 ||
	{ cat "$log" >&2; exit 1; }
ninja -C "$build" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }

targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(ls "$tree/corpus")
runs=()
for target in "${targets[@]}"; do
	mapfile -t -O ${#runs[@]} runs < <(programs "$target" | sed "s/\$/ $target/")
done
[ ${#runs[@]} -gt 0 ] || { echo "targets are: $(ls "$tree/corpus" | xargs)" >&2; exit 2; }

share=1
[ "$what" = --merge ] || share=$((what / ${#runs[@]} + 1))
failed=0
for run in "${runs[@]}"; do
	if [ "$what" = --merge ]; then
		merge ${run} || failed=1
	else
		fuzz ${run} "$share" || failed=1
	fi
done
exit "$failed"
