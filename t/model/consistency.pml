/*
 * consistency.pml - the rules of doc/consistency.md as a Promela model.
 *
 * One driver. Trip 0 can be finalized under two end times, so under two object
 * keys (0 and 1); trip 1 has key 2. Finalizes, readers, late batches, an erase,
 * reconcile, the delivery of remembered invalidations and a forgetful Redis run
 * in every order. One atomic block is one request to one store and what its
 * caller then decides; a process may crash before any request that changes
 * something. README.md says which file of the code each rule is in.
 *
 * t/model/run runs it. By hand, with spin 6.5 and a C compiler:
 *
 *   spin -a -DSCENE=1 consistency.pml
 *   cc -O2 -w -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -w26 -m1000000
 *
 * "errors: 0" means that every claim holds in that scene. The search is
 * exhaustive: up to 40 million states, 2.1 GB and some minutes a scene. For
 * the shortest trace of a failure, e.g. of a counter in the token's place:
 *
 *   spin -a -DSCENE=1 -DCOUNTER=1 consistency.pml
 *   cc -O2 -w -DSAFETY -DBFS -o pan pan.c && ./pan
 *   spin -t -p -g -l -DSCENE=1 -DCOUNTER=1 consistency.pml
 *
 * SCENE chooses who takes part. Every rule is a switch whose default is the
 * rule as the code has it; another value shows the failure that it prevents.
 * Faults are budgets for the whole run.
 *
 * An analysis is known by its stamp: the revision that its claim gave the trip,
 * unique, 0 for none. (Both trips take theirs from one sequence here.) The
 * ETag of an object or a row is its stamp too: equal content, equal ETag.
 *
 *   P1  A read begun after a finalize was answered 200 shows that trip, with
 *       that analysis or a later one (READ_CHECK); and a finalize begun after
 *       another was answered replaces it (new_stamp). EXCEPTIONS=1 leaves out
 *       exactly another host's reads while an invalidation is undelivered.
 *       Scene 6 alone needs that.
 *   P2  No answer holds two objects of one trip (DEDUPE=0: it would).
 *   P3  STRICT_ROWS=1 GIVEUP=0: at the end the summary has every trip's row.
 *       Without these the read in at_the_end writes it from the listing, so
 *       that it is repaired holds by construction.
 *   P4  At the end the answer is every acknowledged trip (and those whose
 *       object was written at least), named by its record. One object each
 *       holds by construction: the reconcile in at_the_end removes the earlier.
 *   P5  After an erase was acknowledged nothing of before it is answered, and
 *       after one more read nothing of it is left in the store.
 *   P6  At the end the analysis of a trip has every batch that was stored.
 *   P7  No two scorings have one stamp; all else here rests on it.
 *   P8  Scenes 18 and 19: the older object that was there when a trip's last
 *       claim was made is gone once that claim has ended, unless it gave up on
 *       the summary. (Of another writer's object: if it had a row. What else
 *       remains, reconcile removes, P4.)
 *
 *   P9  Scenes 21 to 25: after another program finalized the trip, and one
 *       reconcile, the answer is an analysis that was claimed after that.
 *
 * Not in the model: time (deadlines, age limits), readers that wait for
 * another's fill, retention, object versions, pages beyond the second, packs
 * and the texts in the summary (README.md says why).
 */

/* ---- scenes ---- */
#ifndef SCENE
#define SCENE 1
#endif
/* 1: two trips, two readers, evictions     2: one trip, two end times, readers
   3: end a, end b, end a again, a crash     4: as 3, two reads, no crash
   5: erase, a finalize, a crash             6: Redis away for two finalizes
   7: Redis fails over                       8: analysis pending, reconcile
   9: as 1, crashes and repeats             10: as 2, crashes and repeats
  11: the client repeats while the first still runs: one key twice
  12: erase, a finalize, two readers
  13: a listing of two pages; two end times, and another trip
  14: a batch for the completed trip, with reconcile beside it
  15: as 8, a reader, the store failing once
  16: a finalize, two reconciles, a reader
  17: as 8, a reader, a crash
  18: as 8, P8: what a finalize leaves behind
  19: an object of another writer, with a row; a finalize, a crash, reconcile
  20: a listing of two pages; two end times, and reconcile removes doubles
  21: another program finalizes the trip beside two finalizes of ours, a crash
  22: as 21 with one end time, a crash, reconcile, no reader
  23: another program adds a batch
  24: another program finalizes it, and a late batch of ours comes
  25: another program deletes the trip, and it begins again */

/* ---- rules; the default is the corrected protocol ---- */
#ifndef PUTCOND        /* 1: a trip object is PUT only over an older one     */
#define PUTCOND 1
#endif
#ifndef DELCOND        /* 1: DELETE carries If-Match                         */
#define DELCOND 1
#endif
#ifndef DELRULE        /* 1: delete only what was seen older than another    */
#define DELRULE 1      /*    object of the trip; 0: the record says who lost;*/
#endif
                       /*    2: finalize deletes nothing                     */
