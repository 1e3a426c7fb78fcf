/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dump.pml - dumps inside a read and beside one: src/stream.c (I5, I6), dump() in port/user/read.c
 *
 * A thread reads. On top of it, at any point, a handler dumps. On top of that another dumps, or
 * else a second thread does. A third prints. What a sink is handed it takes, or only a byte of it.
 *
 * Checked
 *   - each byte is delivered once, and those of an element in order
 *   - who walks the backlog meets no element that was released
 *   - in the end all is read and the weight is 0
 *
 * How the log is pushed to and taken is stream.pml's; here each is one step. README.md says what
 * each definition takes away.
 */
#define NIL	0
#define ANY	255	/* ~(u64)0 */
#define CAPACITY	5
#define NODES	4

mtype = { UNUSED, LISTED, TAKEN };
mtype = { NOBODY, READER, HANDLER, INNER, OTHER };

byte next[NODES];
byte length[NODES];
byte consumed[NODES];
mtype state[NODES] = UNUSED;

byte weight = 0;
byte first = NIL;		/* of the log: the newest */
byte backlog = NIL;		/* the oldest */
byte in_hand = 0;
mtype holder = NOBODY;		/* of the stream's mutex */

/* What is known from outside. */
byte got[NODES];
bool stopped[5] = false;	/* by process: somebody is on top of it */
bool was_handled = false, last = false;
byte done = 0;

/* bpfstream_llist_take() and bpfstream_llist_reverse() */
inline take(queue)
{
	atomic {
		e = first;
		first = NIL;
		do
		:: e == NIL -> break
		:: else ->
			assert(state[e] == LISTED);
			state[e] = TAKEN;
			n = next[e];
			next[e] = queue;
			queue = e;
			e = n
		od;
		n = 0
	}
}

/* A sink is handed bytes of e, from where it was looked at. */
inline sink(elem, from, bytes)
{
	assert(state[elem] == TAKEN);
	assert(got[elem] == from && from + bytes <= length[elem]);
	got[elem] = got[elem] + bytes
}

/* queue_peek(): at most two elements, at most max bytes; what is offered of them */
inline queue_peek()
{
	do
	:: atomic { e == NIL || nr == 2 || over ->
#ifdef NO_IN_HAND
		in_hand = 0;
#else
		in_hand = bytes;
#endif
		break
	   }
	:: d_step { !(e == NIL || nr == 2 || over) ->
		assert(state[e] == TAKEN);
		n = length[e] - consumed[e];
		over = (n > max - bytes);
		if
		:: over -> n = max - bytes; cut = n
		:: else
		fi;
		if
		:: n -> piece[nr] = e; from[nr] = consumed[e]; size[nr] = n; nr++
		:: else
		fi;
		bytes = bytes + n;
		e = (over -> e : next[e]);
		n = 0
	   }
	od
}

inline release(elem)
{
	state[elem] = UNUSED
}

inline release_up_to_after()
{
	d_step {
		do
		:: e == after -> break
		:: else -> release(e); e = next[e]
		od;
		e = NIL
	}
}

/* queue_unlink() and offer_release(): all of an offer was taken */
inline all_taken()
{
	d_step { after = e; e = backlog };
#ifdef RELEASE_FIRST
	release_up_to_after();
	e = after;
#endif
#ifdef IN_HAND_FIRST
	in_hand = 0;
#endif
	if
	:: cut -> consumed[after] = consumed[after] + cut
	:: else
	fi;
	backlog = after;
	d_step { in_hand = 0; n = 0; bytes = 0; cut = 0; nr = 0; over = false };
	release_up_to_after()
}

/* queue_consume() and queue_pop(): n bytes, the sink is stuck */
inline part_taken()
{
	do
	:: backlog == NIL -> break
	:: atomic { backlog != NIL && length[backlog] - consumed[backlog] > n ->
		consumed[backlog] = consumed[backlog] + n;
		break
	   }
	:: d_step { backlog != NIL && length[backlog] - consumed[backlog] <= n ->
		e = backlog;
		n = n - (length[e] - consumed[e]);
		consumed[e] = length[e]
	   };
		backlog = next[e];
		release(e)
	od;
	atomic { in_hand = 0; n = 0; bytes = 0; cut = 0; nr = 0; over = false; e = NIL }
}

/* deliver(), deliver_text(): up to max bytes; a sink that gets stuck takes one byte of several */
inline deliver()
{
	do
	:: atomic { max && backlog == NIL ->
		take(backlog);
		max = (backlog == NIL -> 0 : max)
	   }
	:: atomic { max && backlog != NIL ->
#ifndef NO_COVER
		in_hand = ANY;
#endif
		e = backlog
	   };
		queue_peek();
		if
		:: d_step { bytes > 1 && !last -> sink(piece[0], from[0], 1); owed++; n = 1; max = 0 };
			part_taken()
		:: d_step { true ->
			if
			:: nr > 0 -> sink(piece[0], from[0], size[0])
			:: else
			fi;
			if
			:: nr > 1 -> sink(piece[1], from[1], size[1])
			:: else
			fi;
			owed = owed + bytes;
			max = max - bytes
		   };
			all_taken()
		fi
	:: !max -> break
	od;
	/* settle() */
	atomic {
		assert(weight >= owed);
		weight = weight - owed;
		owed = 0;
		piece[0] = 0; piece[1] = 0; from[0] = 0; from[1] = 0; size[0] = 0; size[1] = 0;
		after = 0
	}
}

