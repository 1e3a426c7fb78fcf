// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fault.c - the plan that tests make (only built with BSP_FAULTS)
 *
 * A plan is made and met by one thread; others may run beside it and are counted.
 */
#include "fault.h"

struct bsp_fault_plan bsp_fault = { .countdown = -1 };

/* Run the planned function at its point, once. */
void bsp_fault_point(enum bsp_point point)
{
	if (bsp_fault.countdown < 0 || point != bsp_fault.at || bsp_fault.countdown--)
		return;
	bsp_fault.fn(bsp_fault.arg);
}

/* Whether this page allocation is to fail. */
bool bsp_fault_page(void)
{
	unsigned long nth = __atomic_add_fetch(&bsp_fault.page_allocs, 1, __ATOMIC_RELAXED);

	if (!bsp_fault.page_fail_from || nth < bsp_fault.page_fail_from)
		return false;
	return !bsp_fault.page_fail_nr || nth < bsp_fault.page_fail_from + bsp_fault.page_fail_nr;
}

bool bsp_fault_warn(bool cond)
{
	bsp_fault.warnings += cond;
	return cond;
}
