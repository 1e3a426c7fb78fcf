/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * symbol.h - names for addresses of this program
 */
#ifndef SYMBOL_H
#define SYMBOL_H

#include <stdint.h>

#define SYMBOL_NAME	96u

void symbol_name(uintptr_t pc, char name[SYMBOL_NAME]);

#endif