#ifndef REPAIR         /* who deletes doubles on a read: 0 nobody, 1 by      */
#define REPAIR 0       /*    stamp, 2 what the record does not name          */
#endif
#ifndef CLOCK          /* 1: a claim's stamp is the host's clock, which may  */
#define CLOCK 0        /*    be behind; 0: the record's revision, plus one   */
#endif
#ifndef TOKPOS         /* token replaced: 2 before the reply, 1 before the   */
#define TOKPOS 2       /* deletes, 3 after the reply, 4 before the object is */
#endif                 /* written                                            */
#ifndef TOKDEL         /* 1: the token is replaced by removing it: the next  */
#define TOKDEL 1       /*    reader sets one; 0: by setting a new one        */
#endif
#ifndef RUNID          /* 1: a token of another run of Redis does not count  */
#define RUNID 1
#endif
#ifndef LOSERTOK       /* 1: a loser replaces the token before its reply too */
#define LOSERTOK 1
#endif
#ifndef NXEARLY        /* 1: reader sets a missing token before it reads the */
#define NXEARLY 1      /*    store; 0: only before it fills                  */
#endif
#ifndef GUARD          /* 1: fill only if the token is unchanged; 0: fill,   */
#define GUARD 1        /*    tagged with the token read before the store     */
#endif
#ifndef COUNTER        /* 1: the token is a counter                          */
#define COUNTER 0
#endif
#ifndef RELIST         /* 1: a listed object that is gone: list again        */
#define RELIST 1
#endif
#ifndef GETMATCH       /* 1: GET carries the listed ETag; 412 is as 404      */
#define GETMATCH 1
#endif
#ifndef PAGED          /* 1: the listing takes two pages (split after key 0) */
#define PAGED (SCENE == 13 || SCENE == 20)
#endif
#ifndef ROWCHECK       /* 1: a row that is not listed is fetched before it   */
#define ROWCHECK 1     /*    is dropped                                      */
#endif
#ifndef LOST           /* a row's object is gone: 1 the summary is read      */
#define LOST 1         /* again, and the row dropped if it says the same;    */
#endif                 /* 0 list again, once for each row                    */
#ifndef SUMLAST        /* 1: the summary is read after the last page         */
#define SUMLAST PAGED  /* 0: at any time                                     */
#endif
#ifndef DELROW         /* 1: finalize deletes the old object only after its  */
#define DELROW 1       /*    own row is in the summary                       */
#endif
#ifndef GIVEUP         /* 1: finalize may give up on the summary, at any time*/
#define GIVEUP (SCENE != 25) /* see README.md                              */
#endif
#ifndef DEDUPE         /* 1: a reader takes the later of two objects         */
#define DEDUPE 1
#endif
#ifndef TOMB           /* 1: erase leaves a tombstone with a new epoch in    */
#define TOMB 1         /*    the summary's place; 0: it deletes the summary  */
#endif
#ifndef ERASETOK       /* erase replaces the token: 1 last, 0 first          */
#define ERASETOK 1
#endif
#ifndef FRESHFLAG      /* 1: a delivered invalidation clears only itself     */
#define FRESHFLAG 1
#endif
#ifndef NEWCLAIM       /* 1: reconcile claims the trip anew; 0: it finishes  */
#define NEWCLAIM 1     /*    the claim that it finds, under its stamp        */
#endif
#ifndef CLAIMCOND      /* 1: only a claim that is still the record's ends    */
#define CLAIMCOND 1    /*    the pending state                               */
#endif
#ifndef BATCHSTEPS     /* a batch for a completed trip: 1 its record (a new  */
#if SCENE == 24        /* stamp, pending) and the batch in one transaction;  */
#define BATCHSTEPS 2
#else
#define BATCHSTEPS 1
#endif
#endif
                       /* 2: record, batch, record again; 0: record, batch;  */
                       /* 3: the batch alone, the record is left as it was   */
#ifndef ABOVE          /* the claim of a trip that others finalized: 2 above */
#define ABOVE 2        /*    all claims that there were; 1 one above what is */
#endif                 /*    stored; 0 its revision begins again             */
#ifndef RISE           /* 1: a claim that is below what is stored of its     */
#define RISE 1         /*    trip, and still the record's, goes above that   */
#endif
#ifndef UPLOADREV      /* 1: a late batch gives the record of a trip that    */
#define UPLOADREV 0    /*    others finalized a revision                     */
#endif
#ifndef ADOPT          /* 1: for such a trip reconcile takes what is stored  */
#define ADOPT 0
#endif
#ifndef COUNTED        /* 1: a batch that others counted makes reconcile     */
#define COUNTED 1      /*    score the trip again                            */
#endif
#ifndef WAITS          /* 1: a claim that found fewer batches than counted   */
#define WAITS 1        /*    does not end                                    */
#endif
#ifndef FORWARD        /* 1: reconcile moves a record on to a later object   */
#define FORWARD 1
#endif
#ifndef SEEN           /* 1: the summary is first read before the object is  */
#define SEEN (SCENE != 3) /* written; 0: after it (see Finalize)             */
#endif
#ifndef BESIDE         /* a claim ends beside the summary's PUT: 1 the first */
#define BESIDE 1       /* of a trip, if the summary seen has no row of it;   */
#endif                 /* 2 every one; 3 the first; 0 none                   */
#ifndef LOOK           /* who looks for an older object: 1 all but those;    */
#define LOOK 1         /* these remove just what the merge met; 2 all; 3 all */
#endif                 /* but the first                                      */

/* ---- which claims ---- */
#ifndef EXCEPTIONS     /* 1: P1 leaves out the stated bounds                 */
#define EXCEPTIONS 1
#endif
#ifndef VERSION        /* 1: P1, P4: that analysis or a later one; 0: the    */
#define VERSION 1      /*    trip, whichever of its analyses                 */
#endif
#ifndef TIDY           /* 1: P8                                              */
#define TIDY (SCENE == 18 || SCENE == 19)
#endif
#ifndef STRICT_ROWS
#define STRICT_ROWS 0
#endif
#ifndef RECORD_NAMES   /* P4: the record names the object that is left       */
#define RECORD_NAMES 1
#endif

