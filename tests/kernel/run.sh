#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# ./dev kernel-test [7.2|7.3|KDIR...] [--quick] [--stock]: the port in real kernels, in QEMU.
#
# For each tree: a copy gets the port, is built small, and boots with 1, 2 and 4 CPUs to run the
# kernel's own stream tests, the port's KUnit suite, and the oracle, whose answers are compared with
# those of the distribution's kernel; then once more with sanitizers, as README.md tells.
#
#   --quick  7.3 (or the tree named), one kernel, 2 CPUs: the kernel's own tests and KUnit
#   --stock  the unmodified tree: what the others are to be compared with
#
# Sources, copies and builds stay in the cache; logs are in $BPFSTREAM_BUILD/kernel-test.
set -u
here=$(dirname "$(readlink -f "$0")")
root=$(dirname "$(dirname "$here")")
cache=${BPFSTREAM_CACHE:-/var/cache/bpfstream}
mkdir -p "$cache" 2>/dev/null
[ -w "$cache" ] || cache=${XDG_CACHE_HOME:-$HOME/.cache}/bpfstream
export BPFSTREAM_CACHE=$cache
logs=${BPFSTREAM_BUILD:-build}/kernel-test
mkdir -p "$cache"/{tree,build} "$logs" || exit 1
logs=$(readlink -f "$logs")
start=$SECONDS

quick='' stock='' wanted=()
for word in "$@"; do
	case "$word" in
	--quick) quick=1 ;;
	--stock) stock=1 ;;
	7.*) wanted+=("$word") ;;
	*)	[ -e "$word/kernel/bpf/Makefile" ] ||
			{ echo "kernel-test: $word is neither an option, nor 7.2 or 7.3, nor a kernel tree" >&2; exit 2; }
		wanted+=("$(readlink -f "$word")") ;;
	esac
done
[ ${#wanted[@]} -gt 0 ] || if [ -n "$quick" ]; then wanted=(7.3); else wanted=(7.3 7.2); fi
kind=port
[ -z "$stock" ] || kind=stock

rm -f "$logs"/*.{log,console,out,meta,symbols}
exec 9>>"$cache/lock"		# one run builds or copies at a time
say() { printf '[%5d s] %s\n' $((SECONDS - start)) "$*"; }
failed_step() {	# NAME: note for the table that a step failed
	say "$1: FAILED"
	printf 'step %s\n' "$1" >>"$logs/failed.log"
	return 1
}

# copy SOURCE TREE: hard links, so it takes seconds and no space; what is installed replaces them.
# Files that come out as they were last time keep their dates, so make does not build them again.
copy() {
	local source=$1 tree=$2 entry file
	rm -rf "$tree.old"
	[ ! -e "$tree" ] || mv "$tree" "$tree.old"
	mkdir -p "$tree"
	for entry in "$source"/* "$source"/.[a-z]*; do
		[ "${entry##*/}" = .git ] || cp -al "$entry" "$tree/" 2>/dev/null || cp -a "$entry" "$tree/" || return 1
	done
	if [ -e "$tree/.config" ] || [ -d "$tree/include/config" ]; then
		echo "$source was built in: make mrproper there first" >&2
		return 1
	fi
	[ "$kind" = port ] || { rm -rf "$tree.old"; return 0; }
	touch "$tree.date"
	bash "$here/port.sh" "$root" "$source" "$tree" || return 1
	[ -d "$tree.old" ] || return 0
	while read -r file; do
		! cmp -s "$tree/$file" "$tree.old/$file" || touch -r "$tree.old/$file" "$tree/$file"
	done < <(cd "$tree" && find include kernel -type f -newer "$tree.date")
	rm -rf "$tree.old"
}

