// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_read.c - read.c: read and drain in process context, dump in any
 *
 * Descriptors from PAPER on are not the kernel's: what is written to them with write(2) and
 * writev(2) comes here, so that a test says what goes wrong, where, and what else happens then.
 */
#include "bare_calls.h"
#include "fixture.h"

#include <fcntl.h>
#include <limits.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAPER		1000000
#define PAPERS		2
#define ONE		PAPER
#define OTHER		(PAPER + 1)
#define OUT		BPFSTREAM_STDOUT
#define ERR		BPFSTREAM_STDERR
#define BUF		(2 * FIXTURE_CAPACITY)

/*
 * @text, @len: what was written
 * @room: bytes it takes before it fails
 * @most: bytes it takes in one call
 * @err: with what it then fails; 0: it takes nothing more and does not fail
 * @then: room that it has after it has failed
 * @signals: calls that a signal ends before they begin
 * @fn, @arg: run in the next call, once
 * @writes, @writevs: calls so far
 */
static struct paper {
	char text[BUF];
	size_t len;
	size_t room;
	size_t most;
	int err;
	size_t then;
	int signals;
	void (*fn)(void *arg);
	void *arg;
	unsigned int writes;
	unsigned int writevs;
} papers[PAPERS];

static struct paper *const one = &papers[0];
static struct paper *const other = &papers[1];

static char pattern[FIXTURE_CAPACITY];
static char buf[BUF];

static ssize_t paper_fails(int err)
{
	errno = err;
	return -1;
}

static ssize_t paper_takes(struct paper *paper, const struct iovec *iov, int nr)
{
	void (*fn)(void *arg) = paper->fn;
	size_t total = 0;
	int i;

	paper->fn = NULL;
	if (fn)
		fn(paper->arg);
	if (paper->signals) {
		paper->signals--;
		return paper_fails(EINTR);
	}
	for (i = 0; i < nr; i++) {
		size_t n = iov[i].iov_len;

		n = n < paper->room ? n : paper->room;
		n = n < paper->most - total ? n : paper->most - total;
		n = n < sizeof(paper->text) - paper->len ? n : sizeof(paper->text) - paper->len;
		memcpy(paper->text + paper->len, iov[i].iov_base, n);
		paper->len += n;
		paper->room -= n;
		total += n;
		if (n < iov[i].iov_len)
			break;
	}
	if (!total)
		paper->room = paper->then;
	return total || !paper->err ? (ssize_t)total : paper_fails(paper->err);
}

static long paper_write(struct paper *paper, const void *text, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)text, len };

	paper->writes++;
	return paper_takes(paper, &iov, 1);
}

static long paper_writev(struct paper *paper, const struct iovec *iov, int nr)
{
	paper->writevs++;
	return paper_takes(paper, iov, nr);
}

static bool bare_call_hook(long nr, const long *arg, long *ret)
{
	if ((nr != SYS_write && nr != SYS_writev) || arg[0] < PAPER)
		return false;
	if (nr == SYS_write)
		*ret = paper_write(&papers[arg[0] - PAPER], (const void *)arg[1], (size_t)arg[2]);
	else
		*ret = paper_writev(&papers[arg[0] - PAPER], (const struct iovec *)arg[1],
				    (int)arg[2]);
	return true;
}

