/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ops.h - operations whose calls are failed
 */
#ifndef FAULT_OPS_H
#define FAULT_OPS_H

#include "world.h"

#define OP_ERRORS	6

/*
 * OP_HERE: in a process that has had programs
 * OP_FRESH: in one that has had none
 * OP_CHILD: @act and what follows in a child that a fork has made just before
 */
enum op_where {
	OP_HERE,
	OP_FRESH,
	OP_CHILD
};

/*
 * @start: the world it begins with
 * @errors: what it may return, as its comment in bpfstream.h says; 0 is not among them
 * @prepare: before, with nothing failing; or NULL
 * @act: what calls are failed of
 * @outcome: after, with nothing failing: tells the world what @act's result means; or NULL
 */
struct op {
	const char *name;
	enum op_where where;
	struct start start;
	int errors[OP_ERRORS];
	void (*prepare)(struct world *w);
	long (*act)(struct world *w);
	void (*outcome)(struct world *w, long ret);
};

extern const struct op life_ops[], write_ops[], stage_ops[], read_ops[];

#endif
