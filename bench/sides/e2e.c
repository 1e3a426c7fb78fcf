// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * e2e.c - one writer, and one reader on the other CPU that comes back when it pays
 *
 * The writer prints without pause, and where the stream is full sleeps for 100 us. The reader reads
 * into 64 KiB, and once it finds nothing stays away for 50 us. By the wall clock most of that is
 * who got a CPU and when; what is compared is the writer's CPU time and the reader's, without that
 * of staying away. The slower of the two bounds what is delivered. The library and
 * the baseline take turns; ratios are those inside a round, all results medians.
 *
 * --rounds 15  --messages 300000
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "common.h"
#include "side.h"

#define ROOM		(1u << 16)
#define AWAY_NS		50000.0
#define FULL_US		100

struct outcome {
	double bytes;
	double writer_ns;	/* CPU time of all messages */
	double reader_ns;	/* and of all reads */
	double wall_ns;
	double refused;
};

static char room[ROOM];
static unsigned int nr_messages;

static struct {
	const struct bench_side *side;
	unsigned int refused;
	uint64_t cpu_ns;
	atomic_bool go;
	atomic_bool done;
} writer;

static void *writer_main(void *arg)
{
	unsigned int i = 0;
	uint64_t start;

	(void)arg;
	bench_pin(1);
	while (!atomic_load(&writer.go))
		bench_relax();
	start = bench_cpu_ns();
	while (i < nr_messages) {
		i += writer.side->run[BENCH_FORMAT_F2](i, nr_messages - i);
		if (i < nr_messages) {
			writer.refused++;
			usleep(FULL_US);
		}
	}
	writer.cpu_ns = bench_cpu_ns() - start;
	atomic_store(&writer.done, true);
	return NULL;
}

static void stay_away(void)
{
	uint64_t until = bench_ticks() + (uint64_t)(AWAY_NS / bench_ns_per_tick());

	while (bench_ticks() < until)
		bench_relax();
}

static struct outcome run(const struct bench_side *side)
{
	struct outcome o = { 0 };
	uint64_t began, began_cpu, away_cpu = 0;
	pthread_t thread;

	writer.side = side;
	writer.refused = 0;
	atomic_store(&writer.go, false);
	atomic_store(&writer.done, false);
	if (pthread_create(&thread, NULL, writer_main, NULL))
		bench_die("pthread_create");
	began = bench_ticks();
	began_cpu = bench_cpu_ns();
	atomic_store(&writer.go, true);
	for (;;) {
		bool last = atomic_load(&writer.done);
		size_t n = side->read(room, ROOM);

		o.bytes += (double)n;
		if (!n && last)
			break;
		if (!n) {
			uint64_t start = bench_cpu_ns();

			stay_away();
			away_cpu += bench_cpu_ns() - start;
		}
	}
	o.reader_ns = (double)(bench_cpu_ns() - began_cpu - away_cpu);
	o.wall_ns = (double)(bench_ticks() - began) * bench_ns_per_tick();
	pthread_join(thread, NULL);
	o.writer_ns = (double)writer.cpu_ns;
	o.refused = writer.refused;
	return o;
}

/* MB a second that the slower of the two lets through. */
static double delivered(const struct outcome *o)
{
	return o->bytes * 1e3 / (o->writer_ns > o->reader_ns ? o->writer_ns : o->reader_ns);
}

static double median(double *v, unsigned int nr)
{
	bench_sort(v, nr);
	return bench_percentile(v, nr, 0.5);
}

static double median_of(struct outcome *o, unsigned int nr, double (*value)(const struct outcome *))
{
	double *v = calloc(nr, sizeof(*v)), found;

	for (unsigned int i = 0; i < nr; i++)
		v[i] = value(&o[i]);
	found = median(v, nr);
	free(v);
	return found;
}

static double writer_ns(const struct outcome *o)
{
	return o->writer_ns / nr_messages;
}

static double reader_ns(const struct outcome *o)
{
	return o->reader_ns / nr_messages;
}

static double wall_mbps(const struct outcome *o)
{
	return o->bytes * 1e3 / o->wall_ns;
}

static double refused(const struct outcome *o)
{
	return o->refused;
}

int main(int argc, char **argv)
{
	unsigned int rounds = (unsigned int)bench_option_number(argc, argv, "--rounds", 15), i, r;
	struct outcome *o[BENCH_NR_SIDES];
	double *ratio;

	nr_messages = (unsigned int)bench_option_number(argc, argv, "--messages", 300000);
	bench_sides_init();
	bench_pin(0);
	bench_ns_per_tick();
	ratio = calloc(rounds, sizeof(*ratio));
	for (i = 0; i < BENCH_NR_SIDES; i++)
		o[i] = calloc(rounds, sizeof(**o));
	for (r = 0; r < rounds; r++) {
		for (i = 0; i < BENCH_NR_SIDES; i++)
			o[i][r] = run(&bench_side[i]);
		ratio[r] = delivered(&o[0][r]) / delivered(&o[1][r]);
	}
	for (i = 0; i < BENCH_NR_SIDES; i++) {
		bench_json_begin("e2e");
		bench_json_string("candidate", bench_side[i].name);
		bench_json_string("format", "F2");
		bench_json_number("mbps", median_of(o[i], rounds, delivered));
		bench_json_number("writer_ns", median_of(o[i], rounds, writer_ns));
		bench_json_number("reader_ns", median_of(o[i], rounds, reader_ns));
		bench_json_number("wall_mbps", median_of(o[i], rounds, wall_mbps));
		bench_json_number("refused", median_of(o[i], rounds, refused));
		if (!i)
			bench_json_number("of_plain", median(ratio, rounds));
		bench_json_end();
		free(o[i]);
	}
	free(ratio);
	return 0;
}
