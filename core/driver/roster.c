#include "driver/roster.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/fault.h"
#include "base/list.h"
#include "base/log.h"
#include "base/stats.h"
#include "driver/found.h"
#include "driver/roster_complete.h"
#include "driver/roster_listing.h"
#include "driver/strange.h"
#include "driver/trip_object.h"
#include "score/analysis_json.h"
#include "store/keys.h"

/* Texts read for their figures are kept for the answer up to this much: a cold
 * read of most drivers gets each object once, and none fills the worker. */
#define KEEP_TEXT ((size_t)8 * 1024 * 1024)

/* ---- 1. the listing ---- */

static void add_found(struct roster_look *t, struct found *f)
{
    t->found = list_room(t->call.arena, t->found, t->n, sizeof *t->found);
    t->found[t->n++] = f;
}

/* Where a trip's object should be lies something else. */
static void note_no_object(struct found *f)
{
    struct err why = ERR_NONE;

    (void)err_set(&why, ST_CORRUPT, NULL, "what lies there is no object");
    found_report(f->entry.key, &why);
    f->trip.unreadable = f->counts = true;
}

static enum status note_listed(void *ctx, const struct object_entry *e)
{
    struct roster_look *t = ctx;
    struct str user_id, trip_id;
    int64_t end_ms;
    struct found *f;

    if (!key_parse_trip(e->key, &user_id, &trip_id, &end_ms)) {
        strange_key(t->call.user_id, e->key, t->strange++);
        return ST_OK;
    }
    f = arena_alloc(t->call.arena, sizeof *f);
    f->entry = *e;
    f->entry.key = arena_copy(t->call.arena, e->key);
    f->trip_id = arena_copy(t->call.arena, trip_id);
    f->end_ms = end_ms;
    if (!e->etag.z[0])
        note_no_object(f);
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
    t->passed = true;
    arena_reset(t->scratch);
    st = trip_object_open(f->entry.key, obj, t->scratch, &reading, t->call.err);
    if (st == ST_CORRUPT) {
        found_report(f->entry.key, t->call.err);
        err_clear(t->call.err);
        f->trip.unreadable = f->counts = true;
        return ST_OK;
    }
    if (st != ST_OK)
        return st;
    /* All else that outlives the scratch arena: the id is the listing's. */
    figures_keep(&reading.row.figures, t->call.arena);
    reading.row.trip_id = f->trip_id;
    /* Of what was unpacked on its way the store knows the size. */
    reading.row.size = f->entry.size;
    f->trip.row = reading.row;
    f->counts = true;
    roster_keep_text(&f->trip, &reading.text, &t->text_room, t->call.arena);
    return ST_OK;
}

/* Its own affair, or everybody's: found_judge_refused will know. */
static void refuse_found(struct roster_look *t, struct found *f,
                         const struct err *err)
{
    if (t->refusal.st == ST_OK)
        t->refusal = *err;
    f->refused = arena_copy(t->call.arena, str_of(err->text));
    f->trip.unreadable = f->counts = true;
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
        found_report(f->entry.key, err);
        f->trip.unreadable = f->counts = true;
        return ST_OK;
    case ST_DENIED:
        refuse_found(t, f, err);
        return ST_OK;
    case ST_BAD_REQUEST:
    case ST_NO_METHOD:
    case ST_NOT_ACCEPTABLE:
    case ST_NOT_OWNER:
    case ST_BUSY:
    case ST_UNAVAILABLE:
    case ST_TIMEOUT:
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

bool roster_look_over(const struct roster_look *look, size_t trips,
                      size_t bytes)
{
    size_t total = 0;

    for (size_t i = 0; i < look->seen.n && total <= bytes; i++)
        total += (size_t)look->seen.row[i].length;
    return look->n > trips || total > bytes;
}

/* ---- 7. figures that rows lack ---- */

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
        (st = dropped_or_moved(t)) != ST_OK || t->again ||
        (st = found_judge_refused(t)) != ST_OK)
        return st;
    found_choose(t, out);
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
    found_report(key_trip(a, c->user_id, t->row.trip_id, t->row.end_ms), why);
    arena_free(&a);
}
