// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* spdlog.cc - spdlog's asynchronous logger: a queue under a mutex, the oldest overwritten */
#include <spdlog/async.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "common.h"
#include "harness.h"

static std::shared_ptr<spdlog::logger> logger;

static void init(unsigned int nr_threads)
{
	(void)nr_threads;
	spdlog::init_thread_pool(8192, 1, [] { bench_pin(1); });
	logger = std::make_shared<spdlog::async_logger>("bench",
		std::make_shared<spdlog::sinks::null_sink_mt>(), spdlog::thread_pool(),
		spdlog::async_overflow_policy::overrun_oldest);
	logger->set_pattern("%v");
}

static unsigned long drain()
{
	while (spdlog::thread_pool()->queue_size())
		usleep(20);
	return 0;
}

static unsigned long lost()
{
	return spdlog::thread_pool()->overrun_counter();
}

/* The same formats in its own language. */
BENCH_LOOP(run_f1, logger->info(BENCH_F1))
BENCH_LOOP(run_f2, logger->info("{} {}\n", a->number, a->word))
BENCH_LOOP(run_f3, logger->info("dev={} addr={:x} path={} count={} state={} total={}: request "
				"finished after a retry\n", a->number, a->addr, a->word, a->count,
				a->state, a->total))
BENCH_LOOP(run_t1000, logger->info("{}", bench_text))

extern "C" const struct bench_candidate bench_candidate = {
	BENCH_NAME, 0, init, nullptr, drain, lost, nullptr, BENCH_RUNS, nullptr,
};
