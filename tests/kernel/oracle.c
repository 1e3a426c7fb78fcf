// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * oracle.c - what a kernel answers to whoever uses BPF streams, put down line by line
 *
 * Programs for the test guest's kernel, assembled by hand, call bpf_stream_vprintk() and
 * bpf_stream_print_stack(); this process reads what they print. A stimulus is a few such calls and
 * prints one line:
 *
 *   ORACLE name words
 *
 * The words hold nothing that differs from boot to boot or with the kernel's configuration, so two
 * kernels behave alike where their lines are alike. "+warning" at the end: the kernel complained
 * meanwhile. What it said is printed as KERNEL lines; its own console is off, so that no line is cut
 * by another. "skipped:" and why, where the guest cannot have the stimulus.
 *
 * Each stimulus has programs, thus streams, of its own. Nothing here judges: oracle-report.py lays
 * two kernels' lines side by side.
 */
#include "printer.h"
#include "escape.h"

#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#define OUT	BPFRAW_STDOUT
#define ERR	BPFRAW_STDERR
#define LIMIT	100000u		/* exclusive: one byte less fits */

static char text[1 << 20];	/* what was read last, and a NUL */

/* ---- one line ---- */

static char line[4096];
static size_t line_len;
static int kmsg = -1;

static void __attribute__((__format__(__printf__, 1, 2))) say(const char *fmt, ...)
{
	va_list ap;
	int n;

	if (line_len && line_len < sizeof(line) - 1)
		line[line_len++] = ' ';
	va_start(ap, fmt);
	n = vsnprintf(line + line_len, sizeof(line) - line_len, fmt, ap);
	va_end(ap);
	line_len += (size_t)n;
	if (line_len > sizeof(line) - 1)
		line_len = sizeof(line) - 1;
}

/* A result: an errno's name, or a number. */
static void say_ret(long ret)
{
	say("%s", bpfraw_errno_name(ret));
}

/* Text in quotes, with what cannot be printed escaped. */
static void say_text(const char *s, size_t len)
{
	char out[1024];
	size_t n = 0;
	size_t i;

	for (i = 0; i < len && n < sizeof(out) - 8; i++)
		n += escape(out + n, (unsigned char)s[i]);
	out[n] = '\0';
	say("\"%s\"%s", out, i < len ? "..." : "");
}

static void put_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		perror(path);
	close(fd);
}

static void begin(const char *name)
{
	stimulus = name;
	line_len = 0;
	line[0] = '\0';
	/* What warns once is to warn once a stimulus. */
	put_file("/sys/kernel/debug/clear_warn_once", "1");
	if (kmsg < 0)
		kmsg = bpfraw_kmsg_open();
	lseek(kmsg, 0, SEEK_END);
}

static void end(void)
{
	if (bpfraw_complaints(kmsg))
		say("+warning");
	printf("ORACLE %s %s\n", stimulus, line);
	fflush(stdout);
}

static void skip(const char *name, const char *why)
{
	printf("ORACLE %s skipped: %s\n", name, why);
	fflush(stdout);
}

