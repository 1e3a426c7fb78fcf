/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz.h - what a fuzz target is to those who run it
 *
 * libFuzzer runs it with inputs of its own making, replay.c with those of the corpus. A target that
 * finds a difference says what it is and aborts.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

__attribute__((__format__(__printf__, 1, 2), __noreturn__))
void fuzz_fail(const char *fmt, ...);

/* Print bytes, those that are not text as escapes, to stderr. */
void fuzz_show(const char *what, const char *text, size_t len);

#endif
