/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * live.pml - the list of live programs, its walkers and the end of a program: port/user/live.c
 *
 * Programs 1, 2 and 3 live. One thread destroys 1, makes another of what storage there is, and
 * destroys that; another destroys 2; 3 stays. Two walk the list and use what they find: one whom
 * liburcu knows, and one whom it does not (a crash handler on its own stack, a forked child).
 *
 * Checked
 *   - who uses a program finds it whole, and nobody empties it meanwhile (I2)
 *   - the walker whom liburcu knows meets 3, once; the other ends (I1)
 *   - nobody waits for ever
 *
 * README.md says what each definition takes away.
 */
#define NIL	0
#define STAYS	3

/* struct bpfstream_prog */
byte next[4];
byte live[4];
byte pins[4];

byte head = 1;
byte spare = NIL;
bool lock = false;
bool reading = false;		/* a read side critical section of liburcu's */

/* What is known from outside. */
bool whole[4];
byte users[4];
byte met = 0;			/* STAYS, by the walker whom liburcu knows */

inline bsp_live_lock()
{
#ifdef NO_LOCK
	skip
#else
	d_step { !lock -> lock = true }
#endif
}

inline bsp_live_unlock()
{
#ifdef NO_LOCK
	skip
#else
	lock = false
#endif
}

/* slot_of(): before which the place is that leads to p; 0 is the list's head */
inline slot_of(p)
{
	d_step {
		at = 0;
		do
		:: (at == 0 -> head : next[at]) == p -> break
		:: else -> at = (at == 0 -> head : next[at]); assert(at != NIL)
		od
	}
}

inline store(to)
{
	d_step {
		if
		:: at == 0 -> head = to
		:: else -> next[at] = to
		fi
	}
}

/* bsp_live_remove() and the rest of bpfstream_prog_destroy() */
inline destroy(p)
{
	bsp_live_lock();
#ifndef DEAD_LAST
	live[p] = 0;			/* ORD(remove:H) */
#endif
#ifndef NO_REMOVE
	slot_of(p);
	store(next[p]);
#endif
	bsp_live_unlock();
#ifndef NO_GRACE
	waits = reading;
	!waits || !reading;
	waits = false;
#endif
#ifndef NO_WAIT_FOR_PINS
	pins[p] == 0;			/* ORD(drained:J) */
#endif
#ifdef DEAD_LAST
	live[p] = 0;
#endif
	d_step { assert(users[p] == 0); whole[p] = false };
	bsp_live_lock();
	next[p] = spare;		/* bsp_live_recycle() */
	spare = p;
	bsp_live_unlock()
}

/* bpfstream_prog_create(), bsp_live_add(): what is spare may be met by a bare walker */
inline create(p)
{
	bsp_live_lock();
	p = spare;
	spare = next[p];
#ifdef RESET_OF_PINS
	pins[p] = 0;
#endif
#ifndef LIVE_FIRST
	whole[p] = true;
#endif
	slot_of(NIL);
	next[p] = NIL;
	live[p] = 1;			/* ORD(add:G) */
#ifdef LIVE_FIRST
	whole[p] = true;
#endif
	store(p);			/* ORD(add:G) */
	bsp_live_unlock()
}

proctype first_owner()
{
	byte at, p;
	bool waits;

	destroy(1);
	create(p);
	destroy(p);
	at = 0;
	p = 0
}

proctype second_owner()
{
	byte at;
	bool waits;

	destroy(2);
	at = 0
}

/* unpin(): ORD(unpin:J) */
inline unpin(p)
{
#ifndef NO_PIN
	d_step { assert(pins[p] > 0); pins[p]-- }
#else
	skip
#endif
}

/* bsp_live_next(): from prog, which is pinned, to another, which is then */
inline bsp_live_next()
{
	at = prog;
	do
	:: true ->
		/* ORD(walk:G) */
		d_step { at = (at == 0 -> head : next[at]) };
		if
		:: at == NIL -> break
		:: else
		fi;
#ifdef LOOK_FIRST
		is_live = live[at];
#endif
#ifndef NO_PIN
		pins[at]++;		/* ORD(pin:H) */
#endif
#ifdef NO_LOOK
		is_live = true;
#elif !defined(LOOK_FIRST)
		is_live = live[at];
#endif
		if
		:: is_live -> break
		:: else -> unpin(at)
		fi
	od;
	if
	:: prog -> unpin(prog)
	:: else
	fi;
	d_step { prog = at; at = 0; is_live = false }
}

/* bpfstream_dump_all() */
proctype walker(bool known)
{
	byte at, prog;
	bool is_live;

	if
	:: known -> reading = true	/* bsp_live_begin() */
	:: else
	fi;
	do
	:: bsp_live_next();
		if
		:: prog == NIL -> break
		:: else
		fi;
		d_step { assert(whole[prog]); users[prog]++ };
		d_step { users[prog]--; met = met + (known && prog == STAYS) }
	od;
	if
	:: known -> d_step { assert(met == 1); reading = false }	/* bsp_live_end() */
	:: else
	fi
}

init
{
	d_step {
		next[1] = 2;
		next[2] = STAYS;
		live[1] = 1; live[2] = 1; live[STAYS] = 1;
		whole[1] = true; whole[2] = true; whole[STAYS] = true
	};
	atomic { run first_owner(); run second_owner(); run walker(true); run walker(false) }
}
