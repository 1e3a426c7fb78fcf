// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_model.c - the whole machine against an array of strings
 *
 *   test_model [SEED]
 *
 * One thread does random operations; handlers that interrupt it are operations run at the port's
 * fault points. Without a SEED (or BPFSTREAM_SEED) a fixed list of seeds is used, and one of the
 * moment. A failure names the seed and the number of the operation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "run.h"
#include "seeded.h"
#include "slow.h"

#define NR_SEEDS	4u
#define OPERATIONS	40000u	/* a seed and profile */

static uint64_t seeds[NR_SEEDS] = { 1, 2, 3 };
static unsigned int nr_seeds = NR_SEEDS;
static uint64_t all_operations;

static void check(const struct run_profile *profile)
{
	unsigned int slow = slow_by();
	unsigned int i;

	for (i = 0; i < nr_seeds; i++) {
		struct run_result r;

		/* The last is the seed of the moment: where time is short, that one and the first. */
		if (slow > 1 && i && i + 1 < nr_seeds)
			continue;
		run_sequence(profile, seeds[i], OPERATIONS / slow, &r);
		all_operations += r.operations;
		print_message("%s: seed %llu: %llu operations, %llu nested, refused %llu full "
			      "%llu nomem %llu invalid, %llu bytes read\n", profile->name,
			      (unsigned long long)seeds[i], (unsigned long long)r.operations,
			      (unsigned long long)r.nested, (unsigned long long)r.refused[0],
			      (unsigned long long)r.refused[1], (unsigned long long)r.refused[2],
			      (unsigned long long)r.bytes);
		if (r.failure[0])
			fail_msg("%s: seed %llu: %s", profile->name, (unsigned long long)seeds[i],
				 r.failure);
	}
}

static void one_program_is_an_array_of_strings(void **state)
{
	static const struct run_profile profile = {
		.name = "one program", .programs = 1, .max_capacity = 100000,
	};

	(void)state;
	check(&profile);
}

static void programs_that_share_pages_are_arrays_of_strings(void **state)
{
	static const struct run_profile profile = {
		.name = "several programs", .programs = 6, .max_capacity = 100000,
	};

	(void)state;
	check(&profile);
}

static void operations_that_interrupt_operations_are_whole(void **state)
{
	static const struct run_profile profile = {
		.name = "nested", .programs = 3, .max_capacity = 20000, .nest_in = 2,
	};

	(void)state;
	check(&profile);
}

static void page_allocations_that_fail_cost_one_message(void **state)
{
	static const struct run_profile profile = {
		.name = "failing pages", .programs = 4, .max_capacity = 60000, .fail_in = 3,
		.nest_in = 20,
	};

	(void)state;
	check(&profile);
}

static void programs_with_few_pages_refuse_and_recover(void **state)
{
	static const struct run_profile profile = {
		.name = "few pages", .programs = 5, .max_capacity = 100000, .max_pages = 8,
		.nest_in = 10,
	};

	(void)state;
	check(&profile);
}

static void lines_about_losses_stand_where_messages_are_missing(void **state)
{
	static const struct run_profile profile = {
		.name = "loss lines", .programs = 3, .max_capacity = 10000, .lines_in = 1,
		.fail_in = 50,
	};

	(void)state;
	check(&profile);
}

static void everything_at_once_is_as_the_model_says(void **state)
{
	static const struct run_profile profile = {
		.name = "everything", .programs = 6, .max_capacity = 70000, .max_pages = 60,
		.lines_in = 3, .nest_in = 3, .fail_in = 30,
	};

	(void)state;
	check(&profile);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_program_is_an_array_of_strings),
		cmocka_unit_test(programs_that_share_pages_are_arrays_of_strings),
		cmocka_unit_test(operations_that_interrupt_operations_are_whole),
		cmocka_unit_test(page_allocations_that_fail_cost_one_message),
		cmocka_unit_test(programs_with_few_pages_refuse_and_recover),
		cmocka_unit_test(lines_about_losses_stand_where_messages_are_missing),
		cmocka_unit_test(everything_at_once_is_as_the_model_says),
	};
	int failed;

	if (seeded_asked(argc, argv, &seeds[0]))
		nr_seeds = 1;
	else
		seeds[NR_SEEDS - 1] = seeded_fresh();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	print_message("%llu operations in all\n", (unsigned long long)all_operations);
	return failed;
}
