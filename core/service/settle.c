#include "service/settle.h"

#include <assert.h>
#include <stdio.h>
#include "base/beside.h"
#include "base/fault.h"
#include "base/gzip.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stats.h"
#include "driver/driver.h"
#include "driver/packing.h"
#include "driver/summary.h"
#include "driver/trip_object.h"
#include "score/analysis_json.h"
#include "store/keys.h"

#define TRIP_GZIP_LEVEL 6

/* An upload may be between its two steps for as long as its request may run
 * (request_timeout, and a worker that is killed past it). */
#define UPLOAD_GRACE 2

struct settling {
    const struct call *c;
    const struct trip *trip;
    struct user user; /* empty for one the table does not know */
    struct seeing {
        struct beside beside;
        struct arena *arena;
        struct summary summary;
        enum status st;
        struct err err;
    } seen; /* the summary, read while the records are asked */
    struct trip_object object;
    struct summary_row other; /* what the merge met */
    bool met;
    bool older; /* there may be an older object of the trip */
    bool told;  /* the summary as it was seen has the row, and was written */
    bool ended; /* the claim, in the records */
};

/* ---- what is needed beforehand ---- */

static void *see_summary(void *ctx)
{
    struct settling *w = ctx;
    struct call seeing = call_with(w->c, w->seen.arena, &w->seen.err);

    w->seen.st = summary_read(&seeing, &w->seen.summary);
    return NULL;
}

static void start_seeing(struct settling *w)
{
    w->seen.arena = arena_within(w->c->arena, 0);
    beside_start(&w->seen.beside, see_summary, w);
}

static enum status load_user(struct settling *w)
{
    enum status st =
        records_user(w->c->stores->records, w->trip->user_id, w->c->deadline,
                     w->c->arena, &w->user, w->c->err);

    if (st != ST_NOT_FOUND)
        return st;
    err_clear(w->c->err);
    w->user = (struct user){.user_id = w->trip->user_id};
    return ST_OK;
}

static enum score_version version_of(const struct conf *c)
{
    return strcmp(c->scoring_version, "3.0") == 0 ? SCORE_3_0 : SCORE_3_1;
}

static enum status read_batch_deltas(struct settling *w, const struct batch *b,
                                     struct delta_list *deltas)
{
    enum status st = deltas_read(b->deltas, w->c->arena, deltas, w->c->err);

    return st == ST_OK ? ST_OK
                       : err_set(w->c->err, ST_CORRUPT, "batch_corrupt",
                                 "batch %lld of the trip is not readable",
                                 (long long)b->number);
}

/* Fewer batches than the record counts: an upload is between its two steps, or
 * was when its worker died, long ago. */
static bool upload_under_way(const struct settling *w, size_t batches)
{
    int64_t grace_us =
        UPLOAD_GRACE * 1000 * w->c->stores->conf->server_request_timeout;

    return (int64_t)batches < w->trip->total_batches &&
           clock_wall_us() - w->trip->updated_us < grace_us;
}

static enum status settle_insufficient(struct settlement *out,
                                       const char *reason, struct err *err)
{
    out->how = SETTLED_INSUFFICIENT;
    out->reason = reason;
    err_clear(err);
    return ST_OK;
}

static enum status read_deltas(struct settling *w, struct delta_list *deltas,
                               struct settlement *out)
{
    struct trip_batches batches;
    int64_t n_deltas = 0;
    enum status st;

    st = records_batches(w->c->stores->records, w->trip, w->c->deadline,
                         w->c->arena, &batches, w->c->err);
    if (st == ST_TOO_LARGE) /* nor will it ever be less */
        return settle_insufficient(out, "more points than a trip may have",
                                   w->c->err);
    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < batches.n; i++) {
        n_deltas += batches.batch[i].deltas_count;
        out->original_deltas += batches.batch[i].original_count;
    }
    deltas_reserve(deltas, (size_t)n_deltas, w->c->arena);
    for (size_t i = 0; st == ST_OK && i < batches.n; i++)
        st = read_batch_deltas(w, &batches.batch[i], deltas);
    if (st != ST_OK)
        return st;
    out->batches = batches.n;
    out->counts = deltas->counts;
    out->has_counts = true;
    out->again = upload_under_way(w, batches.n);
    return ST_OK;
}

static enum status score_deltas(struct settling *w,
                                const struct delta_list *deltas,
                                struct settlement *out)
{
    struct score_input in = {
        .version = version_of(w->c->stores->conf),
        .deltas = deltas->deltas,
        .n_deltas = deltas->n,
        .base = base_point_fallback,
    };
    struct json quality;
    enum status st;

