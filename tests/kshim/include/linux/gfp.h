/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KSHIM_LINUX_GFP_H
#define KSHIM_LINUX_GFP_H

#include <linux/types.h>

struct page;

#define NUMA_NO_NODE	(-1)

struct page *alloc_pages_nolock(gfp_t gfp_flags, int nid, unsigned int order);
void free_pages_nolock(struct page *page, unsigned int order);

#endif
