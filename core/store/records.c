#include "store/records_impl.h"

#include <assert.h>

#include "base/fault.h"
#include "store/failure.h"
#include "store/keys.h"

enum status records_open(const struct conf *c, struct records **out,
                         struct err *err)
{
    const struct str sqlite = STR_LIT("sqlite://");
    struct str url = str_of(c->records_url);

    *out = NULL;
    if (str_starts(url, sqlite))
        return records_sqlite_open(
            (struct str){url.p + sqlite.n, url.n - sqlite.n}, out, err);
    if (str_is(url, "dynamodb:"))
        return records_dynamodb_open(c, out, err);
    return err_set(err, ST_BAD_REQUEST, NULL,
                   "records.url = %.200s: not of the form sqlite:///file or "
                   "dynamodb:",
                   c->records_url);
}

void records_close(struct records **r)
{
    if (*r)
        (*r)->ops->close(*r);
    *r = NULL;
}

/*
    Before every call: tests make the store fail here ("records.fail").
 */
static enum status records_enter(struct err *err)
{
    if (fault_point("records.fail"))
        return err_set(err, ST_UNAVAILABLE, NULL, "fault point records.fail");
    return ST_OK;
}

enum status records_check(struct records *r, struct deadline d, struct err *err)
{
    enum status st = records_enter(err);

    return store_counted(st == ST_OK ? r->ops->check(r, d, err) : st);
}

void records_rights(struct records *r, struct deadline d,
                    struct tried tried[RIGHTS])
{
    if (r->ops->rights)
        r->ops->rights(r, d, tried);
}

void records_share(struct records *r, const struct group_place *place)
{
    if (r->ops->share)
        r->ops->share(r, place);
}

void records_belong(struct records *r, const _Atomic uint64_t *mark)
{
    if (r->ops->belong)
        r->ops->belong(r, mark);
}

bool records_upkeep_due(const struct records *r)
{
    return r->ops->upkeep_due && r->ops->upkeep_due(r);
}

void records_upkeep(struct records *r, struct deadline d)
{
    assert(r->ops->upkeep);
    r->ops->upkeep(r, d);
}

enum status records_indexes(struct records *r, struct deadline d,
                            struct err *err)
{
    enum status st = records_enter(err);

    return store_counted(
        st == ST_OK && r->ops->indexes ? r->ops->indexes(r, d, err) : st);
}

enum status records_identity(struct records *r, struct deadline d,
                             struct arena *a, struct str *out, struct err *err)
{
    enum status st = records_enter(err);

    return store_counted(st == ST_OK ? r->ops->identity(r, d, a, out, err)
                                     : st);
}

enum status records_user(struct records *r, struct str user_id,
                         struct deadline d, struct arena *a, struct user *out,
                         struct err *err)
{
    enum status st = records_enter(err);

    return store_counted(st == ST_OK ? r->ops->user(r, user_id, d, a, out, err)
                                     : st);
}

enum status records_user_by_email(struct records *r, struct str email,
                                  struct deadline d, struct arena *a,
                                  struct user *out, struct err *err)
{
    enum status st = records_enter(err);

    return store_counted(
        st == ST_OK ? r->ops->user_by_email(r, email, d, a, out, err) : st);
}

enum status records_ids_by_email(struct records *r, struct str email,
                                 struct deadline d, struct arena *a,
                                 struct email_ids *out, struct err *err)
{
    enum status st = records_enter(err);

    return store_counted(
        st == ST_OK ? r->ops->ids_by_email(r, email, d, a, out, err) : st);
}

enum status records_user_put(struct records *r, const struct user *u,
                             struct deadline d, struct err *err)
{
    enum status st = records_enter(err);

    assert(u->user_id.n);
    return store_counted(st == ST_OK ? r->ops->user_put(r, u, d, err) : st);
}

enum status records_users_put(struct records *r, const struct user *u, size_t n,
                              struct deadline d, records_user_ended ended,
                              void *ctx, struct err *err)
{
    enum status st = records_enter(err);

    return store_counted(
        st == ST_OK ? r->ops->users_put(r, u, n, d, ended, ctx, err) : st);
}

enum status records_user_foreign(struct records *r, struct str user_id,
                                 struct deadline d, struct arena *a,
                                 struct str *out, struct err *err)
{
    enum status st = records_enter(err);

    return store_counted(
        st == ST_OK ? r->ops->user_foreign(r, user_id, d, a, out, err) : st);
}

