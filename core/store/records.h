/*
 * records.h - the record store's contract: DynamoDB, or SQLite.
 *
 * Users, trips and batches (doc/storage.md, "Records"). One open store belongs
 * to one process and one thread. Reads by key see every write that was
 * acknowledged before. Results beside ST_OK, everywhere: ST_UNAVAILABLE,
 * ST_TIMEOUT, ST_DENIED, ST_CORRUPT, ST_INTERNAL. All returned memory is the
 * arena's.
 */
#ifndef DG_STORE_RECORDS_H
#define DG_STORE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/isotime.h"
#include "base/str.h"
#include "store/group_commit.h"
#include "store/trip_walk.h"
#include "store/rights.h"

struct user {
    struct str user_id, email /* lower case */, name, role, zipcode;
    bool has_base_point;
    double latitude, longitude;
    struct str city, state, source, base_zipcode;
    bool has_privacy;
    int64_t anonymization_radius, retention_months; /* -1: not given */
    struct str consent;                             /* full, basic, minimal */
    /* Only of a user that is put: */
    unsigned keeps;     /* USER_KEEPS_x: these stay as they are */
    bool shares_email;  /* also when another user has that e-mail */
    struct str foreign; /* members of others (records_user_foreign), which are
                           set, or removed where one is null; the others stay */
};

#define USER_KEEPS_EMAIL 1u
#define USER_KEEPS_NAME 2u
#define USER_KEEPS_ROLE 4u
#define USER_KEEPS_ZIPCODE 8u
#define USER_KEEPS_BASE_POINT 16u /* and what others put into it */
#define USER_KEEPS_PRIVACY 32u    /* and what others put into it */
#define USER_KEEPS_ALL 63u
#define USER_FOREIGN_MAX 140 /* so many members in `foreign` at most */

enum trip_status { TRIP_ACTIVE, TRIP_COMPLETED };
enum analysis_status {
    ANALYSIS_NONE,    /* not finalized, or by the functions before us */
    ANALYSIS_PENDING, /* to be scored (again) */
    ANALYSIS_STORED,
    ANALYSIS_INSUFFICIENT /* fewer than two deltas */
};

struct trip_size {
    int64_t deltas, bytes; /* bytes: of deltas, as JSON */
    int64_t batches;
};

/* A day at 10 Hz is 864,000 deltas in 34,560 uploads of 25, of some 283 bytes
 * each: 245 MB. What is beyond these is no trip, and must not take the
 * machine's memory, nor more than an item of DynamoDB has for the list of its
 * batches. */
#define TRIP_MAX_DELTAS 2000000
#define TRIP_MAX_BYTES ((size_t)256 * 1024 * 1024)
#define TRIP_MAX_BATCHES 50000
#define TRIP_MAX_REVISION ((INT64_C(1) << 53) - 1) /* doubles hold all */
#define TRIP_MAX_QUALITY ((size_t)64 * 1024)

struct trip {
    struct str trip_id, user_id;
    enum trip_status status;
    int64_t start_us, end_us; /* TIME_NONE: unknown */
    int64_t created_us, updated_us, finalized_us;
    int64_t total_batches, highest_batch; /* of the clients' numbers */
    const int64_t *beside; /* numbers beside those, as the record lists them;
                              SQLite finds such batches without */
    size_t n_beside;
    struct trip_size stored; /* as uploads have counted it: what other programs
                                stored is not in it */
    int64_t claimed_batches; /* total_batches as the last claim found it; -1:
                                not known */
    /*
     * Orders all scorings of the trip. Every claim adds one, and so does a
     * batch that arrives for a completed trip: then what was scored before it
     * is not the last word, and trip_stored of that claim is refused. 0: no
     * claim; of a completed trip it says that another finalized it (rule 10).
     */
    int64_t revision;
    enum analysis_status analysis_status;
    struct str analysis_key;
    bool by_service;         /* no client finalized it: finalized_by */
    struct str trip_quality; /* a checked JSON object, or empty */
};

bool trip_is_unclaimed(const struct trip *t);
/*
    Whether another program finalized it, and no claim came since.
 */
bool trip_is_foreign(const struct trip *t);
/*
    Whether others' programs wrote of a completed trip what no claim has seen:
    they finalized it, or they added to one that counts as done (more batches
    than its claim found, or another end than that of its object). What is
    stored of it is not the last word then (rule 10).
 */

