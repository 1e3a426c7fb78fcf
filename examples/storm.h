/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * storm.h - signals and forks at a high rate
 */
#ifndef STORM_H
#define STORM_H

#define STORM_PERIOD_MIN_US	50u	/* of a thread's alarms */

int storm_install(void);
void storm_block(void);
int storm_thread_begin(unsigned int thread, unsigned int period_us);
int storm_begin(unsigned int period_us, const char *children_path);
void storm_end(void);

#endif
