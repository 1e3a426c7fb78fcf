// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * scene.c - the state before a call, and what must hold after
 *
 * Invariants that are checked after each attempt
 *   I1  Each message that was accepted was taken once, whole: what the victim, the handlers'
 *       dumps and the last read took is, merged, the texts in an order in which they can have
 *       been published. A group stands together.
 *   I2  Each message that was refused is counted, and none other, with its bytes; and where lines
 *       tell of losses, they tell of these.
 *   I3  Nothing is pending, and no page is in use but those that the thread writes to; of these,
 *       all that was carved was released. No level is in use, nor the readers' mutex.
 *   I4  With text waiting, the eventfd is readable.
 * Then the thread's pages are given back, so that each scene begins with none.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nmi.h"

#include "arena.h"
#include "live.h"

#define STATES_MAX	64u	/* ways to merge that are kept open at once */
#define ITEMS_MAX	(NMI_DEPTH + 1)
#define BUDGET		16u	/* pages of a program */

static const uint32_t capacities[NMI_NR_PROGS] = { 65536, 200, 200 };

static struct bpfstream_prog *progs[NMI_NR_PROGS];
static int efds[NMI_NR_PROGS];
static int dump_out[NMI_DEPTH + 1];

static struct nmi_taken base;	/* what waits when the victim begins */
static struct bpfstream_stat before;
static int efd;

static struct bpfstream_page *hoard[NMI_NR_PROGS * BUDGET];
static unsigned int nr_hoarded;

struct nmi_now nmi_now;

struct item {
	char text[NMI_TEXT];
	size_t len;
};

/* What was published beside the base: the victim's text first, if it has one. */
static struct item items[ITEMS_MAX];
static unsigned int nr_items;

/**
 * nmi_scene_init() - make the programs and the files
 *
 * Context: process, once in each job.
 */
void nmi_scene_init(void)
{
	unsigned int i;
	int ends[2];

	for (i = 0; i < NMI_NR_PROGS; i++) {
		struct bpfstream_opts opts = {
			.sz = sizeof(opts),
			.capacity = capacities[i],
			.page_budget = BUDGET,
			.flags = i == NMI_TOLD ? BPFSTREAM_LOST_LINES : 0,
		};

		progs[i] = bpfstream_prog_create(&opts);
		efds[i] = progs[i] ? bpfstream_prog_fd(progs[i]) : -1;
		if (efds[i] < 0)
			nmi_fail("a program cannot be made");
	}
	for (i = 0; i <= NMI_DEPTH; i++) {
		if (pipe2(ends, O_NONBLOCK | O_CLOEXEC))
			nmi_fail("no pipe: %s", strerror(errno));
		dump_out[i] = ends[0];
		nmi_now.dump_fd[i] = ends[1];
	}
	nmi_now.drain_fd = memfd_create("drain", MFD_CLOEXEC);
	if (nmi_now.drain_fd < 0)
		nmi_fail("no memfd: %s", strerror(errno));
}

/* ---- before ---- */

static void expect(const char *text)
{
	size_t len = strlen(text);

	memcpy(base.text + base.len, text, len);
	base.len += len;
}

/* A message that waits when the victim begins. */
void nmi_scene_lay(const char *text)
{
	if (bpfstream_write(nmi_now.prog, BPFSTREAM_STDOUT, text, strlen(text)))
		nmi_fail("the scene cannot be laid");
	expect(text);
}

/* A message that is refused before the victim begins. */
void nmi_scene_lose(const char *text)
{
	if (bpfstream_write(nmi_now.prog, BPFSTREAM_STDOUT, text, strlen(text)) != -ENOSPC)
		nmi_fail("a message that does not fit was not refused");
}

/* What readers will be told of it. */
void nmi_scene_loss_line(const char *line)
{
	expect(line);
}

/* Leave @room bytes in the thread's page, all others used and released. */
void nmi_scene_fill(size_t room)
{
	static char filler[BSP_PAGE_SIZE];
	size_t len = BSP_PAGE_SIZE - sizeof(struct bpfstream_page) -
		     sizeof(struct bpfstream_elem) - room;

	if (bpfstream_write(progs[NMI_ROOMY], BPFSTREAM_STDERR, filler, len) ||
	    bpfstream_prog_read(progs[NMI_ROOMY], BPFSTREAM_STDERR, filler, len) != (ssize_t)len)
		nmi_fail("the page cannot be filled");
}

