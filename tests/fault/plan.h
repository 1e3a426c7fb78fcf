/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * plan.h - which of an operation's fallible calls fail, and how
 *
 * A fallible call is one by which the library asks its world for something and may be refused: a
 * page, a system call. While a plan is armed they are counted together, in their order, from 1.
 */
#ifndef FAULT_PLAN_H
#define FAULT_PLAN_H

#include <stdbool.h>

enum plan_kind {
	PLAN_PAGE,
	PLAN_MMAP,
	PLAN_MPROTECT,
	PLAN_MADVISE,
	PLAN_EVENTFD,
	PLAN_POLL,
	PLAN_WRITE,	/* and writev */
	PLAN_READ,
	PLAN_OPEN,
	PLAN_CLOSE,
	PLAN_PEEK,	/* memory that may not be there: process_vm_readv */
	PLAN_PROBE,	/* the same by rt_sigprocmask */
	PLAN_ASK,	/* getcpu, prctl */
	PLAN_TGKILL,
	PLAN_ALTSTACK,
	PLAN_NR_KINDS
};

/*
 * What to do, and what came of it; shared with forked children.
 * @armed: whether calls are counted
 * @from: the first call to fail; 0 none
 * @on: all from then on fail, not that one alone
 * @flavour: with which of the errors that a call has; see plan_flavours()
 * @calls, @hits: fallible calls so far, and those that failed
 * @granted: pages had
 * @maps: mappings that the operation leaves where nothing fails
 * @seen: calls of each kind, over all plans
 */
struct plan {
	bool armed;
	unsigned long from;
	bool on;
	unsigned int flavour;
	unsigned long calls;
	unsigned long hits;
	unsigned long granted;
	long maps;
	unsigned long seen[PLAN_NR_KINDS];
};

extern struct plan *plan;
extern long plan_maps;	/* mappings that the library has made and not undone, armed or not */

/*
 * Run while a plan is armed, as others would do it: once, before a write(2) or writev(2) is
 * counted; and in each poll(2) that does not fail.
 */
extern void (*plan_on_write)(void *arg);
extern void (*plan_on_poll)(void *arg);
extern void *plan_on_arg;

bool plan_begin(void);
void plan_arm(unsigned long from, bool on, unsigned int flavour);
void plan_disarm(void);
unsigned int plan_flavours(void);
const char *plan_kind_name(enum plan_kind kind);

#endif
