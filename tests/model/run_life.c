// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * run_life.c - making and ending programs
 */
#include <string.h>

#include "run_priv.h"

uint64_t run_max_capacity;

static const uint32_t capacities[] = {
	2, 3, 5, 17, 64, 100, 500, 1000, 4096, 4100, 5000, 10000, 20000, 60000, 100000,
};

static uint32_t pick_capacity(struct run *r)
{
	uint32_t capacity;

	do {
		capacity = capacities[seeded_below(&r->rng, sizeof(capacities) /
						   sizeof(capacities[0]))];
	} while (capacity > r->profile->max_capacity);
	return capacity;
}

static void pick_name(struct run *r, struct prog *prog)
{
	size_t len = seeded_below(&r->rng, 2) ? 0 : seeded_below(&r->rng, sizeof(prog->name));

	memset(prog->name, 0, sizeof(prog->name));
	memset(prog->name, 'p', len);
}

void run_create(struct run *r, struct prog *prog)
{
	unsigned int lines_in = r->profile->lines_in;
	struct bpfstream_opts opts = { .sz = sizeof(opts), .name = prog->name };
	unsigned int id;

	pick_name(r, prog);
	opts.capacity = pick_capacity(r);
	if (r->profile->max_pages)
		opts.page_budget = 1 + (uint32_t)seeded_below(&r->rng, r->profile->max_pages);
	if (lines_in && seeded_once_in(&r->rng, lines_in))
		opts.flags = BPFSTREAM_LOST_LINES;
	prog->prog = bpfstream_prog_create(&opts);
	if (!prog->prog)
		run_fail(r, "no program: errno %d", errno);
	prog->serial = ++r->serial;
	prog->fd = -1;
	for (id = 0; id < 2; id++)
		model_init(&prog->stream[id], opts.capacity, opts.flags);
	if (opts.capacity > run_max_capacity)
		run_max_capacity = opts.capacity;
}

void run_destroy(struct run *r, struct prog *prog)
{
	(void)r;
	bpfstream_prog_destroy(prog->prog);
	prog->prog = NULL;
	model_end(&prog->stream[0]);
	model_end(&prog->stream[1]);
}

static void create_wrongly(struct run *r)
{
	struct bpfstream_opts opts = { .sz = sizeof(opts) };

	switch (seeded_below(&r->rng, 4)) {
	case 0:
		opts.sz--;
		break;
	case 1:
		opts.capacity = 1;
		break;
	case 2:
		opts.flags = 2;
		break;
	default:
		opts.capacity = 1u << 31;
	}
	errno = 0;
	if (bpfstream_prog_create(&opts) || errno != EINVAL)
		run_fail(r, "a program of nonsense, or errno %d", errno);
}

void run_live(struct run *r)
{
	struct prog *prog = &r->prog[seeded_below(&r->rng, r->profile->programs)];

	if (seeded_once_in(&r->rng, 10))
		create_wrongly(r);
	else if (!prog->prog)
		run_create(r, prog);
	else if (seeded_once_in(&r->rng, 4))
		run_destroy(r, prog);
}
