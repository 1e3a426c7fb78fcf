/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scene.h - a stream to print one message into, and all that can be seen of it afterwards
 *
 * The message begins where the input says: at any byte of a page, behind text that waits or not,
 * in a stream that is large or small, and perhaps with a page that cannot be had. Behind each page
 * that is written to lies one that nobody may touch.
 */
#ifndef TESTS_FUZZ_SCENE_H
#define TESTS_FUZZ_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpfstream.h"

#define SCENE_TEXT_MAX	(192 << 10)	/* more than any of the streams holds */

/**
 * struct scene - where a message goes
 * @prog: the program; the message goes to its standard output
 * @capacity: of the stream
 * @waiting: bytes that waited before
 * @len: bytes that were read in the end
 */
struct scene {
	struct bpfstream_prog *prog;
	uint64_t capacity;
	uint64_t waiting;
	size_t read_size;
	size_t len;
	struct bpfstream_stat before;
};

/**
 * struct scene_want - what must have come of it
 * @err: 0, or why it must be refused; a full stream and missing pages are the scene's to know
 * @text, @len: the message, or with @err what is formatted of it before; @text is NULL if it was
 *	not worth making, or not possible
 * @first: @err counts, however little room there is
 * @any: the result is anybody's: only that it agrees with what can be seen
 */
struct scene_want {
	int err;
	const char *text;
	uint64_t len;
	bool first;
	bool any;
};

/* @how: at which byte of a page, capacity, which page to fail, how much to read, what to leave */
void scene_open(struct scene *sc, const uint64_t how[5]);
void scene_close(struct scene *sc, int ret, const struct scene_want *want);

/* After that: the message, with a zero byte behind it. */
const char *scene_text(const struct scene *sc);

#endif
