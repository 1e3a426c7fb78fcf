// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * kunit-context.c - KUnit tests: many print at the same time, from tasks, interrupts and NMIs
 *
 * Each line says whose it is and which. So a reader that gets it finds out about any line that is
 * torn, was given twice, or comes out of order; and in the end what it got must be exactly what was
 * accepted, and what was not accepted exactly what the stream has counted.
 *
 * While others print nothing is asserted: a test that is given up would take their memory away.
 */
#include <kunit/run-in-irq-context.h>
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>

#include "kunit.h"

#define NR_LINES	65536u	/* that one writer may try to print */
#define MAX_WRITERS	16u
#define EACH_PRINTS	3000u
#define NO_GROUP	(~0u)
#define FILLER		400u		/* bytes of a line, at most, that are the same in all */

/*
 * One context that prints.
 * @tried: lines so far
 * @sent, @seen: which lines were accepted, and which were read
 * @last, @group: the line, and the group of lines, that were read last
 */
struct writer {
	struct bpf_prog *prog;
	const char *filler;
	unsigned int id;
	unsigned int quota;
	unsigned int tried;
	unsigned long *sent;
	unsigned long *seen;
	int last;
	unsigned int group;
	bool stop;
	struct completion done;
};

/*
 * All who print to a stream, and what came of it.
 * @whose, @group: of the last line
 * @error: what was wrong, and @line where
 */
struct crew {
	struct bsp_test *t;
	struct bpf_prog *prog;
	struct writer writer[MAX_WRITERS];
	unsigned int nr;
	unsigned int whose;
	unsigned int group;
	const char *error;
	char line[FILLER + 50];
	char filler[FILLER + 1];
};

static struct crew *crew_of(struct kunit *test, unsigned int nr)
{
	struct crew *crew = kunit_kzalloc(test, sizeof(*crew), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, crew);
	crew->t = test->priv;
	crew->prog = bsp_test_prog(test);
	crew->nr = nr;
	crew->group = NO_GROUP;
	memcpy(crew->filler, crew->t->pattern, FILLER);
	for (i = 0; i < nr; i++) {
		struct writer *w = &crew->writer[i];

		w->prog = crew->prog;
		w->filler = crew->filler;
		w->id = i;
		w->quota = NR_LINES;
		w->last = -1;
		w->group = NO_GROUP;
		w->sent = kunit_kzalloc(test, NR_LINES / 8, GFP_KERNEL);
		w->seen = kunit_kzalloc(test, NR_LINES / 8, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, w->sent);
		KUNIT_ASSERT_NOT_NULL(test, w->seen);
		init_completion(&w->done);
	}
	return crew;
}

/* ---- writing ---- */

#define LINE_FORMAT	"w%u n%u g%u|%s\n"

/* The end of a line: of any length, and another one than the last. */
static const char *filler_of(const struct writer *w, unsigned int n)
{
	return w->filler + n * 67 % FILLER;
}

static void print_line(struct writer *w)
{
	unsigned int n = w->tried++;

	__set_bit(n, w->sent);
	if (bsp_test_print(w->prog, BPF_STDOUT, LINE_FORMAT, w->id, n, n,
			   BSP_TEST_TEXT(filler_of(w, n))))
		__clear_bit(n, w->sent);
}

static void print_group(struct writer *w)
{
	unsigned int first = w->tried, end = first + 3, n;
	struct bpf_stream_stage ss;

	bpf_stream_stage_init(&ss);
	for (n = first; n < end; n++)
		if (!bpf_stream_stage_printk(&ss, LINE_FORMAT, w->id, n, first, filler_of(w, n)))
			__set_bit(n, w->sent);
	if (bpf_stream_stage_commit(&ss, w->prog, BPF_STDOUT))
		bitmap_clear(w->sent, first, end - first);
	bpf_stream_stage_free(&ss);
	w->tried = end;
}

/* Print a line, or several that must stay together. */
static void print_some(struct writer *w)
{
	if (w->tried + 3 > w->quota)
		return;
	if (w->tried % 8 == 5)
		print_group(w);
	else
		print_line(w);
}

static int keep_printing(void *arg)
{
	struct writer *w = arg;

	while (w->tried + 3 <= w->quota && !READ_ONCE(w->stop)) {
		print_some(w);
		cond_resched();
	}
	complete(&w->done);
	return 0;
}

static void start_on(struct writer *w, int cpu)
{
	struct task_struct *thread;

	thread = kthread_run_on_cpu(keep_printing, w, cpu, "bpf_stream_writer/%u");
	if (IS_ERR(thread))
		complete(&w->done);
}

/* ---- reading ---- */

/* What is wrong with a line, or NULL. */
static const char *line_error(struct crew *crew, const char *line)
{
	unsigned int id, n, group;
	struct writer *w;
	int at = 0;

	if (sscanf(line, "w%u n%u g%u|%n", &id, &n, &group, &at) != 3 || id >= crew->nr)
		return "torn at its front";
	w = &crew->writer[id];
	if (n >= NR_LINES || strcmp(line + at, filler_of(w, n)))
		return "torn";
	if ((int)n <= w->last)
		return "not in order";
	if (w->group == group && (crew->whose != id || crew->group != group))
		return "apart from its group";
	w->last = n;
	w->group = group;
	crew->whose = id;
	crew->group = group;
	__set_bit(n, w->seen);
	return NULL;
}

