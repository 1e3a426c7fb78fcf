/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * seeded.h - random numbers that can be had again
 *
 * The seed is the state: who knows it, and the order of the calls, knows all that follows. Or a
 * fuzzer chooses: then the numbers are its bytes.
 */
#ifndef TESTS_SEEDED_H
#define TESTS_SEEDED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/*
 * @state: of the generator
 * @bytes, @end: if not NULL, what is left of the bytes that numbers come from; zeros after them
 */
struct seeded {
	uint64_t state;
	const uint8_t *bytes;
	const uint8_t *end;
};

/* A number of the next @nr bytes. */
static inline uint64_t seeded_bytes(struct seeded *rng, unsigned int nr)
{
	uint64_t n = 0;

	for (; nr; nr--)
		n = n << 8 | (rng->bytes < rng->end ? *rng->bytes++ : 0);
	return n;
}

/* Whether all bytes have been used. */
static inline bool seeded_over(const struct seeded *rng)
{
	return rng->bytes && rng->bytes == rng->end;
}

/* The next 64 random bits (the splitmix64 generator). */
static inline uint64_t seeded_next(struct seeded *rng)
{
	uint64_t z;

	if (rng->bytes)
		return seeded_bytes(rng, 8);
	z = rng->state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* A random number below @bound, which is not 0. Of bytes, as few as will do. */
static inline uint64_t seeded_below(struct seeded *rng, uint64_t bound)
{
	if (rng->bytes)
		return seeded_bytes(rng, bound <= 1u << 8 ? 1 : bound <= 1u << 16 ? 2 : 4) % bound;
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
