// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * history.c - the file in which a round is written down
 *
 * It is sparse: its parts lie at fixed places, and what is not used takes no room. A file that is
 * used again is not wiped, only what its head counts is valid.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "history.h"

#define MAGIC	0x3145525554524f54u	/* "TORTURE1" */
#define PAGE	4096u
#define SPARE	(HISTORY_CALLS / 16)	/* calls and text kept for the end of a round */

static size_t place(struct history *h, char *mem)
{
	const struct {
		void *part;
		size_t bytes;
	} parts[] = {
		{ &h->head, sizeof(*h->head) },
		{ &h->writer, HISTORY_WRITERS * sizeof(*h->writer) },
		{ &h->prog, HISTORY_PROGS * sizeof(*h->prog) },
		{ &h->call, HISTORY_CALLS * sizeof(*h->call) },
		{ &h->rec, HISTORY_RECORDS * sizeof(*h->rec) },
		{ &h->text, HISTORY_TEXT },
	};
	size_t at = 0, i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char *part = mem + at;

		memcpy(parts[i].part, &part, sizeof(part));
		at += (parts[i].bytes + PAGE - 1) / PAGE * PAGE;
	}
	return at;
}

static size_t size_of_all(void)
{
	static char nowhere[1];
	struct history h;

	return place(&h, nowhere);
}

static bool map(struct history *h, int prot)
{
	char *mem = mmap(NULL, size_of_all(), prot, MAP_SHARED, h->fd, 0);

	if (mem == MAP_FAILED) {
		close(h->fd);
		return false;
	}
	place(h, mem);
	return true;
}

/** history_create() - make a file, with nothing in it */
bool history_create(struct history *h, const char *path)
{
	h->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (h->fd < 0)
		return false;
	if (ftruncate(h->fd, (off_t)size_of_all())) {
		close(h->fd);
		return false;
	}
	return map(h, PROT_READ | PROT_WRITE);
}

/** history_open() - read a file */
bool history_open(struct history *h, const char *path)
{
	h->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (h->fd < 0)
		return false;
	if (lseek(h->fd, 0, SEEK_END) != (off_t)size_of_all()) {
		close(h->fd);
		return false;
	}
	if (!map(h, PROT_READ))
		return false;
	if (h->head->magic == MAGIC && h->head->writers <= HISTORY_WRITERS &&
	    h->head->progs <= HISTORY_PROGS && h->head->calls <= HISTORY_CALLS)
		return true;
	history_close(h);
	return false;
}

void history_close(struct history *h)
{
	munmap(h->head, size_of_all());
	close(h->fd);
}

/** history_begin() - forget all, for the next round */
void history_begin(struct history *h, uint64_t seed)
{
	memset(h->head, 0, sizeof(*h->head));
	h->head->magic = MAGIC;
	h->head->seed = seed;
}

/* A number below @max, or HISTORY_NONE. The count never passes @max. */
static uint32_t take_number(uint32_t *count, uint32_t max)
{
	uint32_t n = __atomic_load_n(count, __ATOMIC_RELAXED);

	do {
		if (n == max)
			return HISTORY_NONE;
	} while (!__atomic_compare_exchange_n(count, &n, n + 1, false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return n;
}

/**
 * history_add_writer() - a new writer with room for @max records
 *
 * Any context. Return: its number, or HISTORY_NONE.
 */
uint32_t history_add_writer(struct history *h, uint32_t max, uint32_t kind)
{
	uint64_t first = __atomic_fetch_add(&h->head->recs, max, __ATOMIC_RELAXED);
	uint32_t nr;

	if (first + max > HISTORY_RECORDS)
		return HISTORY_NONE;
	nr = take_number(&h->head->writers, HISTORY_WRITERS);
	if (nr != HISTORY_NONE)
		h->writer[nr] = (struct history_writer){ first, max, 0, 0, kind };
	return nr;
}

/** history_add_prog() - a new program. Any context. Return: its number, or HISTORY_NONE. */
uint32_t history_add_prog(struct history *h, uint32_t flags)
{
	uint32_t nr = take_number(&h->head->progs, HISTORY_PROGS);

	if (nr != HISTORY_NONE) {
		memset(&h->prog[nr], 0, sizeof(h->prog[nr]));
		h->prog[nr].flags = flags;
	}
	return nr;
}

/** history_add_call() - a new call, all zeros. Any context. Return: it, or NULL. */
struct history_call *history_add_call(struct history *h)
{
	uint32_t nr = take_number(&h->head->calls, HISTORY_CALLS);

	if (nr == HISTORY_NONE)
		return NULL;
	memset(&h->call[nr], 0, sizeof(h->call[nr]));
	return &h->call[nr];
}

/** history_add_text() - room for text. Any context. Return: it, or NULL. */
char *history_add_text(struct history *h, size_t len)
{
	uint64_t at = __atomic_fetch_add(&h->head->text, len, __ATOMIC_RELAXED);

	return at + len <= HISTORY_TEXT ? h->text + at : NULL;
}

/** history_is_nearly_full() - whether a round had better come to its end */
bool history_is_nearly_full(const struct history *h)
{
	return __atomic_load_n(&h->head->calls, __ATOMIC_RELAXED) > HISTORY_CALLS - SPARE ||
	       __atomic_load_n(&h->head->text, __ATOMIC_RELAXED) > HISTORY_TEXT / 2;
}

/** history_now() - nanoseconds. Any context. */
uint64_t history_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
