/* records_dynamodb_batches.c - batches as items of DynamoDB, and read from it.
 */
#include "store/records_dynamodb.h"

#include <stdlib.h>
#include "base/list.h"
#include "base/log.h"
#include "store/batch_place.h"
#include "store/ddb_batch_get.h"

#define BEYOND 100

/* ---- as an item ---- */

static enum status put_json_text(struct json_out *o, const char *key,
                                 struct str text, struct err *err)
{
    struct json v;
    enum status st;

    if (text.n == 0)
        return ST_OK;
    st = json_check(text, JSON_DEPTH, &v, err);
    if (st != ST_OK) /* the caller promised a checked text */
        return err_set(err, ST_INTERNAL, NULL, "%s is no JSON", key);
    ddb_put_json(o, key, v);
    return ST_OK;
}

enum status dynamodb_put_item(struct json_out *o, const struct batch *b,
                              struct err *err)
{
    enum status st;

    ddb_put_s(o, "batch_id", b->batch_id);
    ddb_put_s(o, "user_id", b->user_id);
    ddb_put_s(o, "trip_id", b->trip_id);
    ddb_put_n(o, "batch_number", b->number);
    if (b->batch_size >= 0)
        ddb_put_n(o, "batch_size", b->batch_size);
    ddb_put_time(o, "first_point_timestamp", b->first_us);
    ddb_put_time(o, "last_point_timestamp", b->last_us);
    ddb_put_time(o, "upload_timestamp", b->uploaded_us);
    ddb_put_n(o, "original_deltas_count", b->original_count);
    json_put_raw(o, "processed", STR_LIT("{\"BOOL\":false}"));
    ddb_put_s(o, "data_version", STR_LIT("2.0"));
    st = put_json_text(o, "deltas", b->deltas, err);
    if (st == ST_OK)
        st = put_json_text(o, "quality_metrics", b->metrics, err);
    if (st == ST_OK)
        st = put_json_text(o, "batch_statistics", b->statistics, err);
    if (st == ST_OK)
        st = put_json_text(o, "quality_issues", b->issues, err);
    return st;
}

/* ---- by their numbers ---- */

enum status dynamodb_get_numbers(struct dynamodb *s, struct str trip_id,
                                 const int64_t *number, size_t n,
                                 const char *fields, struct deadline d,
                                 struct arena *a, dynamodb_item each, void *ctx,
                                 struct err *err)
{
    struct str *key = arena_alloc_n(a, n + 1, sizeof *key);
    struct ddb_batch_get what = {.table = s->db.batches,
                                 .key_name = "batch_id",
                                 .key = key,
                                 .n = n,
                                 .fields = fields};

    for (size_t i = 0; i < n; i++)
        key[i] = batch_id_of(trip_id, number[i], a);
    return ddb_batch_get(&s->db, &what, d, a, each, ctx, err);
}

/* ---- of a record that does not list its numbers ---- */

struct turn { /* the numbers whose nth was there */
    int64_t *number;
    size_t n;
    dynamodb_item each;
    void *ctx;
};

static enum status note_turn(void *ctx, struct json item, struct arena *a,
                             struct err *err)
{
    struct turn *t = ctx;
    int64_t number;

    if (ddb_int(item, "batch_number", &number))
        t->number[t->n++] = batch_client_number(number);
    return t->each(t->ctx, item, a, err);
}

enum status dynamodb_get_beside(struct dynamodb *s, struct str trip_id,
                                const int64_t *number, size_t n,
                                const char *fields, struct deadline d,
                                struct arena *a, dynamodb_item each, void *ctx,
                                struct err *err)
{
    int64_t *asked = arena_alloc_n(a, n + 1, sizeof *asked);
    struct turn t = {.number = arena_alloc_n(a, n + 1, sizeof *asked),
                     .n = n,
                     .each = each,
                     .ctx = ctx};
    enum status st = ST_OK;

    if (n)
        memcpy(t.number, number, n * sizeof *number);
    for (int64_t nth = 1; st == ST_OK && t.n; nth++) {
        size_t asking = t.n;

        for (size_t i = 0; i < asking; i++)
            asked[i] = batch_number_beside(t.number[i], nth);
        t.n = 0;
        st = dynamodb_get_numbers(s, trip_id, asked, asking, fields, d, a,
                                  note_turn, &t, err);
    }
    return st;
}

/* ---- a trip's ---- */

struct reader {
    struct dynamodb *s;
    const struct trip *trip;
    struct arena *arena;
    struct trip_batches *out;
    struct trip_size size;
    struct str *id; /* that the index knows and that we do not have */
    size_t ids;
};

