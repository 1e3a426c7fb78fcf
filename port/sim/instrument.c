// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * instrument.c - what the compiler calls for a plain access, in code built with -fsanitize=thread
 *
 * The sanitizer's own library is not linked: these take its place.
 */
#include <stddef.h>

#include "sim.h"

#define ACCESS(size)						\
void __tsan_read##size(void *p);				\
void __tsan_write##size(void *p);				\
void __tsan_unaligned_read##size(void *p);			\
void __tsan_unaligned_write##size(void *p);			\
void __tsan_read##size(void *p)					\
{								\
	sim_plain(p, size, false);				\
}								\
void __tsan_write##size(void *p)				\
{								\
	sim_plain(p, size, true);				\
}								\
void __tsan_unaligned_read##size(void *p)			\
{								\
	sim_plain(p, size, false);				\
}								\
void __tsan_unaligned_write##size(void *p)			\
{								\
	sim_plain(p, size, true);				\
}

ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

void __tsan_init(void);
void __tsan_func_entry(void *pc);
void __tsan_func_exit(void);
void __tsan_read_range(void *p, size_t size);
void __tsan_write_range(void *p, size_t size);

void __tsan_init(void)
{
}

void __tsan_func_entry(void *pc)
{
	(void)pc;
}

void __tsan_func_exit(void)
{
}

void __tsan_read_range(void *p, size_t size)
{
	sim_plain(p, size, false);
}

void __tsan_write_range(void *p, size_t size)
{
	sim_plain(p, size, true);
}
