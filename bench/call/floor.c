// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * floor.c - what a log call cannot do without
 *
 * FLOOR_FORMAT formats into a private buffer: OWN is the library's formatter, no copy of it.
 * FLOOR_COPY copies the text to an area of the thread's own, which it walks through, 64 KiB.
 * FLOOR_LOCKED locked operations follow, each on a line of its own, which belongs to the
 * thread, or with FLOOR_SHARED to all. With no format at all it is an empty call.
 */
#include <stdarg.h>
#include <stdio.h>

#include "common.h"
#include "harness.h"

#define NONE	0
#define OWN	1
#define GLIBC	2
#define STB	3

#if FLOOR_FORMAT == OWN
#include "chunk.h"
#include "format.h"
#elif FLOOR_FORMAT == STB
#define STB_SPRINTF_IMPLEMENTATION
#define STB_SPRINTF_STATIC
#include <stb/stb_sprintf.h>
#endif
#include <string.h>

#define MAX_THREADS	64u
#define MAX_TEXT	2048u
#define AREA		(64u << 10)

struct floor {
	uint64_t locked[2][BENCH_LINE / 8];
	uint32_t pos;
	char area[AREA + MAX_TEXT] __attribute__((__aligned__(BENCH_LINE)));
};

/* A line that other variables share would count twice. */
static struct floor floors[MAX_THREADS] __attribute__((__aligned__(BENCH_LINE)));
static __thread struct floor *mine;

static void thread_init(unsigned int thread)
{
	mine = &floors[thread];
	memset(mine->area, 0, sizeof(mine->area));
}

#if FLOOR_FORMAT == OWN
/* As much of a writer's state as the formatter looks at. The text is an element's, as it was. */
static __attribute__((__always_inline__)) inline size_t
format(char *buf, char **text, const char *fmt, va_list ap)
{
	struct bpfstream_out out;

	bpfstream_chain_init(&out.chain);
	out.limit = MAX_TEXT;
	out.elem = (struct bpfstream_elem *)(void *)buf;
	out.pos = out.elem->text;
	out.end = buf + MAX_TEXT;
	*text = out.pos;
	if (bsp_vformat(&out, fmt, ap))
		return 0;
	return (size_t)(out.pos - out.elem->text);
}

static void init(unsigned int nr_threads)
{
	(void)nr_threads;
	bsp_chunk_init();
}
#elif FLOOR_FORMAT != NONE
static __attribute__((__always_inline__)) inline size_t
format(char *buf, char **text, const char *fmt, va_list ap)
{
	*text = buf;
#if FLOOR_FORMAT == GLIBC
	return (size_t)vsnprintf(buf, MAX_TEXT, fmt, ap);
#else
	return (size_t)stbsp_vsnprintf(buf, (int)MAX_TEXT, fmt, ap);
#endif
}
#endif

static __attribute__((__noinline__, __format__(__printf__, 1, 2))) void call(const char *fmt, ...)
{
#if FLOOR_FORMAT != NONE
	char buf[MAX_TEXT] __attribute__((__aligned__(16)));
	char *text;
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	len = format(buf, &text, fmt, ap);
	va_end(ap);
	__asm__ __volatile__("" : : "r"(text), "r"(len) : "memory");
#if FLOOR_COPY
	memcpy(mine->area + mine->pos, text, len);
	mine->pos = (mine->pos + (uint32_t)len + 15) % AREA & ~7u;
	bench_barrier();
#endif
#else
	(void)fmt;
	bench_barrier();
#endif
	for (int i = 0; i < FLOOR_LOCKED; i++) {
		uint64_t *line = FLOOR_SHARED ? floors[0].locked[i] : mine->locked[i];

		__atomic_fetch_add(line, 1, __ATOMIC_ACQ_REL);
	}
}

BENCH_LOOPS(call)

const struct bench_candidate bench_candidate = {
	.name = BENCH_NAME,
	.signal_safe = 1,
#if FLOOR_FORMAT == OWN
	.init = init,
#endif
	.thread_init = thread_init,
	.run = BENCH_RUNS,
};
