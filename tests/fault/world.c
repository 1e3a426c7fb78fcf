// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * world.c - a program to fail calls of, and what it must hold whatever fails
 */
#include "world.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stage.h"

#define MAX_FDS		64
#define MAX_PAGES	4096u

static const char *now;

/** world_says() - what is being done, for world_failed() */
void world_says(const char *operation)
{
	now = operation;
}

_Noreturn void world_failed(const char *file, int line, const char *what, long long have,
			    long long want)
{
	plan_disarm();
	printf("%s; call %lu%s, flavour %u: %s:%d: %s: %lld, %lld\n", now, plan->from,
	       plan->on ? " and all after" : "", plan->flavour, file, line, what, have, want);
	fflush(stdout);
	_exit(1);
}

void world_check_eq(const char *file, int line, const char *what, long long have, long long want)
{
	if (have != want)
		world_failed(file, line, what, have, want);
}

/* ---- what the program has to hold ---- */

void world_accepted(struct world *w, enum bpfstream_id id, const char *text, size_t len)
{
	struct text *t = &w->waits[id - OUT];

	CHECK(t->len + len <= sizeof(t->bytes));
	memcpy(t->bytes + t->len, text, len);
	t->len += len;
}

/** world_lost() - a message was refused, of which @bytes were formatted */
void world_lost(struct world *w, enum bpfstream_id id, int err, uint64_t bytes)
{
	struct bpfstream_stat *lost = &w->lost[id - OUT];

	lost->lost_full += err == -ENOSPC;
	lost->lost_nomem += err == -ENOMEM;
	lost->lost_invalid += err != -ENOSPC && err != -ENOMEM;
	lost->lost_bytes += bytes;
}

/** world_given() - the program has given this text, which has to be the oldest of the stream */
void world_given(struct world *w, enum bpfstream_id id, const char *text, size_t len)
{
	struct text *t = &w->waits[id - OUT];

	CHECK(len <= t->len && !memcmp(t->bytes, text, len));
	t->len -= len;
	memmove(t->bytes, t->bytes + len, t->len);
}

/** world_print() - have a message accepted */
void world_print(struct world *w, enum bpfstream_id id, const char *text)
{
	CHECK_EQ(bpfstream_printf(w->prog, id, "%s", text), 0);
	world_accepted(w, id, text, strlen(text));
}

/** world_file() - what was written to the file since the last look; TEXT_MAX at most */
size_t world_file(struct world *w, char *text)
{
	ssize_t n = pread(w->file, text, TEXT_MAX, (off_t)w->file_at);

	CHECK(n >= 0);
	w->file_at += (size_t)n;
	return (size_t)n;
}

/* ---- pages ---- */

static u32 page_index(const void *in_page)
{
	u32 i = (u32)((size_t)((const char *)in_page - bsp_arena) / BSP_PAGE_SIZE);

	CHECK(i < MAX_PAGES);
	return i;
}

static void mark_elems(unsigned char *used, struct bpfstream_elem *elem)
{
	for (; elem; elem = bpfstream_elem_of(bpfstream_node_next(&elem->node)))
		used[page_index(elem)] = 1;
}

/* Pages in use are those that a thread holds, and those with text that waits or is staged. */
static void check_pages(struct world *w)
{
	static unsigned char used[MAX_PAGES];
	const struct bpfstream_staged *staged = (void *)&w->ss;
	const struct bsp_slot *slot = bsp_slot_self();
	u32 i, n = 0, mine = 0;

	memset(used, 0, sizeof(used));
	for (i = 0; i < 2; i++) {
		const struct bpfstream *s = &w->prog->stream[i];

		mark_elems(used, s->backlog.first);
		mark_elems(used, bpfstream_elem_of(bsp_link_ptr((bsp_link_t)s->log.word)));
	}
	mark_elems(used, staged->chain.newest);
	for (i = 0; slot && i < BSP_LEVELS; i++) {
		if (!slot->level[i].cpu.page)
			continue;
		used[page_index(slot->level[i].cpu.page)] = 1;
		mine++;
	}
	for (i = 0; i < MAX_PAGES; i++)
		n += used[i];
	CHECK_EQ(bsp_arena_live(), n + bsp_slots_pages() - mine);
}

/* ---- before, between and after ---- */

