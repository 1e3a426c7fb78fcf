/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KSHIM_LINUX_NUMA_H
#define KSHIM_LINUX_NUMA_H

#define NUMA_NO_NODE	(-1)

#endif
