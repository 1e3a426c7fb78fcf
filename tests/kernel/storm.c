// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * storm.c - programs in all contexts print at once, inside each other, while readers read
 *
 *   storm [seconds=N] [readers=N] [sources=NAME+NAME...] [faults] [stock]
 *
 * A source is a program and what runs it:
 *   task     threads, by BPF_PROG_TEST_RUN: several writers to the same stream
 *   sys      the tracepoint sys_enter
 *   probe    a kprobe on what a print calls while it holds its buffers: prints inside prints
 *   clock    a perf event, by a high resolution timer: hard interrupts
 *   timer    the tracepoint local_timer_entry: hard interrupts, inside all of the above
 *   nmi      the tracepoint nmi_handler, NMIs by sysrq: inside everything (wants two CPUs)
 *   churn    programs that are made, print and end, some with text unread
 *
 * A writer is a thread of task, or a source on one CPU, where it cannot interrupt itself. A message
 * says which writer's it is and which of its tries, so a refused one leaves a gap, and goes on with a
 * tail whose length and letters follow from that number. So it is checked, for each writer, that
 *   - what was accepted is read, once, whole, in order; and nothing else is
 *   - tries = accepted + refused
 *   - where the kernel tells its losses, they are what was refused
 * With one reader a source, reads are cut anywhere. With more, each read ends with a message, since
 * a cut one would be shared out: then all messages have one length.
 *
 * faults: some reads are into memory that ends too early. (Stock loses text then.)
 * stock: the kernel's complaints are shown, but do not count.
 */
#include "bpfraw.h"

#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <time.h>

#define MAX_WRITERS	64	/* of a source; CPUs, too */
#define MAX_READERS	8
#define MAX_TRIES	(1u << 22)
#define HEAD_LEN	13	/* "T07 00000042 " */
#define TAIL_LEN	256	/* at most; a power of two */
#define FIXED_TAIL	40
#define READ_AHEAD	16384

/* A writer's counters, as its program keeps them. */
enum { TRIES, ACCEPTED, FULL, NO_MEMORY, BUSY, OTHER, NR_COUNTERS = 8 };

/* The context of a task's program. */
struct task_job {
	uint64_t counters[NR_COUNTERS];
	uint64_t count;
	uint64_t writer;
};

/* What a reader has seen of a writer. */
struct seen {
	uint64_t messages;
	uint64_t next;		/* one reader: the least number that may come */
	_Atomic uint64_t *map;	/* more readers: a bit a message */
};

struct source {
	const char *name;
	char letter;
	uint32_t type;
	int prog;
	int map;		/* of counters; by CPU */
	int constants;
	int links[MAX_WRITERS];
	unsigned int nr_links;
	bool skipped;
	uint64_t counters[MAX_WRITERS][NR_COUNTERS];
	struct seen seen[MAX_WRITERS];
	_Atomic uint64_t reads;
	_Atomic uint64_t garbled;
};

static struct source sources[] = {
	{ .name = "probe", .letter = 'P', .type = BPF_PROG_TYPE_KPROBE },
	{ .name = "task", .letter = 'T', .type = BPF_PROG_TYPE_SYSCALL },
	{ .name = "sys", .letter = 'S', .type = BPF_PROG_TYPE_RAW_TRACEPOINT },
	{ .name = "clock", .letter = 'C', .type = BPF_PROG_TYPE_PERF_EVENT },
	{ .name = "timer", .letter = 'I', .type = BPF_PROG_TYPE_RAW_TRACEPOINT },
	{ .name = "nmi", .letter = 'N', .type = BPF_PROG_TYPE_RAW_TRACEPOINT },
};

/*
 * In the order in which they are attached. The probe comes first and goes last: a kernel, stock as well,
 * may jump to nowhere from a function whose probe comes or goes while other CPUs are in it.
 */
enum { PROBE, TASK, SYS, CLOCK, TIMER, NMI, NR_SOURCES };

