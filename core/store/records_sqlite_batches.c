/* records_sqlite_batches.c - the batches of the SQLite record store. */
#include "store/records_sqlite.h"

static enum status check_batch_owner(struct sql *sql, const struct batch *b,
                                     struct deadline d, struct arena *a,
                                     bool *is_new, struct err *err)
{
    struct sql_query q;
    bool row = false;
    enum status st = sql_query(sql, Q_BATCH_OWNER, d, &q, err);

    if (st == ST_OK) {
        sql_bind_key(&q, b->batch_id);
        st = sql_step(&q, &row, err);
    }
    if (row && !str_eq(sql_str(&q, 0, a), b->user_id))
        st =
            err_set(err, ST_NOT_OWNER, NULL,
                    "batch %.*s belongs to another user", STR_ARG(b->batch_id));
    *is_new = !row;
    sql_done(&q);
    return st;
}

static enum status put_batch(struct sql *sql, const struct batch *b,
                             struct deadline d, struct err *err)
{
    struct sql_query q;
    enum status st = sql_query(sql, Q_BATCH_PUT, d, &q, err);

    if (st != ST_OK)
        return st;
    sql_bind_str(&q, b->batch_id);
    sql_bind_str(&q, b->trip_id);
    sql_bind_str(&q, b->user_id);
    sql_bind_int(&q, b->number);
    sql_bind_int(&q, b->batch_size);
    sql_bind_time(&q, b->first_us);
    sql_bind_time(&q, b->last_us);
    sql_bind_time(&q, b->uploaded_us);
    sql_bind_int(&q, b->original_count);
    sql_bind_int(&q, b->deltas_count);
    sql_bind_str(&q, b->metrics);
    sql_bind_str(&q, b->statistics);
    sql_bind_str(&q, b->issues);
    sql_bind_str(&q, b->deltas);
    return sql_run(&q, err);
}

static void widen(struct trip *t, const struct batch *b, bool batch_is_new,
                  int64_t now_us)
{
    t->updated_us = now_us;
    t->total_batches += batch_is_new;
    if (b->number > t->highest_batch)
        t->highest_batch = b->number;
    if (t->status == TRIP_COMPLETED) {
        t->analysis_status = ANALYSIS_PENDING;
        t->revision += !trip_is_unclaimed(t);
        return;
    }
    if (b->first_us != TIME_NONE &&
        (t->start_us == TIME_NONE || b->first_us < t->start_us))
        t->start_us = b->first_us;
    if (b->last_us != TIME_NONE &&
        (t->end_us == TIME_NONE || b->last_us > t->end_us))
        t->end_us = b->last_us;
}

static enum status store_batch(struct sql *sql, const struct batch *b,
                               int64_t now_us, struct deadline d,
                               struct arena *a, bool *completed,
                               struct err *err)
{
    struct trip trip;
    bool trip_is_new, batch_is_new;
    enum status st = sqlite_own_trip(sql, b->trip_id, b->user_id, now_us, d, a,
                                     &trip, &trip_is_new, err);

    if (st == ST_OK)
        st = check_batch_owner(sql, b, d, a, &batch_is_new, err);
    if (st != ST_OK)
        return st;
    *completed = trip.status == TRIP_COMPLETED;
    widen(&trip, b, batch_is_new, now_us);
    st = sqlite_put_trip(sql, &trip, d, err);
    return st == ST_OK ? put_batch(sql, b, d, err) : st;
}

enum status sqlite_batch_store(struct records *r, const struct batch *b,
                               int64_t now_us, struct deadline d,
                               bool *completed, struct err *err)
{
    struct sql *sql = sql_of(r);
    struct arena *a = arena_new(0);
    enum status st = sql_begin(sql, d, err);

    if (st == ST_OK)
        st = sql_end(sql, store_batch(sql, b, now_us, d, a, completed, err),
                     err);
    arena_free(&a);
    return st;
}

/* ---- reading ---- */

static struct batch *more_room(struct trip_batches *b, size_t *cap,
                               struct arena *a)
{
    if (b->n == *cap) {
        struct batch *grown;

        *cap = *cap ? *cap * 2 : 32;
        grown = arena_alloc_n(a, *cap, sizeof *grown);
        if (b->n)
            memcpy(grown, b->batch, b->n * sizeof *grown);
        b->batch = grown;
    }
    return &b->batch[b->n++];
}

static enum status read_batches(struct sql_query *q, struct arena *a,
                                struct trip_batches *out, struct err *err)
{
    struct trip_size size = {.deltas = 0};
    size_t cap = 0;
    bool row;

    for (;;) {
        struct batch *b;
        enum status st = sql_step(q, &row, err);

        if (st != ST_OK || !row)
            return st;
        b = more_room(out, &cap, a);
        b->number = sql_int(q, 0);
        b->original_count = sql_int(q, 1);
        b->deltas_count = sql_int(q, 2);
        b->deltas = sql_str(q, 3, a);
        if ((st = trip_grow(&size, b, err)) != ST_OK)
            return st;
    }
}

enum status sqlite_batches(struct records *r, const struct trip *t,
                           struct deadline d, struct arena *a,
                           struct trip_batches *out, struct err *err)
{
    struct sql_query q;
    enum status st = sql_query(sql_of(r), Q_BATCHES_OF, d, &q, err);

    *out = (struct trip_batches){0};
    if (st == ST_OK) {
        sql_bind_key(&q, t->trip_id);
        sql_bind_key(&q, t->user_id);
        st = read_batches(&q, a, out, err);
    }
    sql_done(&q);
    return st;
}
