/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * slot.h - a thread's writing state, one page a nesting level
 */
#ifndef BSP_SLOT_H
#define BSP_SLOT_H

#include "page.h"

#define BSP_LEVELS	4u	/* a thread, a handler, a handler in it, a crash handler in that */
#define BSP_NO_LEVEL	15u	/* past the deepest */
#define BSP_NO_TAG	0xffffffffu	/* of a page that belongs to no level */

/*
 * @owner: tid of the thread, 0 for none
 * @level: levels in use
 * @serial: makes each use of a level distinct
 * @rcu: the thread is registered with liburcu
 * @dumps: dumps under way that have text of their own in hand
 * @cpu: what the core knows of a level
 * @frame: where on its stack the context that uses a level keeps its flags, and their value;
 *	NULL when not known
 */
struct bsp_slot {
	u32 owner;
	u32 level;
	unsigned long serial;
	bool rcu;
	u32 dumps;
	struct bpfstream_cpu cpu[BSP_LEVELS];
	struct {
		const unsigned long *where;
		unsigned long what;
	} frame[BSP_LEVELS];
} __attribute__((__aligned__(64)));

struct bsp_slot *bsp_slot_self(void);
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

#endif
