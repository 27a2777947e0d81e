/* records_sqlite_batches.c - the batches of the SQLite record store. */
#include "base/list.h"
#include "store/batch_place.h"
#include "store/records_sqlite.h"

struct found { /* of the batch's number, and beside it */
    struct batch_here *here;
    size_t n;
};

/* Columns: number, user_id, deltas. */
static enum status find_rows(struct sql_query *q, const struct batch *b,
                             struct arena *a, struct found *f, struct err *err)
{
    bool row = true;
    enum status st = ST_OK;

    while (st == ST_OK && row) {
        st = sql_step(q, &row, err);
        if (st != ST_OK || !row)
            return st;
        if (!str_eq(sql_str(q, 1, a), b->user_id))
            return err_set(err, ST_NOT_OWNER, NULL,
                           "batch %.*s belongs to another user",
                           STR_ARG(b->batch_id));
        f->here = list_room(a, f->here, f->n, sizeof *f->here);
        f->here[f->n++] = (struct batch_here){sql_int(q, 0), sql_str(q, 2, a)};
    }
    return st;
}

static enum status find_number(struct sql *sql, const struct batch *b,
                               struct deadline d, struct arena *a,
                               struct found *f, struct err *err)
{
    struct sql_query q;
    enum status st = sql_query(sql, Q_BATCH, d, &q, err);

    if (st == ST_OK) {
        sql_bind_key(&q, b->batch_id);
        st = find_rows(&q, b, a, f, err);
    }
    sql_done(&q);
    /* Under the key of its number, whatever it says of itself. */
    if (f->n)
        f->here[0].number = b->number;
    return st;
}

static enum status find_beside(struct sql *sql, const struct batch *b,
                               struct deadline d, struct arena *a,
                               struct found *f, struct err *err)
{
    struct sql_query q;
    enum status st = sql_query(sql, Q_BATCHES_BESIDE, d, &q, err);

    if (st == ST_OK) {
        sql_bind_key(&q, b->trip_id);
        sql_bind_int(&q, BATCH_MAX_NUMBER);
        sql_bind_int(&q, b->number);
        st = find_rows(&q, b, a, f, err);
    }
    sql_done(&q);
    return st;
}

static enum status find_place(struct sql *sql, const struct batch *b,
                              struct deadline d, struct arena *a,
                              struct place *out, struct err *err)
{
    struct found f = {.n = 0};
    enum status st = find_number(sql, b, d, a, &f, err);

    if (st == ST_OK && f.n)
        st = find_beside(sql, b, d, a, &f, err);
    if (st == ST_OK)
        *out = batch_place(b, f.here, f.n, a);
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

/* b as it is stored. */
static void span_widen(struct trip *t, const struct batch *b, bool is_new,
                       int64_t now_us)
{
    t->updated_us = now_us;
    t->total_batches += is_new && !batch_is_beside(b->number);
    if (b->number > t->highest_batch && !batch_is_beside(b->number))
        t->highest_batch = b->number;
    if (t->status == TRIP_COMPLETED) {
        t->analysis_status = ANALYSIS_PENDING;
        t->revision += !trip_is_unclaimed(t);
    }
    trip_widen(t, b);
}

static void grow_stored(struct trip_size *stored, const struct trip_size *more)
{
    stored->deltas += more->deltas;
    stored->bytes += more->bytes;
    stored->batches += more->batches;
}

static enum status store_at(struct sql *sql, const struct batch *b,
                            const struct place *to, struct trip *trip,
                            int64_t now_us, struct deadline d, struct arena *a,
                            struct err *err)
{
    struct batch as = batch_placed(b, to, a);
    enum status st;

    span_widen(trip, &as, to->how != PLACE_REPLACES, now_us);
    grow_stored(&trip->stored, &to->more);
    st = sqlite_put_trip(sql, trip, d, err);
    return st == ST_OK && to->how != PLACE_HELD ? put_batch(sql, &as, d, err)
                                                : st;
}

enum status sqlite_store_batch(struct sql *sql, const struct batch *b,
                               int64_t now_us, struct deadline d,
                               struct arena *a, struct batch_stored *out,
                               struct err *err)
{
    struct trip trip;
    struct place to;
    bool trip_is_new;
    enum status st = sqlite_own_trip(sql, b->trip_id, b->user_id, now_us, d, a,
                                     &trip, &trip_is_new, err);

    if (st == ST_OK)
        st = find_place(sql, b, d, a, &to, err);
    if (st == ST_OK)
        st = trip_room(&trip.stored, &to.more, err);
    if (st != ST_OK)
        return st;
    out->kept = batch_kept_as(&to);
    out->created = trip_is_new;
    out->completed = trip.status == TRIP_COMPLETED;
    if (to.how != PLACE_HELD || trip_is_new)
        return store_at(sql, b, &to, &trip, now_us, d, a, err);
    /* A repeat; of one that died before anybody was told to score the trip. */
    out->completed = out->completed && trip.analysis_status == ANALYSIS_PENDING;
    return ST_OK;
}

/* ---- reading ---- */

static enum status read_batch_rows(struct sql_query *q, struct arena *a,
                                   struct trip_batches *out, struct err *err)
{
    struct trip_size size = {.deltas = 0};
    bool row;

    for (;;) {
        struct batch *b;
        enum status st = sql_step(q, &row, err);

        if (st != ST_OK || !row)
            return st;
        out->batch = list_room(a, out->batch, out->n, sizeof *out->batch);
        b = &out->batch[out->n++];
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
        st = read_batch_rows(&q, a, out, err);
    }
    sql_done(&q);
    return st;
}
