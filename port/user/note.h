/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * note.h - what race detectors cannot see, told to them, and whether there is one
 *
 * The compiler's atomics speak for themselves to ThreadSanitizer. Helgrind knows only what it is
 * told: with BSP_ANNOTATE each ordering operation says its happens-before edge; without it the
 * library takes its own memory out of Helgrind's sight once, when it is mapped (arena.c), so that
 * a user's program stays quiet at no cost to the log call. Where the program was built with
 * ThreadSanitizer and the library was not, that sees what the library has memcpy(3) do and none of
 * the atomics between: so the same is told to ThreadSanitizer.
 */
#ifndef BSP_NOTE_H
#define BSP_NOTE_H

#ifdef BSP_ANNOTATE
#include <valgrind/helgrind.h>
#define bsp_note_release(p)	ANNOTATE_HAPPENS_BEFORE(p)
#define bsp_note_acquire(p)	ANNOTATE_HAPPENS_AFTER(p)
#define bsp_note_unordered(p, len)	VALGRIND_HG_DISABLE_CHECKING((p), (len))
#else
#define bsp_note_release(p)	((void)(p))
#define bsp_note_acquire(p)	((void)(p))
#define bsp_note_unordered(p, len)	((void)(p), (void)(len))
#endif

/*
 * Whether Valgrind runs us, to which a read of a byte that is nobody's is an error; and have it say
 * nothing of what this thread does in between.
 */
#ifdef BSP_HAVE_VALGRIND
#include <valgrind/valgrind.h>
#define bsp_note_is_watched()	(RUNNING_ON_VALGRIND != 0)
#define bsp_note_mute()		VALGRIND_DISABLE_ERROR_REPORTING
#define bsp_note_unmute()	VALGRIND_ENABLE_ERROR_REPORTING
#else
#define bsp_note_is_watched()	false
#define bsp_note_mute()		((void)0)
#define bsp_note_unmute()	((void)0)
#endif

#if defined(BSP_HAVE_VALGRIND) && !defined(BSP_ANNOTATE)
#include <valgrind/helgrind.h>
#define bsp_note_hide(p, len)	VALGRIND_HG_DISABLE_CHECKING((p), (len))
#else
#define bsp_note_hide(p, len)	((void)(p), (void)(len))
#endif

/* A slot's levels pass from a thread that ended to another: the kernel's word is the order. */
#ifdef __SANITIZE_THREAD__
#define BSP_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define BSP_TSAN 1
#endif
#endif
#ifdef BSP_TSAN
#define bsp_note_own_memory(p, len)	bsp_note_hide(p, len)
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#define bsp_note_level_pass(level)	__tsan_release(level)
#define bsp_note_level_take(level)	__tsan_acquire(level)
#else
#include <stddef.h>

/* ThreadSanitizer's, where the program has brought it */
extern void AnnotateBenignRaceSized(const char *file, int line, const volatile void *mem,
				    size_t len, const char *why)
	__attribute__((__weak__, __visibility__("default")));

#define bsp_note_own_memory(p, len) ({							\
	bsp_note_hide((p), (len));							\
	if (AnnotateBenignRaceSized)							\
		AnnotateBenignRaceSized(__FILE__, __LINE__, (p), (len), "libbpfstream's own");	\
	})
#define bsp_note_level_pass(level)	bsp_note_release(level)
#define bsp_note_level_take(level)	bsp_note_acquire(level)
#endif

/* A word that is written while others read it: to Helgrind an atomic access is a plain one. */
#define bsp_note_shared(p, len) ({							\
	bsp_note_own_memory((p), (len));						\
	bsp_note_unordered((p), (len));							\
	})

#endif