/* ---- faults ---- */
#if SCENE == 1
#define FINALIZES(F) F(0, 0); F(2, 1)
#define D_EVICT 2
#elif SCENE == 2
#define FINALIZES(F) F(0, 0); F(1, 1)
#elif SCENE == 3
#define FINALIZES(F) F(0, 0); F(1, 1); F(0, 1)
#define D_READERS 1
#define D_CRASH 1
#define D_RETRY 0
#elif SCENE == 4
#define FINALIZES(F) F(0, 0); F(1, 1); F(0, 1)
#define D_READERS 1
#define D_READS 2
#elif SCENE == 5
#define FINALIZES(F) F(0, 0)
#define D_READERS 1
#define D_READS 2
#define D_CRASH 2
#define D_RETRY 2
#define D_EVICT 1
#define D_ERASE 1
#elif SCENE == 6
#define FINALIZES(F) F(0, 0); F(2, 0)
#define D_AWAY 2
#elif SCENE == 7
#define FINALIZES(F) F(0, 0); F(2, 1)
#define D_FAILOVER 1
#elif SCENE == 8
#define FINALIZES(F) F(0, 0); F(1, 1)
#define D_READERS 0
#define D_CRASH 1
#define D_RETRY 1
#define D_STOREFAIL 1
#define D_RECONCILE 1
#elif SCENE == 9
#define FINALIZES(F) F(0, 0); F(2, 1)
#define D_READERS 1
#define D_READS 2
#define D_CRASH 2
#define D_RETRY 2
#elif SCENE == 10
#define FINALIZES(F) F(0, 0); F(1, 1)
#define D_READERS 1
#define D_READS 2
#define D_CRASH 2
#define D_RETRY 2
#elif SCENE == 11
#define FINALIZES(F) F(0, 0); F(0, 1)
#define D_READERS 1
#define D_READS 2
#define D_CRASH 1
#define D_RETRY 1
#elif SCENE == 12
#define FINALIZES(F) F(0, 0)
#define D_ERASE 1
#elif SCENE == 13
#define FINALIZES(F) F(1, 0); F(0, 1); F(2, 0)
#define D_READERS 1
#elif SCENE == 14
#define FINALIZES(F) F(0, 0); F(1, 1)
#define D_READERS 0
#define D_RECONCILE 1
#define D_BATCH 1
#elif SCENE == 15
#define FINALIZES(F) F(0, 0); F(1, 1)
#define D_READERS 1
#define D_STOREFAIL 1
#define D_RECONCILE 1
#elif SCENE == 16
#define FINALIZES(F) F(0, 0)
#define D_READERS 1
#define D_CRASH 1
#define D_STOREFAIL 1
#define D_RECONCILE 2
#elif SCENE == 17
#define FINALIZES(F) F(0, 0); F(1, 1)
#define D_READERS 1
#define D_CRASH 1
#define D_RECONCILE 1
#elif SCENE == 18
#define FINALIZES(F) F(0, 0); F(1, 1)
#define D_READERS 0
#define D_CRASH 1
#define D_RETRY 1
#define D_RECONCILE 1
#elif SCENE == 19
#define FINALIZES(F) F(0, 0)
#define D_READERS 1
#define D_CRASH 1
#define D_RETRY 1
#define D_RECONCILE 1
#define D_FOREIGN 2
#elif SCENE == 20
#define FINALIZES(F) F(1, 0); F(0, 1)
#define D_READERS 1
#define D_DOUBLES 1
#elif SCENE == 21
#define FINALIZES(F) F(0, 0); F(1, 1)
#define D_READERS 1
#define D_READS 2
#define D_CRASH 1
#define D_OLDFINAL 1
#elif SCENE == 22
#define FINALIZES(F) F(0, 0); F(0, 1)
#define D_READERS 0
#define D_CRASH 1
#define D_RETRY 1
#define D_RECONCILE 1
#define D_OLDFINAL 1
#elif SCENE == 23
#define FINALIZES(F) F(0, 0); F(1, 1)
#define D_READERS 0
#define D_RECONCILE 1
#define D_OLDBATCH 1
#elif SCENE == 24
#define FINALIZES(F) F(0, 0)
#define D_READERS 0
#define D_RECONCILE 1
#define D_OLDFINAL 1
#define D_BATCH 1
#elif SCENE == 25
#define FINALIZES(F) F(0, 0); F(1, 1)
#define D_READERS 1
#define D_OLDDELETE 1
#endif
#ifndef D_CRASH
#define D_CRASH 0
#endif
#ifndef D_RETRY
#define D_RETRY 0
#endif
#ifndef D_EVICT
#define D_EVICT 0
#endif
#ifndef D_AWAY
#define D_AWAY 0
#endif
#ifndef D_FAILOVER
#define D_FAILOVER 0
#endif
#ifndef D_STOREFAIL
#define D_STOREFAIL 0
#endif
#ifndef D_RECONCILE
#define D_RECONCILE 0
#endif
#ifndef D_ERASE
#define D_ERASE 0
#endif
#ifndef D_BATCH
#define D_BATCH 0
#endif
#ifndef D_DOUBLES
#define D_DOUBLES 0
#endif
#ifndef D_OLDFINAL
#define D_OLDFINAL 0
#endif
#ifndef D_OLDBATCH
#define D_OLDBATCH 0
#endif
#ifndef D_OLDDELETE
#define D_OLDDELETE 0
#endif
#ifndef D_FOREIGN
#define D_FOREIGN 0
#endif
#ifndef D_READERS
#define D_READERS 2
#endif
#ifndef D_READS
#define D_READS 1
#endif
#ifndef READERS
#define READERS D_READERS
#endif
#ifndef READS          /* reads one after the other, each reader             */
#define READS D_READS
#endif
#ifndef CRASH          /* crashes in all                                     */
#define CRASH D_CRASH
#endif
#ifndef RETRY          /* repeats by the client, each finalize               */
#define RETRY D_RETRY
#endif
#ifndef NEWKEY         /* 1: a repeat may carry the other end time ("now")   */
#define NEWKEY 0
#endif
#ifndef EVICT          /* evictions in all, of the token or of the entry     */
#define EVICT D_EVICT
#endif
#ifndef AWAY           /* finalizes that find Redis away                     */
#define AWAY D_AWAY
#endif
#ifndef FAILOVER
#define FAILOVER D_FAILOVER
#endif
#ifndef STOREFAIL      /* trip objects that cannot be written now            */
#define STOREFAIL D_STOREFAIL
#endif
#ifndef RECONCILE      /* how many reconciles of trip 0 run beside the rest  */
#define RECONCILE D_RECONCILE
#endif
#ifndef BATCH          /* late batches of trip 0                             */
#define BATCH D_BATCH
#endif
#ifndef DOUBLES        /* reconcile removes the older of two objects: 1 once */
#define DOUBLES D_DOUBLES /* the summary has the later one's row, 2 at once  */
#endif                 /* (0: it does not run beside the rest)               */
#ifndef ERASE
#define ERASE D_ERASE
#endif
#ifndef FOREIGN        /* 1: under key 1 lies an object that another writer  */
#define FOREIGN D_FOREIGN /* left, without a record; 2: it has a row         */
#endif

/* Another program in the records of trip 0, which knows no revision: it puts a
 * record in the place of ours, counts a batch and puts it, removes the record. */
#ifndef OLDFINAL
#define OLDFINAL D_OLDFINAL
#endif
#ifndef OLDBATCH
#define OLDBATCH D_OLDBATCH
#endif
#ifndef OLDDELETE
#define OLDDELETE D_OLDDELETE
#endif
#define OLD (OLDFINAL || OLDBATCH || OLDDELETE)

#define TRIP(k) ((k) >> 1)
#define NSTAMP 16
#define MAX(a, b) ((a) > (b) -> (a) : (b))
#define MAXPASS 4
#define SHOWS(a, b) (VERSION -> (a) >= (b) : ((a) || !(b)))

/* ---- the stores ---- */
byte obj[3];           /* trip objects: the stamp of what lies under the key */
byte row[2];           /* summary: the stamp of each trip's row              */
byte epoch;            /* summary: erasures; odd while one is under way      */
byte rec[2];           /* trip record: the stamp it names                    */
bit  pend[2];          /*              analysis_status: pending              */
bit  norec;            /* records erased                                     */
byte tok;              /* Redis: generation token                            */
bit  stale;            /*        which another run of the server set         */
byte tag;              /* Redis: the entry's tag, 0 when there is none       */
byte ent[2];           /*        the cached answer                           */
#if BATCH || OLDBATCH
bit  batches;          /* trip 0: the late batch is stored                   */
#endif
#if OLD
bit  unclaimed;        /* trip 0: its record is another program's finalize   */
byte ukey;             /*         with this end                              */
bit  counted, claimed; /* the late batch in its record's count, and in that  */
#endif                 /* of the last claim                                  */
byte away[2];          /* disk of each host: the invalidation not delivered  */

