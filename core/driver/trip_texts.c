#include "driver/trip_texts.h"

#include <assert.h>
#include <stdlib.h>
#include "base/fault.h"
#include "base/log.h"
#include "driver/pack.h"
#include "driver/trip_object.h"
#include "store/keys.h"

/* What a window holds at most; a trip alone may be more. */
#define WINDOW_TRIPS 2048
#define WINDOW_BYTES ((int64_t)4 * 1024 * 1024)
#define WINDOW_READS 256
/* Packs that may be in memory at once, and how many texts one is fetched for;
 * for fewer than that their objects are less to read. */
#define WINDOW_PACKS 8
#define PACK_WORTH 8

struct slot {
    struct trip_texts *texts;
    struct roster_trip *trip;
    struct trip_text text;
    bool checked; /* unpacked and compared since it was stored */
};

struct trip_texts {
    const struct call *c; /* of the reading under way */
    struct roster *roster;
    struct arena *a; /* of the window */
    struct slot slot[WINDOW_TRIPS];
    size_t from, n; /* the window: trips [from, from + n) of the roster */
    struct buf json;
};

static void texts_free(void *ctx)
{
    struct trip_texts *t = ctx;

    buf_free(&t->json);
    arena_free(&t->a);
}

struct trip_texts *trip_texts_new(const struct call *c, struct roster *r)
{
    struct trip_texts *t = arena_alloc(c->arena, sizeof *t);

    t->roster = r;
    t->a = arena_new(256 * 1024);
    buf_init(&t->json, TRIP_JSON_MAX + 1);
    arena_defer(c->arena, texts_free, t);
    return t;
}

/* ---- the window ---- */

/* How many trips from there on fit. */
static size_t trips_that_fit(const struct roster *r, size_t from, size_t to)
{
    size_t reads = 0, n;
    int64_t bytes = 0;

    for (n = 0; from + n < to && n < WINDOW_TRIPS; n++) {
        const struct roster_trip *trip = r->trip[from + n];

        reads += !trip->text.deflate.n && trip->row.pack == PACK_NONE;
        bytes += trip->row.deflate;
        if (n && (reads > WINDOW_READS || bytes > WINDOW_BYTES))
            break;
    }
    return n;
}

/* A pack that the next window has to go on with would be read twice: the
 * window ends before it, unless that takes half of it away. */
static size_t whole_packs(const struct roster *r, size_t from, size_t n)
{
    int64_t pack = r->trip[from + n]->row.pack;
    size_t end = n;

    while (end && pack != PACK_NONE &&
           r->trip[from + end - 1]->row.pack == pack)
        end--;
    return end > n / 2 ? end : n;
}

static void open_window(struct trip_texts *t, size_t from, size_t to)
{
    const struct roster *r = t->roster;

    arena_reset(t->a);
    t->from = from;
    t->n = trips_that_fit(r, from, to);
    if (from + t->n < to)
        t->n = whole_packs(r, from, t->n);
    for (size_t i = 0; i < t->n; i++)
        t->slot[i] = (struct slot){.texts = t,
                                   .trip = r->trip[from + i],
                                   .text = r->trip[from + i]->text};
}

/* The object is the truth, even where the row says something else of it. */
static void put_right(struct slot *slot)
{
    struct summary_row *row = &slot->trip->row;

    if (summary_row_is_of(row, &slot->text.sum, slot->text.deflate.n))
        return;
    summary_row_text(row, &slot->text.sum, slot->text.deflate.n);
    slot->trip->restated = true;
    log_line(LOG_WARN, "summary_row_wrong", "trip_id=%.*s",
             STR_ARG(row->trip_id));
}

static enum status read_into(struct slot *slot, enum status st,
                             const struct object *obj, const struct err *why)
{
    struct trip_texts *t = slot->texts;

    if (st == ST_OK)
        st = trip_object_text(obj, t->a, &slot->text, t->c->err);
    else
        *t->c->err = *why;
    switch (st) {
    case ST_OK:
        slot->checked = true;
        put_right(slot);
        return ST_OK;
    case ST_NOT_FOUND:
        return ST_PRECONDITION;
    case ST_CORRUPT:
    case ST_TOO_LARGE:
        slot->text = (struct trip_text){.deflate = STR_NONE};
        roster_drop(t->c, t->roster, slot->trip, t->c->err);
        err_clear(t->c->err);
        return ST_OK;
    default:
        return st;
    }
}

