// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * main.c - explore a scenario, or run one schedule of it again
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "scene.h"

#define RANDOM_PREEMPT	1000u

static const char usage[] =
	"usage: sim --list\n"
	"       sim SCENE [--weak] [--weaken LABEL] [--random SEED] [--BUDGET N...]\n"
	"                 [--everywhere] [--runs N] [--seconds S] [--expect-failure]\n"
	"                 [--replay CHOICES]\n"
	"All schedules of SCENE within its budget, or random ones. --weak: loads may be stale.\n"
	"--weaken: take the ordering of that label away. BUDGET: preempt nmi depth kill leave\n"
	"fork nomem stale. --everywhere: other tasks may run also where it makes no difference.\n"
	"--replay: one schedule, shown.\n";

static const struct option options[] = {
	{ "list", no_argument, NULL, 'l' },
	{ "weak", no_argument, NULL, 'w' },
	{ "weaken", required_argument, NULL, 'o' },
	{ "random", required_argument, NULL, 'r' },
	{ "runs", required_argument, NULL, 'n' },
	{ "seconds", required_argument, NULL, 's' },
	{ "replay", required_argument, NULL, 'p' },
	{ "everywhere", no_argument, NULL, 'e' },
	{ "expect-failure", no_argument, NULL, 'f' },
	{ "preempt", required_argument, NULL, 1000 + offsetof(struct sim_budget, preempt) },
	{ "nmi", required_argument, NULL, 1000 + offsetof(struct sim_budget, nmi) },
	{ "depth", required_argument, NULL, 1000 + offsetof(struct sim_budget, depth) },
	{ "kill", required_argument, NULL, 1000 + offsetof(struct sim_budget, kill) },
	{ "leave", required_argument, NULL, 1000 + offsetof(struct sim_budget, leave) },
	{ "fork", required_argument, NULL, 1000 + offsetof(struct sim_budget, fork) },
	{ "nomem", required_argument, NULL, 1000 + offsetof(struct sim_budget, nomem) },
	{ "stale", required_argument, NULL, 1000 + offsetof(struct sim_budget, stale) },
	{ NULL, 0, NULL, 0 }
};

static struct sim_search search = { .run = scene_run };
static bool expect_failure;
static u32 given[sizeof(struct sim_budget) / sizeof(u32)];
static bool is_given[sizeof(struct sim_budget) / sizeof(u32)];

static int list(void)
{
	const struct scene *s;

	for (s = scenes; s->name; s++)
		printf("%-14s %s\n", s->name, s->about);
	return 0;
}

static void weaken(const char *name)
{
	int i;

	for (i = 1; i < SIM_NR_LABELS; i++)
		if (!strcmp(name, sim_label_name[i]))
			sim_weakened = (enum sim_label)i;
	if (!sim_weakened) {
		fprintf(stderr, "sim: no ordering %s\n", name);
		exit(2);
	}
}

static void option(int c)
{
	switch (c) {
	case 'l':
		exit(list());
	case 'w':
		sim_weak = true;
		break;
	case 'o':
		weaken(optarg);
		break;
	case 'r':
		search.seed = strtoull(optarg, NULL, 0);
		break;
	case 'n':
		search.limit = strtoull(optarg, NULL, 0);
		break;
	case 's':
		search.seconds = atof(optarg);
		break;
	case 'p':
		search.replay = optarg;
		break;
	case 'e':
		sim_switch_everywhere = true;
		break;
	case 'f':
		expect_failure = true;
		break;
	default:
		if (c < 1000) {
			fputs(usage, stderr);
			exit(2);
		}
		is_given[(size_t)(c - 1000) / sizeof(u32)] = true;
		given[(size_t)(c - 1000) / sizeof(u32)] = (u32)strtoul(optarg, NULL, 0);
	}
}

/* A wild pointer is a failure as others: of this schedule, which can be had again. */
static void crashed(int sig)
{
	sim_fail("signal %d, near %s:%d", sig, sim_here.func, sim_here.line);
}

static void catch_crashes(void)
{
	static char stack[32768];
	stack_t alternative = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_handler = crashed, .sa_flags = SA_ONSTACK | SA_NODEFER };

	sigaltstack(&alternative, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

static void choose_budget(const struct scene *scene)
{
	u32 *budget = (u32 *)&sim_budget;
	u32 i;

	sim_budget = sim_weak ? scene->weak : scene->bound;
	if (search.seed) {
		sim_budget = scene->bound;
		sim_budget.preempt = RANDOM_PREEMPT;
		sim_budget.stale = sim_weak ? RANDOM_PREEMPT : 0;
	}
	for (i = 0; i < sizeof(given) / sizeof(*given); i++)
		if (is_given[i])
			budget[i] = given[i];
}

static void print_replay(int argc, char **argv, const char *choices)
{
	int i;

	printf("replay: sim");
	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "--expect-failure"))
			printf(" %s", argv[i]);
	printf(" --replay '%s'\n", choices);
}

int main(int argc, char **argv)
{
	const struct scene *scene;
	struct sim_result result;
	char *args[64];
	int c, i;

	for (i = 0; i < argc && i < 64; i++)
		args[i] = argv[i];
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		option(c);
	scene = optind == argc - 1 ? scene_find(argv[optind]) : NULL;
	if (!scene) {
		fputs(usage, stderr);
		return 2;
	}
	choose_budget(scene);
	scene_choose(scene);
	catch_crashes();
	sim_tracing = search.replay != NULL;
	sim_explore(&search, &result);
	printf("%s%s%s%s: %llu schedules%s in %.2f s, %.0f/s%s%s\n", scene->name,
	       sim_weak ? ", stale loads" : "", sim_weakened ? ", without " : "",
	       sim_weakened ? sim_label_name[sim_weakened] : "", (unsigned long long)result.runs,
	       result.whole ? ", all there are," : "", result.seconds,
	       (double)result.runs / (result.seconds > 0 ? result.seconds : 1e-9),
	       result.failed ? ": " : "", result.message);
	if (result.failed && !search.replay)
		print_replay(argc, args, result.choices);
	return result.failed != expect_failure;
}
