/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * check.h - whether a history is one that the library promises
 */
#ifndef TORTURE_CHECK_H
#define TORTURE_CHECK_H

#include <stdio.h>

#include "history.h"

enum check_fault {
	CHECK_LOST,		/* accepted, and nobody read it */
	CHECK_DOUBLE,		/* read twice */
	CHECK_UNKNOWN,		/* read, and nobody printed it */
	CHECK_REFUSED,		/* refused, and read */
	CHECK_TORN,		/* not a whole record */
	CHECK_FOREIGN,		/* read from another program or stream than it was printed to */
	CHECK_ORDER,		/* before an earlier one of the same writer */
	CHECK_REAL_TIME,	/* after one whose print began when its own had ended */
	CHECK_GROUP,		/* a group is not together */
	CHECK_EARLY,		/* read before it was printed */
	CHECK_STALE,		/* a reader was told that nothing is there, and it was */
	CHECK_PENDING,		/* what waits at the end is not what was accepted */
	CHECK_COUNT,		/* losses are not counted as the writers met them */
	CHECK_LINES,		/* loss lines do not add up to the losses */
	CHECK_ROOM,		/* refused where there was room */
	CHECK_CALL,		/* a reader's call failed */
	CHECK_CHILD,		/* a child did not end well */
	CHECK_LEFT,		/* pages or levels are left, errno was changed */
	CHECK_UNFINISHED,	/* the round did not come to its end */
	CHECK_FAULTS
};

/* @faults: how often; @accepted, @refused: records; @bytes: read */
struct check {
	uint64_t faults[CHECK_FAULTS];
	uint64_t accepted;
	uint64_t refused;
	uint64_t bytes;
};

bool check_history(const struct history *h, struct check *c, FILE *out);
const char *check_fault_name(enum check_fault fault);

#endif
