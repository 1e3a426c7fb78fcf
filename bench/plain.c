// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * plain.c - see plain.h
 *
 * Written for comparison, with the locked operations where the original has them and no others:
 * try-lock, page reference, capacity, push; a reader pays two for each element.
 */
#include "plain.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE		4096u
#define MAX_TEXT	1024u		/* with a NUL */
#define MAX_CPUS	256u

struct plain_elem {
	struct plain_elem *next;
	uint32_t len;
	uint32_t consumed;
	char text[];
};

struct page {
	uint32_t ref;
	uint32_t used;			/* of a free page: the next free one */
	char buf[PAGE - 8];
};

struct cpu {
	uint32_t locked;
	struct page *page;
} __attribute__((__aligned__(128)));

static struct cpu cpus[MAX_CPUS];

/* ---- pages: a lock-free stack of the free ones, { tag : 32, index + 1 : 32 } ---- */

static char *arena;
static unsigned int nr_pages;
static struct {
	uint64_t free __attribute__((__aligned__(128)));
	uint32_t fresh;			/* pages ever taken from the arena's unused part */
	uint32_t nr_used;
	uint32_t peak;
} pages;

static struct page *page_at(uint32_t index)
{
	return (struct page *)(void *)(arena + (size_t)index * PAGE);
}

static void count_page(void)
{
	uint32_t used = __atomic_add_fetch(&pages.nr_used, 1, __ATOMIC_RELAXED);

	if (used > __atomic_load_n(&pages.peak, __ATOMIC_RELAXED))
		__atomic_store_n(&pages.peak, used, __ATOMIC_RELAXED);
}

static struct page *page_fresh(void)
{
	uint32_t index = __atomic_load_n(&pages.fresh, __ATOMIC_RELAXED);

