// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * slot.c - a thread is a CPU, a signal handler on it is a nesting level
 *
 * Invariants
 *   I1  A slot belongs to one living thread, the one whose bsp_self points to it. A pointer from
 *       another life, in a process that this one was forked from, is as good as none.
 *   I2  Levels below slot->level are in use or were left by longjmp; the rest are free. A context
 *       uses one level, and what interrupts it only higher ones: plain stores suffice.
 *   I3  The context that uses level n keeps frame[n].what at frame[n].where. That is set after the
 *       level is raised and cleared, to NULL, before it is lowered. So a level whose frame is
 *       NULL or no longer holds its value is one that nobody uses any more, or not yet: who is
 *       about to use it looks, once its frame is set, whether somebody came in between. A level
 *       that is entered and has a frame already was left by longjmp. In doubt it is in use.
 *   I4  The thread-local part is one word, initial-exec: its first touch allocates nothing.
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
#include "peek.h"
#include "slot.h"

#define REAPING		0x80000000u	/* in @owner: who takes the slot from a dead thread */
#define LIFE_MASK	((uintptr_t)_Alignof(struct bsp_slot) - 1)

/* A slot's address, and in the bits that its alignment leaves the lower ones of bsp_fork_life. */
static __thread uintptr_t bsp_self __attribute__((__tls_model__("initial-exec")));

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
	return (uintptr_t)slot | (life & LIFE_MASK);
}

static struct bsp_slot *slot_of(uintptr_t self, u32 life)
{
	return (self ^ life) & LIFE_MASK ? NULL : (struct bsp_slot *)(self & ~LIFE_MASK);
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
		bsp_store_relaxed(&slot->dumps, slot->dumps + 1);
}

void bsp_slot_dump_end(void)
{
	struct bsp_slot *slot = slot_mine();

	if (slot && slot->dumps)
		bsp_store_relaxed(&slot->dumps, slot->dumps - 1);
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
		struct bpfstream_page *page = slot->cpu[n].page;

		slot->frame[n].where = NULL;
		if (!page)
			continue;
		page->carved = slot->cpu[n].carved;	/* should we stop here: page.c, I5 */
		bsp_barrier();
		bsp_store_relaxed(&slot->cpu[n].page, NULL);
		bsp_barrier();
		bpfstream_page_retire(page, page->carved);
	}
}

static void slot_pass(struct bsp_slot *slot)
{
	bsp_note_slot_pass(slot);
	__atomic_store_n(&slot->owner, 0, __ATOMIC_RELEASE);	/* ORD(pass:F), pairs with take:F */
}

/*
 * Take back what a slot's thread has left. The caller has made itself the owner. Inline: this may
 * happen at the far end of a writer's stack.
 */
static inline __attribute__((__always_inline__)) void slot_clear(struct bsp_slot *slot)
{
	bsp_note_slot_take(slot);
	slot_retire(slot);
	bsp_arena_sweep(slot, BSP_NO_LEVEL);
	slot->rcu = false;
	slot->dumps = 0;
	bsp_store_relaxed(&slot->level, 0u);
	slot_pass(slot);
}

