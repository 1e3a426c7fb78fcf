/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KSHIM_LINUX_JIFFIES_H
#define KSHIM_LINUX_JIFFIES_H

extern unsigned long jiffies;

#define time_after(a, b)	((long)((b) - (a)) < 0)

#endif
