// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * image.c - a stopped or killed process's streams and pages, read from outside
 *
 * What a core file would hold. Nothing of the library's code has a part in it, only its layout.
 * Invariants that are checked
 *   I1  Backlog and log are lists of elements within pages; they end.
 *   I2  For each page: its elements on the lists are not more than its references (page.c, I2, I5).
 * The rest is for the judge to compare.
 */
#include <string.h>
#include <sys/uio.h>

#include "sweep.h"

#define PAGES		(2 * SWEEP_BUDGET + 1)
#define ELEMS_MAX	(PAGES * BSP_PAGE_SIZE / 16)

/* A copy of what is shared between the subject's threads. */
static struct {
	struct bpfstream_prog prog;
	struct bsp_slot slots[SWEEP_SLOTS];
	u32 tags[PAGES];
	char pages[PAGES][BSP_PAGE_SIZE] __attribute__((__aligned__(4096)));
} copy;

static char *arena;	/* where the pages are there */
static uint32_t listed[PAGES];	/* grains of elements that are on a list */

static bool read_from(pid_t tid, void *to, const void *from, size_t len)
{
	struct iovec local = { to, len }, remote = { (void *)(uintptr_t)from, len };

	return process_vm_readv(tid, &local, 1, &remote, 1, 0) == (ssize_t)len;
}

static const struct bpfstream_elem *elem_at(bsp_link_t link)
{
	size_t at = (size_t)link << 3;

	if (!link || at < BSP_PAGE_SIZE || at >= sizeof(copy.pages) - BPFSTREAM_ELEM_HDR)
		return NULL;
	return (const struct bpfstream_elem *)(const void *)((char *)copy.pages + at);
}

/* @elem: a pointer of the subject's */
static bsp_link_t link_of(const struct bpfstream_elem *elem)
{
	return elem ? (bsp_link_t)((size_t)((const char *)elem - arena) >> 3) : 0;
}

/* Put a list's elements, in its order, at @list. Returns how many, or -1. */
static int walk(bsp_link_t link, const struct bpfstream_elem **list, unsigned int room)
{
	unsigned int nr = 0;

	for (; link; link = list[nr++]->node.next) {
		if (nr == room)
			return -1;
		list[nr] = elem_at(link);
		if (!list[nr])
			return -1;
	}
	return (int)nr;
}

static bool see_elem(struct sweep_image *image, const struct bpfstream_elem *elem)
{
	size_t page = (size_t)((const char *)elem - (char *)copy.pages) / BSP_PAGE_SIZE;
	bool mark = elem->len == BPFSTREAM_ELEM_MARK;
	uint32_t len = mark ? BPFSTREAM_MARK_LEN : elem->len;
	uint32_t rest = mark ? 0 : len - elem->consumed;

	if (elem->text + len > copy.pages[page] + BSP_PAGE_SIZE || elem->consumed > len ||
	    image->len + rest > sizeof(image->text))
		return false;
	listed[page] += bpfstream_elem_grains(len);
	memcpy(image->text + image->len, elem->text + elem->consumed, rest);
	image->len += rest;
	return true;
}

static const char *see_lists(struct sweep_image *image)
{
	static const struct bpfstream_elem *list[ELEMS_MAX];
	const struct bpfstream *s = &copy.prog.stream[0];
	int i, nr = walk(link_of(s->backlog.first), list, ELEMS_MAX);

	memset(listed, 0, sizeof(listed));
	image->len = 0;
	for (i = 0; i < nr; i++)
		if (!see_elem(image, list[i]))
			return "an element on the backlog is broken";
	if (nr < 0)
		return "the backlog is broken";
	nr = walk((bsp_link_t)(s->log.word & BPFSTREAM_LINK_MASK), list, ELEMS_MAX);
	if (nr < 0)
		return "the log is broken";
	for (i = nr - 1; i >= 0; i--)
		if (!see_elem(image, list[i]))
			return "an element on the log is broken";
	image->weight = bpfstream_weight_of(s->log.word);
	image->lost = 0;
	for (i = 0; i < BPFSTREAM_NR_CAUSES; i++)
		image->lost += s->lost[i].low & ((1u << BPFSTREAM_TALLY_COUNT) - 1);
	return NULL;
}

static const struct bpfstream_page *header(uint32_t page)
{
	return (const struct bpfstream_page *)(const void *)copy.pages[page];
}

