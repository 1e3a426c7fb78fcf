/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fixture.h - a program to test with, and what must hold when a test is over
 *
 * fixture_teardown() asserts that no text is charged for, that all pages in use are pages that
 * slots hold, that all levels were given back, that errno is what it was at the start, and that
 * nothing was warned of. A test that makes a system call fail itself puts errno back; one that
 * jumps out of a level says so.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "arena.h"
#include "bpfstream.h"
#include "live.h"

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef RUNNING_ON_VALGRIND
#define RUNNING_ON_VALGRIND	0
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FIXTURE_SANITIZED	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FIXTURE_SANITIZED	1
#endif
#endif
#ifndef FIXTURE_SANITIZED
#define FIXTURE_SANITIZED	0
#endif

#define FIXTURE_CAPACITY	100000u		/* a kernel stream's */
#define FIXTURE_TEXT_MAX	(1u << 20)
#define FIXTURE_ERRNO		4711
#define FIXTURE_PATIENCE_MS	20000		/* bound of all waiting for other threads */

/*
 * @prog: program with streams of FIXTURE_CAPACITY
 * @s: its standard output
 */
struct fixture {
	struct bpfstream_prog *prog;
	struct bpfstream *s;
};

/*
 * A reader's end.
 * @text, @len: what it took
 * @room: bytes it takes before it fails
 * @err: with what it then fails; 0: it takes nothing more and does not fail
 * @calls: how often it was called
 */
struct fixture_sink {
	char text[FIXTURE_TEXT_MAX];
	size_t len;
	size_t room;
	int err;
	unsigned int calls;
};

int fixture_setup(void **state);
int fixture_setup_lost_lines(void **state);
int fixture_teardown(void **state);
void fixture_jumps(void);
struct fixture *fixture_make(const struct bpfstream_opts *opts);

/* ---- streams ---- */

struct fixture_sink *fixture_sink(size_t room, int err);
long fixture_take(void *ctx, const struct bpfstream_piece *piece, unsigned int nr);
long fixture_deliver(struct bpfstream *s, struct fixture_sink *sink, size_t max);
int fixture_push(struct bpfstream *s, const char *text);
void assert_reads(struct bpfstream *s, const char *text);
void assert_reads_bytes(struct bpfstream *s, const char *text, size_t len);
void fixture_pattern(char *text, size_t len, unsigned int seed);

/* ---- pages ---- */

void fixture_forget_pages(void);
void assert_no_page_adrift(void);
u32 fixture_levels(const struct bsp_slot *slot);

/* ---- faults ---- */

void fixture_at(enum bsp_point point, long countdown, void (*fn)(void *arg), void *arg);
void fixture_fail_page(unsigned long nth, unsigned long nr);
void fixture_fail_no_page(void);

/* ---- threads and processes ---- */

void fixture_pause(void);
bool fixture_soon(bool (*is_so)(void *arg), void *arg);
int fixture_in_child(int (*fn)(void *arg), void *arg);
bool fixture_is_held(void *stream);
long fixture_fill_pipe(int fd);
unsigned long fixture_loops(unsigned long natively);

#endif
