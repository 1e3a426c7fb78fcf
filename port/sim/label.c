// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * label.c - the orderings of DESIGN.md that the core and its pages use, each to be taken away
 *
 * retire:B is the release:B of who retires a page, apart from that of who reads it.
 */
#include "sim.h"

enum sim_label sim_weakened;

const char *const sim_label_name[SIM_NR_LABELS] = {
	[SIM_NO_LABEL] = "none",
	[SIM_PUSH_A] = "push:A",
	[SIM_TAKE_A] = "take:A",
	[SIM_RELEASE_B] = "release:B",
	[SIM_RETIRE_B] = "retire:B",
	[SIM_RELEASE_C] = "release:C",
	[SIM_RETIRE_C] = "retire:C",
	[SIM_AGAIN_C] = "again:C",
	[SIM_FREE_D] = "free:D",
	[SIM_ALLOC_D] = "alloc:D",
	[SIM_UNLOCK_E] = "unlock:E",
	[SIM_LOCK_E] = "lock:E",
	[SIM_TURN_N] = "turn:N",
	[SIM_READ_N] = "read:N",
};