/* ---- bookkeeping of the model, not visible to the protocol ---- */
byte key_of[NSTAMP];
byte epoch_of[NSTAMP]; /* driver's epoch when that finalize began            */
bit  old_of[NSTAMP];   /* that finalize began before the erase did           */
#if BATCH || OLDBATCH
bit  saw_of[NSTAMP];   /* that scoring read the late batch                   */
#endif
#if OLD
bit  restarted;        /* the record's revisions began again: the next is    */
byte again_at = 1;     /*   this one, below all that were before             */
byte old_at;           /* stamps from here on were claimed after the other   */
bit  used[NSTAMP];     /*   program's finalize; which scorings have had      */
#endif
#if TIDY
byte left_of[NSTAMP];  /* the object under the other key when it was claimed */
#endif
byte high = 8, low = 7;/* next unused stamps; below 8: of slow clocks        */
byte t0[2];            /* the token each reader read                         */
byte rtok, rtag, rent[2]; /* Redis: what the replica has                     */
byte flags;            /* invalidations remembered                           */
byte acked[2];         /* highest stamp answered 200, each trip              */
byte acked_at[4];      /*   the same, only for host h: h * 2 + trip          */
bit  promised[2];      /* answered 200 with the analysis pending             */
bit  began, erased;    /* erase started; erase acknowledged                  */
bit  failed_over, first_read;
byte crashes, evictions, aways, storefails, running;

#define CRASHABLE :: (crashes < CRASH) -> crashes++; goto crashed

/*
 * A fresh token differs from every token that anything still holds; numbers
 * that nobody holds are used again, to keep the model small.
 */
#define HELD(n) (tok == n || tag == n || t0[0] == n || t0[1] == n || \
	rtok == n || rtag == n)
inline new_token()
{
	stale = 0;
#if COUNTER
	tok++
#else
	tok = (!HELD(1) -> 1 : (!HELD(2) -> 2 : (!HELD(3) -> 3 :
		(!HELD(4) -> 4 : (!HELD(5) -> 5 : (!HELD(6) -> 6 : 7))))))
#endif
}

/* What whoever changed something does to the token afterwards. */
inline replace_token()
{
#if TOKDEL && !COUNTER
	stale = 0; tok = 0
#else
	new_token()
#endif
}

/* What a reader takes for a token. */
#define TOKEN_COUNTS (tok && !stale)

#if OLD
#define UNCLAIMED(t) ((t) == 0 && unclaimed)
#define RESTARTED(t) ((t) == 0 && restarted)
#define STORED MAX(MAX(obj[0], obj[1]), MAX(row[0], 7))
#define RISES(t) (RISE && (t) == 0 && rec[0] == st)
/* What is stored is above the claim, and no later claim put it there. */
inline rise()
{
	rec[0] = high;
	key_of[high] = k;
#if BATCH || OLDBATCH
	saw_of[high] = saw_of[st];
#endif
	st = high; high++;
	restarted = 0; first = 0; beside = 0
}
#else
#define UNCLAIMED(t) 0
#define RESTARTED(t) 0
#endif
#if OLDBATCH
#define MISSES (WAITS && counted && !saw_of[st] && TRIP(k) == 0)
#else
#define MISSES 0
#endif

inline new_stamp()
{
	if
#if OLD
	:: RESTARTED(TRIP(k)) -> st = again_at; again_at++
	:: !RESTARTED(TRIP(k)) && UNCLAIMED(TRIP(k)) && ABOVE == 1 ->
		st = STORED + 1; high = MAX(high, st + 1)
	:: !RESTARTED(TRIP(k)) && !(UNCLAIMED(TRIP(k)) && ABOVE == 1) ->
		st = high; high++
#else
	:: st = high; high++
#endif
#if CLOCK
	:: st = low; low--
#endif
	fi;
	assert(st < NSTAMP);
	key_of[st] = k;
#if OLD
	assert(!used[st]);                                              /* P7 */
	used[st] = 1;
	m0 = acked[TRIP(k)];
#endif
	/* P1: a finalize begun after another was answered replaces that one */
	assert(!VERSION || ERASE || RESTARTED(TRIP(k)) || st > acked[TRIP(k)]);
#if ERASE
	epoch_of[st] = e0;
	old_of[st] = !b0
#endif
}

/* Replace the token, or remember on disk that it has to be. */
#define INVALIDATE \
	atomic { \
		if \
		:: (won || LOSERTOK || TOKPOS != 2) -> replace_token() \
		:: (aways < AWAY) -> aways++; flags++; away[h] = flags; mine = flags \
		:: !won && !LOSERTOK && TOKPOS == 2 \
		CRASHABLE \
		fi }
#if OLD
#define FORGET_OLD m0 = 0
#else
#define FORGET_OLD skip
#endif
#define FORGET \
	st = 0; x = 0; s0 = 0; s1 = 0; se = 0; e0 = 0; mine = 0; \
	won = 0; fail = 0; b0 = 0; FORGET_OLD; \
	first = 0; beside = 0; ended = 0
#define SEEN_ROW (TRIP(k) -> s1 : s0)
#define UNCHANGED (row[0] == s0 && row[1] == s1 && epoch == se)
#define END_CLAIM \
	if \
	:: (!CLAIMCOND || rec[TRIP(k)] == st) -> \
		won = !LOSERTOK; pend[TRIP(k)] = 0 \
	:: else \
	fi
/* The claim ends while the summary is being told, whenever that is. */
#define BESIDE_IT(here) \
	:: beside && !ended -> END_CLAIM; ended = 1; goto here
/* An object that this claim does not answer for (P8). */
#if TIDY
#define LEFT(stamp) left_of[st] = stamp
#else
#define LEFT(stamp) skip
#endif

/* What reconcile and maintenance look for. */
#if OLD
#define TO_SCORE(t) (pend[t] || UNCLAIMED(t) || \
	((t) == 0 && COUNTED && rec[0] && counted != claimed))
#else
#define TO_SCORE(t) pend[t]
#endif

/*
 * A crash is tried before each request that changes something; before one
 * that only reads it would be the same as before the next that does not.
 *
 * With SEEN=0 the summary is read behind the object's PUT. A summary that is
 * unchanged when it is put may as well have been read then, and one that is not
 * is read again; only what the first reading tells of the trip's row is lost.
 * So there every first claim is as if there had been none (BESIDE=3, LOOK=3).
 */