/* Take all pages but @left. Those that the thread writes to stay its own. */
void nmi_scene_starve(unsigned int left)
{
	struct bpfstream_page *page;

	while ((page = bsp_page_alloc()))
		hoard[nr_hoarded++] = page;
	while (left--)
		bsp_page_free(hoard[--nr_hoarded]);
}

static void end_starvation(void)
{
	while (nr_hoarded)
		bsp_page_free(hoard[--nr_hoarded]);
}

/* Run a function as a handler would run it that interrupts a writer. */
void nmi_scene_above(void (*fn)(void))
{
	struct bpfstream_out out;

	bpfstream_out_open(&out, 1);
	fn();
	bpfstream_out_leave(&out);
}

static void set_efd(bool full)
{
	uint64_t count;

	while (read(efd, &count, sizeof(count)) > 0)
		;
	count = UINT64_MAX - 1;
	if (full && write(efd, &count, sizeof(count)) < 0)
		nmi_fail("the eventfd cannot be filled: %s", strerror(errno));
}

static struct bpfstream *stream(void)
{
	return &nmi_now.prog->stream[BPFSTREAM_STDOUT - 1];
}

static struct bpfstream_stat stat_now(void)
{
	struct bpfstream_stat stat = { .sz = sizeof(stat) };

	if (bpfstream_prog_stat(nmi_now.prog, BPFSTREAM_STDOUT, &stat))
		nmi_fail("no statistics");
	return stat;
}

/**
 * nmi_scene_set() - bring about the state in which a victim runs
 * @victim: victim
 *
 * Context: process; all is at rest.
 */
void nmi_scene_set(const struct nmi_victim *victim)
{
	unsigned int i;

	nmi_now.prog = progs[victim->prog];
	nmi_now.victim = victim;
	nmi_now.ret = -1;
	nmi_now.wrong = NULL;
	nmi_now.reached = 0;
	for (i = 0; i < NMI_NR_TAKERS; i++)
		nmi_now.taken[i].len = 0;
	efd = efds[victim->prog];
	base.len = 0;
	set_efd(false);
	/* Otherwise the first print's path would tell whether the last scene lost anything. */
	stream()->marked = bpfstream_loss_token(stream());
	victim->before();
	before = stat_now();
	if (victim->traits & NMI_EFD_FULL)
		set_efd(true);
}

/* ---- after ---- */

static bool traits(uint32_t any)
{
	return nmi_now.victim->traits & any;
}

static bool is_dump(unsigned int depth)
{
	return nmi_now.by[depth] == &nmi_handlers[NMI_DUMP] ||
	       nmi_now.by[depth] == &nmi_handlers[NMI_DUMP_ALL];
}

static unsigned int nr_dumps(void)
{
	unsigned int depth, nr = 0;

	for (depth = 1; depth <= nmi_now.reached; depth++)
		nr += is_dump(depth);
	return nr;
}

/* What came through the pipe @nr. */
static void take_pipe(struct nmi_taken *taken, unsigned int nr)
{
	ssize_t n;

	while ((n = read(dump_out[nr], taken->text + taken->len,
			 sizeof(taken->text) - taken->len)) > 0)
		taken->len += (size_t)n;
}

static void take_victims(struct nmi_taken *taken)
{
	ssize_t n;

	if (!traits(NMI_READS) || nmi_now.ret < 0)
		return;
	take_pipe(taken, 0);
	if (taken->len)
		return;
	n = pread(nmi_now.drain_fd, taken->text, sizeof(taken->text), 0);
	if (n > 0) {
		taken->len = (size_t)n;
		if (ftruncate(nmi_now.drain_fd, 0) || lseek(nmi_now.drain_fd, 0, SEEK_SET))
			nmi_fail("the memfd cannot be emptied");
	} else {
		taken->len = (size_t)nmi_now.ret;	/* it read into taken->text */
	}
}

static void take_rest(struct nmi_taken *taken)
{
	struct pollfd pfd = { .fd = efd, .events = POLLIN };
	ssize_t n;

	if (stat_now().pending && poll(&pfd, 1, 0) != 1)
		nmi_fail("text waits and the eventfd is not readable");
	do {
		n = bpfstream_prog_read(nmi_now.prog, BPFSTREAM_STDOUT, taken->text + taken->len,
					sizeof(taken->text) - taken->len);
		if (n < 0)
			nmi_fail("the last read fails: %zd", n);
		taken->len += (size_t)n;
	} while (n);
}

