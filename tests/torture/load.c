// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * load.c - what a round is like; its seed decides
 */
#include <stdio.h>

#include "load.h"
#include "record.h"
#include "seeded.h"
#include "slow.h"

#define RECORDS		30000u	/* of a thread, natively */
#define SLOWER		5u	/* how many times fewer elsewhere */
#define HANDLER_RECORDS	60000u
#define LASTING_ROOM	(1u << 18)	/* filled so often that memory soon is what it will be */
#define FEW_PAGES	50u
#define VAST		(1u << 30)
#define VAST_PAGES	(1u << 15)

static uint32_t one_of(struct seeded *rng, const uint32_t *from, uint32_t nr)
{
	return from[seeded_below(rng, nr)];
}

#define ONE_OF(rng, ...) one_of((rng), (const uint32_t[]){ __VA_ARGS__ }, \
				sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

/*
 * Where readers do not take turns, none may stop in the middle of a message, as a call does that
 * has got a whole capacity: there is more room than text.
 */
static void choose_room(struct load *load, struct seeded *rng, bool lasting)
{
	uint32_t i;

	for (i = 0; i < LOAD_PROGS; i++)
		load->opts[i] = (struct bpfstream_opts){ .sz = sizeof(load->opts[i]) };
	load->opts[0].capacity = ONE_OF(rng, 100000, 0);
	load->opts[1].capacity = ONE_OF(rng, 16384, 30000, 100000);
	if (seeded_once_in(rng, 2))
		load->opts[1].flags = BPFSTREAM_LOST_LINES;
	if (lasting) {
		load->ordered = true;
		load->poor = false;
		load->opts[0].capacity = LASTING_ROOM;
	}
	for (i = 0; i < LOAD_PROGS && !load->ordered; i++) {
		load->opts[i].capacity = VAST;
		load->opts[i].page_budget = VAST_PAGES;
	}
	for (i = 0; i < LOAD_PROGS && load->poor; i++) {
		load->opts[i].capacity = 0;
		load->opts[i].page_budget = FEW_PAGES;
	}
}

/**
 * load_choose() - what a round is like
 * @load: set
 * @seed: of the round
 * @scale: how much longer than by default
 * @lasting: the first program is that of all rounds
 */
void load_choose(struct load *load, uint64_t seed, uint32_t scale, bool lasting)
{
	struct seeded rng = { seed };

	load->records = RECORDS / (slow_by() > 1 ? SLOWER : 1) * scale;
	load->handler_records = HANDLER_RECORDS;
	load->period_us = ONE_OF(&rng, 40, 40, 100, 400) * (slow_by() > 1 ? 10 : 1);
	load->fill = ONE_OF(&rng, 20, 60, 60, 300);
	load->long_fill = ONE_OF(&rng, 400, 5000, RECORD_FILL_MAX);
	load->long_once = ONE_OF(&rng, 8, 30, 100);
	load->group_once = ONE_OF(&rng, 3, 8, 30);
	load->bprintf_once = ONE_OF(&rng, 3, 8);
	load->invalid_once = ONE_OF(&rng, 100, 1000);
	load->byte_once = ONE_OF(&rng, 3, 10, 50);
	load->dump_once = ONE_OF(&rng, 2, 10, 50);
	load->fork_us = ONE_OF(&rng, 1000, 5000, 20000);
	/* Of a few rounds one at least is of each kind. */
	load->ordered = seed % 4 != 1;
	load->poor = seed % 4 == 3;
	choose_room(load, &rng, lasting);
}

/** load_print() - say what it is like, in short */
void load_print(const struct load *load)
{
	printf("%s%s, timers %u us, fill %u/%u, capacity %u/%u%s",
	       load->ordered ? "turns" : "no turns", load->poor ? ", few pages" : "",
	       load->period_us, load->fill, load->long_fill, load->opts[0].capacity,
	       load->opts[1].capacity, load->opts[1].flags ? " with loss lines" : "");
}