/* Also a reconcile's: then only of a trip that is pending, and nobody waits. */
proctype Finalize(byte k; byte h; bit rescore)
{
	byte st, x, s0, s1, se, e0, tries, mine;
	bit won, fail, b0, first, beside, ended;
#if OLD
	byte m0;               /* what had been acknowledged when it began */
#endif

	/* One that finds nothing to do is as none at all. */
end_wait: atomic { (!rescore || (TO_SCORE(TRIP(k)) && running)) ->
		running = (rescore -> running + 1 : running) };

again:
#if ERASE
	atomic {	/* GET the epoch */
		e0 = epoch; b0 = (TOMB -> epoch == 2 : began);
		if
		:: TOMB && (e0 & 1) -> goto crashed   /* being erased: 503 */
		:: norec && !b0 -> goto done          /* 404 */
		:: else -> norec = 0                  /* erased: a new trip */
		fi
	}
#endif
	atomic {	/* claim the trip */
		if
		:: rescore && !TO_SCORE(TRIP(k)) -> goto done
#if OLD
		:: UNCLAIMED(TRIP(k)) ->
			k = (rescore -> ukey : k);
			first = (ABOVE == 0);
			restarted = (ABOVE == 0);
			new_stamp();
			rec[0] = st; pend[0] = 1; unclaimed = 0
#endif
		:: rescore && TO_SCORE(TRIP(k)) && !UNCLAIMED(TRIP(k)) ->
			k = key_of[rec[TRIP(k)]];     /* the record's end time */
#if NEWCLAIM
			new_stamp();
			rec[TRIP(k)] = st; pend[TRIP(k)] = 1
#else
			st = rec[TRIP(k)]
#endif
		:: !rescore && !norec && !UNCLAIMED(TRIP(k)) ->
			first = !rec[TRIP(k)];
			new_stamp();
			rec[TRIP(k)] = st; pend[TRIP(k)] = 1
		:: !rescore && norec -> goto done     /* 404 */
		fi;
#if OLD
		claimed = counted;
#endif
		beside = (BESIDE == 2 || (BESIDE && first));
		LEFT((TRIP(k) || (first && obj[k ^ 1] != row[0]) ->
			0 : obj[k ^ 1])) }
#if BATCH || OLDBATCH
	atomic {	/* GET the batches */
		if
		:: TRIP(k) == 0 -> saw_of[st] = batches
		:: else
		fi;
		beside = beside && !MISSES }
#endif
#if TOKPOS == 4
	INVALIDATE;
#endif
#if SEEN
	atomic {	/* GET the summary */
		s0 = row[0]; s1 = row[1]; se = epoch;
		beside = beside && (BESIDE != 1 || !SEEN_ROW);
		first = first && (LOOK == 3 || !SEEN_ROW) };
#if OLD
	atomic {
		if
		:: RISES(TRIP(k)) && SEEN_ROW > st -> rise()
		:: else
		fi };
put:
#endif
#endif
	atomic {	/* PUT the trip object; P7 */
		assert(obj[k] != st);
		if
#if OLD
		:: (!PUTCOND || obj[k] < st) -> obj[k] = st;
			assert(!VERSION || st > m0)                     /* P1 */
		:: (PUTCOND && obj[k] > st && RISES(TRIP(k))) -> rise(); goto put
		:: (PUTCOND && obj[k] > st && !RISES(TRIP(k))) ->
#else
		:: (!PUTCOND || obj[k] < st) -> obj[k] = st
		:: (PUTCOND && obj[k] > st) ->        /* a later one is there */
#endif
			s0 = 0; s1 = 0; se = 0; beside = 0; goto record
		:: (storefails < STOREFAIL) -> storefails++; fail = 1;
			s0 = 0; s1 = 0; se = 0; beside = 0; goto reply
		CRASHABLE
		fi;
#if SEEN
		if
		:: ERASE && TOMB && se != e0 -> s0 = 0; s1 = 0; se = 0; goto gone
		:: !(ERASE && TOMB && se != e0) &&
			(SEEN_ROW > st || UNCHANGED) -> goto row_in
		:: else -> s0 = 0; s1 = 0; se = 0    /* it will be a 412 */
		fi
#endif
	}
summary: atomic {	/* GET the summary */
		s0 = row[0]; s1 = row[1]; se = epoch;
		if
		:: ERASE && TOMB && (se != e0) -> goto gone
		:: else
		fi }
row_in:	atomic {	/* put the row into it, PUT it if it is unchanged */
		if
		:: SEEN_ROW > st || UNCHANGED ->
			x = (DELRULE == 1 && first && LOOK != 2 && TRIP(k) == 0 &&
				s0 && key_of[s0] != k -> s0 : 0);
			row[TRIP(k)] = (SEEN_ROW > st -> row[TRIP(k)] : st);
			s0 = 0; s1 = 0; se = 0
		:: SEEN_ROW <= st && !UNCHANGED ->
			s0 = 0; s1 = 0; se = 0; goto summary           /* 412 */
		:: GIVEUP -> s0 = 0; s1 = 0; se = 0; LEFT(0);
			if
			:: DELROW -> goto record
			:: !DELROW -> goto look
			fi
		:: (storefails < STOREFAIL) -> storefails++; fail = 1;
			s0 = 0; s1 = 0; se = 0;
			if
			:: beside && !ended -> goto record
			:: else -> goto reply
			fi
		BESIDE_IT(row_in)
		CRASHABLE
		fi }
#if TOKPOS == 1
	INVALIDATE;
#endif
	/*
	 * Of the trip's two keys the earlier goes, and only that very object:
	 * the old one, or, for a loser, its own.
	 */
#if DELRULE
look:	atomic {
		if
		:: DELRULE == 1 && TRIP(k) == 0 && !(first && LOOK != 2) ->
			x = obj[k ^ 1]
		:: DELRULE != 1 || TRIP(k) != 0 || (first && LOOK != 2)
		BESIDE_IT(look)
		fi;
		if
		:: !x -> goto record
		:: else
		fi
	}
remove:	atomic {
		if
		:: x < st && (!DELCOND || obj[k ^ 1] == x) -> obj[k ^ 1] = 0
		:: x > st && (!DELCOND || obj[k] == st) -> obj[k] = 0
		:: DELCOND && (x < st -> obj[k ^ 1] != x : obj[k] != st)
		BESIDE_IT(remove)
		CRASHABLE
		fi;
		x = 0
	}
#else
look:	atomic { x = rec[TRIP(k)] };
	atomic {
		if
		:: TRIP(k) == 0 && x == st -> obj[k ^ 1] = 0
		:: x != st && key_of[x] != k && (!DELCOND || obj[k] == st) ->
			obj[k] = 0
		:: else
		fi;
		x = 0
	}
#endif
record:	atomic {	/* the claim ends, if it is still the record's */
		if
		:: !ended && !MISSES -> END_CLAIM
		:: ended || MISSES
		CRASHABLE
		fi;
		beside = 0; first = 0; ended = 0;
		if
		:: fail -> goto reply
		:: else
		fi }
#if TOKPOS == 2
	INVALIDATE;
#endif
reply:	atomic {	/* and what it promises */
		if
		:: rescore -> goto done
		:: !rescore
		fi;
		if
		:: fail -> promised[TRIP(k)] = 1              /* 200, pending */
		:: !fail && (EXCEPTIONS && mine && away[h]) ->
			acked_at[h * 2 + TRIP(k)] = MAX(acked_at[h * 2 + TRIP(k)], st)
		:: !fail && !(EXCEPTIONS && mine && away[h]) ->
			acked[TRIP(k)] = MAX(acked[TRIP(k)], st)
		CRASHABLE
		fi;
#if TOKPOS != 3
		goto done
#endif
	}
#if TOKPOS == 3
	INVALIDATE;
	goto done;
#endif

gone:	atomic {	/* erased meanwhile: take back what was written, 404 */
		if
		:: (!DELCOND || obj[k] == st) -> obj[k] = 0
		:: (DELCOND && obj[k] != st)
		CRASHABLE
		fi;
		goto done
	}

crashed: atomic {	/* no reply: the client repeats it, perhaps */
		FORGET;
		if
		:: tries < RETRY -> tries++;
			if
			:: skip
#if NEWKEY
			:: TRIP(k) == 0 -> k = k ^ 1
#endif
			fi;
			goto again
		:: true
		fi }
done:	atomic { FORGET; tries = 0; running-- }
}

