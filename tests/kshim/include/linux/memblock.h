/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KSHIM_LINUX_MEMBLOCK_H
#define KSHIM_LINUX_MEMBLOCK_H

extern unsigned long min_low_pfn, max_pfn;

#endif
