/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scribe.h - one writer: prints records in every way there is, and notes what it was told
 */
#ifndef TORTURE_SCRIBE_H
#define TORTURE_SCRIBE_H

#include "bpfstream.h"
#include "history.h"
#include "load.h"
#include "record.h"
#include "seeded.h"

/* A program, and its number in the history. */
struct target {
	struct bpfstream_prog *prog;
	uint32_t nr;
};

/*
 * @nr: in the history
 * @may_retry: a group that does not fit may be committed again
 * @refused: that its last call was, so that it may wait a little
 */
struct scribe {
	struct history *h;
	const struct load *load;
	uint32_t nr;
	bool may_retry;
	bool refused;
	struct seeded rng;
	char text[RECORD_MAX + 1];
};

bool scribe_open(struct scribe *s, struct history *h, const struct load *load, uint32_t max,
		 uint32_t kind);
bool scribe_print(struct scribe *s, const struct target *target);

#endif
