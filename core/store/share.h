/*
 * share.h - a share of a host's workers, for answers that are dear.
 *
 * In memory that the processes of a host share, zeroed at first. Who makes such
 * an answer has one of so many places until it is made. There is no lock that
 * could die with its owner: a place is a word with the name of who has it, and
 * the master takes it back from a process that is gone. Of several places one
 * is always left to other drivers.
 *
 * Which drivers are dear is learnt by looking at them. It is remembered here,
 * so that the next one who asks is refused before such a look.
 */
#ifndef DG_STORE_SHARE_H
#define DG_STORE_SHARE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/str.h"

#define SHARE_PLACES_MAX 512 /* as many as workers (conf.def) */
#define SHARE_KNOWN 1024     /* drivers that are remembered, at most */

struct share {
    _Atomic uint64_t place[SHARE_PLACES_MAX]; /* 0: free */
    _Atomic uint64_t known[SHARE_KNOWN];
    _Atomic int64_t took_ms; /* about how long a place is held */
};

struct sharer {          /* a process of the host; one request at a time */
    struct share *share; /* NULL: no bound */
    int number;          /* of the process: its slot of the scoreboard */
    int places;          /* how many there are, at least 1 */
};

bool share_take(const struct sharer *s, struct str user_id);
/*
    A place for that driver's answer. False: all are taken, or his are (all
    but one). The caller must have none.
 */
void share_give(const struct sharer *s, int64_t since_ms);
/*
    The caller's place, which it had since that clock_mono_ms().
 */
void share_take_back(struct share *share, int number);
/*
    From a process that is gone, if it had one.
 */

unsigned share_again_s(const struct sharer *s);
/*
    When to try again, in seconds: about when a place will be free.
 */

bool share_knows(const struct sharer *s, struct str user_id);
void share_learn(const struct sharer *s, struct str user_id, bool dear);
/*
    What a look at the driver said. Another driver may take his room in the
    memory; then the next look says it again.
 */

#endif
