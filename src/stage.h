/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stage.h - a group of messages that appears at once
 *
 * Who may run with whom: a stage belongs to one context.
 */
#ifndef BPFSTREAM_STAGE_H
#define BPFSTREAM_STAGE_H

#include "stream.h"

/*
 * @chain: the group's text
 * @messages: in the chain
 * @lost, @lost_bytes: messages that could not be added, told to the stream of the commit
 */
struct bpfstream_staged {
	struct bpfstream_chain chain;
	u64 lost_bytes;
	u32 messages;
	u32 lost[BPFSTREAM_NR_CAUSES];
};

void bpfstream_staged_init(struct bpfstream_staged *stage);
BSP_MUST_CHECK int bpfstream_staged_add_out(struct bpfstream_staged *stage,
					    struct bpfstream_out *out, int err);
BSP_MUST_CHECK int bpfstream_staged_push(struct bpfstream_staged *stage, const char *text,
					 size_t len);
void bpfstream_staged_account_loss(struct bpfstream_staged *stage, int err, u64 bytes);
BSP_MUST_CHECK int bpfstream_staged_commit(struct bpfstream_staged *stage, struct bpfstream *s,
					   bool *was_empty);
void bpfstream_staged_free(struct bpfstream_staged *stage);

/**
 * bpfstream_staged_add_spot() - add a message that is complete in its spot
 * @stage: group
 * @spot: where it is; not empty
 * @flags: as bpfstream_spot_open() has set them: the level is left
 * @limit: bytes that the group must stay below
 *
 * Context: Any context, NMI-safe.
 * Return: 0; -ENOSPC if the group would be too long.
 */
static BSP_INLINE int bpfstream_staged_add_spot(struct bpfstream_staged *stage,
						const struct bpfstream_spot *spot,
						unsigned long flags, u64 limit)
{
	u32 bytes = bpfstream_spot_bytes(spot);
	struct bpfstream_chain one = { spot->elem, spot->elem, bytes };
	int err = 0;

	if (bsp_unlikely(stage->chain.bytes + bytes >= limit)) {
		err = -ENOSPC;
		bpfstream_staged_account_loss(stage, err, bytes);
	} else {
		bpfstream_spot_close(spot);
		bpfstream_chain_append(&stage->chain, &one);
		stage->messages++;
	}
	bsp_cpu_leave(spot->cpu, flags);
	return err;
}

#endif
