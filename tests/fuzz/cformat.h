/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cformat.h - which formats bpfstream_printf() takes, and which of them are compared with libc's
 *
 * The one place where that is said, from bpfstream_printf()'s description and the C standard:
 *
 *	% [-+ #0]... [width] [.[precision]] [modifier] conversion
 *
 *	width, precision	decimal, INT_MAX at most, or *
 *	d i u o x X		with hh h l ll j z t, or none
 *	f F e E g G		with l, or none
 *	c s p %			with none
 *
 * All else is refused with -EINVAL, and so is a width of INT_MIN, which cannot be made positive.
 *
 * Taken, but not compared with snprintf(), by name (enum cformat_apart):
 *
 *	PERCENT	%5%: C leaves open what stands between the signs
 *	HUGE	a width or precision beyond what is worth the time: snprintf() fills it in, and
 *		fails where all is longer than INT_MAX
 */
#ifndef TESTS_FUZZ_CFORMAT_H
#define TESTS_FUZZ_CFORMAT_H

#include <stdbool.h>
#include <stddef.h>

#define CFORMAT_MAX	40000	/* widths and precisions compared, at most */

enum cformat_apart {
	CFORMAT_COMPARED,
	CFORMAT_PERCENT,
	CFORMAT_HUGE
};

/*
 * A conversion, as text.
 * @conv: its letter
 * @width, @prec: 0 and -1 for none
 * @star_width, @star_prec: an argument gives it
 * @bare: nothing stands between the % and the letter
 */
struct cformat {
	char conv;
	int width;
	int prec;
	bool star_width;
	bool star_prec;
	bool bare;
};

/* Take the conversion whose % is at @fmt apart. Returns its bytes, or 0 if it is to be refused. */
size_t cformat_parse(struct cformat *c, const char *fmt);

#endif