static double seconds = 5;
static unsigned int nr_readers = 1;
static unsigned int nr_tasks;
static bool with_faults, with_stock, with_churn;
static bool used[NR_SOURCES];
static atomic_bool stop_writers, stop_readers, failed;
static char pattern[TAIL_LEN + 1];
static int kfunc_id;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned int cpus(void)
{
	return (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
}

static void complain(const struct source *s, const char *what, uint64_t writer, uint64_t a, uint64_t b)
{
	printf("STORM %s: writer %lu: %s: %lu, %lu\n", s->name, writer, what, a, b);
	atomic_store(&failed, true);
}

/* ---- programs ---- */

static bool fixed_length(void)
{
	return nr_readers > 1;
}

/* Where in the pattern message @seq's tail starts. The programs know it, too. */
static uint32_t tail_start(uint64_t seq)
{
	return fixed_length() ? TAIL_LEN - FIXED_TAIL : (uint32_t)(seq * 7) & (TAIL_LEN - 1);
}

/* r6: counters, r7: writer. Scratches the rest but r9. */
static void emit_message(struct bpfraw_code *c, char letter, int constants)
{
	static const struct { int32_t err; int counter; } errors[] = {
		{ 0, ACCEPTED }, { -ENOSPC, FULL }, { -ENOMEM, NO_MEMORY }, { -EBUSY, BUSY },
	};
	uint32_t counted[ARRAY_SIZE(errors)];
	size_t i;

	bpfraw_load(c, 8, 6, 8 * TRIES);
	bpfraw_count(c, 6, 8 * TRIES, 1);
	bpfraw_map_value(c, 3, constants, 0);
	if (fixed_length()) {
		bpfraw_alui(c, BPF_ADD, 3, TAIL_LEN - FIXED_TAIL);
	} else {
		bpfraw_mov(c, 2, 8);
		bpfraw_alui(c, BPF_MUL, 2, 7);
		bpfraw_alui(c, BPF_AND, 2, TAIL_LEN - 1);
		bpfraw_emit(c, BPF_ALU64 | BPF_ADD | BPF_X, 3, 2, 0, 0);
	}
	bpfraw_storei(c, 10, -32, letter);
	bpfraw_store(c, 10, -24, 7);
	bpfraw_store(c, 10, -16, 8);
	bpfraw_store(c, 10, -8, 3);
	bpfraw_movi(c, 1, BPFRAW_STDOUT);
	bpfraw_map_value(c, 2, constants, TAIL_LEN + 1);
	bpfraw_mov(c, 3, 10);
	bpfraw_alui(c, BPF_ADD, 3, -32);
	bpfraw_movi(c, 4, 32);
	bpfraw_kfunc(c, kfunc_id);
	/* The result is an int. */
	bpfraw_alui(c, BPF_LSH, 0, 32);
	bpfraw_alui(c, BPF_ARSH, 0, 32);
	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		uint32_t other = bpfraw_jump(c, BPF_JNE, 0, errors[i].err);

		bpfraw_count(c, 6, 8 * errors[i].counter, 1);
		counted[i] = bpfraw_jump(c, BPF_JA, 0, 0);
		bpfraw_land(c, other);
	}
	bpfraw_count(c, 6, 8 * OTHER, 1);
	for (i = 0; i < ARRAY_SIZE(errors); i++)
		bpfraw_land(c, counted[i]);
}

static int task_prog(char letter, int constants)
{
	static struct bpfraw_code c;
	uint32_t loop, tired, done;

	c.len = 0;
	bpfraw_mov(&c, 6, 1);
	bpfraw_load(&c, 9, 6, offsetof(struct task_job, count));
	loop = c.len;
	tired = bpfraw_may_goto(&c);
	done = bpfraw_jump(&c, BPF_JEQ, 9, 0);
	bpfraw_alui(&c, BPF_ADD, 9, -1);
	bpfraw_load(&c, 7, 6, offsetof(struct task_job, writer));
	emit_message(&c, letter, constants);
	bpfraw_jump_back(&c, loop);
	bpfraw_land(&c, tired);
	bpfraw_land(&c, done);
	bpfraw_movi(&c, 0, 0);
	bpfraw_exit(&c);
	return bpfraw_prog(BPF_PROG_TYPE_SYSCALL, &c);
}

static int tracing_prog(const struct source *s)
{
	static struct bpfraw_code c;

	c.len = 0;
	bpfraw_helper(&c, BPF_FUNC_get_smp_processor_id);
	bpfraw_mov(&c, 7, 0);
	bpfraw_alui(&c, BPF_AND, 7, MAX_WRITERS - 1);
	bpfraw_mov(&c, 1, 7);
	bpfraw_alui(&c, BPF_MUL, 1, 8 * NR_COUNTERS);
	bpfraw_map_value(&c, 6, s->map, 0);
	bpfraw_emit(&c, BPF_ALU64 | BPF_ADD | BPF_X, 6, 1, 0, 0);
	emit_message(&c, s->letter, s->constants);
	bpfraw_movi(&c, 0, 0);
	bpfraw_exit(&c);
	return bpfraw_prog(s->type, &c);
}

