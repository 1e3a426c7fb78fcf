// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * account.c - what a run's calls were told, and whether what came out is that
 *
 * Message i consists of bytes 0x80 + i and nothing else, so each byte that comes out says where it
 * belongs. The order of publication is known exactly: it is that of the swaps of the log's word.
 */
#include "account.h"

#include <stdio.h>
#include <stdlib.h>

#define CHANNELS	8u	/* 0 is the readers', each dump has one of its own */
#define NMIS		4u
#define FIRST_BYTE	0x80u

struct losses { u64 count, bytes; };

static struct {
	struct bpfstream *s;
	struct leniency leniency;
	struct call call[ACCOUNT_MESSAGES];
	u32 nr_calls;
	u32 call_of[ACCOUNT_MESSAGES];		/* of a message, its call */
	u32 len[ACCOUNT_MESSAGES];
	u32 taken[ACCOUNT_MESSAGES];
	u32 nr_messages;
	struct call *under_way[SIM_TASKS][NMIS];
	bool dumping[SIM_TASKS][NMIS];
	u32 nr_published;
	u32 last_place[CHANNELS];		/* that came out of a channel, and its message */
	u32 last_message[CHANNELS];
	struct losses lost[BPFSTREAM_NR_CAUSES];
	struct losses earlier;
	u64 nr_lost;				/* by calls that have ended */
	u64 unknown;				/* messages of calls that did not end */
	bool put_back;				/* by a dump: text lies behind newer text */
	bool forked;
	bool discarded;
	bool unmarked;				/* a mark may be missing */
	struct losses told;
	char line[80];
	u32 line_len;
} a;

void account_reset(struct bpfstream *s, struct leniency leniency)
{
	memset(&a, 0, offsetof(__typeof__(a), call));
	memset(&a.nr_calls, 0, sizeof(a) - offsetof(__typeof__(a), nr_calls));
	a.s = s;
	a.leniency = leniency;
}

static struct call **under_way(void)
{
	return &a.under_way[sim_self][sim_nmi_depth()];
}

static u64 weight_of(u64 word)
{
	return word >> BSP_LINK_BITS;
}

/**
 * account_begin() - a call is about to store messages
 * @nr: how many, together
 * @len: bytes of each
 * @text: filled with them
 */
struct call *account_begin(u32 nr, const u32 *len, char *text)
{
	struct call *call = &a.call[a.nr_calls];
	u32 i;

	if (a.nr_messages + nr > ACCOUNT_MESSAGES)
		abort();
	*call = (struct call){
		.first = a.nr_messages, .nr = nr, .lost_before = a.nr_lost,
		.heaviest = weight_of(sim_peek_largest(&a.s->log.word)),
	};
	for (i = 0; i < nr; i++) {
		u32 message = a.nr_messages++;

		memset(text, (int)(FIRST_BYTE + message), len[i]);
		text += len[i];
		a.len[message] = len[i];
		a.call_of[message] = a.nr_calls;
		call->bytes += len[i];
	}
	a.nr_calls++;
	*under_way() = call;
	return call;
}

static void lose(u32 nr, int err, u32 bytes)
{
	struct losses *lost = &a.lost[bpfstream_cause_of(err)];

	lost->count += nr;
	lost->bytes += bytes;
	a.nr_lost += nr;
}

/* What of a call's group could not even be staged. Its messages are the last of the call's. */
void account_refused(const struct call *call, u32 nr, int err, u32 bytes)
{
	struct call *whose = &a.call[call - a.call];

	lose(nr, err, bytes);
	whose->nr -= nr;
	whose->bytes -= bytes;
}

static void check_refusal(const struct call *call)
{
	if (call->heaviest + call->bytes < a.s->capacity)
		sim_fail("%u bytes were refused beside %llu", call->bytes,
			 (unsigned long long)call->heaviest);
}

/* A call was refused for its length, and tries again. */
void account_again(struct call *call)
{
	check_refusal(call);
	lose(call->nr, -ENOSPC, call->bytes);
	call->heaviest = weight_of(sim_peek_largest(&a.s->log.word));
}

