// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * calls.c - a user's program: every function of the library, once at least
 *
 * Built against an installed library by installed.py. Exits 0 if all went as the header says.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpfstream.h>

static int failures;

#define CHECK(cond)								\
	do {									\
		if (!(cond)) {							\
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);	\
			failures++;						\
		}								\
	} while (0)

static int print_v(struct bpfstream_prog *prog, const char *fmt, ...)
{
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = bpfstream_vprintf(prog, BPFSTREAM_STDOUT, fmt, ap);
	va_end(ap);
	return err;
}

static int stage_v(struct bpfstream_stage *ss, const char *fmt, ...)
{
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = bpfstream_stage_vprintf(ss, fmt, ap);
	va_end(ap);
	return err;
}

/* Whether @text, and nothing else, waits in a stream; it is read. */
static int reads(struct bpfstream_prog *prog, enum bpfstream_id id, const char *text)
{
	char buf[4096];
	ssize_t n = bpfstream_prog_read(prog, id, buf, sizeof(buf));

	return n == (ssize_t)strlen(text) && !memcmp(buf, text, (size_t)n) &&
	       !bpfstream_prog_read(prog, id, buf, sizeof(buf));
}

/* Whether @text, and nothing else, can be read from a pipe. */
static int piped(int fd, const char *text)
{
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));

	return n == (ssize_t)strlen(text) && !memcmp(buf, text, (size_t)n);
}

static void writers(struct bpfstream_prog *prog)
{
	uint64_t args[2] = { 7, (uint64_t)(uintptr_t)"word" };

	CHECK(!bpfstream_printf(prog, BPFSTREAM_STDOUT, "%d %s %5.2f\n", -1, "one", 1.5));
	CHECK(!print_v(prog, "%#x|", 255u));
	CHECK(!bpfstream_write(prog, BPFSTREAM_STDOUT, "raw|", 4));
	CHECK(!bpfstream_bprintf(prog, BPFSTREAM_STDOUT, "%d %s", args, sizeof(args)));
	CHECK(reads(prog, BPFSTREAM_STDOUT, "-1 one  1.50\n0xff|raw|7 word"));
	CHECK(bpfstream_printf(prog, (enum bpfstream_id)3, "x") == -ENOENT);
	CHECK(bpfstream_write(NULL, BPFSTREAM_STDOUT, "x", 1) == -EINVAL);
	CHECK(bpfstream_bprintf(prog, BPFSTREAM_STDOUT, "%d", args, 7) == -EINVAL);
}

static void stages(struct bpfstream_prog *prog)
{
	struct bpfstream_stage ss;
	char buf[4096];
	ssize_t n;

	bpfstream_stage_init(&ss);
	CHECK(!bpfstream_stage_printf(&ss, "a%d", 1));
	CHECK(!stage_v(&ss, "b%d", 2));
	CHECK(!bpfstream_prog_read(prog, BPFSTREAM_STDERR, buf, sizeof(buf)));
	CHECK(!bpfstream_stage_commit(&ss, prog, BPFSTREAM_STDERR));
	CHECK(reads(prog, BPFSTREAM_STDERR, "a1b2"));
	CHECK(!bpfstream_stage_printf(&ss, "given up"));
	bpfstream_stage_free(&ss);
	CHECK(reads(prog, BPFSTREAM_STDERR, ""));

	CHECK(!bpfstream_stage(&ss, prog, BPFSTREAM_STDERR, bpfstream_stage_dump_stack(&ss)));
	n = bpfstream_prog_read(prog, BPFSTREAM_STDERR, buf, sizeof(buf) - 1);
	CHECK(n > 0);
	buf[n > 0 ? n : 0] = '\0';
	CHECK(strstr(buf, "CPU: ") == buf && strstr(buf, "Call trace:\n"));
}

static void readers(struct bpfstream_prog *prog)
{
	struct pollfd pfd = { .fd = bpfstream_prog_fd(prog), .events = POLLIN };
	char two[2];
	int end[2];

	CHECK(pfd.fd >= 0 && !poll(&pfd, 1, 0));
	CHECK(!bpfstream_prog_wait(prog, 0));
	CHECK(!bpfstream_prog_wait(prog, 1));
	CHECK(!bpfstream_write(prog, BPFSTREAM_STDERR, "abcdef", 6));
	CHECK(bpfstream_prog_wait(prog, -1) == 1 << BPFSTREAM_STDERR);
	CHECK(poll(&pfd, 1, 1000) == 1);
	CHECK(bpfstream_prog_read(prog, BPFSTREAM_STDERR, two, 2) == 2 && !memcmp(two, "ab", 2));
	CHECK(!pipe(end));
	CHECK(bpfstream_prog_drain(prog, BPFSTREAM_STDERR, end[1]) == 4);
	CHECK(piped(end[0], "cdef"));
	CHECK(!poll(&pfd, 1, 0));
	CHECK(!bpfstream_write(prog, BPFSTREAM_STDOUT, "last", 4));
	CHECK(bpfstream_prog_dump(prog, BPFSTREAM_STDOUT, end[1]) == 4);
	CHECK(piped(end[0], "last"));
	CHECK(!bpfstream_write(prog, BPFSTREAM_STDOUT, "words", 5));
	CHECK(bpfstream_dump_all(end[1]) > 5);
	CHECK(piped(end[0], "==> calls (stdout) <==\nwords"));
	CHECK(bpfstream_prog_drain(prog, BPFSTREAM_STDOUT, -1) == 0);
	close(end[0]);
	close(end[1]);
}

static void losses(struct bpfstream_prog *prog)
{
	struct bpfstream_stat stat = { .sz = sizeof(stat) };
	static char big[65536];

	CHECK(bpfstream_write(prog, BPFSTREAM_STDOUT, big, sizeof(big)) == -ENOSPC);
	CHECK(!bpfstream_write(prog, BPFSTREAM_STDOUT, big, sizeof(big) - 1));
	CHECK(!bpfstream_prog_stat(prog, BPFSTREAM_STDOUT, &stat));
	CHECK(stat.sz == sizeof(stat) && stat.capacity == 65536 && stat.pending == 65535);
	CHECK(stat.lost_full == 1 && stat.lost_bytes >= 65536 && !stat.lost_nomem);
}

int main(void)
{
	struct bpfstream_opts opts = {
		.sz = sizeof(opts), .capacity = 65536, .flags = 0, .name = "calls"
	};
	struct bpfstream_prog *prog = bpfstream_prog_create(&opts);

	CHECK(prog);
	if (!prog)
		return 1;
	writers(prog);
	stages(prog);
	readers(prog);
	losses(prog);
	bpfstream_prog_destroy(prog);
	bpfstream_prog_destroy(NULL);

	opts.sz = 1;
	errno = 0;
	CHECK(!bpfstream_prog_create(&opts) && errno == EINVAL);
	return failures ? 1 : 0;
}
