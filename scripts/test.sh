#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# ./dev test [--full] [SUITE...]: every suite in every build it has something to say about.
#
#   gcc       all suites                            memcheck  no read of what is not there, no leak
#   clang     unit contract model fault nmi         helgrind  every ordering, told by annotations
#   fuzz      fuzz, by libFuzzer                    asan      address and undefined behaviour
#   arm64     unit contract fuzz, under qemu        tsan      every data race
#
# --full: suites that are bounded are run at full length, which takes hours; and ./dev coverage.
set -u
. scripts/packages.sh
need "${build_packages[@]}" "${test_packages[@]}" "${arm64_packages[@]}" || exit 1

base=${BPFSTREAM_BUILD:-build}
full=()
[ "${1-}" != --full ] || { full=(-Dfull=true); shift; }
only=("$@")
problems=()	# NAME: what
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
export ASAN_OPTIONS=detect_stack_use_after_return=0
start=$SECONDS

wanted() {	# SUITE...: those of the suites that were asked for
	local suite
	for suite in "$@"; do
		[ ${#only[@]} -eq 0 ] || [[ " ${only[*]} " == *" $suite "* ]] && echo "$suite"
	done
}

configure() {	# NAME MESON-ARGUMENT...
	local dir=$base/$1
	shift
	[ "$(cat "$dir/arguments" 2>/dev/null)" = "$*" ] || rm -rf "$dir"
	[ -f "$dir/build.ninja" ] || meson setup "$dir" "$@" >"$dir.log" 2>&1 ||
		{ tail -n 30 "$dir.log"; return 1; }
	echo "$*" >"$dir/arguments"
	ninja -C "$dir" >"$dir.log" 2>&1 || { grep -E 'error|FAILED' -A3 "$dir.log"; return 1; }
	! grep -q 'warning:' "$dir.log" && return 0
	grep -A3 'warning:' "$dir.log"
	rm -f "$dir/arguments"		# so that it is built anew next time, and says it again
	return 1
}

# Whether each suite asked for is in the log of a build, and the log is whole.
ran() {	# NAME MESON-STATUS SUITE...
	local name=$1 status=$2 suite log tests
	shift 2
	log=$(cat "$base/$name"/meson-logs/testlog*.json 2>/dev/null)
	tests=$(grep -oE '"name": "[^"]*"' <<<"$log")
	for suite in "$@"; do	# of whose name meson says nothing if it is the only one
		[ -n "$tests" ] && ! grep -q ' / ' <<<"$tests" || grep -q ":$suite / " <<<"$tests" ||
			problems+=("$name: $suite: was not run")
	done
	[ "$status" = 0 ] || grep -qE '"result": "(FAIL|TIMEOUT|ERROR|INTERRUPT|UNEXPECTEDPASS)"' <<<"$log" ||
		problems+=("$name: meson test ended with $status")
}

# run NAME "SUITES" "TEST ARGUMENTS" MESON-ARGUMENT...
run() {
	local name=$1 arguments=$3 suites suite
	suites=$(wanted $2)
	shift 3
	[ -n "$suites" ] || return 0
	printf '\n== %s: %s (%d s so far)\n' "$name" "${suites//$'\n'/ }" $((SECONDS - start))
	if ! configure "$name" "${full[@]}" "$@"; then
		echo "== $name: does not build"
		problems+=("$name: does not build")
		return 0
	fi
	# shellcheck disable=SC2046,SC2086
	setarch "$(uname -m)" -R meson test -C "$base/$name" --no-rebuild --print-errorlogs \
		--num-processes 2 $arguments $(printf -- '--suite %s ' $suites) |
		grep -vE '^(ninja:|Full log written|$)'
	# shellcheck disable=SC2086
	ran "$name" "${PIPESTATUS[0]}" $suites
}

mkdir -p "$base"
rm -f "$base"/*/meson-logs/testlog*
run gcc 'unit contract model fault fuzz nmi sweep stress torture sim weak spin api kshim static demo bench' '' \
	-Dbench=true
CC=clang run clang 'unit contract model fault nmi' '' -Dexamples=false
CC=clang run fuzz fuzz '' -Dexamples=false -Dfuzz=true
run memcheck 'unit contract model fault stress fuzz' '--setup memcheck' -Dexamples=false
run helgrind 'unit contract model stress' '--setup helgrind' -Dexamples=false -Dannotate=true
run asan 'unit contract model fault stress' '' -Dexamples=false -Db_sanitize=address,undefined
run tsan 'unit contract model stress torture' '' -Dexamples=false -Db_sanitize=thread
if [ -n "$(wanted unit contract fuzz)" ]; then
	mkdir -p "$base/arm64-root"
	if bash scripts/arm64.sh "$base/arm64-root" >"$base/arm64-root/log" 2>&1; then
		run arm64 'unit contract fuzz' '' --cross-file "$base/arm64-root/cross.ini" -Dexamples=false
	else
		tail -n 5 "$base/arm64-root/log"
		problems+=("arm64: does not build")
	fi
fi
if [ ${#full[@]} -gt 0 ] && [ ${#only[@]} -eq 0 ]; then
	bash scripts/coverage.sh || problems+=("coverage: a branch that no test takes, or a test that failed")
fi
printf '\n%d s\n' $((SECONDS - start))
python3 scripts/summary.py "$base" "${problems[@]}"