/* A call has returned. */
void account_end(struct call *call, int err)
{
	*under_way() = NULL;
	call->err = err;
	call->verdict = err ? REFUSED : STORED;
	if (!err && call->bytes && !call->place)
		sim_fail("call %u succeeded and published nothing", call->first);
	if (err && call->place)
		sim_fail("call %u failed (%d) and published", call->first, err);
	if (err == -ENOSPC)
		check_refusal(call);
	if (err == -ENOMEM && !sim_used.nomem && !a.leniency.scarce)
		sim_fail("no page, though there are some");
	if (err == -ENOMEM || sim_used.nomem || a.leniency.scarce)
		a.unmarked = true;
	if (err)
		lose(call->nr, err, call->bytes);
}

static void swapped(const void *p, u64 before, u64 after)
{
	struct call *call;
	u32 i, j;

	if (!a.s || p != &a.s->log.word)
		return;
	if (weight_of(after) >= a.s->capacity)
		sim_fail("%llu bytes wait, of less than %u", (unsigned long long)weight_of(after),
			 a.s->capacity);
	for (i = 0; i < SIM_TASKS; i++)
		for (j = 0; j < NMIS; j++)
			if (a.under_way[i][j] && a.under_way[i][j]->heaviest < weight_of(after))
				a.under_way[i][j]->heaviest = weight_of(after);
	if (!(after & BPFSTREAM_LINK_MASK) || ((before ^ after) & BPFSTREAM_LINK_MASK) == 0)
		return;
	call = *under_way();
	if (a.dumping[sim_self][sim_nmi_depth()]) {
		a.put_back = true;
		return;
	}
	if (!call || call->place)
		sim_fail("a call publishes twice");
	call->place = ++a.nr_published;
	if (weight_of(after) - weight_of(before) != call->bytes)
		sim_fail("%u bytes were charged for as %llu", call->bytes,
			 (unsigned long long)(weight_of(after) - weight_of(before)));
}

/* ---- text that comes out ---- */

static void told(void)
{
	unsigned long long count, bytes;
	char end;

	a.line[a.line_len] = 0;
	a.line_len = 0;
	if (sscanf(a.line, "[%llu messages, %llu bytes lost]%c", &count, &bytes, &end) != 3 &&
	    sscanf(a.line, "[%llu message, %llu bytes lost]%c", &count, &bytes, &end) != 3)
		sim_fail("a line that nobody printed: %s", a.line);
	a.told.count += count;
	a.told.bytes += bytes;
}

static void line_byte(char ch)
{
	if (a.line_len == sizeof(a.line) - 1)
		sim_fail("a line without end");
	a.line[a.line_len++] = ch;
	if (ch == '\n')
		told();
}

static void check_order(u32 channel, u32 message)
{
	const struct call *call = &a.call[a.call_of[message]];

	if (!call->place)
		sim_fail("message %u came out, and was not published", message);
	if (a.put_back)
		return;
	if (call->place < a.last_place[channel] ||
	    (call->place == a.last_place[channel] && message < a.last_message[channel]))
		sim_fail("message %u came out too late", message);
	if (!a.taken[message] && (a.s->flags & BPFSTREAM_FLAG_LOST_LINES) && !sim_weak &&
	    !a.unmarked && !channel && a.told.count < call->lost_before)
		sim_fail("message %u came out before %llu losses were told of", message,
			 (unsigned long long)(call->lost_before - a.told.count));
	a.last_place[channel] = call->place;
	a.last_message[channel] = message;
}

/* A sink takes the first @bytes of @piece. */
void account_took(u32 channel, const struct bpfstream_piece *piece, u64 bytes)
{
	u64 i;

	sim_plain(piece->text, bytes, false);
	for (i = 0; i < bytes; i++) {
		u32 message = (unsigned char)piece->text[i] - FIRST_BYTE;

		if (message >= a.nr_messages) {
			line_byte(piece->text[i]);
			continue;
		}
		check_order(channel, message);
		if (++a.taken[message] > a.len[message])
			sim_fail("message %u came out twice", message);
	}
}