enum status records_user_remove(struct records *r, struct str user_id,
                                struct deadline d, struct err *err)
{
    enum status st = records_enter(err);

    return store_counted(st == ST_OK ? r->ops->user_remove(r, user_id, d, err)
                                     : st);
}

enum status records_users(struct records *r, struct deadline d,
                          records_user_each each, void *ctx, struct err *err)
{
    enum status st = records_enter(err);

    return store_counted(st == ST_OK ? r->ops->users(r, d, each, ctx, err)
                                     : st);
}

enum status records_batch_store(struct records *r, const struct batch *b,
                                int64_t now_us, struct deadline d,
                                struct batch_stored *out, struct err *err)
{
    enum status st = records_enter(err);

    assert(b->batch_id.n && b->trip_id.n && b->user_id.n);
    assert(b->number > 0 && b->number <= BATCH_MAX_NUMBER);
    return store_counted(
        st == ST_OK ? r->ops->batch_store(r, b, now_us, d, out, err) : st);
}

void trip_widen(struct trip *t, const struct batch *b)
{
    /* What a client has finalized is as it said. */
    bool follows = t->status == TRIP_ACTIVE || t->by_service;

    if (b->first_us != TIME_NONE &&
        (t->start_us == TIME_NONE || (follows && b->first_us < t->start_us)))
        t->start_us = b->first_us;
    if (b->last_us != TIME_NONE &&
        (t->end_us == TIME_NONE || (follows && b->last_us > t->end_us)))
        t->end_us = b->last_us;
}

int64_t trip_batches_due(const struct trip *t)
{
    return t->total_batches + (int64_t)t->n_beside;
}

enum status records_batches(struct records *r, const struct trip *t,
                            struct deadline d, struct arena *a,
                            struct trip_batches *out, struct err *err)
{
    enum status st = records_enter(err);

    return store_counted(st == ST_OK ? r->ops->batches(r, t, d, a, out, err)
                                     : st);
}

enum status records_trip(struct records *r, struct str trip_id,
                         struct deadline d, struct arena *a, struct trip *out,
                         struct err *err)
{
    enum status st = records_enter(err);

    return store_counted(st == ST_OK ? r->ops->trip(r, trip_id, d, a, out, err)
                                     : st);
}

enum status records_trip_claim(struct records *r, const struct trip_claim *c,
                               struct deadline d, struct arena *a,
                               struct trip *out, struct err *err)
{
    enum status st = records_enter(err);

    assert(c->trip_id.n && c->user_id.n);
    assert(!(c->create && c->rescore));
    assert(c->rescore || (!c->lost && !c->seen_revision));
    assert(!(c->create && c->unclaimed_to));
    return store_counted(st == ST_OK ? r->ops->trip_claim(r, c, d, a, out, err)
                                     : st);
}

enum status records_trip_raise(struct records *r, const struct trip *t,
                               int64_t to_revision, struct deadline d,
                               struct err *err)
{
    enum status st = records_enter(err);

    assert(t->revision > 0 && to_revision > t->revision);
    assert(t->analysis_status == ANALYSIS_PENDING);
    return store_counted(
        st == ST_OK ? r->ops->trip_raise(r, t, to_revision, d, err) : st);
}

enum status records_trip_stored(struct records *r, struct str trip_id,
                                int64_t revision, enum analysis_status as,
                                struct str analysis_key, struct deadline d,
                                struct err *err)
{
    enum status st = records_enter(err);

    assert(as == ANALYSIS_STORED || as == ANALYSIS_INSUFFICIENT);
    return store_counted(st == ST_OK
                             ? r->ops->trip_stored(r, trip_id, revision, as,
                                                   analysis_key, d, err)
                             : st);
}

enum status records_trips_of(struct records *r, struct str user_id,
                             struct deadline d, records_trip_each each,
                             void *ctx, struct err *err)
{
    enum status st = records_enter(err);

    return store_counted(
        st == ST_OK ? r->ops->trips_of(r, user_id, d, each, ctx, err) : st);
}

enum status records_pending_count(struct records *r, struct deadline d,
                                  int64_t *out, struct err *err)
{
    enum status st = records_enter(err);

    return store_counted(st == ST_OK ? r->ops->pending_count(r, d, out, err)
                                     : st);
}

enum status records_walk(struct records *r, struct trip_walk *w,
                         struct deadline d, records_trip_seen each, void *ctx,
                         struct err *err)
{
    enum status st = records_enter(err);

    return store_counted(st == ST_OK ? r->ops->walk(r, w, d, each, ctx, err)
                                     : st);
}

