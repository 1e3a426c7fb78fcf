/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * api.h - from the public handles to the core's
 */
#ifndef BSP_API_H
#define BSP_API_H

#include "bpfstream.h"
#include "live.h"

static inline int bsp_stream_find(struct bpfstream_prog *prog, int id, struct bpfstream **s)
{
	if (!prog)
		return -EINVAL;
	if (id != BPFSTREAM_STDOUT && id != BPFSTREAM_STDERR)
		return -ENOENT;
	*s = &prog->stream[id - BPFSTREAM_STDOUT];
	/* Keep it, rather than @id, to compute it again at each use: that is one spill less. */
	__asm__("" : "+r"(*s));
	return 0;
}

#endif