/* GET what was listed: 404, and with GETMATCH 412, is a miss. */
#define GET(n) \
	v[n] = obj[n]; \
	if \
	:: v[n] == 0 || (GETMATCH && v[n] != l[n]) -> v[n] = 0; miss = 1 \
	:: else \
	fi; \
	l[n] = 0
#define GETSUM	s[0] = row[0]; s[1] = row[1]; se = epoch
/* A row with the listed ETag stands for its object. */
#define ROWS \
	if :: l[0] && l[0] == s[0] -> v[0] = l[0]; l[0] = 0 :: else fi; \
	if :: l[1] && l[1] == s[0] -> v[1] = l[1]; l[1] = 0 :: else fi; \
	if :: l[2] && l[2] == s[1] -> v[2] = l[2]; l[2] = 0 :: else fi
#define READ_CHECK(t) \
	assert(SHOWS(a[t], m[t]) || \
		(ERASE && began && old_of[m[t]]));     /* an erase binds more */ \
	assert(!gone || a[t] == 0 || !old_of[a[t]])
#define VALID(n) (v[n] && (!(ERASE && TOMB) || epoch_of[v[n]] == se))

#define MISSED(n, t) \
	if \
	:: v[n] == s[t] \
	:: v[n] != s[t] && (v[n] || !LOST) -> v[n] = 0; miss = 1; \
		lost[t] = (LOST -> 0 : s[t]) \
	:: v[n] != s[t] && !v[n] && LOST -> was = s[t] \
	fi

proctype Reader(byte h)
{
	byte n, se, pass, x, was, l[3], v[3], s[2], a[2], m[2], lost[2];
	bit miss, gone, by;

next:	atomic {	/* a read starts; token and entry in one MGET */
		(READS > 1 || AWAY || h == 0 || first_read);   /* by symmetry */
		first_read = 1; n++;
		m[0] = MAX(acked[0], acked_at[h * 2]);
		m[1] = MAX(acked[1], acked_at[h * 2 + 1]);
		gone = erased; by = (away[h] != 0);
		if
		:: !by && TOKEN_COUNTS && tag == tok ->
			a[0] = ent[0]; a[1] = ent[1];
			READ_CHECK(0);
			READ_CHECK(1);
			goto answer
		:: !by && TOKEN_COUNTS && tag != tok -> t0[h] = tok; goto list
		:: by || (!TOKEN_COUNTS && !NXEARLY) -> goto list
		:: !by && !TOKEN_COUNTS && NXEARLY
		fi
	}
	atomic {	/* set one where none is, or in place of a stale one */
		if
		:: !TOKEN_COUNTS -> new_token()
		:: else
		fi;
		t0[h] = tok }

list:	if
	:: atomic { !SUMLAST; GETSUM };
#if PAGED
		atomic { l[0] = obj[0] };
		atomic { l[1] = obj[1]; l[2] = obj[2]; ROWS }
#else
		atomic { l[0] = obj[0]; l[1] = obj[1]; l[2] = obj[2]; ROWS }
#endif
#if PAGED
	:: atomic { l[0] = obj[0] };
		atomic { l[1] = obj[1]; l[2] = obj[2] };
#else
	:: atomic { l[0] = obj[0]; l[1] = obj[1]; l[2] = obj[2] };
#endif
		atomic { GETSUM; ROWS }
	fi;
	do	/* the GETs, in any order */
	:: atomic { l[0] -> GET(0) }
	:: atomic { l[1] -> GET(1) }
	:: atomic { l[2] -> GET(2) }
#if ROWCHECK
	/* A row later than what was listed: GET its key before dropping it. */
	:: atomic { !l[0] && !l[1] && !l[2] && !was && !miss &&
		s[0] > v[0] && s[0] > v[1] && s[0] != lost[0] ->
		x = key_of[s[0]]; v[x] = obj[x];
		MISSED(x, 0);
		x = 0 }
	:: atomic { !l[0] && !l[1] && !l[2] && !was && !miss &&
		s[1] > v[2] && s[1] != lost[1] ->
		v[2] = obj[2];
		MISSED(2, 1) }
	/* It is not there: dropped by who has told the summary since? */
	:: atomic { was ->
		if
		:: (was == s[0] -> row[0] : row[1]) != was -> miss = 1
		:: else -> lost[(was == s[0] -> 0 : 1)] = was
		fi;
		was = 0 }
#endif
	:: atomic { !l[0] && !l[1] && !l[2] && !was && (miss || !ROWCHECK ||
		((s[0] <= v[0] || s[0] <= v[1] || s[0] == lost[0]) &&
		 (s[1] <= v[2] || s[1] == lost[1]))) ->
		if
		:: RELIST && miss ->       /* something was gone: list again */
			pass++; miss = 0; v[0] = 0; v[1] = 0; v[2] = 0;
			assert(pass < MAXPASS);
			goto list
		:: else
		fi;
		/* the answer: of each trip the later object */
		assert(DEDUPE || !(VALID(0) && VALID(1)));         /* P2 */
		if
		:: VALID(0) && (!VALID(1) || v[0] > v[1]) -> a[0] = v[0]
		:: VALID(1) && (!VALID(0) || v[1] > v[0]) -> a[0] = v[1]
		:: !VALID(0) && !VALID(1)
		fi;
		a[1] = (VALID(2) -> v[2] : 0);
		READ_CHECK(0);
		READ_CHECK(1);
		m[0] = 0; m[1] = 0; gone = 0; miss = 0; pass = 0;
		lost[0] = 0; lost[1] = 0;
		if
		:: s[0] != a[0] || s[1] != a[1] -> goto repair
		:: else -> s[0] = 0; s[1] = 0; goto doubles
		fi
		}
	od;
repair:	atomic {	/* of the summary, if it is still what was read */
		if
		:: row[0] == s[0] && row[1] == s[1] && epoch == se ->
			row[0] = a[0]; row[1] = a[1]
		:: true         /* another wrote the same rows, or it fails */
		fi;
		s[0] = 0; s[1] = 0 }
doubles: atomic {	/* the earlier goes, and only that very one */
		if
		:: REPAIR == 1 && v[0] && v[1] ->
			x = (v[0] < v[1] -> 0 : 1);
			if
			:: !DELCOND || obj[x] == v[x] -> obj[x] = 0
			:: else
			fi;
			x = 0
		:: REPAIR == 2 && v[0] && v[1] -> x = rec[0]
		:: else
		fi }
#if REPAIR == 2
	atomic {
		if
		:: x && key_of[x] == 0 && (!DELCOND || obj[1] == v[1]) -> obj[1] = 0
		:: x && key_of[x] == 1 && (!DELCOND || obj[0] == v[0]) -> obj[0] = 0
		:: else
		fi;
		x = 0 };
#endif
#if ERASE && TOMB
	/* What an erased life left behind goes as well. */
	do
	:: atomic { x < 3 ->
		if
		:: v[x] && !(se & 1) && epoch_of[v[x]] < se && obj[x] == v[x] ->
			obj[x] = 0
		:: else
		fi;
		x++ }
	:: atomic { x == 3 -> x = 0; break }
	od;
#endif
#if !NXEARLY
	atomic {
		if
		:: !by && !TOKEN_COUNTS -> new_token()
		:: else
		fi;
		t0[h] = (by || t0[h] -> t0[h] : tok) };
#endif
	atomic {	/* fill */
		if
		:: t0[h] && (!GUARD || tok == t0[h]) ->
			tag = t0[h]; ent[0] = a[0]; ent[1] = a[1]
		:: else
		fi;
		goto answer }
answer:	atomic {
		miss = 0; gone = 0; by = 0; t0[h] = 0; se = 0;
		v[0] = 0; v[1] = 0; v[2] = 0; s[0] = 0; s[1] = 0;
		a[0] = 0; a[1] = 0; m[0] = 0; m[1] = 0;
		if
		:: n < READS -> goto next
		:: else -> n = 0; running--
		fi
	}
}

