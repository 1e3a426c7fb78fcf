/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * plain.h - the baseline: Linux's first BPF streams, re-created from their description
 *
 * As in Linux 6.17: text is formatted by vsnprintf() into a buffer and copied into an element
 * of the CPU's current page, which a try-lock guards and in which each element holds a
 * reference. Capacity is a counter of its own. The reader takes all, turns it round, copies,
 * and gives back capacity and page reference element by element.
 *
 * Otherwise than there: capacity that was charged is given back when there is no memory; the
 * buffer is on the stack; empty messages are not stored. What finds the page locked is refused,
 * as there; here also where the holder was preempted, which the kernel rules out.
 */
#ifndef BENCH_PLAIN_H
#define BENCH_PLAIN_H

#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define PLAIN_DEFAULT_PAGES	16384u
#define PLAIN_DEFAULT_CAPACITY	(4u << 20)

struct plain_elem;

struct plain_stream {
	int32_t used;			/* bytes charged */
	int32_t capacity;
	struct plain_elem *log;		/* newest first */
	pthread_mutex_t lock;		/* guards the backlog */
	struct plain_elem *backlog;	/* oldest first */
} __attribute__((__aligned__(128)));

/* A group of messages that becomes visible at once. */
struct plain_stage {
	struct plain_elem *log;
	int32_t bytes;
};

int plain_init(unsigned int nr_pages);		/* of all streams; 0 or -ENOMEM */
unsigned int plain_pages_used(void);		/* now, CPUs' current pages included */
unsigned int plain_pages_peak(void);

void plain_stream_init(struct plain_stream *s, uint32_t capacity);
int plain_write(struct plain_stream *s, const char *text, size_t len);
int plain_printf(struct plain_stream *s, const char *fmt, ...)
	__attribute__((__format__(__printf__, 2, 3)));
int plain_vprintf(struct plain_stream *s, const char *fmt, va_list ap)
	__attribute__((__format__(__printf__, 2, 0)));
size_t plain_read(struct plain_stream *s, char *buf, size_t len);

void plain_stage_init(struct plain_stage *ss);
int plain_stage_printf(struct plain_stage *ss, const char *fmt, ...)
	__attribute__((__format__(__printf__, 2, 3)));
int plain_stage_commit(struct plain_stage *ss, struct plain_stream *s);

#endif