enum status records_trip_forward(struct records *r, struct str trip_id,
                                 int64_t revision, int64_t to_revision,
                                 struct str analysis_key, int64_t end_us,
                                 struct deadline d, struct err *err)
{
    enum status st = records_enter(err);

    assert(revision > 0 && to_revision > revision);
    return store_counted(
        st == ST_OK ? r->ops->trip_forward(r, trip_id, revision, to_revision,
                                           analysis_key, end_us, d, err)
                    : st);
}

/* What does not grow is no reason to refuse. */
static bool size_fits(int64_t stored, int64_t more, int64_t most)
{
    return more <= 0 || stored + more <= most;
}

enum status trip_room(const struct trip_size *stored,
                      const struct trip_size *more, struct err *err)
{
    if (!size_fits(stored->deltas, more->deltas, TRIP_MAX_DELTAS))
        return err_set(err, ST_TOO_LARGE, "trip_too_large",
                       "A trip has at most %d deltas", TRIP_MAX_DELTAS);
    if (!size_fits(stored->bytes, more->bytes, (int64_t)TRIP_MAX_BYTES))
        return err_set(err, ST_TOO_LARGE, "trip_too_large",
                       "The deltas of a trip have at most %zu bytes as JSON",
                       TRIP_MAX_BYTES);
    if (!size_fits(stored->batches, more->batches, TRIP_MAX_BATCHES))
        return err_set(err, ST_TOO_LARGE, "trip_too_large",
                       "A trip has at most %d batches; send more points a "
                       "batch",
                       TRIP_MAX_BATCHES);
    return ST_OK;
}

enum status trip_grow(struct trip_size *size, const struct batch *b,
                      struct err *err)
{
    const struct trip_size more = {.deltas = b->deltas_count,
                                   .bytes = (int64_t)b->deltas.n};
    enum status st = trip_room(size, &more, err);

    size->deltas += more.deltas;
    size->bytes += more.bytes;
    return st;
}

enum status walk_other_store(struct err *err)
{
    return err_set(err, ST_BAD_REQUEST, "walk_position",
                   "this position is of a walk over another kind of store");
}

/* ---- what others wrote ---- */

bool trip_is_unclaimed(const struct trip *t)
{
    return t->status == TRIP_COMPLETED && t->revision == 0;
}

static bool trip_has_other_end(const struct trip *t)
{
    struct str user_id, trip_id;
    int64_t end_ms;

    return t->analysis_status == ANALYSIS_STORED && t->end_us != TIME_NONE &&
           key_parse_trip(t->analysis_key, &user_id, &trip_id, &end_ms) &&
           end_ms != time_ms(t->end_us);
}

bool trip_is_foreign(const struct trip *t)
{
    if (trip_is_unclaimed(t))
        return true;
    /* What is pending is owed already, and its claim will see all. */
    if (t->status != TRIP_COMPLETED || t->analysis_status == ANALYSIS_PENDING)
        return false;
    return (t->claimed_batches >= 0 &&
            t->total_batches != t->claimed_batches) ||
           trip_has_other_end(t);
}

void trip_seen_of(const struct trip *t, struct trip_seen *out)
{
    out->readable = true;
    out->status = t->status;
    out->analysis_status = t->analysis_status;
    out->end_us = t->end_us;
    out->updated_us = t->updated_us;
    out->revision = t->revision;
    out->foreign = trip_is_foreign(t);
}

/* ---- words ---- */

static const char *const trip_words[] = {
    [TRIP_ACTIVE] = "active",
    [TRIP_COMPLETED] = "completed",
};

static const char *const analysis_words[] = {
    [ANALYSIS_NONE] = NULL,
    [ANALYSIS_PENDING] = "pending",
    [ANALYSIS_STORED] = "stored",
    [ANALYSIS_INSUFFICIENT] = "insufficient_data",
};

const char *trip_status_word(enum trip_status s)
{
    return trip_words[s];
}

const char *analysis_status_word(enum analysis_status s)
{
    return analysis_words[s];
}

enum trip_status trip_status_of(struct str word)
{
    return str_is(word, trip_words[TRIP_COMPLETED]) ? TRIP_COMPLETED
                                                    : TRIP_ACTIVE;
}

enum analysis_status analysis_status_of(struct str word)
{
    for (int i = ANALYSIS_NONE; i <= ANALYSIS_INSUFFICIENT; i++)
        if (str_is(word, analysis_words[i]))
            return (enum analysis_status)i;
    return ANALYSIS_PENDING;
}
