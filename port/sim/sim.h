/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sim.h - the simulator: choices, tasks, memory
 *
 * One run is a sequence of choices, each a number below the number of ways to go on; 0 goes on as
 * if nothing happened. An explorer (explore.c) makes the choices and records them, so that a run
 * can be had again. All of it is one OS thread: same choices, same run.
 */
#ifndef SIM_H
#define SIM_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_TASKS	8u	/* task 0 is the main program: sets up, and looks at what is left */
#define SIM_PAGE_SIZE	512u
#define SIM_PAGES	16u	/* the first is never handed out */
#define SIM_LEVELS	2u
#define SIM_NONE	UINT64_MAX

/* ---- choices (explore.c) ---- */

/* How often a run may do what. @depth: NMIs on top of each other; @stale: loads of an old value */
struct sim_budget {
	uint32_t preempt;
	uint32_t nmi;
	uint32_t depth;
	uint32_t kill;
	uint32_t leave;
	uint32_t fork;
	uint32_t nomem;
	uint32_t stale;
};

extern struct sim_budget sim_budget, sim_used;

uint32_t sim_choose(uint32_t ways, const char *what);
__attribute__((__noreturn__, __format__(__printf__, 1, 2))) void sim_fail(const char *fmt, ...);

/*
 * What to explore, and how far.
 * @run: one run, from an empty world
 * @replay: choices to make, as sim_fail() printed them; else @seed for random ones, else all
 * @limit, @seconds: runs and time at most; 0 means no limit
 */
struct sim_search {
	void (*run)(void);
	const char *replay;
	uint64_t seed;
	uint64_t limit;
	double seconds;
};

/* @whole: all schedules within the budget were run. @choices: of the run that failed */
struct sim_result {
	uint64_t runs;
	double seconds;
	bool failed;
	bool whole;
	char message[256];
	char choices[8192];
};

void sim_explore(const struct sim_search *search, struct sim_result *result);

/* ---- tasks (task.c) ---- */

/* SIM_SHARED: others may run first. SIM_LOCAL: it makes no difference, which race.c checks. */
enum sim_point {
	SIM_LOCAL,
	SIM_SHARED
};

/* What may happen to a task now, if the budget has it. */
#define SIM_MAY_END	1u	/* be killed, or leave by longjmp to sim_escape() */
#define SIM_MAY_FORK	2u

extern uint32_t sim_self;	/* the task that runs */
extern bool sim_switch_everywhere;

void sim_tasks_reset(void);
void sim_task_start(void (*body)(uint32_t n), void (*nmi)(uint32_t n));
void sim_tasks_run(void);
void sim_point(enum sim_point kind, const char *what);
void sim_wait_while(const uint32_t *word);
bool sim_task_gone(uint32_t task);
uint32_t sim_nmi_depth(void);
jmp_buf *sim_escape(void);
unsigned int sim_allow(unsigned int what);
void sim_block(bool on);
bool sim_is_child(void);

/* Called when something happens to a task, for who keeps account. All may be NULL that cannot. */
struct sim_watch {
	void (*left)(uint32_t task);
	void (*killed)(uint32_t task);
	void (*forked)(uint32_t task);
	void (*swapped)(const void *word, uint64_t before, uint64_t after);
};

extern const struct sim_watch *sim_watch;

/* ---- memory (race.c, memory.c) ---- */

#define SIM_RELEASE	1
#define SIM_ACQUIRE	2
#define SIM_FULL	4	/* also ordered with all others of its kind */

struct sim_site {
	const char *func;
	int line;
};

extern struct sim_site sim_here;
extern char sim_area[];
extern bool sim_weak;		/* loads may be stale; else the latest is read */


void sim_memory_reset(void);
void *sim_heap(size_t size);
void sim_share(const void *p, size_t size, const char *name);
const char *sim_name(const volatile void *p);

uint64_t sim_load(const volatile void *p, size_t size);
uint64_t sim_load_order(const volatile void *p, size_t size, int order);
void sim_store(volatile void *p, size_t size, uint64_t value);
void sim_store_shared(volatile void *p, size_t size, uint64_t value);
void sim_store_order(volatile void *p, size_t size, uint64_t value, int order);
bool sim_swap_if(volatile void *p, size_t size, uint64_t *old, uint64_t value, int order);
uint64_t sim_change_by(volatile void *p, size_t size, uint64_t n, int order);
uint64_t sim_add(volatile void *p, size_t size, uint64_t n, int order);
uint64_t sim_swap(volatile void *p, size_t size, uint64_t value, int order);
void sim_fence(int order);
uint64_t sim_peek(const volatile void *p, size_t size);
uint64_t sim_peek_largest(const volatile void *p);
void sim_plain(const volatile void *p, size_t size, bool write);
void *sim_memcpy(void *dst, const void *src, size_t n);
void sim_join(uint32_t into, uint32_t from);
bool sim_warn(bool cond);

/* ---- orderings that can be taken away (label.c) ---- */

enum sim_label {
	SIM_NO_LABEL,
	SIM_PUSH_A,
	SIM_TAKE_A,
	SIM_RELEASE_B,
	SIM_RETIRE_B,
	SIM_RELEASE_C,
	SIM_RETIRE_C,
	SIM_AGAIN_C,
	SIM_FREE_D,
	SIM_ALLOC_D,
	SIM_UNLOCK_E,
	SIM_LOCK_E,
	SIM_TURN_N,
	SIM_READ_N,
	SIM_NR_LABELS
};

extern enum sim_label sim_weakened;
extern const char *const sim_label_name[SIM_NR_LABELS];

/* @order, unless this is the ordering to be taken away. */
static inline int sim_order(enum sim_label label, int order)
{
	return sim_weakened == label ? 0 : order;
}

static inline bool sim_cmpxchg(volatile void *p, uint64_t *old, uint64_t value, int order,
			       enum sim_label label)
{
	return sim_swap_if(p, sizeof(*old), old, value, sim_order(label, order));
}

/* ---- trace (trace.c) ---- */

extern bool sim_tracing;

__attribute__((__format__(__printf__, 1, 2))) void sim_say(const char *fmt, ...);

#define sim_trace(...)	do { if (sim_tracing) sim_say(__VA_ARGS__); } while (0)

/* ---- the world, as far as scenarios see more of it than the core (world.c) ---- */

struct bsp_mutex;

void sim_world_reset(uint32_t pages);
void sim_world_reap(uint32_t task);
void sim_level_lost(uint32_t task);
void sim_world_forked(void);
uint32_t sim_pages_live(void);
void sim_pages_check(void);
bool sim_mutex_try(struct bsp_mutex *mutex);
void sim_mutex_release(struct bsp_mutex *mutex);

#endif
