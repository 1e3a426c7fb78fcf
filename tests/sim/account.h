/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * account.h - what a run's calls were told, and whether what came out is that
 */
#ifndef TEST_SIM_ACCOUNT_H
#define TEST_SIM_ACCOUNT_H

#include "stage.h"

#define ACCOUNT_MESSAGES	64u
#define ACCOUNT_LONGEST		2048u

/* How a call went. */
enum verdict {
	UNDER_WAY,
	STORED,
	REFUSED,
	UNKNOWN		/* it did not end */
};

/*
 * A call that stores messages @first, @first + 1... or none of them.
 * @place: in the order of publication, from 1; 0 not published
 * @heaviest: the stream was during the call
 * @lost_before: messages that had been refused when it began
 * @inherited: published before a fork, or by a call under way then
 */
struct call {
	u32 first;
	u32 nr;
	u32 bytes;
	enum verdict verdict;
	int err;
	u32 place;
	u64 heaviest;
	u64 lost_before;
	bool inherited;
};

/* What a scenario may not expect. @scarce: pages may run short; @cut: sinks may take a part */
struct leniency {
	bool scarce;
	bool cut;
};

void account_reset(struct bpfstream *s, struct leniency leniency);
struct call *account_begin(u32 nr, const u32 *len, char *text);
void account_refused(const struct call *call, u32 nr, int err, u32 bytes);
void account_again(struct call *call);
void account_end(struct call *call, int err);
void account_took(u32 channel, const struct bpfstream_piece *piece, u64 bytes);
void account_dumping(bool on);
void account_final(void);
void account_discarded(void);
void account_earlier_losses(u64 count, u64 bytes);
void account_looked(struct bpfstream_total total);

extern const struct sim_watch account_watch;

#endif