struct batch {
    struct str batch_id, trip_id, user_id;
    int64_t number, batch_size /* -1: not given */;
    int64_t first_us, last_us, uploaded_us; /* TIME_NONE: not given */
    int64_t original_count, deltas_count;
    struct str deltas;     /* checked JSON array of the accepted deltas */
    struct str metrics;    /* checked JSON object, or empty */
    struct str statistics; /* checked JSON object */
    struct str issues;     /* checked JSON array */
};

struct records;

enum status records_open(const struct conf *c, struct records **out,
                         struct err *err) MUST_CHECK;
void records_close(struct records **r);
enum status records_check(struct records *r, struct deadline d,
                          struct err *err) MUST_CHECK;
/*
    As objects_open, objects_close, objects_check.
 */
void records_rights(struct records *r, struct deadline d,
                    struct tried tried[RIGHTS]);
/*
    As objects_rights.
 */

void records_share(struct records *r, const struct group_place *place);
/*
    This process is one of a host's that write these records: where that makes
    writing cheaper, they do it together. place is copied, its group outlives r.
 */

void records_belong(struct records *r, const _Atomic uint64_t *mark);
/*
    The records have the identity with that mark (objects_mark), once it is not
    0 (it outlives r). From then on a file that is not there is not made: it is
    an outage, and so is one with another identity. Where the records are by
    settings alone it does nothing.
 */

bool records_upkeep_due(const struct records *r);
void records_upkeep(struct records *r, struct deadline d);
/*
    What makes the writes to come slower and can be done when nobody waits. One
    that is not done, or fails, is done by a later write.
 */

enum status records_identity(struct records *r, struct deadline d,
                             struct arena *a, struct str *out,
                             struct err *err) MUST_CHECK;
/*
    A text that is the same whenever these records are opened, and another one
    for others: of an SQLite file the id that it was given when it was first
    asked ("sqlite:ID"), of DynamoDB where its tables are ("dynamodb:REGION/
    TRIPS"). No id is put into DynamoDB's tables: other programs read them whole
    and do not know such an item, and the service has no right to write users.
 */

enum status records_indexes(struct records *r, struct deadline d,
                            struct err *err) MUST_CHECK;
/*
    For -t and /readyz: whether the indexes that the settings name can be used.
    If not, the store works all the same; the text says what is missing, what
    follows from it, and what to do. ST_NOT_FOUND: it is not there, or still
    being made.
 */

/* ---- users ---- */

enum status records_user(struct records *r, struct str user_id,
                         struct deadline d, struct arena *a, struct user *out,
                         struct err *err) MUST_CHECK;
enum status records_user_by_email(struct records *r, struct str email,
                                  struct deadline d, struct arena *a,
                                  struct user *out, struct err *err) MUST_CHECK;
/*
    ST_NOT_FOUND. The email is compared as given (lower case). Of several users
    who have it, the first by id.
 */

#define EMAIL_IDS_MAX 8
struct email_ids {
    struct str id[EMAIL_IDS_MAX]; /* in byte order */
    size_t n;
};
enum status records_ids_by_email(struct records *r, struct str email,
                                 struct deadline d, struct arena *a,
                                 struct email_ids *out,
                                 struct err *err) MUST_CHECK;
/*
    Who had it a moment ago, in one call: an index may lag behind, so that the
    user's record has the last word. ST_NOT_FOUND: nobody. Tables that others
    write may have several; more than EMAIL_IDS_MAX are not named.
 */
enum status records_user_put(struct records *r, const struct user *u,
                             struct deadline d, struct err *err) MUST_CHECK;
/*
    Creates or changes: sets what is given, removes what is empty, and leaves
    what u->keeps and all that others put there. ST_PRECONDITION (code
    email_taken) when another user has that email, this one has not, and
    !u->shares_email.
 */
typedef void (*records_user_ended)(void *ctx, size_t i, enum status st,
                                   const struct err *err);
enum status records_users_put(struct records *r, const struct user *u, size_t n,
                              struct deadline d, records_user_ended ended,
                              void *ctx, struct err *err) MUST_CHECK;
