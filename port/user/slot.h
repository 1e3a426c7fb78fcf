/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * slot.h - a thread's writing state, one page a nesting level
 *
 * Invariants of slots are in slot.c. Those of a slot's levels:
 *   I3  A level is in use from the store that sets @where to the one that clears it. A context uses
 *       one that was free when it came, and what interrupts it finds that taken. Plain stores
 *       suffice: what comes between two instructions has gone when they go on, or they never do.
 *   I4  The context that uses a level keeps the level's @what at @where, on its own stack. Where
 *       that is no longer so, nobody uses the level any more, or not yet: who is about to looks,
 *       once @where is set, whether somebody came in between. In doubt a level is in use.
 */
#ifndef BSP_SLOT_H
#define BSP_SLOT_H

#include "bsp.h"

#define BSP_LEVELS	4u	/* a thread, a handler, a handler in it, a crash handler in that */
#define BSP_NO_LEVEL	15u	/* past the deepest */
#define BSP_NO_TAG	0xffffffffu	/* of a page that belongs to no level */

/*
 * @cpu: what the core knows of the level
 * @where: where on its stack the context that uses the level keeps its flags; NULL if none does
 * @what: their value, another one each time and at each level
 */
struct bsp_level {
	struct bpfstream_cpu cpu;
	const unsigned long *where;
	unsigned long what;
};

/*
 * @owner: tid of the thread, 0 for none
 * @dumps: dumps under way that have text of their own in hand
 * @rcu: the thread is registered with liburcu
 *
 * @dumps and @rcu are the thread's, and of who takes the slot when that is dead: relaxed, for the
 * kernel's word that it is orders them, which race detectors do not hear.
 */
struct bsp_slot {
	u32 owner;
	u32 dumps;
	bool rcu;
	struct bsp_level level[BSP_LEVELS];
} __attribute__((__aligned__(64)));

#define BSP_LIFE_MASK	((uintptr_t)_Alignof(struct bsp_slot) - 1)

/*
 * This thread's slot, and in the bits that its alignment leaves the lower ones of bsp_fork_life.
 * Without a slot BSP_NO_SELF, whose bits are no life's and no child's that does not know yet.
 */
#define BSP_NO_SELF	((uintptr_t)2)

extern __thread uintptr_t bsp_self
	__attribute__((__tls_model__("initial-exec"), __visibility__("hidden")));

/* fork.c: 0 in a child that does not know yet, else @bsp_fork_life, which is odd */
extern const u32 *bsp_fork_word __attribute__((__visibility__("hidden")));
extern u32 bsp_fork_life __attribute__((__visibility__("hidden")));

struct bsp_slot *bsp_slot_find(void);
struct bsp_level *bsp_level_find(struct bsp_slot *slot, unsigned long *flags);
void bsp_level_sweep(const struct bsp_level *level);

void bsp_slots_init(struct bsp_slot *slots, u32 max);
u32 bsp_slot_index(const struct bsp_slot *slot);
u32 bsp_slot_tag(const struct bpfstream_cpu *cpu);
u32 bsp_slots_reap(void);
void bsp_slots_after_fork(u32 life);
u32 bsp_slots_pages(void);
u32 bsp_gettid(void);
u32 bsp_asktid(void);
u32 bsp_slot_owner(void);
void bsp_slot_dump_begin(void);
void bsp_slot_dump_end(void);
bool bsp_slot_dumps(void);

/**
 * bsp_slot_self() - the calling thread's slot
 *
 * Also where a forked child finds out that it is one.
 *
 * Context: Any context, NMI-safe.
 * Return: slot; NULL if there is none left or no program was made yet.
 */
static BSP_INLINE struct bsp_slot *bsp_slot_self(void)
{
	/*
	 * Relaxed, both: only this thread and its handlers use the one, and where the other goes
	 * with it, bsp_slot_find() has met know:M.
	 */
	uintptr_t self = bsp_load_relaxed(&bsp_self);

	if (bsp_unlikely((self ^ bsp_load_relaxed(bsp_fork_word)) & BSP_LIFE_MASK))
		return bsp_slot_find();
	return (struct bsp_slot *)(self & ~BSP_LIFE_MASK);
}

/*
 * Make a level the caller's. A handler that comes before @where is set may use the level; when it
 * has gone, all is set again. The addend makes values that a stack does not hold by chance.
 *
 * Returns whether somebody may have left the level by longjmp, so that it may have lost a page. Who
 * has to set all again cannot tell: it has written its own @where over what was there by then.
 */
static BSP_INLINE bool bsp_level_take(struct bsp_level *level, unsigned long *flags)
{
	bool left = false;
	unsigned long mine;

	do {
		mine = bsp_load_relaxed(&level->what) + 0x9e3779b97f4a7c15u;
		bsp_store_relaxed(flags, mine);
		bsp_store_relaxed(&level->what, mine);
		bsp_barrier();
		bsp_fault_point(BSP_POINT_LEVEL);
		left |= bsp_load_relaxed(&level->where) != NULL;
		bsp_store_relaxed(&level->where, flags);
		bsp_barrier();
	} while (bsp_unlikely(bsp_load_relaxed(&level->what) != mine));
	return left;
}

/**
 * bsp_cpu_enter() - get the page of this thread at this nesting level
 * @flags: on the caller's stack, where it stays untouched until bsp_cpu_leave()
 *
 * Context: Any context, NMI-safe.
 * Return: state that nothing else touches until bsp_cpu_leave(); NULL past the deepest level.
 */
static BSP_INLINE struct bpfstream_cpu *bsp_cpu_enter(unsigned long *flags)
{
	struct bsp_slot *slot = bsp_slot_self();
	struct bsp_level *level;

	bsp_fault_point(BSP_POINT_CPU_ENTER);
	if (bsp_unlikely(!slot))
		return NULL;
	level = &slot->level[0];
	if (bsp_unlikely(bsp_load_relaxed(&level->where) != NULL)) {
		level = bsp_level_find(slot, flags);
		if (!level)
			return NULL;
	}
	if (bsp_unlikely(bsp_level_take(level, flags)))
		bsp_level_sweep(level);
	return &level->cpu;
}

/**
 * bsp_cpu_leave() - give the level back
 * @cpu: from bsp_cpu_enter()
 * @flags: as bsp_cpu_enter() set them
 *
 * Context: Any context, NMI-safe.
 */
static BSP_INLINE void bsp_cpu_leave(struct bpfstream_cpu *cpu, unsigned long flags)
{
	struct bsp_level *level = bsp_container_of(cpu, struct bsp_level, cpu);

	(void)flags;
	bsp_fault_point(BSP_POINT_CPU_LEAVE);
	bsp_barrier();
	bsp_store_relaxed(&level->where, NULL);
	bsp_barrier();
	bsp_fault_point(BSP_POINT_LEVEL);
	bsp_note_level_pass(level);
}

#endif
