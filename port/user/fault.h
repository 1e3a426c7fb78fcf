/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fault.h - where tests reach into the port
 *
 * With BSP_FAULTS the port asks a test's plan at the points below; without it there is nothing.
 */
#ifndef BSP_FAULT_H
#define BSP_FAULT_H

/*
 * BSP_POINT_LEVEL: a level is not taken yet, though its frame is ready, or no longer
 * BSP_POINT_COUNTER: a turn of a counter is about to be told, or was just asked for; the last, for
 * the model
 */
enum bsp_point {
	BSP_POINT_PAGE_ALLOC,
	BSP_POINT_PAGE_FREE,
	BSP_POINT_CPU_ENTER,
	BSP_POINT_CPU_LEAVE,
	BSP_POINT_LEVEL,
	BSP_POINT_CMPXCHG,
	BSP_POINT_COUNTER,
	BSP_NR_POINTS
};

#ifdef BSP_FAULTS

#include <stdbool.h>

/**
 * struct bsp_fault_plan - what a test wants to happen
 * @page_fail_from: fail page allocations from this one on, counted from 1; 0 none
 * @page_fail_nr: how many to fail; 0 means all from then on
 * @page_allocs: page allocations asked for so far
 * @at: point at which @fn is run
 * @countdown: how often @at is passed before; negative never
 * @fn: run once, as a signal handler would be
 * @arg: for @fn
 * @warnings: what should not have happened and did
 */
struct bsp_fault_plan {
	unsigned long page_fail_from;
	unsigned long page_fail_nr;
	unsigned long page_allocs;
	enum bsp_point at;
	long countdown;
	void (*fn)(void *arg);
	void *arg;
	unsigned long warnings;
};

extern struct bsp_fault_plan bsp_fault;

void bsp_fault_point(enum bsp_point point);
bool bsp_fault_page(void);
bool bsp_fault_warn(bool cond);

#else

#define bsp_fault_point(point)	((void)0)
#define bsp_fault_page()	false
#define bsp_fault_warn(cond)	(cond)

#endif
#endif
