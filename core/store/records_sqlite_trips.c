/* records_sqlite_trips.c - the trips of the SQLite record store. */
#include "store/records_sqlite.h"

#define PAGE 100

static enum status read_trip(const struct sql_query *q, struct arena *a,
                             struct trip *out, struct err *err)
{
    struct str status = sql_str(q, 2, a), analysis = sql_str(q, 11, a);

    *out = (struct trip){
        .trip_id = sql_str(q, 0, a),
        .user_id = sql_str(q, 1, a),
        .start_us = sql_time(q, 3),
        .end_us = sql_time(q, 4),
        .created_us = sql_time(q, 5),
        .updated_us = sql_time(q, 6),
        .finalized_us = sql_time(q, 7),
        .total_batches = sql_int(q, 8),
        .highest_batch = sql_int(q, 9),
        .revision = sql_int(q, 10),
        .analysis_key = sql_str(q, 12, a),
        .trip_quality = sql_str(q, 13, a),
        .by_service = str_is(sql_str(q, 14, a), BY_SERVICE),
        .claimed_batches = sql_int(q, 15),
    };
    if (trip_status_parse(status, &out->status) &&
        analysis_status_parse(analysis, &out->analysis_status))
        return ST_OK;
    return err_set(err, ST_CORRUPT, NULL, "trip %.*s has status %.*s, %.*s",
                   STR_ARG(out->trip_id), STR_ARG(status), STR_ARG(analysis));
}

enum status sqlite_put_trip(struct sql *sql, const struct trip *t,
                            struct deadline d, struct err *err)
{
    struct sql_query q;
    enum status st = sql_query(sql, Q_TRIP_PUT, d, &q, err);

    if (st != ST_OK)
        return st;
    sql_bind_str(&q, t->trip_id);
    sql_bind_str(&q, t->user_id);
    sql_bind_z(&q, trip_status_word(t->status));
    sql_bind_time(&q, t->start_us);
    sql_bind_time(&q, t->end_us);
    sql_bind_time(&q, t->created_us);
    sql_bind_time(&q, t->updated_us);
    sql_bind_time(&q, t->finalized_us);
    sql_bind_int(&q, t->total_batches);
    sql_bind_int(&q, t->highest_batch);
    sql_bind_int(&q, t->revision);
    sql_bind_z(&q, analysis_status_word(t->analysis_status));
    sql_bind_str(&q, t->analysis_key);
    sql_bind_str(&q, t->trip_quality);
    sql_bind_z(&q, t->by_service ? BY_SERVICE : NULL);
    sql_bind_int(&q, t->claimed_batches);
    return sql_run(&q, err);
}

static enum status find_trip(struct sql *sql, struct str trip_id,
                             struct deadline d, struct arena *a,
                             struct trip *out, struct err *err)
{
    struct sql_query q;
    bool row = false;
    enum status st = sql_query(sql, Q_TRIP, d, &q, err);

    if (st == ST_OK) {
        sql_bind_key(&q, trip_id);
        st = sql_step(&q, &row, err);
    }
    if (row)
        st = read_trip(&q, a, out, err);
    else if (st == ST_OK)
        st = err_set(err, ST_NOT_FOUND, NULL, "no record of trip %.*s",
                     STR_ARG(trip_id));
    sql_done(&q);
    return st;
}

enum status sqlite_own_trip(struct sql *sql, struct str trip_id,
                            struct str user_id, int64_t now_us,
                            struct deadline d, struct arena *a,
                            struct trip *out, bool *is_new, struct err *err)
{
    enum status st = find_trip(sql, trip_id, d, a, out, err);

    *is_new = st == ST_NOT_FOUND;
    if (st == ST_OK && !str_eq(out->user_id, user_id))
        return err_set(err, ST_NOT_OWNER, NULL,
                       "trip %.*s belongs to another user", STR_ARG(trip_id));
    if (!*is_new)
        return st;
    *out = (struct trip){.trip_id = arena_copy(a, trip_id),
                         .user_id = arena_copy(a, user_id),
                         .status = TRIP_ACTIVE,
                         .start_us = TIME_NONE,
                         .end_us = TIME_NONE,
                         .created_us = now_us,
                         .updated_us = now_us,
                         .finalized_us = TIME_NONE,
                         .claimed_batches = -1};
    return ST_OK;
}

enum status sqlite_trip(struct records *r, struct str trip_id,
                        struct deadline d, struct arena *a, struct trip *out,
                        struct err *err)
{
    return find_trip(sql_of(r), trip_id, d, a, out, err);
}

static bool may_rescore(const struct trip *t, const struct trip_claim *c)
{
    bool seen = c->seen_revision > 0 && t->revision == c->seen_revision;

    if (t->status != TRIP_COMPLETED)
        return false;
    switch (t->analysis_status) {
    case ANALYSIS_NONE:
    case ANALYSIS_PENDING:
        return true;
    case ANALYSIS_STORED:
        return c->lost || seen;
    case ANALYSIS_INSUFFICIENT:
        return seen;
    }
    return false;
}

/* What the claim says of the trip; a rescore leaves that as it is. */
static void claim_end(const struct trip_claim *c, struct arena *a,
                      struct trip *out)
{
    if (c->start_us != TIME_NONE)
        out->start_us = c->start_us;
    if (c->end_us != TIME_NONE)
        out->end_us = c->end_us;
    out->finalized_us = c->now_us;
    if (!c->abandoned)
        out->updated_us = c->now_us;
    out->by_service = c->abandoned;
    out->trip_quality = arena_copy(a, c->trip_quality);
}

