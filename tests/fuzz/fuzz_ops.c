// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fuzz_ops.c - sequences of operations against the model of tests/model
 *
 * What the model's test leaves to chance, the input's bytes choose: the first one the kind of
 * sequence, the others what is done, to which stream, how long, where it is interrupted by what,
 * and which page cannot be had.
 */
#include <stdlib.h>

#include "bpfstream.h"
#include "fuzz.h"
#include "run_priv.h"

static const struct run_profile profiles[] = {
	{ .name = "one program", .programs = 1, .max_capacity = 5000 },
	{ .name = "small streams", .programs = 3, .max_capacity = 100 },
	{ .name = "nested", .programs = 2, .max_capacity = 5000, .nest_in = 2 },
	{ .name = "failing pages", .programs = 2, .max_capacity = 10000, .fail_in = 3,
	  .nest_in = 8 },
	{ .name = "few pages", .programs = 3, .max_capacity = 20000, .max_pages = 6, .nest_in = 8 },
	{ .name = "loss lines", .programs = 2, .max_capacity = 1000, .lines_in = 1, .fail_in = 8 },
	{ .name = "everything", .programs = 6, .max_capacity = 20000, .max_pages = 20,
	  .lines_in = 3, .nest_in = 3, .fail_in = 5 },
};

/* What a process remembers of its programs is the same for each input. */
static void remember_largest(void)
{
	struct bpfstream_opts opts = { .sz = sizeof(opts), .capacity = 100000 };
	struct bpfstream_prog *prog = bpfstream_prog_create(&opts);

	if (!prog)
		abort();
	bpfstream_prog_destroy(prog);
	run_max_capacity = opts.capacity;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct run_profile *profile;
	struct run_result result;

	if (!size)
		return 0;
	if (!run_max_capacity)
		remember_largest();
	profile = &profiles[data[0] % (sizeof(profiles) / sizeof(profiles[0]))];
	run_bytes(profile, data + 1, size - 1, &result);
	if (result.failure[0])
		fuzz_fail("%s: %s", profile->name, result.failure);
	return 0;
}