/**
 * nmi_scene_drain() - gather all text, wherever it went
 *
 * Context: process.
 */
void nmi_scene_drain(void)
{
	unsigned int depth;

	take_victims(&nmi_now.taken[NMI_BY_VICTIM]);
	for (depth = 1; depth <= nmi_now.reached; depth++)
		if (is_dump(depth))
			take_pipe(&nmi_now.taken[NMI_BY_DUMP + depth - 1], depth);
	take_rest(&nmi_now.taken[NMI_BY_END]);
}

/* ---- returns and losses ---- */

static void check_victim(void)
{
	long ret = nmi_now.ret;

	if (traits(NMI_READS)) {
		if (ret < 0 || (size_t)ret != nmi_now.taken[NMI_BY_VICTIM].len)
			nmi_fail("the victim returns %ld and took %zu bytes", ret,
				 nmi_now.taken[NMI_BY_VICTIM].len);
	} else if (traits(NMI_REFUSED)) {
		if (ret != -ENOSPC && !(ret == 0 && nr_dumps()))
			nmi_fail("the victim returns %ld, not -ENOSPC", ret);
	} else if (traits(NMI_STARVED)) {
		if (ret != -ENOMEM && !(ret == 0 && traits(NMI_PRINTS)))
			nmi_fail("the victim returns %ld, not -ENOMEM", ret);
	} else if (ret != (traits(NMI_INVALID) ? -EINVAL : 0)) {
		nmi_fail("the victim returns %ld", ret);
	}
}

static void check_handler(unsigned int depth)
{
	long ret = nmi_now.handler_ret[depth];

	if (is_dump(depth)) {
		size_t len = nmi_now.taken[NMI_BY_DUMP + depth - 1].len;

		if (ret < 0 || (size_t)ret != len)
			nmi_fail("dump %u returns %ld and took %zu bytes", depth, ret, len);
	} else if (ret && !(ret == -ENOSPC && nmi_now.victim->prog != NMI_ROOMY) &&
		   !(ret == -ENOMEM && traits(NMI_STARVED))) {
		nmi_fail("the handler at depth %u returns %ld", depth, ret);
	}
}

/* A call that printed @len bytes of text, the last item's, in @messages: where is it now? */
static void sort_out(struct bpfstream_stat *lost, long ret, unsigned int messages, size_t len)
{
	if (!ret) {
		items[nr_items++].len = len;
		return;
	}
	if (ret == -ENOMEM) {	/* a scene that starves has no page to format into */
		lost->lost_nomem++;
		return;
	}
	if (ret == -ENOSPC)
		lost->lost_full += messages;
	else
		lost->lost_invalid += messages;
	lost->lost_bytes += len;
}

static void check_counter(const char *name, uint64_t now, uint64_t then, uint64_t expected)
{
	if (now - then != expected)
		nmi_fail("losses, %s: %lu, expected %lu", name, (unsigned long)(now - then),
			 (unsigned long)expected);
}

/* The number after @*at; which must be followed by @text, at whose end @*at is then. */
static uint64_t number(const char **at, const char *text)
{
	char *end;
	uint64_t n = strtoul(*at, &end, 10);

	if (strncmp(end, text, strlen(text)))
		nmi_fail("a broken line that tells of losses: %.40s", *at);
	*at = end + strlen(text);
	return n;
}

/* Take the lines that tell of losses out of a text, and add up what they tell. */
static void take_out_lines(struct nmi_taken *taken, struct bpfstream_stat *told)
{
	char *line;

	taken->text[taken->len] = '\0';
	while ((line = strchr(taken->text, '['))) {
		const char *at = line + 1;
		uint64_t messages = number(&at, " message");

		at += *at == 's';
		told->lost_full += messages;
		told->lost_bytes += at++[0] == ',' ? number(&at, " bytes lost]\n") : 0;
		taken->len -= (size_t)(at - line);
		memmove(line, at, strlen(at) + 1);
	}
}

/*
 * Lines stand where messages are missing, and so in the base, unless it is not known who of
 * several comes first, or a dump went past the reader, to whom it left the telling.
 */