static long take(const struct prog *prog, uint32_t id, uint32_t len)
{
	long n = bpfraw_stream_read(prog->fd, id, text, len < sizeof(text) ? len : sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return n;
}

/* Read until nothing comes; how many bytes that were. */
static long drain(const struct prog *prog, uint32_t id)
{
	long total = 0;
	long n;

	while ((n = take(prog, id, sizeof(text))) > 0)
		total += n;
	return n < 0 ? n : total;
}

static uint32_t cpus(void)
{
	return (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
}

static void pin(uint32_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void unpin(void)
{
	cpu_set_t set;
	uint32_t i;

	CPU_ZERO(&set);
	for (i = 0; i < cpus(); i++)
		CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A buffer of which only the first @len bytes can be written. */
static char *short_buffer(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (len + page - 1) / page * page;
	char *map = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || mprotect(map + size, page, PROT_NONE)) {
		perror("mmap");
		exit(2);
	}
	return map + size - len;
}

/* ---- stream ids ---- */

static void ids(void)
{
	static const int bad[] = { 0, 3, -1 };
	struct prog prog;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		char name[32];

		snprintf(name, sizeof(name), "id.write.%d", bad[i]);
		begin(name);
		prog = make_one(bad[i], "text", 0);
		say_ret(print(&prog, 0));
		end();
		unmake(&prog);
		snprintf(name, sizeof(name), "id.read.%d", bad[i]);
		begin(name);
		prog = make_one(OUT, "text", 0);
		print(&prog, 0);
		say_ret(bpfraw_stream_read(prog.fd, (uint32_t)bad[i], text, 100));
		say("%ld", drain(&prog, OUT));
		end();
		unmake(&prog);
	}
	begin("id.read.before-buffer");
	prog = make_one(OUT, "text", 0);
	print(&prog, 0);
	say_ret(bpfraw_stream_read(prog.fd, 3, NULL, 64));
	say_ret(bpfraw_stream_read(prog.fd, 3, text, 0));
	end();
	unmake(&prog);
	begin("id.two-streams");
	prog = make((struct call[]){ { .stream = OUT, .fmt = "out" }, { .stream = ERR, .fmt = "error" } }, 2);
	call_one(&prog, 0, 0);
	call_one(&prog, 1, 0);
	call_one(&prog, 0, 0);
	say_text(text, (size_t)take(&prog, OUT, 100));
	say_text(text, (size_t)take(&prog, ERR, 100));
	end();
	unmake(&prog);
	begin("id.two-programs");
	prog = make_one(OUT, "mine", 0);
	{
		struct prog other = make_one(OUT, "yours", 0);

		print(&prog, 0);
		print(&other, 0);
		say_text(text, (size_t)take(&prog, OUT, 100));
		say_text(text, (size_t)take(&other, OUT, 100));
		unmake(&other);
	}
	end();
	unmake(&prog);
}

/* ---- reading ---- */

/* "foo", then one read to @buf of @len bytes; what is left. */
static void read_case(const char *name, void *buf, uint32_t len)
{
	struct prog prog;
	long n;

	begin(name);
	prog = make_one(OUT, "foo", 0);
	print(&prog, 0);
	n = bpfraw_stream_read(prog.fd, OUT, buf, len);
	say_ret(n);
	say("then");
	say_ret(drain(&prog, OUT));
	end();
	unmake(&prog);
}

/* @count messages of @fmt, then a read of @len bytes to a place where only @room can be written. */
static void fault_case(const char *name, const char *fmt, uint64_t count, size_t room, uint32_t len)
{
	char *buf = short_buffer(room);
	struct prog prog;
	long last;

	begin(name);
	prog = make_one(OUT, fmt, 1);
	call_many(&prog, 0, count, &last);
	say_ret(bpfraw_stream_read(prog.fd, OUT, buf, len));
	say("then");
	say_ret(drain(&prog, OUT));
	end();
	unmake(&prog);
}

static void read_in_cuts(void)
{
	char *have = calloc(1, 1 << 16), *want = calloc(1, 1 << 16);
	size_t got = 0, wanted = 0;
	uint32_t i, cut = 1;
	struct prog prog;
	long n;

	if (!have || !want)
		exit(2);
	begin("read.cuts");
	prog = make_one(OUT, "message %d\n", 1);
	for (i = 0; i < 1000; i++) {
		print(&prog, i * i);
		wanted += (size_t)sprintf(want + wanted, "message %u\n", i * i);
	}
	while ((n = take(&prog, OUT, cut)) > 0) {
		memcpy(have + got, text, (size_t)n);
		got += (size_t)n;
		cut = cut % 97 + 1;
	}
	say("%s", got == wanted && !memcmp(have, want, wanted) ? "whole, in order" : "garbled");
	end();
	unmake(&prog);
	free(have);
	free(want);
}

static void reading(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct prog prog;
	char *rdonly;
	uint32_t i;

	begin("read.nothing");
	prog = make_one(OUT, "foo", 0);
	say_ret(bpfraw_stream_read(prog.fd, OUT, text, 64));
	say_ret(bpfraw_stream_read(prog.fd, OUT, NULL, 64));
	say_ret(bpfraw_stream_read(prog.fd, OUT, NULL, 0));
	say_ret(bpfraw_stream_read(prog.fd, OUT, NULL, INT32_MAX));
	end();
	begin("read.nothing.huge");
	say_ret(bpfraw_stream_read(prog.fd, OUT, text, UINT32_MAX));
	end();
	unmake(&prog);
	begin("read.2-2-1");
	prog = make_one(OUT, "foo", 0);
	print(&prog, 0);
	for (i = 0; i < 3; i++) {
		long n = take(&prog, OUT, i < 2 ? 2 : 1);

		say("%ld", n);
		say_text(text, (size_t)n);
	}
	end();
	unmake(&prog);
	read_case("read.null", NULL, 64);
	read_case("read.no-bytes", text, 0);
	read_case("read.int-max", text, INT32_MAX);
	read_case("read.2-to-31", text, (uint32_t)INT32_MAX + 1);
	read_case("read.2-to-32-less-1", text, UINT32_MAX);
	rdonly = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	read_case("read.to-read-only", rdonly, 64);
	munmap(rdonly, page);
	read_case("read.to-kernel", (void *)(uintptr_t)0xffff888000000000u, 64);
	fault_case("read.fault.none-taken", "foo", 3, 0, 64);
	fault_case("read.fault.second", "foo", 3, 4, 64);
	fault_case("read.fault.first", "%1000d", 1, 100, 2000);
	fault_case("read.fault.third", "%1000d", 10, 2500, 10000);
	fault_case("read.fault.between", "%1000d", 10, 2000, 10000);
	fault_case("read.fault.over-pages", "%1000d", 20, 4096 + 777, 20000);
	read_in_cuts();
	begin("read.nul");
	prog = make_one(OUT, "<%c>", 1);
	print(&prog, 0);
	say_text(text, (size_t)take(&prog, OUT, 64));
	end();
	unmake(&prog);
}

/* ---- the limit ---- */

static void full_case(const char *name, const char *fmt, uint32_t nr_args)
{
	struct prog prog;
	uint64_t ok;
	long last;
	int round;

	begin(name);
	prog = make_one(OUT, fmt, nr_args);
	for (round = 0; round < 3; round++) {
		ok = call_many(&prog, 0, 2 * LIMIT, &last);
		say("%lu", ok);
		say_ret(last);
		say("%ld%s", drain(&prog, OUT), round < 2 ? "," : "");
	}
	end();
	unmake(&prog);
}

enum { THOUSAND, ONE, EMPTY, HALF };	/* the calls of many_sizes() */

static struct prog many_sizes(int stream)
{
	return make((struct call[]){ { .stream = stream, .fmt = "%1000d", .args_len = 8 },
				     { .stream = stream, .fmt = "%c", .args_len = 8 },
				     { .stream = stream, .fmt = "" },
				     { .stream = stream, .fmt = "%500d", .args_len = 8 } }, 4);
}

/* @bytes, of nothing but calls that succeed */
static void fill(const struct prog *prog, uint32_t bytes)
{
	long last;

	call_many(prog, THOUSAND, bytes / 1000, &last);
	if (!last)
		call_many(prog, ONE, bytes % 1000, &last);
	if (last)
		say("(not filled: %s)", bpfraw_errno_name(last));
}

static void limit(void)
{
	struct prog prog;
	int i;

	full_case("full.1", "%c", 1);
	full_case("full.54", "%54d", 1);
	full_case("full.500", "%500d", 1);
	full_case("full.999", "%999d", 1);
	full_case("full.1000", "%1000d", 1);
	full_case("full.1023", "%1023d", 1);
	begin("full.empty-still-fits");
	prog = many_sizes(OUT);
	fill(&prog, LIMIT - 1);
	say_ret(call_one(&prog, ONE, 'x'));
	say_ret(call_one(&prog, EMPTY, 0));
	say("%ld", drain(&prog, OUT));
	end();
	unmake(&prog);
	begin("full.refused-costs-nothing");
	prog = many_sizes(OUT);
	fill(&prog, LIMIT - 500);
	for (i = 0; i < 300; i++)
		if (call_one(&prog, HALF, 1) != -ENOSPC)
			say("(fits)");
	say_ret(call_many(&prog, ONE, 499, &(long){ 0 }) == 499 ? 0 : -1);
	say_ret(call_one(&prog, ONE, 'x'));
	say("%ld", drain(&prog, OUT));
	end();
	unmake(&prog);
	begin("full.other-stream");
	prog = make((struct call[]){ { .stream = OUT, .fmt = "%1000d", .args_len = 8 },
				     { .stream = ERR, .fmt = "%1000d", .args_len = 8 } }, 2);
	say("%lu", call_many(&prog, 0, 200, &(long){ 0 }));
	say("%lu", call_many(&prog, 1, 200, &(long){ 0 }));
	end();
	unmake(&prog);
	begin("full.part-read");
	prog = many_sizes(OUT);
	fill(&prog, 99000);
	say_ret(call_one(&prog, THOUSAND, 7));
	say("%ld", take(&prog, OUT, 999));
	say_ret(call_one(&prog, THOUSAND, 7));
	say("%ld", take(&prog, OUT, 1));
	say_ret(call_one(&prog, THOUSAND, 7));
	end();
	unmake(&prog);
}

/* ---- lengths ---- */

static char *repeat(char c, size_t len)
{
	char *s = malloc(len + 1);

	if (!s)
		exit(2);
	memset(s, c, len);
	s[len] = '\0';
	return s;
}

/* One message, then what it left behind and whether the stream still takes anything. */
static void length_case(const char *name, const char *fmt, uint32_t nr_args)
{
	struct prog prog;
	long n;

	begin(name);
	prog = make((struct call[]){ { .stream = OUT, .fmt = fmt, .args_len = 8 * nr_args },
				     { .stream = OUT, .fmt = "%500d", .args_len = 8 } }, 2);
	say_ret(call_one(&prog, 0, 0));
	n = take(&prog, OUT, sizeof(text));
	say("%ld%s", n, n > 0 && memchr(text, 0, (size_t)n) ? " with a NUL" : "");
	say("then %lu fit", call_many(&prog, 1, 1000, &(long){ 0 }));
	end();
	unmake(&prog);
}

static void lengths(void)
{
	static const uint32_t lens[] = { 1022, 1023, 1024, 1025, 3000 };
	struct prog prog;
	char name[32];
	uint64_t ok;
	long last;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		char *s = repeat('t', lens[i]);

		snprintf(name, sizeof(name), "length.%u", lens[i]);
		length_case(name, s, 0);
		free(s);
	}
	length_case("length.0", "", 0);
	length_case("length.0.by-argument", "%s", 1);
	length_case("length.two-parts", "%600d%600d", 2);
	begin("length.97-too-long");
	{
		char *s = repeat('t', 1025);

		prog = make((struct call[]){ { .stream = OUT, .fmt = s },
					     { .stream = OUT, .fmt = "%600d", .args_len = 8 } }, 2);
		free(s);
	}
	for (i = 0, ok = 0; i < 97; i++)
		ok += call_one(&prog, 0, 0) != -ENOSPC;
	say("%lu,", ok);
	last = call_one(&prog, 1, 0);
	say_ret(last);
	say("%ld,", drain(&prog, OUT));
	say_ret(call_one(&prog, 1, 0));
	say("%ld", drain(&prog, OUT));
	end();
	unmake(&prog);
	length_case("width.1023", "%1023d", 1);
	length_case("width.1024", "%1024d", 1);
	length_case("width.1025", "%1025d", 1);
	length_case("width.1024.left", "%-1024d", 1);
	length_case("width.1024.zeros", "%01024d", 1);
	length_case("width.1024.char", "%1024c", 1);
	length_case("width.1024.string", "%1024s", 1);
	length_case("width.99999", "%99999d", 1);
	length_case("width.8388607", "%8388607d", 1);
	length_case("width.8388608", "%8388608d", 1);
	length_case("width.2147483648", "%2147483648d", 1);
	length_case("width.4294967297", "%4294967297d", 1);
	length_case("width.no-argument", "%2000d", 0);
	length_case("width.of-nothing", "%2000o", 1);
	length_case("width.percent", "%%2000d", 0);
	length_case("width.text", "2000 %d 2000", 1);
	length_case("width.swallowed", "%px2000d|", 1);
	length_case("width.ignored", "%2000pI4", 1);
}

/* ---- formats ---- */

struct vector {
	const char *name;
	const char *fmt;
	uint32_t nr_args;
	uint64_t args[BPFRAW_MAX_ARGS];
	uint8_t kernel[BPFRAW_MAX_ARGS];
};

static const char hello[] = "hello", world[] = "world";

#define PTR(p)	((uintptr_t)(p))

static void vector(const char *prefix, const struct vector *v)
{
	struct call call = { .stream = OUT, .fmt = v->fmt, .args_len = 8 * v->nr_args };
	struct job job = { .count = 1 };
	struct prog prog;
	char name[64];
	long ret, n;

	memcpy(call.kernel, v->kernel, sizeof(call.kernel));
	memcpy(job.args, v->args, sizeof(v->args));
	snprintf(name, sizeof(name), "%s.%s", prefix, v->name);
	begin(name);
	prog = make(&call, 1);
	ret = run_job(&prog, &job);
	say_ret(ret);
	n = take(&prog, OUT, sizeof(text));
	if (!ret && n >= 0)
		say_text(text, (size_t)n);
	else if (n)
		say("but read %s", bpfraw_errno_name(n));
	end();
	unmake(&prog);
}

static void formats(void)
{
	const struct vector good[] = {
		{ "d.width", "%5d|%-5d|%05d", 3, { 42, 42, 42 }, { 0 } },
		{ "d.sign", "%+d|% d|%+ d", 3, { 42, 42, 42 }, { 0 } },
		{ "d.left-beats-zero", "%-05d|%0-5d|", 2, { 42, 42 }, { 0 } },
		{ "d.all-flags", "%-+ 07d|", 1, { 5 }, { 0 } },
		{ "d.negative", "%d|%6d|%06d|%-6d|", 4, { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX },
		  { 0 } },
		{ "i-u", "%i %u", 2, { UINT64_MAX, UINT64_MAX }, { 0 } },
		{ "int-is-32-bits", "%d %u %x", 3, { 0x123456789u, 0x123456789u, 0x123456789u }, { 0 } },
		{ "ld-lu", "%ld %lu %li", 3, { UINT64_MAX, UINT64_MAX, 1 }, { 0 } },
		{ "lld", "%lld%%|%llu|%lli", 3, { 3, UINT64_MAX, (uint64_t)INT64_MIN }, { 0 } },
		{ "x", "%x %X %lx %lX %llx", 5,
		  { 255, 255, 0x123456789abu, 0x123456789abu, UINT64_MAX }, { 0 } },
		{ "x.sign", "%+x|% X|%08x|%-8x|", 4, { 255, 255, 255, 255 }, { 0 } },
		{ "c", "%c|%5c|%-5c|%05c|", 4, { 'a', 'b', 'c', 'd' }, { 0 } },
		{ "c.nul", "%c%c", 2, { 0, 0x1ff }, { 0 } },
		{ "c.followed", "%cd%c", 2, { 'a', 'b' }, { 0 } },
		{ "s.unreadable", "%s|%10s|", 2, { 0, 0 }, { 0 } },
		{ "s.user", "%s|%10s|%-8s|", 3, { PTR(hello), PTR(world), 0 }, { 0 } },
		{ "s.kernel", "%s|%pks|%10pks|", 3, { 0 }, { KERNEL_STRING, KERNEL_STRING, KERNEL_STRING } },
		{ "s.pus", "%pus|%10pus|", 2, { PTR(hello), PTR(hello) }, { 0 } },
		{ "p.null", "%p|%20p|", 2, { 0, 0 }, { 0 } },
		{ "p.error", "%p", 1, { (uint64_t)-EINVAL }, { 0 } },
		{ "px", "%px|%20px|%-20px|", 3, { 0x1234, 0x1234, 0x1234 }, { 0 } },
		{ "pK.null", "%pK", 1, { 0 }, { 0 } },
		{ "symbol.null", "%ps %pS %pB", 3, { 0 }, { 0 } },
		{ "symbol.swallows", "%pSR %psx %pBx", 3, { 0 }, { 0 } },
		{ "pi4", "%pi4 %pI4", 2, { 0 }, { KERNEL_IP4, KERNEL_IP4 } },
		{ "pi4.long", "%pi4 %pI4", 2, { 0 }, { KERNEL_IP4_LONG, KERNEL_IP4_LONG } },
		{ "pi4.unreadable", "%pi4 %pI4|%20pI4|", 3, { 0 }, { 0 } },
		{ "pi6", "%pi6 %pI6", 2, { 0 }, { KERNEL_IP6, KERNEL_IP6 } },
		{ "pi6.unreadable", "%pi6 %pI6", 2, { 0 }, { 0 } },
		{ "pI6.swallows", "%pI6c|%pI4foo|", 2, { 0 }, { KERNEL_IP6, KERNEL_IP4 } },
		{ "px.swallows", "%pxyz|", 1, { 0x1234 }, { 0 } },
		{ "p.then-d", "%p%d", 2, { 0, 7 }, { 0 } },
		{ "percent", "100%% %d%%", 1, { 7 }, { 0 } },
		{ "more-args", "%d", 2, { 1, 2 }, { 0 } },
		{ "no-specifier", "plain", 3, { 1, 2, 3 }, { 0 } },
		{ "twelve", "%d%d%d%d%d%d%d%d%d%d%d%d", 12, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 }, { 0 } },
		{ "white-space", "a\tb\nc\vd\fe\rf", 0, { 0 }, { 0 } },
		{ "utf-8", "caf\xc3\xa9\t\n", 0, { 0 }, { 0 } },
	};
	static const struct vector bad[] = {
		{ .name = "o", .fmt = "%o" }, { .name = "hash", .fmt = "%#x" },
		{ .name = "h", .fmt = "%hd" }, { .name = "hh", .fmt = "%hhd" },
		{ .name = "z", .fmt = "%zu" }, { .name = "t", .fmt = "%td" },
		{ .name = "j", .fmt = "%jd" }, { .name = "q", .fmt = "%qd" },
		{ .name = "L", .fmt = "%Ld" }, { .name = "precision", .fmt = "%.3s" },
		{ .name = "star", .fmt = "%*d" }, { .name = "n", .fmt = "%n" },
		{ .name = "f", .fmt = "%f" }, { .name = "e", .fmt = "%e" },
		{ .name = "g", .fmt = "%g" }, { .name = "a", .fmt = "%a" },
		{ .name = "D", .fmt = "%D" }, { .name = "pe", .fmt = "%pe" },
		{ .name = "pMF", .fmt = "%pMF" }, { .name = "pU", .fmt = "%pU" },
		{ .name = "ph", .fmt = "%ph" }, { .name = "pV", .fmt = "%pV" },
		{ .name = "pk", .fmt = "%pk" }, { .name = "pI5", .fmt = "%pI5" },
		{ .name = "s-followed", .fmt = "%sfoo" }, { .name = "pks-followed", .fmt = "%pksfoo" },
		{ .name = "percent-width", .fmt = "%5%" }, { .name = "ll", .fmt = "%ll" },
		{ .name = "l", .fmt = "%l" }, { .name = "lll", .fmt = "%lllx" },
		{ .name = "ls", .fmt = "%ls" }, { .name = "lc", .fmt = "%lc" },
		{ .name = "flag-after-width", .fmt = "%7-d" }, { .name = "lone-percent", .fmt = "text %" },
		{ .name = "p-percent", .fmt = "%p%" }, { .name = "byte-1", .fmt = "a\x01 b" },
		{ .name = "byte-7f", .fmt = "a\x7f b" }, { .name = "percent-e9", .fmt = "%\xc3\xa9" },
		{ .name = "dollar", .fmt = "%1$d" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(good); i++)
		vector("format", &good[i]);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vector v = bad[i];

		v.nr_args = 2;
		vector("format.bad", &v);
	}
	vector("format.bad", &(struct vector){ .name = "no-args", .fmt = "%d" });
	vector("format.bad", &(struct vector){ .name = "too-few", .fmt = "%d %d %d", .nr_args = 2 });
}