kernel() {	# NAME TREE FRAGMENT...: build one, unless it is built
	local name=$1 tree=$2 began=$SECONDS
	shift 2
	[ ! -e "$tree/kernel/bpf/bpfstream/kunit.c" ] || set -- "$@" kunit
	bash "$here/build.sh" "$tree" "$cache/build/$name" "$@" >"$logs/$name-build.log" 2>&1 ||
		{ tail -n 30 "$logs/$name-build.log"; failed_step "$name: build"; return 1; }
	nm "$cache/build/$name"/kernel/bpf/{stream.o,bpfstream/*.o} 2>/dev/null |
		awk '$2 ~ /[tT]/ { print $3 }' | sort -u >"$logs/$name.symbols"
	say "$name: built in $((SECONDS - began)) s"
}

# boot NAME VMLINUX CPUS MEMORY EXPECT COMMAND-LINE...: run it, and say how it went
boot() {
	local name=$1 vmlinux=$2 cpus=$3 memory=$4 expect=$5 began=$SECONDS log=$logs/$1-$3cpu status racy try
	shift 5
	LIMIT=$limit bash "$here/boot.sh" "$vmlinux" "$logs/$name.initrd" "$cpus" "$memory" "$log" loglevel=7 "$@"
	status=$?
	printf '%s\n' "name=$name" "cpus=$cpus" "status=$status" "seconds=$((SECONDS - began))" \
		"expect=$expect" >"$log.meta"
	# The one test that reads right after it started a timer: it may be late, on any kernel. It gets
	# three boots of its own, if nothing else failed.
	racy=stream_success/stream_arena_callback_fault
	for try in 1 2 3; do
		python3 -B "$here/report.py" --only-failed "$racy" "$log" || break
		LIMIT=$limit bash "$here/boot.sh" "$vmlinux" "$logs/$name.initrd" "$cpus" "$memory" "$log.retry$try" \
			loglevel=7 "run=/bin/test_progs,-t,$racy"
		echo "retry=$try" >>"$log.meta"
	done
	say "$(python3 -B "$here/report.py" --line "$log")"
}

test_tree() {	# WHAT: 7.2, 7.3, or a tree's path
	local what=$1 source name tree build programs=() run=() cpus=(1 2 4) expect variant distribution=''
	case "$what" in
	/*)	source=$what name=kdir-$(echo "$what" | sha256sum | cut -c1-8)-$kind ;;
	*)	source=$(bash "$here/source.sh" tree "$what" 2>"$logs/$what-source.log") ||
			{ cat "$logs/$what-source.log"; failed_step "$what: source"; return 1; }
		name=$what-$kind ;;
	esac
	say "$name: Linux $(make -s -C "$source" kernelversion), from $source"
	tree=$cache/tree/$name
	flock 9
	copy "$source" "$tree" >"$logs/$name-copy.log" 2>&1 ||
		{ cat "$logs/$name-copy.log"; failed_step "$name: copy and install"; return 1; }
	say "$name: copied$([ "$kind" = stock ] || echo ', the port installed')"
	kernel "$name-plain" "$tree" || return 1
	build=$cache/build/$name-plain
	bash "$here/selftest.sh" "$tree" "$build/vmlinux" "$cache/build/$name-selftest" >"$logs/$name-selftest.log" 2>&1 ||
		{ tail -n 30 "$logs/$name-selftest.log"; failed_step "$name: selftests' build"; return 1; }
	flock -u 9
	say "$name: selftests built"

	programs=(/bin/test_progs="$cache/build/$name-selftest/test_progs")
	run=(run=/bin/test_progs,-t,stream,-t,verifier_kfunc_perfmon,-t,xdp_context_test_run)
	expect=selftests,$([ -e "$tree/kernel/bpf/bpfstream/kunit.c" ] && echo kunit)
	if [ -z "$quick" ] && [ -e "$here/oracle.c" ]; then
		gcc -std=gnu11 -O2 -Wall -static -pthread "$here/oracle.c" -o "$logs/oracle" >"$logs/oracle.log" 2>&1 ||
			{ cat "$logs/oracle.log"; failed_step "oracle: build"; return 1; }
		programs+=(/bin/oracle="$logs/oracle")
		run+=(run=/bin/oracle)
		expect+=,oracle
	fi
	initrd() { bash "$here/initramfs.sh" "$tree" "$logs/$1.initrd" "${programs[@]}" || failed_step "$1: initramfs"; }
	initrd "$name-plain" || return 1
	[ -z "$quick" ] || cpus=(2)
	limit=300
	for n in "${cpus[@]}"; do
		boot "$name-plain" "$build/vmlinux" "$n" 1G "$expect" "${run[@]}"
	done
	[ -z "$quick" ] || return 0

	if [[ "$expect" == *oracle* && "$what" != /* ]]; then
		distribution=$(bash "$here/source.sh" kernel "$what" 2>"$logs/$what-kernel.log") ||
			failed_step "$what: the distribution's kernel"
		if [ -n "$distribution" ]; then
			cp "$logs/$name-plain.initrd" "$logs/$what-distribution.initrd"
			boot "$what-distribution" "$distribution" 2 1G oracle run=/bin/oracle
		fi
	fi
	[ -z "$stock" ] || return 0

	limit=1800
	for variant in debug kcsan rt; do
		flock 9
		kernel "$name-$variant" "$tree" "$variant"
		status=$?
		flock -u 9
		[ $status = 0 ] || continue
		cp "$logs/$name-plain.initrd" "$logs/$name-$variant.initrd"
		for n in 2 4; do
			# arenas are 4 GiB each, of which the address sanitizer shadows an eighth
			boot "$name-$variant" "$cache/build/$name-$variant/vmlinux" "$n" 8G "$expect" "${run[@]}"
		done
	done
}

: >"$logs/failed.log"
for what in "${wanted[@]}"; do
	test_tree "$what"
done
rm -f "$logs"/*.initrd
python3 -B "$here/report.py" --table "$logs"
status=$?
echo "$((SECONDS - start)) s; logs in $logs"
exit $status
