// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tally.c - what is seldom done to a tally; invariants and ordering are in tally.h
 */
#include "tally.h"

#define COUNT_MASK	(((u64)1 << BPFSTREAM_TALLY_COUNT) - 1)

/**
 * bpfstream_tally_init() - make a tally nothing
 * @tally: storage
 *
 * Context: Any.
 */
void bpfstream_tally_init(struct bpfstream_tally *tally)
{
	bsp_counter_set(&tally->low, 0);
	bsp_counter_set(&tally->counts, 0);
	bsp_counter_set(&tally->sums, 0);
}

/* Note how many half turns the parts of @low have taken. */
void bpfstream_tally_turn(struct bpfstream_tally *tally, u64 counts, u64 sums)
{
	/* ORD(turn:N) RELEASE, both, pairs with read:N. */
	if (sums)
		bsp_counter_add_release(&tally->sums, sums);
	if (counts)
		bsp_counter_add_release(&tally->counts, counts);
}

/**
 * bpfstream_tally_add() - count any number
 * @tally: tally
 * @count: how many
 * @sum: of all of them
 *
 * Context: Any context, NMI-safe. Wait-free.
 */
void bpfstream_tally_add(struct bpfstream_tally *tally, u64 count, u64 sum)
{
	u64 more = (sum << BPFSTREAM_TALLY_COUNT) + count;
	u64 old = bsp_counter_add_return(&tally->low, more) - more;
	u64 below = (old & COUNT_MASK) + count;
	u64 above = (old >> BPFSTREAM_TALLY_COUNT) + sum + (below >> BPFSTREAM_TALLY_COUNT);

	bpfstream_tally_turn(tally,
			     (below >> (BPFSTREAM_TALLY_COUNT - 1)) -
			     ((old & COUNT_MASK) >> (BPFSTREAM_TALLY_COUNT - 1)),
			     (above >> (BPFSTREAM_TALLY_SUM - 1)) - (old >> 63));
}

/* All of a part: how often it has turned half, and what it is now, of which @bits are known. */
static u64 whole(u64 turns, u64 part, unsigned int bits)
{
	turns += (turns ^ part >> (bits - 1)) & 1;
	return turns << (bits - 1) | (part & (((u64)1 << (bits - 1)) - 1));
}

/**
 * bpfstream_tally_read() - count and sum
 * @tally: tally
 *
 * Context: Any context, NMI-safe. Looks again if a turn came in between.
 * Return: both, as they were together.
 */
struct bpfstream_total bpfstream_tally_read(const struct bpfstream_tally *tally)
{
	struct bpfstream_total total;
	u64 low, counts, sums;

	do {
		/* ORD(read:N) ACQUIRE, both, pairs with turn:N. */
		counts = bsp_counter_read_acquire(&tally->counts);
		sums = bsp_counter_read_acquire(&tally->sums);
		/*
		 * Relaxed, all three: one turn between them is made up for (I2), and no machine
		 * reorders them across the 2^23 additions that two of them take.
		 */
		low = bsp_counter_read(&tally->low);
	} while (counts != bsp_counter_read(&tally->counts) ||
		 sums != bsp_counter_read(&tally->sums));
	total.count = whole(counts, low & COUNT_MASK, BPFSTREAM_TALLY_COUNT);
	total.sum = whole(sums, low >> BPFSTREAM_TALLY_COUNT, BPFSTREAM_TALLY_SUM) -
		    (total.count >> BPFSTREAM_TALLY_COUNT);
	return total;
}