/* Erase: everything of the driver; then the token; then the reply. */
proctype Erase()
{
	byte l[3], c;

	began = 1;
#if !ERASETOK
	atomic { replace_token() };
#endif
#if TOMB
	atomic { row[0] = 0; row[1] = 0; epoch++ };   /* tombstone: being erased */
#endif
	atomic { l[0] = obj[0]; l[1] = obj[1]; l[2] = obj[2] };
	do
	:: c < 3 ->
		if
		:: l[c] -> atomic { obj[c] = 0; l[c] = 0 }
		:: else
		fi;
		c++
	:: else -> break
	od;
	atomic { norec = 1; rec[0] = 0; rec[1] = 0; pend[0] = 0; pend[1] = 0 };
	atomic {
		row[0] = 0; row[1] = 0;
#if TOMB
		epoch++                               /* tombstone: erased */
#endif
	};
#if ERASETOK
	atomic { replace_token() };
#endif
	atomic { erased = 1; c = 0; running-- }
}

#if DOUBLES
/* Reconcile removes the older of two objects of a trip. */
proctype Doubles()
{
	byte a, b;

end_none: atomic { (obj[0] && obj[1]) -> a = obj[0]; b = obj[1] };
end_row: if
	:: DOUBLES == 1 && row[0] >= MAX(a, b)
	:: DOUBLES == 2
	fi;
	atomic {
		if
		:: a < b && obj[0] == a -> obj[0] = 0
		:: b < a && obj[1] == b -> obj[1] = 0
		:: else
		fi;
		a = 0; b = 0 }
}
#endif

#if BATCH
/*
 * A batch for trip 0. For a completed trip its record takes a new stamp, which
 * no object has, and is pending again.
 */
inline batch_record()
{
	if
#if OLD
	:: UNCLAIMED(0) && !UPLOADREV -> pend[0] = 1
	:: UNCLAIMED(0) && UPLOADREV ->
		key_of[again_at] = ukey;
		rec[0] = again_at; pend[0] = 1; again_at++;
		unclaimed = 0; restarted = 1
#endif
	:: rec[0] ->
		assert(high < NSTAMP);
		key_of[high] = key_of[rec[0]];
		rec[0] = high; pend[0] = 1; high++
	:: else
	fi
}

proctype Batch()
{
#if BATCHSTEPS == 1
	atomic { batch_record(); batches = 1; running-- }
#elif BATCHSTEPS == 3
	atomic { batches = 1; running-- }
#else
	atomic { batch_record() };
	atomic { batches = 1 };
	atomic {
#if BATCHSTEPS == 2
		batch_record();
#endif
		running-- }
#endif
}
#endif

#if OLDFINAL
/* Its whole record is put in the place of ours; no analysis is made. */
proctype OldFinal(byte k)
{
	atomic {
		rec[0] = 0; pend[0] = 0;
		unclaimed = 1; ukey = k; restarted = 0;
		old_at = high; running-- }
}
#endif

#if OLDBATCH
/* The record's count, then the batch. It knows no stamp. */
proctype OldBatch()
{
	atomic { counted = 1 };
	atomic { batches = 1; running-- }
}
#endif

#if OLDDELETE
/* The record goes, objects and summary stay; the next claim makes a new one. */
proctype OldDelete()
{
	atomic { (rec[0]) -> rec[0] = 0; pend[0] = 0; restarted = 1; running-- }
}
#endif

