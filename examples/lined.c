// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * lined - a small server that shows how a daemon uses libbpfstream
 *
 * It answers requests over TCP (request.c) in several threads (server.c), under a storm of
 * signals and forks (storm.c), with a malloc hook (allocator.c). All of them log into the two
 * streams of one program. The main loop reads the streams into two files (collector.c). When the
 * daemon crashes, the crash handler says what happened and saves what nobody has read yet
 * (crash.c).
 *
 * What to copy into a daemon of your own:
 *
 *   - create the program first, before threads and handlers: bpfstream_prog_create() below;
 *   - print from anywhere: request.c from threads, storm.c from handlers and forked children,
 *     allocator.c from inside malloc();
 *   - say what belongs together as a group: log_at_length() in request.c;
 *   - read from a main loop: bpfstream_prog_fd() in main_loop(), bpfstream_prog_drain() in
 *     collector.c;
 *   - save the rest in a crash handler: on_crash() in crash.c.
 *
 * What not to copy: log.c wraps every message into a proof and keeps account of it in a file
 * (ledger.h), so that verdict.c can tell afterwards whether each message that was accepted is
 * there, once, whole and in order, and each that was refused was counted. storm.c and mishap.c
 * are bad weather.
 *
 * run-demo.sh runs it all.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "collector.h"
#include "crash.h"
#include "log.h"
#include "request.h"
#include "server.h"
#include "storm.h"

struct options {
	const char *stdout_path;
	const char *stderr_path;
	const char *ledger_path;
	const char *port_path;
	const char *children_path;
	unsigned int capacity;
	unsigned int pace_ms;
	unsigned int period_us;
	bool may_crash;
};

/* What the main loop watches. */
enum event {
	EVENT_CLIENT,
	EVENT_TEXT,	/* text waits, or it is time to look */
	EVENT_SECOND,
	EVENT_STOP
};

static void usage(void)
{
	fputs("usage: lined -l LEDGER -p PORTFILE -k CHILDRENFILE [-c CAPACITY] [-r PACE_MS]\n"
	      "             [-a PERIOD_US] [-x] STDOUTFILE STDERRFILE\n"
	      "  -c  bytes that a stream holds\n"
	      "  -r  read the streams once in so many milliseconds, not when they have text\n"
	      "  -a  microseconds between signals of a kind\n"
	      "  -x  crash when a client asks for it\n", stderr);
	exit(2);
}

static unsigned int number(const char *text, unsigned int min, unsigned int max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || n < min || n > max)
		usage();
	return (unsigned int)n;
}

static struct options parse_options(int argc, char **argv)
{
	struct options o = { .capacity = 1u << 20, .period_us = 250 };
	int c;

	while ((c = getopt(argc, argv, "l:p:k:c:r:a:x")) >= 0) {
		switch (c) {
		case 'l':
			o.ledger_path = optarg;
			break;
		case 'p':
			o.port_path = optarg;
			break;
		case 'k':
			o.children_path = optarg;
			break;
		case 'c':
			o.capacity = number(optarg, 16384, 1u << 30);
			break;
		case 'r':
			o.pace_ms = number(optarg, 1, 10000);
			break;
		case 'a':
			o.period_us = number(optarg, STORM_PERIOD_MIN_US, 999999);
			break;
		case 'x':
			o.may_crash = true;
			break;
		default:
			usage();
		}
	}
	if (argc - optind != 2 || !o.ledger_path || !o.port_path || !o.children_path)
		usage();
	o.stdout_path = argv[optind];
	o.stderr_path = argv[optind + 1];
	return o;
}

static void give_up(const char *what, int err)
{
	fprintf(stderr, "lined: %s: %s\n", what, strerror(err < 0 ? -err : errno));
	exit(1);
}

/* ---- once a second ---- */

struct progress {
	unsigned int seconds;
	uint64_t messages;
	uint64_t signals;
};

