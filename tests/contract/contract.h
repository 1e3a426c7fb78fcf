/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * contract.h - what the shim's promises have in common: any context, and two threads
 */
#ifndef CONTRACT_H
#define CONTRACT_H

#include "fixture.h"

void contract_in_handler(void (*fn)(void *arg), void *arg);
void contract_any_context(void (*fn)(void *arg), void *arg);

/* ---- a helper thread ---- */

struct contract_thread {
	pthread_t id;
	pid_t tid;
	void (*fn)(void *arg);
	void *arg;
};

void contract_start(struct contract_thread *thread, void (*fn)(void *arg), void *arg);
void contract_join(struct contract_thread *thread);

/* ---- waiting for a word without ordering anything ---- */

bool contract_becomes_32(const u32 *word, u32 value);
bool contract_becomes_64(const u64 *word, u64 value);
void contract_relax(void);

#endif
