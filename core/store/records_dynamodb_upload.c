/*
 * records_dynamodb_upload.c - a batch stored: first its trip's record, then
 * the batch.
 *
 * The record is read, widened, and written back on the condition that what was
 * computed from is still there; who comes second reads again. Which numbers
 * total_batches counts stands in the record itself (`batch_numbers`), so that
 * a repeat, also one after a crash between the two steps, is not counted twice.
 *
 * A batch that replaces one needs a third step. A scoring that reads the
 * batches between the two finds as many as the record counts, with the old one
 * among them, and may end its claim; so after the batch the trip is made
 * pending once more, if it is finalized by then. (A new number needs none: that
 * scoring misses a batch, and does not end.) The consistency model found this.
 */
#include "store/records_dynamodb.h"

#include <assert.h>
#include "base/fault.h"
#include "base/random.h"
#include "store/ddb_batch_get.h"

#define PAUSE_MOST_MS 40

struct upload {
    struct dynamodb *s;
    const struct batch *b;
    int64_t now_us;
    struct deadline d;
    struct arena *arena;
    struct json trip, batch; /* as they were read; JSON_NONE: not there */
    int asked;
    bool replaces; /* a batch of this number was there, or on its way */
};

/* ---- reading both, at once ---- */

static bool next_owner(void *ctx, struct arena *a, struct str *body,
                       void **user)
{
    struct upload *u = ctx;
    struct buf b;
    struct json_out o = {.b = &b};
    bool trip = u->asked == 0;

    if (u->asked == 2)
        return false;
    u->asked++;
    buf_init(&b, 65536);
    json_begin_object(&o, NULL);
    json_put_z(&o, "TableName", trip ? u->s->db.trips : u->s->db.batches);
    json_put_bool(&o, "ConsistentRead", true);
    if (!trip)
        json_put_z(&o, "ProjectionExpression", "user_id");
    json_begin_object(&o, "Key");
    ddb_put_s(&o, trip ? "trip_id" : "batch_id",
              trip ? u->b->trip_id : u->b->batch_id);
    json_end_object(&o);
    json_end_object(&o);
    assert(buf_ok(&b));
    *body = arena_copy(a, buf_str(&b));
    buf_free(&b);
    *user = trip ? &u->trip : &u->batch;
    return true;
}

static enum status got_owner(void *ctx, void *user, struct json root,
                             struct arena *a, struct err *err)
{
    (void)ctx;
    (void)a;
    (void)err;
    *(struct json *)user = json_member(root, "Item");
    return ST_OK;
}

static bool is_others(const struct upload *u, struct json item)
{
    return item.type == JSON_OBJECT &&
           !str_eq(ddb_str(item, "user_id", u->arena), u->b->user_id);
}

static enum status look(struct upload *u, struct err *err)
{
    enum status st;

    u->asked = 0;
    st = ddb_run(&u->s->db, "GetItem", next_owner, got_owner, u, u->d, u->arena,
                 err);
    if (st == ST_OK && is_others(u, u->trip))
        return err_set(err, ST_NOT_OWNER, NULL,
                       "trip %.*s belongs to another user",
                       STR_ARG(u->b->trip_id));
    if (st == ST_OK && is_others(u, u->batch))
        return err_set(err, ST_NOT_OWNER, NULL,
                       "batch %.*s belongs to another user",
                       STR_ARG(u->b->batch_id));
    return st;
}

/* ---- counting ---- */

struct counted {
    bool known;    /* the record has the set */
    bool has_ours; /* this batch's number is in it */
    size_t n;
    struct buf others; /* without the set: those found, as `"1","2"` */
    int64_t ours;
};

static enum status note_number(void *ctx, struct json item, struct arena *a,
                               struct err *err)
{
    struct counted *c = ctx;
    int64_t number;

    (void)a;
    (void)err;
    if (!ddb_int(item, "batch_number", &number))
        return ST_OK;
    if (number == c->ours) {
        c->has_ours = true;
        return ST_OK;
    }
    buf_printf(&c->others, "%s\"%lld\"", c->others.n ? "," : "",
               (long long)number);
    c->n++;
    return ST_OK;
}

/* A record from before the set: the batches that are there are counted. */
static enum status count_stored(struct upload *u, const struct trip *t,
                                struct counted *c, struct err *err)
{
    int64_t last = t->highest_batch ? t->highest_batch : t->total_batches;
    struct str *key = arena_alloc_n(u->arena, (size_t)last + 1, sizeof *key);
    struct ddb_batch_get what = {.table = u->s->db.batches,
                                 .key_name = "batch_id",
                                 .key = key,
                                 .n = (size_t)last,
                                 .fields = "batch_number"};

