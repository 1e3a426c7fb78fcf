// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * server.c - connections and the threads that serve them
 *
 * The main loop accepts and hands a connection to one of the workers by writing its descriptor to
 * the worker's pipe. From then on it is the worker's alone, so connections need no lock. A pipe
 * that is closed tells its worker to end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "request.h"
#include "server.h"
#include "storm.h"

#define LINE_MAX_LEN	512u
#define EVENTS		16

struct connection {
	struct connection *next;
	struct connection **at;	/* what points to this one */
	int fd;
	size_t used;
	char buf[LINE_MAX_LEN];
};

struct worker {
	pthread_t thread;
	unsigned int id;
	int hand[2];	/* connections come out of [0] */
	int epoll_fd;
	struct connection *connections;
};

static struct worker worker[NR_WORKERS];
static pthread_barrier_t ready;
static unsigned int alarm_period;

/* ---- listening, in the main loop ---- */

/* The name appears when the number is in the file, not before. */
static int write_port(const char *path, unsigned int port)
{
	char tmp[4096];
	FILE *file;
	int n = snprintf(tmp, sizeof(tmp), "%s.new", path);

	if (n < 0 || (size_t)n >= sizeof(tmp))
		return -ENAMETOOLONG;
	file = fopen(tmp, "we");
	if (!file)
		return -errno;
	fprintf(file, "%u\n", port);
	if (fclose(file) || rename(tmp, path))
		return -errno;
	return 0;
}

/**
 * server_listen() - listen on a port of the loopback that the kernel picks
 * @port_path: file to write the port's number to
 *
 * Return: descriptor or a negative errno.
 */
int server_listen(const char *port_path)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct sockaddr *sa = (struct sockaddr *)&addr;
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, sa, len) || listen(fd, 64) || getsockname(fd, sa, &len))
		err = -errno;
	else
		err = write_port(port_path, ntohs(addr.sin_port));
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

/**
 * server_accept() - take a new connection and give it to a worker
 * @listen_fd: from server_listen()
 *
 * Return: 0, also if the client has gone away meanwhile; a negative errno.
 */
int server_accept(int listen_fd)
{
	static unsigned int next;
	struct worker *w = &worker[next++ % NR_WORKERS];
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	int one = 1;

	if (fd < 0)
		return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ? 0 : -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	log_line(KIND_WORK, "connection %d goes to thread %u", fd, w->id);
	if (write(w->hand[1], &fd, sizeof(fd)) != (ssize_t)sizeof(fd)) {
		close(fd);
		return -EIO;
	}
	return 0;
}

/* ---- a worker ---- */

/*
 * Taken out of the epoll set before it is closed: a forked child may keep the connection open for
 * a moment, and epoll would go on telling of it.
 */
static void connection_close(struct worker *w, struct connection *c)
{
	epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	log_line(KIND_WORK, "connection %d is closed", c->fd);
	close(c->fd);
	free(c);
}

static void connection_add(struct worker *w, int fd)
{
	struct connection *c = malloc(sizeof(*c));
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

	if (!c || epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &event)) {
		log_line(KIND_FAULT, "connection %d cannot be served", fd);
		free(c);
		close(fd);
		return;
	}
	c->fd = fd;
	c->used = 0;
	c->next = w->connections;
	c->at = &w->connections;
	if (c->next)
		c->next->at = &c->next;
	w->connections = c;
}

/* Waits for a client that does not read: its worker's other clients wait too. */
static bool send_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return true;
}

/* Answer all whole lines in the buffer. */
static bool answer_lines(struct connection *c)
{
	char answer[REQUEST_ANSWER_MAX];
	char *line = c->buf;
	char *end;

	while ((end = memchr(line, '\n', c->used - (size_t)(line - c->buf)))) {
		*end = '\0';
		if (!send_all(c->fd, answer, request_answer(c->fd, line, answer)))
			return false;
		line = end + 1;
	}
	c->used -= (size_t)(line - c->buf);
	memmove(c->buf, line, c->used);
	return c->used < sizeof(c->buf);
}

static void connection_serve(struct worker *w, struct connection *c)
{
	ssize_t n = recv(c->fd, c->buf + c->used, sizeof(c->buf) - c->used, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		c->used += (size_t)n;
		if (answer_lines(c))
			return;
		log_line(KIND_FAULT, "connection %d: %s", c->fd,
			 c->used == sizeof(c->buf) ? "line too long" : "cannot send");
	}
	connection_close(w, c);
}

/* Something is in the pipe: a connection, or its end. */
static bool take_connection(struct worker *w)
{
	int fd;
	ssize_t n = read(w->hand[0], &fd, sizeof(fd));

	if (n == (ssize_t)sizeof(fd))
		connection_add(w, fd);
	return n != 0;
}

static void serve(struct worker *w)
{
	struct epoll_event event[EVENTS];
	int i, n;

	for (;;) {
		n = epoll_wait(w->epoll_fd, event, EVENTS, -1);
		for (i = 0; i < n; i++) {
			if (event[i].data.ptr)
				connection_serve(w, event[i].data.ptr);
			else if (!take_connection(w))
				return;
		}
	}
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	int err = storm_thread_begin(w->id, alarm_period);

	if (err)
		log_line(KIND_FAULT, "thread %u has no alarm", w->id);
	pthread_barrier_wait(&ready);
	serve(w);
	while (w->connections)
		connection_close(w, w->connections);
	return NULL;
}

static int worker_begin(struct worker *w)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };

	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll_fd < 0 || pipe(w->hand) ||
	    epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->hand[0], &event))
		return -errno;
	return -pthread_create(&w->thread, NULL, worker_main, w);
}

/**
 * server_begin() - start the workers and wait until each is ready
 * @alarm_period_us: microseconds between two alarms of a worker
 *
 * Return: 0 or a negative errno.
 */
int server_begin(unsigned int alarm_period_us)
{
	unsigned int i;
	int err;

	alarm_period = alarm_period_us;
	pthread_barrier_init(&ready, NULL, NR_WORKERS + 1);
	for (i = 0; i < NR_WORKERS; i++) {
		worker[i].id = THREAD_WORKER + i;
		err = worker_begin(&worker[i]);
		if (err)
			return err;
	}
	pthread_barrier_wait(&ready);
	return 0;
}

/* Let the workers finish the request they are at, close their connections, and end. */
void server_end(void)
{
	unsigned int i;

	for (i = 0; i < NR_WORKERS; i++)
		close(worker[i].hand[1]);
	for (i = 0; i < NR_WORKERS; i++) {
		pthread_join(worker[i].thread, NULL);
		close(worker[i].hand[0]);
		close(worker[i].epoll_fd);
	}
}