static long open_files(void)
{
	int fd, saved = errno;
	long n = 0;

	for (fd = 0; fd < MAX_FDS; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	errno = saved;
	return n;
}

/* What waits is older than what an operation makes, and lies in other pages. */
static void make_program(struct world *w, const struct start *start)
{
	struct bpfstream_opts opts = {
		.sz = sizeof(opts), .capacity = FIXTURE_CAPACITY, .flags = start->flags,
		.page_budget = start->pages, .name = "world",
	};

	w->prog = bpfstream_prog_create(&opts);
	CHECK(w->prog);
	if (start->watched)
		CHECK(bpfstream_prog_fd(w->prog) >= 0);
	fixture_forget_pages();
}

void world_begin(struct world *w, const struct start *start)
{
	w->prog = NULL;
	memset(w->lost, 0, sizeof(w->lost));
	w->waits[0].len = 0;
	w->waits[1].len = 0;
	w->staged.len = 0;
	w->file_at = 0;
	w->maps = plan_maps;
	w->fds = open_files();
	w->budget = bsp_arena_budget();
	w->flags = start->flags;
	w->file = memfd_create("world", MFD_CLOEXEC);
	CHECK(w->file >= 0);
	bpfstream_stage_init(&w->ss);
	if (!start->none)
		make_program(w, start);
	bsp_fault.warnings = 0;
}

static void audit_stream(struct world *w, enum bpfstream_id id)
{
	const struct bpfstream_stat *lost = &w->lost[id - OUT];
	struct bpfstream_stat stat = { .sz = sizeof(stat) };

	CHECK_EQ(bpfstream_prog_stat(w->prog, id, &stat), 0);
	CHECK_EQ(stat.pending, w->waits[id - OUT].len);
	CHECK_EQ(stat.lost_full, lost->lost_full);
	CHECK_EQ(stat.lost_nomem, lost->lost_nomem);
	CHECK_EQ(stat.lost_invalid, lost->lost_invalid);
	CHECK_EQ(stat.lost_bytes, lost->lost_bytes);
	CHECK_EQ(w->prog->stream[id - OUT].in_hand, 0);
	CHECK_EQ(w->prog->stream[id - OUT].lock.holder, 0);
}

/** world_audit() - the program holds what it has to, and counts right */
void world_audit(struct world *w)
{
	audit_stream(w, OUT);
	audit_stream(w, ERR);
	check_pages(w);
	CHECK_EQ(bsp_fault.warnings, 0);
	CHECK_EQ(fixture_levels(bsp_slot_self()), 0);
}

/* Take the loss lines out of a text, and add up what they tell. */
static size_t without_loss_lines(char *text, size_t len, uint64_t *messages, uint64_t *bytes)
{
	char *at = text, *end = text + len;

	*end = '\0';
	while ((at = strchr(at, '['))) {
		unsigned long long m, b;
		char what[16];
		int n = 0;

		if (sscanf(at, "[%llu %15[messages], %llu bytes lost]%n", &m, what, &b, &n) != 3 ||
		    !n || at[n] != '\n') {
			at++;
			continue;
		}
		*messages += m;
		*bytes += b;
		end -= n + 1;
		memmove(at, at + n + 1, (size_t)(end - at) + 1);
	}
	return (size_t)(end - text);
}

static void read_all(struct world *w, enum bpfstream_id id)
{
	static char text[2 * TEXT_MAX];
	const struct bpfstream_stat *lost = &w->lost[id - OUT];
	uint64_t messages = 0, bytes = 0;
	size_t len = 0;
	ssize_t n;

	while ((n = bpfstream_prog_read(w->prog, id, text + len, 4099)) > 0) {
		len += (size_t)n;
		CHECK(len + 5000 < sizeof(text));
	}
	CHECK_EQ(n, 0);
	if (w->flags & BPFSTREAM_LOST_LINES) {
		len = without_loss_lines(text, len, &messages, &bytes);
		CHECK_EQ(messages, lost->lost_full + lost->lost_nomem + lost->lost_invalid);
		CHECK_EQ(bytes, lost->lost_bytes);
	}
	CHECK_EQ(len, w->waits[id - OUT].len);
	world_given(w, id, text, len);
}

/** world_read_all() - all that was accepted is read: whole, once, in order */
void world_read_all(struct world *w)
{
	read_all(w, OUT);
	read_all(w, ERR);
	world_audit(w);
}

/** world_goes_on() - the next operations work */
void world_goes_on(struct world *w)
{
	static char text[LONG_TEXT + 1];

	fixture_pattern(text, LONG_TEXT, 77);
	world_print(w, OUT, "next\n");
	world_print(w, ERR, text);
	CHECK_EQ(bpfstream_stage_commit(&w->ss, w->prog, OUT), 0);
	world_accepted(w, OUT, w->staged.bytes, w->staged.len);
	world_audit(w);
}

/** world_end() - the end of the program leaves nothing */
void world_end(struct world *w)
{
	close(w->file);
	bpfstream_prog_destroy(w->prog);
	fixture_forget_pages();
	(void)bsp_slots_reap();	/* a destroy that was told of no dead thread has left its pages */
	CHECK_EQ(bsp_arena_live(), 0);
	CHECK_EQ(bsp_arena_budget(), w->budget);
	CHECK_EQ(open_files(), w->fds);
	CHECK_EQ(bsp_fault.warnings, 0);
}

/* A child prints, and reads that alone. */
static void child_of(struct world *w)
{
	char text[16];

	if (bpfstream_printf(w->prog, OUT, "child") ||
	    bpfstream_prog_read(w->prog, OUT, text, sizeof(text)) != 5 || memcmp(text, "child", 5))
		_exit(1);
	_exit(0);
}

/** world_knows_its_children() - a forked child does not take the parent's text for its own */
void world_knows_its_children(struct world *w)
{
	int status;
	pid_t pid;

	world_print(w, OUT, "parent");
	fflush(stdout);
	pid = fork();
	if (!pid)
		child_of(w);
	CHECK(pid > 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}
