/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stream.pml - publish, take, reverse, backlog and partial read: src/llist.h, llist.c, stream.c
 *
 * Thread A prints a message of two bytes, and a handler on top of it, at any point, one of one
 * byte. B commits a group of two messages. C prints one; or two, the second into the memory of the
 * first if that was read by then (ABA), and A has no handler. A reader reads two bytes at a time,
 * be it parts of messages. Not all fits.
 *
 * Checked
 *   - what is delivered is what was published, once, in the order of publication
 *   - a group is contiguous
 *   - the weight is what waits, at every step, and stays below the capacity (stream.c, I1, I2)
 *   - what would have fitted when it was judged is not refused (llist.c, I4)
 *   - each message is delivered or counted (stream.c, I4)
 *   - nobody touches an element that is another's (llist.c, I1, I2, I5; page.c)
 *
 * A step is one access to what others see, with what the process does to its own before or after.
 * README.md says what each definition takes away.
 */
#define CAPACITY	5	/* exclusive */
#define MESSAGES	6	/* of A, its handler, the group (two), C (two); not all in each run */
#define NIL		0
#define NODES		8	/* 1, 2: A's page of level 0; 3: of level 1; 4, 5: B's; 6, 7: C's */

mtype = { UNUSED, CLOSED, LISTED, TAKEN };

/* struct bpfstream_llist: one word, so only ever used in one step */
byte weight = 0;
byte first = NIL;

/* elements; those that nobody uses are all zeros */
byte next[NODES];
byte length[NODES];
byte consumed[NODES];
byte text[NODES];		/* who wrote it */
mtype state[NODES] = UNUSED;	/* whose it is: the code stores that nowhere */

/* thread A's slot */
bool level_taken = false;
byte carved = 0;		/* of level 0's page */

byte lost = 0;			/* stream.h: @lost */

/* What is known from outside. */
chan published = [MESSAGES] of { byte, byte };	/* and not delivered: element, writer */
byte waiting = 0;		/* bytes published and not delivered */
byte owed = 0;			/* bytes delivered and not yet settled (struct delivery) */
byte accepted = 0, messages;
bool in_handler = false;
byte done = 0;

inline check()
{
	assert(weight == waiting + owed);
	assert(weight < CAPACITY)
}

inline unuse(elem)
{
	state[elem] = UNUSED;
	text[elem] = 0;
	length[elem] = 0;
	consumed[elem] = 0
}

/* A message in an element of the writer's own, closed. */
inline write_text(elem, who, bytes)
{
	assert(state[elem] == UNUSED);
	text[elem] = who;
	length[elem] = bytes;
	state[elem] = CLOSED
}

/* bpfstream_llist_fits(): on the last look at the word */
#define FITS(bytes)	((bytes) < CAPACITY && w < CAPACITY - (bytes))
#if defined(NO_FITS) || defined(CHARGE_FIRST)
#define ROOM(bytes)	true
#elif defined(NO_FITS_AGAIN)
#define ROOM(bytes)	(tried || FITS(bytes))
#else
#define ROOM(bytes)	FITS(bytes)
#endif

/* The comparison in the compare-and-swap. */
#if defined(NO_CAS)
#define SAME		true
#elif defined(NO_WEIGHT_IN_CAS) || defined(NO_COMPARE_OF_WEIGHT) || defined(CHARGE_FIRST)
#define SAME		(first == f)
#else
#define SAME		(weight == w && first == f)
#endif

/* bsp_load_relaxed() of the word: w is what waits at that moment, so refusals are judged by it */
inline look()
{
	check();
	w = weight;
	f = first
}

inline link_and_charge(newest, oldest, bytes, final)
{
	assert(state[newest] == CLOSED && state[oldest] == CLOSED);
#ifdef NO_RELINK
	next[oldest] = (tried -> next[oldest] : f);
#else
	next[oldest] = f;
#endif
	first = newest;
#if !defined(NO_WEIGHT_IN_CAS) && !defined(CHARGE_FIRST)
	weight = w + bytes;
#endif
	/* from outside */
	published ! oldest, text[oldest];
	state[oldest] = LISTED;
	accepted++;
	if
	:: newest != oldest ->
		published ! newest, text[newest];
		state[newest] = LISTED;
		accepted++
	:: else
	fi;
	waiting = waiting + bytes;
#ifndef NO_WEIGHT_IN_CAS
	check();
#endif
	done = done + final;
	w = 0;
	f = 0;
	tried = false
}