static int make_constants(void)
{
	static const char format[] = "%c%02u %08u %s\n";
	char value[sizeof(pattern) + sizeof(format)];

	memcpy(value, pattern, sizeof(pattern));
	memcpy(value + sizeof(pattern), format, sizeof(format));
	return bpfraw_const_map(value, sizeof(value));
}

static bool make_source(struct source *s)
{
	s->constants = make_constants();
	s->map = bpfraw_map(BPF_MAP_TYPE_ARRAY, sizeof(s->counters), 1, 0);
	s->prog = s->type == BPF_PROG_TYPE_SYSCALL ? task_prog(s->letter, s->constants) : tracing_prog(s);
	if (s->prog >= 0)
		return true;
	printf("STORM %s: not loaded: %s\n%s\n", s->name, bpfraw_errno_name(s->prog), bpfraw_log);
	atomic_store(&failed, true);
	return false;
}

/* ---- what runs them ---- */

static bool attach_tracepoint(struct source *s, const char *name)
{
	s->links[0] = bpfraw_attach(name, s->prog);
	s->nr_links = s->links[0] >= 0;
	return s->nr_links;
}

static bool attach_event(struct source *s, struct perf_event_attr *attr, unsigned int cpu)
{
	int fd = (int)syscall(SYS_perf_event_open, attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return false;
	s->links[s->nr_links++] = fd;
	return !ioctl(fd, PERF_EVENT_IOC_SET_BPF, s->prog) && !ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
}

static bool attach_probe(struct source *s)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr), .config1 = (uintptr_t)"strncpy_from_kernel_nofault",
	};
	FILE *f = fopen("/sys/bus/event_source/devices/kprobe/type", "re");
	bool known;

	if (!f)
		return false;
	known = fscanf(f, "%u", &attr.type) == 1;
	fclose(f);
	return known && attach_event(s, &attr, 0);
}

static bool attach_clock(struct source *s)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr), .config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_freq = 1000, .freq = 1,
	};
	unsigned int cpu;

	for (cpu = 0; cpu < cpus(); cpu++)
		if (!attach_event(s, &attr, cpu))
			return false;
	return true;
}

static bool attach(unsigned int nr)
{
	struct source *s = &sources[nr];

	switch (nr) {
	case SYS:
		return attach_tracepoint(s, "sys_enter");
	case TIMER:
		return attach_tracepoint(s, "local_timer_entry");
	case NMI:
		return attach_tracepoint(s, "nmi_handler");
	case PROBE:
		return attach_probe(s);
	case CLOCK:
		return attach_clock(s);
	default:
		return true;
	}
}

static void detach(struct source *s)
{
	while (s->nr_links)
		close(s->links[--s->nr_links]);
}

static void *task(void *arg)
{
	struct source *s = &sources[TASK];
	uint64_t writer = (uintptr_t)arg;
	struct task_job job = { .writer = writer };
	unsigned int seed = (unsigned int)writer + 1;

	while (!atomic_load(&stop_writers) && job.counters[TRIES] < MAX_TRIES - 1000) {
		job.count = 1 + (uint64_t)rand_r(&seed) % 100;
		if (bpfraw_run(s->prog, &job, sizeof(job))) {
			complain(s, "not run", writer, 0, 0);
			break;
		}
		if (rand_r(&seed) % 8 == 0)
			usleep((useconds_t)rand_r(&seed) % 2000);
	}
	memcpy(s->counters[writer], job.counters, sizeof(job.counters));
	return NULL;
}

static void *send_nmis(void *arg)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	(void)arg;
	while (!atomic_load(&stop_writers) && fd >= 0) {
		if (write(fd, "l", 1) < 0)
			break;
		usleep(3000u * cpus());	/* each CPU's stack takes its time */
	}
	close(fd);
	return NULL;
}

/* ---- reading ---- */

