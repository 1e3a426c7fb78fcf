// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * heap.c - a user's program whose formats and strings fill their heap blocks to the last byte
 *
 * For valgrind.py: to read a byte behind one of them is an error. Two threads print at a time, and
 * a third reads meanwhile.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <bpfstream.h>

static struct bpfstream_prog *prog;

static char *on_the_heap(size_t len, const char *end)
{
	char *text = malloc(len + strlen(end) + 1);

	if (!text)
		abort();
	memset(text, 'h', len);
	strcpy(text + len, end);
	return text;
}

/* Formats and strings of every length, in any room that is left in a page. */
static void *print_all(void *arg)
{
	size_t len;
	int err = 0;

	for (len = 0; len < 100 && !err; len++) {
		char *fmt = on_the_heap(len, "%s %.10s %d\n");
		char *str = on_the_heap(len, "");
		char *raw = on_the_heap(len, "|%s");
		uint64_t args[] = { (uint64_t)(uintptr_t)str };
		struct bpfstream_stage ss;

		err = bpfstream_printf(prog, BPFSTREAM_STDOUT, fmt, str, str, 1);
		if (!err)
			err = bpfstream_write(prog, BPFSTREAM_STDOUT, str, len);
		if (!err)
			err = bpfstream_bprintf(prog, BPFSTREAM_STDOUT, raw, args, sizeof(args));
		if (!err)
			err = bpfstream_stage(&ss, prog, BPFSTREAM_STDOUT,
					      bpfstream_stage_printf(&ss, raw, str));
		free(fmt);
		free(str);
		free(raw);
	}
	*(int *)arg = err;
	return NULL;
}

static void on_signal(int sig)
{
	char *text = on_the_heap((size_t)sig, "");

	(void)bpfstream_printf(prog, BPFSTREAM_STDERR, "%s %f %g\n", text, 3.14, 1e300);
	free(text);
}

/* Read until the other threads have ended and nothing is left. */
static void *read_all(void *arg)
{
	char buf[1000];

	while (bpfstream_prog_wait(prog, -1) == 1 << BPFSTREAM_STDOUT)
		if (bpfstream_prog_read(prog, BPFSTREAM_STDOUT, buf, sizeof(buf)) < 0)
			break;
	*(ssize_t *)arg = bpfstream_prog_read(prog, BPFSTREAM_STDERR, buf, sizeof(buf));
	return NULL;
}

static int in_threads(void)
{
	pthread_t printer[2], reader;
	int err[2] = { -1, -1 };
	ssize_t read = -1;
	int i;

	if (pthread_create(&reader, NULL, read_all, &read))
		return 1;
	for (i = 0; i < 2; i++)
		if (pthread_create(&printer[i], NULL, print_all, &err[i]))
			return 1;
	for (i = 0; i < 2; i++)
		pthread_join(printer[i], NULL);
	raise(SIGUSR1);
	pthread_join(reader, NULL);
	return err[0] || err[1] || read <= 0;
}

int main(void)
{
	struct bpfstream_stage ss;
	int failed;

	prog = bpfstream_prog_create(NULL);
	if (!prog)
		return 1;
	signal(SIGUSR1, on_signal);
	failed = in_threads() ||
		 bpfstream_stage(&ss, prog, BPFSTREAM_STDERR, bpfstream_stage_dump_stack(&ss)) ||
		 bpfstream_prog_read(prog, BPFSTREAM_STDERR, &ss, sizeof(ss)) != sizeof(ss);
	bpfstream_prog_destroy(prog);
	return failed;
}
