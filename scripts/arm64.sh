#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Usage: arm64.sh DIR - make DIR/cross.ini, with which meson builds for arm64 and runs under qemu.
#
# The cross compiler and its libc are packages. The two libraries that we link are fetched as
# arm64 packages by an apt with a state of its own in DIR, so the system keeps its architectures.
set -eu
dir=$(readlink -f "$1")
sys=$dir/sys
if [ ! -d "$sys/usr/lib/aarch64-linux-gnu/pkgconfig" ]; then
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/debs"
	: >"$dir/status"
	apt=(apt-get -q -o Dir::State::Lists="$dir/lists" -o Dir::Cache="$dir/cache"
	     -o Dir::State::Status="$dir/status" -o APT::Architecture=arm64
	     -o APT::Architectures=arm64 -o APT::Sandbox::User=root -o Acquire::Languages=none)
	"${apt[@]}" update
	(cd "$dir/debs" && "${apt[@]}" download liburcu-dev liburcu8 libcmocka-dev libcmocka0)
	for deb in "$dir"/debs/*.deb; do
		dpkg -x "$deb" "$sys"
	done
fi
lib=$sys/usr/lib/aarch64-linux-gnu
cat >"$dir/cross.ini" <<END
[binaries]
c = 'aarch64-linux-gnu-gcc'
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
pkgconfig = 'pkg-config'
exe_wrapper = ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu', '-E', 'LD_LIBRARY_PATH=$lib']

[properties]
sys_root = '$sys'
pkg_config_libdir = '$lib/pkgconfig'

[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
END
