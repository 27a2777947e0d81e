#include "driver/roster.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/fault.h"
#include "base/log.h"
#include "base/stats.h"
#include "driver/roster_complete.h"
#include "driver/roster_listing.h"
#include "driver/trip_object.h"
#include "score/analysis_json.h"
#include "store/keys.h"

/* Texts read for their figures are kept for the answer up to this much: a cold
 * read of most drivers gets each object once, and none fills the worker. */
#define KEEP_TEXT ((size_t)8 * 1024 * 1024)

struct found { /* a listed object, or a row that was not listed */
    struct object_entry entry;
    struct str trip_id;
    int64_t end_ms;
    struct roster_trip trip;
    bool counts; /* trip is filled in (or marked unreadable) */
};

/* What a listing and the summary said, and what comes of it. */
struct roster_look {
    struct call call;
    struct arena *scratch; /* one object at a time */
    int64_t began_ms;      /* wall clock */
    struct summary seen;
    struct found **found;
    size_t n, room;
    size_t text_room; /* bytes of texts that may still be kept */
    bool again;       /* something listed was gone: take the listing again */
    const struct summary_row **lost; /* rows whose objects are not there */
    size_t losts;
};

/* ---- 1. the listing ---- */

static void add_found(struct roster_look *t, struct found *f)
{
    assert(t->n <= t->room);
    if (t->n == t->room) {
        size_t room = t->room ? 2 * t->room : 64;
        struct found **grown =
            arena_alloc_n(t->call.arena, room, sizeof *grown);

        if (t->n)
            memcpy(grown, t->found, t->n * sizeof *grown);
        t->found = grown;
        t->room = room;
    }
    t->found[t->n++] = f;
}

static enum status note_listed(void *ctx, const struct object_entry *e)
{
    struct roster_look *t = ctx;
    struct str user_id, trip_id;
    struct log_value space;
    int64_t end_ms;
    struct found *f;

    if (!key_parse_trip(e->key, &user_id, &trip_id, &end_ms)) {
        /* Another's, or a key of ours that another printed otherwise: nothing
         * that we write would lie there. A person has to look. */
        log_line(LOG_WARN, "strange_key", "key=%s", log_quoted(e->key, &space));
        return ST_OK;
    }
    f = arena_alloc(t->call.arena, sizeof *f);
    f->entry = *e;
    f->entry.key = arena_copy(t->call.arena, e->key);
    f->trip_id = arena_copy(t->call.arena, trip_id);
    f->end_ms = end_ms;
    add_found(t, f);
    return ST_OK;
}

/* ---- 2. complete rows stand for their objects ---- */

static bool is_complete(const struct summary_row *row, const struct found *f)
{
    return row && summary_row_is_of(row, f->end_ms, &f->entry.etag) &&
           row->size == f->entry.size;
}

static void match_rows(struct roster_look *t)
{
    for (size_t i = 0; i < t->n; i++) {
        struct found *f = t->found[i];
        struct summary_row *row = summary_find(&t->seen, f->trip_id);

        if (is_complete(row, f)) {
            f->trip.row = *row;
            /* A finalize writes its row before it knows the store's time. */
            f->trip.row.modified_us = f->entry.modified_us;
            f->trip.text.deflate = row->fragment;
            f->trip.text.sum = summary_row_sum(row);
            f->counts = true;
        }
    }
}

/* ---- 3. the others are read, as the version that was listed ---- */

static void report_unreadable(struct str key, const struct err *why)
{
    stat_add(STAT_unreadable_trips, 1);
    log_err_of(LOG_ERROR, "trip_unreadable", "key", key, why);
}

void roster_keep_text(struct roster_trip *t, const struct trip_text *text,
                      size_t *room, struct arena *a)
{
    if (text->deflate.n > *room)
        return;
    *room -= text->deflate.n;
    t->text = *text;
    t->text.deflate = arena_copy(a, text->deflate);
}

