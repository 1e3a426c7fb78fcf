#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Usage: source.sh tree|kernel|kernel-rt|sparse|pahole|herd7 VERSION - put it into the cache if it is
# not there, print its path.
#
#   tree 7.3     an unpacked source tree, of the newest 7.3.x that the distribution has. Never
#                written to: others make hard-linked copies of it.
#   kernel 7.3   a kernel that boots, of the same version: the distribution's own (cloud flavour)
#   kernel-rt 7.3  the same with PREEMPT_RT
#   sparse any   a sparse that can read such a tree, run with its own C library
#   pahole any   a pahole that marks kernel functions in BTF, as 7.2 needs it, likewise
#   herd7 any    a herd7 that knows the macros of such a tree's tools/memory-model, likewise
#
# The packages come from newer suites of the distribution that this machine already uses: its
# mirror is read from the machine's own apt, and asked by an apt with a state of its own, so nothing
# of the system changes. Lists older than a day are fetched again; without a network, what the
# cache has is good enough.
set -eu
shopt -s inherit_errexit
cache=${BPFSTREAM_CACHE:-/var/cache/bpfstream}
case "${1-}" in
sparse|pahole|herd7)	suites=(forky) apt=$cache/apt-tools ;;
*)	suites=(trixie-backports) apt=$cache/apt ;;
esac
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/etc/sources.list.d" "$cache/deb" "$cache/src"
say() { echo "$*" >&2; }

options=(-q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/etc/sources.list.d"
	 -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt" -o "Dir::Cache::archives=$apt/archives"
	 -o Acquire::Languages=none -o APT::Sandbox::User=root)

mirror() {	# where this machine has its own release's main component from
	local codename
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
	apt-get indextargets --format '$(CREATED_BY) $(COMPONENT) $(RELEASE) $(REPO_URI)' |
		awk -v codename="$codename" '$1 == "Packages" && $2 == "main" &&
			($3 == codename || $3 == "stable" || $3 == "oldstable") { print $4; exit }'
}

refresh() {	# have package lists, not older than a day
	local uri suite keyring=/usr/share/keyrings/debian-archive-keyring.gpg signed=''
	[ -z "$(find "$apt/fresh" -mmin -1440 2>/dev/null)" ] || return 0
	uri=$(mirror)
	[ -n "$uri" ] || { say "source.sh: this machine's apt names no mirror of its distribution"; return 1; }
	[ ! -e "$keyring" ] || signed="[signed-by=$keyring] "
	rm -f "$apt"/etc/sources.list.d/*
	for suite in "${suites[@]}"; do
		echo "deb $signed$uri $suite main"
	done >"$apt/etc/sources.list.d/newer.list"
	apt-get "${options[@]}" update >"$apt/update.log" 2>&1 || { tail -n 5 "$apt/update.log" >&2; return 1; }
	! grep -qE '^(E:|W: Failed)' "$apt/update.log" || { tail -n 5 "$apt/update.log" >&2; return 1; }
	touch "$apt/fresh"
}

newest() {	# NAME-PATTERN: the package of that name with the highest version, "name version"
	local name
	for name in $(apt-cache "${options[@]}" pkgnames | grep -xE "$1"); do
		echo "$name $(apt-cache "${options[@]}" policy "$name" | awk '/Candidate:/ { print $2 }')"
	done | grep -v '(none)' | sort -k2V | tail -n 1
}

fetch() {	# NAME VERSION: the package's file in the cache
	local file
	file=$(find "$cache/deb" -name "$1_${2//:/%3a}_*.deb" | head -n 1)
	if [ -z "$file" ]; then
		say "downloading $1 $2"
		mkdir -p "$cache/deb/new"
		(cd "$cache/deb/new" && apt-get "${options[@]}" download "$1=$2" >"$apt/download.log" 2>&1) ||
			{ tail -n 5 "$apt/download.log" >&2; return 1; }
		mv "$cache"/deb/new/"$1"_*.deb "$cache/deb/"
		file=$(find "$cache/deb" -name "$1_${2//:/%3a}_*.deb" | head -n 1)
	fi
	echo "$file"
}

# unpack NAME-PATTERN WHAT: the folder in the cache in which the newest such package is unpacked by
# the function of that name; the newest that is there already if the mirror cannot be asked
unpack() {
	local pattern=$1 unpacker=$2 found name version dir deb
	if refresh && found=$(newest "$pattern") && [ -n "$found" ]; then
		read -r name version <<<"$found"
		dir=$cache/src/$name-$version
		if [ ! -e "$dir" ]; then
			deb=$(fetch "$name" "$version")
			say "unpacking $name $version"
			rm -rf "$dir.new"
			mkdir -p "$dir.new"
			"$unpacker" "$deb" "$dir.new"
			mv "$dir.new" "$dir"
		fi
	else
		dir=$(find "$cache/src" -maxdepth 1 -regextype posix-extended -regex "$cache/src/$pattern-[0-9].*" \
			! -name '*.new' | sort -V | tail -n 1)
		[ -n "$dir" ] || { say "source.sh: no package $pattern, neither there nor in the cache"; return 1; }
		say "using what the cache has: ${dir##*/}"
	fi
	echo "$dir"
}

unpack_tree() {
	mkdir "$2/deb"
	dpkg-deb -x "$1" "$2/deb"
	mkdir "$2/linux"
	tar -C "$2/linux" --strip-components=1 -xf "$(find "$2/deb/usr/src" -name 'linux-source-*.tar.*' | head -n 1)"
	rm -rf "$2/deb"
	touch "$2/unpacked"
}

unpack_kernel() {
	mkdir "$2/deb"
	dpkg-deb -x "$1" "$2/deb"
	mv "$(find "$2/deb" -type f -name 'vmlinuz*' | head -n 1)" "$2/vmlinuz"
	rm -rf "$2/deb"
}

unpack_tool() {	# with the libraries that are newer than this system's
	local deb name version library
	dpkg-deb -x "$1" "$2/sys"
	for library in libc6 libdwarves1 libdw1t64 libelf1t64 libbpf1 libgmp10; do
		read -r name version <<<"$(newest "$library")"
		deb=$(fetch "$name" "$version")
		dpkg-deb -x "$deb" "$2/sys"
	done
}

version=${2-}
case "${1-}" in
tree)
	dir=$(unpack "linux-source-$version" unpack_tree)
	echo "$dir/linux" ;;
kernel|kernel-rt)
	flavour=cloud
	[ "$1" = kernel ] || flavour=rt
	dir=$(unpack "linux-binary-${version//./\\.}\.[0-9]+\+deb[0-9]+-$flavour-amd64" unpack_kernel)
	echo "$dir/vmlinuz" ;;
sparse|pahole|herd7)
	package=$1 extra=''
	[ "$1" != herd7 ] || package=herdtools7
	dir=$(unpack "$package" unpack_tool)
	lib=$dir/sys/usr/lib/$(uname -m)-linux-gnu
	[ "$1" != herd7 ] || extra="-set-libdir $dir/sys/usr/share/herdtools7/herd"
	# written anew each time: the cache may have been moved
	printf '#!/bin/sh\nexec %s --library-path %s %s %s "$@"\n' "$lib/ld-linux-x86-64.so.2" \
		"$lib:/usr/lib/$(uname -m)-linux-gnu" "$dir/sys/usr/bin/$1" "$extra" >"$dir/$1"
	chmod +x "$dir/$1"
	echo "$dir/$1" ;;
*)
	sed -n '3,/^# The packages/p' "$0" | sed '$d' >&2
	exit 2 ;;
esac
