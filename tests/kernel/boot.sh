#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Usage: boot.sh KERNEL INITRD CPUS MEMORY LOG [COMMAND-LINE...] - run it in QEMU.
#
# KERNEL is a vmlinux (of a kernel with PVH), a bzImage, or an arm64 kernel's Image. The first serial line is the kernel's
# console and goes to LOG.console, the second is the programs' and goes to LOG.out, so that neither
# cuts the other's lines. The guest ends by rebooting, or dies of a panic: both end QEMU. LIMIT in
# the environment is the time it may take, in seconds; running out of it is the only failure of this
# script. No KVM: the guest is emulated everywhere alike. With COUNTED in the environment its clock
# goes on by a nanosecond with each instruction, and it has one CPU. An emulator that must wait for its
# own CPUs has a late timer: nothing is concluded from that.
set -u
kernel=$1 initrd=$2 cpus=$3 memory=$4 log=$5
shift 5
machine=(qemu-system-x86_64 -machine pc -cpu max) console=ttyS0
# a CPU without 52-bit addresses, for a kernel that is made for them
[[ "$kernel" != */Image ]] || machine=(qemu-system-aarch64 -machine virt -cpu cortex-a72) console=ttyAMA0
accel=(-accel "tcg,thread=multi")
[ -z "${COUNTED-}" ] || accel=(-accel "tcg,thread=single" -icount "shift=0,sleep=off")
exec timeout -k 5 "${LIMIT:-600}" nice -n 19 "${machine[@]}" -nodefaults -no-user-config \
	-no-reboot -display none "${accel[@]}" \
	-smp "$cpus,sockets=$cpus,cores=1,threads=1" -m "$memory" \
	-serial "file:$log.console" -serial "file:$log.out" -kernel "$kernel" -initrd "$initrd" \
	-append "console=$console no_timer_check panic=-1 oops=panic nokaslr $*" </dev/null
