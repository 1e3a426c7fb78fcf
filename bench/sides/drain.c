// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * drain.c - text from a stream to a file: straight from its pages, or read and written
 *
 * bpfstream_prog_drain() against reads into 64 KiB that are written, by the library and by the
 * baseline, in turns; to /dev/null, and to a pipe that a thread on the other CPU empties. Rates are
 * of the thread that drains: its CPU time, for it may have to wait for the pipe. Ratios are those
 * inside a round, all results medians.
 *
 * --rounds 21  --bytes 2097152 (backlog)
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "common.h"
#include "side.h"

#define ROOM		(1u << 16)
#define PIPE_BYTES	(1 << 20)

enum way { DRAIN, OURS_READ_WRITE, PLAIN_READ_WRITE, NR_WAYS };

static const char *const way_name[NR_WAYS] = { "bpfstream", "bpfstream", "plain" };
static const char *const way_how[NR_WAYS] = { "drain", "read+write", "read+write" };

struct text {
	const char *name;
	enum bench_format format;
	size_t len;
};

static const struct text texts[] = {
	{ "F2", BENCH_FORMAT_F2, 0 },
	{ "F3", BENCH_FORMAT_F3, 0 },
	{ "1000", BENCH_FORMAT_F1, 1000 },
};

static char room[ROOM], other_room[ROOM];

static void *empty_pipe(void *arg)
{
	int fd = *(int *)arg;

	bench_pin(1);
	while (read(fd, other_room, sizeof(other_room)) > 0)
		;
	return NULL;
}

static void write_whole(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			bench_die("write");
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
}

static size_t read_write(const struct bench_side *side, int fd)
{
	size_t total = 0, n;

	while ((n = side->read(room, sizeof(room)))) {
		write_whole(fd, room, n);
		total += n;
	}
	return total;
}

static double rate(enum way way, const struct text *text, int fd, size_t bytes)
{
	const struct bench_side *side = &bench_side[way == PLAIN_READ_WRITE];
	uint64_t start;
	size_t done;

	bench_side_fill(side, text->format, text->len, bytes);
	start = bench_cpu_ns();
	done = way == DRAIN ? side->drain(fd) : read_write(side, fd);
	return (double)done * 1e3 / (double)(bench_cpu_ns() - start);
}

static double median(double *v, unsigned int nr)
{
	bench_sort(v, nr);
	return bench_percentile(v, nr, 0.5);
}

static void measure(const struct text *text, const char *to, int fd, unsigned int rounds,
		    size_t bytes)
{
	double *mbps[NR_WAYS], *ratio[NR_WAYS];
	unsigned int way, r;

	for (way = 0; way < NR_WAYS; way++) {
		mbps[way] = calloc(rounds, sizeof(**mbps));
		ratio[way] = calloc(rounds, sizeof(**ratio));
	}
	for (r = 0; r < rounds; r++) {
		for (way = 0; way < NR_WAYS; way++)
			mbps[way][r] = rate((enum way)way, text, fd, bytes);
		for (way = 1; way < NR_WAYS; way++)
			ratio[way][r] = mbps[DRAIN][r] / mbps[way][r];
	}
	for (way = 0; way < NR_WAYS; way++) {
		bench_json_begin("drain");
		bench_json_string("candidate", way_name[way]);
		bench_json_string("how", way_how[way]);
		bench_json_string("format", text->name);
		bench_json_string("to", to);
		bench_json_number("mbps", median(mbps[way], rounds));
		if (way == DRAIN) {
			bench_json_number("of_read_write", median(ratio[OURS_READ_WRITE], rounds));
			bench_json_number("of_plain", median(ratio[PLAIN_READ_WRITE], rounds));
		}
		bench_json_end();
	}
	for (way = 0; way < NR_WAYS; way++) {
		free(mbps[way]);
		free(ratio[way]);
	}
}

int main(int argc, char **argv)
{
	unsigned int rounds = (unsigned int)bench_option_number(argc, argv, "--rounds", 21);
	size_t bytes = bench_option_number(argc, argv, "--bytes", 2u << 20);
	int null = open("/dev/null", O_WRONLY), ends[2];
	pthread_t thread;

	if (null < 0 || pipe(ends))
		bench_die("open");
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);	/* as large as we may */
	bench_sides_init();
	bench_pin(0);
	if (pthread_create(&thread, NULL, empty_pipe, &ends[0]))
		bench_die("pthread_create");
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		measure(&texts[i], "null", null, rounds, bytes);
		measure(&texts[i], "pipe", ends[1], rounds, bytes);
	}
	close(ends[1]);
	pthread_join(thread, NULL);
	return 0;
}
