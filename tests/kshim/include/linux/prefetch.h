/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KSHIM_LINUX_PREFETCH_H
#define KSHIM_LINUX_PREFETCH_H

#define prefetch(p) __builtin_prefetch(p)

#endif
