/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KSHIM_LINUX_MUTEX_H
#define KSHIM_LINUX_MUTEX_H

#include <linux/atomic.h>

struct lock_class_key {
	int nothing;
};

struct mutex {
	atomic64_t owner;
};

void __mutex_init(struct mutex *lock, const char *name, struct lock_class_key *key);
void mutex_destroy(struct mutex *lock);
void mutex_lock(struct mutex *lock);
void mutex_unlock(struct mutex *lock);

#define mutex_init(mutex) do {				\
	static struct lock_class_key key_;		\
							\
	__mutex_init((mutex), #mutex, &key_);		\
} while (0)

#endif