/* Who takes an unclaimed trip must know, and may take no other (rule 10). */
static bool may_claim(const struct trip *t, const struct trip_claim *c)
{
    if (trip_is_unclaimed(t) || c->unclaimed_to)
        return trip_is_unclaimed(t) && c->unclaimed_to;
    if (c->abandoned)
        return t->status == TRIP_ACTIVE && t->updated_us == c->seen_us;
    return !c->rescore || may_rescore(t, c);
}

enum status sqlite_claim(struct sql *sql, const struct trip_claim *c,
                         struct deadline d, struct arena *a, struct trip *out,
                         struct err *err)
{
    bool is_new;
    enum status st = sqlite_own_trip(sql, c->trip_id, c->user_id, c->now_us, d,
                                     a, out, &is_new, err);

    if (st != ST_OK)
        return st;
    if (is_new && !c->create)
        return err_set(err, ST_NOT_FOUND, NULL, "no record of trip %.*s",
                       STR_ARG(c->trip_id));
    if (!may_claim(out, c))
        return err_set(err, ST_PRECONDITION, NULL,
                       "trip %.*s is not to be claimed so",
                       STR_ARG(c->trip_id));
    out->status = TRIP_COMPLETED;
    out->analysis_status = ANALYSIS_PENDING;
    out->revision = c->unclaimed_to ? c->unclaimed_to : out->revision + 1;
    out->claimed_batches = out->total_batches;
    if (!c->rescore)
        claim_end(c, a, out);
    return sqlite_put_trip(sql, out, d, err);
}

enum status sqlite_settle(struct sql *sql, struct str trip_id, int64_t at,
                          int64_t revision, enum analysis_status as,
                          struct str key, int64_t end_us, struct deadline d,
                          struct err *err)
{
    bool forward = end_us != TIME_NONE;
    struct sql_query q;
    enum status st =
        sql_query(sql, forward ? Q_TRIP_FORWARD : Q_TRIP_SETTLE, d, &q, err);

    if (st != ST_OK)
        return st;
    sql_bind_int(&q, revision);
    sql_bind_z(&q, analysis_status_word(as));
    sql_bind_str(&q, key);
    if (forward)
        sql_bind_time(&q, end_us);
    sql_bind_key(&q, trip_id);
    sql_bind_int(&q, at);
    st = sql_run(&q, err);
    if (st == ST_OK && sql_changed(sql) == 0)
        st = err_set(err, ST_PRECONDITION, NULL,
                     "trip %.*s is no longer at revision %lld",
                     STR_ARG(trip_id), (long long)at);
    return st;
}

static enum status settle_alone(struct sql *sql, struct str trip_id, int64_t at,
                                int64_t revision, enum analysis_status as,
                                struct str key, int64_t end_us,
                                struct deadline d, struct err *err)
{
    enum status st = sql_begin(sql, d, err);

    return st == ST_OK ? sql_end(sql,
                                 sqlite_settle(sql, trip_id, at, revision, as,
                                               key, end_us, d, err),
                                 err)
                       : st;
}

enum status sqlite_trip_raise(struct records *r, const struct trip *t,
                              int64_t to_revision, struct deadline d,
                              struct err *err)
{
    return settle_alone(sql_of(r), t->trip_id, t->revision, to_revision,
                        ANALYSIS_PENDING, t->analysis_key, TIME_NONE, d, err);
}

enum status sqlite_trip_forward(struct records *r, struct str trip_id,
                                int64_t revision, int64_t to_revision,
                                struct str key, int64_t end_us,
                                struct deadline d, struct err *err)
{
    return settle_alone(sql_of(r), trip_id, revision, to_revision,
                        ANALYSIS_STORED, key, end_us, d, err);
}

/* ---- lists ---- */

struct page {
    struct trip trip[PAGE];
    size_t n;
};

static enum status trips_page(struct sql *sql, struct str user_id,
                              struct str after_trip, struct deadline d,
                              struct arena *a, struct page *out,
                              struct err *err)
{
    struct sql_query q;
    bool row = true;
    enum status st = sql_query(sql, Q_TRIPS_OF_AFTER, d, &q, err);

    out->n = 0;
    if (st != ST_OK)
        return st;
    sql_bind_key(&q, user_id);
    sql_bind_key(&q, after_trip);
    sql_bind_int(&q, PAGE);
    while (st == ST_OK && row) {
        st = sql_step(&q, &row, err);
        if (st == ST_OK && row)
            st = read_trip(&q, a, &out->trip[out->n++], err);
    }
    sql_done(&q);
    return st;
}

enum status sqlite_trips_of(struct records *r, struct str user_id,
                            struct deadline d, records_trip_each each,
                            void *ctx, struct err *err)
{
    struct arena *a = arena_new(64 * 1024), *keys = arena_new(1024);
    struct page *page = arena_alloc(a, sizeof *page);
    const struct arena_mark mark = arena_mark(a);
    struct str trip_id = STR_NONE;
    enum status st;

    do {
        arena_release(a, mark);
        st = trips_page(sql_of(r), user_id, trip_id, d, a, page, err);
        for (size_t i = 0; st == ST_OK && i < page->n; i++)
            st = each(ctx, &page->trip[i]);
        if (st != ST_OK || page->n == 0)
            break;
        arena_reset(keys);
        trip_id = arena_copy(keys, page->trip[page->n - 1].trip_id);
    } while (page->n == PAGE);
    arena_free(&keys);
    arena_free(&a);
    return st;
}

enum status sqlite_pending_count(struct records *r, struct deadline d,
                                 int64_t *out, struct err *err)
{
    struct sql_query q;
    bool row = false;
    enum status st = sql_query(sql_of(r), Q_PENDING_COUNT, d, &q, err);

    if (st == ST_OK)
        st = sql_step(&q, &row, err);
    if (st == ST_OK)
        *out = sql_int(&q, 0);
    sql_done(&q);
    return st;
}
