// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * collector.c - the reader: from the streams to two files
 *
 * One thread drains, THREAD_MAIN. bpfstream_prog_drain() writes straight from the pages and
 * consumes only what the file took, so there is no text that was taken and not written: whatever
 * a crash finds pending is in the streams, where the crash handler can get at it.
 *
 * A dump never waits for a reader, so text that a reader of another thread has in hand would come
 * after text that the dump writes past it. To keep the files in order, the crash handler first
 * lets the reader finish (crash.c) and the reader does not start again.
 *
 * The files are opened for appending: the reader and the crash handler write to the same two, and
 * neither overwrites the other.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "collector.h"
#include "log.h"

static int out_fd[3] = { -1, -1, -1 };

static int open_log(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
}

/**
 * collector_open() - open the files
 * @stdout_path: for BPFSTREAM_STDOUT
 * @stderr_path: for BPFSTREAM_STDERR
 *
 * Return: 0 or a negative errno.
 */
int collector_open(const char *stdout_path, const char *stderr_path)
{
	out_fd[BPFSTREAM_STDOUT] = open_log(stdout_path);
	out_fd[BPFSTREAM_STDERR] = open_log(stderr_path);
	if (out_fd[BPFSTREAM_STDOUT] < 0 || out_fd[BPFSTREAM_STDERR] < 0)
		return -errno;
	return 0;
}

/* The file of a stream. Context: any. */
int collector_fd(enum bpfstream_id id)
{
	return out_fd[id];
}

/* Whether this thread is the reader, interrupted in a drain. Context: any. */
bool collector_is_mine(void)
{
	return log_thread() == THREAD_MAIN && atomic_load(&log_ledger->draining);
}

/* The process is dying in another thread: keep out of its way until it has. */
static void wait_for_death(void)
{
	for (;;)
		pause();
}

/**
 * collector_drain() - write all that waits to the files
 *
 * Return: 0, or a negative errno if a file does not take its text, which then still waits.
 */
int collector_drain(void)
{
	enum bpfstream_id id;
	ssize_t n = 0;

	/* Draining, then closed: the crash handler looks in the opposite order (log.c). */
	atomic_store(&log_ledger->draining, true);
	if (!atomic_load(&log_ledger->closed)) {
		for (id = BPFSTREAM_STDOUT; id <= BPFSTREAM_STDERR && n >= 0; id++)
			n = bpfstream_prog_drain(log_prog, id, out_fd[id]);
	}
	atomic_store(&log_ledger->draining, false);
	if (atomic_load(&log_ledger->closed))
		wait_for_death();
	return n < 0 ? (int)n : 0;
}
