// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ledger.c - the ledger's file
 *
 * The daemon holds a shared lock on the file. A lock belongs to the open file, which forked
 * children inherit, so the kernel gives it up only when the daemon and its last child are gone,
 * however they died. That is when the checker may begin.
 */
#include <fcntl.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ledger.h"

/**
 * ledger_create() - make an empty ledger and keep its file open and locked
 * @path: file; what it held is gone
 *
 * Return: the ledger, or NULL with errno.
 */
struct ledger *ledger_create(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct ledger *ledger;

	if (fd < 0)
		return NULL;
	if (flock(fd, LOCK_SH) || ftruncate(fd, sizeof(*ledger))) {
		close(fd);
		return NULL;
	}
	ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ledger == MAP_FAILED) {
		close(fd);
		return NULL;
	}
	ledger->magic = LEDGER_MAGIC;
	return ledger;
}

/**
 * ledger_open() - read a ledger, once all its writers are gone
 * @path: file
 *
 * Return: the ledger, or NULL.
 */
const struct ledger *ledger_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const struct ledger *ledger = NULL;
	void *mem;

	if (fd < 0)
		return NULL;
	if (!flock(fd, LOCK_EX) && lseek(fd, 0, SEEK_END) == (off_t)sizeof(*ledger)) {
		mem = mmap(NULL, sizeof(*ledger), PROT_READ, MAP_SHARED, fd, 0);
		if (mem != MAP_FAILED)
			ledger = mem;
	}
	close(fd);	/* and with it the lock: nobody is left to wait for it */
	return ledger && ledger->magic == LEDGER_MAGIC ? ledger : NULL;
}