static int group_setup(void **state)
{
	(void)state;
	fixture_pattern(pattern, sizeof(pattern), 5);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

static void paper_begin(struct paper *paper)
{
	memset(paper, 0, offsetof(struct paper, len));
	memset(&paper->len, 0, sizeof(*paper) - offsetof(struct paper, len));
	paper->room = SIZE_MAX;
	paper->most = SIZE_MAX;
}

static int setup_with(void **state, int (*fixture)(void **state))
{
	paper_begin(one);
	paper_begin(other);
	memset(buf, '~', sizeof(buf));
	return fixture(state);
}

static int setup(void **state)
{
	return setup_with(state, fixture_setup);
}

static int setup_lost_lines(void **state)
{
	return setup_with(state, fixture_setup_lost_lines);
}

static struct bpfstream_prog *prog_of(void **state)
{
	return ((struct fixture *)*state)->prog;
}

static struct bpfstream *stream_of(void **state)
{
	return ((struct fixture *)*state)->s;
}

static void print(struct bpfstream_prog *prog, enum bpfstream_id id, const char *text)
{
	assert_int_equal(bpfstream_write(prog, id, text, strlen(text)), 0);
}

#define EACH	5u
#define MANY	(300 * EACH)		/* more than one call of a sink is handed */
#define IN_HAND	(256 * EACH)		/* what one call of a drain's is */

/* Messages of EACH bytes, MANY in all. */
static void print_many(struct bpfstream_prog *prog, char *expected)
{
	u32 i;

	for (i = 0; i < MANY / EACH; i++) {
		sprintf(expected + i * EACH, "m%03u ", i);
		print(prog, OUT, expected + i * EACH);
	}
}

static void assert_on(const struct paper *paper, const char *text)
{
	assert_int_equal(paper->len, strlen(text));
	assert_memory_equal(paper->text, text, paper->len);
}

static ssize_t read_fn(struct bpfstream_prog *prog, enum bpfstream_id id, int fd)
{
	(void)fd;
	return bpfstream_prog_read(prog, id, buf, sizeof(buf));
}

static ssize_t all_fn(struct bpfstream_prog *prog, enum bpfstream_id id, int fd)
{
	(void)prog;
	(void)id;
	return bpfstream_dump_all(fd);
}

/* What takes text: by a read, and by the three that write it to a file. */
static const struct taker {
	ssize_t (*fn)(struct bpfstream_prog *prog, enum bpfstream_id id, int fd);
} takers[] = { { read_fn }, { bpfstream_prog_drain }, { bpfstream_prog_dump }, { all_fn } };

static const struct taker *const writing = takers + 1;

#define NR_WRITING	3
#define NR_ASKED	3	/* the first of takers are asked for a stream */

/* ---- what is asked for ---- */

static void a_stream_that_is_not_there_is_refused(void **state)
{
	static const int no_id[] = { 0, 3, -1, INT_MAX, INT_MIN };
	struct bpfstream_prog *prog = prog_of(state);
	u32 t, i;

	print(prog, OUT, "a");
	for (t = 0; t < NR_ASKED; t++) {
		assert_int_equal(takers[t].fn(NULL, OUT, ONE), -EINVAL);
		for (i = 0; i < sizeof(no_id) / sizeof(*no_id); i++) {
			assert_int_equal(takers[t].fn(prog, (enum bpfstream_id)no_id[i], ONE), -ENOENT);
			assert_int_equal(takers[t].fn(NULL, (enum bpfstream_id)no_id[i], ONE), -EINVAL);
		}
	}
	assert_int_equal(one->writes + one->writevs, 0);
	assert_reads(stream_of(state), "a");
}

static void the_streams_of_a_program_are_two(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	u32 t;

	for (t = 0; t < NR_ASKED; t++) {
		print(prog, OUT, "out");
		print(prog, ERR, "err");
		paper_begin(one);
		assert_int_equal(takers[t].fn(prog, ERR, ONE), 3);
		assert_memory_equal(t ? one->text : buf, "err", 3);
		assert_int_equal(takers[t].fn(prog, ERR, ONE), 0);
		assert_int_equal(takers[t].fn(prog, OUT, ONE), 3);
		assert_memory_equal(t ? one->text + 3 : buf, "out", 3);
	}
}

static void where_nothing_waits_nothing_is_taken_and_nothing_called(void **state)
{
	u32 t;

	for (t = 0; t < NR_ASKED + 1; t++)
		assert_int_equal(takers[t].fn(prog_of(state), OUT, ONE), 0);
	assert_int_equal(one->writes + one->writevs, 0);
	assert_int_equal(bpfstream_prog_drain(prog_of(state), OUT, -1), 0);
	assert_int_equal(bpfstream_prog_dump(prog_of(state), OUT, -1), 0);
}

static void each_takes_all_text_in_order_whatever_its_bytes(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	size_t len = FIXTURE_CAPACITY - 1;
	u32 t, i;

	pattern[100] = '\0';
	pattern[5000] = '\0';
	for (t = 0; t < NR_ASKED + 1; t++) {
		size_t done = 0;

		for (i = 1; done < len; i++) {
			size_t n = i * 7 < len - done ? i * 7 : len - done;

			assert_int_equal(bpfstream_write(prog, OUT, pattern + done, n), 0);
			done += n;
		}
		paper_begin(one);
		assert_int_equal(takers[t].fn(prog, OUT, ONE), len);
		assert_memory_equal(t ? one->text : buf, pattern, len);
		assert_int_equal(takers[t].fn(prog, OUT, ONE), 0);
	}
}

/* ---- read ---- */

static void a_read_takes_at_most_what_there_is_room_for(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	size_t room;

	for (room = 1; room <= 12; room++) {
		char text[13] = "";
		size_t len = 0;
		ssize_t n;

		print(prog, OUT, "one ");
		print(prog, OUT, "two ");
		print(prog, OUT, "six ");
		for (;;) {
			memset(buf, '~', room + 1);
			n = bpfstream_prog_read(prog, OUT, buf, room);
			assert_int_equal(buf[room], '~');
			if (!n)
				break;
			assert_int_equal(n, 12 - len < room ? 12 - len : room);
			assert_int_equal(buf[n], '~');
			memcpy(text + len, buf, (size_t)n);
			len += (size_t)n;
			assert_int_equal(bpfstream_pending(stream_of(state)), 12 - len);
		}
		assert_string_equal(text, "one two six ");
	}
}

/* Not one byte more is written, and none besides is read (memcheck, ASan), at either end. */
static void a_read_copies_exactly_the_message_whatever_its_length(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	size_t len, at;

	for (len = 1; len <= 300; len++) {
		for (at = 0; at < 3; at++) {
			memset(buf, '~', len + 5);
			assert_int_equal(bpfstream_write(prog, OUT, pattern + len, len), 0);
			assert_int_equal(bpfstream_prog_read(prog, OUT, buf + at + 1, len), len);
			assert_memory_equal(buf + at + 1, pattern + len, len);
			assert_int_equal(buf[at], '~');
			assert_int_equal(buf[at + 1 + len], '~');
		}
	}
}

static void a_read_of_no_bytes_takes_nothing(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);

	print(prog, OUT, "a");
	assert_int_equal(bpfstream_prog_read(prog, OUT, buf, 0), 0);
	assert_int_equal(bpfstream_prog_read(prog, OUT, NULL, 0), 0);
	assert_int_equal(buf[0], '~');
	assert_reads(stream_of(state), "a");
}