/* The pointer's id differs from boot to boot: only its shape. */
static void hashed_pointer(void)
{
	struct prog prog;
	size_t i;
	long n;

	begin("format.p.hashed");
	prog = make_one(OUT, "%p", 1);
	say_ret(print(&prog, PTR(text)));
	n = take(&prog, OUT, 100);
	for (i = 0; text[i] && isxdigit((unsigned char)text[i]) && !isupper((unsigned char)text[i]); i++)
		;
	say("%ld bytes, %zu hex digits, %s", n, i,
	    strtoul(text, NULL, 16) == PTR(text) ? "the address" : "not the address");
	end();
	unmake(&prog);
}

static void argument_lengths(void)
{
	static const uint32_t lens[] = { 4, 12, 96, 104 };
	struct prog prog;
	char name[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		struct call call = { .stream = OUT, .fmt = "text", .args_len = lens[i] };

		snprintf(name, sizeof(name), "args.%u-bytes", lens[i]);
		begin(name);
		prog = make(&call, 1);
		say_ret(print(&prog, 0));
		say("%ld", drain(&prog, OUT));
		end();
		unmake(&prog);
	}
	begin("args.errors-hold-nothing");
	prog = make((struct call[]){ { .stream = OUT, .fmt = "%n", .args_len = 8 },
				     { .stream = OUT, .fmt = "%d %s", .args_len = 8 },
				     { .stream = OUT, .fmt = "fine" } }, 3);
	for (i = 0; i < 1000; i++)
		if (call_one(&prog, (uint32_t)i & 1, 0) != -EINVAL)
			say("(not refused)");
	say_ret(call_one(&prog, 2, 0));
	say("%ld", drain(&prog, OUT));
	end();
	unmake(&prog);
}

