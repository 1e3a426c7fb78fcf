#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# ./dev kernel-test [7.2|7.3|KDIR...] [--quick] [--stock] [--boot KERNEL...]: the port in real kernels, in QEMU.
#
# For each tree: a copy gets the port, is built small, and boots with 1, 2 and 4 CPUs to run the
# kernel's own stream tests, the port's KUnit suite, and the oracle, whose answers are compared with
# those of the distribution's kernel; then once more with sanitizers, as README.md tells. The port's
# files are also read by checkers, and compiled for other kinds of kernel.
#
#   --quick        7.3 (or the tree named), one kernel, 2 CPUs: the kernel's own tests and KUnit
#   --stock        the unmodified tree: what the others are to be compared with
#   --boot KERNEL  only this one of those named below, no checks; again for more of them
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

wrong() { echo "kernel-test: $*" >&2; exit 2; }

all_kernels='plain options debug kcsan rt arm64'
quick='' stock='' wanted=() kernels=()
while [ $# -gt 0 ]; do
	case "$1" in
	--quick) quick=1 ;;
	--stock) stock=1 ;;
	--boot)	[[ " $all_kernels " == *" ${2-} "* ]] || wrong "--boot takes one of $all_kernels"
		kernels+=("$2")
		shift ;;
	7.*) wanted+=("$1") ;;
	*)	[ -e "$1/kernel/bpf/Makefile" ] || wrong "$1 is neither an option, nor 7.2 or 7.3, nor a kernel tree"
		wanted+=("$(readlink -f "$1")") ;;
	esac
	shift
