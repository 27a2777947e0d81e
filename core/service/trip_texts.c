#include "service/trip_texts.h"

#include <assert.h>
#include "base/fault.h"
#include "base/log.h"
#include "service/trip_object.h"
#include "store/keys.h"

/* What a window holds at most; a trip alone may be more. */
#define WINDOW_TRIPS 1024
#define WINDOW_BYTES ((int64_t)4 * 1024 * 1024)
#define WINDOW_READS 256

struct slot {
    struct trip_texts *texts;
    struct roster_trip *trip;
    struct trip_text text;
    bool checked; /* unpacked and compared since it was stored */
};

struct trip_texts {
    struct service *s;
    struct roster *roster;
    struct str user_id;
    struct arena *a; /* of the window */
    struct slot slot[WINDOW_TRIPS];
    size_t from, n; /* the window: trips [from, from + n) of the roster */
    struct buf json;
    struct err *err; /* of the reading under way */
};

static void texts_free(void *ctx)
{
    struct trip_texts *t = ctx;

    buf_free(&t->json);
    arena_free(&t->a);
}

struct trip_texts *trip_texts_new(struct service *s, struct roster *r,
                                  struct str user_id, struct arena *a)
{
    struct trip_texts *t = arena_alloc(a, sizeof *t);

    t->s = s;
    t->roster = r;
    t->user_id = user_id;
    t->a = arena_new(256 * 1024);
    buf_init(&t->json, TRIP_JSON_MAX + 1);
    arena_defer(a, texts_free, t);
    return t;
}

/* ---- the window ---- */

static void open_window(struct trip_texts *t, size_t from, size_t to)
{
    size_t reads = 0;
    int64_t bytes = 0;

    arena_reset(t->a);
    t->from = from;
    for (t->n = 0; from < to && t->n < WINDOW_TRIPS; from++) {
        struct roster_trip *trip = t->roster->trip[from];

        reads += !trip->text.deflate.n;
        bytes += trip->row.deflate;
        if (t->n && (reads > WINDOW_READS || bytes > WINDOW_BYTES))
            return;
        t->slot[t->n++] =
            (struct slot){.texts = t, .trip = trip, .text = trip->text};
    }
}

/* The object is the truth, even where the row says something else of it. */
static void put_right(struct slot *slot)
{
    struct summary_row *row = &slot->trip->row;
    struct summary_row was = *row;

    summary_row_text(row, &slot->text.sum, slot->text.deflate.n);
    if (was.length == row->length && was.crc == row->crc &&
        was.deflate == row->deflate)
        return;
    slot->trip->restated = true;
    log_line(LOG_WARN, "summary_row_wrong", "trip_id=%.*s",
             STR_ARG(row->trip_id));
}

static enum status read_into(struct slot *slot, enum status st,
                             const struct object *obj, const struct err *why)
{
    struct trip_texts *t = slot->texts;

    if (st == ST_OK)
        st = trip_object_text(obj, t->a, &slot->text, t->err);
    else
        *t->err = *why;
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
        roster_drop(t->roster, slot->trip, t->user_id, t->err);
        err_clear(t->err);
        return ST_OK;
    default:
        return st;
    }
}

static struct object_want want_of(struct slot *slot, struct arena *a)
{
    const struct summary_row *row = &slot->trip->row;

    return (struct object_want){
        .key = key_trip(a, slot->texts->user_id, row->trip_id, row->end_ms),
        .match = row->etag,
        .user = slot};
}

static enum status object_got(void *ctx, const struct object_want *want,
                              enum status st, const struct object *obj,
                              const struct err *err)
{
    (void)ctx;
    return read_into(want->user, st, obj, err);
}

static enum status read_objects(struct trip_texts *t, struct deadline d)
{
    struct object_want *want = arena_alloc_n(t->a, t->n, sizeof *want);
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++)
        if (!t->slot[i].text.deflate.n && !t->slot[i].trip->unreadable)
            want[n++] = want_of(&t->slot[i], t->a);
    if (!n)
        return ST_OK;
    if (fault_point("answer.read"))
        return err_set(t->err, ST_UNAVAILABLE, NULL, "fault point");
    return objects_get_many(t->s->objects, want, n, TRIP_JSON_MAX, d,
                            object_got, NULL, t->err);
}

enum status trip_texts_window(struct trip_texts *t, size_t from, size_t to,
                              size_t *end, struct deadline d, struct err *err)
{
    assert(from < to && to <= t->roster->n);
    t->err = err;
    open_window(t, from, to);
    *end = t->from + t->n;
    return read_objects(t, d);
}

/* ---- one of them ---- */

/* What was kept of it is spoilt: there is still the object. */
static enum status read_again(struct slot *slot, struct deadline d)
{
    struct trip_texts *t = slot->texts;
    struct object_want want = want_of(slot, t->a);
    struct object obj;
    enum status st;

    err_clear(t->err);
    st = objects_get(t->s->objects, want.key, &want.match, TRIP_JSON_MAX, d,
                     t->a, &obj, t->err);
    return read_into(slot, st, &obj, t->err);
}

static enum status unpack(struct slot *slot)
{
    struct trip_texts *t = slot->texts;

    buf_reset(&t->json);
    return gzip_fragment_text(slot->text.deflate, &slot->text.sum, &t->json,
                              t->err);
}

enum status trip_texts_take(struct trip_texts *t, size_t i, struct deadline d,
                            const struct trip_text **text, struct str *json,
                            struct err *err)
{
    struct slot *slot = &t->slot[i - t->from];
    enum status st = ST_OK;

    assert(i >= t->from && i - t->from < t->n);
    t->err = err;
    *text = NULL;
    if (slot->trip->unreadable)
        return ST_OK;
    if (!slot->checked || json)
        st = unpack(slot);
    if (st == ST_CORRUPT && !slot->checked) {
        st = read_again(slot, d);
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