static void a_buffer_that_cannot_be_costs_no_text(void **state)
{
	const struct {
		void *buf;
		size_t len;
	} row[] = {
		{ NULL, 1 }, { NULL, 100 }, { NULL, SIZE_MAX }, { buf, SIZE_MAX },
		{ buf, (size_t)SSIZE_MAX + 1 }, { buf, SIZE_MAX - (uintptr_t)buf + 1 },
		{ (void *)(UINTPTR_MAX - 9), 11 },
	};
	struct bpfstream_prog *prog = prog_of(state);
	u32 i;

	for (i = 0; i < sizeof(row) / sizeof(*row); i++)	/* nothing to put there yet */
		assert_int_equal(bpfstream_prog_read(prog, OUT, row[i].buf, row[i].len), 0);
	print(prog, OUT, "precious");
	for (i = 0; i < sizeof(row) / sizeof(*row); i++) {
		assert_int_equal(bpfstream_prog_read(prog, OUT, row[i].buf, row[i].len), -EFAULT);
		assert_int_equal(bpfstream_pending(stream_of(state)), 8);
	}
	assert_int_equal(bpfstream_prog_read(prog, OUT, buf, SSIZE_MAX), 8);
	assert_memory_equal(buf, "precious", 8);
}

static void a_line_about_losses_is_not_lost_to_a_bad_buffer(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	const char *line = "[1 message, 0 bytes lost]\n";

	assert_int_equal(bpfstream_printf(prog, OUT, NULL), -EINVAL);
	assert_int_equal(bpfstream_prog_read(prog, OUT, NULL, 100), -EFAULT);
	assert_int_equal(bpfstream_prog_read(prog, OUT, buf, 5), 5);
	assert_int_equal(bpfstream_prog_read(prog, OUT, NULL, 100), -EFAULT);
	assert_int_equal(bpfstream_prog_read(prog, OUT, buf + 5, 100), strlen(line) - 5);
	assert_memory_equal(buf, line, strlen(line));
}

/* ---- files ---- */

static int open_nothing(void)
{
	return -1;
}

static int open_for_reading(void)
{
	return open("/dev/null", O_RDONLY);
}

static int open_full_disk(void)
{
	return open("/dev/full", O_WRONLY);
}

static int open_broken_pipe(void)
{
	int fd[2];

	if (pipe(fd))
		return -1;
	close(fd[0]);
	return fd[1];
}

static int full_pipes_end;

static int open_full_pipe(void)
{
	int fd[2];

	if (pipe2(fd, O_NONBLOCK))
		return -1;
	fixture_fill_pipe(fd[1]);
	full_pipes_end = fd[0];
	return fd[1];
}

static void a_file_that_cannot_be_written_costs_no_text_and_no_errno(void **state)
{
	static const struct {
		int (*open)(void);
		int err;
	} row[] = {
		{ open_nothing, EBADF }, { open_for_reading, EBADF }, { open_full_disk, ENOSPC },
		{ open_broken_pipe, EPIPE }, { open_full_pipe, EAGAIN },
	};
	struct bpfstream_prog *prog = prog_of(state);
	u32 i, t;

	print(prog, OUT, "one ");
	print(prog, OUT, "two");
	for (i = 0; i < sizeof(row) / sizeof(*row); i++) {
		int fd = row[i].open();

		errno = FIXTURE_ERRNO;
		for (t = 0; t < NR_WRITING; t++) {
			assert_int_equal(writing[t].fn(prog, OUT, fd), -row[i].err);
			assert_int_equal(errno, FIXTURE_ERRNO);
			assert_int_equal(bpfstream_pending(stream_of(state)), 7);
		}
		if (fd >= 0)
			close(fd);
	}
	close(full_pipes_end);
	assert_reads(stream_of(state), "one two");
}

