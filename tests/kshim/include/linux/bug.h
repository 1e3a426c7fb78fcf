/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KSHIM_LINUX_BUG_H
#define KSHIM_LINUX_BUG_H

#include <linux/types.h>

void kshim_warn(const char *file, int line);

#define WARN_ON_ONCE(condition) ({		\
	bool cond_ = !!(condition);		\
						\
	if (cond_)				\
		kshim_warn(__FILE__, __LINE__);	\
	cond_; })

#endif
