#include "service/answer.h"

#include <assert.h>
#include "base/fault.h"
#include "base/json.h"
#include "score/aggregate.h"
#include "score/score.h"
#include "service/trip_object.h"
#include "store/keys.h"

#define ALGORITHM_VERSION "2.0_industry_standard_fixed" /* wire */

/* Trips read and put into the answer at a time: what is in memory at once. */
#define WINDOW 128

/* What is left of trips when fields are chosen is compressed here, once for a
 * token: quickly. */
#define FIELDS_GZIP_LEVEL 4

/* ---- the trip list ---- */

struct window {
    struct roster *roster;
    struct str user_id;
    struct arena *a;
    struct err *err;
    analysis_fields fields;
    struct trip_text text[WINDOW];
    struct buf json; /* of one trip, unpacked */
};

struct slot {
    struct window *w;
    struct roster_trip *trip;
    struct trip_text *text;
};

static bool row_is_of_text(const struct summary_row *row,
                           const struct trip_text *text)
{
    return row->length == (int64_t)text->sum.length &&
           row->crc == text->sum.crc &&
           row->deflate == (int64_t)text->deflate.n;
}

static enum status into_window(void *ctx, const struct object_want *want,
                               enum status st, const struct object *obj,
                               const struct err *err)
{
    struct window *w = ctx;
    struct slot *slot = want->user;

    if (st == ST_OK)
        st = trip_object_text(obj, w->a, slot->text, w->err);
    else
        *w->err = *err;
    if (st == ST_OK && !row_is_of_text(&slot->trip->row, slot->text))
        st = err_set(w->err, ST_CORRUPT, NULL,
                     "its text is not what the summary says");
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

        w->text[i] = trip[i]->text;
        if (w->text[i].deflate.n)
            continue;
        slot[i] = (struct slot){w, trip[i], &w->text[i]};
        want[wanted++] = (struct object_want){
            .key = key_trip(w->a, w->user_id, row->trip_id, row->end_ms),
            .match = row->etag,
            .user = &slot[i]};
    }
    if (!wanted)
        return ST_OK;
    if (fault_point("answer.read"))
        return err_set(w->err, ST_UNAVAILABLE, NULL, "fault point");
    return objects_get_many(s->objects, want, wanted, TRIP_JSON_MAX, d,
                            into_window, w, w->err);
}

static enum status unpack(struct window *w, const struct trip_text *text)
{
    buf_reset(&w->json);
    return gzip_fragment_text(text->deflate, &text->sum, &w->json, w->err);
}

static enum status put_plain(struct window *w, const struct trip_text *text,
                             bool comma, struct pieces *out)
{
    enum status st = unpack(w, text);

    if (st == ST_OK && comma)
        st = pieces_put(out, STR_LIT(","), w->err);
    return st == ST_OK ? pieces_put(out, buf_str(&w->json), w->err) : st;
}

static enum status put_fragment(struct answer *out, struct str deflate,
                                const struct gzip_sum *sum, struct err *err)
{
    gzip_sum_add(&out->sum, sum);
    return pieces_put(out->gzip, deflate, err);
}

/* As it is stored, in either coding. */
static enum status put_stored(struct window *w, const struct trip_text *text,
                              struct answer *out)
{
    struct gzip_sum comma_sum;
    struct str comma_fragment = gzip_comma(&comma_sum);
    bool comma = out->n_trips++ > 0;
    enum status st = ST_OK;

    if (out->plain)
        st = put_plain(w, text, comma, out->plain);
    if (st == ST_OK && out->gzip && comma)
        st = put_fragment(out, comma_fragment, &comma_sum, w->err);
    if (st == ST_OK && out->gzip)
        st = put_fragment(out, text->deflate, &text->sum, w->err);
    return st;
}

/* With some of its fields only: the window's trips are one text. */
static enum status put_chosen(struct window *w, struct roster_trip **trip,
                              size_t n, struct answer *out)
{
    struct gzip_sum sum;
    struct buf text, deflate;
    enum status st = ST_OK;

    buf_init(&text, WINDOW * TRIP_JSON_MAX);
    buf_init(&deflate, WINDOW * TRIP_JSON_MAX);
    for (size_t i = 0; st == ST_OK && i < n; i++) {
        if (trip[i]->unreadable || (st = unpack(w, &w->text[i])) != ST_OK)
            continue;
        if (out->n_trips++)
            buf_putc(&text, ',');
        analysis_fields_put(w->fields, json_of(str_trim(buf_str(&w->json))),
                            &text);
    }
    assert(buf_ok(&text));
    if (st == ST_OK && out->plain)
        st = pieces_put(out->plain, buf_str(&text), w->err);
    if (st == ST_OK && out->gzip) {
        gzip_fragment(buf_str(&text), FIELDS_GZIP_LEVEL, &deflate, &sum);
        st = put_fragment(out, buf_str(&deflate), &sum, w->err);
    }
    buf_free(&deflate);
    buf_free(&text);
    return st;
}

