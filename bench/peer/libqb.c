// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* libqb.c - libqb's blackbox: arguments packed into a shared ring, the oldest overwritten */
#include <qb/qblog.h>
#include <syslog.h>

#include "common.h"
#include "harness.h"

static void init(unsigned int nr_threads)
{
	(void)nr_threads;
	qb_log_init("bench", LOG_USER, LOG_EMERG);
	qb_log_ctl(QB_LOG_SYSLOG, QB_LOG_CONF_ENABLED, QB_FALSE);
	qb_log_filter_ctl(QB_LOG_BLACKBOX, QB_LOG_FILTER_ADD, QB_LOG_FILTER_FILE, "*", LOG_TRACE);
	qb_log_ctl(QB_LOG_BLACKBOX, QB_LOG_CONF_SIZE, 4 << 20);
	qb_log_ctl(QB_LOG_BLACKBOX, QB_LOG_CONF_THREADED, QB_FALSE);
	qb_log_ctl(QB_LOG_BLACKBOX, QB_LOG_CONF_MAX_LINE_LEN, 1024);
	if (qb_log_ctl(QB_LOG_BLACKBOX, QB_LOG_CONF_ENABLED, QB_TRUE))
		bench_die("qb_log_ctl");
}

static void fini(void)
{
	qb_log_fini();
}

#define LOG(...) qb_log(LOG_INFO, __VA_ARGS__)

BENCH_LOOPS(LOG)

const struct bench_candidate bench_candidate = {
	.name = BENCH_NAME,
	.init = init,
	.fini = fini,
	.run = BENCH_RUNS,
};
