/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cpu.h - what a port keeps for the core, for each CPU and nesting level
 *
 * The one header that goes the other way: bsp.h includes it, so that a level can be entered inline.
 */
#ifndef BPFSTREAM_CPU_H
#define BPFSTREAM_CPU_H

struct bpfstream_page;

/* The page a context writes to at one nesting level. @carved: bytes in use, header included */
struct bpfstream_cpu {
	struct bpfstream_page *page;
	unsigned int carved;
};

#endif
