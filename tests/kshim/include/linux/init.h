/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KSHIM_LINUX_INIT_H
#define KSHIM_LINUX_INIT_H

#define __init
#define early_initcall(fn)	int kshim_early_initcall(void); int kshim_early_initcall(void) { return fn(); }
#define core_initcall(fn)	int kshim_initcall(void); int kshim_initcall(void) { return fn(); }

#endif
