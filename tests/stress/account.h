/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * account.h - writers that keep account of what they print
 *
 * A writer is one context: a thread's own code, or one kind of handler in it. No handler is
 * interrupted by its own signal, so each writer is sequential and no two share anything. A writer
 * numbers its messages 0, 1, 2 and notes of each what the library said became of it.
 *
 * A message proves itself:
 *
 *	<www sssssss i/n llll ffff...f www sssssss>\n
 *
 * writer, sequence number, place in its group and size of the group, length of the fill, the fill,
 * one letter that follows from writer and sequence number, and these again. Widths are fixed, and
 * wherever a message is cut one part says whose it is: parts that several readers took fit
 * together in one way only.
 *
 * A context that a siglongjmp() stops in the middle of a call leaves its message undecided.
 */
#ifndef STRESS_ACCOUNT_H
#define STRESS_ACCOUNT_H

#include <signal.h>

#include "bpfstream.h"
#include "seeded.h"
#include "stream.h"

#define ACCOUNT_HEAD		22u	/* bytes before the fill */
#define ACCOUNT_TAIL		14u	/* and after it */
#define ACCOUNT_FILL_MAX	6000u
#define ACCOUNT_TEXT_MAX	(ACCOUNT_HEAD + ACCOUNT_FILL_MAX + ACCOUNT_TAIL)
#define ACCOUNT_GROUP_MAX	4u

/* What became of a message. FATE_SEEN is the verdict's. */
enum account_fate {
	FATE_ACCEPTED	= 0,
	FATE_REFUSED	= 1,
	FATE_UNDECIDED	= 2,
	FATE_SEEN	= 4
};

/*
 * @nr: writer's number
 * @next: sequence number of the next message
 * @max: messages it has room to account for; then it falls silent
 * @fill: longest fill of its messages, at most ACCOUNT_FILL_MAX
 * @in_flight: messages from @next on that are being printed
 * @noting: of the thread, not 0 while an account is written to
 * @fate: of each message, enum account_fate
 * @refused, @refused_bytes: as the library should have counted them
 * @undecided: messages
 * @errno_changed: calls that changed errno, which none may
 */
struct account {
	unsigned int nr;
	u32 next;
	u32 max;
	u32 fill;
	volatile u32 in_flight;
	volatile sig_atomic_t *noting;
	uint8_t *fate;
	u64 refused[BPFSTREAM_NR_CAUSES];
	u64 refused_bytes;
	u64 undecided;
	u64 errno_changed;
	struct seeded rng;
	char text[ACCOUNT_TEXT_MAX];
};

void account_init_fill(void);
char account_letter(unsigned int writer, u32 seq);
void account_compose_tail(char *text, unsigned int writer, u32 seq);
size_t account_compose(char *text, const struct account *a, u32 len);
bool account_print(struct account *a, struct bpfstream_prog *prog);
void account_cut_short(struct account *a);

#endif
