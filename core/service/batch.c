/*
 * The life of a batch: body -> in one pass over it, each delta accepted (copied
 * compact, and counted) or listed as an issue -> ids and number -> one item
 * (bounded) -> records -> answer.
 */
#include "service/batch.h"

#include <assert.h>
#include <stdio.h>
#include "base/isotime.h"
#include "base/json.h"
#include "base/stats.h"
#include "score/trip_json.h"
#include "service/abandoned.h"
#include "service/input.h"

#define DELTA_TIME_MAX_MS 3600000.0 /* an hour: doc/wire.md */
/* 100 of at most 70 bytes each: far below the 64 KB that batch_store gives
 * them, and below what an item has left (fit_item). */
#define ISSUES_LISTED 100

struct intake { /* a batch while its body is read */
    struct batch batch;
    struct arena *arena;
    struct delta_members members; /* of the delta that is being read */
    struct buf accepted;          /* the JSON array, compact */
    struct delta_counts counts;   /* of what was accepted */
    struct buf issues;            /* inside of a JSON array of texts */
    size_t n_issues;
    double quality_score;
    struct input_warnings warnings;
};

static enum status read_number(struct json root, struct intake *in,
                               struct err *err)
{
    struct json v = json_member(root, "batch_number");

    if (!json_int(v, &in->batch.number) || in->batch.number < 1 ||
        in->batch.number > BATCH_MAX_NUMBER)
        return input_type(err, "batch_number", "an integer from 1 to 100000");
    v = json_member(root, "batch_size");
    in->batch.batch_size = -1;
    if (v.type != JSON_NONE && v.type != JSON_NULL &&
        (!json_int(v, &in->batch.batch_size) || in->batch.batch_size < 0))
        return input_type(err, "batch_size", "an integer");
    return ST_OK;
}

static enum status batch_too_large(struct err *err)
{
    return err_set(err, ST_TOO_LARGE, "batch_too_large",
                   "A batch has at most %d bytes; send fewer points a batch",
                   BATCH_MAX_BYTES);
}

static enum status read_metrics(const struct call *c, struct json root,
                                struct intake *in)
{
    struct json metrics;
    enum status st = input_object(root, "quality_metrics", &metrics, c->err);

    if (st != ST_OK || metrics.type == JSON_NONE)
        return st;
    /* Before it is copied: the body may be much larger than what is kept. */
    if (metrics.raw.n > BATCH_MAX_BYTES)
        return batch_too_large(c->err);
    in->batch.metrics = arena_copy(c->arena, metrics.raw);
    json_numeric(json_member(metrics, "gps_quality_score"), &in->quality_score);
    return ST_OK;
}

static enum status read_head(const struct call *c, struct json root,
                             struct intake *in)
{
    struct json number = json_member(root, "batch_number");
    struct json deltas = json_member(root, "deltas");
    enum status st;

    if ((st = input_ids(root, c->arena, &in->batch.user_id, &in->batch.trip_id,
                        c->err)) != ST_OK)
        return st;
    if (number.type == JSON_NONE || number.type == JSON_NULL)
        return input_missing(c->arena, STR_LIT("\"batch_number\""), c->err);
    if (deltas.type == JSON_NONE || deltas.type == JSON_NULL)
        return input_missing(c->arena, STR_LIT("\"deltas\""), c->err);
    if (deltas.type != JSON_ARRAY)
        return input_type(c->err, "deltas", "an array");
    if ((st = read_number(root, in, c->err)) != ST_OK ||
        (st = input_time(root, "first_point_timestamp", c->arena, &in->warnings,
                         &in->batch.first_us, c->err)) != ST_OK ||
        (st = input_time(root, "last_point_timestamp", c->arena, &in->warnings,
                         &in->batch.last_us, c->err)) != ST_OK)
        return st;
    in->batch.batch_id =
        arena_printf(c->arena, "%.*s_batch_%lld", STR_ARG(in->batch.trip_id),
                     (long long)in->batch.number);
    return ST_OK;
}

/* ---- the deltas, one by one while the body is checked ---- */

static bool is_good(struct json number)
{
    double any;

    return number.type == JSON_NUMBER ? json_decimal_fits(number)
                                      : json_numeric(number, &any);
}

/* Why a delta is rejected, or NULL: doc/wire.md, "POST
 * /store-trajectory-batch". *d is read when it is not. */
static const char *delta_issue(struct intake *in, struct json delta,
                               struct delta *d)
{
    const struct delta_members *m = &in->members;