/* The message of @len bytes at @m, its newline included, is one that @s prints: its writer and number. */
static bool parse(const struct source *s, const char *m, size_t len, uint64_t *writer, uint64_t *seq)
{
	char head[HEAD_LEN + 1];
	uint32_t start;
	int used_len = 0;

	if (len < HEAD_LEN + 2 || m[0] != s->letter)
		return false;
	memcpy(head, m, HEAD_LEN);
	head[HEAD_LEN] = '\0';
	if (sscanf(head + 1, "%2lu %8lu %n", writer, seq, &used_len) != 2 || used_len != HEAD_LEN - 1 ||
	    *writer >= MAX_WRITERS)
		return false;
	start = tail_start(*seq);
	return len == HEAD_LEN + TAIL_LEN - start + 1 &&
	       !memcmp(m + HEAD_LEN, pattern + start, TAIL_LEN - start) && m[len - 1] == '\n';
}

static void garbled(struct source *s, const char *m, size_t len)
{
	if (atomic_fetch_add(&s->garbled, 1) < 3)
		printf("STORM %s: garbled: %.*s\n", s->name, (int)(len < 200 ? len : 200), m);
	atomic_store(&failed, true);
}

/* @least: of each writer, the least number that may come next in this reader's text */
static void account(struct source *s, const char *m, size_t len, uint64_t *least)
{
	uint64_t writer, seq;
	struct seen *seen;

	if (!parse(s, m, len, &writer, &seq)) {
		garbled(s, m, len);
		return;
	}
	seen = &s->seen[writer];
	if (seq < least[writer] || seq >= MAX_TRIES)
		complain(s, "out of order", writer, seq, least[writer]);
	least[writer] = seq + 1;
	if (seen->map && seq < MAX_TRIES &&
	    atomic_fetch_or(&seen->map[seq / 64], (uint64_t)1 << seq % 64) >> seq % 64 & 1)
		complain(s, "twice", writer, seq, 0);
	__atomic_fetch_add(&seen->messages, 1, __ATOMIC_RELAXED);
}

/* All whole messages at the front of @buf; the bytes left. */
static size_t account_all(struct source *s, char *buf, size_t len, uint64_t *least)
{
	char *m = buf;
	char *nl;

	while ((nl = memchr(m, '\n', (size_t)(buf + len - m)))) {
		account(s, m, (size_t)(nl + 1 - m), least);
		m = nl + 1;
	}
	len = (size_t)(buf + len - m);
	memmove(buf, m, len);
	return len;
}

/* Memory of READ_AHEAD bytes, behind which is none: what is read may have to end there. */
static char *guarded(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, READ_AHEAD + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || mprotect(map + READ_AHEAD, page, PROT_NONE))
		exit(2);
	return map;
}

static void *reader(void *arg)
{
	struct source *s = arg;
	static _Atomic unsigned int seeds;
	unsigned int seed = atomic_fetch_add(&seeds, 1) + 100;
	const size_t unit = HEAD_LEN + FIXED_TAIL + 1;
	uint64_t least[MAX_WRITERS] = { 0 };
	char *have = malloc(READ_AHEAD + TAIL_LEN * 2);
	char *end = guarded() + READ_AHEAD;
	size_t left = 0;
	bool last = false;

	while (have) {
		size_t room = 1 + (size_t)rand_r(&seed) % READ_AHEAD;
		size_t more = 0;
		long n;

		if (fixed_length()) {
			room = (1 + room / unit) * unit < READ_AHEAD ? (1 + room / unit) * unit : unit;
			memset(least, 0, sizeof(least));	/* of one read: others read between ours */
		} else if (with_faults && rand_r(&seed) % 4 == 0) {
			room = 1 + room % 600;
			more = 1000;
		}
		n = bpfraw_stream_read(s->prog, BPFRAW_STDOUT, end - room, (uint32_t)(room + more));
		atomic_fetch_add(&s->reads, 1);
		if (n < 0 || (size_t)n > room) {
			complain(s, "read", 0, (uint64_t)-n, room);
			break;
		}
		memcpy(have + left, end - room, (size_t)n);
		left = account_all(s, have, left + (size_t)n, least);
		if (left > HEAD_LEN + TAIL_LEN || (fixed_length() && left)) {
			garbled(s, have, left);
			left = 0;
		}
		/* The last read comes after the last message. */
		if (!n && last)
			break;
		if (!n) {
			last = atomic_load(&stop_readers);
			usleep(200);
		} else if (rand_r(&seed) % 64 == 0) {
			usleep((useconds_t)rand_r(&seed) % 30000);	/* let it fill up */
		}
	}
	if (left)
		garbled(s, have, left);
	free(have);
	return NULL;
}

