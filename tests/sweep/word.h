/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * word.h - waiting for another process, or thread, without libc
 *
 * Who waits here runs no text in which a breakpoint may be planted for another thread.
 */
#ifndef SWEEP_WORD_H
#define SWEEP_WORD_H

#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#define WORD_INLINE	inline __attribute__((__always_inline__))

static WORD_INLINE long word_futex(uint32_t *word, long what, uint32_t value,
				   const struct timespec *timeout)
{
	register const struct timespec *r10 __asm__("r10") = timeout;
	long nr = SYS_futex;

	__asm__ volatile("syscall"
			 : "+a"(nr)
			 : "D"(word), "S"(what), "d"((long)value), "r"(r10)
			 : "rcx", "r11", "memory");
	return nr;
}

/* Wait, a second at most, as long as a word is @value. Returns what it is then. */
static WORD_INLINE uint32_t word_wait_while(uint32_t *word, uint32_t value)
{
	struct timespec second = { 1, 0 };

	if (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value)
		word_futex(word, FUTEX_WAIT, value, &second);
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* Wait until a word is @value. */
static WORD_INLINE void word_wait_for(uint32_t *word, uint32_t value)
{
	uint32_t is = __atomic_load_n(word, __ATOMIC_ACQUIRE);

	while (is != value)
		is = word_wait_while(word, is);
}

static WORD_INLINE void word_add(uint32_t *word)
{
	__atomic_add_fetch(word, 1, __ATOMIC_RELEASE);
	word_futex(word, FUTEX_WAKE, INT32_MAX, NULL);
}

#endif
