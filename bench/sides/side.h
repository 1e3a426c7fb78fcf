/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * side.h - the library and the baseline behind the same functions, for programs that measure them
 * in turns
 */
#ifndef BENCH_SIDE_H
#define BENCH_SIDE_H

#include <stddef.h>

#include "workload.h"

/* One thread's part of what was printed and read; the stream is one, of 4 MiB. */
struct bench_side {
	const char *name;
	size_t max_message;
	void (*init)(void);
	/*
	 * Make up to @nr calls with arguments from @base on, or with the first @len bytes of
	 * bench_side_text, until one is refused. Return how many were accepted.
	 */
	unsigned int (*run[BENCH_NR_FORMATS])(unsigned int base, unsigned int nr);
	/* As run, and go on where one is refused: so all are, on a full stream. */
	void (*try_all[BENCH_NR_FORMATS])(unsigned int base, unsigned int nr);
	/* Groups of F2 lines. */
	void (*stage_f2)(unsigned int base, unsigned int nr_groups, unsigned int nr_lines);
	unsigned int (*write)(size_t len, unsigned int nr);
	size_t (*read)(char *buf, size_t len);
	size_t (*drain)(int fd);	/* or NULL */
};

#define BENCH_NR_SIDES		2u
#define BENCH_MAX_MESSAGE	4000u

extern const struct bench_side bench_side[BENCH_NR_SIDES];	/* ours first */
extern char bench_side_text[BENCH_MAX_MESSAGE];

void bench_sides_init(void);

/* Put about @bytes into the stream: messages of @format, or of @len bytes. Returns messages. */
unsigned int bench_side_fill(const struct bench_side *side, enum bench_format format, size_t len,
			     size_t bytes);
size_t bench_side_read_all(const struct bench_side *side, char *buf, size_t len);

#endif
