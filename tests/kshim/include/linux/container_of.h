/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * As strict as the kernel's: the pointer has to be one to the member.
 */
#ifndef KSHIM_LINUX_CONTAINER_OF_H
#define KSHIM_LINUX_CONTAINER_OF_H

#include <linux/stddef.h>

#define container_of(ptr, type, member) ({						\
	_Static_assert(__builtin_types_compatible_p(__typeof__(*(ptr)),			\
						    __typeof__(((type *)0)->member)),	\
		       "the pointer is to the member");					\
	(type *)((char *)(void *)(ptr) - offsetof(type, member)); })

#endif
