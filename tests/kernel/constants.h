/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * constants.h - two addresses of version 4, one of version 6, and a string
 */
#ifndef CONSTANTS_H
#define CONSTANTS_H

/* What a format may point at in the kernel: places in a constant map. */
static const char constants[64] = {
	[0] = 10, 1, 2, 3,
	[4] = (char)255, (char)255, (char)255, (char)255,
	[16] = 0x20, 0x01, 0x0d, (char)0xb8, [31] = 0x5a,
	[32] = 'k', 'e', 'r', 'n', 'e', 'l',
};

enum { KERNEL_IP4 = 1, KERNEL_IP4_LONG = 5, KERNEL_IP6 = 17, KERNEL_STRING = 33 };	/* place + 1 */

#endif
