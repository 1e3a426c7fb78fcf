// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stage.c - a group of messages that appears at once
 *
 * Invariants
 *   I1  Staged text is private: no reader sees it, no stream is charged for it.
 *   I2  A commit publishes all of the group by one compare-and-swap, or nothing.
 *   I3  A message that could not be added is counted, in the stage until a commit tells it to
 *       a stream.
 *
 * Ordering: that of stream.c; a stage itself is seen by one context only.
 */
#include "stage.h"

/**
 * bpfstream_staged_init() - begin a group
 * @stage: storage
 *
 * Context: Any.
 */
void bpfstream_staged_init(struct bpfstream_staged *stage)
{
	unsigned int i;

	bpfstream_chain_init(&stage->chain);
	stage->lost_bytes = 0;
	stage->messages = 0;
	for (i = 0; i < BPFSTREAM_NR_CAUSES; i++)
		stage->lost[i] = 0;
}

/**
 * bpfstream_staged_account_loss() - remember a message that could not be added
 * @stage: group
 * @err: why, negative errno
 * @bytes: of it, as far as it was formatted
 *
 * Context: Any.
 */
void bpfstream_staged_account_loss(struct bpfstream_staged *stage, int err, u64 bytes)
{
	stage->lost[bpfstream_cause_of(err)]++;
	stage->lost_bytes += bytes;
}

/**
 * bpfstream_staged_add_out() - end the writing of a message: add it, or drop and count it
 * @stage: group
 * @out: writer's state, left afterwards
 * @err: 0, or why the message is not to be added
 *
 * Context: Any context, NMI-safe.
 * Return: @err; -ENOSPC if the group would be longer than @out's limit.
 */
int bpfstream_staged_add_out(struct bpfstream_staged *stage, struct bpfstream_out *out, int err)
{
	u64 bytes = bpfstream_out_bytes(out);

	if (!err && bytes && stage->chain.bytes + bytes >= out->limit)
		err = -ENOSPC;
	if (err) {
		bpfstream_out_drop(out);
		bpfstream_staged_account_loss(stage, err, bytes);
	} else if (bytes) {
		bpfstream_out_close(out);
		bpfstream_chain_append(&stage->chain, &out->chain);
		stage->messages++;
	}
	bpfstream_out_leave(out);
	return err;
}

/**
 * bpfstream_staged_push() - add one message as it is
 * @stage: group
 * @text: message bytes
 * @len: bytes in @text
 *
 * Context: Any context, NMI-safe.
 * Return: 0; -ENOMEM if no page could be had.
 */
int bpfstream_staged_push(struct bpfstream_staged *stage, const char *text, size_t len)
{
	struct bpfstream_out out;
	int err;

	bpfstream_out_open(&out, ~(u64)0);
	err = bpfstream_out_write(&out, text, len);
	return bpfstream_staged_add_out(stage, &out, err);
}

/**
 * bpfstream_staged_commit() - publish the group, or nothing
 * @stage: group; empty afterwards on success, as it was otherwise
 * @s: stream, kept alive by the caller for the whole call
 * @was_empty: set to whether the stream was empty and is not now
 *
 * Context: Any context, NMI-safe.
 * Return: 0; -ENOSPC if the stream cannot hold the group: all its messages are counted lost.
 */
int bpfstream_staged_commit(struct bpfstream_staged *stage, struct bpfstream *s, bool *was_empty)
{
	u64 bytes = stage->chain.bytes;
	unsigned int i;
	int err;

	for (i = 0; i < BPFSTREAM_NR_CAUSES; i++) {
		if (!stage->lost[i])
			continue;
		/* All bytes go with the first of the causes: streams do not tell them apart. */
		bpfstream_account_loss(s, (enum bpfstream_cause)i, stage->lost[i],
				       stage->lost_bytes);
		stage->lost[i] = 0;
		stage->lost_bytes = 0;
	}
	err = bpfstream_publish(s, &stage->chain, was_empty);
	if (err)
		bpfstream_account_loss(s, bpfstream_cause_of(err), stage->messages, bytes);
	else
		stage->messages = 0;
	return err;
}

/**
 * bpfstream_staged_free() - release what is still staged
 * @stage: group; empty afterwards
 *
 * Context: Any context, NMI-safe.
 */
void bpfstream_staged_free(struct bpfstream_staged *stage)
{
	bpfstream_chain_free(&stage->chain);
	bpfstream_staged_init(stage);
}