    if (delta.type != JSON_OBJECT)
        return "is not an object";
    if (!is_good(m->v[DELTA_LAT]))
        return "delta_lat is missing or not a number";
    if (!is_good(m->v[DELTA_LON]))
        return "delta_long is missing or not a number";
    if (!is_good(m->v[DELTA_TIME]) || !delta_read(m, in->arena, d))
        return "delta_time is missing or not a number";
    if (d->dt_ms <= 0 || d->dt_ms > DELTA_TIME_MAX_MS)
        return "delta_time is not within 0 to 3600000 ms";
    return NULL;
}

static void list_issue(struct intake *in, size_t index, const char *issue)
{
    in->n_issues++;
    if (in->n_issues <= ISSUES_LISTED)
        buf_printf(&in->issues, "%s\"Delta %zu: %s\"",
                   in->n_issues > 1 ? "," : "", index, issue);
    else if (in->n_issues == ISSUES_LISTED + 1)
        buf_putz(&in->issues, ",\"and more\"");
}

static void take_member(void *ctx, struct json key, struct json value)
{
    struct intake *in = ctx;

    delta_member(&in->members, key, value);
}

static void take_delta(void *ctx, struct json delta)
{
    struct intake *in = ctx;
    size_t index = (size_t)++in->batch.original_count;
    struct delta d;
    const char *issue;

    if (index > BATCH_MAX_DELTAS)
        return; /* end_deltas refuses them all */
    issue = delta_issue(in, delta, &d);
    if (issue) {
        list_issue(in, index, issue);
    } else {
        buf_putc(&in->accepted, in->batch.deltas_count++ ? ',' : '[');
        json_compact(delta.raw, &in->accepted);
        delta_count(&in->members, &d, &in->counts);
    }
    delta_forget(&in->members);
}

static enum status end_deltas(struct intake *in, struct err *err)
{
    if (in->batch.original_count > BATCH_MAX_DELTAS)
        return err_set(err, ST_TOO_LARGE, "batch_too_large",
                       "A batch has at most %d deltas", BATCH_MAX_DELTAS);
    buf_putc(&in->accepted, ']');
    in->batch.deltas = buf_str(&in->accepted);
    return buf_ok(&in->accepted) ? ST_OK : batch_too_large(err);
}

static enum status no_valid_deltas(const struct call *c, struct intake *in)
{
    enum status st = err_set(c->err, ST_BAD_REQUEST, "no_valid_deltas",
                             "No valid deltas found");

    c->err->extra = arena_printf(
        c->arena,
        "\"quality_issues\":[%.*s],\"original_count\":%lld,"
        "\"validated_count\":0",
        STR_ARG(buf_str(&in->issues)), (long long)in->batch.original_count);
    return st;
}

static void put_statistics(const struct intake *in, const char *key,
                           struct json_out *o)
{
    const struct delta_counts *n = &in->counts;

    json_begin_object(o, key);
    json_put_int(o, "total_deltas", (int64_t)n->deltas);
    json_put_int(o, "enhanced_deltas", (int64_t)n->enhanced);
    json_put_double(o, "average_speed", delta_average(n->speed));
    json_put_double(o, "average_confidence", delta_average(n->confidence));
    json_put_double(o, "average_gps_accuracy", delta_average(n->accuracy));
    json_put_int(o, "stationary_points", (int64_t)n->stationary);
    json_put_int(o, "high_quality_points", (int64_t)n->high_quality);
    json_put_int(o, "movement_points", (int64_t)n->moved);
    json_end_object(o);
}

static void put_batch_answer(const struct intake *in, struct buf *answer)
{
    const struct batch *b = &in->batch;
    struct json_out o = {.b = answer};
    char rate[16];

    assert(b->deltas_count > 0 && b->deltas_count <= b->original_count);
    snprintf(rate, sizeof rate, "%.1f%%",
             100.0 * (double)b->deltas_count / (double)b->original_count);
    json_begin_object(&o, NULL);
    json_put_z(&o, "message", "Trajectory batch stored successfully");
    json_put_str(&o, "batch_id", b->batch_id);
    json_put_int(&o, "deltas_count", b->deltas_count);
    json_put_int(&o, "original_deltas_count", b->original_count);
    json_put_z(&o, "acceptance_rate", rate);
    json_put_z(&o, "enhancement_level",
               /* over 80%, without a division */
               in->counts.enhanced * 5 > in->counts.deltas * 4 ? "high"
                                                               : "medium");
    json_put_double(&o, "quality_score", in->quality_score);
    put_statistics(in, "batch_statistics", &o);
    json_put_int(&o, "quality_issues_count", (int64_t)in->n_issues);
    json_put_bool(&o, "movement_detected", in->counts.moved > 0);
    input_put_warnings(&in->warnings, &o);
    json_end_object(&o);
}

