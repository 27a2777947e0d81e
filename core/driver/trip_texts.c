#include "driver/trip_texts.h"

#include <assert.h>
#include "base/fault.h"
#include "base/log.h"
#include "driver/texts.h"
#include "store/keys.h"

/* What a window holds at most; a trip alone may be more. 256 single
 * objects are some rounds over a store's connections, which a request's time
 * has room for. */
#define WINDOW_TRIPS 2048
#define WINDOW_BYTES ((int64_t)4 * 1024 * 1024)
#define WINDOW_READS 256
/* Packs that may be in memory at once, and how many texts one is read for: for
 * fewer than that their objects are less to read. */
#define WINDOW_PACKS 8
#define PACK_WORTH 8

struct trip_texts {
    struct call call; /* of the reading under way; its arena is the window's */
    struct roster *roster;
    struct texts
        texts; /* of the window: trips [from, from + n) of the roster */
    struct text_want want[WINDOW_TRIPS];
    bool checked[WINDOW_TRIPS]; /* unpacked and compared since it was stored */
    size_t from;
    struct buf json;
};

static enum status window_pack_read(void *ctx, const struct pack_read *p);
static enum status window_object_read(void *ctx, struct text_want *w,
                                      enum status st,
                                      const struct trip_text *text);

static void trip_texts_free(void *ctx)
{
    struct trip_texts *t = ctx;

    buf_free(&t->json);
    arena_free(&t->call.arena);
}

struct trip_texts *trip_texts_new(const struct call *c, struct roster *r)
{
    struct trip_texts *t = arena_alloc(c->arena, sizeof *t);

    t->call = call_with(c, arena_new(256 * 1024), c->err);
    t->roster = r;
    t->texts = (struct texts){.c = &t->call,
                              .want = t->want,
                              .pack_worth = PACK_WORTH,
                              .packs_at_once = WINDOW_PACKS,
                              .pack_read = window_pack_read,
                              .object_read = window_object_read,
                              .ctx = t};
    buf_init(&t->json, TRIP_JSON_MAX + 1);
    arena_defer(c->arena, trip_texts_free, t);
    return t;
}

static struct roster_trip *trip_of(const struct trip_texts *t,
                                   const struct text_want *w)
{
    assert(w >= t->want && (size_t)(w - t->want) < t->texts.n);
    return t->roster->trip[t->from + (size_t)(w - t->want)];
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

    assert(n > 0 && from + n < r->n);
    while (end && pack != PACK_NONE &&
           r->trip[from + end - 1]->row.pack == pack)
        end--;
    return end > n / 2 ? end : n;
}

static void open_window(struct trip_texts *t, size_t from, size_t to)
{
    const struct roster *r = t->roster;
    size_t n = trips_that_fit(r, from, to);

    assert(n > 0); /* else whoever asks for all of them would never end */
    arena_reset(t->call.arena);
    if (from + n < to)
        n = whole_packs(r, from, n);
    t->from = from;
    t->texts.n = n;
    for (size_t i = 0; i < n; i++) {
        const struct roster_trip *trip = r->trip[from + i];

        t->want[i] = (struct text_want){
            .row = &trip->row, .text = trip->text, .over = trip->unreadable};
        t->checked[i] = false;
    }
}

/* What is found out meanwhile goes into this call's err, by its deadline. */
static enum status read_lacking(struct trip_texts *t)
{
    if (texts_lack(&t->texts) && fault_point("answer.read"))
        return err_set(t->call.err, ST_UNAVAILABLE, NULL, "fault point");
    return texts_gather(&t->texts);
}

enum status trip_texts_window(const struct call *c, struct trip_texts *t,
                              size_t from, size_t to, size_t *end)
{
    assert(from < to && to <= t->roster->n);
    /* Each window has a call of its own: a streamed answer gives each a
     * deadline anew. The arena stays, with what the window before had. */
    t->call = call_with(c, t->call.arena, c->err);
    open_window(t, from, to);
    *end = t->from + t->texts.n;
    return read_lacking(t);
}

/* ---- the objects, which are the truth ---- */

/* Even where the row says something else. */
static void put_row_right(struct roster_trip *trip,
                          const struct trip_text *text)
{
    if (summary_row_has_text(&trip->row, &text->sum, text->deflate.n))
        return;
    summary_row_text(&trip->row, &text->sum, text->deflate.n);
    trip->restated = true;
    log_line(LOG_WARN, "summary_row_wrong", "trip_id=%.*s",
             STR_ARG(trip->row.trip_id));
}

