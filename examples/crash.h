/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * crash.h - last words
 */
#ifndef CRASH_H
#define CRASH_H

int crash_install(void);
int crash_thread_begin(unsigned int thread);
void crash_snapshot_streams(void);

#endif