static void show_progress(struct progress *p)
{
	struct bpfstream_stat out = { .sz = sizeof(out) };
	struct bpfstream_stat err = { .sz = sizeof(err) };
	uint64_t messages = 0, signals = 0;
	unsigned int i;

	for (i = 0; i < NR_WRITERS; i++) {
		enum ledger_kind kind = ledger_kind_of(i);
		uint64_t n = atomic_load(&log_ledger->writer[i].finished);

		messages += n;
		if (kind == KIND_ALRM || kind == KIND_CHLD || kind == KIND_USR1)
			signals += n;
	}
	bpfstream_prog_stat(log_prog, BPFSTREAM_STDOUT, &out);
	bpfstream_prog_stat(log_prog, BPFSTREAM_STDERR, &err);
	printf("%4u s  %7" PRIu64 " messages/s  %6" PRIu64 " signals/s  pending %7" PRIu64
	       "  lost %7" PRIu64 "\n", ++p->seconds, messages - p->messages,
	       signals - p->signals, out.pending + err.pending,
	       out.lost_full + out.lost_nomem + err.lost_full + err.lost_nomem);
	fflush(stdout);
	p->messages = messages;
	p->signals = signals;
}

/* ---- the main loop ---- */

static void watch(int epoll_fd, int fd, enum event what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = what };

	if (fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event))
		give_up("watching", fd < -1 ? fd : 0);
}

static int ticks(unsigned int ms)
{
	const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
	const struct itimerspec every = { .it_interval = time, .it_value = time };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0)
		timerfd_settime(fd, 0, &every, NULL);
	return fd;
}

/* Without this a timer stays readable. */
static void take_tick(int fd)
{
	uint64_t expired;

	if (read(fd, &expired, sizeof(expired)) < 0 && errno != EAGAIN && errno != EINTR)
		give_up("timer", 0);
}

static void read_streams(int pace_fd)
{
	int err;

	if (pace_fd >= 0)
		take_tick(pace_fd);
	err = collector_drain();
	if (err)
		give_up("collecting", err);
}

static void main_loop(const struct options *o, int listen_fd, int stop_fd)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int pace_fd = o->pace_ms ? ticks(o->pace_ms) : -1;
	int second_fd = ticks(1000);
	struct progress progress = { 0, 0, 0 };
	struct epoll_event event;
	int err;

	watch(epoll_fd, listen_fd, EVENT_CLIENT);
	watch(epoll_fd, o->pace_ms ? pace_fd : bpfstream_prog_fd(log_prog), EVENT_TEXT);
	watch(epoll_fd, second_fd, EVENT_SECOND);
	watch(epoll_fd, stop_fd, EVENT_STOP);
	for (;;) {
		if (epoll_wait(epoll_fd, &event, 1, -1) != 1)
			continue;	/* a signal */
		switch ((enum event)event.data.u32) {
		case EVENT_CLIENT:
			err = server_accept(listen_fd);
			if (err)
				log_line(KIND_FAULT, "cannot accept: error %d", -err);
			break;
		case EVENT_TEXT:
			read_streams(pace_fd);
			break;
		case EVENT_SECOND:
			take_tick(second_fd);
			show_progress(&progress);
			break;
		case EVENT_STOP:
			close(epoll_fd);
			return;
		}
	}
}

/* SIGTERM and SIGINT come through a descriptor: nothing about stopping needs a handler. */
static int stop_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void start_logging(const struct options *o)
{
	const struct bpfstream_opts opts = {
		.sz = sizeof(opts),
		.capacity = o->capacity,
		.flags = BPFSTREAM_LOST_LINES,
		.name = "lined",
	};
	struct ledger *ledger = ledger_create(o->ledger_path);
	int err;

	if (!ledger)
		give_up(o->ledger_path, 0);
	if (log_init(bpfstream_prog_create(&opts), ledger))
		give_up("creating the streams", 0);
	err = collector_open(o->stdout_path, o->stderr_path);
	if (err)
		give_up("opening the log files", err);
}

int main(int argc, char **argv)
{
	struct options o = parse_options(argc, argv);
	int listen_fd, stop_fd, err;

	start_logging(&o);
	stop_fd = stop_signals();
	storm_block();
	request_allow_crash(o.may_crash);
	if (crash_install() || storm_install())
		give_up("signal handlers", 0);
	err = server_begin(o.period_us);
	if (!err)
		err = storm_begin(o.period_us, o.children_path);
	if (err || storm_thread_begin(THREAD_MAIN, o.period_us))
		give_up("starting threads", err);
	listen_fd = server_listen(o.port_path);
	if (listen_fd < 0)
		give_up("listening", listen_fd);

	main_loop(&o, listen_fd, stop_fd);

	close(listen_fd);
	storm_end();
	server_end();
	log_line(KIND_WORK, "stopped");
	err = collector_drain();
	crash_snapshot_streams();
	log_ledger->clean = !err;
	log_thread_begin(THREAD_NONE);
	bpfstream_prog_destroy(log_prog);
	return err ? 1 : 0;
}
