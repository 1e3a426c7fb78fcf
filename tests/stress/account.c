// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * account.c - writers that keep account of what they print
 *
 * Runs in handlers: no allocation, no stdio, no lock.
 */
#include "account.h"

#define MARK	4712	/* in errno */

static char fill_row[26][ACCOUNT_FILL_MAX + 1];

/** account_init_fill() - make the fill that printf() is given */
void account_init_fill(void)
{
	unsigned int i;

	for (i = 0; i < 26; i++)
		memset(fill_row[i], 'a' + (int)i, ACCOUNT_FILL_MAX);
}

/** account_letter() - what a message is filled with */
char account_letter(unsigned int writer, u32 seq)
{
	return (char)('a' + (writer * 7 + seq) % 26);
}

static const char *fill_of(const struct account *a, u32 seq)
{
	return fill_row[account_letter(a->nr, seq) - 'a'];
}

static char *put_number(char *to, u32 value, unsigned int digits)
{
	unsigned int i;

	for (i = digits; i; i--, value /= 10)
		to[i - 1] = (char)('0' + value % 10);
	return to + digits;
}

/** account_compose_tail() - what follows a message's fill: ACCOUNT_TAIL bytes */
void account_compose_tail(char *text, unsigned int writer, u32 seq)
{
	*text++ = ' ';
	text = put_number(text, writer, 3);
	*text++ = ' ';
	text = put_number(text, seq, 7);
	memcpy(text, ">\n", 2);
}

/**
 * account_compose() - the next message, should it stand alone
 * @text: room for ACCOUNT_TEXT_MAX
 * @a: writer
 * @len: length of the fill
 *
 * Return: bytes.
 */
size_t account_compose(char *text, const struct account *a, u32 len)
{
	char *to = text;

	*to++ = '<';
	to = put_number(to, a->nr, 3);
	*to++ = ' ';
	to = put_number(to, a->next, 7);
	memcpy(to, " 1/1 ", 5);
	to = put_number(to + 5, len, 4);
	*to++ = ' ';
	memset(to, account_letter(a->nr, a->next), len);
	account_compose_tail(to + len, a->nr, a->next);
	return (size_t)(to - text) + len + ACCOUNT_TAIL;
}

/* Mostly short, sometimes of several pages. */
static u32 random_len(struct account *a)
{
	u64 kind = seeded_below(&a->rng, 64);
	u32 most = kind ? kind < 8 ? 400 : 60 : ACCOUNT_FILL_MAX;

	return (u32)seeded_below(&a->rng, (most < a->fill ? most : a->fill) + 1);
}

/* Nobody jumps out of what is between these two. */
static void note_begin(struct account *a)
{
	*a->noting = *a->noting + 1;
	bsp_barrier();
}

static void note_end(struct account *a, u32 messages)
{
	a->next += messages;
	a->in_flight = 0;
	bsp_barrier();
	*a->noting = *a->noting - 1;
}

static void note_refusal(struct account *a, u32 seq, u32 len, int err)
{
	a->fate[seq] = FATE_REFUSED;
	a->refused[bpfstream_cause_of(err)]++;
	a->refused_bytes += ACCOUNT_HEAD + len + ACCOUNT_TAIL;
}

static void print_one(struct account *a, struct bpfstream_prog *prog)
{
	u32 len = random_len(a);
	int err;

	if (seeded_once_in(&a->rng, 2))
		err = bpfstream_printf(prog, BPFSTREAM_STDOUT,
				       "<%03u %07u 1/1 %04u %.*s %03u %07u>\n", a->nr, a->next,
				       len, (int)len, fill_of(a, a->next), a->nr, a->next);
	else
		err = bpfstream_write(prog, BPFSTREAM_STDOUT, a->text,
				      account_compose(a->text, a, len));
	note_begin(a);
	a->errno_changed += errno != MARK;
	if (err)
		note_refusal(a, a->next, len, err);
	note_end(a, 1);
}

static void print_group(struct account *a, struct bpfstream_prog *prog, u32 n)
{
	u32 len[ACCOUNT_GROUP_MAX], i;
	int err[ACCOUNT_GROUP_MAX], commit;
	struct bpfstream_stage ss;

	bpfstream_stage_init(&ss);
	for (i = 0; i < n; i++) {
		len[i] = random_len(a);
		err[i] = bpfstream_stage_printf(&ss, "<%03u %07u %u/%u %04u %.*s %03u %07u>\n",
						a->nr, a->next + i, i + 1, n, len[i], (int)len[i],
						fill_of(a, a->next + i), a->nr, a->next + i);
	}
	commit = bpfstream_stage_commit(&ss, prog, BPFSTREAM_STDOUT);
	bpfstream_stage_free(&ss);
	note_begin(a);
	a->errno_changed += errno != MARK;
	for (i = 0; i < n; i++)
		if (err[i] || commit)
			note_refusal(a, a->next + i, len[i], err[i] ? err[i] : commit);
	note_end(a, n);
}

/**
 * account_print() - print a message, or a group, and note what became of it
 * @a: the calling context's account
 * @prog: program
 *
 * Return: false if the account is full.
 */
bool account_print(struct account *a, struct bpfstream_prog *prog)
{
	u32 n = seeded_once_in(&a->rng, 8) ? 2 + (u32)seeded_below(&a->rng, ACCOUNT_GROUP_MAX - 1) : 1;

	if (a->max - a->next < n)
		return false;
	a->in_flight = n;
	bsp_barrier();
	errno = MARK;
	if (n > 1)
		print_group(a, prog, n);
	else
		print_one(a, prog);
	return true;
}

/** account_cut_short() - note that what was in flight was left in the middle */
void account_cut_short(struct account *a)
{
	note_begin(a);
	memset(&a->fate[a->next], FATE_UNDECIDED, a->in_flight);
	a->undecided += a->in_flight;
	note_end(a, a->in_flight);
}
