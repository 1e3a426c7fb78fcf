/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * workload.h - what is logged: four formats, 256 sets of arguments
 *
 *   F1     32 bytes of constant text
 *   F2     a number and a word, about 40 bytes
 *   F3     six arguments in a sentence, about 137 bytes
 *   T1000  a ready text of 1000 bytes
 *
 * The arguments vary from call to call, so that no branch of a formatter is always the same.
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#ifdef __cplusplus
extern "C" {
#endif

#define BENCH_F1	"watchdog fired, program aborted\n"
#define BENCH_F2	"%d %s\n"
#define BENCH_F3	"dev=%d addr=%lx path=%s count=%u state=%c total=%lld: request finished " \
			"after a retry\n"
#define BENCH_T1000	"%s"

enum bench_format { BENCH_FORMAT_F1, BENCH_FORMAT_F2, BENCH_FORMAT_F3, BENCH_FORMAT_T1000,
		    BENCH_NR_FORMATS };

struct bench_args {
	int number;
	unsigned long addr;
	const char *word;
	unsigned int count;
	char state;
	long long total;
};

#define BENCH_NR_ARGS	256u

extern struct bench_args bench_args[BENCH_NR_ARGS];
extern char bench_text[1001];
extern const char *const bench_format_name[BENCH_NR_FORMATS];
extern const unsigned int bench_format_bytes[BENCH_NR_FORMATS];	/* at most, about */

void bench_workload_init(void);

static inline const struct bench_args *bench_args_of(unsigned int i)
{
	return &bench_args[i % BENCH_NR_ARGS];
}

/* A loop of calls, to be compiled where the calls are: they become what a user's would. */
#define BENCH_LOOP(name, ...)								\
	static void name(unsigned int base, unsigned int nr)				\
	{										\
		for (unsigned int i = base; i != base + nr; i++) {			\
			const struct bench_args *a = bench_args_of(i);			\
											\
			(void)a;							\
			__VA_ARGS__;							\
		}									\
	}

/* The four loops for a call that takes a format and its arguments. */
#define BENCH_LOOPS(log)								\
	BENCH_LOOP(run_f1, log(BENCH_F1))						\
	BENCH_LOOP(run_f2, log(BENCH_F2, a->number, a->word))				\
	BENCH_LOOP(run_f3, log(BENCH_F3, a->number, a->addr, a->word, a->count, a->state, \
			       a->total))						\
	BENCH_LOOP(run_t1000, log(BENCH_T1000, bench_text))

#define BENCH_RUNS	{ run_f1, run_f2, run_f3, run_t1000 }

#ifdef __cplusplus
}
#endif
#endif
