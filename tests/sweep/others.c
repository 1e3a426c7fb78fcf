// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * others.c - the threads that go on while the victim stands still
 *
 * One writes and one takes, SWEEP_OPS calls together. Every message says its number, so that what
 * was taken proves itself: by whomever, each once, whole, in order, and both of a group together.
 *
 * Who takes reads; but next to a stopped dump, which holds what a reader would wait for, it dumps.
 * The writer, when it is refused, reads as well: on a machine that has other things to do, waiting
 * for each other would take long.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep.h"
#include "word.h"

#define HALF		(SWEEP_OPS / 2)
#define TAKEN_MAX	(1u << 20)

static pthread_t threads[2];
static uint64_t refused;	/* messages of the writer that did not fit, and were tried again */
static bool written;
static struct taken {
	size_t len;
	char text[TAKEN_MAX];
} taken[2];	/* by the writer, by the taker */

/* ---- calls ---- */

enum { BY_PRINTF, BY_WRITE, BY_BPRINTF, BY_STAGE, BY_STAT, NR_WAYS };

/* Returns an error, having counted what is lost by it. */
static int write_group(uint32_t i)
{
	struct bpfstream_stage stage;
	int err;

	bpfstream_stage_init(&stage);
	err = bpfstream_stage_printf(&stage, "g%u\n", i);
	err = err ? err : bpfstream_stage_printf(&stage, "h%u\n", i);
	if (!err) {
		err = bpfstream_stage_commit(&stage, now.prog, BPFSTREAM_STDOUT);
		refused += err ? 2 : 0;
	}
	bpfstream_stage_free(&stage);
	return err;
}

static int write_one(uint32_t i)
{
	struct bpfstream_stat stat = { .sz = sizeof(stat) };
	uint64_t arg = i;
	char text[16];
	int err, n;

	switch (i % NR_WAYS) {
	case BY_STAGE:
		return write_group(i);
	case BY_STAT:
		return bpfstream_prog_stat(now.prog, BPFSTREAM_STDOUT, &stat);
	case BY_PRINTF:
		err = bpfstream_printf(now.prog, BPFSTREAM_STDOUT, "w%u\n", i);
		break;
	case BY_WRITE:
		n = snprintf(text, sizeof(text), "w%u\n", i);
		err = bpfstream_write(now.prog, BPFSTREAM_STDOUT, text, (size_t)n);
		break;
	default:
		err = bpfstream_bprintf(now.prog, BPFSTREAM_STDOUT, "w%u\n", &arg, sizeof(arg));
	}
	refused += err ? 1 : 0;
	return err;
}

static ssize_t take(struct taken *to)
{
	ssize_t n;

	if (now.op->traits & SWEEP_READS)
		return bpfstream_prog_dump(now.prog, BPFSTREAM_STDOUT, sweep_fd[SWEEP_FD_OTHERS]);
	n = bpfstream_prog_read(now.prog, BPFSTREAM_STDOUT, to->text + to->len,
				sizeof(to->text) - to->len);
	if (n < 0)
		sweep_fail("a read beside the stopped thread returns %zd", n);
	to->len += (size_t)n;
	return n;
}

