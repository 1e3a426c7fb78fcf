/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * proof.h - what a collected line says of itself
 */
#ifndef PROOF_H
#define PROOF_H

#include <stddef.h>
#include <stdint.h>

enum proof_line {
	PROOF_MESSAGE,	/* of the daemon: struct proof is filled in */
	PROOF_LOSS,	/* the library's "[12 messages, 640 bytes lost]": @lost is filled in */
	PROOF_OTHER	/* neither, or not whole */
};

struct proof {
	unsigned int writer;
	unsigned int index;
	unsigned int count;
	uint64_t seq;
	uint64_t lost;
};

enum proof_line proof_parse(struct proof *p, const char *line, size_t len);

#endif