    if (w->user.has_base_point)
        in.base =
            (struct base_point){w->user.latitude, w->user.longitude,
                                w->user.city, w->user.state, w->user.source};
    if (w->trip->trip_quality.n) {
        st = json_check(w->trip->trip_quality, JSON_DEPTH, &quality, w->c->err);
        if (st != ST_OK)
            return err_set(w->c->err, ST_CORRUPT, "trip_corrupt",
                           "the trip's trip_quality is not readable");
        in.totals = client_totals_read(quality);
    }
    st = score_trip(&in, w->c->arena, &out->analysis);
    if (st == ST_NOT_FOUND)
        return settle_insufficient(out, "fewer than two points", w->c->err);
    out->has_analysis = st == ST_OK;
    return st;
}

static enum status compress_analysis(struct settling *w,
                                     const struct settlement *out,
                                     struct str *body)
{
    const struct trip *t = w->trip;
    struct arena *a = w->c->arena;
    struct analysis_head head = {
        .trip_id = t->trip_id,
        .start_us = t->start_us,
        .end_us = t->end_us,
        .revision = t->revision,
        .version = version_of(w->c->stores->conf),
        .zone = time_zone_of_zip(w->user.zipcode),
    };
    struct buf text, packed;
    struct json_out jo = {.b = &text};
    enum status st;

    buf_init(&text, TRIP_JSON_MAX);
    buf_init(&packed, TRIP_JSON_MAX);
    analysis_write(&head, &out->analysis, a, &jo);
    if (!buf_ok(&text))
        st = err_set(w->c->err, ST_TOO_LARGE, "analysis_too_large",
                     "the trip's analysis is larger than %zu bytes",
                     TRIP_JSON_MAX);
    else
        st = gzip_pack(buf_str(&text), TRIP_GZIP_LEVEL, &packed, w->c->err);
    *body = arena_copy(a, buf_str(&packed));
    buf_free(&packed);
    buf_free(&text);
    return st;
}

/* The analysis as bytes, and its row: read back from those very bytes, so that
 * the row says what any later reader of the object would find. */
static enum status write_object(struct settling *w,
                                const struct settlement *out)
{
    const struct trip *t = w->trip;
    struct arena *a = w->c->arena;
    struct trip_object *o = &w->object;
    struct trip_reading reading;
    enum status st;

    o->key = key_trip(a, t->user_id, t->trip_id, time_ms(t->end_us));
    if ((st = compress_analysis(w, out, &o->body)) != ST_OK ||
        (st = trip_object_open(o->key, &(struct object){.body = o->body}, a,
                               &reading, w->c->err)) != ST_OK)
        return st;
    o->row = reading.row;
    o->row.fragment = reading.text.deflate;
    o->meta = (struct object_meta){
        .trip_id = t->trip_id,
        .user_id = t->user_id,
        .behavior_score = arena_printf(a, "%.1f", out->analysis.behavior_score),
    };
    return ST_OK;
}

static enum status place_object(struct settling *w, struct settlement *out)
{
    enum placed placed;
    enum status st;

    st = trip_object_put(w->c, &w->object,
                         summary_find(&w->seen.summary, w->trip->trip_id),
                         &placed);
    if (st == ST_OK && placed == PLACED_SUPERSEDED)
        out->how = SETTLED_SUPERSEDED;
    return st;
}

/* Merge the row, then tidy. Giving up on the summary is no failure: the next
 * read repairs it, and the older object stays until reconcile. */
static enum status tell_summary(struct settling *w, struct settlement *out)
{
    enum merged merged;
    enum status st;

    st =
        summary_add(w->c, &w->seen.summary, &w->object.row, &merged, &w->other);
    if (st == ST_BUSY || st == ST_CORRUPT || st == ST_TOO_LARGE) {
        log_err(LOG_WARN, "summary_given_up", w->c->err);
        err_clear(w->c->err);
        stat_add(STAT_summary_given_up, 1);
        return ST_OK;
    }
    if (st != ST_OK)
        return st;
    w->met = merged != MERGED_NEW;
    w->told = merged != MERGED_SUPERSEDED;
    if (merged == MERGED_SUPERSEDED)
        out->how = SETTLED_SUPERSEDED;
    if (fault_point("finalize.after_summary"))
        return err_set(w->c->err, ST_UNAVAILABLE, NULL, "fault point");
    return trip_object_tidy(w->c, &w->object.row, w->met ? &w->other : NULL,
                            w->older);
}