static bool slot_take(struct bsp_slot *slot, u32 from, u32 owner)
{
	/* ORD(take:F) ACQUIRE, pairs with pass:F: the slot as it was left. */
	if (!__atomic_compare_exchange_n(&slot->owner, &from, owner, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return false;
	bsp_note_slot_take(slot);
	return true;
}

static u32 slots_used(void)
{
	u32 n = bsp_load_relaxed(&nr_slots);	/* Relaxed: slots before use are zero, and free. */

	return n < max_slots ? n : max_slots;
}

/* Take a slot whose thread has ended, from slot *@i on; *@i is then where to go on. */
static struct bsp_slot * __attribute__((__noinline__)) take_dead(u32 *i)
{
	while (*i < slots_used()) {
		struct bsp_slot *slot = &slots[(*i)++];
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
	u32 i = 0;

	while ((slot = take_dead(&i))) {
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
	u32 life = bsp_load_relaxed(&bsp_fork_life);
	uintptr_t self = bsp_load_relaxed(&bsp_self);
	struct bsp_slot *slot;

	if (slot_of(self, life))
		return slot_of(self, life);
	slot = slot_take_any();
	if (!slot)
		return NULL;
	if (!__atomic_compare_exchange_n(&bsp_self, &self, self_of(slot, life), false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		struct bsp_slot *first = (struct bsp_slot *)(self & ~LIFE_MASK);

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

static struct bsp_slot * __attribute__((__noinline__)) slot_find(void)
{
	struct bsp_slot *slot;

	if (bsp_fork_unseen())
		bsp_fork_child();
	slot = slot_mine();
	return slot || !slots ? slot : slot_claim();
}

/**
 * bsp_slot_self() - the calling thread's slot
 *
 * Also where a forked child finds out that it is one.
 *
 * Context: Any context, NMI-safe.
 * Return: slot; NULL if there is none left or no program was made yet.
 */
struct bsp_slot *bsp_slot_self(void)
{
	uintptr_t self = bsp_load_relaxed(&bsp_self);

	/* The word is this process's life, or 0 in a child that does not know yet. */
	if (__builtin_expect(self && !((self ^ bsp_load_relaxed(bsp_fork_word)) & LIFE_MASK), 1))
		return (struct bsp_slot *)(self & ~LIFE_MASK);
	return slot_find();
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

/*
 * Slot and level of a page that is taken for @cpu, or BSP_NO_TAG past the deepest level. The
 * slot's own idea of the level will not do: contexts past the deepest run in it, and others after
 * a longjmp out of a higher one, and a page must not look like an abandoned context's.
 */
u32 bsp_slot_tag(const struct bpfstream_cpu *cpu)
{
	size_t at = (size_t)((uintptr_t)cpu - (uintptr_t)slots);
	u32 i = (u32)(at / sizeof(*slots));

	if (!slots || at >= max_slots * sizeof(*slots))
		return BSP_NO_TAG;
	return (i + 1) * 16 + (u32)(cpu - slots[i].cpu);
}

/* Pages that the slots of all threads hold. */
u32 bsp_slots_pages(void)
{
	u32 i, n, pages = 0;

	for (i = 0; i < slots_used(); i++)
		for (n = 0; n < BSP_LEVELS; n++)
			pages += bsp_load_relaxed(&slots[i].cpu[n].page) != NULL;
	return pages;
}

static bool frame_lives(const struct bsp_slot *slot, u32 level)
{
	const unsigned long *where = slot->frame[level].where;
	unsigned long now;

	if (!where)
		return false;
	return bsp_peek(&now, where, sizeof(now)) == sizeof(now) && now == slot->frame[level].what;
}

/*
 * All levels taken: the topmost ones that a longjmp has left behind are free. What pages they have
 * lost is looked for when they are entered: only then are they their user's alone.
 */
static u32 __attribute__((__noinline__)) reclaim_levels(const struct bsp_slot *slot)
{
	u32 level = BSP_LEVELS;

	while (level && !frame_lives(slot, level - 1))
		level--;
	return level;
}

/*
 * Make a level the caller's. A handler that comes before the frame is set may find the level dead
 * and use it; when it is gone, all is set again.
 *
 * Returns whether a longjmp has left the level, so that it may have lost a page.
 */
static inline __attribute__((__always_inline__)) bool
level_take(struct bsp_slot *slot, u32 level, unsigned long *flags)
{
	bool left = false;
	unsigned long mine;

	do {
		mine = bsp_load_relaxed(&slot->serial) + 1;
		bsp_store_relaxed(&slot->serial, mine);
		bsp_barrier();
		bsp_store_relaxed(&slot->level, level + 1);
		bsp_barrier();
		bsp_fault_point(BSP_POINT_LEVEL);
		left |= slot->frame[level].where != NULL;
		*flags = mine << 4 | level;
		slot->frame[level].what = *flags;
		bsp_barrier();
		slot->frame[level].where = flags;
		bsp_barrier();
	} while (__builtin_expect(bsp_load_relaxed(&slot->serial) != mine, 0));
	return left;
}

/**
 * bsp_cpu_enter() - get the page of this thread at this nesting level
 * @flags: on the caller's stack, where it stays untouched until bsp_cpu_leave()
 *
 * Context: Any context, NMI-safe.
 * Return: state that nothing else touches until bsp_cpu_leave(); NULL past the deepest level.
 */
struct bpfstream_cpu *bsp_cpu_enter(unsigned long *flags)
{
	struct bsp_slot *slot = bsp_slot_self();
	u32 level;

	bsp_fault_point(BSP_POINT_CPU_ENTER);
	if (!slot)
		return NULL;
	level = bsp_load_relaxed(&slot->level);
	if (__builtin_expect(level >= BSP_LEVELS, 0)) {
		*flags = 0;	/* a dead frame may have been just here */
		level = reclaim_levels(slot);
		if (level == BSP_LEVELS)
			return NULL;
	}
	if (__builtin_expect(level_take(slot, level, flags), 0))
		bsp_arena_sweep(slot, level);
	return &slot->cpu[level];
}

/**
 * bsp_cpu_leave() - give the level back
 * @cpu: from bsp_cpu_enter()
 * @flags: as bsp_cpu_enter() set them
 *
 * Context: Any context, NMI-safe.
 */
void bsp_cpu_leave(struct bpfstream_cpu *cpu, unsigned long flags)
{
	u32 level = flags % 16;
	struct bsp_slot *slot = bsp_container_of(cpu - level, struct bsp_slot, cpu);

	bsp_fault_point(BSP_POINT_CPU_LEAVE);
	bsp_barrier();
	slot->frame[level].where = NULL;
	bsp_barrier();
	bsp_fault_point(BSP_POINT_LEVEL);
	bsp_store_relaxed(&slot->level, level);
	bsp_note_slot_pass(slot);
}
