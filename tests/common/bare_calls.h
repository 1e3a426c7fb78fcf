/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bare_calls.h - the library's bare system calls, which go through this test's eyes first
 *
 * Included by one file of a test, which defines bare_call_hook().
 */
#ifndef BARE_CALLS_H
#define BARE_CALLS_H

#include <dlfcn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

/* See a call before it is made. True if *@ret and errno are its result and it is not to be made. */
static bool bare_call_hook(long nr, const long *arg, long *ret);

long syscall(long nr, ...)
{
	static long (*real)(long nr, ...);
	long arg[6], ret;
	va_list ap;
	int i;

	va_start(ap, nr);
	for (i = 0; i < 6; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	if (bare_call_hook(nr, arg, &ret))
		return ret;
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	return real(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

#endif
