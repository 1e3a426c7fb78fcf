#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Usage: herd.sh [KDIR] - hold the table of verdicts to herd7 and the memory model of the kernel in
# KDIR, or of the newest 7.3 that the distribution has. Exit status 77: one of them cannot be had
# (./dev kernel-test needs both, and takes that for a failure).
set -u
here=$(dirname "$(readlink -f "$0")")
skip() { echo "skipped: $*"; exit 77; }

herd7=$(bash "$here/../kernel/source.sh" herd7 any) || skip 'no herd7'
tree=${1-}
[ -n "$tree" ] || tree=$(bash "$here/../kernel/source.sh" tree 7.3) || skip 'no kernel tree'
model=$tree/tools/memory-model
[ -e "$model/linux-kernel.cfg" ] || skip "no memory model in $tree"

cd "$model" || exit 1
"$herd7" -version
seen=$("$herd7" -conf linux-kernel.cfg "$here"/*.litmus) || exit 1
# a test that herd7 cannot read has no observation, and so another than the table's
table=$(awk '!/^#/ && NF { print $1, $2 }' "$here/verdicts.txt" | sort)
if diff <(echo "$table") <(awk '$1 == "Observation" { print $2, $3 }' <<<"$seen" | sort); then
	echo "$(wc -l <<<"$table") tests, all as in the table"
else
	echo 'not as in the table: < table, > herd7'
	exit 1
fi
