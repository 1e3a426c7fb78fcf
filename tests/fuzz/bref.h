/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bref.h - what bpfstream_bprintf() has to make of a call, from the kernel's rules
 *
 * Written from the rules, in the kernel's two passes: bpf_bprintf_prepare() checks the format and
 * packs the arguments, bstr_printf() prints what was packed. They are in bref.c, each where it is
 * followed. Ours to differ (DIFFERENCES.md): addresses print as they are, symbols as addresses, the
 * packing area cannot be overrun, and a message of 1024 bytes or more is -E2BIG.
 */
#ifndef TESTS_FUZZ_BREF_H
#define TESTS_FUZZ_BREF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BREF_MAX	1024u	/* bytes of a message, exclusive */

/*
 * @err: 0, or why the call is to be refused
 * @text, @len: the message; with -E2BIG what comes before the field that is too long
 * @unsure: memory would have to be read of which it is not known whether it is there
 */
struct bref {
	int err;
	char text[BREF_MAX];
	size_t len;
	bool unsure;
};

void bref_print(struct bref *ref, const char *fmt, const uint64_t *args, uint32_t args_sz);

#endif
