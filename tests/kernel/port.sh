#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Usage: port.sh ROOT SOURCE TREE - put ROOT's port into TREE, a hard-linked copy of SOURCE, and
# check what the installer promises: the core arrives unchanged, a second time changes nothing,
# SOURCE is as it was, and a copy from which it is taken again is SOURCE again.
set -eu
root=$1 source=$2 tree=$3
installer=$root/port/linux/install.sh
[ -e "$installer" ] || { echo "no $installer: only --stock can be tested" >&2; exit 1; }
date=$(mktemp)
other=$tree.reverted
trap 'rm -rf "$date" "$other"' EXIT

sum() { (cd "$tree" && find kernel/bpf include/linux/bpf.h -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum); }

bash "$installer" "$tree"
once=$(sum)
for file in "$root"/src/*.[ch]; do
	cmp "$file" "$tree/kernel/bpf/bpfstream/${file##*/}"
done
bash "$installer" "$tree"
[ "$(sum)" = "$once" ] || { echo "installing twice is not as once"; exit 1; }
cp -al "$tree" "$other"
bash "$installer" --revert "$other"
diff -rq --no-dereference --exclude=.git "$source" "$other" || { echo "the reverted tree differs"; exit 1; }
changed=$(find "$source" -newer "$date" -type f ! -path '*/.git/*')
[ -z "$changed" ] || { echo "the source was written to: $changed"; exit 1; }
