/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tags are in the top byte, as arm64's: a page comes tagged (linux/mm.h), and must lose it.
 */
#ifndef KSHIM_LINUX_KASAN_H
#define KSHIM_LINUX_KASAN_H

#define KSHIM_TAG	(0xa5ul << 56)

static inline void *kasan_reset_tag(const void *addr)
{
	return (void *)((unsigned long)addr & ~KSHIM_TAG);
}

#endif
