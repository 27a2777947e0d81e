/*
 * batch_place.h - where an upload goes when its number is taken.
 *
 * Phones send other points under a number that they have used before
 * (doc/batch-numbers.md). What a batch is, its points say:
 *
 *   all of its points are stored already    nothing to do
 *   it holds all points of a stored one     it replaces that one
 *   anything else                           it is kept beside, under a number
 *                                           of its own
 *
 * The first number beside N is N + 100000, the next N + 200000, and so on. A
 * client has none of them, they do not meet those beside another number, and
 * they sort in the order of the clients' numbers.
 *
 * Two points are the same when their JSON values are: members in any order;
 * numbers as doubles; null like absent; and true, false and 0 alike, because
 * the functions before this service stored every boolean as 0. The same point
 * twice in one batch counts twice.
 */
#ifndef DG_STORE_BATCH_PLACE_H
#define DG_STORE_BATCH_PLACE_H

#include "store/records.h"

bool batch_is_beside(int64_t number);
/*
    Above what a client may use.
 */
int64_t batch_client_number(int64_t number);
/*
    The client's number that it stands beside; of any other, itself.
 */
int64_t batch_number_beside(int64_t number, int64_t nth);
/*
    The nth (from 1) beside a client's number.
 */
struct str batch_id_of(struct str trip_id, int64_t number, struct arena *a);

struct batch_here { /* a batch of the number, or beside it, as it is stored */
    int64_t number;
    struct str deltas; /* JSON of any kind: what is no array is unreadable */
};

enum placing {
    PLACE_NEW,      /* under a number that nothing is stored under */
    PLACE_REPLACES, /* instead of here[at] */
    PLACE_HELD      /* nowhere: every point of it is stored */
};
struct place {
    enum placing how;
    int64_t number; /* of PLACE_HELD the client's */
    size_t at;
    struct trip_size more; /* by which the trip's batches grow then; bytes may
                              be fewer */
};

struct place batch_place(const struct batch *b, const struct batch_here *here,
                         size_t n, struct arena *a);
/*
    b as the client sent it; here are those of its number and beside it, in any
    order. One that is unreadable is replaced: that heals its trip.
 */

struct batch batch_placed(const struct batch *b, const struct place *p,
                          struct arena *a);
/*
    b as it is stored there: with the number and id of its place.
 */

enum batch_kept batch_kept_as(const struct place *p);
/*
    The same in the words of records.h.
 */

#endif
