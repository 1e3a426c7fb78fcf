/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KSHIM_LINUX_STDDEF_H
#define KSHIM_LINUX_STDDEF_H

#define NULL			((void *)0)
#define offsetof(type, member)	__builtin_offsetof(type, member)

#endif