done
complete=''
# shellcheck disable=SC2206
[ ${#kernels[@]} -gt 0 ] || { complete=1 kernels=($all_kernels); }
[ ${#wanted[@]} -gt 0 ] || if [ -n "$quick" ]; then wanted=(7.3); else wanted=(7.3 7.2); fi
kind=port
[ -z "$stock" ] || kind=stock

rm -f "$logs"/*.{log,console,out,meta,symbols,size,initrd,oracle,asked} "$logs"/{oracle,storm,cost,script,steps} "$logs"/stock-*.txt
exec 9>>"$cache/lock"		# one run builds or copies at a time
say() { printf '[%5d s] %s\n' $((SECONDS - start)) "$*"; }
# step NAME SUITE COMMAND...: one that is a line in the table. Its output is kept, and shown if it fails.
step() {
	local name=$1 suite=$2 began=$SECONDS status=0 words=(done FAILED)
	shift 2
	"$@" >"$logs/$name-$suite.log" 2>&1 9>&- || status=1
	printf '%s\t%s\t%d\t%d\n' "$name" "$suite" $status $((SECONDS - began)) >>"$logs/steps"
	[ $status = 0 ] || tail -n 30 "$logs/$name-$suite.log"
	say "$name: $suite ${words[status]}, $((SECONDS - began)) s"
	return $status
}

# copy SOURCE TREE: hard links, so it takes seconds and no space; what is installed replaces them.
copy() {
	local source=$1 tree=$2 entry
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
	touch "$tree.date"
}

# What comes out as it was last time keeps its date, so make does not build it again.
keep_dates() {	# TREE
	local tree=$1 file
	if [ -d "$tree.old" ]; then
		while read -r file; do
			! cmp -s "$tree/$file" "$tree.old/$file" || touch -r "$tree.old/$file" "$tree/$file"
		done < <(cd "$tree" && find include kernel -type f -newer "$tree.date")
	fi
	rm -rf "$tree.old"
}

asked_for() { [[ " ${kernels[*]} " == *" $1 "* ]]; }	# KERNEL
has_kunit() { [ -e "$tree/kernel/bpf/bpfstream/kunit.c" ]; }

kernel() {	# NAME FRAGMENT...: build one, unless it is built
	local name=$1
	shift
	! has_kunit || set -- "$@" kunit
	step "$name" build bash "$here/build.sh" "$tree" "$cache/build/$name" "$@" || return 1
	find "$cache/build/$name"/kernel/bpf/{stream.o,bpfstream} -name '*.o' ! -name 'kunit*' -exec size -t {} + \
		>"$logs/$name.size" 2>/dev/null
	nm "$cache/build/$name"/kernel/bpf/{stream.o,bpfstream/*.o} 2>/dev/null |
		awk '$2 ~ /[tT]/ { print $3 }' | sort -u >"$logs/$name.symbols"
}

# boot NAME VMLINUX CPUS MEMORY EXPECT COMMAND-LINE...: run it, and say how it went
boot() {
	local name=$1 vmlinux=$2 cpus=$3 memory=$4 expect=$5 began=$SECONDS log=$logs/$1-$3cpu status try
	# reads right after it started a timer, which may be late, on any kernel; it gets three boots of its
	# own if nothing else failed
	local racy=stream_success/stream_arena_callback_fault
	shift 5
	LIMIT=$limit bash "$here/boot.sh" "$vmlinux" "$initrd" "$cpus" "$memory" "$log" loglevel=7 "$@"
	status=$?
	printf '%s\n' "name=$name" "cpus=$cpus" "status=$status" "seconds=$((SECONDS - began))" \
		"expect=$expect" "stock=$distribution" >"$log.meta"
	for try in 1 2 3; do
		python3 -B "$here/report.py" --only-failed "$racy" "$log" || break
		LIMIT=$limit bash "$here/boot.sh" "$vmlinux" "$initrd" "$cpus" "$memory" "$log.retry$try" \
			loglevel=7 "run=/bin/test_progs,-t,$racy"
		echo "retry=$try" >>"$log.meta"
	done
	say "$(python3 -B "$here/report.py" --line "$log")"
}

# The guest programs that there are besides test_progs, as initramfs.sh takes them
guests() {
	local program files=(/bin/test_progs="$selftest/test_progs")
	for program in oracle storm cost; do
		[ -e "$here/$program.c" ] || continue
		gcc -std=gnu11 -O2 -Wall -static -pthread "$here/$program.c" -o "$logs/$program" || return 1
		files+=("/bin/$program=$logs/$program")
	done
	gcc -std=gnu11 -O2 -Wall -static "$here/script-kernel.c" -o "$logs/script" || return 1
	files+=(/bin/script="$logs/script" /script.txt="$here/script.txt")
	bash "$here/initramfs.sh" "$tree" "$initrd" "${files[@]}"
}

# What the kernel of a boot answered to the script is what the tree has, with which tests/api compares
# the library.
recorded() {	# LOG KERNEL
	local new=$logs/stock-$2.txt
	{
		sed '/^SCRIPT/,$d' "$here/stock-7.3.txt"
		tr -d '\r' <"$1.out" | grep '^SCRIPT'
	} >"$new"
	diff <(grep -v '^SCRIPT-KERNEL' "$here/stock-7.3.txt") <(grep -v '^SCRIPT-KERNEL' "$new") && return 0
	echo "If these answers are right, copy $new to tests/kernel/stock-7.3.txt"
	return 1
}

test_tree() {	# WHAT: 7.2, 7.3, or a tree's path
	local what=$1 version name variant n cpus=(1 2 4) distribution=''
	case "$what" in
	/*)	source=$what name=kdir-$(echo "$what" | sha256sum | cut -c1-8)-$kind ;;
	*)	name=$what-$kind
		step "$name" source bash "$here/source.sh" tree "$what" || return 1
		source=$(tail -n 1 "$logs/$name-source.log") ;;
	esac
	version=$(make -s -C "$source" kernelversion) || return 1
	say "$name: Linux $version, from $source"
	tree=$cache/tree/$name initrd=$logs/$name.initrd selftest=$cache/build/$name-selftest

	flock 9
	step "$name" copy copy "$source" "$tree" || return 1
	[ "$kind" = stock ] || step "$name" installer bash "$here/port.sh" "$root" "$source" "$tree" || return 1
	keep_dates "$tree"
	if [ "$kind/$quick/$complete" = port//1 ]; then
		step "$name" checks bash "$here/check.sh" "$tree" "$cache/build/$name-check"
		step "$name" litmus bash "$root/tests/litmus/herd.sh" "$tree"
	fi
	kernel "$name-plain" || return 1
	step "$name" selftests bash "$here/selftest.sh" "$tree" "$cache/build/$name-plain/vmlinux" "$selftest" || return 1
	flock -u 9
	step "$name" guests guests || return 1

	local run=("run=/bin/test_progs,-t,stream,-t,verifier_kfunc_perfmon,-t,xdp_context_test_run")
	local expect=selftests
	! has_kunit || expect+=,kunit
	limit=300
	if [ -n "$quick" ]; then
		boot "$name-plain" "$cache/build/$name-plain/vmlinux" 2 1G "$expect" "${run[@]}"
		return
	fi
	if [ -e "$logs/oracle" ]; then
		# the column to compare with: the distribution's kernel of the same version, or nearly
		[[ "$what" != /* ]] || what=$(echo "$version" | cut -d. -f1-2)
		step "$name" distribution bash "$here/source.sh" kernel "$what" || return 1
		boot "$what-distribution" "$(tail -n 1 "$logs/$name-distribution.log")" 2 1G asked run=/bin/oracle \
			run=/bin/script,/script.txt
		distribution=$what-distribution-2cpu
		step "$name" recorded recorded "$logs/$distribution" "$what"
		run+=(run=/bin/oracle)
		expect+=,oracle
	fi
	# the unmodified kernel loses and complains there, that is known
	if [ -e "$logs/storm" ] && [ -z "$stock" ]; then
		run+=("run=/bin/storm,seconds=5")
		expect+=,storm
	fi
	! asked_for plain || for n in "${cpus[@]}"; do
		boot "$name-plain" "$cache/build/$name-plain/vmlinux" "$n" 1G "$expect" "${run[@]}"
	done
	! asked_for plain || COUNTED=1 boot "$name-counted" "$cache/build/$name-plain/vmlinux" 1 1G cost \
		kunit.enable=0 run=/bin/cost
	[ -z "$stock" ] || return 0

	limit=1800
	run=(limit=900 "${run[@]}")
	local asked=("${run[@]}") all=$expect fail=/sys/kernel/debug/fail_function
	for variant in options debug kcsan rt; do		# and arm64
		asked_for "$variant" || continue
		run=("${asked[@]}") expect=$all
		case "$variant" in
		rt)	# the column to compare with can say more or less, too
			step "$name" distribution-rt bash "$here/source.sh" kernel-rt "$what" || continue
			distribution=$what-distribution-rt
			boot "$distribution" "$(tail -n 1 "$logs/$name-distribution-rt.log")" 2 2G asked limit=900 run=/bin/oracle
			distribution+=-2cpu ;;
		options) run=(limit=900 run=/bin/storm,seconds=5) expect=kunit,storm ;;
		debug)	# once more, with every third page refused
			run+=("put=$fail/inject,bsp_page_alloc" "put=$fail/verbose,0" "put=$fail/times,-1"
			      "put=$fail/probability,33" "run=/bin/storm,seconds=5,faults") ;;
		kcsan)	# races in what the storm drives are complaints, though not about the port; and no NMIs,
			# each of which would have all CPUs print their stacks
			run=("${asked[@]/storm,seconds=5/storm,seconds=5,stock,sources=task+sys+probe+clock+timer+churn}") ;;
		esac
		flock 9
		kernel "$name-$variant" "$variant"
		n=$?
		flock -u 9
		[ $n = 0 ] || continue
		for n in 2 4; do
			# arenas are 4 GiB each, of which the address sanitizer shadows an eighth
			boot "$name-$variant" "$cache/build/$name-$variant/vmlinux" "$n" 8G "$expect" "${run[@]}"
		done
	done
	! asked_for arm64 || arm64
}

# The port is no program, so no program is needed but init: KUnit tells.
arm64() {
	flock 9
	ARCH=arm64 kernel "$name-arm64"
	local status=$?
	flock -u 9
	[ $status = 0 ] || return 1
	initrd=$logs/$name-arm64.initrd
	step "$name-arm64" init env CC=aarch64-linux-gnu-gcc bash "$here/initramfs.sh" "$tree" "$initrd" || return 1
	boot "$name-arm64" "$cache/build/$name-arm64/arch/arm64/boot/Image" 2 1G kunit
}

: >"$logs/steps"
for what in "${wanted[@]}"; do
	test_tree "$what"
done
rm -f "$logs"/*.initrd
python3 -B "$here/report.py" --table "$logs"
status=$?
echo "$((SECONDS - start)) s; logs in $logs"
exit $status
