#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Usage: selftest.sh TREE VMLINUX OUT - build OUT/test_progs: the kernel's own BPF selftests that
# have to do with streams, from TREE, for the kernel whose BTF is in VMLINUX.
#
#   stream                 all there is
#   verifier_kfunc_perfmon who may call the printing kfunc (7.3)
#   xdp_context_test_run   its programs print to a stream, and are loaded
#
# The kernel's own make would build hundreds of tests, modules and a signed set of programs. This is
# the same runner, with the same flags, of these tests only. Left out: libarena's tests of its
# address sanitizer, for which clang has to know an address space for the shadow (-mllvm
# -asan-shadow-addr-space), and clang 19 does not.
set -eu
shopt -s inherit_errexit
tree=$(readlink -f "$1") vmlinux=$(readlink -f "$2")
mkdir -p "$3"
out=$(readlink -f "$3")
tools=$tree/tools
from=$tools/testing/selftests/bpf
clang=${CLANG:-clang-19}
work=$out/bpf objects=$out/objects include=$out/include
mkdir -p "$out/libbpf" "$out/bpftool" "$include"
exec 3>&1 1>"$out/build.log" 2>&1
trap '[ $? = 0 ] || tail -n 20 "$out/build.log" >&3' EXIT
export MAKEFLAGS=

make=(nice -n 19 make -s "-j$(nproc)")
"${make[@]}" -C "$tools/lib/bpf" OUTPUT="$out/libbpf/" DESTDIR="$out/" prefix= EXTRA_CFLAGS='-g -O0' \
	all install_headers
"${make[@]}" -C "$tools/bpf/bpftool" OUTPUT="$out/bpftool/" SKIP_LLVM=1 SKIP_LIBBFD=1 SKIP_CRYPTO=1 \
	CLANG="$clang" bootstrap
bpftool=$out/bpftool/bootstrap/bpftool
"$bpftool" btf dump file "$vmlinux" format c >"$include/vmlinux.h.new"

# nothing to do if nothing changed: the kernel's types, the tests, this script
made_of=$(cat "$include/vmlinux.h.new" "$from"/*.[ch] "$from"/progs/{stream*,*perfmon*,test_xdp_*}.c \
	"$from"/prog_tests/{stream,xdp_context_test_run}.c "$0" 2>/dev/null | sha256sum || true)
if [ -x "$out/test_progs" ] && [ "$(cat "$out/made_of" 2>/dev/null)" = "$made_of" ]; then
	rm "$include/vmlinux.h.new"
	exit 0
fi
rm -rf "$out/made_of" "$work" "$objects"
mv "$include/vmlinux.h.new" "$include/vmlinux.h"
mkdir -p "$work/prog_tests" "$work/progs" "$objects"
cp "$from"/*.[ch] "$work/"
cp "$from"/progs/*.h "$work/progs/"
for dir in libarena gnu; do
	[ ! -d "$from/$dir" ] || cp -r "$from/$dir" "$work/"
done

# the tests: a file each; verifier.c names a hundred, of which we take one
tests=(stream xdp_context_test_run)
cp "$from/prog_tests/stream.c" "$from/prog_tests/xdp_context_test_run.c" "$work/prog_tests/"
if [ -e "$from/progs/verifier_kfunc_perfmon.c" ]; then
	tests+=(verifier_kfunc_perfmon)
	cat >"$work/prog_tests/verifier_kfunc_perfmon.c" <<-'END'
		#include <test_progs.h>
		#include "verifier_kfunc_perfmon.skel.h"

		void test_verifier_kfunc_perfmon(void)
		{
			RUN_TESTS(verifier_kfunc_perfmon);
		}
	END
fi
sed -n -E 's/^void (serial_)?test_([a-z0-9_]+)\((void)?\).*/DEFINE_TEST(\2)/p' "$work"/prog_tests/*.c |
	grep -v context_error | sort >"$work/prog_tests/tests.h"

# the runner embeds the certificate of its signed programs, and registers it: there are none
cat >"$work/verification_cert.h" <<-'END'
	static unsigned char test_progs_verification_cert[1];
	static unsigned int test_progs_verification_cert_len;
END
cat >"$work/no_keyring.h" <<-'END'
	#include <sys/syscall.h>
	#undef __NR_add_key
	#define __NR_add_key __NR_getpid
END

host_include=$("$clang" -v -E - </dev/null 2>&1 |
	sed -n '/<...> search starts here:/,/End of search list/ { s| \(/.*\)|-idirafter \1|p }')
for program in $(sed -n 's/^#include "\(.*\)\.skel\.h"/\1/p' "$work"/prog_tests/*.c | sort -u); do
	cp "$from/progs/$program.c" "$work/progs/"
	# shellcheck disable=SC2086
	"$clang" -g -O2 --target=bpfel -mcpu=v3 -mlittle-endian -std=gnu11 -Wall -Werror \
		-fno-strict-aliasing -fms-extensions -Wno-microsoft-anon-tag \
		-Wno-compare-distinct-pointer-types -Wno-initializer-overrides \
		-D__TARGET_ARCH_x86 -DENABLE_ATOMICS_TESTS -I"$include" -I"$work" \
		-I"$tools/include/uapi" -I"$tools/include" -I"$work/libarena/include" $host_include \
		-c "$work/progs/$program.c" -o "$objects/$program.bpf.o"
	# linked to itself twice, as upstream does
	"$bpftool" gen object "$objects/$program.linked1.o" "$objects/$program.bpf.o"
	"$bpftool" gen object "$objects/$program.linked2.o" "$objects/$program.linked1.o"
	"$bpftool" gen skeleton "$objects/$program.linked2.o" name "$program" >"$objects/$program.skel.h"
done

flags=(-g -O0 -rdynamic -std=gnu11 -Wall -Wno-unused-but-set-variable -fno-omit-frame-pointer
       -D_GNU_SOURCE= -I"$work" -I"$include" -I"$tools/lib" -I"$tools/include"
       -I"$tools/arch/x86/include" -I"$tools/include/uapi" -I"$objects" -I"$work/libarena/include")
compile() { nice -n 19 gcc "${flags[@]}" "${@:3}" -c "$1" -o "$objects/$2.o"; }
compile "$work/test_progs.c" test_progs -include "$work/no_keyring.h"
for helper in cgroup_helpers trace_helpers network_helpers testing_helpers btf_helpers cap_helpers \
	unpriv_helpers sysctl_helpers netlink_helpers jit_disasm_helpers io_helpers test_loader disasm \
	disasm_helpers json_writer bpftool_helpers; do
	# not each version has each
	[ ! -e "$work/$helper.c" ] || compile "$work/$helper.c" "$helper"
done
compile "$tools/lib/find_bit.c" find_bit
for name in "${tests[@]}"; do
	compile "$work/prog_tests/$name.c" "$name.test"
done
gcc -static "$objects"/*[^0-9f].o "$out/libbpf/libbpf.a" -lelf -lz -lrt -lpthread -o "$out/test_progs"
strip -g "$out/test_progs"
echo "$made_of" >"$out/made_of"
