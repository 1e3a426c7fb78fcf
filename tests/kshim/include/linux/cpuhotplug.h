/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The callbacks are kept, for the test to call.
 */
#ifndef KSHIM_LINUX_CPUHOTPLUG_H
#define KSHIM_LINUX_CPUHOTPLUG_H

enum cpuhp_state { CPUHP_BP_PREPARE_DYN };

int cpuhp_setup_state(enum cpuhp_state state, const char *name,
		      int (*startup)(unsigned int cpu), int (*teardown)(unsigned int cpu));

#endif
