/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * glue.h - a program's stream, and what only programs call
 */
#ifndef BSP_GLUE_H
#define BSP_GLUE_H

#include <linux/bpf.h>

#include "stream.h"

struct bpf_stream {
	struct bpfstream core;
};

int bpf_stream_vprintk(int stream_id, const char *fmt__str, const void *args, u32 len__sz,
		       struct bpf_prog_aux *aux);
int bpf_stream_print_stack(int stream_id, struct bpf_prog_aux *aux);

#endif