/* An error after the first byte is told the next time. */
static void what_a_file_does_not_take_stays_in_order(void **state)
{
	static const struct {
		int err;
		size_t then;
	} row[] = { { EIO, 0 }, { 0, 0 }, { EAGAIN, SIZE_MAX }, { 0, SIZE_MAX } };
	struct bpfstream_prog *prog = prog_of(state);
	const char *text = "one two six ";
	size_t room;
	u32 e, t;

	for (t = 0; t < NR_WRITING; t++) {
		for (e = 0; e < sizeof(row) / sizeof(*row); e++) {
			for (room = 0; room <= strlen(text); room++) {
				print(prog, OUT, "one ");
				print(prog, OUT, "two ");
				print(prog, OUT, "six ");
				paper_begin(one);
				one->room = room;
				one->err = row[e].err;
				one->then = row[e].then;
				assert_int_equal(writing[t].fn(prog, OUT, ONE),
						 room ? (long)room : -row[e].err);
				assert_int_equal(errno, FIXTURE_ERRNO);
				assert_int_equal(one->len, room);
				assert_memory_equal(one->text, text, room);
				assert_int_equal(bpfstream_pending(stream_of(state)), 12 - room);
				assert_reads(stream_of(state), text + room);
			}
		}
	}
}

static void a_drain_of_a_pipe_that_does_not_wait_takes_what_there_is_room_for(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	size_t total = 0;
	ssize_t n = 0;
	int fd[2];

	assert_int_equal(pipe2(fd, O_NONBLOCK), 0);
	assert_int_equal(bpfstream_write(prog, OUT, pattern, 90000), 0);
	while (total < 90000) {
		n = bpfstream_prog_drain(prog, OUT, fd[1]);
		assert_true(n > 0);
		assert_int_equal(bpfstream_pending(stream_of(state)), 90000 - total - (size_t)n);
		if (total + (size_t)n < 90000)
			assert_int_equal(bpfstream_prog_drain(prog, OUT, fd[1]), -EAGAIN);
		assert_int_equal(read(fd[0], buf + total, sizeof(buf) - total), n);
		total += (size_t)n;
	}
	assert_true((size_t)n < total);
	assert_memory_equal(buf, pattern, total);
	close(fd[0]);
	close(fd[1]);
}

static void a_signal_has_a_write_begun_again(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	u32 t;

	for (t = 0; t < NR_WRITING; t++) {
		print(prog, OUT, "text");
		paper_begin(one);
		one->signals = 3;
		assert_int_equal(writing[t].fn(prog, OUT, ONE), 4);
		assert_on(one, "text");
		assert_int_equal(one->writes + one->writevs, 4);
		assert_int_equal(errno, FIXTURE_ERRNO);
	}
}

static void a_drain_is_one_call_for_many_messages(void **state)
{
	char expected[MANY + 1];

	print_many(prog_of(state), expected);
	assert_int_equal(bpfstream_prog_drain(prog_of(state), OUT, ONE), MANY);
	assert_on(one, expected);
	assert_in_range(one->writes + one->writevs, 1, 2);
}

static void a_dump_uses_nothing_but_write(void **state)
{
	char expected[MANY + 1];

	print_many(prog_of(state), expected);
	one->most = 3;	/* and goes on until all is written */
	assert_int_equal(bpfstream_prog_dump(prog_of(state), OUT, ONE), MANY);
	assert_on(one, expected);
	assert_int_equal(one->writes, 2 * MANY / EACH);
	assert_int_equal(one->writevs, 0);
}

static void lines_about_losses_are_drained_and_dumped_on_top_of_a_full_stream(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	const char *line = "[1 message, 10 bytes lost]\n";
	u32 t;

	for (t = 0; t < NR_WRITING; t++) {
		paper_begin(one);
		assert_int_equal(bpfstream_write(prog, OUT, pattern, FIXTURE_CAPACITY - 1), 0);
		assert_int_equal(bpfstream_write(prog, OUT, pattern, 10), -ENOSPC);
		assert_int_equal(writing[t].fn(prog, OUT, ONE), FIXTURE_CAPACITY - 1 + strlen(line));
		assert_memory_equal(one->text, pattern, FIXTURE_CAPACITY - 1);
		assert_memory_equal(one->text + FIXTURE_CAPACITY - 1, line, strlen(line));
	}
}

/* ---- a dump while another thread reads ---- */

/* A thread that stops in its first call of write(2) or writev(2) until it is let go. */
struct reader {
	pthread_t thread;
	struct bpfstream_prog *prog;
	const struct taker *by;
	ssize_t n;
	sem_t there;
	sem_t go_on;
};