/*
    Each of u[0] to u[n - 1], in few transactions. ended says what became of
    u[i]: ST_OK, ST_PRECONDITION as above, ST_TOO_LARGE, or ST_BAD_REQUEST for
    what the store does not take; these do not end the rest. Nor does, where
   each user is a call of his own, any other failure of one: not so several in a
    row. It must not call the store. Whose end was not told when it fails may be
   changed or not; the same call again completes it.
 */
enum status records_user_foreign(struct records *r, struct str user_id,
                                 struct deadline d, struct arena *a,
                                 struct str *out, struct err *err) MUST_CHECK;
/*
    What others put into that user's record: a JSON object of DynamoDB's
    attribute values, `{}` for none. What others put into base_point or
    privacy_settings is in a member of that name. ST_NOT_FOUND.
 */
enum status records_user_remove(struct records *r, struct str user_id,
                                struct deadline d, struct err *err) MUST_CHECK;
/*
    ST_NOT_FOUND. The user's trips and batches stay.
 */
typedef enum status (*records_user_each)(void *ctx, const struct user *u);
enum status records_users(struct records *r, struct deadline d,
                          records_user_each each, void *ctx,
                          struct err *err) MUST_CHECK;

/* ---- batches ---- */

/* That a client may use; those above are batch_place.h's. */
#define BATCH_MAX_NUMBER 100000

enum batch_kept {
    BATCH_NEW,      /* under its own number, which nothing was stored under */
    BATCH_REPLACED, /* instead of one whose points it holds */
    BATCH_BESIDE,   /* under a number of its own */
    BATCH_HELD      /* every point of it was stored already: nothing changed */
};
struct batch_stored {
    enum batch_kept kept;
    bool created;   /* the trip's record, with created_us = now_us */
    bool completed; /* the trip was finalized before, and is to be scored again
                     */
};
enum status records_batch_store(struct records *r, const struct batch *b,
                                int64_t now_us, struct deadline d,
                                struct batch_stored *out,
                                struct err *err) MUST_CHECK;
/*
    Where it goes when its number is taken, batch_place.h says. First the trip's
    record, on the condition that the trip is this user's or not there: created
    as TRIP_ACTIVE, or widened (start_us to the earliest first_us, end_us to the
    latest last_us, total_batches the count of different numbers of clients,
    highest_batch, updated_us). For a completed trip its status and times stay
    (but those of one by_service follow its batches, and a start that nobody
    knew is set), analysis_status becomes pending and revision grows, in the
    same update. A completed trip without a revision gets none: it becomes
    pending, and stays another's. What others counted in total_batches stays
    counted. Then the batch, on the condition that what was found under its
    number is still as found: two uploads at once never write over each other.
    ST_NOT_OWNER, nothing changed: the trip or the batch is another user's. (Of
    a trip that was not there, a record may stay that counts nothing.)
    ST_TOO_LARGE (trip_too_large), nothing changed: with it the trip would be
    over a TRIP_MAX, as far as uploads have counted it; no repeat is refused,
   and no batch of a trip within them, but for what doc/limits.md says. After a
    failure in between, the same call again completes it; total_batches never
    counts a number twice. b->number is 1 to BATCH_MAX_NUMBER, b->deltas has
    been checked.
 */

int64_t trip_batches_due(const struct trip *t);
/*
    How many batches the record says that there are, those beside others too.
 */

struct trip_batches {
    struct batch *batch; /* number, deltas, deltas_count and original_count are
                            set; by number ascending, missing = 0, stable */
    size_t n;
};
enum status records_batches(struct records *r, const struct trip *t,
                            struct deadline d, struct arena *a,
                            struct trip_batches *out,
                            struct err *err) MUST_CHECK;
/*
    All batches of that trip which are that user's. Fewer than
    trip_batches_due(t) means that an upload is between its two steps (or was
    never finished). Also for a trip without a record (total_batches 0), by
    the index; without one, those whose numbers are not far beyond the known
    ones. ST_TOO_LARGE (trip_too_large) when their deltas are over a TRIP_MAX.
 */

/* ---- trips ---- */

enum status records_trip(struct records *r, struct str trip_id,
                         struct deadline d, struct arena *a, struct trip *out,
                         struct err *err) MUST_CHECK;

