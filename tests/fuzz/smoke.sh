#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Usage: smoke.sh PROGRAM TARGET RUNS - replay a target's corpus, then try RUNS inputs made from it,
# the same ones each time.
set -u
program=$1 target=$2 runs=$3
here=$(dirname "$(readlink -f "$0")")
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
options=(-rss_limit_mb=4096 -timeout=25 -artifact_prefix="$PWD/crash-$target-")
[ ! -f "$here/$target.dict" ] || options+=(-dict="$here/$target.dict")
[ ! -f "$here/$target.options" ] || mapfile -t -O ${#options[@]} options <"$here/$target.options"

"$program" "${options[@]}" "$here/corpus/$target"/* >"$new/log" 2>&1 ||
	{ tail -n 60 "$new/log"; exit 1; }
replayed=$(grep -c '^Executed ' "$new/log")
mkdir "$new/found"
"$program" "${options[@]}" -seed=1 -runs="$runs" "$new/found" "$here/corpus/$target" \
	>"$new/log" 2>&1 || { tail -n 60 "$new/log"; exit 1; }
executed=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$new/log")
echo "fuzzed: $replayed inputs replayed, $executed made up"
[ "${executed:-0}" -ge "$runs" ] && [ "$replayed" -gt 0 ]
