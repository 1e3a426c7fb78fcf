/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * wake.h - telling those who wait for text
 */
#ifndef BSP_WAKE_H
#define BSP_WAKE_H

#include "live.h"

void bsp_wake_readable(struct bpfstream_prog *prog);
void bsp_wake_drained(struct bpfstream_prog *prog);
void bsp_wake_close(struct bpfstream_prog *prog);

#endif
