#include "service/scoring.h"

#include <assert.h>
#include "base/gzip.h"
#include "base/json.h"
#include "score/analysis_json.h"
#include "store/batch_place.h"
#include "store/keys.h"

#define TRIP_GZIP_LEVEL 5 /* packed once, sent as it is to every reader */

/* ---- batches -> deltas ---- */

static enum status read_batch(const struct batch *b, struct delta_list *deltas,
                              struct arena *a, struct err *err)
{
    enum status st = deltas_read(b->deltas, a, deltas, err);

    return st == ST_OK ? ST_OK
                       : err_set(err, ST_CORRUPT, "batch_corrupt",
                                 "batch %lld of the trip is not readable",
                                 (long long)b->number);
}

static enum status read_batches(const struct trip_batches *batches,
                                struct delta_list *deltas, struct arena *a,
                                struct scored *out, struct err *err)
{
    enum status st = ST_OK;
    int64_t n_deltas = 0;

    /* Bounded by records_batches: what is reserved is TRIP_MAX_DELTAS at most.
     */
    for (size_t i = 0; i < batches->n; i++) {
        n_deltas += batches->batch[i].deltas_count;
        out->original_deltas += batches->batch[i].original_count;
    }
    deltas_reserve(deltas, (size_t)n_deltas, a);
    for (size_t i = 0; st == ST_OK && i < batches->n; i++)
        st = read_batch(&batches->batch[i], deltas, a, err);
    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < batches->n; i++)
        out->batches += !batch_is_beside(batches->batch[i].number);
    out->counts = deltas->counts;
    out->has_counts = true;
    /* Others count as they like; no more than all were accepted. */
    if (out->original_deltas < (int64_t)out->counts.deltas)
        out->original_deltas = (int64_t)out->counts.deltas;
    return ST_OK;
}

/* ---- deltas -> analysis ---- */

static enum status read_totals(const struct trip *t, struct client_totals *out,
                               struct err *err)
{
    struct json quality;

    *out = (struct client_totals){.use = false};
    if (t->trip_quality.n == 0)
        return ST_OK;
    if (json_check(t->trip_quality, JSON_DEPTH, &quality, err) != ST_OK)
        return err_set(err, ST_CORRUPT, "trip_corrupt",
                       "the trip's trip_quality is not readable");
    *out = client_totals_read(quality);
    return ST_OK;
}

static struct base_point base_point_of(const struct user *u)
{
    if (!u->has_base_point)
        return base_point_fallback;
    return (struct base_point){u->latitude, u->longitude, u->city, u->state,
                               u->source};
}

static enum status score_deltas(const struct scoring_input *in,
                                const struct delta_list *deltas,
                                struct arena *a, struct scored *out,
                                struct err *err)
{
    struct score_input score = {
        .version = in->rules->version,
        .deltas = deltas->deltas,
        .n_deltas = deltas->n,
        .base = base_point_of(in->user),
    };
    enum status st = read_totals(in->trip, &score.totals, err);

    if (st != ST_OK)
        return st;
    st = in->rules->score(&score, a, &out->analysis);
    if (st != ST_NOT_FOUND)
        return st;
    /* No failure: nothing that is tried again would make it more. */
    out->insufficient = "fewer than two points";
    err_clear(err);
    return ST_OK;
}

/* ---- analysis -> object ---- */

static enum status write_body(const struct scoring_input *in,
                              const struct analysis *an, struct arena *a,
                              struct str *body, struct err *err)
{
    struct analysis_head head = {
        .trip_id = in->trip->trip_id,
        .start_us = in->trip->start_us,
        .end_us = in->trip->end_us,
        .revision = in->trip->revision,
        .by_service = in->trip->by_service,
        .version = in->rules->version,
        .zone = time_zone_of_zip(in->user->zipcode),
    };
    struct buf text, packed;
    struct json_out jo = {.b = &text};
    enum status st;

    buf_init(&text, TRIP_JSON_MAX);
    buf_init(&packed, TRIP_JSON_MAX);
    in->rules->write(&head, an, a, &jo);
    if (!buf_ok(&text))
        st = err_set(err, ST_TOO_LARGE, "analysis_too_large",
                     "The analysis of a trip has at most %zu bytes as JSON",
                     TRIP_JSON_MAX);
    else
        st = gzip_pack(buf_str(&text), TRIP_GZIP_LEVEL, &packed, err);
    *body = arena_copy(a, buf_str(&packed));
    buf_free(&packed);
    buf_free(&text);
    return st;
}

/* The row is read back from those very bytes, so that it says what any later
 * reader of the object would find. */
enum status scoring_write(const struct scoring_input *in, struct arena *a,
                          struct scored *out, struct err *err)
{
    const struct trip *t = in->trip;
    struct trip_object *o = &out->object;
    struct trip_reading reading;
    enum status st;

    assert(!out->insufficient);
    /* They were there at the start; a machine may be upgraded since. */
    st = time_zone_check(time_zone_of_zip(in->user->zipcode), err);
    if (st != ST_OK)
        return st;
    o->key = key_trip(a, t->user_id, t->trip_id, time_ms(t->end_us));
    if ((st = write_body(in, &out->analysis, a, &o->body, err)) != ST_OK ||
        (st = trip_object_open(o->key, &(struct object){.body = o->body}, a,
                               &reading, err)) != ST_OK)
        return st;
    assert(reading.row.revision == t->revision); /* else its order is lost */
    o->row = reading.row;
    o->row.fragment = reading.text.deflate;
    o->meta = (struct object_meta){
        .trip_id = t->trip_id,
        .user_id = t->user_id,
        .behavior_score = arena_printf(a, "%.1f", out->analysis.behavior_score),
    };
    return ST_OK;
}

enum status scoring_analyse(const struct scoring_input *in, struct arena *a,
                            struct scored *out, struct err *err)
{
    struct delta_list deltas = {.n = 0};
    enum status st;

    assert(in->rules && in->batches);
    st = read_batches(in->batches, &deltas, a, out, err);
    return st == ST_OK ? score_deltas(in, &deltas, a, out, err) : st;
}
