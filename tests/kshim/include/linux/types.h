/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KSHIM_LINUX_TYPES_H
#define KSHIM_LINUX_TYPES_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed long long s64;
typedef __SIZE_TYPE__ size_t;
typedef _Bool bool;
typedef unsigned int gfp_t;

#define ULONG_MAX	(~0ul)

enum { false = 0, true = 1 };

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 __attribute__((__aligned__(8))) counter;
} atomic64_t;

typedef struct {
	long counter;
} atomic_long_t;

#endif
