#include "answer/answer.h"

#include <assert.h>
#include "answer/answer_stream.h"
#include "answer/pieces.h"
#include "base/json.h"
#include "score/aggregate.h"
#include "score/score.h"

#define ALGORITHM_VERSION "2.0_industry_standard_fixed" /* doc/wire.md */

/* ---- the trips ---- */

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

struct collecting {
    struct pieces *list[2]; /* by coding */
};

static enum status collect_part(void *ctx, enum coding coding, struct str bytes,
                                struct err *err)
{
    struct collecting *c = ctx;

    assert(coding < CODING_NONE);
    return pieces_put(c->list[coding], bytes, err);
}

static enum status collect_trips(const struct call *c,
                                 const struct trip_list *l,
                                 const struct answer_wish *wish,
                                 struct answer *out)
{
    const char *folder = c->stores->conf->server_spool;
    struct collecting to_lists = {
        {pieces_new(folder, c->arena), pieces_new(folder, c->arena)}};
    struct trip_list_out to = {.plain = wish->plain,
                               .gzip = wish->gzip,
                               .put = collect_part,
                               .ctx = &to_lists};
    enum status st = trip_list_put(c, l, &to);

    out->sum = to.sum;
    if (wish->plain)
        out->plain = pieces_list(to_lists.list[CODING_PLAIN]);
    if (wish->gzip)
        out->gzip = pieces_list(to_lists.list[CODING_GZIP]);
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

/* The insurer's page cannot show an empty one. */
static struct str text_or(struct str s, const char *otherwise)
{
    return str_trim(s).n ? s : str_of(otherwise);
}

static void put_front(const struct user *u, const struct roster *r,
                      struct arena *a, struct json_out *o)
{
    struct aggregate g = aggregate_readable(r, a);

    json_put_str(o, "user_id", u->user_id);
    json_put_str(o, "user_email", text_or(u->email, "unknown"));
    json_put_str(o, "user_name", text_or(u->name, "Unknown"));
    json_put_z(o, "algorithm_version", ALGORITHM_VERSION);
    aggregate_write(&g, a, o);
    put_base_point(u, o);
    json_put_z(o, "user_timezone", time_zone_of_zip(u->zipcode));
    if (r->unreadable)
        json_put_int(o, "unreadable_trips", (int64_t)r->unreadable);
}

static enum status make_front(const struct call *c, const struct user *u,
                              const struct roster *r, struct answer *out)
{
    char state[ROSTER_STATE + 1], user[USER_STATE + 1];
    struct buf front;
    struct json_out o = {.b = &front};
    enum status st = ST_OK;

    /* It is the head of a cache entry, which is one value. */
    buf_init(&front, CACHE_PIECE_MAX);
    put_front(u, r, c->arena, &o);
    if (!buf_ok(&front))
        st = err_set(c->err, ST_TOO_LARGE, NULL,
                     "the driver's aggregate is too large");
    out->front = arena_copy(c->arena, buf_str(&front));
    buf_free(&front);
    /* After the trips were read: those that turned out to be unreadable are not
     * in it, so the next reader's ETag tells when they are mended. */
    roster_state(r, u, state);
    out->state = arena_copy(c->arena, str_of(state));
    user_state(u, user);
    out->user = arena_copy(c->arena, str_of(user));
    out->unreadable = r->unreadable;
    return st;
}

static size_t readable_trips(const struct roster *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n; i++)
        n += !r->trip[i]->unreadable;
    return n;
}

enum status answer_make(const struct call *c, const struct user *u,
                        struct roster *r, const struct answer_wish *wish,
                        struct answer *out)
{
    struct trip_list list = {.roster = r, .fields = wish->view->trips};
    char members[FIELDS_TEXT_MAX];
    enum status st = ST_OK;

    assert(wish->plain || wish->gzip);
    *out = (struct answer){
        .email = u->email,
        .members = arena_copy(c->arena, fields_text(list.fields, members)),
        .read_began_ms = r->read_began_ms};
    choose_trips(r, wish->view, c->arena, &list.from, &list.to, &out->next);
    /* With some of the fields nobody knows the length before all is read. */
    if (fields_is_all(list.fields) &&
        trip_list_length(&list, CODING_PLAIN) > ANSWER_COLLECTED)
        answer_stream(c, &list, wish, out);
    else
        st = collect_trips(c, &list, wish, out);
    if (st != ST_OK)
        return st;
    /* "No trips" would be invented: he has some (rule 9). */
    if (!readable_trips(r) && r->unreadable)
        return err_set(c->err, ST_CORRUPT, "trips_unreadable",
                       "None of the driver's %zu trips can be read",
                       r->unreadable);
    return make_front(c, u, r, out);
}
