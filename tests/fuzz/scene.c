// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * scene.c - a stream to print one message into, and all that can be seen of it afterwards
 */
#include "scene.h"

#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "fuzz.h"
#include "live.h"
#include "page.h"

#define NR_CAPACITIES	5u
#define PAGES		512u	/* more than the largest stream needs */
#define FENCED		96u	/* pages that have a fence behind them: the first to be used */
#define FENCE		64u	/* bytes that are looked at */
#define ERRNO		7777

static const uint32_t capacities[NR_CAPACITIES] = { 100000, 4096, 60, 2, 9000 };
static struct bpfstream_prog *progs[NR_CAPACITIES];
static struct bpfstream_page *fence[FENCED];
static char got[SCENE_TEXT_MAX];
static char filler[BSP_PAGE_SIZE];

/* Take the first pages there are, and give every other one back. */
static void build_fences(void)
{
	struct bpfstream_page *page[2 * FENCED];
	unsigned int i;

	for (i = 0; i < 2 * FENCED; i++) {
		page[i] = bsp_page_alloc();
		if (!page[i] || (i && (char *)page[i] != (char *)page[i - 1] + BSP_PAGE_SIZE))
			fuzz_fail("pages do not come in order");
	}
	for (i = 0; i < FENCED; i++) {
		fence[i] = page[2 * i + 1];
		memset(fence[i], '|', BSP_PAGE_SIZE);
		bsp_page_free(page[2 * i]);
	}
}

static void check_fences(void)
{
	static char whole[FENCE];
	unsigned int i;

	if (!whole[0])
		memset(whole, '|', FENCE);
	for (i = 0; i < FENCED; i++)
		if (memcmp(fence[i], whole, FENCE))
			fuzz_fail("written past the end of a page");
}

static void make(void)
{
	unsigned int i;

	for (i = 0; i < NR_CAPACITIES; i++) {
		struct bpfstream_opts opts = {
			.sz = sizeof(opts), .capacity = capacities[i], .page_budget = PAGES,
		};

		progs[i] = bpfstream_prog_create(&opts);
		if (!progs[i])
			abort();
	}
	memset(filler, '.', sizeof(filler));
	build_fences();
}

static struct bpfstream_stat stat_of(struct bpfstream_prog *prog)
{
	struct bpfstream_stat stat = { .sz = sizeof(stat) };

	if (bpfstream_prog_stat(prog, BPFSTREAM_STDOUT, &stat))
		fuzz_fail("no stat");
	return stat;
}

/* Have the thread begin with a page of its own. */
static void forget_page(void)
{
	struct bpfstream_cpu *cpu = &bsp_slot_self()->level[0].cpu;
	struct bpfstream_page *page = cpu->page;

	cpu->page = NULL;
	if (page)
		bpfstream_page_retire(page, cpu->carved);
}

/* Fill the page up to @at, which is rounded. What waits then is only what shall. */
static void place(struct scene *sc, uint64_t at, bool leave)
{
	uint64_t used = BPFSTREAM_PAGE_HDR + BPFSTREAM_ELEM_HDR;
	uint64_t len = at > used ? at - used : 0;
	struct bpfstream_prog *prog = leave && len < sc->capacity ? sc->prog : progs[0];

	forget_page();
	if (bpfstream_write(prog, BPFSTREAM_STDOUT, filler, len))
		fuzz_fail("no room for %llu bytes", (unsigned long long)len);
	if (!leave || prog != sc->prog)
		(void)bpfstream_prog_read(prog, BPFSTREAM_STDOUT, got, sizeof(got));
}

void scene_open(struct scene *sc, const uint64_t how[5])
{
	unsigned int pick = (unsigned int)(how[1] % NR_CAPACITIES);

	if (!progs[0])
		make();
	bsp_fault = (struct bsp_fault_plan){ .countdown = -1 };
	sc->prog = progs[pick];
	sc->capacity = capacities[pick];
	sc->read_size = how[3] % 5000;
	place(sc, how[0] % BSP_PAGE_SIZE, how[4] & 1);
	sc->before = stat_of(sc->prog);
	sc->waiting = sc->before.pending;
	if (how[2] % 8) {
		bsp_fault.page_fail_from = how[2] % 8;
		bsp_fault.page_fail_nr = 1 + how[2] / 8 % 2;
		bsp_fault.page_allocs = 0;
	}
	errno = ERRNO;
}

