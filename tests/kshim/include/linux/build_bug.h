/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KSHIM_LINUX_BUILD_BUG_H
#define KSHIM_LINUX_BUILD_BUG_H

#define static_assert(expr, ...) _Static_assert(expr, "" __VA_ARGS__)

#endif
