/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* lttng_events.h - the formats as LTTng-UST events; read several times by its machinery */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER bpfstream_bench
#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "peer/lttng_events.h"

#if !defined(BENCH_LTTNG_EVENTS_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define BENCH_LTTNG_EVENTS_H

#include <lttng/tracepoint.h>

LTTNG_UST_TRACEPOINT_EVENT(bpfstream_bench, f1, LTTNG_UST_TP_ARGS(), LTTNG_UST_TP_FIELDS())

LTTNG_UST_TRACEPOINT_EVENT(bpfstream_bench, f2,
	LTTNG_UST_TP_ARGS(int, number, const char *, word),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_integer(int, number, number)
		lttng_ust_field_string(word, word)))

LTTNG_UST_TRACEPOINT_EVENT(bpfstream_bench, f3,
	LTTNG_UST_TP_ARGS(int, number, unsigned long, addr, const char *, word, unsigned int, count,
			  char, state, long long, total),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_integer(int, number, number)
		lttng_ust_field_integer_hex(unsigned long, addr, addr)
		lttng_ust_field_string(word, word)
		lttng_ust_field_integer(unsigned int, count, count)
		lttng_ust_field_integer(char, state, state)
		lttng_ust_field_integer(long long, total, total)))

LTTNG_UST_TRACEPOINT_EVENT(bpfstream_bench, t1000,
	LTTNG_UST_TP_ARGS(const char *, text),
	LTTNG_UST_TP_FIELDS(lttng_ust_field_string(text, text)))

#endif

#include <lttng/tracepoint-event.h>