/* All text of the stream, in pieces. Returns its length. */
static size_t read_out(struct scene *sc, uint64_t pending)
{
	size_t size = sc->read_size ? sc->read_size : sizeof(got);
	size_t len = 0;

	if (size < pending / 16)	/* in not too many pieces */
		size = (size_t)(pending / 16);
	for (;;) {
		size_t room = sizeof(got) - len;
		ssize_t n = bpfstream_prog_read(sc->prog, BPFSTREAM_STDOUT, got + len,
						size < room ? size : room);

		if (n < 0)
			fuzz_fail("read returns %zd", n);
		if (!n)
			return len;
		len += (size_t)n;
	}
}

static void check_text(const struct scene *sc, size_t len, const struct scene_want *want)
{
	const char *text = got + sc->waiting;

	if (len != sc->waiting + want->len || (want->text && memcmp(text, want->text, want->len))) {
		fuzz_show("printed", text, len - sc->waiting);
		fuzz_show("expected", want->text ? want->text : "", want->text ? want->len : 0);
		fuzz_fail("another text");
	}
	if (memcmp(got, filler, sc->waiting))
		fuzz_fail("what waited before has changed");
}

static bool page_failed(void)
{
	return bsp_fault.page_fail_from && bsp_fault.page_allocs >= bsp_fault.page_fail_from;
}

/* Exactly one message more is counted as lost, for the right reason and with the right length. */
static void check_loss(const struct scene *sc, int ret, const struct bpfstream_stat *now,
		       const struct scene_want *want)
{
	const struct bpfstream_stat *was = &sc->before;
	uint64_t full = now->lost_full - was->lost_full;
	uint64_t nomem = now->lost_nomem - was->lost_nomem;
	uint64_t invalid = now->lost_invalid - was->lost_invalid;
	uint64_t bytes = now->lost_bytes - was->lost_bytes;
	bool in_full = !want->err && ret == -ENOSPC && want->len < sc->capacity;

	if (full != (ret == -ENOSPC) || nomem != (ret == -ENOMEM) ||
	    invalid != (ret && ret != -ENOSPC && ret != -ENOMEM))
		fuzz_fail("%d returned, and %llu, %llu, %llu messages lost: full, nomem, invalid",
			  ret, (unsigned long long)full, (unsigned long long)nomem,
			  (unsigned long long)invalid);
	if (want->any)
		return;
	if (ret ? bytes > want->len || (in_full && bytes != want->len) : bytes != 0)
		fuzz_fail("%llu bytes lost of %llu", (unsigned long long)bytes,
			  (unsigned long long)want->len);
}

/* The result that a caller must get. */
static void check_ret(const struct scene *sc, int ret, const struct scene_want *want)
{
	bool too_long = want->len >= sc->capacity;
	bool fits = !want->len || (!too_long && want->len < sc->capacity - sc->waiting);
	int err = want->err ? want->err : fits ? 0 : -ENOSPC;

	if (ret == err)
		return;
	if (ret == -ENOMEM && page_failed())
		return;
	if (want->err && !want->first && ret == -ENOSPC && too_long)
		return;		/* which comes first, the room's end or the error, is not told */
	fuzz_fail("returns %d, expected %d: %llu bytes beside %llu of %llu", ret, err,
		  (unsigned long long)want->len, (unsigned long long)sc->waiting,
		  (unsigned long long)sc->capacity);
}

void scene_close(struct scene *sc, int ret, const struct scene_want *want)
{
	struct scene_want seen = *want;
	struct bpfstream_stat now;
	size_t len;

	if (errno != ERRNO)
		fuzz_fail("errno has become %d", errno);
	now = stat_of(sc->prog);
	if (!want->any)
		check_ret(sc, ret, want);
	check_loss(sc, ret, &now, want);
	bsp_fault.page_fail_from = 0;
	len = read_out(sc, now.pending);
	if (want->any || ret) {
		seen.text = NULL;
		seen.len = ret ? 0 : now.pending - sc->waiting;
	}
	check_text(sc, len, &seen);
	sc->len = len;
	if (stat_of(sc->prog).pending)
		fuzz_fail("%llu bytes wait and cannot be read",
			  (unsigned long long)stat_of(sc->prog).pending);
	check_fences();
	if (bsp_arena_live() != bsp_slots_pages() + FENCED)
		fuzz_fail("%u pages in use, %u of them to be written to", bsp_arena_live(),
			  bsp_slots_pages() + FENCED);
	if (bsp_fault.warnings)
		fuzz_fail("the library has warned");
}

const char *scene_text(const struct scene *sc)
{
	got[sc->len] = '\0';
	return got + sc->waiting;
}
