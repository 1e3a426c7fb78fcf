/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KSHIM_LINUX_ERRNO_H
#define KSHIM_LINUX_ERRNO_H

#define ENOENT	2
#define ENOMEM	12
#define EFAULT	14
#define EINVAL	22
#define ENOSPC	28

#endif
