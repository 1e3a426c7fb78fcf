// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* lttng_events.c - the code behind the events, which LTTng-UST's headers expand to */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "lttng_events.h"
