// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * attempt.c - one call, interrupted at one point
 *
 * A handler is the function that the trap at the point calls, in the trap's own signal handler.
 * To have it interrupted in its turn, a breakpoint is planted in its own path.
 *
 * Checked on the spot, told by nmi_now.wrong: errno and the signal mask are after a call as they
 * were before.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nmi.h"

#include "slot.h"

#define REAP_TRIES	1000000u	/* the kernel's end of a thread comes after pthread_join()'s */

/* What is to happen. @path: NULL for nothing; @record: where the handler's own path is noted */
static struct {
	const struct path *path;
	uint32_t point;
	enum nmi_handler_nr by;
	struct path *record;
	const struct path *inner;
	uint32_t inner_point;
	enum nmi_handler_nr inner_by;
	unsigned int depth;
	struct path *record_victim;
} plan;

static const struct nmi_victim *victim;
static uint64_t mask;
static volatile unsigned int depth;	/* of handlers that run */

static void wrong(const char *what)
{
	if (!nmi_now.wrong)
		nmi_now.wrong = what;
}

/* All of the kernel's mask, which libc does not show. */
static uint64_t mask_now(void)
{
	uint64_t now;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &now, sizeof(now));
	return now;
}

/* Not inlined: it is found by its address. */
static void __attribute__((__noinline__)) run_handler(void)
{
	unsigned int mine = depth;

	nmi_now.by[mine]->run(mine);
}

/* In the signal's handler: the victim, or another handler, stands still. */
static void interrupt(void)
{
	unsigned int mine = ++depth;
	bool inner = mine < plan.depth;
	int saved = errno;

	if (mine > nmi_now.reached)
		nmi_now.reached = mine;
	nmi_now.by[mine] = &nmi_handlers[mine == 1 ? plan.by : plan.inner_by];
	errno = NMI_ERRNO + (int)mine;
	if (plan.record) {
		nmi_path_record(plan.record, run_handler);
	} else {
		if (inner)
			nmi_arm(plan.inner, plan.inner_point, interrupt);
		run_handler();
		if (inner && !nmi_disarm())
			nmi_report->missed++;
	}
	if (errno != NMI_ERRNO + (int)mine)
		wrong("a handler's call changes errno");
	if (mask_now() != mask)
		wrong("a handler's call changes the signal mask");
	errno = saved;
	depth--;
}

static void call_victim(void)
{
	errno = NMI_ERRNO;
	if (plan.record_victim) {
		nmi_path_record(plan.record_victim, victim->run);
	} else if (plan.path) {
		nmi_arm(plan.path, plan.point, interrupt);
		nmi_call(victim->run);
		if (!nmi_disarm())
			nmi_report->missed++;
	} else {
		nmi_call(victim->run);
	}
	if (errno != NMI_ERRNO)
		wrong("the victim's call changes errno");
	if (mask_now() != mask)
		wrong("the victim's call changes the signal mask");
}

/*
 * While the victim's thread may meet a breakpoint, nobody else runs text that it could be in: the
 * other thread waits here, without libc.
 */
enum stage { STAGE_BEGUN, STAGE_GO, STAGE_DONE };

static atomic_int stage;

static void wait_for_stage(int wanted)
{
	while (atomic_load(&stage) != wanted) {
		long nr = SYS_sched_yield;

		__asm__ volatile("syscall" : "+a"(nr) : : "rcx", "r11", "memory");
	}
}

static void *thread_main(void *arg)
{
	(void)arg;
	wait_for_stage(STAGE_GO);
	call_victim();
	atomic_store(&stage, STAGE_DONE);
	return NULL;
}

/* A new thread has no slot. When it has ended there is one to be reaped, not two. */
static void call_in_thread(void)
{
	unsigned int tries = 0;
	pthread_t thread;
	uint32_t reaped;

	atomic_store(&stage, STAGE_BEGUN);
	if (pthread_create(&thread, NULL, thread_main, NULL))
		nmi_fail("no thread");
	atomic_store(&stage, STAGE_GO);
	wait_for_stage(STAGE_DONE);
	pthread_join(thread, NULL);
	do {
		reaped = bsp_slots_reap();
		if (!reaped)
			sched_yield();
	} while (!reaped && ++tries < REAP_TRIES);
	if (reaped != 1)
		nmi_fail("the thread has left %u slots", reaped);
}

static int go(void)
{
	if (plan.path) {
		nmi_report->point = plan.point;
		nmi_report->where = plan.path->point[plan.point].pc;
	}
	nmi_report->beat++;
	depth = 0;
	nmi_scene_set(victim);
	if (victim->traits & NMI_THREAD)
		call_in_thread();
	else
		call_victim();
	nmi_scene_drain();
	return nmi_scene_judge();
}

static void plan_none(void)
{
	memset(&plan, 0, sizeof(plan));
}

/**
 * nmi_attempt_init() - run a victim undisturbed, until nothing in it is done for the first time
 * @who: victim
 *
 * Context: process, once in each job.
 */
void nmi_attempt_init(const struct nmi_victim *who)
{
	unsigned int i;

	victim = who;
	mask = mask_now();
	nmi_scene_init();
	plan_none();
	for (i = 0; i < 3; i++)
		go();
}

/**
 * nmi_attempt_record() - note a victim's path
 * @path: filled in
 *
 * Context: process.
 */
void nmi_attempt_record(struct path *path)
{
	plan_none();
	plan.record_victim = path;
	go();
}

/**
 * nmi_attempt() - interrupt a victim once
 * @path: its path
 * @point: where
 * @by: by whom
 *
 * Context: process.
 * Return: what nmi_scene_judge() says.
 */
int nmi_attempt(const struct path *path, uint32_t point, enum nmi_handler_nr by)
{
	plan_none();
	plan.path = path;
	plan.point = point;
	plan.by = by;
	return go();
}

/**
 * nmi_attempt_record_inner() - note a handler's path on top of an interrupted victim
 * @path: victim's path
 * @point: where it is interrupted
 * @by: by whom
 * @inner: filled in
 *
 * Context: process.
 */
void nmi_attempt_record_inner(const struct path *path, uint32_t point, enum nmi_handler_nr by,
			      struct path *inner)
{
	plan_none();
	plan.path = path;
	plan.point = point;
	plan.by = by;
	plan.record = inner;
	inner->nr = 0;
	go();
}

/**
 * nmi_attempt_nested() - interrupt a victim, and the handler, and so on
 * @path: victim's path
 * @point: where it is interrupted
 * @by: by whom
 * @inner: the handler's path
 * @inner_point: where that is interrupted, and each further one
 * @inner_by: by whom
 * @levels: how many handlers on top of each other
 *
 * Context: process.
 */
void nmi_attempt_nested(const struct path *path, uint32_t point, enum nmi_handler_nr by,
			const struct path *inner, uint32_t inner_point,
			enum nmi_handler_nr inner_by, unsigned int levels)
{
	plan_none();
	plan.path = path;
	plan.point = point;
	plan.by = by;
	plan.inner = inner;
	plan.inner_point = inner_point;
	plan.inner_by = inner_by;
	plan.depth = levels;
	go();
}
