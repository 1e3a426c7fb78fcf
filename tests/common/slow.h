/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * slow.h - how much slower than natively this program runs, so that a test can do less
 */
#ifndef TESTS_SLOW_H
#define TESTS_SLOW_H

#ifdef BSP_HAVE_VALGRIND
#include <valgrind/valgrind.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define SLOW_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define SLOW_TSAN 1
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLOW_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define SLOW_TSAN 1
#endif
#endif

static inline unsigned int slow_by(void)
{
#ifdef BSP_HAVE_VALGRIND
	if (RUNNING_ON_VALGRIND)
		return 50;
#endif
#if defined(SLOW_TSAN)
	return 20;
#elif defined(SLOW_ASAN)
	return 5;
#else
	return 1;
#endif
}

#endif
