/* records_dynamodb_batches.c - batches read from DynamoDB. */
#include "store/records_dynamodb.h"

#include <stdlib.h>
#include "base/log.h"
#include "store/ddb_batch_get.h"

struct reader {
    struct dynamodb *s;
    const struct trip *trip;
    struct arena *arena;
    struct trip_batches *out;
    size_t cap;
    struct trip_size size;
    struct str *id; /* that the index knows and that we do not have */
    size_t ids, id_cap;
};

static void *grown(struct arena *a, void *old, size_t n, size_t *cap,
                   size_t size)
{
    void *p = old;

    if (n == *cap) {
        *cap = *cap ? *cap * 2 : 64;
        p = arena_alloc_n(a, *cap, size);
        if (n)
            memcpy(p, old, n * size);
    }
    return p;
}

static enum status read_batch(void *ctx, struct json item, struct arena *a,
                              struct err *err)
{
    struct reader *r = ctx;
    struct err why = ERR_NONE;
    struct batch b = {.batch_id = ddb_str(item, "batch_id", a),
                      .trip_id = ddb_str(item, "trip_id", a),
                      .user_id = ddb_str(item, "user_id", a)};

    if (!str_eq(b.trip_id, r->trip->trip_id) ||
        !str_eq(b.user_id, r->trip->user_id))
        return ST_OK;
    b.deltas_count = (int64_t)ddb_list_count(item, "deltas");
    b.original_count = b.deltas_count;
    (void)ddb_int(item, "batch_number", &b.number);
    (void)ddb_int(item, "original_deltas_count", &b.original_count);
    b.deltas = ddb_json_text(item, "deltas", a, &why);
    if (why.st != ST_OK)
        return err_set(err, ST_CORRUPT, NULL, "batch %.*s: %s",
                       STR_ARG(b.batch_id), why.text);
    if (b.deltas.n == 0)
        b.deltas = STR_LIT("[]");
    if (trip_grow(&r->size, &b, err) != ST_OK)
        return ST_TOO_LARGE;
    r->out->batch = grown(r->arena, r->out->batch, r->out->n, &r->cap,
                          sizeof *r->out->batch);
    r->out->batch[r->out->n++] = b;
    return ST_OK;
}

static enum status get_by_key(struct reader *r, const struct str *key, size_t n,
                              struct deadline d, struct err *err)
{
    struct ddb_batch_get what = {
        .table = r->s->db.batches, .key_name = "batch_id", .key = key, .n = n};

    return ddb_batch_get(&r->s->db, &what, d, r->arena, read_batch, r, err);
}

/*
 * The numbers from 1 on. Their cost does not grow with the driver's history;
 * only a trip with far more numbers than batches is left to the index.
 */
static enum status get_by_number(struct reader *r, struct deadline d,
                                 struct err *err)
{
    const struct trip *t = r->trip;
    int64_t last = t->highest_batch ? t->highest_batch : t->total_batches;
    struct str *key;

    if (last <= 0 || last > 10 * t->total_batches + 1000)
        return ST_OK;
    key = arena_alloc_n(r->arena, (size_t)last, sizeof *key);
    for (int64_t i = 0; i < last; i++)
        key[i] = arena_printf(r->arena, "%.*s_batch_%lld", STR_ARG(t->trip_id),
                              (long long)i + 1);
    return get_by_key(r, key, (size_t)last, d, err);
}

/* ---- by the index ---- */

static bool have(const struct reader *r, struct str id)
{
    for (size_t i = 0; i < r->out->n; i++)
        if (str_eq(r->out->batch[i].batch_id, id))
            return true;
    return false;
}

static enum status note_missing(void *ctx, struct json item, struct arena *a,
                                struct err *err)
{
    struct reader *r = ctx;
    struct str id = ddb_str(item, "batch_id", a);

    (void)err;
    if (id.n == 0 || have(r, id))
        return ST_OK;
    r->id = grown(r->arena, r->id, r->ids, &r->id_cap, sizeof *r->id);
    r->id[r->ids++] = arena_copy(r->arena, id);
    return ST_OK;
}

static enum status query_index(struct reader *r, struct deadline d,
                               struct err *err)
{
    struct dynamodb_query q = {.table = r->s->db.batches,
                               .index = r->s->db.batches_index,
                               .where = "#u = :u",
                               .filter = "#t = :t",
                               .fields = "#b",
                               .names = "{\"#u\":\"user_id\",\"#t\":\"trip_id\""
                                        ",\"#b\":\"batch_id\"}"};
    struct buf values;
    struct json_out o = {.b = &values};

    buf_init(&values, 65536);
    json_begin_object(&o, NULL);
    ddb_put_s(&o, ":u", r->trip->user_id);
    ddb_put_s(&o, ":t", r->trip->trip_id);
    json_end_object(&o);
    q.values = arena_z(r->arena, buf_str(&values));
    buf_free(&values);
    return dynamodb_query(r->s, &q, d, note_missing, r, err);
}

/* The index may lag behind, so that it only names what is read by key. */
static enum status get_by_index(struct reader *r, struct deadline d,
                                struct err *err)
{
    enum status st;

    if (r->s->db.batches_index[0] == '\0')
        return ST_OK;
    st = query_index(r, d, err);
    if (st == ST_NOT_FOUND) { /* there is no such index */
        if (!r->s->index_warned)
            log_err(LOG_WARN, "batches_index_unusable", err);
        r->s->index_warned = true;
        return ST_OK;
    }
    return st == ST_OK ? get_by_key(r, r->id, r->ids, d, err) : st;
}

static int by_number(const void *x, const void *y)
{
    const struct batch *a = x, *b = y;

    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return str_cmp(a->batch_id, b->batch_id);
}

enum status dynamodb_batches(struct records *rec, const struct trip *t,
                             struct deadline d, struct arena *a,
                             struct trip_batches *out, struct err *err)
{
    struct reader r = {
        .s = dynamodb_of(rec), .trip = t, .arena = a, .out = out};
    enum status st;

    *out = (struct trip_batches){0};
    st = get_by_number(&r, d, err);
    if (st == ST_OK && (out->n == 0 || (int64_t)out->n < t->total_batches))
        st = get_by_index(&r, d, err);
    if (st == ST_OK && out->n)
        qsort(out->batch, out->n, sizeof *out->batch, by_number);
    return st;
}
