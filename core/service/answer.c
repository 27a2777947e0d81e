#include "service/answer.h"

#include <assert.h>
#include <stdio.h>
#include "base/json.h"
#include "base/stats.h"
#include "score/aggregate.h"
#include "score/score.h"
#include "service/trip_object.h"
#include "store/keys.h"

#define ALGORITHM_VERSION "2.0_industry_standard_fixed" /* wire */

/* Trips read and put into the answer at a time: what is in memory at once. */
#define WINDOW 128

/* ---- the trip list ---- */

struct window {
    struct roster *roster;
    struct str user_id;
    struct arena *a;
    struct err *err;
    struct str json[WINDOW];
};

struct slot {
    struct window *w;
    struct roster_trip *trip;
    struct str *json;
};

static enum status into_window(void *ctx, const struct object_want *want,
                               enum status st, const struct object *obj,
                               const struct err *err)
{
    struct window *w = ctx;
    struct slot *slot = want->user;

    if (st == ST_OK)
        st = trip_object_unpack(obj, w->a, slot->json, w->err);
    else
        *w->err = *err;
    if (st == ST_OK &&
        (int64_t)str_trim(*slot->json).n != slot->trip->row.length)
        st = err_set(w->err, ST_CORRUPT, NULL,
                     "its length is not what the summary says");
    if (st == ST_NOT_FOUND)
        return ST_PRECONDITION;
    if (st != ST_CORRUPT && st != ST_TOO_LARGE)
        return st;
    roster_drop(w->roster, slot->trip, w->user_id, w->err);
    err_clear(w->err);
    return ST_OK;
}

static enum status read_window(struct service *s, struct window *w,
                               struct roster_trip **trip, size_t n,
                               struct deadline d)
{
    struct object_want *want = arena_alloc_n(w->a, n, sizeof *want);
    struct slot *slot = arena_alloc_n(w->a, n, sizeof *slot);
    size_t wanted = 0;

    for (size_t i = 0; i < n; i++) {
        const struct summary_row *row = &trip[i]->row;

        w->json[i] = trip[i]->json;
        if (w->json[i].n)
            continue;
        slot[i] = (struct slot){w, trip[i], &w->json[i]};
        want[wanted++] = (struct object_want){
            .key = key_trip(w->a, w->user_id, row->trip_id, row->end_ms),
            .match = row->etag,
            .user = &slot[i]};
    }
    if (!wanted)
        return ST_OK;
    return objects_get_many(s->objects, want, wanted, TRIP_JSON_MAX, d,
                            into_window, w, w->err);
}