static enum status window_object_read(void *ctx, struct text_want *w,
                                      enum status st,
                                      const struct trip_text *text)
{
    struct trip_texts *t = ctx;

    switch (st) {
    case ST_OK:
        w->text = *text;
        t->checked[w - t->want] = true;
        put_row_right(trip_of(t, w), text);
        return ST_OK;
    case ST_NOT_FOUND: /* gone, or moved: either way not what was listed */
        return ST_PRECONDITION;
    case ST_CORRUPT:
    case ST_TOO_LARGE:
    case ST_DENIED: /* this one alone: the summary, or it itself, was had */
        roster_drop(&t->call, t->roster, trip_of(t, w), t->call.err);
        err_clear(t->call.err);
        return ST_OK;
    default:
        return st;
    }
}

/* ---- packs, which are never the truth ---- */

/* Its text is not, or not as it was, where the summary says. */
static void distrust_text(struct trip_texts *t, struct text_want *w)
{
    struct roster_trip *trip = trip_of(t, w);

    w->text = trip->text = (struct trip_text){.deflate = STR_NONE};
    trip->row.pack = PACK_NONE;
}

/* What it does not give is read singly; a store that cannot be asked now says
 * nothing about the pack. */
static enum status window_pack_read(void *ctx, const struct pack_read *p)
{
    struct trip_texts *t = ctx;
    struct err err = *p->err;

    assert(p->missing <= p->n);
    if (!p->missing)
        return ST_OK;
    if (p->st == ST_OK || p->st == ST_NOT_FOUND || p->st == ST_CORRUPT ||
        p->st == ST_TOO_LARGE || p->st == ST_DENIED)
        for (size_t i = 0; i < p->n; i++)
            if (!p->want[i]->text.deflate.n)
                distrust_text(t, p->want[i]);
    if (p->st == ST_OK)
        err_set(&err, ST_NOT_FOUND, NULL, "it lacks %zu of %zu trips",
                p->missing, p->n);
    pack_unusable(p->key, &err);
    return ST_OK;
}

/* ---- one of them ---- */

/* What a pack or the summary has of it is spoilt, but there are the objects.
 * Whatever came with it is not relied on either: one by one it would take as
 * many rounds. */
static enum status read_text_again(struct trip_texts *t,
                                   const struct text_want *w)
{
    const struct call *c = &t->call;
    int64_t pack = w->row->pack;

    if (pack != PACK_NONE)
        pack_unusable(key_pack(c->arena, c->user_id, pack), c->err);
    else
        log_err_of(LOG_WARN, "text_spoilt", "trip_id", w->row->trip_id, c->err);
    err_clear(c->err);
    for (size_t i = 0; i < t->texts.n; i++)
        if (!t->checked[i] && t->want[i].row->pack == pack)
            distrust_text(t, &t->want[i]);
    return read_lacking(t);
}

static enum status inflate_text(struct trip_texts *t, const struct text_want *w)
{
    assert(w->text.deflate.n); /* the window has what is not unreadable */
    buf_reset(&t->json);
    return gzip_fragment_text(w->text.deflate, &w->text.sum, &t->json,
                              t->call.err);
}

enum status trip_texts_get(const struct call *c, struct trip_texts *t, size_t i,
                           const struct trip_text **text, struct str *json)
{
    const struct roster_trip *trip = t->roster->trip[i];
    struct text_want *w;
    bool *checked;
    enum status st = ST_OK;

    assert(i >= t->from && i - t->from < t->texts.n);
    w = &t->want[i - t->from];
    checked = &t->checked[i - t->from];
    t->call = call_with(c, t->call.arena, c->err);
    *text = NULL;
    if (trip->unreadable)
        return ST_OK;
    /* Also when nobody wants it unpacked: a fragment that is spoilt would spoil
     * all that follow it in a gzip answer. */
    if (!*checked || json)
        st = inflate_text(t, w);
    /* Once: what comes from the object is checked as it is read. */
    if (st == ST_CORRUPT && !*checked) {
        st = read_text_again(t, w);
        if (st == ST_OK && json && !trip->unreadable)
            st = inflate_text(t, w);
    }
    if (st != ST_OK || trip->unreadable)
        return st;
    *checked = true;
    *text = &w->text;
    if (json)
        *json = buf_str(&t->json);
    return ST_OK;
}
