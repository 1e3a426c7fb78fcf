// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tags.c - the port's arena, with an eye on whose its pages are
 */
#include "../../port/user/arena.c"

#include "sweep.h"

/* Where the pages' tags are: 0 for a page that is free. Of this process. */
const u32 *sweep_tags(void)
{
	return tag;
}

/* Whether a page is somebody's who has begun to use it. */
bool sweep_tag_in_use(u32 its_tag)
{
	return its_tag == BSP_NO_TAG || (its_tag && !(its_tag & TAKEN));
}