/* ---- the 512 bytes that arguments are packed in ---- */

/* "%s" of @len bytes, then @rest with @nr_args more; is the text what a large enough area gives? */
static void pack_case(const char *name, size_t len, const char *rest, uint32_t nr_args,
		      const uint64_t *args, const uint8_t *kernel, const char *want)
{
	struct call call = { .stream = OUT, .args_len = 8 * (nr_args + 1) };
	struct job job = { .count = 1 };
	char *s = repeat('A', len);
	struct prog prog;
	char fmt[64];
	long ret, n;

	snprintf(fmt, sizeof(fmt), "%%s%s", rest);
	call.fmt = fmt;
	job.args[0] = PTR(s);
	if (nr_args && args)
		memcpy(job.args + 1, args, nr_args * sizeof(*args));
	if (nr_args && kernel)
		memcpy(call.kernel + 1, kernel, nr_args);
	begin(name);
	prog = make(&call, 1);
	ret = run_job(&prog, &job);
	say_ret(ret);
	n = take(&prog, OUT, sizeof(text));
	if (!ret)
		say("%s", (size_t)n == len + strlen(want) && !memcmp(text, s, len) &&
		    !strcmp(text + len, want) ? "right" : "wrong");
	else if (n)
		say("but read %s", bpfraw_errno_name(n));
	end();
	unmake(&prog);
	free(s);
}

/* Addresses of code of the kernel itself, with long names; how many were found. */
static uint32_t long_symbols(uint64_t *address, uint32_t max)
{
	char buf[1024];
	uint32_t nr = 0;
	FILE *f;

	f = fopen("/proc/kallsyms", "re");
	while (f && nr < max && fgets(buf, sizeof(buf), f)) {
		unsigned long at;
		char name[512];
		char type;

		if (sscanf(buf, "%lx %c %500s", &at, &type, name) == 3 && at && !strchr(buf, '[') &&
		    tolower(type) == 't' && strlen(name) > 45 && strlen(name) < 60)
			address[nr++] = at + 1;		/* a backtrace's is looked up a byte before */
	}
	if (f)
		fclose(f);
	return nr;
}

/* Symbols, all of which fit but for the last; and one more. */
static void pack_symbols(void)
{
	struct job job = { .count = 1 };
	char fmt[BPFRAW_MAX_ARGS * 4 + 1] = "";
	char want[2048] = "";
	struct prog prog;
	uint32_t nr, i;
	long ret;

	nr = long_symbols(job.args, BPFRAW_MAX_ARGS);
	begin("pack.symbols");
	prog = make_one(OUT, "%pB\n", 1);
	/* A NUL in the area for a newline in the text. */
	for (i = 0; i < nr && strlen(want) <= 520; i++) {
		print(&prog, job.args[i]);
		if (take(&prog, OUT, 512) > 0)
			strcat(want, text);
		strcat(fmt, "%pB\n");
	}
	unmake(&prog);
	if (strlen(want) <= 520 || i == BPFRAW_MAX_ARGS) {
		skip("pack.symbols", "too few long symbols in this kernel");
		return;
	}
	prog = make_one(OUT, fmt, i);
	ret = run_job(&prog, &job);
	say_ret(ret);
	if (take(&prog, OUT, sizeof(text)) > 0)
		say("%s", strcmp(text, want) ? "wrong" : "right");
	end();
	unmake(&prog);
	begin("pack.symbols.one-more");
	strcat(fmt, "%pB\n");
	prog = make_one(OUT, fmt, i + 1);
	ret = run_job(&prog, &job);
	say("%s", ret == -ENOSPC ? "ENOSPC" : "packed");
	end();
	unmake(&prog);
}

static void packing(void)
{
	static const uint64_t numbers[] = { 0, 7, 8 };
	static const uint8_t ip4[] = { KERNEL_IP4 }, ip4_long[] = { KERNEL_IP4_LONG };
	static const uint8_t ip6[] = { KERNEL_IP6, 0, 0 };
	static const char ip6_text[] = " 2001:0db8:0000:0000:0000:0000:0000:005a";
	static const char ip6_plain[] = " 20010db800000000000000000000005a";
	struct prog prog;
	char *s;

	begin("pack.string-cut");
	s = repeat('A', 600);
	prog = make_one(OUT, "%s", 1);
	say_ret(print(&prog, PTR(s)));
	say("%ld", drain(&prog, OUT));
	end();
	unmake(&prog);
	free(s);
	pack_case("pack.string-and-none", 511, "", 0, NULL, NULL, "");
	pack_case("pack.string-d.full", 511, " %d", 1, numbers + 1, NULL, " 7");
	pack_case("pack.string-d.4-left", 507, " %d", 1, numbers + 1, NULL, " 7");
	pack_case("pack.string-d.3-left", 508, " %d", 1, numbers + 1, NULL, " 7");
	pack_case("pack.string-ld.8-left", 503, " %ld", 1, numbers + 1, NULL, " 7");
	pack_case("pack.string-ld.7-left", 504, " %ld", 1, numbers + 1, NULL, " 7");
	pack_case("pack.string-c.full", 511, " %c", 1, numbers + 1, NULL, " \x07");
	pack_case("pack.string-s.full", 511, " %s", 1, numbers, NULL, " ");
	pack_case("pack.pI4.8-left", 503, " %pI4", 1, NULL, ip4, " 10.1.2.3");
	pack_case("pack.pI4.long.16-left", 495, " %pI4", 1, NULL, ip4_long, " 255.255.255.255");
	pack_case("pack.pI4.long.15-left", 496, " %pI4", 1, NULL, ip4_long, " 255.255.255.255");
	pack_case("pack.pi4.16-left", 495, " %pi4", 1, NULL, ip4, " 010.001.002.003");
	pack_case("pack.pi4.15-left", 496, " %pi4", 1, NULL, ip4, " 010.001.002.003");
	pack_case("pack.pI4.3-left", 508, " %pI4", 1, NULL, ip4, " 10.1.2.3");
	pack_case("pack.pI6.40-left", 471, " %pI6", 1, NULL, ip6, ip6_text);
	pack_case("pack.pI6.39-left", 472, " %pI6", 1, NULL, ip6, ip6_text);
	pack_case("pack.pI6.15-left", 496, " %pI6", 1, NULL, ip6, ip6_text);
	pack_case("pack.pi6.33-left", 478, " %pi6", 1, NULL, ip6, ip6_plain);
	pack_case("pack.pi6.32-left", 479, " %pi6", 1, NULL, ip6, ip6_plain);
	pack_case("pack.pI6-d-d.48-left", 463, " %pI6 %d %d", 3, numbers, ip6,
		  " 2001:0db8:0000:0000:0000:0000:0000:005a 7 8");
	pack_case("pack.pI6-d-d.20-left", 491, " %pI6 %d %d", 3, numbers, ip6,
		  " 2001:0db8:0000:0000:0000:0000:0000:005a 7 8");
	pack_symbols();
}