static enum status put_window(struct window *w, struct roster_trip **trip,
                              size_t n, struct answer *out)
{
    for (size_t i = 0; i < n; i++) {
        enum status st;

        if (trip[i]->unreadable)
            continue;
        if (out->n_trips++ &&
            (st = pieces_put(out->trips, STR_LIT(","), w->err)) != ST_OK)
            return st;
        st = pieces_put(out->trips, str_trim(w->json[i]), w->err);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

static enum status put_trips(struct service *s, struct str user_id,
                             struct roster *r, struct deadline d,
                             struct arena *a, struct answer *out,
                             struct err *err)
{
    struct window *w = arena_alloc(a, sizeof *w);
    enum status st = ST_OK;

    *w = (struct window){.roster = r, .user_id = user_id, .a = a, .err = err};
    for (size_t from = 0; st == ST_OK && from < r->n; from += WINDOW) {
        struct arena_mark mark = arena_mark(a);
        size_t n = r->n - from < WINDOW ? r->n - from : WINDOW;

        st = read_window(s, w, r->trip + from, n, d);
        if (st == ST_OK)
            st = put_window(w, r->trip + from, n, out);
        arena_release(a, mark);
    }
    return st;
}

/* ---- the front ---- */

static void put_base_point(const struct user *u, struct json_out *o)
{
    struct base_point b = base_point_fallback;

    if (u->has_base_point)
        b = (struct base_point){u->latitude, u->longitude, u->city, u->state,
                                u->source};
    json_begin_object(o, "privacy_base_point");
    json_put_str(o, "city", b.city);
    json_put_str(o, "state", b.state);
    json_put_str(o, "source", b.source);
    json_end_object(o);
}

static struct aggregate aggregate_readable(const struct roster *r,
                                           struct arena *a)
{
    struct summary_row **rows = arena_alloc_n(a, r->n, sizeof *rows);
    size_t n = 0;

    for (size_t i = 0; i < r->n; i++)
        if (!r->trip[i]->unreadable)
            rows[n++] = &r->trip[i]->row;
    return summary_aggregate(rows, n, a);
}

static void put_front(const struct user *u, const struct roster *r,
                      struct arena *a, struct json_out *o)
{
    struct aggregate g = aggregate_readable(r, a);

    json_put_str(o, "user_id", u->user_id);
    json_put_str(o, "user_email", u->email);
    json_put_str(o, "user_name", u->name);
    json_put_z(o, "algorithm_version", ALGORITHM_VERSION);
    aggregate_write(&g, a, o);
    put_base_point(u, o);
    json_put_z(o, "user_timezone", time_zone_of_zip(u->zipcode));
    if (r->unreadable)
        json_put_int(o, "unreadable_trips", (int64_t)r->unreadable);
}

enum status answer_make(struct service *s, const struct user *u,
                        struct roster *r, struct deadline d, struct arena *a,
                        struct answer *out, struct err *err)
{
    struct buf front;
    struct json_out o = {.b = &front};
    enum status st;

    *out =
        (struct answer){.email = u->email, .read_began_ms = r->read_began_ms};
    out->trips = pieces_new(s->conf->server_spool, a);
    st = put_trips(s, u->user_id, r, d, a, out, err);
    out->unreadable = r->unreadable;
    if (st != ST_OK || !out->n_trips)
        return st;
    buf_init(&front, CACHE_PIECE_MAX);
    put_front(u, r, a, &o);
    if (!buf_ok(&front))
        st = err_set(err, ST_TOO_LARGE, NULL,
                     "the driver's aggregate is too large");
    out->front = arena_copy(a, buf_str(&front));
    buf_free(&front);
    return st;
}

/* ---- sending ---- */

#define TRIPS_OPEN STR_LIT(",\"trips\":[")
#define TRIPS_CLOSE STR_LIT("]}")

static struct str head_of(const struct answer *ans, struct str searched_by,
                          struct arena *a)
{
    char now[TIME_TEXT_MAX];
    struct buf b;
    struct json_out o = {.b = &b};
    struct str head;

    buf_init(&b, 2 * CACHE_PIECE_MAX);
    json_begin_object(&o, NULL);
    json_put_str(&o, "searched_by", searched_by);
    json_put_str(&o, "analysis_timestamp", time_print(clock_wall_us(), now));
    buf_putc(&b, ',');
    buf_put(&b, ans->front);
    buf_put(&b, TRIPS_OPEN);
    assert(buf_ok(&b));
    head = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return head;
}

enum status answer_send(const struct answer *ans, struct str searched_by,
                        struct arena *a, struct sink *out, struct err *err)
{
    struct str part = head_of(ans, searched_by, a);
    enum status st;

    st =
        out->begin(out->ctx, part.n + pieces_total(ans->trips) + TRIPS_CLOSE.n);
    if (st == ST_OK)
        st = out->write(out->ctx, part);
    for (int i = 0; st == ST_OK && i < pieces_count(ans->trips); i++) {
        st = pieces_get(ans->trips, i, &part, err);
        if (st == ST_OK)
            st = out->write(out->ctx, part);
    }
    return st == ST_OK ? out->write(out->ctx, TRIPS_CLOSE) : st;
}