static enum status read_batch_item(void *ctx, struct json item, struct arena *a,
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
    r->out->batch =
        list_room(r->arena, r->out->batch, r->out->n, sizeof *r->out->batch);
    r->out->batch[r->out->n++] = b;
    return ST_OK;
}

static enum status get_by_key(struct reader *r, const struct str *key, size_t n,
                              struct deadline d, struct err *err)
{
    struct ddb_batch_get what = {
        .table = r->s->db.batches, .key_name = "batch_id", .key = key, .n = n};

    return ddb_batch_get(&r->s->db, &what, d, r->arena, read_batch_item, r,
                         err);
}

static enum status get_numbers(struct reader *r, const int64_t *number,
                               size_t n, struct deadline d, struct err *err)
{
    return dynamodb_get_numbers(r->s, r->trip->trip_id, number, n, NULL, d,
                                r->arena, read_batch_item, r, err);
}

/* Others count their batches, but do not say which is the highest. */
static int64_t highest_known(const struct trip *t)
{
    return t->highest_batch > t->total_batches ? t->highest_batch
                                               : t->total_batches;
}

/*
 * The numbers from 1 on, and those beside them. Their cost does not grow with
 * the driver's history; only a trip with far more numbers than batches is left
 * to the index.
 */
static enum status get_by_number(struct reader *r, struct deadline d,
                                 struct err *err)
{
    const struct trip *t = r->trip;
    int64_t last = highest_known(t);
    int64_t *number;

    if (last <= 0 || last > 10 * t->total_batches + 1000)
        last = 0;
    number =
        arena_alloc_n(r->arena, (size_t)last + t->n_beside + 1, sizeof *number);
    for (int64_t i = 0; i < last; i++)
        number[i] = i + 1;
    if (t->n_beside)
        memcpy(number + last, t->beside, t->n_beside * sizeof *number);
    return get_numbers(r, number, (size_t)last + t->n_beside, d, err);
}

/*
 * The functions before this service leave no list of numbers when they
 * finalize a trip, but count what stands beside others, too.
 */
static enum status get_unlisted(struct reader *r, struct deadline d,
                                struct err *err)
{
    int64_t *number = arena_alloc_n(r->arena, r->out->n + 1, sizeof *number);
    size_t n = 0;

    for (size_t i = 0; i < r->out->n; i++)
        if (r->out->batch[i].number > 0)
            number[n++] = r->out->batch[i].number;
    return dynamodb_get_beside(r->s, r->trip->trip_id, number, n, NULL, d,
                               r->arena, read_batch_item, r, err);
}

/* ---- by the index ---- */

static bool reader_has(const struct reader *r, struct str id)
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
    if (id.n == 0 || reader_has(r, id))
        return ST_OK;
    r->id = list_room(r->arena, r->id, r->ids, sizeof *r->id);
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

/* Without an index, what other programs wrote is still found where their
 * numbers have gaps: a phone counts uploads that failed, too. */
static enum status get_beyond(struct reader *r, struct deadline d,
                              struct err *err)
{
    const struct trip *t = r->trip;
    int64_t last = highest_known(t);
    int64_t most = t->total_batches + BEYOND;
    struct str *key = arena_alloc_n(r->arena, (size_t)most, sizeof *key);
    size_t n = 0;

    for (int64_t i = 1; i <= most; i++) {
        struct str id = batch_id_of(t->trip_id, last + i, r->arena);

        if (!reader_has(r, id))
            key[n++] = id;
    }
    return get_by_key(r, key, n, d, err);
}

/* The index may lag behind, so that it only names what is read by key. */
static enum status get_by_index(struct reader *r, struct deadline d,
                                struct err *err)
{
    enum status st;

    if (r->s->db.batches_index[0] == '\0')
        return get_beyond(r, d, err);
    st = query_index(r, d, err);
    if (st == ST_NOT_FOUND) { /* there is no such index */
        if (!r->s->index_warned)
            log_err(LOG_WARN, "batches_index_unusable", err);
        r->s->index_warned = true;
        err_clear(err);
        return get_beyond(r, d, err);
    }
    return st == ST_OK ? get_by_key(r, r->id, r->ids, d, err) : st;
}

static int batch_by_number(const void *x, const void *y)
{
    const struct batch *a = x, *b = y;

    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return str_cmp(a->batch_id, b->batch_id);
}

static bool lacks_some(const struct reader *r)
{
    return (int64_t)r->out->n < trip_batches_due(r->trip);
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
    if (st == ST_OK && lacks_some(&r) && t->n_beside == 0)
        st = get_unlisted(&r, d, err);
    if (st == ST_OK && (out->n == 0 || lacks_some(&r)))
        st = get_by_index(&r, d, err);
    if (st == ST_OK && out->n)
        qsort(out->batch, out->n, sizeof *out->batch, batch_by_number);
    return st;
}