/* What counts is what the client can count: its deltas and metrics, as compact
 * JSON, which is at least as long as DynamoDB's own count of them. Statistics,
 * issues (at most ISSUES_LISTED) and ids are far below the 29,600 bytes that
 * are left of an item's 400 KB. */
static enum status fit_item(const struct call *c, struct intake *in)
{
    struct buf space;
    struct json_out o = {.b = &space};

    buf_init(&space, 4096);
    put_statistics(in, NULL, &o);
    assert(buf_ok(&space) && buf_ok(&in->issues));
    in->batch.statistics = arena_copy(c->arena, buf_str(&space));
    buf_free(&space);
    in->batch.issues =
        arena_printf(c->arena, "[%.*s]", STR_ARG(buf_str(&in->issues)));
    return in->accepted.n + in->batch.metrics.n > BATCH_MAX_BYTES
               ? batch_too_large(c->err)
               : ST_OK;
}

/* A batch for a finalized trip: the trip is pending again, and no client will
 * ask for its analysis; this host's maintenance gets it to do. */
static enum status owe_rescore(const struct call *c, const struct batch *b)
{
    const struct debt owed = {
        .kind = DEBT_trip, .user_id = b->user_id, .trip_id = b->trip_id};

    /* Synced before the answer: the client is told that its batch is stored,
     * and forgets it. */
    return spool_add(c->stores->spool, &owed, c->err);
}

static void count_kept(enum batch_kept kept)
{
    stat_add(STAT_batches_stored, 1);
    switch (kept) {
    case BATCH_NEW:
        break;
    case BATCH_REPLACED:
        stat_add(STAT_batches_replaced, 1);
        break;
    case BATCH_BESIDE:
        stat_add(STAT_batches_beside, 1);
        break;
    case BATCH_HELD:
        stat_add(STAT_batches_repeated, 1);
        break;
    }
}

static enum status store_intake(const struct call *c, struct intake *in,
                                int64_t now)
{
    struct batch_stored stored;
    enum status st;

    assert(in->batch.batch_id.n && in->batch.statistics.n); /* fit_item */
    st = records_batch_store(c->stores->records, &in->batch, now, c->deadline,
                             &stored, c->err);
    if (st != ST_OK)
        return st;
    count_kept(stored.kept);
    if (stored.created)
        abandoned_watch(c, in->batch.trip_id, now);
    return stored.completed ? owe_rescore(c, &in->batch) : ST_OK;
}

static enum status read_and_store(const struct call *c, struct str body,
                                  struct intake *in)
{
    struct json_rows deltas = {
        .in = "deltas", .member = take_member, .row = take_delta, .ctx = in};
    struct json root;
    int64_t now = clock_wall_us();
    enum status st;

    if ((st = input_body_rows(body, &deltas, c->arena, &root, c->err)) !=
            ST_OK ||
        (st = read_head(c, root, in)) != ST_OK ||
        (st = read_metrics(c, root, in)) != ST_OK ||
        (st = end_deltas(in, c->err)) != ST_OK)
        return st;
    if (!in->batch.deltas_count)
        return no_valid_deltas(c, in);
    if ((st = fit_item(c, in)) != ST_OK)
        return st;
    input_warn_deltas(&in->counts, c->arena, &in->warnings);
    in->batch.uploaded_us = now;
    return store_intake(c, in, now);
}

enum status batch_store(const struct call *c, struct str body,
                        struct buf *answer)
{
    struct intake in = {.arena = c->arena};
    enum status st;

    buf_init(&in.accepted, BATCH_MAX_BYTES);
    buf_init(&in.issues, 64 * 1024);
    st = read_and_store(c, body, &in);
    if (st == ST_OK) {
        put_batch_answer(&in, answer);
        stat_add(STAT_deltas_rejected, in.n_issues);
        input_warned(&in.warnings, in.batch.user_id, in.batch.trip_id);
    }
    buf_free(&in.issues);
    buf_free(&in.accepted);
    return st;
}