static enum status use_reading(struct roster_look *t, struct found *f,
                               const struct object *obj)
{
    struct trip_reading reading;
    enum status st;

    assert(!f->counts);
    arena_reset(t->scratch);
    st = trip_object_open(f->entry.key, obj, t->scratch, &reading, t->call.err);
    if (st == ST_CORRUPT) {
        report_unreadable(f->entry.key, t->call.err);
        err_clear(t->call.err);
        f->trip.unreadable = f->counts = true;
        return ST_OK;
    }
    if (st != ST_OK)
        return st;
    /* All else that outlives the scratch arena: the id is the listing's. */
    figures_keep(&reading.row.figures, t->call.arena);
    reading.row.trip_id = f->trip_id;
    f->trip.row = reading.row;
    f->counts = true;
    roster_keep_text(&f->trip, &reading.text, &t->text_room, t->call.arena);
    return ST_OK;
}

static enum status found_read(void *ctx, const struct object_want *want,
                              enum status st, const struct object *obj,
                              const struct err *err)
{
    struct roster_look *t = ctx;
    struct found *f = want->user;

    if (fault_point("roster.gone"))
        st = ST_NOT_FOUND;
    switch (st) {
    case ST_OK:
        return use_reading(t, f, obj);
    case ST_NOT_FOUND:
    case ST_PRECONDITION:
        /* No failure of this reading, but nothing that was listed counts any
         * more: what went may have moved to a page taken before. */
        t->again = true;
        return ST_OK;
    case ST_CORRUPT:
    case ST_TOO_LARGE:
        report_unreadable(f->entry.key, err);
        f->trip.unreadable = f->counts = true;
        return ST_OK;
    case ST_BAD_REQUEST:
    case ST_NO_METHOD:
    case ST_NOT_ACCEPTABLE:
    case ST_NOT_OWNER:
    case ST_BUSY:
    case ST_UNAVAILABLE:
    case ST_TIMEOUT:
    case ST_DENIED:
    case ST_GONE_CLIENT:
    case ST_INTERNAL:
    case ST_COUNT:
        break;
    }
    *t->call.err = *err;
    return st;
}

static enum status read_missing(struct roster_look *t)
{
    struct object_want *want;
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++)
        n += !t->found[i]->counts;
    if (!n)
        return ST_OK;
    want = arena_alloc_n(t->call.arena, n, sizeof *want);
    n = 0;
    for (size_t i = 0; i < t->n; i++)
        if (!t->found[i]->counts)
            want[n++] = (struct object_want){.key = t->found[i]->entry.key,
                                             .match = t->found[i]->entry.etag,
                                             .user = t->found[i]};
    return objects_get_many(t->call.stores->objects, want, n, TRIP_JSON_MAX,
                            t->call.deadline, found_read, t, t->call.err);
}

/* ---- 4. rows that were not listed are looked for ---- */

static int found_by_trip(const void *pa, const void *pb)
{
    const struct found *a = *(struct found *const *)pa;
    const struct found *b = *(struct found *const *)pb;
    int c = str_cmp(a->trip_id, b->trip_id);

    return c ? c : (a->end_ms > b->end_ms) - (a->end_ms < b->end_ms);
}

/* Whether an object of that trip is there which makes the row irrelevant. */
static bool row_is_answered(const struct roster_look *t,
                            const struct summary_row *row)
{
    size_t low = 0, high = t->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (str_cmp(t->found[mid]->trip_id, row->trip_id) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < t->n && str_eq(t->found[low]->trip_id, row->trip_id); low++) {
        const struct found *f = t->found[low];

        assert(f->counts); /* read_missing left none out */
        if (f->end_ms == row->end_ms ||
            (!f->trip.unreadable && f->trip.row.revision > row->revision))
            return true;
    }
    return false;
}