/* Check the lines that are there to the end, and leave the one that is not. */
static void check_lines(struct crew *crew)
{
	struct bsp_test *t = crew->t;
	char *line = t->back, *end = t->back + t->len, *stop;

	while ((stop = memchr(line, '\n', end - line))) {
		*stop = '\0';
		if (!crew->error) {
			crew->error = line_error(crew, line);
			strscpy(crew->line, line);
		}
		line = stop + 1;
	}
	t->len = end - line;
	memmove(t->back, line, t->len);
}

static long read_some(struct crew *crew, size_t max)
{
	long n;

	crew->t->room = max;
	n = bsp_test_read(crew->t, bsp_test_stream_of(crew->prog, BPF_STDOUT), max);
	check_lines(crew);
	return n;
}

/* Read until all who print are done. @between: what to do after each read, or NULL */
static void read_while_they_print(struct crew *crew, void (*between)(unsigned int round))
{
	unsigned int i, round = 0;

	for (i = 0; i < crew->nr; i++) {
		while (!completion_done(&crew->writer[i].done)) {
			if (!read_some(crew, 1 + round * 977 % 20000))
				usleep_range(50, 100);
			if (between)
				between(round);
			round++;
			cond_resched();
		}
		wait_for_completion(&crew->writer[i].done);
	}
}

/* When nobody prints any more. */
static void expect_all_accounted_for(struct kunit *test, struct crew *crew)
{
	struct bpfstream *s = bsp_test_stream_of(crew->prog, BPF_STDOUT);
	unsigned int i, tried = 0, accepted = 0;

	bsp_pages_fail(0, 0);
	while (read_some(crew, 50000) > 0)
		;
	if (crew->error)
		KUNIT_FAIL(test, "%s: %s", crew->error, crew->line);
	KUNIT_EXPECT_EQ(test, crew->t->len, 0);
	for (i = 0; i < crew->nr; i++) {
		const struct writer *w = &crew->writer[i];

		KUNIT_EXPECT_GT(test, w->tried, 0);
		KUNIT_EXPECT_TRUE_MSG(test, bitmap_equal(w->sent, w->seen, NR_LINES),
				      "writer %u: %u lines accepted, %u read", i,
				      bitmap_weight(w->sent, NR_LINES),
				      bitmap_weight(w->seen, NR_LINES));
		tried += w->tried;
		accepted += bitmap_weight(w->sent, NR_LINES);
	}
	KUNIT_EXPECT_EQ(test, bpfstream_lost(s).count, tried - accepted);
	KUNIT_EXPECT_EQ(test, bpfstream_pending(s), 0);
	kunit_info(test, "%u lines tried, %u accepted and read", tried, accepted);
}

/* ---- tasks on all CPUs ---- */

static void print_everywhere(struct kunit *test, void (*between)(unsigned int round))
{
	struct crew *crew = crew_of(test, min(num_online_cpus(), MAX_WRITERS));
	unsigned int i = 0;
	int cpu;

	for_each_online_cpu(cpu) {
		if (i == crew->nr)
			break;
		crew->writer[i].quota = EACH_PRINTS;
		start_on(&crew->writer[i++], cpu);
	}
	while (i < crew->nr)	/* a CPU has gone meanwhile */
		complete(&crew->writer[i++].done);
	read_while_they_print(crew, between);
	expect_all_accounted_for(test, crew);
}

static void what_all_cpus_print_is_read_whole_once_and_in_order(struct kunit *test)
{
	print_everywhere(test, NULL);
}

static void fail_some_pages(unsigned int round)
{
	bsp_pages_fail(1 + round % 5, round % 9);
}

static void it_is_so_while_pages_fail(struct kunit *test)
{
	print_everywhere(test, fail_some_pages);
}

static void take_the_cpus_page_away(unsigned int round)
{
	bsp_test_forget_pages();
}

static void it_is_so_while_pages_change_hands(struct kunit *test)
{
	print_everywhere(test, take_the_cpus_page_away);
}

/* ---- interrupts ---- */

enum { TASK, SOFTIRQ, HARDIRQ, NR_CONTEXTS };

static bool print_in_this_context(void *arg)
{
	struct crew *crew = arg;

	if (in_hardirq()) {
		print_some(&crew->writer[HARDIRQ]);
	} else if (in_serving_softirq()) {
		print_some(&crew->writer[SOFTIRQ]);
	} else {
		print_some(&crew->writer[TASK]);
		if (crew->writer[TASK].tried % 16 == 0)
			(void)read_some(crew, 20000);
	}
	return true;
}

static void what_tasks_and_interrupts_print_is_all_there(struct kunit *test)
{
	struct crew *crew = crew_of(test, NR_CONTEXTS);

	kunit_run_irq_test(test, print_in_this_context, 3000, crew);
	expect_all_accounted_for(test, crew);
}