static enum status put_window(struct window *w, struct roster_trip **trip,
                              size_t n, struct answer *out)
{
    enum status st = ST_OK;

    if (w->fields != FIELDS_ALL)
        return put_chosen(w, trip, n, out);
    for (size_t i = 0; st == ST_OK && i < n; i++)
        if (!trip[i]->unreadable)
            st = put_stored(w, &w->text[i], out);
    return st;
}

static void free_json(void *json)
{
    buf_free(json);
}

static struct window *window_new(struct roster *r, struct str user_id,
                                 const struct view *v, struct arena *a,
                                 struct err *err)
{
    struct window *w = arena_alloc(a, sizeof *w);

    *w = (struct window){.roster = r,
                         .user_id = user_id,
                         .a = a,
                         .err = err,
                         .fields = v->fields};
    buf_init(&w->json, TRIP_JSON_MAX + 1);
    arena_defer(a, free_json, &w->json);
    return w;
}

static enum status put_trips(struct service *s, struct window *w, size_t from,
                             size_t to, struct deadline d, struct answer *out)
{
    enum status st = ST_OK;

    for (; st == ST_OK && from < to; from += WINDOW) {
        struct arena_mark mark = arena_mark(w->a);
        size_t n = to - from < WINDOW ? to - from : WINDOW;

        st = read_window(s, w, w->roster->trip + from, n, d);
        if (st == ST_OK)
            st = put_window(w, w->roster->trip + from, n, out);
        arena_release(w->a, mark);
    }
    return st;
}

/* The trips of the view, newest first, are [*from, *to) of the roster. */
static void choose_trips(const struct roster *r, const struct view *v,
                         struct arena *a, size_t *from, size_t *to,
                         struct str *next)
{
    *from = *to = 0;
    *next = STR_NONE;
    if (v->summary)
        return;
    while (*from < r->n && !view_behind(v, &r->trip[*from]->row))
        ++*from;
    *to = r->n;
    if (v->limit && r->n - *from > (size_t)v->limit) {
        *to = *from + (size_t)v->limit;
        *next = view_cursor(&r->trip[*to - 1]->row, a);
    }
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

static enum status make_front(const struct user *u, const struct roster *r,
                              struct arena *a, struct answer *out,
                              struct err *err)
{
    char state[ROSTER_STATE + 1];
    struct buf front;
    struct json_out o = {.b = &front};
    enum status st = ST_OK;

    buf_init(&front, CACHE_PIECE_MAX);
    put_front(u, r, a, &o);
    if (!buf_ok(&front))
        st = err_set(err, ST_TOO_LARGE, NULL,
                     "the driver's aggregate is too large");
    out->front = arena_copy(a, buf_str(&front));
    buf_free(&front);
    roster_state(r, u, state);
    out->state = arena_copy(a, str_of(state));
    out->unreadable = r->unreadable;
    return st;
}

static size_t readable(const struct roster *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n; i++)
        n += !r->trip[i]->unreadable;
    return n;
}

enum status answer_make(struct service *s, const struct user *u,
                        struct roster *r, const struct answer_wish *wish,
                        struct deadline d, struct arena *a, struct answer *out,
                        struct err *err)
{
    struct window *w = window_new(r, u->user_id, wish->view, a, err);
    size_t from, to;
    enum status st;

    *out =
        (struct answer){.email = u->email, .read_began_ms = r->read_began_ms};
    if (wish->plain)
        out->plain = pieces_new(s->conf->server_spool, a);
    if (wish->gzip)
        out->gzip = pieces_new(s->conf->server_spool, a);
    choose_trips(r, wish->view, a, &from, &to, &out->next);
    if ((st = put_trips(s, w, from, to, d, out)) != ST_OK)
        return st;
    if (!readable(r) && r->unreadable)
        return err_set(err, ST_CORRUPT, "trips_unreadable",
                       "None of the driver's %zu trips can be read",
                       r->unreadable);
    return make_front(u, r, a, out, err);
}
