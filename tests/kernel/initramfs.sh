#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Usage: initramfs.sh TREE OUT [/PATH=FILE...] - the guest's root: our init, and the files named.
#
# Every program must be static, and is for the guest: so is our init, by $CC. The kernel's own archiver, compiled from TREE, writes owners and
# device files as told, so nobody needs to be root for it.
set -eu
here=$(dirname "$(readlink -f "$0")")
tree=$1 out=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gcc -O2 -o "$work/archiver" "$tree/usr/gen_init_cpio.c"
"${CC:-gcc}" -std=gnu11 -O2 -Wall -static -o "$work/init" "$here/init.c"
{
	for dir in /dev /proc /sys /tmp /run /bin; do
		echo "dir $dir 755 0 0"
	done
	echo "nod /dev/console 600 0 0 c 5 1"
	echo "file /init $work/init 755 0 0"
	for entry in "$@"; do
		echo "file ${entry%%=*} ${entry#*=} 755 0 0"
	done
} >"$work/list"
"$work/archiver" "$work/list" | gzip -1 >"$out.new"
mv "$out.new" "$out"