struct work_test {
	struct irq_work work;
	struct writer *writer;
};

static void print_in_work(struct irq_work *work)
{
	print_some(container_of(work, struct work_test, work)->writer);
}

/* Work that is queued while a level is in use is done as soon as that is left. */
static void what_irq_work_prints_is_all_there(struct kunit *test)
{
	struct crew *crew = crew_of(test, 2);
	struct work_test w = {
		.work = IRQ_WORK_INIT_HARD(print_in_work), .writer = &crew->writer[1],
	};
	struct bsp_test_levels levels;
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		bsp_test_enter(&levels, i % (BSP_LEVELS + 1));
		irq_work_queue(&w.work);
		print_some(&crew->writer[0]);
		bsp_test_leave(&levels);
		irq_work_sync(&w.work);
		if (i % 64 == 0)
			(void)read_some(crew, 50000);
	}
	KUNIT_EXPECT_GE(test, crew->writer[1].tried, 1000);
	expect_all_accounted_for(test, crew);
}

/* ---- NMIs ---- */

#if defined(CONFIG_X86_LOCAL_APIC) && defined(CONFIG_SMP)

#include <asm/apic.h>
#include <asm/nmi.h>

#define NR_NMIS		1000u

/*
 * @cpu: where the NMIs go
 * @wanted: one is on its way
 * @met_a_level: how many came while interrupts were off
 */
static struct {
	struct writer *writer;
	int cpu;
	bool wanted;
	unsigned int met_a_level;
} nmi;

static int print_in_nmi(unsigned int type, struct pt_regs *regs)
{
	/* Pairs with send_nmi(): what the writer has is the sender's by then. */
	if (raw_smp_processor_id() != nmi.cpu || !smp_load_acquire(&nmi.wanted))
		return NMI_DONE;
	nmi.met_a_level += !(regs->flags & X86_EFLAGS_IF);
	print_some(nmi.writer);
	smp_store_release(&nmi.wanted, false);	/* with what was printed */
	return NMI_HANDLED;
}

static bool send_nmi(void)
{
	unsigned int us;

	smp_store_release(&nmi.wanted, true);	/* pairs with print_in_nmi() */
	__apic_send_IPI(nmi.cpu, NMI_VECTOR);
	/* Pairs with print_in_nmi(). */
	for (us = 0; us < USEC_PER_SEC && smp_load_acquire(&nmi.wanted); us++)
		udelay(1);
	return us < USEC_PER_SEC;
}

/* A task prints on one CPU, and is hit by NMIs that print, sent by another. */
static void what_nmis_print_in_the_midst_of_prints_is_all_there(struct kunit *test)
{
	struct crew *crew = crew_of(test, 2);
	unsigned int n;

	nmi.cpu = cpumask_any_but(cpu_online_mask, crew->t->cpu);
	if (nmi.cpu >= nr_cpu_ids)
		kunit_skip(test, "one CPU");
	nmi.writer = &crew->writer[1];
	nmi.met_a_level = 0;
	KUNIT_ASSERT_EQ(test, register_nmi_handler(NMI_LOCAL, print_in_nmi, NMI_FLAG_FIRST,
						   "bpf_stream_kunit"), 0);
	start_on(&crew->writer[0], nmi.cpu);
	/* Most come between prints: until one has met a level in use, or it is hopeless. */
	for (n = 0; n < NR_NMIS || (!nmi.met_a_level && n < 20 * NR_NMIS); n++) {
		if (!send_nmi())
			break;
		(void)read_some(crew, 50000);
		cond_resched();
	}
	WRITE_ONCE(crew->writer[0].stop, true);
	wait_for_completion(&crew->writer[0].done);
	unregister_nmi_handler(NMI_LOCAL, "bpf_stream_kunit");
	KUNIT_EXPECT_GE(test, n, NR_NMIS);
	KUNIT_EXPECT_GT(test, nmi.met_a_level, 0);
	kunit_info(test, "%u of %u NMIs came with interrupts off", nmi.met_a_level, n);
	expect_all_accounted_for(test, crew);
}

#else

static void what_nmis_print_in_the_midst_of_prints_is_all_there(struct kunit *test)
{
	kunit_skip(test, "nobody knows how to send an NMI here");
}

#endif

static struct kunit_case context_cases[] = {
	KUNIT_CASE(what_all_cpus_print_is_read_whole_once_and_in_order),
	KUNIT_CASE(it_is_so_while_pages_fail),
	KUNIT_CASE(it_is_so_while_pages_change_hands),
	KUNIT_CASE(what_tasks_and_interrupts_print_is_all_there),
	KUNIT_CASE(what_irq_work_prints_is_all_there),
	KUNIT_CASE(what_nmis_print_in_the_midst_of_prints_is_all_there),
	{}
};

static struct kunit_suite context_suite = {
	.name = "bpf_stream_context",
	.init = bsp_test_init,
	.exit = bsp_test_exit,
	.test_cases = context_cases,
};

kunit_test_suite(context_suite);
