// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* rawlog.cc - glog's and Abseil's RAW_LOG: no lock, no malloc, one write(2) a message */
#ifdef RAWLOG_GLOG
#include <glog/logging.h>
#include <glog/raw_logging.h>
#else
#include <absl/base/internal/raw_logging.h>
#endif
#include <fcntl.h>
#include <unistd.h>

#include "common.h"
#include "harness.h"

/* They write to stderr. */
static void init(unsigned int nr_threads)
{
	int fd = open("/dev/null", O_WRONLY);

	(void)nr_threads;
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		bench_die("/dev/null");
#ifdef RAWLOG_GLOG
	google::InitGoogleLogging("bench");
	FLAGS_logtostderr = true;
#endif
}

#ifdef RAWLOG_GLOG
#define LOG_RAW(...) RAW_LOG(INFO, __VA_ARGS__)
#else
#define LOG_RAW(...) ABSL_RAW_LOG(ERROR, __VA_ARGS__)
#endif

BENCH_LOOPS(LOG_RAW)

extern "C" const struct bench_candidate bench_candidate = {
	BENCH_NAME, 1, init, nullptr, nullptr, nullptr, nullptr, BENCH_RUNS, nullptr,
};