/* Programs that come and go beside the others. */
static void *churn(void *arg)
{
	static struct source s = { .name = "churn", .letter = 'Z' };
	uint64_t *count = arg;
	unsigned int seed = 7;
	char *buf = malloc(1 << 17);

	s.constants = make_constants();
	while (buf && !atomic_load(&stop_writers)) {
		struct task_job job = { .count = 1 + (uint64_t)rand_r(&seed) % 300, .writer = 1 };
		uint64_t least[MAX_WRITERS] = { 0 };
		size_t want = rand_r(&seed) & 1 ? 100000 : (size_t)rand_r(&seed) % 9000;
		uint64_t before = s.seen[1].messages;
		size_t left;
		long n;

		s.prog = task_prog(s.letter, s.constants);
		if (s.prog < 0 || bpfraw_run(s.prog, &job, sizeof(job)))
			complain(&s, "not run", 0, (uint64_t)-s.prog, 0);
		n = bpfraw_stream_read(s.prog, BPFRAW_STDOUT, buf, (uint32_t)want);
		left = n > 0 ? account_all(&s, buf, (size_t)n, least) : 0;
		if (want == 100000 && (left || s.seen[1].messages - before != job.counters[ACCEPTED]))
			complain(&s, "accepted, read", 1, job.counters[ACCEPTED], s.seen[1].messages - before);
		close(s.prog);
		++*count;
	}
	free(buf);
	return NULL;
}

/* ---- the reckoning ---- */

static void judge_writer(const struct source *s, unsigned int w, uint64_t *sum)
{
	const uint64_t *c = s->counters[w];
	uint64_t refused = c[FULL] + c[NO_MEMORY] + c[BUSY] + c[OTHER];
	unsigned int i;

	if (c[TRIES] != c[ACCEPTED] + refused)
		complain(s, "tries, accepted and refused", w, c[TRIES], c[ACCEPTED] + refused);
	if (c[ACCEPTED] != s->seen[w].messages)
		complain(s, "accepted, read", w, c[ACCEPTED], s->seen[w].messages);
	if (c[OTHER])
		complain(s, "unknown errors", w, c[OTHER], 0);
	for (i = 0; i < NR_COUNTERS; i++)
		sum[i] += c[i];
}

/* How many messages were refused for want of a page. */
static uint64_t judge(struct source *s)
{
	uint64_t sum[NR_COUNTERS] = { 0 };
	uint64_t messages = 0, bytes = 0, seen = 0;
	unsigned int w;
	bool told;

	if (s->type != BPF_PROG_TYPE_SYSCALL)
		bpfraw_map_elem(BPF_MAP_LOOKUP_ELEM, s->map, 0, s->counters);
	for (w = 0; w < MAX_WRITERS; w++) {
		judge_writer(s, w, sum);
		seen += s->seen[w].messages;
	}
	told = bpfraw_lost(s->prog, BPFRAW_STDOUT, &messages, &bytes);
	printf("STORM %-5s tries %lu accepted %lu read %lu refused: full %lu memory %lu nested %lu; %lu reads",
	       s->name, sum[TRIES], sum[ACCEPTED], seen, sum[FULL], sum[NO_MEMORY], sum[BUSY],
	       atomic_load(&s->reads));
	if (told)
		printf(", lost %lu", messages);
	printf("\n");
	if (told && messages != sum[TRIES] - sum[ACCEPTED])
		complain(s, "refused, told as lost", 0, sum[TRIES] - sum[ACCEPTED], messages);
	if (!sum[TRIES] && !s->skipped) {
		printf("STORM %s: nothing ran it\n", s->name);
		atomic_store(&failed, true);
	}
	return sum[NO_MEMORY];
}

