/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KSHIM_LINUX_CACHE_H
#define KSHIM_LINUX_CACHE_H

#define __ro_after_init
#define ____cacheline_aligned_in_smp __attribute__((__aligned__(64)))

#endif