    for (int64_t i = 0; i < last; i++)
        key[i] = arena_printf(u->arena, "%.*s_batch_%lld",
                              STR_ARG(u->b->trip_id), (long long)i + 1);
    return ddb_batch_get(&u->s->db, &what, u->d, u->arena, note_number, c, err);
}

static enum status count_batches(struct upload *u, const struct trip *t,
                                 struct counted *c, struct err *err)
{
    struct json set;

    c->known = ddb_is(u->trip, "batch_numbers", "NS", &set);
    if (!c->known)
        return count_stored(u, t, c, err);
    c->n = json_count(set);
    for (struct json_iter it = json_iter(set);;) {
        struct json key, v;
        int64_t number;

        if (!json_next(&it, &key, &v))
            return ST_OK;
        if (str_to_i64(json_string(v, u->arena), &number) && number == c->ours)
            c->has_ours = true;
    }
}

/* Not fewer than others have counted: the batch of one of them may be on its
 * way, and who scores must wait for it. */
static int64_t count_of(const struct counted *c, const struct trip *t)
{
    int64_t found = (int64_t)c->n + !(c->known && c->has_ours);
    int64_t counted = t->total_batches + !c->has_ours;

    return found > counted ? found : counted;
}

static void put_count(struct ddb_expr *e, const struct counted *c,
                      const struct trip *t)
{
    struct buf set;

    ddb_set_n(e, "total_batches", count_of(c, t));
    if (c->known) {
        ddb_add_to_set(e, "batch_numbers", c->ours);
        return;
    }
    buf_init(&set, DDB_REQUEST_MAX);
    buf_printf(&set, "{\"NS\":[\"%lld\"%s%.*s]}", (long long)c->ours,
               c->others.n ? "," : "", STR_ARG(buf_str(&c->others)));
    ddb_set_raw(e, "batch_numbers", buf_str(&set));
    buf_free(&set);
}

/* ---- the trip ---- */

static void put_new(struct ddb_expr *e, const struct upload *u)
{
    ddb_if(e, "attribute_not_exists(#trip_id)");
    ddb_set_s(e, "user_id", u->b->user_id);
    ddb_set_s(e, "status", str_of(trip_status_word(TRIP_ACTIVE)));
    ddb_set_time(e, "created_at", u->now_us);
    ddb_set_time(e, "start_timestamp", u->b->first_us);
    ddb_set_time(e, "end_timestamp", u->b->last_us);
    ddb_set_n(e, "highest_batch", u->b->number);
}

static void put_widened(struct ddb_expr *e, const struct upload *u,
                        const struct trip *t)
{
    static const char *const computed_from[] = {
        "user_id",       "status",          "total_batches",
        "highest_batch", "start_timestamp", "end_timestamp"};
    const struct batch *b = u->b;

    for (size_t i = 0; i < sizeof computed_from / sizeof *computed_from; i++)
        ddb_if_unchanged(e, computed_from[i], u->trip);
    if (b->number > t->highest_batch)
        ddb_set_n(e, "highest_batch", b->number);
    if (t->status == TRIP_COMPLETED) {
        ddb_set_s(e, "analysis_status",
                  str_of(analysis_status_word(ANALYSIS_PENDING)));
        /* One that another finalized gets no revision here, or it would pass
         * for ours (rule 10). */
        if (trip_is_unclaimed(t)) {
            ddb_if_unchanged(e, "revision", u->trip);
        } else {
            ddb_if(e, "attribute_exists(#revision)");
            ddb_count_up(e, "revision");
        }
        return;
    }
    if (b->first_us != TIME_NONE &&
        (t->start_us == TIME_NONE || b->first_us < t->start_us))
        ddb_set_time(e, "start_timestamp", b->first_us);
    if (b->last_us != TIME_NONE &&
        (t->end_us == TIME_NONE || b->last_us > t->end_us))
        ddb_set_time(e, "end_timestamp", b->last_us);
}

/* ST_PRECONDITION: somebody was quicker. */
static enum status update_trip(struct upload *u, bool *completed,
                               struct err *err)
{
    struct counted c = {.ours = u->b->number};
    struct trip t = {.trip_id = u->b->trip_id};
    struct ddb_expr e;
    struct ddb_reply reply;
    enum status st = ST_OK;

