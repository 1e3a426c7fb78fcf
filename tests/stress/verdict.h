/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * verdict.h - hold what readers got against what writers say they printed
 */
#ifndef STRESS_VERDICT_H
#define STRESS_VERDICT_H

#include "account.h"

/* All accounts of a storm. */
struct verdict_book {
	struct account *account;
	unsigned int nr;
};

/* What one reader got. */
struct verdict_text {
	const char *text;
	size_t len;
};

void verdict_sole(const struct verdict_book *book, const struct verdict_text *text);
void verdict_shared(const struct verdict_book *book, const struct verdict_text *text,
		    unsigned int nr);
void verdict_complete(const struct verdict_book *book);
void verdict_losses(const struct verdict_book *book, const struct bpfstream_stat *stat);
u64 verdict_vanished(const struct verdict_book *book);

#endif
