/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * soak.h - rounds for minutes in one process, and what memory it has after each
 */
#ifndef TORTURE_SOAK_H
#define TORTURE_SOAK_H

#include "history.h"

bool soak_open(const char *csv, uint32_t minutes);
bool soak_goes_on(void);
bool soak_round(const struct history *h);
void soak_close(void);

#endif
