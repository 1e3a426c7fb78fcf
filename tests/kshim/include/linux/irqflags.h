/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KSHIM_LINUX_IRQFLAGS_H
#define KSHIM_LINUX_IRQFLAGS_H

extern unsigned long kshim_irqs_off;

#define local_irq_save(flags)		((flags) = kshim_irqs_off, kshim_irqs_off = 1)
#define local_irq_restore(flags)	((void)(kshim_irqs_off = (flags)))

#endif
