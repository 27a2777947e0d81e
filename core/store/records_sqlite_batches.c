/* records_sqlite_batches.c - the batches of the SQLite record store. */
#include "store/records_sqlite.h"

#include <assert.h>
#include "base/stats.h"

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
        t->revision++;
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

static enum status store_alone(struct sql *sql, const struct batch *b,
                               int64_t now_us, struct deadline d,
                               struct arena *a, bool *completed,
                               struct err *err)
{
    enum status st = sql_begin(sql, d, err);

    return st == ST_OK
               ? sql_end(sql, store_batch(sql, b, now_us, d, a, completed, err),
                         err)
               : st;
}

/* ---- those of all workers, committed together ---- */

/* A turn that does not come in this time is answered "try again": whoever leads
 * hangs. */
#define TURN_WAIT_MS 10000

/* A batch as it lies in the group's memory: this, and the texts behind it. */
struct packed {
    struct batch batch; /* its texts' pointers mean nothing */
    int64_t now_us;
};

#define PACKED_TEXTS 7

static void texts_of(struct batch *b, struct str *text[PACKED_TEXTS])
{
    struct str *all[PACKED_TEXTS] = {&b->batch_id, &b->trip_id, &b->user_id,
                                     &b->deltas,   &b->metrics, &b->statistics,
                                     &b->issues};

    memcpy(text, all, sizeof all);
}

static void unpack(struct str request, struct packed *out)
{
    struct str *text[PACKED_TEXTS];
    const char *at = request.p + sizeof *out;

    assert(request.n >= sizeof *out);
    memcpy(out, request.p, sizeof *out);
    texts_of(&out->batch, text);
    for (size_t i = 0; i < PACKED_TEXTS; i++) {
        text[i]->p = at;
        at += text[i]->n;
    }
    assert(at == request.p + request.n);
}

struct uploads { /* what a leader writes with */
    struct sql *sql;
    struct deadline deadline;
    struct arena *arena;
};

static enum status store_row(struct uploads *u, struct group_row *r, bool alone)
{
    struct packed p;
    bool completed = false;

    unpack(r->request, &p);
    err_clear(&r->err);
    r->st = (alone ? store_alone : store_batch)(
        u->sql, &p.batch, p.now_us, u->deadline, u->arena, &completed, &r->err);
    r->result[0] = completed;
    arena_reset(u->arena);
    return r->st;
}

/* The file's, or its disk's: what is true of one row is true of all. */
static bool is_of_all(enum status st)
{
    return st == ST_UNAVAILABLE || st == ST_TIMEOUT || st == ST_DENIED;
}

static void refuse_all(struct group_row *row, size_t n, enum status st,
                       const struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        row[i].st = st;
        row[i].err = *err;
    }
}

/* ST_OK: each row has its outcome. Who is not the trip's owner is told so
 * before anything of his is written, and spoils nothing. */
static enum status store_together(struct uploads *u, struct group_row *row,
                                  size_t n, struct err *err)
{
    enum status st = sql_begin(u->sql, u->deadline, err);

    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < n && (st == ST_OK || st == ST_NOT_OWNER); i++) {
        st = store_row(u, &row[i], false);
        if (st != ST_OK)
            *err = row[i].err;
    }
    if (st == ST_NOT_OWNER)
        st = ST_OK;
    return sql_end(u->sql, st, err);
}

static void store_rows(void *ctx, struct group_row *row, size_t n)
{
    struct uploads *u = ctx;
    struct err err = ERR_NONE;
    enum status st = store_together(u, row, n, &err);

    stat_add(STAT_batch_groups, 1);
    if (st == ST_OK)
        return;
    /* One bad row: the others are not to suffer from it. */
    if (!is_of_all(st) && n > 1)
        for (size_t i = 0; i < n; i++)
            (void)store_row(u, &row[i], true);
    else
        refuse_all(row, n, st, &err);
}

static enum status store_in_group(struct uploads *u, const struct batch *b,
                                  int64_t now_us, bool *completed,
                                  struct err *err)
{
    struct packed p = {.batch = *b, .now_us = now_us};
    struct str *text[PACKED_TEXTS], part[1 + PACKED_TEXTS];
    unsigned char result[GROUP_RESULT_MAX];
    enum status st;

    texts_of(&p.batch, text);
    part[0] = (struct str){(const char *)&p, sizeof p};
    for (size_t i = 0; i < PACKED_TEXTS; i++)
        part[1 + i] = *text[i];
    st = sql_group(u->sql, part, 1 + PACKED_TEXTS,
                   deadline_sooner(u->deadline, TURN_WAIT_MS), store_rows, u,
                   result, err);
    *completed = st == ST_OK && result[0];
    return st;
}

enum status sqlite_batch_store(struct records *r, const struct batch *b,
                               int64_t now_us, struct deadline d,
                               bool *completed, struct err *err)
{
    struct uploads u = {sql_of(r), d, arena_new(0)};
    enum status st =
        sql_shared(u.sql)
            ? store_in_group(&u, b, now_us, completed, err)
            : store_alone(u.sql, b, now_us, d, u.arena, completed, err);

    arena_free(&u.arena);
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
