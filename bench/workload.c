// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* workload.c - the arguments: pseudo-random, the same in every run */
#include "workload.h"

#include <stdint.h>
#include <string.h>

#define WORD_MIN	28u
#define WORD_MAX	36u

struct bench_args bench_args[BENCH_NR_ARGS];
char bench_text[1001];
const char *const bench_format_name[BENCH_NR_FORMATS] = { "F1", "F2", "F3", "T1000" };
const unsigned int bench_format_bytes[BENCH_NR_FORMATS] = { 32, 48, 160, 1000 };

static char words[BENCH_NR_ARGS][WORD_MAX + 1];

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void make_word(char *word, unsigned int seed, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++)
		word[i] = (char)('a' + (seed + i * 7) % 26);
	word[len] = 0;
}

static void make_args(struct bench_args *a, unsigned int i, uint64_t x)
{
	static const unsigned int below[8] = { 9, 999, 99999, 999999, 9999999, 99999999, 999999,
					       99999 };

	make_word(words[i], i, WORD_MIN + (unsigned int)(x >> 33) % (WORD_MAX - WORD_MIN + 1));
	a->number = (int)(x % below[i % 8]);
	if (i % 16 == 7)
		a->number = -a->number;
	a->addr = 0x7f0000000000ul | (x & 0xfffffffffful);
	a->word = words[i];
	a->count = (unsigned int)(x >> 40) % 100000u;
	a->state = (char)('A' + (x >> 20) % 26);
	a->total = (long long)(x >> 24);
}

void bench_workload_init(void)
{
	uint64_t state = 88172645463325252u;

	for (unsigned int i = 0; i < BENCH_NR_ARGS; i++)
		make_args(&bench_args[i], i, next_random(&state));
	memset(bench_text, 'x', sizeof(bench_text) - 2);
	bench_text[sizeof(bench_text) - 2] = '\n';
}