/* The level that writes to a page, or NULL. */
static const struct bpfstream_cpu *owner(uint32_t page)
{
	const char *there = arena + (size_t)page * BSP_PAGE_SIZE;
	unsigned int i;

	for (i = 0; i < SWEEP_SLOTS * BSP_LEVELS; i++) {
		const struct bsp_slot *slot = &copy.slots[i / BSP_LEVELS];
		const struct bpfstream_cpu *cpu = &slot->level[i % BSP_LEVELS].cpu;

		if ((const char *)cpu->page == there)
			return cpu;
	}
	return NULL;
}

/* Grains of a page that are carved and not released. */
static uint32_t held(uint32_t page)
{
	const struct bpfstream_cpu *cpu = owner(page);
	uint32_t carved = cpu ? cpu->carved : header(page)->carved;
	uint32_t ref = header(page)->ref;

	if (!sweep_tag_in_use(copy.tags[page]) || ref == BPFSTREAM_PAGE_BLANK)
		return 0;
	if (ref <= BPFSTREAM_PAGE_BIAS / 2)
		return ref;
	return (carved - BPFSTREAM_PAGE_HDR) / BPFSTREAM_GRAIN - (BPFSTREAM_PAGE_BIAS - ref);
}

static const char *see_pages(struct sweep_image *image)
{
	uint32_t i;

	image->adrift = 0;
	image->retired = 0;
	image->grains = 0;
	for (i = 1; i < PAGES; i++) {
		if (held(i) < listed[i])
			return "a page has more text to be read than references";
		image->adrift += held(i) > listed[i];
		image->retired += held(i) > listed[i] && !owner(i);
		image->grains += held(i) - listed[i];
	}
	return NULL;
}

/**
 * sweep_image_read() - look at the subject's stream and pages
 * @tid: a thread of it that is stopped
 * @image: filled in
 *
 * Context: process; the judge.
 * Return: NULL, or what is broken.
 */
const char *sweep_image_read(pid_t tid, struct sweep_image *image)
{
	const char *why;

	if (!read_from(tid, &arena, &bsp_arena, sizeof(arena)) ||
	    !read_from(tid, &copy.prog, shared->prog, sizeof(copy.prog)) ||
	    !read_from(tid, copy.slots, shared->slots, sizeof(copy.slots)) ||
	    !read_from(tid, copy.tags, shared->tags, sizeof(copy.tags)) ||
	    !read_from(tid, copy.pages[1], arena + BSP_PAGE_SIZE,
		       sizeof(copy.pages) - BSP_PAGE_SIZE))
		return "memory that cannot be read";
	why = see_lists(image);
	return why ? why : see_pages(image);
}

/**
 * sweep_image_changed() - whether shared state differs from what it was at the last call
 * @tid: a thread of the subject that is stopped
 *
 * That is: the streams, slots and levels, tags, and pages' headers; not text, nor elements in the
 * making.
 *
 * Context: process; the judge.
 */
bool sweep_image_changed(pid_t tid)
{
	static struct {
		struct bpfstream_prog prog;
		struct bsp_slot slots[SWEEP_SLOTS];
		u32 tags[PAGES];
		struct bpfstream_page pages[PAGES];
	} last, here;
	struct iovec local = { &here, sizeof(here) };
	struct iovec remote[PAGES + 2] = {
		{ shared->prog, sizeof(here.prog) },
		{ shared->slots, sizeof(here.slots) },
		{ (void *)(uintptr_t)shared->tags, sizeof(here.tags) },
	};
	size_t bytes = offsetof(__typeof__(here), pages);
	bool changed;
	uint32_t i;

	static_assert(offsetof(__typeof__(here), pages) == sizeof(here.prog) + sizeof(here.slots) +
		      sizeof(here.tags), "no gaps");
	if (!read_from(tid, &arena, &bsp_arena, sizeof(arena)))
		return false;
	for (i = 1; i < PAGES; i++) {
		remote[i + 2].iov_base = arena + (size_t)i * BSP_PAGE_SIZE;
		remote[i + 2].iov_len = sizeof(here.pages[0]);
		bytes += sizeof(here.pages[0]);
	}
	if (process_vm_readv(tid, &local, 1, remote, PAGES + 2, 0) != (ssize_t)bytes)
		return false;
	changed = memcmp(&here, &last, bytes) != 0;
	memcpy(&last, &here, sizeof(here));
	return changed;
}
