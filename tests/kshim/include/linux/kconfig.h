/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An option that is set is 1; one that is not is a name without a meaning.
 */
#ifndef KSHIM_LINUX_KCONFIG_H
#define KSHIM_LINUX_KCONFIG_H

#define KSHIM_SECOND(ignored, value, ...)	value
#define KSHIM_IS_ONE_1			0,
#define KSHIM_PASTE(value)		KSHIM_IS_ONE_##value
#define KSHIM_PICK(one)			KSHIM_SECOND(one 1, 0)
#define KSHIM_EXPAND(value)		KSHIM_PICK(KSHIM_PASTE(value))
#define IS_ENABLED(option)		KSHIM_EXPAND(option)

#endif
