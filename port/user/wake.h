/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * wake.h - telling those who wait for text
 */
#ifndef BSP_WAKE_H
#define BSP_WAKE_H

#include "live.h"

void bsp_wake_readable(struct bpfstream_prog *prog);

/*
 * Whether a writer that found text in the stream should wake nevertheless: who published that text
 * has not told the watchers yet, and may never come to it (longjmp).
 */
static inline bool bsp_wake_owed(const struct bpfstream_prog *prog)
{
	/* Relaxed: the writer of the first text sees the watchers; this is for when it is gone. */
	return bsp_unlikely(bsp_load_relaxed(&prog->watchers) != 0) &&
	       !(bsp_load_relaxed(&prog->told) & 1);
}

void bsp_wake_drained(struct bpfstream_prog *prog);
void bsp_wake_close(struct bpfstream_prog *prog);

#endif
