/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The direct map is what the test says it is; a page's struct is the page.
 */
#ifndef KSHIM_LINUX_MM_H
#define KSHIM_LINUX_MM_H

#include <linux/gfp.h>
#include <linux/kasan.h>

#ifndef KSHIM_PAGE_SHIFT
#define KSHIM_PAGE_SHIFT	12
#endif

#define PAGE_SIZE	(1ul << KSHIM_PAGE_SHIFT)

/* As arm64's may: the direct map begins long before there is memory in it. */
#define KSHIM_MAP_BEFORE	(1ul << 52)

extern unsigned long kshim_page_offset;

#define PFN_PHYS(pfn)	((unsigned long)(pfn) << KSHIM_PAGE_SHIFT)
#define PAGE_OFFSET	(kshim_page_offset - KSHIM_MAP_BEFORE)

static inline void *__va(unsigned long addr)
{
	return (void *)(PAGE_OFFSET + addr);
}

unsigned long totalram_pages(void);
unsigned long totalhigh_pages(void);

static inline void *page_address(const struct page *page)
{
	return (void *)((unsigned long)page | KSHIM_TAG);
}

static inline struct page *virt_to_page(const void *addr)
{
	return (struct page *)(unsigned long)addr;
}

#endif
