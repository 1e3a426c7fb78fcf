/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * collector.h - where the streams' text goes
 */
#ifndef COLLECTOR_H
#define COLLECTOR_H

#include <stdbool.h>

#include "bpfstream.h"

int collector_open(const char *stdout_path, const char *stderr_path);
int collector_fd(enum bpfstream_id id);
int collector_drain(void);
bool collector_is_mine(void);

#endif
