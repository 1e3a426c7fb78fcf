/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scene.h - scenarios: what tasks and NMIs do, and what may happen to them
 */
#ifndef TEST_SIM_SCENE_H
#define TEST_SIM_SCENE_H

#include "account.h"

/*
 * @set: makes the tasks, in a world that is ready
 * @capacity, @flags: of the stream; 0 means plenty
 * @pages: that there are
 * @bound: how much may happen in a run, to run all of them in a moment
 * @weak: the same with loads of old values; all 0: not for that
 * @discard: unread text is given up at the end, not read
 */
struct scene {
	const char *name;
	const char *about;
	void (*set)(void);
	u32 capacity;
	u32 flags;
	u32 pages;
	struct sim_budget bound;
	struct sim_budget weak;
	struct leniency leniency;
	bool discard;
};

extern const struct scene scenes[];
extern struct bpfstream *the_stream;

const struct scene *scene_find(const char *name);
void scene_run(void);
void scene_choose(const struct scene *scene);

/* What tasks do. */
int say(u32 len);
int say_together(u32 nr, u32 len, bool again);
void read_some(size_t max);
void read_slowly(u32 at_once);
void dump(u32 at_once);
void look(void);

#endif
