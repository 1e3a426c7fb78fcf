#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Usage: build.sh TREE OUT [FRAGMENT...] - configure and build OUT/vmlinux from the source TREE; with ARCH=arm64
# in the environment, OUT/arch/arm64/boot/Image.
#
# The configuration is tinyconfig, config/base.config (arm64: config/arm64.config) and the fragments
# named (rt: config/rt.config).
# It is made again when one of them or a Kconfig file of the port changed; otherwise make does only
# what is to be done. OUT belongs to the path of TREE: use one for each.
set -eu
shopt -s inherit_errexit
here=$(dirname "$(readlink -f "$0")")
tree=$(readlink -f "$1")
mkdir -p "$2"
out=$(readlink -f "$2")
shift 2
arch=${ARCH:-x86_64} fragments=("$here/config/base.config") image=vmlinux cross=''
if [ "$arch" = arm64 ]; then
	fragments=("$here/config/arm64.config") image=Image cross=aarch64-linux-gnu-
fi
unset ARCH
for name in "$@"; do
	fragments+=("$here/config/$name.config")
done
make=(nice -n 19 make -s -C "$tree" "O=$out" "ARCH=$arch" "CROSS_COMPILE=$cross" "-j$(nproc)" KCONFIG_NOTIMESTAMP=1
      KBUILD_BUILD_TIMESTAMP=@1 KBUILD_BUILD_USER=bpfstream KBUILD_BUILD_HOST=bpfstream)

# Before 7.3, only a pahole of 1.26 or later marks the functions that BPF programs may call
if ! grep -q 'KF_SPINLOCK_SAFE' "$tree/include/linux/btf.h"; then
	case "$(pahole --version)" in
	v1.2[0-5])
		pahole=$(bash "$here/source.sh" pahole any)
		make+=("PAHOLE=$pahole") ;;
	esac
fi

configure() {
	"${make[@]}" tinyconfig
	(cd "$tree" && scripts/kconfig/merge_config.sh -m -O "$out" "$out/.config" "${fragments[@]}")
	"${make[@]}" olddefconfig
}

refused() {	# the options asked for that the tree does not take
	local option bad=0
	while read -r option; do
		grep -qxF "$option" "$out/.config" || { echo "not taken: $option"; bad=1; }
	done < <(cat "${fragments[@]}" | grep -E '^CONFIG_')
	return $bad
}

kconfig=$(find "$tree/kernel/bpf" -name 'Kconfig*')
# shellcheck disable=SC2086
wanted=$(cat "${fragments[@]}" $kconfig <(echo "${pahole-}") | sha256sum)
if [ "$(cat "$out/configured" 2>/dev/null)" != "$wanted" ]; then
	# another pahole alone is no reason for make to link again
	rm -f "$out/configured" "$out/vmlinux" "$out/vmlinux.unstripped" "$out"/.tmp_vmlinux*
	configure >"$out/config.log" 2>&1 || { tail -n 20 "$out/config.log" >&2; exit 1; }
	# a later fragment may overrule an earlier one; only the last word counts
	refused >"$out/refused" || { cat "$out/refused" >&2; exit 1; }
	echo "$wanted" >"$out/configured"
fi
"${make[@]}" "$image" >"$out/build.log" 2>&1 || { grep -E -A5 'error|Error|undefined' "$out/build.log" >&2; exit 1; }
grep -E -A4 'warning:' "$out/build.log" >"$out/warnings" || true
