/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * harness.h - a log call to be measured, as the harness sees it
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include "workload.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * @name: in the results
 * @signal_safe: may be called in a signal handler that interrupted the same call
 * @init: before all else; NULL for nothing to do, as for all that follow
 * @thread_init: in each thread, before its first call
 * @drain: in thread 0, while no other calls: takes the text off; returns bytes, 0 if unknown
 * @lost: messages refused or overwritten so far
 * @fini: after all else
 * @run: by format: make @nr calls with arguments from @base on; NULL where there is no such call
 * @bench: what kind of result it is; NULL for "call"
 */
struct bench_candidate {
	const char *name;
	int signal_safe;
	void (*init)(unsigned int nr_threads);
	void (*thread_init)(unsigned int thread);
	unsigned long (*drain)(void);
	unsigned long (*lost)(void);
	void (*fini)(void);
	void (*run[BENCH_NR_FORMATS])(unsigned int base, unsigned int nr);
	const char *bench;
};

extern const struct bench_candidate bench_candidate;

#ifdef __cplusplus
}
#endif
#endif
