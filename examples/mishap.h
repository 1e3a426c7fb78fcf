/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mishap.h - crashes on purpose
 */
#ifndef MISHAP_H
#define MISHAP_H

#include <stdbool.h>

bool mishap_request(const char *how);
void mishap_if_armed(void);

#endif
