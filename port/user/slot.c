// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * slot.c - a thread is a CPU, a signal handler on it is a nesting level
 *
 * Invariants
 *   I1  A slot belongs to one living thread, the one whose bsp_self points to it. A pointer from
 *       another life, in a process that this one was forked from, is as good as none.
 *   I2  The thread-local part is one word, initial-exec: its first touch allocates nothing.
 *   I3, I4 of its levels are in slot.h.
 *
 * Threads that end need no destructor: their slots are found by asking the kernel whether the
 * owner still lives, when slots or pages run short. A tid that the kernel has given to a new
 * thread meanwhile keeps the old slot until that one ends too.
 *
 * Ordering
 *   pass:F -> take:F   a slot, from the thread that leaves it to the next
 */
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arena.h"
#include "fork.h"
#include "page.h"
#include "peek.h"

#define REAPING		0x80000000u	/* in @owner: who takes the slot from a dead thread */

__thread uintptr_t bsp_self __attribute__((__tls_model__("initial-exec"))) = BSP_NO_SELF;

static struct bsp_slot *slots;
static u32 max_slots;
static u32 nr_slots;	/* slots ever used */

void bsp_slots_init(struct bsp_slot *mem, u32 max)
{
	slots = mem;
	max_slots = max;
}

u32 bsp_slot_index(const struct bsp_slot *slot)
{
	return (u32)(slot - slots);
}

/* The kernel's id of this thread, asked anew. */
u32 bsp_asktid(void)
{
	return (u32)syscall(SYS_gettid);	/* cannot fail: errno stays */
}

static uintptr_t self_of(struct bsp_slot *slot, u32 life)
{
	return (uintptr_t)slot | (life & BSP_LIFE_MASK);
}

static struct bsp_slot *slot_of(uintptr_t self, u32 life)
{
	return (self ^ life) & BSP_LIFE_MASK ? NULL : (struct bsp_slot *)(self & ~BSP_LIFE_MASK);
}

/* This thread's slot, if it has one. Relaxed: only this thread and its handlers use the word. */
static struct bsp_slot *slot_mine(void)
{
	return slot_of(bsp_load_relaxed(&bsp_self), bsp_load_relaxed(&bsp_fork_life));
}

/* The id that this thread's slot was claimed under, 0 without one. */
u32 bsp_slot_owner(void)
{
	struct bsp_slot *slot = slot_mine();

	return slot ? bsp_load_relaxed(&slot->owner) : 0;
}

/*
 * A dump that has taken a log for itself will settle what it took, in a child too that a handler
 * has forked in between. One that was left by longjmp counts on: no more than a hint.
 */
void bsp_slot_dump_begin(void)
{
	struct bsp_slot *slot = bsp_slot_self();

	if (slot)
		bsp_store_relaxed(&slot->dumps, bsp_load_relaxed(&slot->dumps) + 1);
}

void bsp_slot_dump_end(void)
{
	struct bsp_slot *slot = slot_mine();

	if (slot && bsp_load_relaxed(&slot->dumps))
		bsp_store_relaxed(&slot->dumps, bsp_load_relaxed(&slot->dumps) - 1);
}

bool bsp_slot_dumps(void)
{
	struct bsp_slot *slot = slot_mine();

	return slot && bsp_load_relaxed(&slot->dumps);
}

/* The kernel's id of this thread. */
u32 bsp_gettid(void)
{
	struct bsp_slot *slot = bsp_slot_self();

	return slot ? bsp_load_relaxed(&slot->owner) : bsp_asktid();
}

static bool thread_lives(u32 tid)
{
	int saved = errno;
	bool gone = syscall(SYS_tgkill, getpid(), tid, 0) && errno == ESRCH;

	errno = saved;
	return !gone;
}

/* Retire the pages that a slot holds. The caller has made itself the owner. */
static void __attribute__((__noinline__)) slot_retire(struct bsp_slot *slot)
{
	u32 n;

	for (n = 0; n < BSP_LEVELS; n++) {
		struct bpfstream_cpu *cpu = &slot->level[n].cpu;
		struct bpfstream_page *page = cpu->page;

		bsp_store_relaxed(&slot->level[n].where, NULL);
		if (!page)
			continue;
		page->carved = cpu->carved;	/* should we stop here: page.c, I5 */
		bsp_barrier();
		bsp_store_relaxed(&cpu->page, NULL);
		bsp_barrier();
		bpfstream_page_retire(page, page->carved);
	}
}

