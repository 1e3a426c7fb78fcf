// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * torture.c - everything at once, written down, and proved afterwards
 *
 *	torture [-r ROUNDS] [-x SCALE] [-c CHECKER] [-k DIRECTORY] [SEED]
 *	torture -m MINUTES -o CSV ...		one program for all rounds; memory after each
 *
 * What it adds to the stress suite, whose tests each stress one thing and compare sums at the end:
 *
 *   - all of it at once: two programs with two streams each, singles, groups tried again, BPF's
 *     printf and nonsense, from threads and handlers that timers and raises nest, byte-wise and odd
 *     reads, drains to pipes that take only a part, dumps of all programs, children, threads and
 *     programs that come and go, in rounds of another load each;
 *   - order in real time, across writers: what ended before another began is read before it, and
 *     a reader that found nothing missed nothing;
 *   - nobody asserts while it runs: what each saw is noted with its times, and a checker, which
 *     has a test of its own (test_check.c), goes over the history when the round is over.
 *
 * Jumps out of handlers, wake-ups, and readers that cut each other's messages stay with stress.
 *
 * The seed decides what a round is like, not how its threads meet. Round n has the seed of the
 * first plus n.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "round.h"
#include "soak.h"

struct options {
	uint32_t rounds;
	uint32_t scale;
	uint32_t minutes;
	const char *self;
	const char *checker;
	const char *directory;
	const char *csv;
	uint64_t seed;
};

static void usage(void)
{
	fprintf(stderr, "usage: torture [-r ROUNDS] [-x SCALE] [-c CHECKER] [-k DIRECTORY] "
			"[-m MINUTES -o CSV] [SEED]\n");
	exit(2);
}

static void parse(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt(argc, argv, "r:x:c:k:m:o:")) >= 0) {
		switch (c) {
		case 'r':
			o->rounds = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'x':
			o->scale = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'c':
			o->checker = optarg;
			break;
		case 'k':
			o->directory = optarg;
			break;
		case 'm':
			o->minutes = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'o':
			o->csv = optarg;
			break;
		default:
			usage();
		}
	}
	if (!o->rounds || !o->scale || !o->csv != !o->minutes)
		usage();
	if (!seeded_asked(argc - optind + 1, argv + optind - 1, &o->seed))
		o->seed = seeded_fresh();
}

/* Another program, so that it can be run again on what is kept. */
static bool check(const struct options *o, const char *path)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		execl(o->checker, o->checker, path, (char *)NULL);
		perror(o->checker);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

static void say(const struct history *h, const struct options *o, uint64_t began)
{
	double seconds = (double)(history_now() - began) / 1e9;
	const struct history_head *head = h->head;
	struct load load;

	load_choose(&load, head->seed, o->scale, o->minutes);
	printf("seed %llu: ", (unsigned long long)head->seed);
	load_print(&load);
	printf("\n  %u threads, %u signals, %u children; %.1f s\n", head->threads, head->signals,
	       head->children, seconds);
}

static int fail(const char *path, const struct options *o, uint64_t seed)
{
	printf("The history is kept. To check it again:\n    %s %s\n"
	       "For another round like it:\n    %s -c %s -x %u %llu\n", o->checker, path, o->self,
	       o->checker, o->scale, (unsigned long long)seed);
	return 1;
}

/* One round; false if it was not as promised. In a soak only that is told. */
static bool round_and_check(struct history *h, const char *path, const struct options *o,
			    uint64_t seed)
{
	uint64_t began = history_now();

	fflush(stdout);
	round_run(h, seed, o->scale, o->minutes);
	if (o->minutes)
		return soak_round(h);
	say(h, o, began);
	return check(o, path);
}

int main(int argc, char **argv)
{
	struct options o = {
		.rounds = 1, .scale = 1, .checker = "torture-check", .directory = ".",
	};
	struct history h;
	char path[4096];
	uint64_t seed;

	o.self = argv[0];
	parse(argc, argv, &o);
	record_init();
	actor_set_handlers();
	snprintf(path, sizeof(path), "%s/torture-%d.history", o.directory, getpid());
	if (!history_create(&h, path))
		round_die(path);
	if (o.minutes && !soak_open(o.csv, o.minutes))
		round_die(o.csv);
	printf("seed %llu, history in %s\n", (unsigned long long)o.seed, path);
	for (seed = o.seed; o.minutes ? soak_goes_on() : seed < o.seed + o.rounds; seed++)
		if (!round_and_check(&h, path, &o, seed))
			return fail(path, &o, seed);
	if (o.minutes) {
		round_end_lasting();
		soak_close();
	}
	history_close(&h);
	unlink(path);
	return 0;
}
