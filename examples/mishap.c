// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * mishap.c - crashes on purpose, for the demonstration
 *
 * Three kinds: a bad pointer in a worker; abort() in a worker; and memory that is not there,
 * touched by a signal handler that has interrupted a worker inside the library's print. The last
 * is the hardest for a logger: the message it had begun is neither there nor not.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"
#include "mishap.h"

static __thread volatile sig_atomic_t armed;
static volatile char *absent;	/* a page of a file that has none */

/* A pointer that the compiler cannot see through. */
static void touch_bad_pointer(void)
{
	volatile int *volatile bad = (volatile int *)(uintptr_t)0xdead0;

	*bad = 1;
}

static char *map_absent(void)
{
	int fd = memfd_create("absent", MFD_CLOEXEC);
	char *page;

	if (fd < 0)
		return NULL;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return page == MAP_FAILED ? NULL : page;
}

/* Print until a handler comes in the middle of it; then it is mishap_if_armed() that crashes. */
static void die_inside_a_print(void)
{
	absent = map_absent();
	armed = absent != NULL;
	while (armed)
		log_line(KIND_WORK, "waiting for a signal to strike");
}

/**
 * mishap_request() - crash, if @how is a way to
 * @how: "segv", "abort" or "bus"
 *
 * Return: false if it is none.
 */
bool mishap_request(const char *how)
{
	if (!strcmp(how, "segv"))
		touch_bad_pointer();
	else if (!strcmp(how, "abort"))
		abort();
	else if (!strcmp(how, "bus"))
		die_inside_a_print();
	return false;
}

/* Called by a signal handler: crash, if it has interrupted a print of an armed thread. */
void mishap_if_armed(void)
{
	if (armed && log_in_library())
		*absent = 1;
}