static void stop_here(void *arg)
{
	struct reader *r = arg;

	sem_post(&r->there);
	while (sem_wait(&r->go_on))
		;
}

static void *reader_fn(void *arg)
{
	struct reader *r = arg;

	r->n = r->by->fn(r->prog, OUT, ONE);
	return NULL;
}

static struct reader *reader_start(struct bpfstream_prog *prog, const struct taker *by)
{
	struct reader *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->prog = prog;
	r->by = by;
	sem_init(&r->there, 0, 0);
	sem_init(&r->go_on, 0, 0);
	one->fn = stop_here;
	one->arg = r;
	assert_int_equal(pthread_create(&r->thread, NULL, reader_fn, r), 0);
	while (sem_wait(&r->there))
		;
	return r;
}

static ssize_t reader_end(struct reader *r)
{
	ssize_t n;

	sem_post(&r->go_on);
	pthread_join(r->thread, NULL);
	n = r->n;
	sem_destroy(&r->there);
	sem_destroy(&r->go_on);
	free(r);
	return n;
}

static void a_dump_past_a_reader_takes_what_that_one_has_not_taken(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	char expected[MANY + 1];
	struct reader *r;
	u32 by, t;

	for (by = 0; by < NR_WRITING; by++) {
		for (t = 1; t < NR_WRITING; t++) {	/* a drain would wait */
			paper_begin(one);
			paper_begin(other);
			print_many(prog, expected);
			r = reader_start(prog, &writing[by]);
			assert_int_equal(writing[t].fn(prog, OUT, OTHER), 0);
			print(prog, OUT, "five ");
			print(prog, OUT, "six ");
			assert_int_equal(writing[t].fn(prog, OUT, OTHER), 9);
			assert_on(other, "five six ");
			assert_int_equal(writing[t].fn(prog, OUT, OTHER), 0);
			assert_int_equal(reader_end(r), MANY);
			assert_on(one, expected);
			assert_reads(stream_of(state), "");
		}
	}
}

static void what_a_dump_past_a_reader_could_not_write_comes_after_the_readers(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	const char *text = "three four five ";
	size_t room;

	for (room = 0; room <= strlen(text); room++) {
		struct reader *r;

		paper_begin(one);
		paper_begin(other);
		print(prog, OUT, "one ");
		print(prog, OUT, "two ");
		r = reader_start(prog, writing);
		print(prog, OUT, "three ");
		print(prog, OUT, "four ");
		print(prog, OUT, "five ");
		other->room = room;
		other->err = EIO;
		assert_int_equal(bpfstream_prog_dump(prog, OUT, OTHER), room ? (long)room : -EIO);
		assert_memory_equal(other->text, text, room);
		assert_int_equal(bpfstream_pending(stream_of(state)), 8 + strlen(text) - room);
		assert_int_equal(reader_end(r), 8 + strlen(text) - room);
		assert_memory_equal(one->text, "one two ", 8);
		assert_memory_equal(one->text + 8, text + room, strlen(text) - room);
		assert_reads(stream_of(state), "");
	}
}

static bool somebody_waits_to_read(void *stream)
{
	struct bpfstream *s = stream;

	if (pthread_mutex_trylock(&s->lock.mutex))
		return true;
	pthread_mutex_unlock(&s->lock.mutex);
	return false;
}

static void *read_all(void *prog)
{
	return (void *)(intptr_t)bpfstream_prog_read(prog, OUT, buf, sizeof(buf));
}

static void a_reader_waits_for_a_dump_and_takes_what_it_leaves(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	struct reader *dumper;
	pthread_t reader;
	void *n;

	print(prog, OUT, "one two");
	one->room = 4;
	one->err = EIO;
	dumper = reader_start(prog, &takers[2]);
	assert_int_equal(pthread_create(&reader, NULL, read_all, prog), 0);
	assert_true(fixture_soon(somebody_waits_to_read, stream_of(state)));
	assert_int_equal(reader_end(dumper), 4);
	pthread_join(reader, &n);
	assert_int_equal((intptr_t)n, 3);
	assert_memory_equal(buf, "two", 3);
	assert_on(one, "one ");
}

/* ---- a dump on top of a reader of the same thread ---- */

/* @n: what the dump returned; @log: printed just before */
struct on_top {
	struct bpfstream_prog *prog;
	const struct taker *by;
	const char *log;
	ssize_t n;
};

static void dump_on_top(void *arg)
{
	struct on_top *top = arg;
	int saved = errno;

	if (top->log)
		print(top->prog, OUT, top->log);
	errno = FIXTURE_ERRNO - 1;
	top->n = top->by->fn(top->prog, OUT, OTHER);
	assert_int_equal(errno, FIXTURE_ERRNO - 1);
	errno = saved;
}

