#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Usage: check.sh TREE OUT - what reads and compilers say of the port in TREE; OUT is for builds.
#
# checkpatch and kernel-doc over each file that the port brings, and a compilation with W=1 for each
# kind of kernel below, the first also with sparse, the second without the hooks of KUnit. Only the
# port's directory is compiled, and whatever anybody says of a file in it is a failure.
set -eu
shopt -s inherit_errexit
here=$(dirname "$(readlink -f "$0")")
tree=$(readlink -f "$1") port=kernel/bpf/bpfstream
mkdir -p "$2"
out=$(readlink -f "$2")
bad=0 without_kunit=''

verdict() {	# NAME FILE: what was said is in FILE
	if [ -s "$2" ]; then
		cat "$2"
		bad=1
	fi
	echo "check: $1: $([ -s "$2" ] && echo FAILED || echo clean)"
}

# compile NAME ARCH COMPILER MAKE-ARGUMENT...: options from standard input
compile() {
	local name=$1 dir=$out/$1 fragments=("$here/config/check.config") make
	make=(nice -n 19 make -s -C "$tree" "O=$dir" "ARCH=$2" "CROSS_COMPILE=$3" "-j$(nproc)" KCONFIG_NOTIMESTAMP=1)
	shift 3
	mkdir -p "$dir"
	cat >"$dir/fragment"
	[ -n "$without_kunit" ] || fragments+=("$here/config/kunit.config")
	fragments+=("$dir/fragment")
	{
		"${make[@]}" tinyconfig
		(cd "$tree" && scripts/kconfig/merge_config.sh -m -O "$dir" "$dir/.config" "${fragments[@]}")
		"${make[@]}" olddefconfig
		"${make[@]}" prepare
	} >"$dir/log" 2>&1 || { tail -n 20 "$dir/log"; return 1; }
	while read -r option; do
		grep -qxF "$option" "$dir/.config" || echo "not taken: $option"
	done < <(cat "${fragments[@]}" | grep '^CONFIG_') >"$dir/said"
	rm -f "$dir/$port"/*.o
	"${make[@]}" W=1 "$@" "$port/" >"$dir/log" 2>&1 || echo "$name does not compile" >>"$dir/said"
	grep -A3 -E "$port/.*(warning|error|note):" "$dir/log" >>"$dir/said" || true
	[ -e "$dir/$port/stream.o" ] || echo "nothing was compiled" >>"$dir/said"
	verdict "$name" "$dir/said"
}

cd "$tree"
files=("$port"/*.[ch])
perl scripts/checkpatch.pl --no-tree --strict --no-summary --max-line-length=100 --terse -f \
	"${files[@]}" "$port/Kconfig" "$port/Kbuild" >"$out/said" 2>&1 || true
verdict checkpatch "$out/said"
scripts/kernel-doc -none -Wall "${files[@]}" >"$out/said" 2>&1 || true
verdict kernel-doc "$out/said"

sparse=$(bash "$here/source.sh" sparse any)
compile x86_64 x86_64 '' C=2 "CHECK=$sparse" <<-'END'
	CONFIG_64BIT=y
	CONFIG_SMP=y
END
without_kunit=1 compile without-kunit x86_64 '' <<-'END'
	CONFIG_64BIT=y
	CONFIG_SMP=y
END
compile kmalloc-4mib x86_64 '' <<-'END'
	CONFIG_64BIT=y
	CONFIG_SMP=y
	CONFIG_BPF_STREAM_KMALLOC=y
	CONFIG_BPF_STREAM_4MIB=y
END
compile rt x86_64 '' <<-'END'
	CONFIG_64BIT=y
	CONFIG_SMP=y
	CONFIG_PREEMPT_RT=y
END
compile 32-bit-up i386 '' <<-'END'
	# CONFIG_SMP is not set
END
if command -v aarch64-linux-gnu-gcc >/dev/null; then
	compile arm64 arm64 aarch64-linux-gnu- </dev/null
else
	echo "check: arm64: skipped, there is no aarch64-linux-gnu-gcc"
fi
exit $bad
