// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_weak.c - the user port's orderings that no strong machine and no race detector sees break
 *
 * Each scene is one of DESIGN.md's labels: what it says must hold however two or three threads meet
 * on a weak memory. What is looked at are atomics, so that nobody else calls it a race.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arena.h"
#include "bpfstream.h"
#include "fork.h"
#include "stage.h"
#include "wake.h"

#define EVENTFD		1000
#define BYTES		5u

static struct bpfstream_prog *prog;
static struct bpfstream_elem *elem;	/* of text that is printed */
static u64 eventfd_count;
static u32 work;			/* what an ordering is there to show */
static bool used;			/* the scene got where it wanted to */

static void nothing(void)
{
}

/* ---- the world around ---- */

long __real_syscall(long nr, ...);
long __wrap_syscall(long nr, ...);
int __wrap_eventfd(unsigned int count, int flags);
int __wrap_sched_yield(void);
void __wrap_urcu_bp_synchronize_rcu(void);

/* The kernel serialises what is done to one eventfd. */
static long eventfd_call(long nr)
{
	if (nr == SYS_write) {
		__atomic_fetch_add(&eventfd_count, 1, __ATOMIC_ACQ_REL);
		return 8;
	}
	if (__atomic_exchange_n(&eventfd_count, 0, __ATOMIC_ACQ_REL))
		return 8;
	errno = EAGAIN;
	return -1;
}