static void check_lines(const struct bpfstream_stat *lost)
{
	struct bpfstream_stat told = { 0 }, expected = *lost;
	unsigned int i;

	if (nmi_now.victim->prog != NMI_TOLD || (!traits(NMI_REFUSED) && !nr_dumps()))
		return;
	take_out_lines(&base, &expected);
	for (i = 0; i < NMI_NR_TAKERS; i++)
		take_out_lines(&nmi_now.taken[i], &told);
	check_counter("messages told of", told.lost_full, 0, expected.lost_full);
	check_counter("bytes told of", told.lost_bytes, 0, expected.lost_bytes);
}

/* Sort out what was published from what was refused; the latter must be counted. */
static void check_losses(void)
{
	const struct nmi_victim *victim = nmi_now.victim;
	struct bpfstream_stat now = stat_now(), lost = { 0 };
	unsigned int depth;

	nr_items = 0;
	if (victim->text)
		sort_out(&lost, nmi_now.ret, victim->messages ? victim->messages : 1,
			 victim->text(items[0].text));
	for (depth = 1; depth <= nmi_now.reached; depth++) {
		const struct nmi_handler *by = nmi_now.by[depth];

		if (by->text)
			sort_out(&lost, nmi_now.handler_ret[depth], by->messages,
				 by->text(items[nr_items].text, depth));
	}
	check_counter("full", now.lost_full, before.lost_full, lost.lost_full);
	check_counter("no memory", now.lost_nomem, before.lost_nomem, lost.lost_nomem);
	check_counter("invalid", now.lost_invalid, before.lost_invalid, lost.lost_invalid);
	check_counter("bytes", now.lost_bytes, before.lost_bytes, lost.lost_bytes);
	check_lines(&lost);
	if (now.pending)
		nmi_fail("%lu bytes are pending of nothing", (unsigned long)now.pending);
}

/* ---- texts ---- */

/* How far each taker's text is used up. */
struct state {
	uint16_t used[NMI_NR_TAKERS];
};

static unsigned int add_state(struct state *states, unsigned int nr, const struct state *state)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (!memcmp(&states[i], state, sizeof(*state)))
			return nr;
	if (nr == STATES_MAX)
		nmi_fail("more than %u ways to merge the texts", STATES_MAX);
	states[nr] = *state;
	return nr + 1;
}

/* Follow all ways to merge what was taken into @text; *@nr are open before and after. */
static void merge(struct state *states, unsigned int *nr, const char *text, size_t len)
{
	struct state next[STATES_MAX];
	unsigned int nr_next, i, t;
	size_t at;

	for (at = 0; at < len && *nr; at++) {
		nr_next = 0;
		for (i = 0; i < *nr; i++) {
			for (t = 0; t < NMI_NR_TAKERS; t++) {
				const struct nmi_taken *taken = &nmi_now.taken[t];
				struct state state = states[i];

				if (state.used[t] == taken->len ||
				    taken->text[state.used[t]] != text[at])
					continue;
				state.used[t]++;
				nr_next = add_state(next, nr_next, &state);
			}
		}
		memcpy(states, next, nr_next * sizeof(*next));
		*nr = nr_next;
	}
}

/* Whether the rest of what was taken merges into the items left, in some order. */
static bool merges(const struct state *open, unsigned int nr, uint32_t left)
{
	unsigned int i, after;

	if (!left)
		return nr;
	for (i = 0; i < nr_items; i++) {
		struct state states[STATES_MAX];

		if (!(left & 1u << i))
			continue;
		memcpy(states, open, nr * sizeof(*open));
		after = nr;
		merge(states, &after, items[i].text, items[i].len);
		if (after && merges(states, after, left & ~(1u << i)))
			return true;
	}
	return false;
}

static void print_takers(char *to, size_t room)
{
	unsigned int t;
	int n;

	for (t = 0; t < NMI_NR_TAKERS; t++) {
		if (!nmi_now.taken[t].len)
			continue;
		n = snprintf(to, room, " [%u: %.*s]", t, (int)nmi_now.taken[t].len,
			     nmi_now.taken[t].text);
		if (n < 0 || (size_t)n >= room)
			return;
		to += n;
		room -= (size_t)n;
	}
}

