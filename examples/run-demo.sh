#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# run-demo.sh BUILDDIR [SECONDS]
#
# Runs the daemon under traffic, signals and forks, SECONDS (default 5) in each of three phases,
# crashes it in three ways, and checks after each what is left of it:
#
#   segv    a bad pointer in a worker; room for everything
#   abort   abort() in a worker; small streams read once in a while: messages are refused
#   bus     a signal handler crashes on top of a worker that is inside a print
#
# and once more for a second it is told to stop, and does. Exit status 0 if all is well. Any
# output is of lined (a line a second), line_client and verdict.

set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
	echo "usage: run-demo.sh BUILDDIR [SECONDS]" >&2
	exit 2
fi
bin=$1/examples
seconds=${2:-5}
connections=8

dir=$(mktemp -d "${TMPDIR:-/tmp}/lined.XXXXXX")
daemon=

clean_up()
{
	if [ -n "$daemon" ]; then
		kill -KILL "$daemon" 2>/dev/null || true
		wait "$daemon" 2>/dev/null || true
	fi
	rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail()
{
	echo "FAIL: $*"
	exit 1
}

# start OPTIONS...: a daemon, until it has a port
start()
{
	rm -f "$dir"/*
	"$bin/lined" -x -l "$dir/ledger" -p "$dir/port" -k "$dir/children" "$@" \
		"$dir/stdout" "$dir/stderr" &
	daemon=$!
	while [ ! -e "$dir/port" ]; do
		kill -0 "$daemon" 2>/dev/null || fail "the daemon does not start"
		sleep 0.05
	done
}

# finish STATUS: the daemon has ended so, and its text is complete
finish()
{
	status=0
	wait "$daemon" 2>/dev/null || status=$?
	daemon=
	[ "$status" -eq "$1" ] || fail "the daemon ended with status $status, expected $1"
	"$bin/verdict" "$dir/ledger" "$dir/stdout" "$dir/stderr" "$dir/children" || exit 1
}

# phase TITLE SECONDS HOW STATUS OPTIONS...
phase()
{
	title=$1 time=$2 how=$3 expected=$4
	shift 4
	echo "== $title"
	start "$@"
	# shellcheck disable=SC2086 # $how may be nothing
	"$bin/line_client" "$(cat "$dir/port")" "$connections" "$time" $how || fail "the client"
	[ -n "$how" ] || kill -TERM "$daemon"
	finish "$expected"
}

ulimit -c 0
phase "a bad pointer in a worker" "$seconds" segv 139
echo "-- the crash report, as it was found in the file:"
sed -n '/lined dies/,/end of report/p' "$dir/stderr"
phase "abort() in a worker; small streams, read every 10 ms" "$seconds" abort 134 -c 65536 -r 10
phase "SIGBUS in a handler that interrupted a print" "$seconds" bus 135
phase "an orderly end" 1 "" 0
echo "PASS: all phases"
