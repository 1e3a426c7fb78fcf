// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * prog.c - making, ending and asking about programs
 */
#include <limits.h>

#include "api.h"
#include "arena.h"
#include "chunk.h"
#include "fork.h"
#include "wake.h"

#define MIN_ELEM_BYTES	16u		/* what a one-byte message takes in a page */
#define THREAD_PAGES	1024u		/* for the pages that threads hold */
#define MODEST_PAGES	65536u		/* 256 MiB: more only as the text itself asks for it */

static_assert((int)BPFSTREAM_LOST_LINES == (int)BPFSTREAM_FLAG_LOST_LINES, "one flag, two names");

/*
 * Enough for both streams full of one-byte messages, in pages that are turned as early as can be.
 * For large capacities that would be absurd: then twice the text.
 */
static u32 default_pages(u32 capacity)
{
	u64 usable = BSP_PAGE_SIZE - BPFSTREAM_PAGE_HDR - (BPFSTREAM_SPOT_ROOM - BPFSTREAM_GRAIN);
	u64 worst = 2 * (u64)capacity * MIN_ELEM_BYTES / usable + 1;
	u64 text = 4 * (u64)capacity / usable + 1;

	if (worst > MODEST_PAGES)
		worst = text > MODEST_PAGES ? text : MODEST_PAGES;
	return (u32)worst + THREAD_PAGES;
}

static bool opts_ok(const struct bpfstream_opts *opts)
{
	return opts->sz == sizeof(*opts) && !(opts->flags & ~BPFSTREAM_LOST_LINES) &&
	       opts->capacity != 1 && opts->capacity <= INT_MAX && opts->page_budget <= INT_MAX;
}

static struct bpfstream_prog *create_locked(const struct bpfstream_opts *opts)
{
	u32 capacity = opts->capacity ? opts->capacity : BPFSTREAM_DEFAULT_CAPACITY;
	u32 pages = opts->page_budget ? opts->page_budget : default_pages(capacity);
	struct bpfstream_prog *prog;
	u32 i;

	bsp_chunk_init();
	if (bsp_arena_init() || bsp_arena_grow(pages))
		return NULL;
	prog = bsp_live_new();
	if (!prog) {
		bsp_arena_shrink(pages);
		return NULL;
	}
	for (i = 0; i < BSP_NR_STREAMS; i++)
		bpfstream_init(&prog->stream[i], capacity, opts->flags);
	prog->efd = -1;
	prog->efd_given = false;
	bsp_store_relaxed(&prog->watchers, 0u);
	bsp_store_relaxed(&prog->told, 0u);
	bsp_note_unordered(&prog->told, sizeof(prog->told));
	prog->pages = pages;
	memset(prog->name, 0, sizeof(prog->name));
	for (i = 0; opts->name && opts->name[i] && i < sizeof(prog->name) - 1; i++)
		prog->name[i] = opts->name[i];
	bsp_live_add(prog);
	return prog;
}

struct bpfstream_prog *bpfstream_prog_create(const struct bpfstream_opts *opts)
{
	static const struct bpfstream_opts defaults = { .sz = sizeof(defaults) };
	struct bpfstream_prog *prog;

	if (!opts)
		opts = &defaults;
	if (!opts_ok(opts)) {
		errno = EINVAL;
		return NULL;
	}
	bsp_fork_init();
	bsp_live_lock();
	prog = create_locked(opts);
	bsp_live_unlock();
	if (!prog)
		errno = ENOMEM;
	else
		bsp_live_register();
	return prog;
}

void bpfstream_prog_destroy(struct bpfstream_prog *prog)
{
	u32 i;

	if (!prog)
		return;
	if (bsp_fork_unseen())
		bsp_fork_child();
	bsp_live_remove(prog);
	for (i = 0; i < BSP_NR_STREAMS; i++)
		bpfstream_destroy(&prog->stream[i]);
	bsp_wake_close(prog);
	bsp_live_lock();
	bsp_slots_reap();
	bsp_arena_shrink(prog->pages);
	bsp_live_recycle(prog);
	bsp_live_unlock();
}

int bpfstream_prog_stat(struct bpfstream_prog *prog, enum bpfstream_id id,
			struct bpfstream_stat *stat)
{
	struct bpfstream_stat now;
	struct bpfstream *s;
	int err = bsp_stream_find(prog, (int)id, &s);

	if (err)
		return err;
	if (!stat || stat->sz <= sizeof(stat->sz))
		return -EINVAL;
	if (bsp_fork_unseen())
		bsp_fork_child();
	now.sz = stat->sz < sizeof(now) ? stat->sz : sizeof(now);
	now.capacity = s->capacity;
	now.pending = bpfstream_pending(s);
	now.lost_full = bpfstream_tally_read(&s->lost[BPFSTREAM_LOST_FULL]).count;
	now.lost_nomem = bpfstream_tally_read(&s->lost[BPFSTREAM_LOST_NOMEM]).count;
	now.lost_invalid = bpfstream_tally_read(&s->lost[BPFSTREAM_LOST_INVALID]).count;
	now.lost_bytes = bpfstream_lost(s).sum;
	memcpy(stat, &now, now.sz);
	return 0;
}