/* The calling task begins, or ends, to dump. */
void account_dumping(bool on)
{
	a.dumping[sim_self][sim_nmi_depth()] = on;
}

/* Losses before the run began. */
void account_earlier_losses(u64 count, u64 bytes)
{
	bpfstream_account_loss(a.s, BPFSTREAM_LOST_FULL, count, bytes);
	a.earlier.count = count;
	a.earlier.bytes = bytes;
	a.lost[BPFSTREAM_LOST_FULL] = a.earlier;
	a.nr_lost = count;
}

/* Somebody was told that @total was lost: all was that earlier, and nothing that was not tried. */
void account_looked(struct bpfstream_total total)
{
	u64 bytes = a.earlier.bytes;
	u32 i;

	for (i = 0; i < a.nr_messages; i++)
		bytes += a.len[i];
	if (total.count < a.earlier.count || total.count > a.earlier.count + a.nr_messages ||
	    total.sum < a.earlier.bytes || total.sum > bytes)
		sim_fail("lost are said to be %llu, %llu bytes", (unsigned long long)total.count,
			 (unsigned long long)total.sum);
}

/* Unread text was given up on purpose. */
void account_discarded(void)
{
	a.discarded = true;
}

/* ---- what became of tasks ---- */

static void never_ends(u32 task)
{
	u32 i;

	for (i = 0; i < NMIS; i++) {
		struct call *call = a.under_way[task][i];

		a.dumping[task][i] = false;
		if (!call)
			continue;
		call->verdict = UNKNOWN;
		a.unknown += call->nr;
		a.under_way[task][i] = NULL;
	}
}

static void lost(u32 task)
{
	sim_level_lost(task);
	never_ends(task);
}

static void forked(u32 task)
{
	u32 i, j;

	sim_world_forked();
	a.forked = true;
	for (i = 1; i < SIM_TASKS; i++)
		if (i != task)
			never_ends(i);
	for (i = 0; i < a.nr_calls; i++)
		a.call[i].inherited = a.call[i].place != 0;
	for (j = 0; j < NMIS; j++)
		if (a.under_way[task][j])
			a.under_way[task][j]->inherited = true;
}

const struct sim_watch account_watch = {
	.left = lost, .killed = lost, .forked = forked, .swapped = swapped,
};

/* ---- the end ---- */

static void check_messages(void)
{
	u32 i;

	for (i = 0; i < a.nr_messages; i++) {
		const struct call *call = &a.call[a.call_of[i]];

		if (i >= call->first + call->nr || !call->place)
			continue;
		if (a.taken[i] == a.len[i] || a.discarded || call->inherited)
			continue;
		sim_fail("%u bytes of message %u came out, of %u", a.taken[i], i, a.len[i]);
	}
}

static void check_losses(void)
{
	struct bpfstream_total all = bpfstream_lost(a.s);
	u32 i;

	for (i = 0; i < BPFSTREAM_NR_CAUSES; i++) {
		struct bpfstream_total one = bpfstream_tally_read(&a.s->lost[i]);

		if (one.count < a.lost[i].count || one.count > a.lost[i].count + a.unknown)
			sim_fail("%llu losses are counted for cause %u, of %llu",
				 (unsigned long long)one.count, i,
				 (unsigned long long)a.lost[i].count);
		if (i == BPFSTREAM_LOST_FULL && !a.unknown && one.sum != a.lost[i].bytes)
			sim_fail("%llu bytes are counted as lost, of %llu",
				 (unsigned long long)one.sum, (unsigned long long)a.lost[i].bytes);
	}
	if ((a.s->flags & BPFSTREAM_FLAG_LOST_LINES) && !a.discarded && !a.forked &&
	    a.told.count != all.count)
		sim_fail("%llu losses were told of, of %llu", (unsigned long long)a.told.count,
			 (unsigned long long)all.count);
}

/* All tasks have ended and the stream was drained, or its text discarded. */
void account_final(void)
{
	if (bpfstream_pending(a.s))
		sim_fail("%llu bytes wait in an empty stream",
			 (unsigned long long)bpfstream_pending(a.s));
	check_messages();
	check_losses();
}