/* ---- stacks ---- */

/*
 * Does a report, of @len bytes at @s, begin with @head, go on as it should and end with a blank
 * line? @frames: how many; the first is what dumps.
 */
static bool is_report(const char *s, size_t len, const char *head, size_t *frames)
{
	int cpu, uid, pid, used = 0;
	const char *nl;
	char comm[32];

	*frames = 0;
	if (strlen(s) != len || strncmp(s, head, strlen(head)))
		return false;
	s += strlen(head);
	if (sscanf(s, "CPU: %d UID: %d PID: %d Comm: %31s\nCall trace:%n", &cpu, &uid, &pid, comm, &used) != 4 ||
	    !used || uid || pid != (int)syscall(SYS_gettid) || strcmp(comm, "oracle"))
		return false;
	s += used;
	if (*s++ != '\n')
		return false;
	for (; (nl = strchr(s, '\n')) && nl != s; s = nl + 1) {
		if (!strncmp(s, "  ", 2))
			continue;	/* a source line */
		if (!*frames && strncmp(s, "bpf_stream_stage_dump_stack+0x", 30))
			return false;
		++*frames;
	}
	return nl && !nl[1];
}

/* A program that prints its stack, all of which is one source line of @line_len letters. */
static struct prog make_stack(size_t source_len)
{
	static const uint32_t types[] = {
		1, BTF_KIND_INT << 24, 4, BTF_INT_SIGNED << 24 | 32,	/* 1: int */
		0, BTF_KIND_FUNC_PROTO << 24, 1,			/* 2: int () */
		5, BTF_KIND_FUNC << 24, 2,				/* 3: main */
	};
	static const char names[] = "\0int\0main\0file.c\0  ";
	static struct bpfraw_code c;
	struct bpf_func_info func = { 0, 3 };
	struct bpf_line_info lines[3];
	struct btf_header *header;
	struct prog prog = { -1, -1 };
	size_t strings = sizeof(names) - 1 + source_len + 1;
	union bpf_attr attr;
	char *blob, *p;
	uint32_t i;
	long btf;

	blob = calloc(1, sizeof(*header) + sizeof(types) + strings);
	if (!blob)
		exit(2);
	header = (struct btf_header *)(void *)blob;
	header->magic = 0xeb9f;
	header->version = 1;
	header->hdr_len = sizeof(*header);
	header->type_len = sizeof(types);
	header->str_off = sizeof(types);
	header->str_len = (uint32_t)strings;
	p = blob + sizeof(*header);
	memcpy(p, types, sizeof(types));
	p += sizeof(types);
	memcpy(p, names, sizeof(names) - 1);
	memset(p + sizeof(names) - 1, 'L', source_len);
	memset(&attr, 0, sizeof(attr));
	attr.btf = (uintptr_t)blob;
	attr.btf_size = (uint32_t)(sizeof(*header) + sizeof(types) + strings);
	btf = bpfraw_call(BPF_BTF_LOAD, &attr, sizeof(attr));
	free(blob);
	c.len = 0;
	bpfraw_movi(&c, 1, ERR);
	bpfraw_kfunc(&c, print_stack_id());
	bpfraw_exit(&c);
	for (i = 0; i < 3; i++)
		lines[i] = (struct bpf_line_info){ i, 10, 17, (i + 1) << 10 };
	memset(&attr, 0, sizeof(attr));
	attr.prog_btf_fd = (uint32_t)btf;
	attr.func_info_rec_size = sizeof(func);
	attr.func_info = (uintptr_t)&func;
	attr.func_info_cnt = 1;
	attr.line_info_rec_size = sizeof(lines[0]);
	attr.line_info = (uintptr_t)lines;
	attr.line_info_cnt = 3;
	prog.fd = bpfraw_load_attr(BPF_PROG_TYPE_SYSCALL, &c, &attr);
	if (prog.fd < 0)
		printf("oracle: %s: program not loaded: btf %s, %s\n%s\n", stimulus,
		       bpfraw_errno_name(btf), bpfraw_errno_name(prog.fd), bpfraw_log);
	close((int)btf);
	return prog;
}

static void source_line_case(const char *name, size_t source_len, bool long_line)
{
	struct prog prog;
	size_t frames;
	unsigned int i;
	long ret, n;

	begin(name);
	prog = make_stack(source_len);
	ret = print(&prog, 0);
	n = take(&prog, ERR, sizeof(text));
	say_ret(ret);
	say("%s,", is_report(text, (size_t)n, "", &frames) ? "a report" : "not a whole report");
	if (!long_line)
		say("%s,", strstr(text, "\n  LLLLLLLL @ file.c:") ? "with its line" : "without its line");
	/* Drained each time, the stream has room for any number. */
	for (i = 0; i < 400; i++) {
		print(&prog, 0);
		if (take(&prog, ERR, sizeof(text)) <= 0)
			break;
	}
	say("%s", i == 400 ? "400 more" : "and the stream dies");
	end();
	unmake(&prog);
}

static void stacks(void)
{
	static const int bad[] = { 0, 3, 0xbadcafe };
	struct prog prog;
	size_t frames;
	uint64_t ok;
	long last, len, n;
	char name[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(name, sizeof(name), "stack.id.%d", bad[i]);
		begin(name);
		prog = make_one(bad[i], NULL, 0);
		say_ret(print(&prog, 0));
		end();
		unmake(&prog);
	}
	pin(0);
	begin("stack.shape");
	prog = make_one(OUT, NULL, 0);
	say_ret(print(&prog, 0));
	len = take(&prog, OUT, sizeof(text));
	say("%s,", is_report(text, (size_t)len, "", &frames) && frames > 3 ? "a report" : "no report");
	print(&prog, 0);
	say("%s", take(&prog, OUT, sizeof(text)) == len ? "and alike" : "not alike");
	end();
	begin("stack.full");
	ok = call_many(&prog, 0, 2 * LIMIT / (uint64_t)len, &last);
	say("%s,", ok == 2 * LIMIT / (uint64_t)len ? "all 0" : bpfraw_errno_name(last));
	n = drain(&prog, OUT);
	say("%s,", n == (long)(LIMIT - 1) / len * len ? "as many as fit" : "another number");
	print(&prog, 0);
	say("%s", take(&prog, OUT, sizeof(text)) == len ? "one more when empty" : "none more when empty");
	end();
	unmake(&prog);
	begin("stack.exact-room");
	for (i = 0; i < 2; i++) {
		prog = make((struct call[]){ { .stream = ERR, .fmt = "%1000d", .args_len = 8 },
					     { .stream = ERR, .fmt = "%c", .args_len = 8 },
					     { .stream = ERR, .fmt = NULL } }, 3);
		call_one(&prog, 2, 0);
		len = take(&prog, ERR, sizeof(text));
		fill(&prog, LIMIT - 1 - (uint32_t)len + (uint32_t)i);
		say_ret(call_one(&prog, 2, 0));
		say("%s", drain(&prog, ERR) == (i ? LIMIT - (uint32_t)len : LIMIT - 1) ?
		    (i ? "left out" : "taken,") : "part of it");
		unmake(&prog);
	}
	end();
	source_line_case("stack.source-line", 8, false);
	source_line_case("stack.source-line.2000", 2000, true);
	unpin();
}

/* A loop that the kernel ends, and says so; with @full, to a stream that has no room for it. */
static void timeout_case(const char *name, bool full)
{
	static const char head[] = "ERROR: Timeout detected for may_goto instruction\n";
	uint64_t messages = 0, bytes = 0;
	struct prog prog;
	size_t frames;
	long n;

	begin(name);
	prog = make((struct call[]){ { .stream = ERR, .fmt = "%1000d", .args_len = 8 },
				     { .stream = ERR, .fmt = "%c", .args_len = 8 },
				     { .spin = true } }, 3);
	if (full)
		fill(&prog, LIMIT - 1);
	say_ret(call_one(&prog, 2, 0));
	n = take(&prog, ERR, sizeof(text));
	if (!full)
		say("%s", is_report(text, (size_t)n, head, &frames) ? "a report" : "no report");
	else
		say("%ld%s", n, strstr(text, "ERROR") ? " and a report" : "");
	if (full)
		say("%s", bpfraw_lost(prog.fd, ERR, &messages, &bytes) && messages && bytes ?
		    "told" : "untold");
	end();
	unmake(&prog);
}

