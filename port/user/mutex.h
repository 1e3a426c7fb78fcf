/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mutex.h - the readers' mutex, as a dump sees it
 */
#ifndef BSP_MUTEX_H
#define BSP_MUTEX_H

#include "bsp.h"

BSP_MUST_CHECK bool bsp_mutex_try_hold(struct bsp_mutex *mutex, u32 *by);
void bsp_mutex_release(struct bsp_mutex *mutex);
void bsp_mutex_renew(pthread_mutex_t *mutex);
void bsp_mutex_wait(pthread_mutex_t *mutex);

#endif