static void a_dump_on_top_of_a_reader_takes_all_but_what_that_one_has_in_hand(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	char expected[MANY + 1];
	u32 by, t;

	for (by = 0; by < NR_WRITING; by++) {
		for (t = 1; t < NR_WRITING; t++) {
			struct on_top top = { .prog = prog, .by = &writing[t], .log = "log" };

			paper_begin(one);
			paper_begin(other);
			print_many(prog, expected);
			one->fn = dump_on_top;
			one->arg = &top;
			assert_int_equal(writing[by].fn(prog, OUT, ONE) + top.n, MANY + 3);
			assert_int_equal(one->len + other->len, MANY + 3);
			assert_in_range(one->len, EACH, MANY - EACH);
			assert_memory_equal(one->text, expected, one->len);
			assert_memory_equal(other->text, expected + one->len, MANY - one->len);
			assert_memory_equal(other->text + MANY - one->len, "log", 3);
			assert_reads(stream_of(state), "");
		}
	}
}

static void a_dump_on_top_that_fails_leaves_all_in_order(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	char expected[MANY + 4];
	size_t room;

	for (room = 0; room < 12; room++) {
		struct on_top top = { .prog = prog, .by = &takers[2], .log = "log" };

		paper_begin(one);
		paper_begin(other);
		print_many(prog, expected);
		strcpy(expected + MANY, "log");
		one->fn = dump_on_top;
		one->arg = &top;
		one->room = 0;
		one->err = EAGAIN;
		other->room = room;
		other->err = EPIPE;
		other->then = SIZE_MAX;	/* and no newer text before the rest of the older */
		assert_int_equal(bpfstream_prog_drain(prog, OUT, ONE), -EAGAIN);
		assert_int_equal(top.n, room ? (long)room : -EPIPE);
		assert_int_equal(bpfstream_pending(stream_of(state)), MANY + 3 - room);
		memmove(expected + IN_HAND, expected + IN_HAND + room,
			strlen(expected + IN_HAND + room) + 1);
		assert_reads(stream_of(state), expected);
	}
}

static void in_hand_is_left_to_the_reader_though_it_fails(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	struct on_top top = { .prog = prog, .by = &takers[2] };

	print(prog, OUT, "in hand");
	one->fn = dump_on_top;
	one->arg = &top;
	one->room = 0;
	one->err = EPIPE;
	assert_int_equal(bpfstream_prog_drain(prog, OUT, ONE), -EPIPE);
	assert_int_equal(top.n, 0);
	assert_reads(stream_of(state), "in hand");
}

/* Ten messages of one letter each, in two pages each. */
static void print_letters(struct bpfstream_prog *prog)
{
	int i;

	for (i = 0; i < 10; i++) {
		memset(one->text, 'a' + i, 5000);
		assert_int_equal(bpfstream_write(prog, OUT, one->text, 5000), 0);
	}
}

static u32 count(const char *text, size_t len, int letter)
{
	const char *end = text + len;
	u32 n = 0;

	while ((text = memchr(text, letter, (size_t)(end - text)))) {
		text++;
		n++;
	}
	return n;
}

static void assert_sorted(const char *text, size_t len)
{
	size_t i;

	for (i = 1; i < len; i++)
		assert_true(text[i - 1] <= text[i]);
}

static void a_dump_anywhere_in_a_read_takes_no_byte_twice_and_loses_none(void **state)
{
	static const enum bsp_point at[] = { BSP_POINT_CMPXCHG, BSP_POINT_PAGE_FREE };
	struct bpfstream_prog *prog = prog_of(state);
	u32 p, i, met = 0;
	long nth;

	for (p = 0; p < sizeof(at) / sizeof(*at); p++) {
		for (nth = 0; nth < 14; nth++) {
			struct on_top top = { .prog = prog, .by = &takers[2] };
			ssize_t n;

			print_letters(prog);
			paper_begin(other);
			fixture_at(at[p], nth, dump_on_top, &top);
			n = bpfstream_prog_read(prog, OUT, buf, 44000);
			met += bsp_fault.countdown < 0;
			bsp_fault.countdown = -1;
			assert_true(n >= 0);
			n += bpfstream_prog_read(prog, OUT, buf + n, sizeof(buf) - (size_t)n);
			assert_int_equal(n + top.n, 50000);
			assert_int_equal(other->len, top.n);
			for (i = 0; i < 10; i++)
				assert_int_equal(count(buf, (size_t)n, 'a' + (int)i) +
						 count(other->text, other->len, 'a' + (int)i), 5000);
			assert_sorted(buf, (size_t)n);
			assert_sorted(other->text, other->len);
			assert_int_equal(bpfstream_pending(stream_of(state)), 0);
		}
	}
	assert_true(met > 10);
}