static void *writer(void *arg)
{
	uint32_t i;
	int err;

	(void)arg;
	word_add(&shared->settled);
	word_wait_for(&shared->go, 1);
	for (i = 0; i < HALF; i++) {
		while ((err = write_one(i))) {
			if (err != -ENOSPC && err != -ENOMEM)
				sweep_fail("another thread's call returns %d", err);
			if (now.op->traits & SWEEP_READS || !take(&taken[0]))
				sched_yield();
		}
		__atomic_store_n(&shared->ops[0], i + 1, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&written, true, __ATOMIC_RELEASE);
	word_add(&shared->done);
	return NULL;
}

static void *taker(void *arg)
{
	bool last;
	ssize_t n;

	(void)arg;
	word_add(&shared->settled);
	word_wait_for(&shared->go, 1);
	do {
		last = __atomic_load_n(&written, __ATOMIC_ACQUIRE);
		n = take(&taken[1]);
		if (n < 0)
			sweep_fail("a dump beside the stopped one returns %zd", n);
		__atomic_add_fetch(&shared->ops[1], 1, __ATOMIC_RELAXED);
		if (!n && !last)
			sched_yield();
	} while (!last || n || shared->ops[1] < HALF);
	word_add(&shared->done);
	return NULL;
}

/* Start them; they wait for the judge's word. */
void sweep_others_start(void)
{
	if (pthread_create(&threads[0], NULL, writer, NULL) ||
	    pthread_create(&threads[1], NULL, taker, NULL))
		sweep_fail("no thread");
}

void sweep_others_end(void)
{
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
}

/* ---- what was taken ---- */

/*
 * @last: number of the last message by the writer, -1 for none
 * @base: how far in the text that waited
 */
struct order {
	long last;
	const char *base;
};

static bool seen[HALF];
static size_t base_seen;
static unsigned int op_seen, line_seen;

static size_t line_of(const char *text, size_t len)
{
	const char *end = memchr(text, '\n', len);

	if (!end)
		sweep_fail("a message breaks off: \"%.*s\"", (int)(len > 80 ? 80 : len), text);
	return (size_t)(end - text) + 1;
}

/* A message by the writer: a number that did not come before. Returns its length. */
static size_t see_numbered(struct order *order, const char *text, size_t len)
{
	size_t line = line_of(text, len);
	char *end;
	long i = strtol(text + 1, &end, 10);
	char again[16];
	size_t n;

	if (end + 1 != text + line || i <= order->last || i >= HALF || seen[i])
		sweep_fail("message %ld after %ld", i, order->last);
	seen[i] = true;
	order->last = i;
	if (*text != 'g')
		return line;
	n = (size_t)snprintf(again, sizeof(again), "h%ld\n", i);
	if (len - line < n || memcmp(text + line, again, n))
		sweep_fail("group %ld is torn", i);
	return line + n;
}

static size_t see_base(struct order *order, const char *text, size_t len)
{
	size_t line = line_of(text, len);
	const char *end = shared->base + shared->base_len;
	const char *at = memmem(order->base, (size_t)(end - order->base), text, line);

	if (!at)
		sweep_fail("what waited comes twice, or in another order");
	order->base = at + line;
	base_seen += line;
	return line;
}

/* The operation's text: a prefix of what there is. */
static size_t see_op(const char *text, size_t len)
{
	static char wanted[SWEEP_TEXT];
	const char *end;
	size_t n = 0;

	op_seen++;
	if (now.op->text) {
		n = now.op->text(wanted);
	} else if (now.op->is_text) {
		end = memmem(text, len, "\n\n", 2);
		n = end ? (size_t)(end - text) + 2 : 0;
	}
	if (!n || n > len || !sweep_op_printed(now.op, text, n))
		sweep_fail("text that nobody has printed: \"%.*s\"",
			   (int)(len > 80 ? 80 : len), text);
	return n;
}

static void see(struct order *order, const char *text, size_t len)
{
	size_t n;

	for (; len; text += n, len -= n) {
		if (*text == 'w' || *text == 'g') {
			n = see_numbered(order, text, len);
		} else if (*text == 'B') {
			n = see_base(order, text, len);
		} else if (now.op->line && *text == *now.op->line) {
			n = line_of(text, len);
			line_seen += n == strlen(now.op->line) && !memcmp(text, now.op->line, n);
		} else {
			n = see_op(text, len);
		}
	}
}

/**
 * sweep_others_check() - all that was printed was taken once
 * @rest: what the manager took last
 * @len: bytes
 *
 * Context: process; the manager, when all others have ended.
 */
void sweep_others_check(const char *rest, size_t len)
{
	struct order order = { -1, shared->base };
	struct order writers = order, victims = order;
	struct bpfstream_stat stat = { .sz = sizeof(stat) };
	uint64_t lost;
	long i;

	if (now.op->traits & SWEEP_READS)
		taken[1].len = sweep_take_file(sweep_fd[SWEEP_FD_OTHERS], taken[1].text, TAKEN_MAX);
	see(&writers, taken[0].text, taken[0].len);
	see(&order, taken[1].text, taken[1].len);
	see(&order, rest, len);
	if (now.op->traits & SWEEP_READS) {
		taken[0].len = sweep_take_file(sweep_fd[SWEEP_FD_VICTIM], taken[0].text, TAKEN_MAX);
		see(&victims, taken[0].text, taken[0].len);
	}
	for (i = 0; i < HALF; i++)
		if (i % NR_WAYS != BY_STAT && !seen[i])
			sweep_fail("message %ld is lost", i);
	if (base_seen != shared->base_len)
		sweep_fail("%zu bytes of what waited are lost", shared->base_len - base_seen);
	if (op_seen != (!now.ret && !(now.op->traits & SWEEP_READS)))
		sweep_fail("the operation's text comes %u times", op_seen);
	if (line_seen != (now.op->line ? 1 : 0))
		sweep_fail("the line about losses comes %u times", line_seen);
	if (bpfstream_prog_stat(now.prog, BPFSTREAM_STDOUT, &stat))
		sweep_fail("no statistics");
	lost = stat.lost_full + stat.lost_nomem + stat.lost_invalid;
	if (lost != shared->base_lost + refused + (now.ret ? now.op->messages : 0))
		sweep_fail("%lu messages are counted lost, not %lu", (unsigned long)lost,
			   (unsigned long)(shared->base_lost + refused));
}