static void slot_pass(struct bsp_slot *slot)
{
	bsp_note_release(slot);
	__atomic_store_n(&slot->owner, 0, __ATOMIC_RELEASE);	/* ORD(pass:F), pairs with take:F */
}

/*
 * Take back what a slot's thread has left. The caller has made itself the owner. Inline: this may
 * happen at the far end of a writer's stack.
 */
static inline __attribute__((__always_inline__)) void slot_clear(struct bsp_slot *slot)
{
	slot_retire(slot);
	bsp_arena_sweep(slot, BSP_NO_LEVEL);
	bsp_store_relaxed(&slot->rcu, false);
	bsp_store_relaxed(&slot->dumps, 0u);
	slot_pass(slot);
}

static void note_take(struct bsp_slot *slot)
{
	u32 n;

	bsp_note_acquire(slot);
	bsp_note_unordered(&slot->rcu, sizeof(slot->rcu));
	bsp_note_unordered(&slot->dumps, sizeof(slot->dumps));
	for (n = 0; n < BSP_LEVELS; n++)
		bsp_note_level_take(&slot->level[n]);
}

static bool slot_take(struct bsp_slot *slot, u32 from, u32 owner)
{
	u32 n;

	/* ORD(take:F) ACQUIRE, pairs with pass:F: the slot as it was left. */
	if (!__atomic_compare_exchange_n(&slot->owner, &from, owner, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return false;
	note_take(slot);
	for (n = 0; n < BSP_LEVELS; n++) {
		slot->level[n].what += n;	/* never two levels' the same, then: slot.h, I4 */
		if (!(owner & REAPING))
			bsp_note_level_pass(&slot->level[n]);	/* it may never be left */
	}
	return true;
}

static u32 slots_used(void)
{
	u32 n = bsp_load_relaxed(&nr_slots);	/* Relaxed: slots before use are zero, and free. */

	return n < max_slots ? n : max_slots;
}

/* Take a slot whose thread has ended, the first one from @slot on. */
static struct bsp_slot * __attribute__((__noinline__)) take_dead(struct bsp_slot *slot)
{
	for (; slot < slots + slots_used(); slot++) {
		u32 owner = bsp_load_relaxed(&slot->owner);

		if (owner && !thread_lives(owner & ~REAPING) &&
		    slot_take(slot, owner, bsp_asktid() | REAPING))
			return slot;
	}
	return NULL;
}

/**
 * bsp_slots_reap() - free the slots, and so the pages, of threads that have ended
 *
 * Context: Any context, NMI-safe. A system call for each thread that ever printed.
 * Return: slots freed.
 */
u32 bsp_slots_reap(void)
{
	struct bsp_slot *slot;
	u32 reaped = 0;

	for (slot = take_dead(slots); slot; slot = take_dead(slot + 1)) {
		slot_clear(slot);
		reaped++;
	}
	return reaped;
}

static struct bsp_slot *claim_free(u32 tid)
{
	u32 i;

	for (i = 0; i < slots_used(); i++)
		if (!bsp_load_relaxed(&slots[i].owner) && slot_take(&slots[i], 0, tid))
			return &slots[i];
	return NULL;
}

static struct bsp_slot *claim_new(u32 tid)
{
	while (bsp_load_relaxed(&nr_slots) < max_slots) {
		/* Relaxed: hands out a number; the slot itself is taken by slot_take(). */
		u32 i = __atomic_fetch_add(&nr_slots, 1, __ATOMIC_RELAXED);

		if (i < max_slots && slot_take(&slots[i], 0, tid))
			return &slots[i];
	}
	return NULL;
}

static struct bsp_slot *slot_take_any(void)
{
	struct bsp_slot *slot = claim_free(bsp_asktid());

	if (!slot && bsp_slots_reap())
		slot = claim_free(bsp_asktid());
	return slot ? slot : claim_new(bsp_asktid());
}

/*
 * A handler may come in between and claim one too: the thread keeps what it got first. It may even
 * fork, and its child's first call then finds our slot without a thread, and frees it.
 */
static struct bsp_slot * __attribute__((__noinline__)) slot_claim(void)
{
	uintptr_t self = bsp_load_relaxed(&bsp_self);
	struct bsp_slot *slot;
	u32 life;

	/* In this order: who forks and claims in between has changed bsp_self, if not life. */
	bsp_barrier();
	life = bsp_load_relaxed(&bsp_fork_life);
	if (slot_of(self, life))
		return slot_of(self, life);
	slot = slot_take_any();
	if (!slot)
		return NULL;
	if (!__atomic_compare_exchange_n(&bsp_self, &self, self_of(slot, life), false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		struct bsp_slot *first = (struct bsp_slot *)(self & ~BSP_LIFE_MASK);

		if (slot != first)
			slot_pass(slot);
		slot = first;
	}
	bsp_barrier();
	if (life != bsp_load_relaxed(&bsp_fork_life)) {
		/* A child, and no thread but this one is in it yet. */
		bsp_store_relaxed(&slot->owner, bsp_asktid());
		bsp_store_relaxed(&bsp_self, self_of(slot, bsp_fork_life));
	}
	return slot;
}

/* For bsp_slot_self(), when the word does not say. */
struct bsp_slot *bsp_slot_find(void)
{
	struct bsp_slot *slot;

	if (bsp_fork_unseen())
		bsp_fork_child();
	slot = slot_mine();
	return slot || !slots ? slot : slot_claim();
}

/*
 * In a forked child, before its @life begins: this thread goes on, if it was there before; all
 * others were left behind. What was being taken from a dead thread stays: the taker may be
 * this thread, which goes on with that too, and if not, a reap finds the slot.
 */
void bsp_slots_after_fork(u32 life)
{
	struct bsp_slot *self = slot_mine();
	u32 i;

	for (i = 0; i < slots_used(); i++) {
		u32 owner = bsp_load_relaxed(&slots[i].owner);

		if (&slots[i] == self) {
			bsp_store_relaxed(&self->owner, bsp_asktid());
			bsp_store_relaxed(&bsp_self, self_of(self, life));
		} else if (owner && !(owner & REAPING)) {
			slot_clear(&slots[i]);
		}
	}
}

static u32 level_index(const struct bsp_slot *slot, const void *in_level)
{
	return (u32)(((uintptr_t)in_level - (uintptr_t)slot->level) / sizeof(slot->level[0]));
}

/* Slot and level of a page that is taken for @cpu, or BSP_NO_TAG past the deepest level. */
u32 bsp_slot_tag(const struct bpfstream_cpu *cpu)
{
	size_t at = (size_t)((uintptr_t)cpu - (uintptr_t)slots);
	u32 i = (u32)(at / sizeof(*slots));

	if (!slots || at >= max_slots * sizeof(*slots))
		return BSP_NO_TAG;
	return (i + 1) * 16 + level_index(&slots[i], cpu);
}

/* Pages that the slots of all threads hold. */
u32 bsp_slots_pages(void)
{
	u32 i, n, pages = 0;

	for (i = 0; i < slots_used(); i++)
		for (n = 0; n < BSP_LEVELS; n++)
			pages += bsp_load_relaxed(&slots[i].level[n].cpu.page) != NULL;
	return pages;
}

static bool level_lives(const struct bsp_level *level)
{
	const unsigned long *where = bsp_load_relaxed(&level->where);
	unsigned long now;

	if (bsp_peek(&now, where, sizeof(now)) == sizeof(now))
		return now == bsp_load_relaxed(&level->what);
	/* Where our own memory cannot be read either, nobody is there to say: I4. */
	return bsp_peek(&now, &level->what, sizeof(now)) != sizeof(now);
}

/**
 * bsp_level_find() - a level for a context whose thread uses the first one already
 * @slot: its thread's
 * @flags: its own
 *
 * Where all are in use, one that a longjmp has left. What page it has lost is looked for once it is
 * taken: only then is it the user's alone.
 *
 * Context: Any context, NMI-safe. System calls past the deepest level.
 * Return: level; NULL past the deepest.
 */
struct bsp_level *bsp_level_find(struct bsp_slot *slot, unsigned long *flags)
{
	u32 n;

	for (n = 1; n < BSP_LEVELS; n++)
		if (!bsp_load_relaxed(&slot->level[n].where))
			return &slot->level[n];
	bsp_store_relaxed(flags, 0ul);	/* a dead frame may have been just here */
	for (n = 0; n < BSP_LEVELS; n++)
		if (!level_lives(&slot->level[n]))
			return &slot->level[n];
	return NULL;
}

/**
 * bsp_level_sweep() - find the pages that a longjmp out of a level has lost
 * @level: the caller's
 *
 * Context: Any context, NMI-safe.
 */
void bsp_level_sweep(const struct bsp_level *level)
{
	const struct bsp_slot *slot =
		&slots[((uintptr_t)level - (uintptr_t)slots) / sizeof(*slots)];

	bsp_arena_sweep(slot, level_index(slot, level));
}
