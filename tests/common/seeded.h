/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * seeded.h - random numbers that can be had again
 *
 * The seed is the state: who knows it, and the order of the calls, knows all that follows.
 */
#ifndef TESTS_SEEDED_H
#define TESTS_SEEDED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

struct seeded {
	uint64_t state;
};

/* The next 64 random bits (the splitmix64 generator). */
static inline uint64_t seeded_next(struct seeded *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* A random number below @bound, which is not 0. */
static inline uint64_t seeded_below(struct seeded *rng, uint64_t bound)
{
	return seeded_next(rng) % bound;
}

/* True once in @times, on average. */
static inline bool seeded_once_in(struct seeded *rng, uint64_t times)
{
	return !seeded_below(rng, times);
}

/* The seed that the user asks for: the first argument, or BPFSTREAM_SEED. False if none. */
static inline bool seeded_asked(int argc, char **argv, uint64_t *seed)
{
	const char *text = argc > 1 ? argv[1] : getenv("BPFSTREAM_SEED");

	if (!text || !*text)
		return false;
	*seed = strtoull(text, NULL, 0);
	return true;
}

/* A seed that was not there before. */
static inline uint64_t seeded_fresh(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return ((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec) % 1000000000u;
}

#endif
