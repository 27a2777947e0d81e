/*
 * failover.pml - rule 5 (doc/consistency.md) on two Redis servers.
 *
 * consistency.pml has one server and the whole protocol around it. Here are two
 * servers, and of the protocol what touches the cache: finalizes that remove the
 * token, readers that look, set a token, read the store and fill. One server
 * follows the other, late; it is promoted while the old master lives (the
 * partition); the old master goes on for those who are connected to it, becomes a
 * replica, and is promoted in its turn. A host connects to whatever the name
 * leads to, and stays there until something tells it to look again.
 *
 * The store is a number: how many analyses are stored. A token is a number that
 * nobody holds, with the name that its giver gave it.
 *
 *   F1  A read begun after a finalize was answered 200 shows that analysis, if the
 *       finalize's removal and the read's look were answered by the master. (Those
 *       whom an old master answers are the stated exception: cache.ttl bounds it.)
 *   F2  Also later: what was forgotten at a master does not count again, whatever
 *       roles the two have meanwhile had. (The same assertion.)
 *
 * Not in the model: time, and so the end of copies; evictions; a server without
 * its data (consistency.pml has these).
 *
 *   spin -a failover.pml
 *   cc -O2 -w -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -w24 -m1000000
 */

/* ---- rules; the default is what the code does ---- */
#ifndef NAMES          /* a token names: 1 the history of the data, 0 the    */
#define NAMES 1        /* server's process                                   */
#endif
#ifndef ROLE           /* 1: what a replica says does not count              */
#define ROLE 1
#endif
#ifndef ASKED          /* the server is asked who it is: 2 behind each look, */
#define ASKED 2        /* 1 before each look, 0 once a connection            */
#endif
#ifndef REMOVED        /* 1: and behind each removal; 0: a replica that takes*/
#define REMOVED 1      /* writes is believed                                 */
#endif

/* ---- how much of everything ---- */
#ifndef PROMOTIONS
#define PROMOTIONS 2
#endif
#ifndef READS
#define READS 2
#endif
#ifndef FINALIZES
#define FINALIZES 2
#endif

typedef Server {
	byte tok, name;        /* the token, and whom it names          */
	byte tag, ent;         /* the entry: its token, and the answer  */
	byte history;
	bit  replica
};
Server s[2];
byte master;               /* where the name leads */
byte histories = 1;        /* given so far */
byte stored;               /* the store */
byte acked;                /* answered 200, and heard by the master */
byte at[2], known[2];      /* each host's connection: server, history */
byte t0[2];                /* the token that each reader holds */
byte finalizes, reads;

#define NAME(x, h) (NAMES -> known[h] : 4 + (x))
#define HELD(n) (s[0].tok == n || s[0].tag == n || s[1].tok == n || \
	s[1].tag == n || t0[0] == n || t0[1] == n)
#define FRESH (!HELD(1) -> 1 : (!HELD(2) -> 2 : (!HELD(3) -> 3 : \
	(!HELD(4) -> 4 : (!HELD(5) -> 5 : (!HELD(6) -> 6 : 7))))))
/* What INFO replication says is what it said when the connection was made. */
#define SAME(h) (s[at[h]].history == known[h] && !(ROLE && s[at[h]].replica))

/* A connection to where the name leads, or led a moment ago. */
#define CONNECT(h, x) \
	(!ROLE || !s[x].replica) -> at[h] = x; known[h] = s[x].history

proctype Host(byte h)
{
	byte tok, name, tag, ent, a, m, mine, x;
	bit good;

	do
	/* The server or the network ends the connection, at any time. */
	:: atomic { (at[h] != master) -> CONNECT(h, master) }
	:: atomic { (!ROLE && at[h] == master) -> CONNECT(h, 1 - master) }

	/* ---- a finalize ---- */
	:: atomic { finalizes < FINALIZES -> finalizes++; stored++; mine = stored };
remove:		atomic {
		x = at[h];
		if
		:: s[x].replica && REMOVED ->       /* refused, or seen behind it */
			CONNECT(h, master);
			goto remove
		:: s[x].replica && !REMOVED         /* it takes writes; lost */
			-> s[x].tok = 0; good = 1
		:: !s[x].replica -> s[x].tok = 0; good = (x == master)
		fi };
		atomic {
		if
		:: good && mine > acked -> acked = mine
		:: else
		fi;
		good = 0; mine = 0; x = 0 }

	/* ---- a read ---- */
	:: atomic { reads < READS -> reads++; m = acked };
look:
#if ASKED == 1
		atomic {
		if
		:: SAME(h)
		:: else -> CONNECT(h, master)
		fi };
#endif
		atomic {
		x = at[h];
		tok = s[x].tok; name = s[x].name; tag = s[x].tag; ent = s[x].ent;
		good = (x == master || (s[x].replica)) };
#if ASKED == 2
		atomic {
		if
		:: SAME(h)
		:: else -> CONNECT(h, master);
			tok = 0; name = 0; tag = 0; ent = 0;
			goto look
		fi };
#endif
		atomic {
		if
		:: tok && name == NAME(x, h) && tag == tok ->
			assert(!good || ent >= m);                       /* F1, F2 */
			goto read
		:: tok && name == NAME(x, h) && tag != tok -> t0[h] = tok
		:: !(tok && name == NAME(x, h))
		fi };
		/* Set one where none is, or in place of the one that was seen. */
		atomic {
		x = at[h];
		if
		:: !t0[h] && s[x].tok == tok && !(s[x].replica) ->
			s[x].tok = FRESH; s[x].name = NAME(x, h); t0[h] = s[x].tok
		:: !t0[h] && s[x].tok != tok && s[x].tok &&
			s[x].name == NAME(x, h) && !(s[x].replica) -> t0[h] = s[x].tok
		:: else                             /* refused, or nobody's: no fill */
		fi };
		a = stored;
		/* The fill, at the server of this moment: COMMIT. */
		atomic {
		x = at[h];
		if
		:: t0[h] && !s[x].replica && s[x].tok == t0[h] ->
			s[x].tag = t0[h]; s[x].ent = a
		:: else
		fi };
read:		atomic { t0[h] = 0;
		tok = 0; name = 0; tag = 0; ent = 0; a = 0; m = 0; x = 0; good = 0 }
	od
}

/* Sentinel, or an operator. */
proctype Roles()
{
	byte promotions;

	do
	/* The replica gets what the master has done, some time. */
	:: atomic { s[1 - master].replica ->
		s[1 - master].tok = s[master].tok;
		s[1 - master].name = s[master].name;
		s[1 - master].tag = s[master].tag;
		s[1 - master].ent = s[master].ent;
		s[1 - master].history = s[master].history }
	/* It is promoted; the old master has not heard of it. */
	:: atomic { promotions < PROMOTIONS && s[1 - master].replica ->
		promotions++; histories++;
		master = 1 - master;
		s[master].replica = 0;
		s[master].history = histories }
	/* Now it has. Its connections may stand. */
	:: atomic { !s[1 - master].replica -> s[1 - master].replica = 1 }
	od
}

init
{
	atomic {
		s[0].history = 1; s[1].history = 1; s[1].replica = 1;
		known[0] = 1; known[1] = 1;
		run Host(0);
		run Host(1);
		run Roles()
	}
}