/* ---- packs, which are never the truth ---- */

struct source { /* an object to be read, and whose texts are in it */
    struct trip_texts *texts;
    int64_t pack; /* PACK_NONE: the trip's own object */
    struct slot **slot;
    size_t n;
};

/* Its text is not, or not as it was, where the summary says. */
static void distrust(struct slot *slot)
{
    slot->text = slot->trip->text = (struct trip_text){.deflate = STR_NONE};
    slot->trip->row.pack = PACK_NONE;
}

/* How many of its texts the pack does not have. */
static size_t take_from(const struct source *src, const struct pack *pack)
{
    size_t missing = 0;

    for (size_t i = 0; i < src->n; i++) {
        struct slot *slot = src->slot[i];
        const struct pack_entry *e = pack_find(pack, &slot->trip->row);

        missing += !e;
        if (!e) {
            distrust(slot);
            continue;
        }
        slot->text = e->text;
        slot->text.deflate = arena_copy(src->texts->a, e->text.deflate);
    }
    return missing;
}

/* What it does not give is read singly; a store that cannot be asked now says
 * nothing about the pack. */
static void read_pack(const struct source *src, struct str key, enum status st,
                      const struct object *obj, const struct err *why)
{
    struct arena *a = arena_new(0);
    struct pack pack = {.n = 0};
    struct err err = st == ST_OK ? ERR_NONE : *why;
    size_t missing = src->n;

    if (st == ST_OK)
        st = pack_open(obj->body, a, &pack, &err);
    if (st == ST_OK || st == ST_NOT_FOUND || st == ST_CORRUPT ||
        st == ST_TOO_LARGE)
        missing = take_from(src, &pack);
    if (st == ST_OK && missing)
        err_set(&err, ST_NOT_FOUND, NULL, "it lacks %zu of %zu trips", missing,
                src->n);
    if (missing)
        pack_unusable(key, &err);
    arena_free(&a);
}

/* ---- what is read at once ---- */

static struct object_want want_of(struct source *src)
{
    struct trip_texts *t = src->texts;
    const struct summary_row *row = &src->slot[0]->trip->row;

    if (src->pack != PACK_NONE)
        return (struct object_want){
            .key = key_pack(t->a, t->c->user_id, src->pack), .user = src};
    return (struct object_want){
        .key = key_trip(t->a, t->c->user_id, row->trip_id, row->end_ms),
        .match = row->etag,
        .user = src};
}

static enum status object_got(void *ctx, const struct object_want *want,
                              enum status st, const struct object *obj,
                              const struct err *err)
{
    const struct source *src = want->user;

    (void)ctx;
    if (src->pack == PACK_NONE)
        return read_into(src->slot[0], st, obj, err);
    read_pack(src, want->key, st, obj, err);
    return ST_OK;
}

static bool lacks(const struct slot *slot)
{
    return !slot->text.deflate.n && !slot->trip->unreadable;
}

static int by_pack(const void *pa, const void *pb)
{
    const struct slot *a = *(struct slot *const *)pa;
    const struct slot *b = *(struct slot *const *)pb;
    int64_t of_a = a->trip->row.pack, of_b = b->trip->row.pack;

    return of_a != of_b ? (of_a > of_b) - (of_a < of_b) : (a > b) - (a < b);
}

static int most_first(const void *pa, const void *pb)
{
    const struct source *a = pa, *b = pb;

    return (a->n < b->n) - (a->n > b->n);
}

/* The slots that lack a text, each pack's together: the most wanted first. */
static size_t by_packs(struct trip_texts *t, struct source *group)
{
    struct slot **slot = arena_alloc_n(t->a, t->n, sizeof *slot);
    size_t n = 0, groups = 0;

    for (size_t i = 0; i < t->n; i++)
        if (lacks(&t->slot[i]))
            slot[n++] = &t->slot[i];
    if (n)
        qsort(slot, n, sizeof *slot, by_pack);
    for (size_t i = 0; i < n; i++) {
        int64_t pack = slot[i]->trip->row.pack;

        if (i == 0 || group[groups - 1].pack != pack)
            group[groups++] = (struct source){t, pack, &slot[i], 0};
        group[groups - 1].n++;
    }
    if (groups)
        qsort(group, groups, sizeof *group, most_first);
    return groups;
}