/* bpfstream_chain_free(), bpfstream_spot_undo(): the writer's own, so no step */
inline refuse(newest, oldest, spot)
{
#ifndef NO_NULL_AGAIN
	next[oldest] = NIL;		/* llist.c, I5 */
#endif
	f = newest;
	do
	:: f == NIL -> break
	:: else ->
		assert(state[f] == CLOSED);
		unuse(f);
		f = next[f]
	od;
	carved = carved - spot;
	w = 0;
	tried = false
}

/* bpfstream_tally_one(): bsp_counter_add_return() */
inline count_loss(messages, final)
{
#if defined(NO_ATOMIC_COUNT)
	w = lost;
	d_step { lost = w + messages; w = 0; done = done + final }
#elif defined(NO_COUNT)
	done = done + final
#else
	d_step { lost = lost + messages; done = done + final }
#endif
}

/* bpfstream_llist_push_on() but for the guess, and what becomes of a chain that is refused */
inline push(newest, oldest, bytes, messages, spot, final)
{
#ifdef CHARGE_FIRST
	d_step { weight = weight + bytes; w = weight; f = first };
#endif
	do
#ifdef CHARGE_FIRST
	:: d_step { w >= CAPACITY -> weight = weight - bytes; refuse(newest, oldest, spot) };
	   count_loss(messages, final);
	   break
#endif
	:: d_step { !ROOM(bytes) -> refuse(newest, oldest, spot) };
	   count_loss(messages, final);
	   break
	/* ORD(push:A): bsp_try_cmpxchg_release() */
	:: d_step { ROOM(bytes) && SAME -> link_and_charge(newest, oldest, bytes, final) };
#ifdef NO_WEIGHT_IN_CAS
	   weight = weight + bytes;
#endif
	   break
	:: d_step { ROOM(bytes) && !SAME -> next[oldest] = f; tried = true; look() }
	od
}

/*
 * bpfstream_publish_spot(), in thread A's level 0 or, where a handler finds that taken, in level 1:
 * bsp_level_take(). Who comes between the look and the taking has given all back before A goes on.
 */
inline print(who, bytes)
{
#ifdef NO_LEVEL
	atomic { in_handler = (who == 2); own = true };
#else
	atomic { in_handler = (who == 2); own = !level_taken };
#endif
	d_step {
		level_taken = true;
		elem = (own -> carved + 1 : 3);
		write_text(elem, who, bytes)
	};
	d_step { carved = carved + own; look() };	/* bpfstream_spot_close() */
	push(elem, elem, bytes, 1, own, 0);
	atomic { level_taken = level_taken && !own; own = false; elem = 0; done++; in_handler = false }
}

proctype thread_a() provided (!in_handler)
{
	byte w, f, elem;
	bool own, tried;

	print(1, 2)
}

/* On top of A: that one stands still meanwhile, the others do not. */
proctype handler()
{
	byte w, f, elem;
	bool own, tried;

	print(2, 1)
}

/* bpfstream_staged_commit(): a chain, the newer on the older */
proctype thread_b()
{
	byte w, f;
	bool tried;

	d_step { write_text(4, 3, 1); write_text(5, 4, 1); next[5] = 4; look() };
#ifdef NO_CHAIN
	push(4, 4, 1, 1, 0, 0);
	atomic { look() };
	push(5, 5, 1, 1, 0, 1)
#else
	push(5, 4, 2, 2, 0, 1)
#endif
}

