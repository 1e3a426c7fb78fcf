/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KSHIM_LINUX_PREEMPT_H
#define KSHIM_LINUX_PREEMPT_H

#include <linux/types.h>

bool in_nmi(void);
bool in_hardirq(void);

#endif