static void check_texts(void)
{
	struct state states[STATES_MAX];
	size_t want = base.len, got = 0;
	unsigned int nr = 1, i;
	char takers[256] = "";

	for (i = 0; i < nr_items; i++)
		want += items[i].len;
	for (i = 0; i < NMI_NR_TAKERS; i++)
		got += nmi_now.taken[i].len;
	memset(states, 0, sizeof(states[0]));
	merge(states, &nr, base.text, base.len);
	if (got == want && nr && merges(states, nr, (1u << nr_items) - 1))
		return;
	print_takers(takers, sizeof(takers));
	nmi_fail("%zu bytes of text, expected %zu, or in no order possible:%s", got, want, takers);
}

/* ---- pages ---- */

static void check_page(struct bpfstream_cpu *cpu, unsigned int level)
{
	uint32_t carved = (cpu->carved - (uint32_t)sizeof(struct bpfstream_page)) / BPFSTREAM_GRAIN;
	uint32_t ref = bsp_ref_read_acquire(&cpu->page->ref);

	if (ref + carved != BPFSTREAM_PAGE_BIAS)
		nmi_fail("level %u's page: %u grains carved, %u released", level, carved,
			 BPFSTREAM_PAGE_BIAS - ref);
}

static void check_pages(void)
{
	struct bsp_slot *slot = bsp_slot_self();
	unsigned int level;

	end_starvation();
	if (bsp_arena_live() != bsp_slots_pages())
		nmi_fail("%u pages live, %u in slots", bsp_arena_live(), bsp_slots_pages());
	for (level = 0; level < BSP_LEVELS; level++) {
		struct bpfstream_cpu *cpu = &slot->level[level].cpu;

		if (slot->level[level].where)
			nmi_fail("level %u is still in use", level);
		if (!cpu->page)
			continue;
		check_page(cpu, level);
		bpfstream_page_retire(cpu->page, cpu->carved);
		cpu->page = NULL;
	}
	if (bsp_arena_live())
		nmi_fail("%u pages were not freed", bsp_arena_live());
}

static void check_readers(void)
{
	const struct bpfstream *s = stream();

	if (s->lock.holder || s->in_hand || s->backlog.first || !bpfstream_llist_empty(&s->log))
		nmi_fail("the stream is not at rest: holder %u, in hand %lu", s->lock.holder,
			 (unsigned long)s->in_hand);
}

/* ---- the turn ---- */

static const char *find(const struct nmi_taken *taken, const char *text, size_t len)
{
	return len ? memmem(taken->text, taken->len, text, len) : NULL;
}

/* With no reader but the last: whether the victim's text is in front of the handler's. */
static int victim_first(size_t victim_len)
{
	const struct nmi_taken *rest = &nmi_now.taken[NMI_BY_END];
	char text[NMI_TEXT];
	size_t len = nmi_now.by[1]->text(text, 1);
	const char *handlers = find(rest, text, len);
	const char *victims = find(rest, items[0].text, victim_len);

	return handlers && victims && victims < handlers;
}

/*
 * A number that grows, if it changes at all, with the point at which the victim is interrupted:
 * before the one instruction that publishes it is less than after.
 */
static int turn(void)
{
	const struct nmi_handler *by = nmi_now.by[1];
	size_t victim_len = nmi_now.victim->text && !nmi_now.ret ? items[0].len : 0;
	char text[NMI_TEXT];

	if (by == &nmi_handlers[NMI_STAT])
		return traits(NMI_READS) ? (int)(before.pending - nmi_now.pending_seen) :
					   (int)(nmi_now.pending_seen - before.pending);
	if (traits(NMI_STARVED))
		return 0;
	if (traits(NMI_REFUSED))
		return nmi_now.ret != 0;
	if (is_dump(1))
		return find(&nmi_now.taken[NMI_BY_DUMP], items[0].text, victim_len) != NULL;
	if (traits(NMI_READS))
		return !find(&nmi_now.taken[NMI_BY_VICTIM], text, by->text(text, 1));
	return victim_first(victim_len);
}

/**
 * nmi_scene_judge() - check everything
 *
 * Context: process, after nmi_scene_drain().
 * Return: a number that must not become less as the point moves on; -1 if no handler was run.
 */
int nmi_scene_judge(void)
{
	unsigned int depth;

	if (nmi_now.wrong)
		nmi_fail("%s", nmi_now.wrong);
	check_victim();
	for (depth = 1; depth <= nmi_now.reached; depth++)
		check_handler(depth);
	check_losses();
	check_texts();
	check_readers();
	check_pages();
	return nmi_now.reached ? turn() : -1;
}