/* Two messages; the memory of the first, when it is free again, is the second's. */
proctype thread_c(byte prints)
{
	byte w, f, elem = 6;
	bool tried;

	d_step { write_text(6, 5, 1); look() };
	push(6, 6, 1, 1, 0, (prints == 1));
	if
	:: prints == 1 -> goto out
	:: else
	fi;
	if
	:: atomic { state[6] == UNUSED -> write_text(6, 6, 1); look() }	/* its page's next life */
	:: atomic { else -> elem = 7; write_text(7, 6, 1); look() }
	fi;
	push(elem, elem, 1, 1, 0, 1);
out:	elem = 0
}

/*
 * bpfstream_llist_take(), bpfstream_llist_reverse(), and what queue_take() does with it. Who took
 * the chain owns it, so to turn it round is no step of its own.
 */
inline take()
{
	atomic { check(); w = weight; f = first };
	do
#ifdef NO_CAS_IN_TAKE
	:: d_step { true ->
#else
	:: d_step { f != NIL && !(weight == w && first == f) -> w = weight; f = first }
	:: d_step { f == NIL || weight == w && first == f ->
#endif
		first = (f == NIL -> first : NIL);
#ifdef NO_WEIGHT_AFTER_TAKE
		weight = 0;
#endif
#ifdef NO_REVERSE
		backlog = f;
#else
		do
		:: f == NIL -> break
		:: else ->
			assert(state[f] == LISTED);
			state[f] = TAKEN;
			w = next[f];
			next[f] = backlog;
			backlog = f;
			f = w
		od;
#endif
		w = 0;
		f = NIL
	   };
	   break
	od
}

/* The sink takes n bytes of the first element, which is settled with the log later. */
inline sink()
{
	n = length[backlog] - consumed[backlog];
	if
	:: n > max -> n = max			/* offer->cut */
	:: else
	fi;
	assert(consumed[backlog] + n <= length[backlog]);
	assert(published ? [eval(backlog), eval(text[backlog])]);
	waiting = waiting - n;
	owed = owed + n;
	max = max - n;
	if
	:: consumed[backlog] + n == length[backlog] ->
		published ? _, _;
		assert(text[backlog] != 3 || published ? [5, 4])	/* the group, and nothing in between */
	:: else
	fi
}

/* queue_unlink(), offer_release() */
inline consume()
{
	if
	:: consumed[backlog] + n == length[backlog] ->
		w = backlog;
		backlog = next[w];
		next[w] = NIL;
		unuse(w)	/* ORD(release:B): the last look at the element, then its next life */
	:: else ->
#ifndef NO_CONSUMED
		consumed[backlog] = consumed[backlog] + n
#endif
	fi;
	w = 0;
	n = 0
}

/* bpfstream_deliver(), with one element at a time */
proctype reader()
{
	byte w, f, backlog = NIL, max, n;

	do
	:: atomic { (first != NIL || backlog != NIL) -> max = 2 };
		do
#ifdef NO_BACKLOG
		:: atomic { max -> backlog = NIL };
#else
		:: max && backlog == NIL ->
#endif
			take();
			if
			:: atomic { backlog == NIL -> max = 0 }
			:: else
			fi
		:: max && backlog != NIL ->
#ifdef RELEASE_FIRST
			state[backlog] = UNUSED;
#endif
			atomic { sink(); consume() }
		:: !max -> break
		od;
		/* settle(), bpfstream_llist_lighten(): bsp_sub_return_relaxed() */
#if defined(NO_ATOMIC_LIGHTEN)
		n = weight;
		d_step { weight = n - owed; owed = 0; n = 0 };
#elif defined(NO_LIGHTEN)
		owed = 0;
#else
		atomic { weight = weight - owed; owed = 0; check() };
#endif
	:: d_step { done == 4 && first == NIL && backlog == NIL ->
		check();
		assert(weight == 0);
		assert(empty(published));
		assert(accepted + lost == messages);
		assert(!level_taken)
	   };
	   break
	od
}

init
{
	atomic {
		run reader();
		run thread_a();
		run thread_b();
		if
		:: run thread_c(2); messages = 5; done++
		:: run thread_c(1); run handler(); messages = 5
#ifdef ALL
		:: run thread_c(2); run handler(); messages = 6
#endif
		fi
	}
}
