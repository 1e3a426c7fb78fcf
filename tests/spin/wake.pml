/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * wake.pml - telling those who wait for text: port/user/wake.c, wake.h, finish() in write.c
 *
 * Three writers print a message each. The first may never come to tell anybody (it leaves by
 * longjmp, after its own handler printed or not). One thread waits in bpfstream_prog_wait() and
 * reads; another polls the eventfd of bpfstream_prog_fd() and reads. A read takes all or a part.
 *
 * Checked
 *   - when nobody can go on, either no text waits, or the one who had to tell of it is gone for
 *     good and nobody has printed since (I1)
 *   - who is woken was not woken by what it had taken back before (I2)
 *
 * All is sequentially consistent here, as wake:K and watch:K are read-modify-writes of one word.
 * README.md says what each definition takes away.
 */
#define NR_WRITERS	3

byte pending = 0;		/* bpfstream_pending(), a message a unit */
byte watchers = 0;
bool made = false;		/* prog->efd >= 0 */
bool efd = false;		/* its count is not 0 */
/*
 * prog->told: odd, and which of those on their way to make it odd have loaded the even number that
 * it still is. How often it was made even is of no interest.
 */
bool told = false;
bool holds[5] = false;

/* What is known from outside. */
bool untold = false;		/* the last to publish is gone, and has told nobody */
byte printed = 0;
bool set_since = true;		/* since the poller took it back */

inline efd_set(me)
{
	if
	:: made ->
		holds[me] = true;
		d_step { efd = true; set_since = true };
		d_step { told = told || holds[me]; holds[me] = false }
	:: else
	fi
}

inline efd_clear(me)
{
#ifdef FLAG_FOR_TOLD
	told = false;			/* a mere flag, put down first */
#endif
#ifdef NO_TAKE_BACK
	set_since = set_since && me != 1;
#else
	d_step { efd = false; set_since = set_since && me != 1 };
#endif
#ifndef FLAG_FOR_TOLD
	d_step {			/* another number */
		told = false;
		holds[0] = false;
		holds[1] = false;
		holds[2] = false;
		holds[3] = false;
		holds[4] = false
	}
#endif
}

/* bsp_wake_readable() */
inline wake_readable(me)
{
	/* ORD(wake:K) */
	if
	:: watchers ->
		if
		:: pending -> efd_set(me)
		:: else
		fi
	:: else
	fi
}

/* bsp_wake_drained() */
inline wake_drained(me)
{
	if
	:: watchers && !pending ->
		efd_clear(me);
#ifndef NO_SECOND_LOOK
		if
		:: pending -> efd_set(me)
		:: else
		fi
#endif
	:: else
	fi
}

/* watch(): ORD(watch:K) */
inline watch(me)
{
	watchers++;
#ifndef NO_LOOK_IN_WATCH
	if
	:: pending -> efd_set(me)
	:: else
	fi
#endif
}

/* bpfstream_publish_spot() */
inline publish(leaves)
{
	d_step {
		was_empty = (pending == 0);
		pending++;
		printed++;
		untold = leaves
	}
}

/* bpfstream_printf() */
proctype writer(byte me)
{
	bool was_empty;

#ifdef WAKE_FIRST
	wake_readable(me);
#endif
	publish(false);
#ifndef WAKE_FIRST
	/* finish(), bsp_wake_owed() */
	if
	:: was_empty -> wake_readable(me)
#ifndef NO_OWED
	:: !was_empty && watchers ->
		if
		:: !told -> wake_readable(me)
		:: else
		fi
#endif
	:: else
	fi;
#endif
	was_empty = false
}

/* The same, up to a handler that leaves it by longjmp. */
proctype leaver()
{
	bool was_empty;

	publish(true);
	was_empty = false
}

/* bpfstream_prog_read() */
inline read(me)
{
	if
	:: pending = 0
	:: d_step { pending > 1 -> pending-- }
	fi;
	wake_drained(me)
}

/* bpfstream_prog_wait() and bpfstream_prog_read(), for ever */
proctype waiter()
{
	do
	:: pending -> read(0)
	:: d_step { !pending -> made = true };	/* efd_get() */
#ifndef WATCH_LAST
		watch(0);
#endif
		do
		:: wake_drained(0);
			if
			:: pending -> break
			:: else
			fi;
#ifdef WATCH_LAST
			watchers++;
#endif
end_wait:		efd;		/* poll() */
#ifdef WATCH_LAST
			watchers--
#endif
		od;
#ifndef WATCH_LAST
		watchers--
#endif
	od
}

/* bpfstream_prog_fd(), and an event loop of the user's */
proctype poller()
{

	made = true;
	watch(1);
end_poll:
	do
	:: d_step { efd -> assert(set_since) };
		read(1)
	od
}

init
{
	atomic {
		run writer(2);
		run writer(3);
		if
		:: run leaver(); run waiter()
		:: run leaver(); run poller()
		:: run writer(4); run waiter()
		:: run writer(4); run poller()
		:: printed++; run waiter(); run poller()
#ifdef ALL
		:: run leaver(); run waiter(); run poller()
		:: run writer(4); run waiter(); run poller()
#endif
		fi
	};
	timeout;
	assert(printed == NR_WRITERS);
	assert(!pending || untold)
}
