/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tally.h - a count and a sum that grow together, by one addition
 *
 * Invariants
 *   I1  @low is sum << 24 + count, modulo 2^64: the count's low bits, and above them those of the
 *       sum and of what the count has carried.
 *   I2  Who takes the count past a multiple of 2^23, or what is above it past one of 2^39, adds one
 *       to @counts or @sums. Until that is done the topmost bit of the part differs from the turns'
 *       lowest, and a reader takes it that one turn is missing. So who never comes to do it (killed
 *       between the two) is made up for as well, once. Two that are missing at a time look like
 *       none: that takes 2^23 losses, or 2^39 bytes, between somebody's two additions, or at once.
 *
 * Who may run with whom: everybody with everybody, in any context.
 *
 * Ordering
 *   turn:N -> read:N   the addition to @low, then its turn: a reader that sees the turn sees the
 *                      addition
 */
#ifndef BPFSTREAM_TALLY_H
#define BPFSTREAM_TALLY_H

#include "bsp.h"

struct bpfstream_tally {
	bsp_counter_t low;
	bsp_counter_t counts;
	bsp_counter_t sums;
};

/* What a tally was at some moment during bpfstream_tally_read(). */
struct bpfstream_total {
	u64 count;
	u64 sum;
};

#define BPFSTREAM_TALLY_COUNT	24u
#define BPFSTREAM_TALLY_SUM	40u

void bpfstream_tally_init(struct bpfstream_tally *tally);
void bpfstream_tally_add(struct bpfstream_tally *tally, u64 count, u64 sum);
void bpfstream_tally_turn(struct bpfstream_tally *tally, u64 counts, u64 sums);
struct bpfstream_total bpfstream_tally_read(const struct bpfstream_tally *tally);

/* Another value whenever the tally is another: for who only wants to know whether it is. */
static inline u64 bpfstream_tally_token(const struct bpfstream_tally *tally)
{
	return bsp_counter_read(&tally->low);	/* Relaxed: one whole value. */
}

/**
 * bpfstream_tally_one() - count one
 * @tally: tally
 * @sum: to add, below 2^39
 *
 * Context: Any context, NMI-safe. Wait-free.
 */
static inline void bpfstream_tally_one(struct bpfstream_tally *tally, u64 sum)
{
	u64 more = sum << BPFSTREAM_TALLY_COUNT | 1;
	u64 now = bsp_counter_add_return(&tally->low, more);
	u64 turned = (now ^ (now - more)) &
		     ((u64)1 << 63 | (u64)1 << (BPFSTREAM_TALLY_COUNT - 1));

	if (bsp_unlikely(turned))
		bpfstream_tally_turn(tally, turned >> (BPFSTREAM_TALLY_COUNT - 1) & 1,
				     turned >> 63);
}

#endif
