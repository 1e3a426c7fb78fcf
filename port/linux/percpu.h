/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * percpu.h - a CPU's levels and spare pages: what the glue and the tests see of them
 */
#ifndef BSP_PERCPU_H
#define BSP_PERCPU_H

#include "bsp.h"

#define BSP_LEVELS	4u	/* a print, what traces it, an NMI, what traces that */

void bsp_pages_refill(void);

#if IS_ENABLED(CONFIG_BPF_STREAM_KUNIT_TEST)
/* The nth allocation from now fails, and all after it up to @nr; 0 for none, ~0 for all. */
void bsp_pages_fail(unsigned long nth, unsigned long nr);
/* Pages that were taken and not given back, and how many may be: returns how many might before. */
unsigned long bsp_pages_live(void);
unsigned long bsp_pages_limit(unsigned long limit);
unsigned long bsp_pages_held(void);
#endif

#endif
