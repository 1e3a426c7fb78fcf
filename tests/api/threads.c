// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * threads.c - programs made and ended in one thread while another prints and dumps
 *
 * What the library keeps outside of its programs and pages is written and read at the same time.
 */
#include <bpfstream.h>

#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#define ROUNDS	60

static struct bpfstream_prog *prog;
static int nowhere;

/* Long enough to want a new page each time. */
static int print_and_dump(void)
{
	static char text[9000];
	struct bpfstream_stage ss;
	int bad = 0, i;

	memset(text, 'x', sizeof(text));
	for (i = 0; i < 4 * ROUNDS; i++) {
		bad |= bpfstream_stage(&ss, prog, BPFSTREAM_STDERR,
				       bpfstream_stage_printf(&ss, "line %d\n", i));
		bad |= bpfstream_write(prog, BPFSTREAM_STDOUT, text, sizeof(text));
		bad |= bpfstream_dump_all(nowhere) < (ssize_t)sizeof(text);
	}
	return bad;
}

static void *other(void *arg)
{
	return print_and_dump() ? arg : NULL;
}

int main(void)
{
	struct bpfstream_opts opts = { .sz = sizeof(opts) };
	pthread_t thread;
	void *bad;
	int i;

	nowhere = open("/dev/null", O_WRONLY);
	prog = bpfstream_prog_create(NULL);
	if (!prog || pthread_create(&thread, NULL, other, &nowhere))
		return 1;
	for (i = 0; i < ROUNDS; i++) {
		struct bpfstream_prog *next;

		opts.capacity = BPFSTREAM_DEFAULT_CAPACITY + (uint32_t)i + 1;
		opts.page_budget = 100 + (uint32_t)i;
		next = bpfstream_prog_create(&opts);
		if (!next || bpfstream_write(next, BPFSTREAM_STDOUT, "text", 4))
			return 2;
		bpfstream_prog_destroy(next);
	}
	pthread_join(thread, &bad);
	bpfstream_prog_destroy(prog);
	return bad ? 3 : 0;
}