static void reports(void)
{
	timeout_case("report.may-goto", false);
	timeout_case("report.may-goto.full", true);
}

/* ---- losses ---- */

static void say_lost(const struct prog *prog, uint32_t id, bool with_bytes)
{
	uint64_t messages = 0, bytes = 0;

	if (!bpfraw_lost(prog->fd, id, &messages, &bytes))
		say("untold");
	else if (with_bytes)
		say("%lu messages %lu bytes", messages, bytes);
	else
		say("%lu messages", messages);
}

static void losses(void)
{
	uint64_t messages = 0, bytes = 0;
	struct prog prog;
	long len;
	char *s;
	int i;

	begin("lost.none");
	prog = many_sizes(OUT);
	call_one(&prog, ONE, 'x');
	call_one(&prog, EMPTY, 0);
	drain(&prog, OUT);
	say_lost(&prog, OUT, true);
	say_lost(&prog, ERR, true);
	end();
	unmake(&prog);
	begin("lost.full");
	prog = many_sizes(OUT);
	fill(&prog, 99000);
	for (i = 0; i < 7; i++)
		call_one(&prog, THOUSAND, 7);
	say_lost(&prog, OUT, true);
	say_lost(&prog, ERR, true);
	drain(&prog, OUT);
	call_one(&prog, THOUSAND, 7);
	say("then");
	say_lost(&prog, OUT, true);
	end();
	unmake(&prog);
	begin("lost.too-long");
	s = repeat('t', 1025);
	prog = make_one(ERR, s, 0);
	free(s);
	for (i = 0; i < 3; i++)
		print(&prog, 0);
	say_lost(&prog, ERR, false);
	end();
	unmake(&prog);
	begin("lost.stack");
	prog = make((struct call[]){ { .stream = ERR, .fmt = "%1000d", .args_len = 8 },
				     { .stream = ERR, .fmt = "%c", .args_len = 8 },
				     { .stream = ERR, .fmt = NULL } }, 3);
	call_one(&prog, 2, 0);
	len = take(&prog, ERR, sizeof(text));
	fill(&prog, LIMIT - 1);
	say_ret(call_one(&prog, 2, 0));
	if (!bpfraw_lost(prog.fd, ERR, &messages, &bytes))
		say("untold");
	else
		say("%s", messages && bytes == (uint64_t)len ? "all of it" : "another number");
	end();
	unmake(&prog);
}

/* ---- a print inside a print inside a print ---- */

#define NEST	3

/* Shared with the programs. */
struct nest {
	uint64_t on;
	uint64_t depth;
	uint64_t ok[NEST + 1];
	uint64_t failed[NEST + 1];
	uint64_t result[NEST + 1];
};

_Static_assert(NEST + 1 == 4, "the programs mask the depth");

/*
 * Attached to what a print of an internet address calls while it holds its buffers: prints one in its
 * turn, and notes what comes of it.
 */
static int nest_prog(int map, int constant)
{
	static struct bpfraw_code c;
	uint32_t off, good, done;
	union bpf_attr attr;
	int func;

	func = bpfraw_kernel_func("copy_from_kernel_nofault");
	if (func < 0)
		return func;
	c.len = 0;
	bpfraw_map_value(&c, 6, map, 0);
	bpfraw_load(&c, 1, 6, offsetof(struct nest, on));
	off = bpfraw_jump(&c, BPF_JEQ, 1, 0);
	bpfraw_count(&c, 6, offsetof(struct nest, depth), 7);
	bpfraw_alui(&c, BPF_AND, 7, 3);
	bpfraw_alui(&c, BPF_LSH, 7, 3);
	bpfraw_map_value(&c, 1, constant, 0);
	bpfraw_store(&c, 10, -8, 1);
	emit_vprintk(&c, OUT, constant, 4, -8, 8);
	bpfraw_mov(&c, 8, 6);
	bpfraw_emit(&c, BPF_ALU64 | BPF_ADD | BPF_X, 8, 7, 0, 0);
	bpfraw_emit(&c, BPF_ALU | BPF_MOV | BPF_X, 9, 0, 0, 0);
	good = bpfraw_jump(&c, BPF_JEQ, 9, 0);
	bpfraw_count(&c, 8, offsetof(struct nest, failed), 1);
	bpfraw_store(&c, 8, offsetof(struct nest, result), 9);
	done = bpfraw_jump(&c, BPF_JA, 0, 0);
	bpfraw_land(&c, good);
	bpfraw_count(&c, 8, offsetof(struct nest, ok), 1);
	bpfraw_land(&c, done);
	bpfraw_load(&c, 1, 6, offsetof(struct nest, depth));
	bpfraw_alui(&c, BPF_ADD, 1, -1);
	bpfraw_store(&c, 6, offsetof(struct nest, depth), 1);
	bpfraw_land(&c, off);
	bpfraw_movi(&c, 0, 0);
	bpfraw_exit(&c);
	memset(&attr, 0, sizeof(attr));
	attr.expected_attach_type = BPF_TRACE_FENTRY;
	attr.attach_btf_id = (uint32_t)func;
	return bpfraw_load_attr(BPF_PROG_TYPE_TRACING, &c, &attr);
}

static void nest_case(const char *name, int nr)
{
	int map, constant, progs[NEST], links[NEST];
	struct nest nest = { .on = 1 };
	uint64_t lost = 0, read = 0, messages, bytes;
	struct prog prog;
	bool told = true;
	int i;

	map = bpfraw_map(BPF_MAP_TYPE_ARRAY, sizeof(nest), 1, 0);
	constant = bpfraw_const_map("\x1\x2\x3\x4%pI4", 9);
	for (i = 0; i < nr; i++) {
		progs[i] = nest_prog(map, constant);
		links[i] = progs[i] < 0 ? progs[i] : bpfraw_attach(NULL, progs[i]);
		if (links[i] < 0) {
			printf("oracle: %s\n", progs[i] < 0 ? bpfraw_log : bpfraw_errno_name(links[i]));
			skip(name, "nothing can be attached to what a print calls");
			return;
		}
	}
	pin(0);
	begin(name);
	prog = make((struct call[]){ { .stream = OUT, .fmt = "outer %pI4", .args_len = 8,
				       .kernel = { KERNEL_IP4 } } }, 1);
	bpfraw_map_elem(BPF_MAP_UPDATE_ELEM, map, 0, &nest);
	say_ret(print(&prog, 0));
	bpfraw_map_elem(BPF_MAP_LOOKUP_ELEM, map, 0, &nest);
	/* Detaching calls it, too. */
	bpfraw_map_elem(BPF_MAP_UPDATE_ELEM, map, 0, &(struct nest){ .on = 0 });
	for (i = 0; i < nr; i++)
		close(links[i]);
	say_text(text, (size_t)take(&prog, OUT, 100));
	for (i = 1; i <= nr; i++) {
		say("depth %d: %s", i, nest.failed[i] ? bpfraw_errno_name((int32_t)nest.result[i]) : "0");
		if (!nest.ok[i] && !nest.failed[i])
			say("(not reached)");
		if (nest.ok[i] && nest.failed[i])
			say("(not always)");
	}
	for (i = 0; i < nr; i++) {
		struct prog inner = { progs[i], -1 };

		read += (uint64_t)drain(&inner, OUT) / strlen("1.2.3.4");
		if (bpfraw_lost(progs[i], OUT, &messages, &bytes))
			lost += messages;
		else
			told = false;
	}
	say("%s", read == nest.ok[1] + nest.ok[2] + nest.ok[3] ? "all there" : "not all there");
	if (nest.failed[1] + nest.failed[2] + nest.failed[3])
		say("%s", !told ? "untold" : lost == nest.failed[1] + nest.failed[2] + nest.failed[3] ?
		    "losses told" : "losses told wrong");
	end();
	unpin();
	unmake(&prog);
	for (i = 0; i < nr; i++)
		close(progs[i]);
	close(map);
	close(constant);
}

static void nesting(void)
{
	nest_case("nest.1", 1);
	nest_case("nest.2", 2);
	nest_case("nest.3", 3);
}

/* ---- contexts ---- */

