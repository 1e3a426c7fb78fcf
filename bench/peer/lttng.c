// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * lttng.c - LTTng-UST: tracepoints with typed fields, formatted by who reads the trace, or
 * tracef(), formatted at the call. Needs a session in which they are enabled: run.py makes one.
 */
#include "lttng_events.h"

#include <lttng/tracef.h>
#include <stdio.h>
#include <stdlib.h>

#include "common.h"
#include "harness.h"

static void init(unsigned int nr_threads)
{
	(void)nr_threads;
#ifdef LTTNG_TRACEF
	if (!lttng_ust_tracepoint_enabled(lttng_ust_tracef, event)) {
#else
	if (!lttng_ust_tracepoint_enabled(bpfstream_bench, f2)) {
#endif
		fprintf(stderr, "%s: not enabled in any session\n", BENCH_NAME);
		exit(1);
	}
}

#ifdef LTTNG_TRACEF
BENCH_LOOPS(lttng_ust_tracef)
#else
BENCH_LOOP(run_f1, lttng_ust_tracepoint(bpfstream_bench, f1))
BENCH_LOOP(run_f2, lttng_ust_tracepoint(bpfstream_bench, f2, a->number, a->word))
BENCH_LOOP(run_f3, lttng_ust_tracepoint(bpfstream_bench, f3, a->number, a->addr, a->word,
					a->count, a->state, a->total))
BENCH_LOOP(run_t1000, lttng_ust_tracepoint(bpfstream_bench, t1000, bench_text))
#endif

const struct bench_candidate bench_candidate = {
	.name = BENCH_NAME,
#ifndef LTTNG_TRACEF
	.signal_safe = 1,
#endif
	.init = init,
	.run = BENCH_RUNS,
};