static bool options(int argc, char **argv)
{
	const char *names = "task+sys+probe+clock+timer+nmi+churn";
	unsigned int nr;
	int i;

	for (i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "seconds=", 8))
			seconds = atof(argv[i] + 8);
		else if (!strncmp(argv[i], "readers=", 8))
			nr_readers = (unsigned int)atoi(argv[i] + 8);
		else if (!strncmp(argv[i], "sources=", 8))
			names = argv[i] + 8;
		else if (!strcmp(argv[i], "faults"))
			with_faults = true;
		else if (!strcmp(argv[i], "stock"))
			with_stock = true;
		else
			return false;
	}
	for (nr = 0; nr < NR_SOURCES; nr++)
		used[nr] = strstr(names, sources[nr].name);
	with_churn = strstr(names, "churn");
	return nr_readers >= 1 && nr_readers <= MAX_READERS;
}

int main(int argc, char **argv)
{
	pthread_t tasks[MAX_WRITERS], readers[NR_SOURCES][MAX_READERS], nmis, churner;
	uint64_t churned = 0, no_memory = 0;
	unsigned int nr, i, complaints = 0;
	double until;
	int kmsg;

	if (!options(argc, argv)) {
		fputs("storm [seconds=N] [readers=N] [sources=NAME+NAME...] [faults] [stock]\n", stderr);
		return 2;
	}
	kfunc_id = bpfraw_kernel_func("bpf_stream_vprintk");
	if (kfunc_id < 0) {
		puts("STORM this kernel has no bpf_stream_vprintk");
		return 2;
	}
	for (i = 0; i < TAIL_LEN; i++)
		pattern[i] = (char)('a' + i % 26);
	nr_tasks = 2 * cpus() < MAX_WRITERS ? 2 * cpus() : MAX_WRITERS;
	if (used[NMI] && cpus() < 2) {
		puts("STORM nmi: skipped: one CPU");
		used[NMI] = false;
	}
	kmsg = bpfraw_kmsg_open();
	klogctl(6 /* console off */, NULL, 0);
	for (nr = 0; nr < NR_SOURCES; nr++) {
		used[nr] = used[nr] && make_source(&sources[nr]);
		for (i = 0; used[nr] && fixed_length() && i < MAX_WRITERS; i++)
			sources[nr].seen[i].map = calloc(MAX_TRIES / 64, sizeof(uint64_t));
		for (i = 0; used[nr] && i < nr_readers; i++)
			pthread_create(&readers[nr][i], NULL, reader, &sources[nr]);
	}
	for (nr = 0; nr < NR_SOURCES; nr++)
		if (used[nr] && !attach(nr)) {
			printf("STORM %s: cannot be attached here\n", sources[nr].name);
			detach(&sources[nr]);
			sources[nr].skipped = true;
			atomic_store(&failed, true);
		}
	for (i = 0; used[TASK] && i < nr_tasks; i++)
		pthread_create(&tasks[i], NULL, task, (void *)(uintptr_t)i);
	if (used[NMI])
		pthread_create(&nmis, NULL, send_nmis, NULL);
	if (with_churn)
		pthread_create(&churner, NULL, churn, &churned);
	for (until = now() + seconds; now() < until; usleep(20000))
		complaints += bpfraw_complaints(kmsg);
	atomic_store(&stop_writers, true);
	for (i = 0; used[TASK] && i < nr_tasks; i++)
		pthread_join(tasks[i], NULL);
	if (used[NMI])
		pthread_join(nmis, NULL);
	if (with_churn)
		pthread_join(churner, NULL);
	for (nr = NR_SOURCES; nr--; ) {
		if (nr == PROBE)
			usleep(300000);		/* who runs still on another CPU ends */
		detach(&sources[nr]);
	}
	usleep(300000);
	atomic_store(&stop_readers, true);
	for (nr = 0; nr < NR_SOURCES; nr++)
		for (i = 0; used[nr] && i < nr_readers; i++)
			pthread_join(readers[nr][i], NULL);
	for (nr = 0; nr < NR_SOURCES; nr++)
		if (used[nr])
			no_memory += judge(&sources[nr]);
	if (with_faults && !no_memory) {
		puts("STORM no page was refused");
		atomic_store(&failed, true);
	}
	if (with_churn)
		printf("STORM churn programs %lu\n", churned);
	complaints += bpfraw_complaints(kmsg);
	klogctl(7 /* console on */, NULL, 0);
	if (complaints)
		printf("STORM the kernel complained %u times\n", complaints);
	if (complaints && !with_stock)
		atomic_store(&failed, true);
	printf("STORM %s\n", atomic_load(&failed) ? "FAILED" : "passed");
	return atomic_load(&failed);
}