static enum status row_got(void *ctx, const struct object_want *want,
                           enum status st, const struct object *obj,
                           const struct err *err)
{
    struct roster_look *t = ctx;
    struct found *f = want->user;

    if (st == ST_NOT_FOUND) {
        const struct summary_row *row = summary_find(&t->seen, f->trip_id);

        assert(row); /* it was wanted because of it */
        t->lost[t->losts++] = row;
        return ST_OK;
    }
    if (st == ST_OK) {
        f->entry.size = (int64_t)obj->body.n;
        f->entry.modified_us = obj->modified_us;
    }
    /* Another version lies there by now: found_read takes the listing again,
     * which will have it. */
    if (st != ST_PRECONDITION)
        add_found(t, f);
    return found_read(t, want, st, obj, err);
}

static struct object_want want_of_row(struct roster_look *t,
                                      const struct summary_row *row)
{
    struct found *f = arena_alloc(t->call.arena, sizeof *f);

    f->trip_id = row->trip_id;
    f->end_ms = row->end_ms;
    f->entry.key =
        key_trip(t->call.arena, t->call.user_id, row->trip_id, row->end_ms);
    f->entry.etag = row->etag;
    return (struct object_want){
        .key = f->entry.key, .match = row->etag, .user = f};
}

/* The objects of the rows that no listed object answers, as they were then. */
static enum status seek_rows(struct roster_look *t)
{
    struct object_want *want;
    size_t n = 0;

    if (t->n)
        qsort(t->found, t->n, sizeof *t->found, found_by_trip);
    for (size_t i = 0; i < t->seen.n; i++)
        n += !row_is_answered(t, &t->seen.row[i]);
    if (!n)
        return ST_OK;
    want = arena_alloc_n(t->call.arena, n, sizeof *want);
    n = 0;
    for (size_t i = 0; i < t->seen.n; i++)
        if (!row_is_answered(t, &t->seen.row[i]))
            want[n++] = want_of_row(t, &t->seen.row[i]);
    t->lost = arena_alloc_n(t->call.arena, n, sizeof *t->lost);
    return objects_get_many(t->call.stores->objects, want, n, TRIP_JSON_MAX,
                            t->call.deadline, row_got, t, t->call.err);
}

/* Objects of rows are gone. Were they dropped by somebody who has told the
 * summary since, or did the summary only outlive them? */
static enum status dropped_or_moved(struct roster_look *t)
{
    struct summary now;
    enum status st;

    if (!t->losts)
        return ST_OK;
    st = summary_read(&t->call, &now);
    for (size_t i = 0; st == ST_OK && i < t->losts; i++) {
        const struct summary_row *was = t->lost[i];
        const struct summary_row *still = summary_find(&now, was->trip_id);

        if (!still || !summary_row_is_of(still, was->end_ms, &was->etag))
            t->again = true;
    }
    return st;
}

/* ---- 5. one object a trip ---- */

static int newest_end_first(const void *pa, const void *pb)
{
    const struct roster_trip *a = *(struct roster_trip *const *)pa;
    const struct roster_trip *b = *(struct roster_trip *const *)pb;
    int64_t ea = a->row.figures.end_us, eb = b->row.figures.end_us;

    if (ea != eb)
        return ea > eb ? -1 : 1;
    return str_cmp(a->row.trip_id, b->row.trip_id);
}

/* The latest readable one of the objects [from, to), all of one trip. */
static struct roster_trip *latest_of(struct found **found, size_t from,
                                     size_t to)
{
    struct roster_trip *latest = NULL;

    for (size_t i = from; i < to; i++) {
        struct roster_trip *trip = &found[i]->trip;

        assert(found[i]->counts);
        if (!trip->unreadable &&
            (!latest || summary_row_later(&trip->row, &latest->row)))
            latest = trip;
    }
    return latest;
}

