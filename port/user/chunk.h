/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * chunk.h - texts that end at a byte of their own, copied many bytes at a time
 *
 * A chunk is read past the end of its text, but never past the end of the text's page, so no
 * access faults. Tools that watch each byte disagree: under them no chunk is readable. That is
 * known of a sanitizer when we are compiled, and of Valgrind when the first program is made.
 */
#ifndef BSP_CHUNK_H
#define BSP_CHUNK_H

#include "bsp.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__SANITIZE_HWADDRESS__)
#define BSP_WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer) || __has_feature(hwaddress_sanitizer)
#define BSP_WATCHED 1
#endif
#endif

#if defined(BSP_WATCHED) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#define BSP_OVERREAD 0
#else
#define BSP_OVERREAD 1
#endif

/* Bytes of a page at which a chunk may begin: all where it ends within the page, or none. */
extern u32 bsp_chunk_starts __attribute__((__visibility__("hidden")));

void bsp_chunk_init(void);

#ifdef __SSE2__
#include <emmintrin.h>

#define BSP_CHUNK 16u

typedef unsigned int bsp_chunk_hit_t;

/*
 * Copy a chunk; returns 0 if it has no @stop and no zero byte, else what bsp_chunk_index() takes
 * for the first one's place. Not the place itself: whoever goes on to the next chunk must not wait
 * for it, as a processor that guesses the branch need not.
 */
static inline bsp_chunk_hit_t bsp_chunk_copy(char *to, const char *from, char stop)
{
	__m128i bytes = _mm_loadu_si128((const __m128i_u *)from);
	__m128i hit = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_setzero_si128()),
				   _mm_cmpeq_epi8(bytes, _mm_set1_epi8(stop)));

	_mm_storeu_si128((__m128i_u *)to, bytes);
	return (unsigned int)_mm_movemask_epi8(hit);
}

static inline unsigned int bsp_chunk_index(bsp_chunk_hit_t hit)
{
	return (unsigned int)__builtin_ctz(hit);
}
#else
#define BSP_CHUNK 8u

typedef u64 bsp_chunk_hit_t;

/* The lowest bit set belongs to the first zero byte; those above it mean nothing. */
static inline u64 bsp_zero_bytes(u64 bytes)
{
	return (bytes - 0x0101010101010101u) & ~bytes & 0x8080808080808080u;
}

static inline bsp_chunk_hit_t bsp_chunk_copy(char *to, const char *from, char stop)
{
	u64 bytes;

	memcpy(&bytes, from, sizeof(bytes));
	memcpy(to, &bytes, sizeof(bytes));
	return bsp_zero_bytes(bytes) |
	       bsp_zero_bytes(bytes ^ (unsigned char)stop * 0x0101010101010101u);
}

static inline unsigned int bsp_chunk_index(bsp_chunk_hit_t hit)
{
	return (unsigned int)__builtin_ctzll(hit) / 8;
}
#endif

static inline bool bsp_chunk_readable(const char *from)
{
	/* Relaxed: whoever does not see it set goes byte by byte. */
	return BSP_OVERREAD &&
	       ((uintptr_t)from & (BSP_PAGE_SIZE - 1)) < bsp_load_relaxed(&bsp_chunk_starts);
}

#endif
