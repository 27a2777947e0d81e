/*
 * records_impl.h - what an implementation of records.h is made of.
 *
 * records.c passes each call on; an implementation puts struct records first
 * in its own struct.
 */
#ifndef DG_STORE_RECORDS_IMPL_H
#define DG_STORE_RECORDS_IMPL_H

#include "store/records.h"
#include "store/survey.h"

/* Each as the function of records.h of that name; belong, share and the two of
 * upkeep may be NULL: there is nothing to do. */
struct records_ops {
    void (*close)(struct records *r);
    enum status (*check)(struct records *r, struct deadline d, struct err *err);
    void (*belong)(struct records *r, const _Atomic uint64_t *mark);
    /* NULL: nobody grants rights here */
    void (*rights)(struct records *r, struct deadline d,
                   struct tried tried[RIGHTS]);
    void (*share)(struct records *r, const struct group_place *place);
    bool (*upkeep_due)(const struct records *r);
    void (*upkeep)(struct records *r, struct deadline d);
    /* NULL: there are none that could be missing. */
    enum status (*indexes)(struct records *r, struct deadline d,
                           struct err *err);
    enum status (*identity)(struct records *r, struct deadline d,
                            struct arena *a, struct str *out, struct err *err);
    enum status (*user)(struct records *r, struct str user_id,
                        struct deadline d, struct arena *a, struct user *out,
                        struct err *err);
    enum status (*user_by_email)(struct records *r, struct str email,
                                 struct deadline d, struct arena *a,
                                 struct user *out, struct err *err);
    enum status (*ids_by_email)(struct records *r, struct str email,
                                struct deadline d, struct arena *a,
                                struct email_ids *out, struct err *err);
    enum status (*user_put)(struct records *r, const struct user *u,
                            struct deadline d, struct err *err);
    enum status (*users_put)(struct records *r, const struct user *u, size_t n,
                             struct deadline d, records_user_ended ended,
                             void *ctx, struct err *err);
    enum status (*user_foreign)(struct records *r, struct str user_id,
                                struct deadline d, struct arena *a,
                                struct str *out, struct err *err);
    enum status (*user_remove)(struct records *r, struct str user_id,
                               struct deadline d, struct err *err);
    enum status (*users)(struct records *r, struct deadline d,
                         records_user_each each, void *ctx, struct err *err);
    enum status (*batch_store)(struct records *r, const struct batch *b,
                               int64_t now_us, struct deadline d,
                               struct batch_stored *out, struct err *err);
    enum status (*batches)(struct records *r, const struct trip *t,
                           struct deadline d, struct arena *a,
                           struct trip_batches *out, struct err *err);
    enum status (*trip)(struct records *r, struct str trip_id,
                        struct deadline d, struct arena *a, struct trip *out,
                        struct err *err);
    enum status (*trip_claim)(struct records *r, const struct trip_claim *c,
                              struct deadline d, struct arena *a,
                              struct trip *out, struct err *err);
    enum status (*trip_raise)(struct records *r, const struct trip *t,
                              int64_t to_revision, struct deadline d,
                              struct err *err);
    enum status (*trip_stored)(struct records *r, struct str trip_id,
                               int64_t revision, enum analysis_status as,
                               struct str analysis_key, struct deadline d,
                               struct err *err);
    enum status (*trips_of)(struct records *r, struct str user_id,
                            struct deadline d, records_trip_each each,
                            void *ctx, struct err *err);
    enum status (*pending_count)(struct records *r, struct deadline d,
                                 int64_t *out, struct err *err);
    enum status (*walk)(struct records *r, struct trip_walk *w,
                        struct deadline d, records_trip_seen each, void *ctx,
                        struct err *err);
    enum status (*trip_forward)(struct records *r, struct str trip_id,
                                int64_t revision, int64_t to_revision,
                                struct str analysis_key, int64_t end_us,
                                struct deadline d, struct err *err);
    /* survey.h */
    enum status (*survey_look)(struct records *r, enum survey_table table,
                               struct deadline d, struct arena *a,
                               struct survey_state *out, struct err *err);
    enum status (*survey_walk)(struct records *r, enum survey_table table,
                               struct trip_walk *w, struct deadline d,
                               survey_each each, void *ctx, struct err *err);
};

struct records {
    const struct records_ops *ops;
};

static inline bool records_user_refused(enum status st)
{
    return st == ST_PRECONDITION || st == ST_TOO_LARGE || st == ST_BAD_REQUEST;
}
/*
    Of one user: the others may be taken all the same (records_users_put).
 */

enum status records_sqlite_open(struct str file, struct records **out,
                                struct err *err) MUST_CHECK;
/*
    file: an absolute path. It is made when first used.
 */

enum status records_dynamodb_open(const struct conf *c, struct records **out,
                                  struct err *err) MUST_CHECK;
/*
    By the settings of [dynamodb], which must outlive it.
 */

enum status trip_room(const struct trip_size *stored,
                      const struct trip_size *more, struct err *err) MUST_CHECK;
/*
    ST_TOO_LARGE (trip_too_large): what grows would be over its TRIP_MAX.
 */

enum status trip_grow(struct trip_size *size, const struct batch *b,
                      struct err *err) MUST_CHECK;
/*
    One more batch of a trip was read: as trip_room. How many they are does not
    matter then.
 */

void trip_widen(struct trip *t, const struct batch *b);
/*
    start_us and end_us by what the batch says, as records_batch_store does it.
 */

#define BY_SERVICE "service" /* finalized_by */

void trip_seen_of(const struct trip *t, struct trip_seen *out);
/*
    What a walk passes of a readable record; the ids are set already.
 */

enum status walk_other_store(struct err *err);
/*
    ST_BAD_REQUEST: a walk's position is none of this store's.
 */

/* What is stored for the enums, in either store. */
const char *trip_status_word(enum trip_status s);
const char *analysis_status_word(enum analysis_status s);
/*
    NULL for ANALYSIS_NONE: the attribute is not there.
 */
enum trip_status trip_status_of(struct str word);
/*
    A word that is not ours is another writer's, who looks at it no more than
    the functions before us did: TRIP_ACTIVE, so that the trip is finalized.
 */
enum analysis_status analysis_status_of(struct str word);
/*
    An empty word is ANALYSIS_NONE; of one that is not ours nobody knows what it
    promises: ANALYSIS_PENDING.
 */

#endif
