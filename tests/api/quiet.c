// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * quiet.c - a user's program: threads that come and go, handlers, groups, readers, a fork, a dump
 *
 * usage: quiet [race|slip]
 *
 * For quiet.py. It has no error of its own, or with an argument one: "race", two threads that write
 * to one word with nothing between them; "slip", a read of the byte behind a block from malloc().
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpfstream.h>

#define WRITERS		3
#define ROUNDS		40
#define LONG_TEXT	6000	/* more than a page */

static struct bpfstream_prog *prog;
static int nowhere;

/* What the threads share besides. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int written;
static int over;
static volatile int racy;

static void count(int err)
{
	pthread_mutex_lock(&lock);
	written += !err;
	pthread_mutex_unlock(&lock);
}

static void on_signal(int sig)
{
	struct bpfstream_stage ss;

	(void)bpfstream_printf(prog, BPFSTREAM_STDERR, "signal %d after %.3f s\n", sig, 0.125);
	(void)bpfstream_stage(&ss, prog, BPFSTREAM_STDERR, bpfstream_stage_dump_stack(&ss));
	(void)bpfstream_prog_dump(prog, BPFSTREAM_STDERR, nowhere);
}

/* Messages of all lengths and kinds; the text is the thread's own, on its heap. */
static void *writer(void *arg)
{
	char *text = malloc(LONG_TEXT);
	uint64_t args[] = { 7, (uint64_t)(uintptr_t)"word" };
	struct bpfstream_stage ss;
	size_t i;

	(void)arg;
	if (!text)
		abort();
	memset(text, 'x', LONG_TEXT);
	for (i = 0; i < ROUNDS; i++) {
		count(bpfstream_printf(prog, BPFSTREAM_STDOUT, "%zu %s %p\n", i, "text", arg));
		count(bpfstream_write(prog, BPFSTREAM_STDOUT, text, LONG_TEXT / ROUNDS * i + 1));
		count(bpfstream_bprintf(prog, BPFSTREAM_STDOUT, "%d %s\n", args, sizeof(args)));
		count(bpfstream_stage(&ss, prog, BPFSTREAM_STDOUT,
				      bpfstream_stage_printf(&ss, "%.200s\n", text)));
		if (!(i % 10))
			raise(SIGUSR1);
	}
	free(text);
	return NULL;
}

static int is_over(void)
{
	int yes;

	pthread_mutex_lock(&lock);
	yes = over;
	pthread_mutex_unlock(&lock);
	return yes;
}

static void end(void)
{
	pthread_mutex_lock(&lock);
	over = 1;
	pthread_mutex_unlock(&lock);
	count(bpfstream_printf(prog, BPFSTREAM_STDERR, "end\n"));
}

/* Reads what the others write, in both ways, until it is told to end. */
static void *reader(void *arg)
{
	char buf[1000];		/* on the heap, a child's memcheck would miss its owner */
	ssize_t n = 0;
	size_t i;

	for (i = 0; n >= 0 && !is_over(); i++) {
		int mask = bpfstream_prog_wait(prog, -1);

		if (mask & 1 << BPFSTREAM_STDERR)
			n = bpfstream_prog_drain(prog, BPFSTREAM_STDERR, nowhere);
		if (mask & 1 << BPFSTREAM_STDOUT)
			n = i % 2 ? bpfstream_prog_drain(prog, BPFSTREAM_STDOUT, nowhere) :
			    bpfstream_prog_read(prog, BPFSTREAM_STDOUT, buf, sizeof(buf));
	}
	*(ssize_t *)arg = n;
	return NULL;
}

/* A thread that prints and ends; its page is found by others. */
static void *visitor(void *arg)
{
	(void)arg;
	count(bpfstream_printf(prog, BPFSTREAM_STDOUT, "here and gone\n"));
	return NULL;
}

/*
 * One thread is left behind. (Of such a thread that has ended and was not joined, ThreadSanitizer
 * says in any program's child that it is leaked.)
 */
static int in_a_child(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int err = bpfstream_printf(prog, BPFSTREAM_STDOUT, "child %d\n", 1);

		raise(SIGUSR1);
		_exit(err || bpfstream_dump_all(nowhere) <= 0);
	}
	return pid < 0 || waitpid(pid, &status, 0) != pid || status;
}

static int another_program(void)
{
	struct bpfstream_opts opts = { .sz = sizeof(opts), .capacity = 5000, .page_budget = 8,
				       .flags = BPFSTREAM_LOST_LINES, .name = "another" };
	struct bpfstream_prog *other = bpfstream_prog_create(&opts);
	struct bpfstream_stat stat = { .sz = sizeof(stat) };
	int bad;

	if (!other)
		return 1;
	bad = bpfstream_printf(other, BPFSTREAM_STDERR, "%5000d", 1) != -ENOSPC ||
	      bpfstream_printf(other, BPFSTREAM_STDERR, "text") ||
	      bpfstream_dump_all(nowhere) <= 0 ||
	      bpfstream_prog_stat(other, BPFSTREAM_STDERR, &stat) || stat.lost_full != 1;
	bpfstream_prog_destroy(other);
	return bad;
}

/* ---- errors of its own ---- */

static void *set_racy(void *arg)
{
	racy = *(int *)arg;
	return NULL;
}

static int race(void)
{
	int value[2] = { 1, 2 };
	pthread_t thread[2];
	int i;

	for (i = 0; i < 2; i++)
		if (pthread_create(&thread[i], NULL, set_racy, &value[i]))
			return 1;
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	return 0;
}

static int slip(void)
{
	volatile char *text = malloc(8);
	int end;

	if (!text)
		return 1;
	end = text[8];
	if (end == 4711)	/* it is no char, but who reads this does not know */
		abort();
	free((char *)text);
	return 0;
}

int main(int argc, char **argv)
{
	const char *own = argc > 1 ? argv[1] : "";
	pthread_t thread[WRITERS], late, visit;
	ssize_t last = 0;
	int bad = 0, i;

	nowhere = open("/dev/null", O_WRONLY);
	prog = bpfstream_prog_create(NULL);
	if (!prog || bpfstream_prog_fd(prog) < 0)
		return 2;
	signal(SIGUSR1, on_signal);
	if (pthread_create(&late, NULL, reader, &last))
		return 2;
	for (i = 0; i < WRITERS; i++)
		if (pthread_create(&thread[i], NULL, writer, NULL))
			return 2;
	for (i = 0; i < 5; i++) {
		if (pthread_create(&visit, NULL, visitor, NULL))
			return 2;
		bad |= another_program();
		pthread_join(visit, NULL);
	}
	for (i = 0; i < WRITERS; i++)
		pthread_join(thread[i], NULL);
	bad |= in_a_child();
	if (!strcmp(own, "race"))
		bad |= race();
	if (!strcmp(own, "slip"))
		bad |= slip();
	end();
	pthread_join(late, NULL);
	bad |= written != WRITERS * ROUNDS * 4 + 5 + 1 || last < 0;
	bpfstream_prog_destroy(prog);
	close(nowhere);
	return bad;
}