struct trip_claim {
    struct str trip_id, user_id;
    bool create;           /* make the record when there is none */
    bool rescore;          /* only a trip that is completed and pending or none;
                              its times, quality, finalized_at and last_updated
                              stay (the last tells how old the last upload is) */
    bool lost;             /* with rescore: also one that is stored, because its
                              object is gone */
    int64_t seen_revision; /* with rescore: also one that is stored or
                              insufficient, if it is still at this; 0: no */
    int64_t unclaimed_to;  /* not 0: only a trip_is_unclaimed, which gets this
                              revision */
    bool abandoned;        /* only a trip that is active and whose updated_us is
                              seen_us; marked by_service, last_updated stays */
    int64_t seen_us;
    int64_t start_us; /* TIME_NONE: the record's stays */
    int64_t end_us;
    int64_t now_us;          /* finalized_at, last_updated */
    struct str trip_quality; /* checked JSON object, or empty: none */
};

enum status records_trip_claim(struct records *r, const struct trip_claim *c,
                               struct deadline d, struct arena *a,
                               struct trip *out, struct err *err) MUST_CHECK;
/*
    One conditional update: this user's, status completed, analysis_status
    pending, revision + 1, claimed_batches; out is the record after it.
    ST_NOT_FOUND: no record (and not create); ST_NOT_OWNER: another user's.
    ST_PRECONDITION, with the record in out: it is unclaimed, and may not be
    taken without unclaimed_to; or it is not, and there was unclaimed_to; or
    there is nothing to rescore, or it is not abandoned. Durable when ST_OK;
    after ST_TIMEOUT it may have happened.
 */

enum status records_trip_raise(struct records *r, const struct trip *t,
                               int64_t to_revision, struct deadline d,
                               struct err *err) MUST_CHECK;
/*
    The claim that t shows goes on under a greater revision. ST_PRECONDITION: a
    batch or another claim came since.
 */

enum status records_trip_stored(struct records *r, struct str trip_id,
                                int64_t revision, enum analysis_status as,
                                struct str analysis_key, struct deadline d,
                                struct err *err) MUST_CHECK;
/*
    Ends the claim: sets analysis_status and analysis_key if revision is still
    the record's. ST_PRECONDITION: a batch or another claim came since.
 */

typedef enum status (*records_trip_each)(void *ctx, const struct trip *t);
enum status records_trips_of(struct records *r, struct str user_id,
                             struct deadline d, records_trip_each each,
                             void *ctx, struct err *err) MUST_CHECK;
/*
    All trips of a user, in no stated order. The callback may call the store.
    ST_CORRUPT: of some the record cannot be read; all others were given.
    DynamoDB has no index for it and reads the whole table: who wants the trips
    of many users walks.
 */
enum status records_pending_count(struct records *r, struct deadline d,
                                  int64_t *out, struct err *err) MUST_CHECK;
/*
    How many completed trips are pending; -1 in *out when this store cannot
    count cheaply.
 */

/* ---- all trips, once ---- */

struct trip_seen { /* a trip as a walk passes it */
    struct str trip_id, user_id;
    bool readable; /* false: its record has a revision that cannot be, and what
                      follows is not set */
    enum trip_status status;
    enum analysis_status analysis_status;
    int64_t end_us, updated_us; /* TIME_NONE: unknown */
    int64_t revision;
    bool foreign; /* trip_is_foreign */
};
typedef enum status (*records_trip_seen)(void *ctx, const struct trip_seen *t);
enum status records_walk(struct records *r, struct trip_walk *w,
                         struct deadline d, records_trip_seen each, void *ctx,
                         struct err *err) MUST_CHECK;
/*
    The next page of each segment that has not ended, all asked for at once;
    then the callback for each trip of them. Called until trip_walk_over(w), it
    passes every trip that was there all the time exactly once, in no stated
    order. The deadline is that of these pages. After a failure, the store's or
    the callback's, the same call goes on: what was passed of the page under
    way is passed again. The callback may call the store. ST_BAD_REQUEST: w
    comes from another kind of store.
 */

enum status records_trip_forward(struct records *r, struct str trip_id,
                                 int64_t revision, int64_t to_revision,
                                 struct str analysis_key, int64_t end_us,
                                 struct deadline d, struct err *err) MUST_CHECK;
/*
    Reconcile: the record was at `revision`, but an object of the later
    to_revision is there: sets revision, analysis_key, ANALYSIS_STORED and the
    end, and counts its batches as claimed. ST_PRECONDITION when it moved
    meanwhile.
 */

#endif
