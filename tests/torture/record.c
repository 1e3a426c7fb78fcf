// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * record.c - a message that says what it is, and can be told to be whole
 *
 * Handlers compose: no stdio, and nothing that takes long. A fill is a part of one table, whose
 * sums are known beforehand; only who reads a record adds up what is there.
 */
#include <string.h>

#include "record.h"
#include "seeded.h"

#define TABLE	65536u

static char table[TABLE + RECORD_FILL_MAX];
static uint32_t plain[sizeof(table) + 1];	/* sum of the letters before */
static uint32_t weighted[sizeof(table) + 1];	/* the same, each times its place */

/** record_init() - make the table */
void record_init(void)
{
	struct seeded rng = { 1 };
	uint32_t i;

	for (i = 0; i < sizeof(table); i++) {
		table[i] = (char)('a' + seeded_below(&rng, 26));
		plain[i + 1] = plain[i] + (unsigned char)table[i];
		weighted[i + 1] = weighted[i] + i * (unsigned char)table[i];
	}
}

static uint32_t mix(uint32_t sum, uint32_t value)
{
	sum = (sum ^ value) * 0x9e3779b1u;
	return sum ^ sum >> 15;
}

static uint32_t place_of(const struct record *r)
{
	return mix(mix(7, r->writer), r->seq) % TABLE;
}

/** record_fill() - the letters of a record; more of them than it needs */
const char *record_fill(const struct record *r)
{
	return table + place_of(r);
}

static uint32_t sum_up(const struct record *r, uint32_t letters, uint32_t places)
{
	uint32_t sum = mix(mix(mix(11, r->prog), r->stream), r->writer);

	sum = mix(mix(mix(sum, r->seq), r->index), r->size);
	return mix(mix(mix(sum, r->fill), letters), places);
}

/** record_sum() - checksum of a record as it should be */
uint32_t record_sum(const struct record *r)
{
	uint32_t from = place_of(r), to = from + r->fill;
	uint32_t letters = plain[to] - plain[from];

	return sum_up(r, letters, weighted[to] - weighted[from] - from * letters);
}

static char *put_digits(char *to, uint32_t value, unsigned int digits, unsigned int base)
{
	unsigned int i;

	for (i = digits; i; i--, value /= base)
		to[i - 1] = "0123456789abcdef"[value % base];
	return to + digits;
}

/**
 * record_compose() - what bpfstream_printf() makes of RECORD_FORMAT
 * @text: room for RECORD_MAX
 * @r: record
 *
 * Return: bytes.
 */
size_t record_compose(char *text, const struct record *r)
{
	char *to = text;

	*to++ = '<';
	to = put_digits(to, r->prog, 4, 16);
	*to++ = '.';
	to = put_digits(to, r->stream, 1, 10);
	*to++ = ' ';
	to = put_digits(to, r->writer, 4, 16);
	*to++ = ' ';
	to = put_digits(to, r->seq, 7, 10);
	*to++ = ' ';
	to = put_digits(to, r->index, 1, 10);
	*to++ = '/';
	to = put_digits(to, r->size, 1, 10);
	*to++ = ' ';
	to = put_digits(to, r->fill, 5, 10);
	*to++ = ' ';
	memcpy(to, record_fill(r), r->fill);
	to += r->fill;
	*to++ = ' ';
	to = put_digits(to, record_sum(r), 8, 16);
	*to++ = '>';
	*to++ = '\n';
	return (size_t)(to - text);
}

static bool take_digits(const char **at, unsigned int digits, unsigned int base, uint32_t *value)
{
	for (*value = 0; digits; digits--, (*at)++) {
		char c = **at;

		if (c >= '0' && c <= '9')
			*value = *value * base + (uint32_t)(c - '0');
		else if (base == 16 && c >= 'a' && c <= 'f')
			*value = *value * base + (uint32_t)(c - 'a' + 10);
		else
			return false;
	}
	return true;
}

static bool take_byte(const char **at, char byte)
{
	return *(*at)++ == byte;
}

/**
 * record_parse_head() - what a record says of itself
 * @text: RECORD_HEAD bytes
 * @r: set
 *
 * Return: whether it is the head of a record.
 */
bool record_parse_head(const char *text, struct record *r)
{
	return take_byte(&text, '<') && take_digits(&text, 4, 16, &r->prog) &&
	       take_byte(&text, '.') && take_digits(&text, 1, 10, &r->stream) &&
	       take_byte(&text, ' ') && take_digits(&text, 4, 16, &r->writer) &&
	       take_byte(&text, ' ') && take_digits(&text, 7, 10, &r->seq) &&
	       take_byte(&text, ' ') && take_digits(&text, 1, 10, &r->index) &&
	       take_byte(&text, '/') && take_digits(&text, 1, 10, &r->size) &&
	       take_byte(&text, ' ') && take_digits(&text, 5, 10, &r->fill) &&
	       take_byte(&text, ' ') && r->index && r->index <= r->size &&
	       r->size <= RECORD_GROUP && r->fill <= RECORD_FILL_MAX;
}

/**
 * record_is_whole() - whether all of a record is as it was printed
 * @text: record_len() bytes
 * @r: its head
 *
 * By the checksum it carries and by the fill it should have: the one does not trust the table, the
 * other not the sum.
 */
bool record_is_whole(const char *text, const struct record *r)
{
	const char *fill = text + RECORD_HEAD;
	const char *tail = fill + r->fill;
	uint32_t letters = 0, places = 0, sum, i;

	for (i = 0; i < r->fill; i++) {
		letters += (unsigned char)fill[i];
		places += i * (unsigned char)fill[i];
	}
	return take_byte(&tail, ' ') && take_digits(&tail, 8, 16, &sum) && take_byte(&tail, '>') &&
	       take_byte(&tail, '\n') && sum == sum_up(r, letters, places) &&
	       !memcmp(fill, record_fill(r), r->fill);
}
