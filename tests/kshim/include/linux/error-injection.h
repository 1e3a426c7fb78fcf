/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KSHIM_LINUX_ERROR_INJECTION_H
#define KSHIM_LINUX_ERROR_INJECTION_H

/* As without CONFIG_FUNCTION_ERROR_INJECTION */
#define ALLOW_ERROR_INJECTION(name, type)

#endif
