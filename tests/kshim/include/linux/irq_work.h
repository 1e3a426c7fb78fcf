/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KSHIM_LINUX_IRQ_WORK_H
#define KSHIM_LINUX_IRQ_WORK_H

#include <linux/types.h>

struct irq_work {
	void (*func)(struct irq_work *work);
};

#define IRQ_WORK_INIT(fn)	{ .func = (fn) }

bool irq_work_queue(struct irq_work *work);

#endif