/* bpfstream_deliver_hidden(): on top of the one who holds the mutex */
inline deliver_hidden()
{
	do
	:: e == NIL -> break
	:: atomic { e != NIL ->
#ifndef NO_COVER_HIDDEN
		in_hand = ANY
#endif
	   };
		d_step { assert(state[e] == TAKEN); f = consumed[e]; n = length[e] - f };
		if
		:: d_step { passed < others || n == 0 -> passed = passed + n; e = next[e]; n = 0 }
		:: atomic { !(passed < others || n == 0) ->
			if
			:: n > 1 -> n = 1; stuck = true
			:: true
			fi;
#ifdef NO_IN_HAND_HIDDEN
			in_hand = 0;
#else
			in_hand = passed + length[e] - f;
#endif
		   };
			d_step { sink(e, f, n) };
#ifndef NO_CONSUMED
			consumed[e] = consumed[e] + n;
#endif
			d_step { weight = weight - n; n = 0; f = 0; e = (stuck -> NIL : next[e]) }
		fi
	od;
	atomic { in_hand = others; others = 0; passed = 0 }
}

/* bpfstream_deliver_log(), put_back(): past the holder of the mutex; its own queue, so few steps */
inline deliver_log()
{
	atomic {
		take(queue);
		do
		:: queue == NIL -> break
		:: else ->
			n = length[queue] - consumed[queue];
			if
			:: n > 1 -> n = 1
			:: true
			fi;
			sink(queue, consumed[queue], n);
			consumed[queue] = consumed[queue] + n;
			weight = weight - n;
			n = 0;
			if
			:: consumed[queue] == length[queue] -> e = queue; queue = next[e]; release(e)
			:: else -> break
			fi
		od;
		e = NIL
	};
#ifdef NO_PUT_BACK
	queue = NIL
#else
	d_step {
		f = first;
		do
		:: queue == NIL -> break
		:: else ->
			e = queue;
			queue = next[e];
			next[e] = f;
			state[e] = LISTED;
			f = e
		od;
		first = f;
		e = NIL;
		f = NIL
	}
#endif
}

/* Whether the holder of the mutex is under me, in my own thread. */
#ifdef HIDDEN_TO_OTHERS
#define UNDER_ME	true
#else
#define UNDER_ME	(holder != OTHER && me != OTHER)
#endif

/* dump(), and bpfstream_prog_read(), which waits for the mutex */
inline dump_or_read()
{
	if
#ifdef NO_MUTEX
	:: d_step { me != READER || holder == NOBODY ->
#else
	:: d_step { holder == NOBODY ->
#endif
		holder = me;
		max = (me == READER && !last -> 2 : CAPACITY)
	   };
		deliver();
		holder = NOBODY
#ifndef NO_MUTEX
	:: d_step { holder != NOBODY && me != READER && UNDER_ME ->
#ifndef NO_OTHERS
		others = in_hand;
#endif
		e = backlog
	   };
		deliver_hidden();
		if
		:: stuck	/* no newer text before the rest of this */
		:: else -> deliver_log()
		fi;
		stuck = false
	:: d_step { holder != NOBODY && me != READER && !UNDER_ME };
		deliver_log()
#endif
	fi
}

proctype thread(mtype me) provided (!stopped[_pid])
{
	byte max, n, e, f, nr, bytes, cut, after, owed, queue, others, passed;
	byte piece[2], from[2], size[2];
	bool stuck, over;

	if
	:: me == READER
	:: me == OTHER
	:: d_step { me == HANDLER -> stopped[1] = true }
	:: d_step { me == INNER && stopped[1] -> stopped[2] = true }
	:: me == INNER && was_handled -> goto out
	fi;
again:	dump_or_read();
	if
	:: me == READER && !last ->
		done == 4;
		last = true;
		goto again
	:: me == READER && last ->
		assert(weight == 0 && first == NIL && backlog == NIL && in_hand == 0);
		assert(got[1] == length[1] && got[2] == length[2] && got[3] == length[3])
	:: me == HANDLER -> d_step { stopped[1] = false; was_handled = true }
	:: me == INNER -> stopped[2] = false
	:: me == OTHER
	fi;
out:	done++
}

proctype writer()
{
	d_step { next[3] = first; first = 3; state[3] = LISTED; weight++ };
	done++
}

init
{
	d_step {
		length[1] = 1; length[2] = 2; length[3] = 1;
		next[2] = 1; first = 2; weight = 3;
		state[1] = LISTED; state[2] = LISTED
	};
	atomic {
		run thread(READER);
		run thread(HANDLER);
		if
		:: run thread(INNER); done++
		:: run thread(OTHER); done++
#ifdef ALL
		:: run thread(INNER); run thread(OTHER)
#endif
		fi;
		run writer()
	}
}