/* One message, without arguments. */
static int tracing_prog(uint32_t type, int *constant)
{
	static struct bpfraw_code c;

	*constant = bpfraw_const_map("here\n", 6);
	c.len = 0;
	bpfraw_storei(&c, 10, -8, 0);
	emit_vprintk(&c, OUT, *constant, 0, -8, 0);
	bpfraw_movi(&c, 0, 0);
	bpfraw_exit(&c);
	return bpfraw_prog(type, &c);
}

static void say_arrived(int fd)
{
	struct prog prog = { fd, -1 };
	long n = take(&prog, OUT, 5);

	if (n == 5 && !strcmp(text, "here\n"))
		say("arrives");
	else
		say("%s", n ? bpfraw_errno_name(n) : "nothing arrives");
}

static void perf_case(const char *name, uint32_t type, const struct perf_event_attr *attr, void (*provoke)(void))
{
	int constant, prog, event;

	event = (int)syscall(SYS_perf_event_open, attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (event < 0) {
		skip(name, "no such event here");
		return;
	}
	pin(0);
	begin(name);
	prog = tracing_prog(type, &constant);
	if (ioctl(event, PERF_EVENT_IOC_SET_BPF, prog) || ioctl(event, PERF_EVENT_IOC_ENABLE, 0))
		say("%s", strerror(errno));
	provoke();
	close(event);
	say_arrived(prog);
	end();
	unpin();
	close(prog);
	close(constant);
}

static void spin(void)
{
	double until = now() + 0.2;

	while (now() < until)
		;
}

static void call_getppid(void)
{
	syscall(SYS_getppid);
}

static void raw_tracepoint_case(const char *name, const char *tracepoint, void (*provoke)(void))
{
	int constant, prog, link;

	prog = tracing_prog(BPF_PROG_TYPE_RAW_TRACEPOINT, &constant);
	link = bpfraw_attach(tracepoint, prog);
	if (link < 0) {
		skip(name, "no such tracepoint here");
	} else {
		begin(name);
		provoke();
		close(link);
		say_arrived(prog);
		end();
	}
	close(prog);
	close(constant);
}

/* All CPUs but ours get an NMI. */
static void provoke_nmi(void)
{
	int i;

	for (i = 0; i < 3; i++) {
		put_file("/proc/sysrq-trigger", "l");
		usleep(100000);
	}
}

static uint32_t event_type(const char *name)
{
	char path[128];
	uint32_t type = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/%s/type", name);
	f = fopen(path, "re");
	if (f) {
		if (fscanf(f, "%u", &type) != 1)
			type = 0;
		fclose(f);
	}
	return type;
}

static void contexts(void)
{
	struct perf_event_attr clock = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(clock), .config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_freq = 1000, .freq = 1, .disabled = 1,
	};
	struct perf_event_attr probe = {
		.type = event_type("kprobe"), .size = sizeof(probe), .disabled = 1,
		.config1 = PTR("__x64_sys_getppid"),
	};

	perf_case("context.hardirq", BPF_PROG_TYPE_PERF_EVENT, &clock, spin);
	if (probe.type)
		perf_case("context.kprobe", BPF_PROG_TYPE_KPROBE, &probe, call_getppid);
	else
		skip("context.kprobe", "no kprobe events here");
	raw_tracepoint_case("context.tracepoint", "sys_enter", call_getppid);
	if (cpus() > 1)
		raw_tracepoint_case("context.nmi", "nmi_handler", provoke_nmi);
	else
		skip("context.nmi", "one CPU");
}

/* ---- who prints, who reads ---- */