/* ---- all programs ---- */

static struct bpfstream_prog *named(const char *name, uint32_t flags)
{
	struct bpfstream_opts opts = { .sz = sizeof(opts), .flags = flags, .name = name };
	struct bpfstream_prog *prog = bpfstream_prog_create(&opts);

	assert_non_null(prog);
	errno = FIXTURE_ERRNO;
	return prog;
}

static void before_there_is_a_program_there_is_nothing_to_dump(void **state)
{
	(void)state;
	errno = FIXTURE_ERRNO;
	paper_begin(one);
	assert_int_equal(bpfstream_dump_all(ONE), 0);
	assert_int_equal(bpfstream_dump_all(-1), 0);
	assert_int_equal(one->writes, 0);
	assert_int_equal(errno, FIXTURE_ERRNO);
}

static void all_programs_are_dumped_in_the_order_of_their_making(void **state)
{
	static const char expected[] =
		"plain out\nplain err\n"
		"==> web (stdout) <==\nGET /\n"
		"==> web (stderr) <==\n404\n"
		"==> db (stderr) <==\nslow\n";
	struct bpfstream_prog *prog = prog_of(state);
	struct bpfstream_prog *web = named("web", 0), *quiet = named("quiet", 0);
	struct bpfstream_prog *db = named("db", 0);

	print(db, ERR, "slow\n");
	print(web, ERR, "404\n");
	print(web, OUT, "GET /\n");
	print(prog, OUT, "plain out\n");
	print(prog, ERR, "plain err\n");
	assert_int_equal(bpfstream_dump_all(ONE), strlen(expected));
	assert_on(one, expected);
	assert_int_equal(bpfstream_dump_all(ONE), 0);
	assert_on(one, expected);
	bpfstream_prog_destroy(web);
	bpfstream_prog_destroy(db);
	bpfstream_prog_destroy(quiet);
}

static void a_long_name_is_cut_and_an_empty_one_is_none(void **state)
{
	static const struct {
		const char *name;
		const char *heading;
	} row[] = {
		{ "1234567890123456789012345678901",
		  "==> 1234567890123456789012345678901 (stdout) <==\n" },
		{ "12345678901234567890123456789012",
		  "==> 1234567890123456789012345678901 (stdout) <==\n" },
		{ "123456789 123456789 123456789 123456789 123456789",
		  "==> 123456789 123456789 123456789 1 (stdout) <==\n" },
		{ "", "" },
		{ NULL, "" },
	};
	u32 i;

	(void)state;
	for (i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct bpfstream_prog *prog = named(row[i].name, 0);
		size_t len = strlen(row[i].heading);

		paper_begin(one);
		print(prog, OUT, "text");
		assert_int_equal(bpfstream_dump_all(ONE), len + 4);
		assert_memory_equal(one->text, row[i].heading, len);
		assert_memory_equal(one->text + len, "text", 4);
		bpfstream_prog_destroy(prog);
	}
}

static void a_heading_is_written_in_one_piece_and_before_any_text(void **state)
{
	struct bpfstream_prog *prog = named("busy", 0);
	struct on_top top = { .prog = prog, .by = &takers[3], .log = "log" };
	char expected[MANY + 1];

	(void)state;
	print_many(prog, expected);
	one->fn = dump_on_top;
	one->arg = &top;
	assert_int_equal(bpfstream_prog_drain(prog, OUT, ONE), IN_HAND);
	assert_int_equal(top.n, 21 + MANY - IN_HAND + 3 + 1);
	assert_memory_equal(other->text, "==> busy (stdout) <==\nm256 ", 27);
	assert_int_equal(count(other->text, other->len, '>'), 1);
	assert_int_equal(other->writes, 1 + (MANY - IN_HAND) / EACH + 1);
	bpfstream_prog_destroy(prog);
}

static void what_is_in_another_readers_hands_gets_no_heading(void **state)
{
	struct bpfstream_prog *prog = named("held", 0);
	struct on_top top = { .prog = prog, .by = &takers[3] };
	struct reader *r;

	(void)state;
	print(prog, OUT, "text");
	r = reader_start(prog, writing);
	assert_int_equal(bpfstream_dump_all(OTHER), 0);
	assert_int_equal(reader_end(r), 4);
	print(prog, OUT, "text");
	one->fn = dump_on_top;
	one->arg = &top;
	assert_int_equal(bpfstream_prog_drain(prog, OUT, ONE), 4);
	assert_int_equal(top.n, 0);
	assert_int_equal(other->writes, 0);
	bpfstream_prog_destroy(prog);
}

