// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * world.c - pages, page references, levels and the mutex, with no more order than promised
 *
 * Invariants
 *   I1  A page's tag is 0 while it is free, else says for whom it was taken. It changes hands by
 *       free:D -> alloc:D and nothing else.
 *   I2  A level is in use from enter to leave. One whose context has left by longjmp is lost, and
 *       is used again when no other is free.
 *   I3  Whoever uses a lost level, or takes back a task's, first looks for pages that the lost
 *       context had in its hands, as the user port's sweep does.
 */
#include "bsp.h"
#include "memory.h"
#include "page.h"

#define NO_LEVEL	15u
#define POISON		0xdd

/* @in_use: by a context; @lost: which has left without an end */
struct level {
	struct bpfstream_cpu cpu;
	bool in_use;
	bool lost;
};

static struct level levels[SIM_TASKS][SIM_LEVELS];
static u32 *tags;
static u32 nr_pages;
static bool begun[SIM_PAGES];	/* its reference count is set */
static bool marred[SIM_TASKS];	/* has lost a context */
static bool reaped[SIM_TASKS];

/**
 * sim_world_reset() - a run begins
 * @pages: how many there are, beside the first
 */
void sim_world_reset(u32 pages)
{
	memset(levels, 0, sizeof(levels));
	memset(sim_page_used, 0, sizeof(sim_page_used));
	memset(begun, 0, sizeof(begun));
	memset(marred, 0, sizeof(marred));
	memset(reaped, 0, sizeof(reaped));
	tags = sim_heap(SIM_PAGES * sizeof(*tags));
	memset(tags, 0, SIM_PAGES * sizeof(*tags));
	sim_share(tags, SIM_PAGES * sizeof(*tags), "tag");
	nr_pages = pages;
}

/* ---- pages ---- */

static struct bpfstream_page *page_at(u32 i)
{
	return (struct bpfstream_page *)(void *)(sim_area + (size_t)i * SIM_PAGE_SIZE);
}

static u32 page_index(const struct bpfstream_page *page)
{
	return (u32)((size_t)((const char *)page - sim_area) / SIM_PAGE_SIZE);
}

static u32 tag_of(u32 task, u32 level)
{
	return (task + 1) * 16 + level;
}

static u32 tag_for(const struct bpfstream_cpu *cpu)
{
	u32 i;

	for (i = 0; i < SIM_LEVELS; i++)
		if (cpu == &levels[sim_self][i].cpu)
			return tag_of(sim_self, i);
	return tag_of(sim_self, NO_LEVEL);
}

static struct bpfstream_page *find(u32 who)
{
	u32 i;

	for (i = 1; i <= nr_pages; i++) {
		u64 none = 0;

		if (sim_peek(&tags[i], 4) ||
		    !sim_swap_if(&tags[i], 4, &none, who, sim_order(SIM_ALLOC_D, SIM_ACQUIRE)))
			continue;
		sim_page_used[i] = true;
		begun[i] = false;
		return page_at(i);
	}
	return NULL;
}

struct bpfstream_page *bsp_page_alloc_for(const struct bpfstream_cpu *cpu)
{
	u32 who = tag_for(cpu);
	struct bpfstream_page *page;
	u32 i;

	if (sim_self && sim_used.nomem < sim_budget.nomem && sim_choose(2, "no page")) {
		sim_used.nomem++;
		return NULL;
	}
	page = find(who);
	for (i = 1; !page && i < SIM_TASKS; i++) {
		if (!sim_task_gone(i) || reaped[i])
			continue;
		sim_world_reap(i);
		page = find(who);
	}
	return page;
}

void bsp_page_free(struct bpfstream_page *page)
{
	u32 i = page_index(page);

	sim_trace("free page %u", i);
	sim_store_order(&tags[i], 4, 0, sim_order(SIM_FREE_D, SIM_RELEASE));
	if (!sim_page_used[i])
		sim_fail("page %u is freed twice, near %s:%d", i, sim_here.func, sim_here.line);
	sim_page_used[i] = false;
	memset(page, POISON, SIM_PAGE_SIZE);
}

/* Pages in use. */
u32 sim_pages_live(void)
{
	u32 i, n = 0;

	for (i = 1; i <= nr_pages; i++)
		n += sim_page_used[i];
	return n;
}

/*
 * At the end no page is left, but those with closed text of a context that did not end, or that it
 * took past the deepest level. They are settled: a sweep has found them.
 */
void sim_pages_check(void)
{
	u32 i;

	for (i = 1; i <= nr_pages; i++) {
		u32 tag = (u32)sim_peek(&tags[i], 4);
		u32 ref = (u32)sim_peek(&page_at(i)->ref, 4);

		if (!sim_page_used[i])
			continue;
		if (!marred[tag / 16 - 1])
			sim_fail("page %u is never freed: ref %x", i, ref);
		if (tag % 16 != NO_LEVEL && (!begun[i] || ref > SIM_PAGE_SIZE / BPFSTREAM_GRAIN))
			sim_fail("page %u was in lost hands and is not found: ref %x", i, ref);
	}
}

/* ---- references ---- */

void sim_ref_init(bsp_ref_t *ref, u32 n)
{
	sim_store_shared(ref, 4, n);
	begun[page_index((struct bpfstream_page *)(void *)ref)] = n != BPFSTREAM_PAGE_BLANK;
}

