/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * brink.h - memory behind which there is none
 *
 * Each region ends where a page ends that cannot be touched. Who reads a byte too many faults, or
 * is told so by the kernel, in every build; no sanitizer is needed.
 */
#ifndef TESTS_FUZZ_BRINK_H
#define TESTS_FUZZ_BRINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BRINK_REGIONS	(40u + 2)
#define BRINK_SIZE	24576u

/* The last @len bytes of a region but @before: those lie behind, and are '~'. */
char *brink_at(unsigned int region, size_t len, size_t before);

/* Bytes that can be read from @addr on; none if it is in no region. */
size_t brink_readable(uint64_t addr);

#endif