static void a_line_about_losses_alone_gets_its_heading(void **state)
{
	struct bpfstream_prog *prog = named("lossy", BPFSTREAM_LOST_LINES);
	static const char expected[] =
		"first\n==> lossy (stderr) <==\n[1 message, 0 bytes lost]\n";

	print(prog_of(state), OUT, "first\n");
	assert_int_equal(bpfstream_printf(prog, ERR, NULL), -EINVAL);
	assert_int_equal(bpfstream_dump_all(ONE), strlen(expected));
	assert_on(one, expected);
	bpfstream_prog_destroy(prog);
}

static void a_dump_of_all_says_how_far_it_came(void **state)
{
	static const char expected[] = "==> d (stdout) <==\nab==> d (stderr) <==\nc";
	size_t room;
	u32 e;

	(void)state;
	for (e = 0; e < 2; e++) {
		for (room = 0; room <= strlen(expected); room++) {
			struct bpfstream_prog *prog = named("d", 0);
			size_t text = room < 20 ? 0 : room < 21 ? 1 : room < 41 ? 2 : 3;

			print(prog, OUT, "ab");
			print(prog, ERR, "c");
			paper_begin(one);
			one->room = room;
			one->err = e ? 0 : EIO;
			assert_int_equal(bpfstream_dump_all(ONE), room || e ? (long)room : -EIO);
			assert_int_equal(errno, FIXTURE_ERRNO);
			assert_memory_equal(one->text, expected, room);
			assert_reads(&prog->stream[0], text < 2 ? &"ab"[text] : "");
			assert_reads(&prog->stream[1], text < 3 ? "c" : "");
			bpfstream_prog_destroy(prog);
		}
	}
}

static void no_text_follows_a_heading_that_was_cut_short(void **state)
{
	struct bpfstream_prog *prog = named("d", 0);
	static const char cut[] = "==> d", other_stream[] = "==> d (stderr) <==\nc";

	(void)state;
	print(prog, OUT, "ab");
	print(prog, ERR, "c");
	one->room = strlen(cut);
	one->err = EAGAIN;
	one->then = SIZE_MAX;
	assert_int_equal(bpfstream_dump_all(ONE), strlen(cut) + strlen(other_stream));
	assert_memory_equal(one->text + strlen(cut), other_stream, strlen(other_stream));
	assert_reads(&prog->stream[0], "ab");
	bpfstream_prog_destroy(prog);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
#define TEST_LOST_LINES(name) \
	cmocka_unit_test_setup_teardown(name, setup_lost_lines, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_there_is_a_program_there_is_nothing_to_dump),
		TEST(a_stream_that_is_not_there_is_refused),
		TEST(the_streams_of_a_program_are_two),
		TEST(where_nothing_waits_nothing_is_taken_and_nothing_called),
		TEST(each_takes_all_text_in_order_whatever_its_bytes),
		TEST(a_read_takes_at_most_what_there_is_room_for),
		TEST(a_read_copies_exactly_the_message_whatever_its_length),
		TEST(a_read_of_no_bytes_takes_nothing),
		TEST(a_buffer_that_cannot_be_costs_no_text),
		TEST_LOST_LINES(a_line_about_losses_is_not_lost_to_a_bad_buffer),
		TEST(a_file_that_cannot_be_written_costs_no_text_and_no_errno),
		TEST(what_a_file_does_not_take_stays_in_order),
		TEST(a_drain_of_a_pipe_that_does_not_wait_takes_what_there_is_room_for),
		TEST(a_signal_has_a_write_begun_again),
		TEST(a_drain_is_one_call_for_many_messages),
		TEST(a_dump_uses_nothing_but_write),
		TEST_LOST_LINES(lines_about_losses_are_drained_and_dumped_on_top_of_a_full_stream),
		TEST(a_dump_past_a_reader_takes_what_that_one_has_not_taken),
		TEST(what_a_dump_past_a_reader_could_not_write_comes_after_the_readers),
		TEST(a_reader_waits_for_a_dump_and_takes_what_it_leaves),
		TEST(a_dump_on_top_of_a_reader_takes_all_but_what_that_one_has_in_hand),
		TEST(a_dump_on_top_that_fails_leaves_all_in_order),
		TEST(in_hand_is_left_to_the_reader_though_it_fails),
		TEST(a_dump_anywhere_in_a_read_takes_no_byte_twice_and_loses_none),
		TEST(all_programs_are_dumped_in_the_order_of_their_making),
		TEST(a_long_name_is_cut_and_an_empty_one_is_none),
		TEST(a_heading_is_written_in_one_piece_and_before_any_text),
		TEST(what_is_in_another_readers_hands_gets_no_heading),
		TEST(a_line_about_losses_alone_gets_its_heading),
		TEST(a_dump_of_all_says_how_far_it_came),
		TEST(no_text_follows_a_heading_that_was_cut_short),
	};

	return cmocka_run_group_tests_name("read", tests, group_setup, NULL);
}