static enum sim_label label_of_read(void)
{
	if (!strcmp(sim_here.func, "page_again"))
		return SIM_AGAIN_C;
	return strcmp(sim_here.func, "bpfstream_page_retire") ? SIM_RELEASE_C : SIM_RETIRE_C;
}

u32 sim_ref_read(bsp_ref_t *ref)
{
	int order = sim_weakened ? sim_order(label_of_read(), SIM_ACQUIRE) : SIM_ACQUIRE;

	return (u32)sim_load_order(ref, 4, order);
}

/* Each RELEASE, the last also ACQUIRE. */
bool sim_ref_sub(bsp_ref_t *ref, u32 n)
{
	int order = sim_order(SIM_RELEASE_B, SIM_RELEASE);

	sim_point(SIM_SHARED, "subtraction");
	if (sim_peek(ref, 4) == n)
		order |= sim_order(SIM_RELEASE_C, SIM_ACQUIRE);
	return !sim_change_by(ref, 4, -(u64)n, order);
}

bool sim_ref_try_sub(bsp_ref_t *ref, u32 *old, u32 n)
{
	u64 seen = *old;

	if (sim_swap_if(ref, 4, &seen, *old - n, sim_order(SIM_RETIRE_B, SIM_RELEASE)))
		return true;
	*old = sim_ref_read(ref);
	return false;
}

/* ---- levels ---- */

/* As bsp_arena_sweep(). */
static void sweep(u32 task, u32 level)
{
	u32 i;

	for (i = 1; i <= nr_pages; i++) {
		struct bpfstream_page *page = page_at(i);

		if (sim_peek(&tags[i], 4) != tag_of(task, level) || !sim_page_used[i] ||
		    levels[task][level].cpu.page == page)
			continue;
		if (!begun[i])
			bsp_page_free(page);
		else if (sim_peek(&page->ref, 4) > BPFSTREAM_PAGE_BIAS / 2)
			bpfstream_page_retire(page, page->carved);
	}
}

/* A context of @task has left without an end. */
void sim_level_lost(u32 task)
{
	u32 i;

	marred[task] = true;
	for (i = 0; i < SIM_LEVELS; i++)
		levels[task][i].lost = levels[task][i].in_use;
}

/* Tasks are left behind in a parent, with whatever text they had in hand, of whosever pages. */
void sim_world_forked(void)
{
	memset(marred, true, sizeof(marred));
}

/* Take back what @task has, which never uses it again. */
void sim_world_reap(u32 task)
{
	u32 i;

	reaped[task] = true;
	sim_join(sim_self, task);
	for (i = 0; i < SIM_LEVELS; i++) {
		struct level *level = &levels[task][i];
		struct bpfstream_page *page = level->cpu.page;

		if (level->in_use)
			marred[task] = true;
		level->in_use = false;
		level->cpu.page = NULL;
		if (page) {
			page->carved = level->cpu.carved;
			sim_plain(&page->carved, sizeof(page->carved), true);
			bpfstream_page_retire(page, page->carved);
		}
		sweep(task, i);
	}
}

struct bpfstream_cpu *bsp_cpu_enter(unsigned long *flags)
{
	struct level *mine = levels[sim_self];
	u32 i;

	sim_point(SIM_LOCAL, "enter");
	*flags = 0;
	for (i = 0; i < SIM_LEVELS; i++) {
		if (mine[i].in_use)
			continue;
		mine[i].in_use = true;
		return &mine[i].cpu;
	}
	for (i = 0; i < SIM_LEVELS; i++) {
		if (!mine[i].lost)
			continue;
		mine[i].lost = false;
		sweep(sim_self, i);
		return &mine[i].cpu;
	}
	return NULL;
}

void bsp_cpu_leave(struct bpfstream_cpu *cpu, unsigned long flags)
{
	struct level *level = bsp_container_of(cpu, struct level, cpu);

	(void)flags;
	sim_point(SIM_LOCAL, "leave");
	if (!level->in_use)
		sim_fail("a level is left twice, near %s:%d", sim_here.func, sim_here.line);
	level->in_use = false;
}

/* ---- the readers' mutex ---- */

void bsp_mutex_init(struct bsp_mutex *mutex)
{
	sim_store(&mutex->holder, 4, 0);
}

void bsp_mutex_destroy(struct bsp_mutex *mutex)
{
	if (sim_peek(&mutex->holder, 4))
		sim_fail("a mutex that is held is destroyed");
}

bool sim_mutex_try(struct bsp_mutex *mutex)
{
	u64 holder = 0;

	return sim_swap_if(&mutex->holder, 4, &holder, sim_self + 1,
			   sim_order(SIM_LOCK_E, SIM_ACQUIRE));
}

void sim_mutex_release(struct bsp_mutex *mutex)
{
	sim_store_order(&mutex->holder, 4, 0, sim_order(SIM_UNLOCK_E, SIM_RELEASE));
}

void bsp_mutex_lock(struct bsp_mutex *mutex)
{
	while (!sim_mutex_try(mutex))
		sim_wait_while(&mutex->holder);
}

void bsp_mutex_unlock(struct bsp_mutex *mutex)
{
	sim_mutex_release(mutex);
}