    buf_init(&c.others, DDB_REQUEST_MAX);
    if (u->trip.type == JSON_OBJECT) {
        st = dynamodb_read_trip(u->trip, u->arena, &t, err);
        if (st == ST_OK)
            st = count_batches(u, &t, &c, err);
    }
    if (st == ST_OK) {
        ddb_expr_begin(&e, u->s->db.trips, "trip_id", u->b->trip_id);
        ddb_set_time(&e, "last_updated", u->now_us);
        put_count(&e, &c, &t);
        if (u->trip.type == JSON_OBJECT)
            put_widened(&e, u, &t);
        else
            put_new(&e, u);
        *completed = t.status == TRIP_COMPLETED;
        u->replaces = c.has_ours || u->batch.type == JSON_OBJECT;
        st = ddb_call(&u->s->db, "UpdateItem", ddb_expr_end(&e, u->arena), u->d,
                      u->arena, &reply, err);
    }
    buf_free(&c.others);
    return st;
}

/* ---- the batch ---- */

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

static enum status put_item(struct json_out *o, const struct batch *b,
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

static enum status batch_body(const struct upload *u, struct str *out,
                              struct err *err)
{
    struct buf b;
    struct json_out o = {.b = &b};
    enum status st;

    buf_init(&b, DDB_REQUEST_MAX);
    json_begin_object(&o, NULL);
    json_put_z(&o, "TableName", u->s->db.batches);
    json_begin_object(&o, "Item");
    st = put_item(&o, u->b, err);
    json_end_object(&o);
    json_put_z(&o, "ConditionExpression",
               "attribute_not_exists(batch_id) OR user_id = :u");
    json_begin_object(&o, "ExpressionAttributeValues");
    ddb_put_s(&o, ":u", u->b->user_id);
    json_end_object(&o);
    json_end_object(&o);
    if (st == ST_OK && !buf_ok(&b))
        st = err_set(err, ST_TOO_LARGE, "item_too_large",
                     "batch %.*s is over the %d bytes that DynamoDB holds",
                     STR_ARG(u->b->batch_id), DDB_ITEM_MAX);
    if (st == ST_OK)
        *out = arena_copy(u->arena, buf_str(&b));
    buf_free(&b);
    return st;
}

static enum status put_batch(struct upload *u, struct str body, struct err *err)
{
    struct ddb_reply reply;
    enum status st =
        ddb_call(&u->s->db, "PutItem", body, u->d, u->arena, &reply, err);

    if (st == ST_PRECONDITION)
        return err_set(err, ST_NOT_OWNER, NULL,
                       "batch %.*s belongs to another user",
                       STR_ARG(u->b->batch_id));
    return st;
}

/* ---- the third step ---- */

static enum status make_pending_again(struct upload *u, bool *completed,
                                      struct err *err)
{
    struct ddb_reply reply;
    struct ddb_expr e;
    enum status st;

    ddb_expr_begin(&e, u->s->db.trips, "trip_id", u->b->trip_id);
    /* Without a revision it is nobody's claim that could end: what another
     * finalized is scored anyhow, and no upload may make it pass for ours. */
    ddb_if(&e, "#status = :completed AND attribute_exists(#revision)");
    ddb_value_s(&e, "completed", str_of(trip_status_word(TRIP_COMPLETED)));
    ddb_set_time(&e, "last_updated", u->now_us);
    ddb_set_s(&e, "analysis_status",
              str_of(analysis_status_word(ANALYSIS_PENDING)));
    ddb_count_up(&e, "revision");
    st = ddb_call(&u->s->db, "UpdateItem", ddb_expr_end(&e, u->arena), u->d,
                  u->arena, &reply, err);
    if (st == ST_PRECONDITION) { /* still under way: its finalize comes later */
        err_clear(err);
        return ST_OK;
    }
    *completed = *completed || st == ST_OK;
    return st;
}

static enum status store(struct upload *u, bool *completed, struct err *err)
{
    struct str body;
    enum status st = batch_body(u, &body, err);

    /* Too large or not JSON is found out before anything is changed. */
    while (st == ST_OK) {
        struct arena_mark m = arena_mark(u->arena);

        st = look(u, err);
        if (st == ST_OK)
            st = update_trip(u, completed, err);
        arena_release(u->arena, m);
        if (st != ST_PRECONDITION)
            break;
        clock_sleep_ms(random_below(PAUSE_MOST_MS));
        st = ST_OK;
    }
    if (st == ST_OK && fault_point("dynamodb.batch.between"))
        st = err_set(err, ST_UNAVAILABLE, NULL, "fault point");
    if (st == ST_OK)
        st = put_batch(u, body, err);
    if (st == ST_OK && u->replaces)
        st = make_pending_again(u, completed, err);
    return st;
}

enum status dynamodb_batch_store(struct records *r, const struct batch *b,
                                 int64_t now_us, struct deadline d,
                                 bool *completed, struct err *err)
{
    struct upload u = {.s = dynamodb_of(r),
                       .b = b,
                       .now_us = now_us,
                       .d = d,
                       .arena = arena_new(0)};
    enum status st = store(&u, completed, err);

    arena_free(&u.arena);
    return st;
}