static void subprogram(void)
{
	static struct bpfraw_code c;
	struct prog prog;
	uint32_t call;

	begin("prog.subprogram");
	prog.map = bpfraw_const_map("from below", 11);
	c.len = 0;
	call = c.len;
	bpfraw_emit(&c, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
	bpfraw_exit(&c);
	c.insn[call].imm = (int32_t)(c.len - call - 1);
	bpfraw_storei(&c, 10, -8, 0);
	emit_vprintk(&c, OUT, prog.map, 0, -8, 0);
	bpfraw_exit(&c);
	prog.fd = bpfraw_prog(BPF_PROG_TYPE_SYSCALL, &c);
	say_ret(bpfraw_run(prog.fd, NULL, 0));
	say_text(text, (size_t)take(&prog, OUT, 100));
	end();
	unmake(&prog);
}

enum load_case { ARGS_NULL, ARGS_SCALAR, FORMAT_ON_STACK, NR_LOAD_CASES };

static void loads(void)
{
	static const char *const names[] = { "load.args-null", "load.args-scalar", "load.format-on-stack" };
	static struct bpfraw_code c;
	int map = bpfraw_const_map("text", 5);
	int i;

	for (i = 0; i < NR_LOAD_CASES; i++) {
		int fd;

		begin(names[i]);
		c.len = 0;
		bpfraw_storei(&c, 10, -8, 0);
		bpfraw_movi(&c, 1, OUT);
		bpfraw_map_value(&c, 2, map, 0);
		bpfraw_mov(&c, 3, 10);
		bpfraw_alui(&c, BPF_ADD, 3, -8);
		bpfraw_movi(&c, 4, 0);
		if (i == ARGS_NULL)
			bpfraw_movi(&c, 3, 0);
		else if (i == ARGS_SCALAR)
			bpfraw_movi(&c, 3, 46);
		else
			bpfraw_mov(&c, 2, 3);
		bpfraw_kfunc(&c, vprintk_id());
		bpfraw_exit(&c);
		fd = bpfraw_prog(BPF_PROG_TYPE_SYSCALL, &c);
		say("%s", fd < 0 ? bpfraw_errno_name(fd) : "loaded");
		if (fd >= 0)
			close(fd);
		end();
	}
	close(map);
}

/* What a process of nobody's, with nothing but the inherited fd, reads. */
static void unprivileged(void)
{
	struct prog prog;
	int status = -1;
	pid_t child;

	begin("prog.unprivileged-reader");
	prog = make_one(OUT, "foo", 0);
	print(&prog, 0);
	fflush(stdout);
	child = fork();
	if (!child) {
		char buf[64];
		long n;

		if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
			_exit(99);
		n = bpfraw_stream_read(prog.fd, OUT, buf, sizeof(buf));
		_exit(n < 0 ? 98 : (int)n);
	}
	waitpid(child, &status, 0);
	say("%d", WEXITSTATUS(status));
	say("%ld", drain(&prog, OUT));
	end();
	unmake(&prog);
}

/* A program may not read: neither its own stream nor another's. */
static void read_by_program(void)
{
	struct bpfraw_stream_read attr = { .buf = PTR(text), .len = 64, .id = OUT };
	static struct bpfraw_code c;
	struct prog prog, reader;
	uint32_t i;

	begin("prog.reads-itself");
	prog = make_one(OUT, "foo", 0);
	print(&prog, 0);
	attr.prog_fd = (uint32_t)prog.fd;
	c.len = 0;
	for (i = 0; i < 3; i++) {
		bpfraw_load(&c, 2, 1, (int)(8 * i));
		bpfraw_store(&c, 10, (int)(8 * i) - 24, 2);
	}
	bpfraw_movi(&c, 1, BPFRAW_STREAM_READ);
	bpfraw_mov(&c, 2, 10);
	bpfraw_alui(&c, BPF_ADD, 2, -24);
	bpfraw_movi(&c, 3, BPFRAW_STREAM_READ_SIZE);
	bpfraw_helper(&c, BPF_FUNC_sys_bpf);
	bpfraw_exit(&c);
	reader.map = -1;
	reader.fd = bpfraw_prog(BPF_PROG_TYPE_SYSCALL, &c);
	say_ret(bpfraw_run(reader.fd, &attr, sizeof(attr)));
	say("%ld", drain(&prog, OUT));
	end();
	unmake(&reader);
	unmake(&prog);
}

static void programs(void)
{
	subprogram();
	loads();
	unprivileged();
	read_by_program();
}

/* ---- the command ---- */

/* A read of "foo" by an attribute of @size bytes, with @byte at @place set besides. */
static void attr_case(const char *name, size_t size, size_t place, char byte)
{
	static char page[3 * 4096];
	struct bpfraw_stream_read *attr = (struct bpfraw_stream_read *)(void *)page;
	struct prog prog;

	begin(name);
	prog = make_one(OUT, "foo", 0);
	print(&prog, 0);
	memset(page, 0, sizeof(page));
	attr->buf = PTR(text);
	attr->len = 64;
	attr->id = OUT;
	attr->prog_fd = (uint32_t)prog.fd;
	if (place)
		page[place] = byte;
	say_ret(bpfraw_call(BPFRAW_STREAM_READ, page, size));
	say("%ld", drain(&prog, OUT));
	end();
	unmake(&prog);
}

static void fd_case(const char *name, int fd, uint32_t id, bool close_it)
{
	begin(name);
	if (close_it)
		close(fd);
	say_ret(bpfraw_stream_read(fd, id, text, 64));
	end();
}

static void command(void)
{
	int map;

	attr_case("attr.exact", 20, 0, 0);
	attr_case("attr.padded", 24, 0, 0);
	attr_case("attr.short", 16, 0, 0);	/* fd 0 then, which is no program */
	attr_case("attr.empty", 0, 0, 0);
	attr_case("attr.tail-in-union", 24, 20, 1);
	attr_case("attr.tail-in-union.last-byte", 24, 23, 1);
	attr_case("attr.page", 4096, 0, 0);
	attr_case("attr.page.tail", 4096, 4095, 1);
	attr_case("attr.over-page", 4097, 0, 0);
	begin("attr.nowhere");
	say_ret(bpfraw_call(BPFRAW_STREAM_READ, NULL, 20));
	end();
	fd_case("fd.closed", dup(1), OUT, true);
	fd_case("fd.negative", -1, OUT, false);
	fd_case("fd.closed.bad-id", dup(1), 3, true);
	fd_case("fd.no-program", 0, OUT, false);
	fd_case("fd.no-program.bad-id", 0, 3, false);
	map = bpfraw_const_map("x", 2);
	fd_case("fd.map", map, OUT, false);
	close(map);
}

/* ---- memory ---- */

/* Free memory, once what is being freed is: programs go after a grace period, by a worker. */
static long settled_kb(void)
{
	long last = 0, kb = bpfraw_meminfo_kb("MemFree");
	double end = now() + 10;
	int calm = 0;

	while (calm < 10 && now() < end) {
		usleep(50000);
		last = kb;
		kb = bpfraw_meminfo_kb("MemFree");
		calm = labs(kb - last) < 200 ? calm + 1 : 0;
	}
	return kb;
}

static void empty_messages(void)
{
	struct prog prog;
	long before, took;
	uint64_t ok = 0;
	long last = 0;
	int i;

	begin("memory.800000-empty");
	prog = make_one(OUT, "", 0);
	before = settled_kb();
	for (i = 0; i < 40; i++)
		ok += call_many(&prog, 0, 20000, &last);
	took = before - bpfraw_meminfo_kb("MemFree");
	say("%lu", ok);
	say_ret(last);
	say("%s,", took > 6000 ? "memory taken" : "no memory");
	say_ret(take(&prog, OUT, 1));
	end();
	printf("oracle: 800000 empty messages took %ld kB\n", took);
	unmake(&prog);
}

static struct prog many[100];

static void short_messages(void)
{
	long before, took;
	long last;
	int i;

	begin("memory.99999-of-one-byte");
	for (i = 0; i < 20; i++)
		many[i] = make_one(OUT, "%c", 1);
	before = settled_kb();
	for (i = 0; i < 20; i++)
		call_many(&many[i], 0, LIMIT - 1, &last);
	took = (before - bpfraw_meminfo_kb("MemFree")) / 20;
	for (i = 0; i < 20; i++)
		unmake(&many[i]);
	say("%s", took > 2200 ? "over 2200 kB" : took > 400 ? "under 2200 kB" : "nearly nothing");
	end();
	printf("oracle: a stream of 99999 messages of one byte took %ld kB\n", took);
}

/* 10 MB of unread text, in programs that are then unloaded. Returns the kB free afterwards. */
static long unread_round(void)
{
	long last;
	int i;

	for (i = 0; i < 100; i++) {
		many[i] = make_one(OUT, "%1000d", 1);
		call_many(&many[i], 0, 99, &last);
		if (i & 1)
			take(&many[i], OUT, 1500);
	}
	for (i = 0; i < 100; i++)
		unmake(&many[i]);
	return settled_kb();
}

static long best_of_three_rounds(void)
{
	long best = 0;
	int round;

	for (round = 0; round < 3; round++) {
		long kb = unread_round();

		if (kb > best)
			best = kb;
	}
	return best;
}

/*
 * Unread text goes with its program. The six rounds after the first three would keep 60 MB; what
 * else the kernel does moves less, and not in all of three rounds.
 */
static void unread_messages(void)
{
	long first, kb;

	begin("memory.unread-is-freed");
	first = best_of_three_rounds();
	best_of_three_rounds();
	kb = best_of_three_rounds();
	say("%s", first - kb < 30000 ? "yes" : "no");
	end();
	printf("oracle: %ld kB less free after six more rounds of unread text\n", first - kb);
}

static void memory(void)
{
	empty_messages();
	short_messages();
	unread_messages();
}

/* ---- two CPUs ---- */

static struct {
	struct prog prog;
	atomic_bool stop;
	uint64_t refused;
	uint64_t taken;
} big;

/* Tries what never fits. */
static void *try_big(void *arg)
{
	(void)arg;
	pin(1);
	while (!atomic_load_explicit(&big.stop, memory_order_relaxed)) {
		struct job job = { .which = HALF, .count = 200, .go_on = 1, .args = { 7 } };

		run_job(&big.prog, &job);
		big.taken += job.ok;
		big.refused += job.calls - job.ok;
	}
	return NULL;
}

static void concurrency(void)
{
	uint64_t tried = 0, refused = 0, messages = 0, bytes = 0;
	pthread_t thread;

	if (cpus() < 2) {
		skip("two-cpus.refused-beside-small", "one CPU");
		return;
	}
	begin("two-cpus.refused-beside-small");
	big.prog = many_sizes(OUT);
	fill(&big.prog, LIMIT - 1 - 399);
	atomic_store(&big.stop, false);
	pthread_create(&thread, NULL, try_big, NULL);
	pin(0);
	while (tried < 300000 && !refused) {
		struct job job = { .which = ONE, .count = 300, .go_on = 1, .args = { 'x' } };

		run_job(&big.prog, &job);
		tried += job.calls;
		refused += job.calls - job.ok;
		/* What waits is the same again, whatever it consists of. */
		take(&big.prog, OUT, (uint32_t)job.ok);
	}
	atomic_store(&big.stop, true);
	pthread_join(thread, NULL);
	unpin();
	say("%s,", big.taken ? "a large one fits" : "large ones never fit");
	say("%s", refused ? "small ones are refused" : "small ones always fit");
	if (bpfraw_lost(big.prog.fd, OUT, &messages, &bytes) &&
	    (messages != big.refused + refused || bytes != 500 * big.refused + refused))
		say("(losses told wrong)");
	end();
	printf("oracle: %lu small messages beside %lu large ones\n", tried, big.refused);
	unmake(&big.prog);
}

static void formatting(void)
{
	formats();
	hashed_pointer();
	argument_lengths();
}

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
	{ "id", ids }, { "read", reading }, { "full", limit }, { "length", lengths },
	{ "format", formatting }, { "pack", packing }, { "stack", stacks }, { "report", reports },
	{ "lost", losses }, { "nest", nesting }, { "context", contexts }, { "prog", programs },
	{ "command", command }, { "memory", memory }, { "two-cpus", concurrency },
};

static bool wanted(const char *name, char *const *names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(name, *names))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	struct utsname system;
	double began = now();
	size_t i;

	(void)argc;
	uname(&system);
	printf("ORACLE-KERNEL %s %s %u CPUs\n", system.release,
	       strstr(system.version, "PREEMPT_RT") ? "PREEMPT_RT" : "no-RT", cpus());
	fflush(stdout);
	klogctl(6 /* console off */, NULL, 0);
	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		double start = now();

		if (!wanted(groups[i].name, argv + 1))
			continue;
		groups[i].run();
		printf("oracle: group %s took %.1f s\n", groups[i].name, now() - start);
	}
	klogctl(7 /* console on */, NULL, 0);
	printf("ORACLE-DONE %.1f s\n", now() - began);
	return 0;
}
