# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# To be sourced: need PACKAGE... installs the Debian packages that are missing.

need() {
	local missing=() package
	for package in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
			missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ]; then
		echo "These packages are missing; install them, as root, with" >&2
		echo "    apt-get install --no-install-recommends ${missing[*]}" >&2
		return 1
	fi
	echo "installing: ${missing[*]}"
	apt-get -q update >/tmp/bpfstream-apt.log 2>&1 &&
		DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends \
			"${missing[@]}" >>/tmp/bpfstream-apt.log 2>&1 && return 0
	tail -n 20 /tmp/bpfstream-apt.log >&2
	return 1
}

build_packages=(gcc libc6-dev meson ninja-build pkg-config liburcu-dev python3)
test_packages=(clang g++ libc6-dbg libclang-rt-14-dev libcmocka-dev libstb-dev valgrind binutils git ca-certificates
	       spin)
coverage_packages=(gcovr)
arm64_packages=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)
# peers, and what draws; without them there is less to compare
bench_packages=(g++ libabsl-dev libck-dev libgoogle-glog-dev liblttng-ust-dev libqb-dev libspdlog-dev
		libstb-dev lttng-tools python3-matplotlib)
# what draws
soak_packages=(python3-matplotlib)
# compilers for a kernel and for BPF programs, and what runs the result
kernel_packages=(gcc libc6-dev make bc bison flex perl pahole libelf-dev libssl-dev zlib1g-dev xz-utils
		 ca-certificates git python3 clang-19 qemu-system-x86 gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-system-arm)