/* c: the settling's, or the one beside it. */
static enum status end_claim(const struct call *c, const struct settling *w,
                             enum analysis_status as)
{
    enum status st = records_trip_stored(
        c->stores->records, w->trip->trip_id, w->trip->revision, as,
        as == ANALYSIS_STORED ? w->object.key : STR_NONE, c->deadline, c->err);

    if (st != ST_PRECONDITION)
        return st;
    /* A batch or another claim came since: that one ends it. */
    err_clear(c->err);
    return ST_OK;
}

struct ending {
    struct settling *w;
    enum status st;
    struct err err;
};

static void *end_stored(void *ctx)
{
    struct ending *e = ctx;
    struct call c = call_with(e->w->c, e->w->c->arena, &e->err);

    e->st = end_claim(&c, e->w, ANALYSIS_STORED);
    return NULL;
}

/* Of an earlier claim, or another writer's that the summary knew: a reader may
 * have put our row in that one's place since, so the merge may not meet it. */
static bool may_be_older(const struct settling *w)
{
    return w->trip->revision > 1 ||
           summary_find(&w->seen.summary, w->trip->trip_id);
}

/*
 * The summary may be told while the claim is ended: what it lacks, the next
 * read repairs. But not when there may be an older object to remove after
 * that: the claim must stay open until it is gone.
 */
static enum status tell_and_end(struct settling *w, struct settlement *out)
{
    struct ending e = {.w = w, .st = ST_OK, .err = ERR_NONE};
    struct beside beside;
    enum status st;

    w->older = may_be_older(w);
    if (out->again || w->older)
        return tell_summary(w, out);
    beside_start(&beside, end_stored, &e);
    st = tell_summary(w, out);
    beside_wait(&beside);
    w->ended = true;
    if (st != ST_OK || e.st == ST_OK)
        return st;
    *w->c->err = e.err;
    return e.st;
}

static void count_settlement(const struct settlement *out)
{
    switch (out->how) {
    case SETTLED_STORED:
        stat_add(STAT_analyses_stored, 1);
        break;
    case SETTLED_INSUFFICIENT:
        stat_add(STAT_analyses_insufficient, 1);
        break;
    case SETTLED_SUPERSEDED:
        stat_add(STAT_analyses_superseded, 1);
        break;
    }
}

static enum status store_analysis(struct settling *w, struct settlement *out)
{
    enum status st;

    if (w->seen.st != ST_OK) {
        *w->c->err = w->seen.err;
        return w->seen.st;
    }
    if ((st = write_object(w, out)) != ST_OK ||
        (st = place_object(w, out)) != ST_OK)
        return st;
    if (fault_point("finalize.after_object"))
        return err_set(w->c->err, ST_UNAVAILABLE, NULL, "fault point");
    if (out->how == SETTLED_SUPERSEDED)
        return ST_OK;
    return tell_and_end(w, out);
}

static enum status settle_in_order(struct settling *w, struct settlement *out)
{
    struct delta_list deltas = {.n = 0};
    enum status st;

    start_seeing(w);
    if ((st = load_user(w)) == ST_OK &&
        (st = read_deltas(w, &deltas, out)) == ST_OK &&
        out->how != SETTLED_INSUFFICIENT)
        st = score_deltas(w, &deltas, out);
    beside_wait(&w->seen.beside);
    if (st == ST_OK && out->has_analysis)
        st = store_analysis(w, out);
    if (st == ST_OK && !out->again && !w->ended)
        st = end_claim(w->c, w,
                       out->how == SETTLED_INSUFFICIENT ? ANALYSIS_INSUFFICIENT
                                                        : ANALYSIS_STORED);
    return st;
}

enum status settle_trip(const struct call *c, const struct trip *claimed,
                        struct settlement *out)
{
    struct settling w = {.c = c, .trip = claimed};
    enum status st;

    *out = (struct settlement){.how = SETTLED_STORED};
    st = settle_in_order(&w, out);
    if (st == ST_OK && fault_point("finalize.before_token"))
        st = err_set(c->err, ST_UNAVAILABLE, NULL, "fault point");
    /* A loser replaces the token too: its reader must see the winner. */
    if (st == ST_OK)
        st = driver_changed(c);
    if (st != ST_OK)
        return st;
    count_settlement(out);
    if (w.told)
        packing_later(c, &w.seen.summary);
    return ST_OK;
}
