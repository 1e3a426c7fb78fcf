// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_readers.c - several readers at once, and handlers that dump in the middle of a read
 *
 * Messages are of two elements at most, so that no more than three readers share one.
 */
#include "storm.h"

#include <unistd.h>

#define WRITERS		3u
#define READERS		3u
#define SHORT_READ	8192u	/* longer than any message: one is cut once at most by a read */

static const struct bpfstream_opts roomy = { .sz = sizeof(roomy), .capacity = FIXTURE_CAPACITY };

static struct storm_outlet *outlet_of(struct storm_thread *thread)
{
	return &thread->storm->outlet[thread->nr - WRITERS];
}

static void read_on(struct storm_thread *thread)
{
	struct seeded rng = { storm_seed };

	while (!storm_is_over(thread->storm))
		storm_read(thread->storm, outlet_of(thread), SHORT_READ + seeded_below(&rng, 60000));
}

static void drain_on(struct storm_thread *thread)
{
	while (!storm_is_over(thread->storm))
		storm_drain(outlet_of(thread), thread->storm->prog);
}

static void dump_on(struct storm_thread *thread)
{
	while (!storm_is_over(thread->storm))
		storm_dump(outlet_of(thread), thread->storm->prog);
}

/* One kind of handler, so that each outlet has one context that writes to it. */
static void dump_in_handler(struct storm_thread *thread, unsigned int kind)
{
	if (kind == 1 && thread->nr >= WRITERS)
		storm_dump(&thread->storm->outlet[READERS + thread->nr - WRITERS],
			   thread->storm->prog);
}

static void run(void (*in_handler)(struct storm_thread *thread, unsigned int kind), u32 messages)
{
	static void (*const reader[READERS])(struct storm_thread *thread) = {
		read_on, drain_on, dump_on
	};
	struct storm *s = storm_open(&roomy, storm_loops(messages, 200), 3000);
	unsigned int i;

	for (i = 0; i < STORM_OUTLETS; i++)
		s->outlet[i].shared = true;
	for (i = 0; i < STORM_THREADS; i++)
		s->thread[i].in_handler = in_handler;
	for (i = 0; i < READERS; i++)
		storm_start(s, WRITERS + i, reader[i]);
	for (i = 0; i < WRITERS; i++)
		storm_start(s, i, storm_write_all);
	storm_flood(s);
	for (i = 0; i < WRITERS; i++)
		storm_join(s, i);
	storm_over(s);
	for (i = 0; i < READERS; i++)
		storm_join(s, WRITERS + i);
	storm_drain(&s->outlet[0], s->prog);
	storm_prove_shared(s);
	storm_close(s);
}

static void a_read_a_drain_and_a_dump_together_get_every_message_once(void **state)
{
	(void)state;
	run(NULL, 200000);
}

static void so_they_do_with_dumps_in_the_middle_of_them(void **state)
{
	(void)state;
	run(dump_in_handler, 200000);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_a_drain_and_a_dump_together_get_every_message_once),
		cmocka_unit_test(so_they_do_with_dumps_in_the_middle_of_them),
	};

	storm_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