	do {
		if (index >= nr_pages)
			return NULL;
	} while (!__atomic_compare_exchange_n(&pages.fresh, &index, index + 1, false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return page_at(index);
}

static struct page *page_alloc(void)
{
	uint64_t head = __atomic_load_n(&pages.free, __ATOMIC_ACQUIRE);
	struct page *page = NULL;

	while ((uint32_t)head && !page) {
		struct page *first = page_at((uint32_t)head - 1);
		/* May be somebody else's by now: then the tag has changed too. */
		uint32_t next = __atomic_load_n(&first->used, __ATOMIC_RELAXED);

		if (__atomic_compare_exchange_n(&pages.free, &head, ((head >> 32) + 1) << 32 | next,
						false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
			page = first;
	}
	if (!page)
		page = page_fresh();
	if (page)
		count_page();
	return page;
}

static void page_free(struct page *page)
{
	uint32_t index = (uint32_t)(((char *)page - arena) / PAGE) + 1;
	uint64_t head = __atomic_load_n(&pages.free, __ATOMIC_RELAXED);

	__atomic_sub_fetch(&pages.nr_used, 1, __ATOMIC_RELAXED);
	do {
		__atomic_store_n(&page->used, (uint32_t)head, __ATOMIC_RELAXED);
	} while (!__atomic_compare_exchange_n(&pages.free, &head,
					      ((head >> 32) + 1) << 32 | index, false,
					      __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

static void page_put(struct page *page)
{
	if (!__atomic_sub_fetch(&page->ref, 1, __ATOMIC_ACQ_REL))
		page_free(page);
}

int plain_init(unsigned int nr)
{
	arena = mmap(NULL, (size_t)nr * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (arena == MAP_FAILED)
		return -ENOMEM;
	nr_pages = nr;
	return 0;
}

unsigned int plain_pages_used(void)
{
	return __atomic_load_n(&pages.nr_used, __ATOMIC_RELAXED);
}

unsigned int plain_pages_peak(void)
{
	return __atomic_load_n(&pages.peak, __ATOMIC_RELAXED);
}

/* ---- elements ---- */

static bool page_fits(const struct page *page, uint32_t len)
{
	return page && page->used + sizeof(struct plain_elem) + len <= sizeof(page->buf);
}

static bool cpu_new_page(struct cpu *cpu)
{
	struct page *page = page_alloc();

	if (!page)
		return false;
	__atomic_store_n(&page->ref, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&page->used, 0, __ATOMIC_RELAXED);
	if (cpu->page)
		page_put(cpu->page);
	cpu->page = page;
	return true;
}

static struct plain_elem *elem_alloc(uint32_t len)
{
	struct cpu *cpu = &cpus[(unsigned int)sched_getcpu() % MAX_CPUS];
	struct plain_elem *elem = NULL;

	if (__atomic_exchange_n(&cpu->locked, 1, __ATOMIC_ACQUIRE))
		return NULL;
	if (page_fits(cpu->page, len) || cpu_new_page(cpu)) {
		struct page *page = cpu->page;

		elem = (struct plain_elem *)(void *)(page->buf + page->used);
		page->used += ((uint32_t)sizeof(*elem) + len + 7) & ~7u;
		__atomic_fetch_add(&page->ref, 1, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&cpu->locked, 0, __ATOMIC_RELEASE);
	return elem;
}

static void elem_free(struct plain_elem *elem)
{
	page_put((struct page *)((uintptr_t)elem & ~((uintptr_t)PAGE - 1)));
}

static void log_add(struct plain_elem **log, struct plain_elem *newest, struct plain_elem *oldest)
{
	struct plain_elem *head = __atomic_load_n(log, __ATOMIC_RELAXED);

	do {
		oldest->next = head;
	} while (!__atomic_compare_exchange_n(log, &head, newest, false, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
}

/* A noinline function of its own, as its kin in the kernel. */
static __attribute__((__noinline__)) int log_push(struct plain_elem **log, const char *text,
						  uint32_t len)
{
	struct plain_elem *elem = len < MAX_TEXT ? elem_alloc(len) : NULL;

	if (!elem)
		return -ENOMEM;
	elem->len = len;
	elem->consumed = 0;
	memcpy(elem->text, text, len);
	log_add(log, elem, elem);
	return 0;
}

/* ---- streams ---- */

void plain_stream_init(struct plain_stream *s, uint32_t capacity)
{
	memset(s, 0, sizeof(*s));
	s->capacity = (int32_t)capacity;
	pthread_mutex_init(&s->lock, NULL);
}

static int charge(struct plain_stream *s, int32_t len)
{
	if (__atomic_load_n(&s->used, __ATOMIC_RELAXED) >= s->capacity)
		return -ENOSPC;
	if (__atomic_add_fetch(&s->used, len, __ATOMIC_SEQ_CST) < s->capacity)
		return 0;
	__atomic_sub_fetch(&s->used, len, __ATOMIC_RELAXED);
	return -ENOSPC;
}

static void uncharge(struct plain_stream *s, uint32_t len)
{
	__atomic_sub_fetch(&s->used, (int32_t)len, __ATOMIC_RELAXED);
}

int plain_write(struct plain_stream *s, const char *text, size_t len)
{
	int err;

	if (!len)
		return 0;
	err = charge(s, (int32_t)len);
	if (err)
		return err;
	err = log_push(&s->log, text, (uint32_t)len);
	if (err)
		uncharge(s, (uint32_t)len);
	return err;
}

/* Bytes written to @buf. */
static size_t format(char *buf, const char *fmt, va_list ap)
{
	int len = vsnprintf(buf, MAX_TEXT, fmt, ap);

	if (len < 0)
		return 0;
	return (size_t)len < MAX_TEXT ? (size_t)len : MAX_TEXT - 1;
}

int plain_vprintf(struct plain_stream *s, const char *fmt, va_list ap)
{
	char buf[MAX_TEXT];

	return plain_write(s, buf, format(buf, fmt, ap));
}

int plain_printf(struct plain_stream *s, const char *fmt, ...)
{
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = plain_vprintf(s, fmt, ap);
	va_end(ap);
	return err;
}

/* ---- reading ---- */

static struct plain_elem *take_all(struct plain_stream *s)
{
	struct plain_elem *newest, *done = NULL;

	if (!__atomic_load_n(&s->log, __ATOMIC_RELAXED))
		return NULL;
	newest = __atomic_exchange_n(&s->log, NULL, __ATOMIC_ACQUIRE);
	while (newest) {
		struct plain_elem *next = newest->next;

		newest->next = done;
		done = newest;
		newest = next;
	}
	return done;
}

size_t plain_read(struct plain_stream *s, char *buf, size_t len)
{
	size_t done = 0;

	pthread_mutex_lock(&s->lock);
	while (done < len) {
		struct plain_elem *elem;
		size_t n;

		if (!s->backlog)
			s->backlog = take_all(s);
		elem = s->backlog;
		if (!elem)
			break;
		n = elem->len - elem->consumed;
		if (n > len - done)
			n = len - done;
		memcpy(buf + done, elem->text + elem->consumed, n);
		done += n;
		elem->consumed += (uint32_t)n;
		if (elem->consumed < elem->len)
			break;
		s->backlog = elem->next;
		uncharge(s, elem->len);
		elem_free(elem);
	}
	pthread_mutex_unlock(&s->lock);
	return done;
}

/* ---- groups ---- */

void plain_stage_init(struct plain_stage *ss)
{
	ss->log = NULL;
	ss->bytes = 0;
}

int plain_stage_printf(struct plain_stage *ss, const char *fmt, ...)
{
	char buf[MAX_TEXT];
	va_list ap;
	size_t len;
	int err;

	va_start(ap, fmt);
	len = format(buf, fmt, ap);
	va_end(ap);
	err = len ? log_push(&ss->log, buf, (uint32_t)len) : 0;
	if (!err)
		ss->bytes += (int32_t)len;
	return err;
}

int plain_stage_commit(struct plain_stage *ss, struct plain_stream *s)
{
	struct plain_elem *newest, *oldest;
	int err = charge(s, ss->bytes);

	if (err)
		return err;
	newest = __atomic_exchange_n(&ss->log, NULL, __ATOMIC_SEQ_CST);
	if (!newest)
		return 0;
	for (oldest = newest; oldest->next; oldest = oldest->next)
		;
	log_add(&s->log, newest, oldest);
	ss->bytes = 0;
	return 0;
}