/* Each host delivers what it remembered, as soon as Redis is back. */
proctype Deliver(byte h)
{
	byte d;

end:	do
	:: atomic { (away[h]) -> d = away[h] };
	   atomic {
		replace_token();
		acked[0] = MAX(acked[0], acked_at[h * 2]);
		acked[1] = MAX(acked[1], acked_at[h * 2 + 1]) };
	   atomic {
		if
		:: !FRESHFLAG || away[h] == d ->
			away[h] = 0;
			if	/* replies between the two steps count from here */
			:: FRESHFLAG ->
				acked[0] = MAX(acked[0], acked_at[h * 2]);
				acked[1] = MAX(acked[1], acked_at[h * 2 + 1])
			:: else
			fi
		:: else
		fi;
		d = 0 }
	od
}

proctype Redis()
{
	bit copied;

end:	do
	:: atomic { evictions < EVICT && tok -> evictions++;
		tok = 0; stale = 0 }
	:: atomic { evictions < EVICT && tag -> evictions++;
		tag = 0; ent[0] = 0; ent[1] = 0 }
#if FAILOVER
	:: atomic { !copied && !failed_over ->        /* the replica stops here */
		copied = 1; rtok = tok; rtag = tag; rent[0] = ent[0]; rent[1] = ent[1] }
	:: atomic { copied && !failed_over ->         /* and becomes the master */
		failed_over = 1; tok = rtok; tag = rtag; stale = (RUNID && tok);
		ent[0] = rent[0]; ent[1] = rent[1];
		rtok = 0; rtag = 0; rent[0] = 0; rent[1] = 0 }
#endif
	od
}

/*
 * All is quiet; entries have expired, so the next read is cold. Reconcile runs
 * (it also removes doubles), then one read with its repair of the summary; then
 * what is there must be right.
 */
inline at_the_end()
{
	byte a[2], i;
	d_step {
#if TIDY
		assert(pend[0] || !rec[0] || !left_of[rec[0]] ||                /* P8 */
			obj[key_of[rec[0]] ^ 1] != left_of[rec[0]]);
#endif
#if STRICT_ROWS
		assert(row[0] == MAX(obj[0], obj[1]) && row[1] == obj[2]);      /* P3 */
#endif
		/* reconcile: a claim of its own, then as finalize */
		i = 0;
		do
		:: i < 2 ->
			if
#if OLD
			:: ADOPT && UNCLAIMED(i) && (obj[0] || obj[1]) ->
				unclaimed = 0; pend[i] = 0
			:: RESTARTED(i) && !RISE && pend[i] ->
				key_of[again_at] = key_of[rec[i]];
				obj[key_of[again_at]] = again_at;
				rec[i] = again_at; pend[i] = 0;
#if BATCH
				saw_of[again_at] = batches;
#endif
				again_at++
			:: TO_SCORE(i) && !(RESTARTED(i) && !RISE) &&
				!(ADOPT && UNCLAIMED(i) && (obj[0] || obj[1])) ->
				assert(high < NSTAMP);
				key_of[high] = (UNCLAIMED(i) -> ukey : key_of[rec[i]]);
				unclaimed = (i -> unclaimed : 0);
				claimed = counted;
#else
			:: pend[i] && !norec ->
				assert(high < NSTAMP);
				key_of[high] = key_of[rec[i]];
#endif
				epoch_of[high] = epoch;
				obj[key_of[high]] = high;
				rec[i] = high; pend[i] = 0;
#if BATCH || OLDBATCH
				saw_of[high] = (batches && i == 0);
#endif
				high++
			:: else
			fi;
			i++
		:: else -> break
		od;
#if ERASE && TOMB
		i = 0;
		do
		:: i < 3 ->
			if
			:: obj[i] && epoch_of[obj[i]] != epoch -> obj[i] = 0
			:: else
			fi;
			i++
		:: else -> break
		od;
#endif
		a[0] = MAX(obj[0], obj[1]); a[1] = obj[2];
		if
		:: obj[0] && obj[1] -> obj[(obj[0] < obj[1] -> 0 : 1)] = 0
		:: else
		fi;
		row[0] = a[0]; row[1] = a[1];
#if FORWARD
		if
		:: a[0] > rec[0] && !norec && (rec[0] || !OLDDELETE) -> rec[0] = a[0]
		:: else
		fi;
		if :: a[1] > rec[1] && !norec -> rec[1] = a[1] :: else fi;
#endif
#if BATCH || OLDBATCH
		assert(a[0] == 0 || saw_of[a[0]] == batches);                   /* P6 */
#endif
#if OLD
		assert(a[0] >= old_at);                                         /* P9 */
#endif
#if ERASE
		assert(a[0] == 0 || !old_of[a[0]]);                             /* P5 */
		assert(a[1] == 0 || !old_of[a[1]]);
		assert(row[0] == 0 || !old_of[row[0]]);
		assert(row[1] == 0 || !old_of[row[1]]);
		assert(old_of[acked[0]] || SHOWS(a[0], acked[0]));              /* P4 */
		assert(old_of[acked[1]] || SHOWS(a[1], acked[1]));
#else
		assert(SHOWS(a[0], acked[0]) && SHOWS(a[1], acked[1]));         /* P4 */
		assert(SHOWS(a[0], acked_at[0]) && SHOWS(a[0], acked_at[2]));
		assert(SHOWS(a[1], acked_at[1]) && SHOWS(a[1], acked_at[3]));
		assert((!promised[0] || a[0]) && (!promised[1] || a[1]));
		assert(!RECORD_NAMES || a[0] == 0 || rec[0] == a[0] ||
			(OLDDELETE && !rec[0]));
		assert(!RECORD_NAMES || a[1] == 0 || rec[1] == a[1]);
#endif
		a[0] = 0; a[1] = 0; i = 0
	}
}

#define START(k, h) run Finalize(k, h, 0); running++

init
{
	atomic {
#if FOREIGN
		obj[1] = 1; key_of[1] = 1; acked[0] = 1;
		row[0] = (FOREIGN == 2);
#endif
#if COUNTER
		tok = 0;
#endif
		FINALIZES(START);
#if READERS >= 1
		run Reader(0); running++;
#endif
#if READERS >= 2
		run Reader(1); running++;
#endif
#if ERASE
		run Erase(); running++;
#endif
#if RECONCILE >= 1
		run Finalize(0, 0, 1);
#endif
#if RECONCILE >= 2
		run Finalize(0, 1, 1);
#endif
#if BATCH
		run Batch(); running++;
#endif
#if DOUBLES
		run Doubles();
#endif
#if OLDFINAL
		run OldFinal(1); running++;
#endif
#if OLDBATCH
		run OldBatch(); running++;
#endif
#if OLDDELETE
		run OldDelete(); running++;
#endif
#if AWAY
		run Deliver(0);
		run Deliver(1);
#endif
		#if EVICT || FAILOVER
		run Redis();
#endif
		skip
	}
	atomic { running == 0 -> at_the_end() }
}