/* packs: whether to look into any. */
static size_t choose_sources(struct trip_texts *t, bool packs,
                             struct source *source)
{
    struct source *group = arena_alloc_n(t->a, t->n, sizeof *group);
    size_t groups = by_packs(t, group), n = 0, fetched = 0;

    for (size_t i = 0; i < groups; i++) {
        const struct source *g = &group[i];

        if (packs && g->pack != PACK_NONE && g->n >= PACK_WORTH &&
            fetched < WINDOW_PACKS) {
            source[n++] = *g;
            fetched++;
            continue;
        }
        for (size_t k = 0; k < g->n; k++)
            source[n++] = (struct source){t, PACK_NONE, &g->slot[k], 1};
    }
    return n;
}

static enum status read_lacking(struct trip_texts *t, bool packs)
{
    struct source *source = arena_alloc_n(t->a, t->n, sizeof *source);
    size_t n = choose_sources(t, packs, source);
    struct object_want *want = arena_alloc_n(t->a, n + 1, sizeof *want);

    if (!n)
        return ST_OK;
    if (fault_point("answer.read"))
        return err_set(t->c->err, ST_UNAVAILABLE, NULL, "fault point");
    for (size_t i = 0; i < n; i++)
        want[i] = want_of(&source[i]);
    return objects_get_many(t->c->stores->objects, want, n, TRIP_JSON_MAX,
                            t->c->deadline, object_got, NULL, t->c->err);
}

enum status trip_texts_window(const struct call *c, struct trip_texts *t,
                              size_t from, size_t to, size_t *end)
{
    enum status st;

    assert(from < to && to <= t->roster->n);
    t->c = c;
    open_window(t, from, to);
    *end = t->from + t->n;
    st = read_lacking(t, true);
    return st == ST_OK ? read_lacking(t, false) : st;
}

/* ---- one of them ---- */

/* What a pack or the summary has of it is spoilt, but there are the objects.
 * Whatever came with it is not relied on either: one by one it would take as
 * many rounds. */
static enum status read_again(struct slot *slot)
{
    struct trip_texts *t = slot->texts;
    int64_t pack = slot->trip->row.pack;

    if (pack != PACK_NONE)
        pack_unusable(key_pack(t->a, t->c->user_id, pack), t->c->err);
    else
        log_err_of(LOG_WARN, "text_spoilt", "trip_id", slot->trip->row.trip_id,
                   t->c->err);
    err_clear(t->c->err);
    for (size_t i = 0; i < t->n; i++)
        if (!t->slot[i].checked && t->slot[i].trip->row.pack == pack)
            distrust(&t->slot[i]);
    return read_lacking(t, false);
}

static enum status unpack(struct slot *slot)
{
    struct trip_texts *t = slot->texts;

    buf_reset(&t->json);
    return gzip_fragment_text(slot->text.deflate, &slot->text.sum, &t->json,
                              t->c->err);
}

enum status trip_texts_take(const struct call *c, struct trip_texts *t,
                            size_t i, const struct trip_text **text,
                            struct str *json)
{
    struct slot *slot = &t->slot[i - t->from];
    enum status st = ST_OK;

    assert(i >= t->from && i - t->from < t->n);
    t->c = c;
    *text = NULL;
    if (slot->trip->unreadable)
        return ST_OK;
    if (!slot->checked || json)
        st = unpack(slot);
    if (st == ST_CORRUPT && !slot->checked) {
        st = read_again(slot);
        if (st == ST_OK && json && !slot->trip->unreadable)
            st = unpack(slot);
    }
    if (st != ST_OK || slot->trip->unreadable)
        return st;
    slot->checked = true;
    *text = &slot->text;
    if (json)
        *json = buf_str(&t->json);
    return ST_OK;
}