static void choose_latest(struct roster_look *t, struct roster *out)
{
    /* Once more: rows that were not listed came behind the others. */
    if (t->n)
        qsort(t->found, t->n, sizeof *t->found, found_by_trip);
    out->trip = arena_alloc_n(t->call.arena, t->n + 1, sizeof *out->trip);
    for (size_t from = 0, to; from < t->n; from = to) {
        struct roster_trip *latest;

        for (to = from + 1; to < t->n && str_eq(t->found[to]->trip_id,
                                                t->found[from]->trip_id);)
            to++;
        latest = latest_of(t->found, from, to);
        if (latest)
            out->trip[out->n++] = latest;
        else
            out->unreadable++;
    }
    if (out->n)
        qsort(out->trip, out->n, sizeof *out->trip, newest_end_first);
    out->seen = t->seen;
}

static enum status roster_fault(struct roster_look *t, const char *point)
{
    return fault_point(point)
               ? err_set(t->call.err, ST_UNAVAILABLE, NULL, "fault point")
               : ST_OK;
}

enum status roster_look(const struct call *c, struct roster_look **out)
{
    struct roster_look *t = arena_alloc(c->arena, sizeof *t);

    assert(c->user_id.n);
    *out = t;
    *t = (struct roster_look){
        .call = *c, .began_ms = clock_wall_us() / 1000, .text_room = KEEP_TEXT};
    return roster_listing(c, note_listed, t, &t->seen);
}

/* ---- 6. figures that rows lack ---- */

static enum status complete_rows(struct roster_look *t, struct roster *out)
{
    enum status st;

    st = roster_complete(&t->call, out, &t->text_room);
    if (st != ST_PRECONDITION)
        return st;
    t->again = true;
    err_clear(t->call.err);
    return ST_OK;
}

/* ---- all of it ---- */

static enum status resolve_look(struct roster_look *t, struct roster *out)
{
    enum status st = roster_fault(t, "roster.matched");

    if (st != ST_OK)
        return st;
    match_rows(t);
    /* In this order: a row is looked for only when the objects that might
     * answer it are read, and lost only when it was looked for. */
    if ((st = read_missing(t)) != ST_OK || t->again ||
        (st = seek_rows(t)) != ST_OK || t->again ||
        (st = dropped_or_moved(t)) != ST_OK || t->again)
        return st;
    choose_latest(t, out);
    return complete_rows(t, out);
}

enum status roster_read(const struct call *c, struct roster_look *look,
                        struct roster *out)
{
    /* 256 KB: what is kept between two objects, more than most need. */
    struct arena *scratch = arena_within(c->arena, 256 * 1024);
    /* Of the first try, also for the last: what counts as its age must not be
     * later than any read that it is made of (rule 5). */
    int64_t began_ms = look ? look->began_ms : clock_wall_us() / 1000;
    enum status st;

    assert(!look || look->call.arena == c->arena);
    for (int tries = 0; tries < ROSTER_TRIES; tries++) {
        struct arena_mark mark = arena_mark(c->arena);

        *out = (struct roster){.read_began_ms = began_ms};
        if (!look && (st = roster_look(c, &look)) != ST_OK)
            return st;
        look->scratch = scratch;
        look->call = *c;
        if ((st = resolve_look(look, out)) != ST_OK)
            return st;
        if (!look->again)
            return roster_fault(look, "roster.taken");
        stat_add(STAT_listings_retaken, 1);
        look = NULL; /* it is older than what was just found out */
        arena_release(c->arena, mark);
    }
    return err_set(c->err, ST_UNAVAILABLE, "changing_too_fast",
                   "The driver's trips change too fast to be read; try again");
}

void roster_drop(const struct call *c, struct roster *r, struct roster_trip *t,
                 const struct err *why)
{
    struct arena *a = arena_new(0); /* a driver may have thousands of these */

    assert(!t->unreadable); /* it would count twice */
    t->unreadable = true;
    r->unreadable++;
    report_unreadable(key_trip(a, c->user_id, t->row.trip_id, t->row.end_ms),
                      why);
    arena_free(&a);
}