long __wrap_syscall(long nr, ...)
{
	long arg[6];
	va_list ap;
	int i;

	va_start(ap, nr);
	for (i = 0; i < 6; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	if ((nr == SYS_write || nr == SYS_read) && arg[0] == EVENTFD)
		return eventfd_call(nr);
	return __real_syscall(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

int __wrap_eventfd(unsigned int count, int flags)
{
	(void)flags;
	eventfd_count = count;
	return EVENTFD;
}

int __wrap_sched_yield(void)
{
	weak_yield();
	return 0;
}

/* A walker on an alternate stack is not one that liburcu would wait for. */
void __wrap_urcu_bp_synchronize_rcu(void)
{
}

/* ---- push:A -> take:A, and that what goes out together is seen together ---- */

#define PIECES	3u

static struct bpfstream_chain chain;

/* A chain of elements that nobody else knows. */
static void begin_chain(void)
{
	unsigned int i;

	bpfstream_llist_init(&prog->stream[0].log);
	bpfstream_chain_init(&chain);
	for (i = 0; i < PIECES; i++) {
		struct bpfstream_elem *piece = elem + 8 * i;
		struct bpfstream_chain one = { piece, piece, BYTES };

		piece->len = BYTES;
		piece->consumed = 0;
		bpfstream_chain_append(&chain, &one);
	}
}

/* And one more that is published already. */
static void begin_chain_on_top(void)
{
	struct bpfstream_elem *older = elem + 8 * PIECES;
	u64 before;

	begin_chain();
	older->len = BYTES;
	(void)!bpfstream_llist_push(&prog->stream[0].log, &older->node, &older->node, BYTES, 100,
				    &before);
}

static void publish_chain(void)
{
	bool was_empty;

	if (bpfstream_publish(&prog->stream[0], &chain, &was_empty))
		weak_broken("refused");
}

static void commit_group(void)
{
	struct bpfstream_staged group;
	bool was_empty;

	bpfstream_staged_init(&group);
	group.chain = chain;
	group.messages = PIECES;
	if (bpfstream_staged_commit(&group, &prog->stream[0], &was_empty))
		weak_broken("refused");
}

static unsigned int taken(void)
{
	struct bpfstream_node *node = bpfstream_llist_take(&prog->stream[0].log);
	unsigned int n = 0;

	for (; node; node = bpfstream_node_next(node))
		n++;
	return n;
}

static void take_chain(void)
{
	unsigned int n = taken();

	if (n && n != PIECES)
		weak_broken("a part of a chain");
}

static void take_on_top(void)
{
	unsigned int n = taken();

	if (n != 1 && n != PIECES + 1)
		weak_broken("a part of a chain, or what is under it is lost");
}

/* ---- wake:K <-> watch:K ---- */

static void begin_silent(void)
{
	bpfstream_llist_init(&prog->stream[0].log);
	prog->efd = -1;
	prog->efd_given = false;
	prog->watchers = 0;
	prog->told = 0;
	eventfd_count = 0;
}

static void print(void)
{
	u64 before;

	if (!bpfstream_llist_push(&prog->stream[0].log, &elem->node, &elem->node, BYTES, 100,
				  &before))
		weak_broken("refused");
	if (!before || bsp_wake_owed(prog))
		bsp_wake_readable(prog);
}

static void watch(void)
{
	if (bpfstream_prog_fd(prog) != EVENTFD)
		weak_broken("no eventfd");
}

static void read_all(void)
{
	if (bpfstream_llist_take(&prog->stream[0].log))
		bpfstream_llist_lighten(&prog->stream[0].log, BYTES);
	bsp_wake_drained(prog);
}

static bool watcher_is_told(void)
{
	return !bpfstream_pending(&prog->stream[0]) || eventfd_count;
}

static void begin_watched(void)
{
	begin_silent();
	watch();
	print();
}

/* ---- remove:H <-> pin:H, unpin:J -> drained:J ---- */

static u32 inside;
static bool gone;

static void begin_listed(void)
{
	work = 0;
	inside = 0;
	gone = false;
	used = false;
	prog->pins = 0;
	bsp_live_add(prog);
}

static void walk(void)
{
	struct bpfstream_prog *met = bsp_live_next(NULL);

	if (!met)
		return;
	inside++;
	used = true;
	if (gone)
		weak_broken("a walker uses a program that was emptied");
	bsp_store_relaxed(&work, 1u);
	bsp_load_relaxed(&met->stream[0].log.word);
	inside--;
	if (bsp_live_next(met))
		weak_broken("two programs");
}

static void destroy(void)
{
	bsp_live_remove(prog);
	gone = true;
	if (inside)
		weak_broken("a program is emptied while a walker uses it");
	if (used && !bsp_load_relaxed(&work))
		weak_broken("a walker's work comes after the emptying");
}

/* ---- add:G -> walk:G ---- */

static void begin_unlisted(void)
{
	work = 0;
}

static void create(void)
{
	bsp_store_relaxed(&work, 1u);
	bsp_live_add(prog);
}

static void meet(void)
{
	struct bpfstream_prog *met = bsp_live_next(NULL);

	if (!met)
		return;
	if (!bsp_load_relaxed(&work))
		weak_broken("a program is met without its making");
	(void)bsp_live_next(met);
}

static void end_listed(void)
{
	bsp_live_remove(prog);
}

/* ---- tag:L -> sweep:L ---- */

static struct bsp_slot *mine, *others;
static struct bpfstream_page *page;
static u32 unshown;	/* pages in use before */

/* A page that the slot has retired with text in it. */
static void begin_retired(void)
{
	unshown = bsp_arena_live();
	page = bsp_page_alloc_for(&mine->level[0].cpu);
	bsp_ref_init(&page->ref, 3);
	mine->level[0].cpu.page = NULL;
	others->level[0].cpu.page = NULL;
}

/* Its reader releases it, and another slot's thread has it next. */
static void free_and_take(void)
{
	struct bpfstream_page *next;

	bsp_page_free(page);
	next = bsp_page_alloc_for(&others->level[0].cpu);
	if (next != page)
		weak_broken("not the page that was free");
}

/* So far that it has begun to use it. */
static void free_take_and_use(void)
{
	free_and_take();
	bsp_ref_init(&page->ref, BPFSTREAM_PAGE_BIAS);
	others->level[0].cpu.page = page;
}

static void sweep(void)
{
	bsp_arena_sweep(mine, 0);
}

static bool page_is_in_use(void)
{
	return bsp_arena_live() == unshown + 1;
}

static bool page_is_in_use_and_whole(void)
{
	return page_is_in_use() && page->ref == BPFSTREAM_PAGE_BIAS;
}

static void end_retired(void)
{
	others->level[0].cpu.page = NULL;
	bsp_page_free(page);
}

/* ---- turn:N -> read:N ---- */

#define TURN	((u64)1 << 23)

static struct bpfstream_tally tally;

static void begin_counting(void)
{
	bpfstream_tally_init(&tally);
}

static void count_turn(void)
{
	bpfstream_tally_add(&tally, TURN, 1);
}

static void ask(void)
{
	struct bpfstream_total total = bpfstream_tally_read(&tally);

	if (total.count != total.sum * TURN || total.sum > 1)
		weak_broken("a count that never was");
}

/* ---- born:M -> know:M ---- */

static u32 life;

/* As a forked child finds it. */
static void begin_forked(void)
{
	life = bsp_fork_life + 2;
	*(u32 *)(uintptr_t)bsp_fork_word = 0;
}

static void first_call(void)
{
	if (bsp_fork_unseen())
		bsp_fork_child();
	if (bsp_load_relaxed(&bsp_fork_life) != life)
		weak_broken("a child that is in order is not");
}

static bool is_child(void)
{
	return bsp_fork_life == life;
}

static bool always(void)
{
	return true;
}

static const struct weak_scene scenes[] = {
	{ "a chain of elements meets a take", begin_chain, { publish_chain, take_chain }, always,
	  nothing, 10 },
	{ "a chain of elements on top of another meets a take", begin_chain_on_top,
	  { publish_chain, take_on_top }, always, nothing, 10 },
	{ "a group meets a take", begin_chain, { commit_group, take_chain }, always, nothing, 10 },
	{ "a print meets who begins to watch", begin_silent, { print, watch }, watcher_is_told,
	  nothing, 100 },
	{ "a print meets a read that takes the wake-up back", begin_watched, { read_all, print },
	  watcher_is_told, nothing, 100 },
	{ "a print meets a read and who begins to watch", begin_silent, { print, watch, read_all },
	  watcher_is_told, nothing, 100 },
	{ "a walk meets a destroy", begin_listed, { walk, destroy }, always, nothing, 100 },
	{ "a walk meets a program that is being made", begin_unlisted, { create, meet }, always,
	  end_listed, 20 },
	{ "a sweep meets a page that is taken anew", begin_retired, { free_and_take, sweep },
	  page_is_in_use, end_retired, 100 },
	{ "a sweep meets a page that is used anew", begin_retired, { free_take_and_use, sweep },
	  page_is_in_use_and_whole, end_retired, 100 },
	{ "a counter is read as it turns", begin_counting, { count_turn, ask }, always, nothing, 20 },
	{ "two threads of a child make its first call", begin_forked, { first_call, first_call },
	  is_child, nothing, 100 },
};

int main(int argc, char **argv)
{
	const struct bpfstream_opts opts = { .sz = sizeof(opts), .page_budget = 2 };
	unsigned int i;

	prog = bpfstream_prog_create(&opts);
	if (!prog)
		return 1;
	elem = (struct bpfstream_elem *)(void *)((char *)bsp_page_alloc() + 64);
	mine = bsp_slot_self();
	others = mine + 1;
	bsp_live_remove(prog);
	for (i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		if ((argc < 2 || strstr(scenes[i].name, argv[1])) && !weak_explore(&scenes[i]))
			return 1;	/* threads stand where they stood: no other scene begins there */
	return 0;
}
