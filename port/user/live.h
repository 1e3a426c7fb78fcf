/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * live.h - programs, and the list of those that live
 */
#ifndef BSP_LIVE_H
#define BSP_LIVE_H

#include "stream.h"

#define BSP_NR_STREAMS	2u
#define BSP_NAME_LEN	32u

/*
 * @stream: BPFSTREAM_STDOUT's, BPFSTREAM_STDERR's
 * @next: on the list of live programs, or of storage to be used again
 * @live: 1 from being put on the list to being taken off
 * @pins: handlers that have met the program on the list and use it
 * @watchers: who wants the eventfd told
 * @told: odd if the eventfd was written to since it was last taken back, which makes it the next
 *	even number; a hint
 * @efd: the eventfd, -1 until somebody watches
 * @efd_given: bpfstream_prog_fd() has handed it out
 * @pages: what the program adds to the arena's budget
 */
struct bpfstream_prog {
	struct bpfstream stream[BSP_NR_STREAMS];
	struct bpfstream_prog *next;
	u32 live;
	u32 pins;
	u32 watchers;
	u32 told;
	int efd;
	bool efd_given;
	u32 pages;
	char name[BSP_NAME_LEN];
};

BSP_MUST_CHECK struct bpfstream_prog *bsp_live_new(void);
void bsp_live_add(struct bpfstream_prog *prog);
void bsp_live_remove(struct bpfstream_prog *prog);
void bsp_live_recycle(struct bpfstream_prog *prog);
void bsp_live_lock(void);
void bsp_live_unlock(void);
void bsp_live_after_fork(u32 parent_tid);
void bsp_live_settle(void);
void bsp_live_register(void);
u64 bsp_live_max_capacity(void);

bool bsp_live_begin(void);
struct bpfstream_prog *bsp_live_next(struct bpfstream_prog *prog);
void bsp_live_end(bool locked);

#endif
