#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# ./dev kernel-test: the port inside Linux 7.2 and 7.3, in QEMU.
set -u
. scripts/packages.sh
need "${kernel_packages[@]}" || exit 1
exec bash tests/kernel/run.sh "$@"
