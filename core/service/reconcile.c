#include "service/reconcile_impl.h"

#include <assert.h>
#include <stdlib.h>
#include "base/list.h"
#include "base/log.h"
#include "base/stats.h"
#include "driver/driver.h"
#include "driver/packing.h"
#include "driver/roster.h"
#include "driver/trip_object.h"
#include "service/abandoned.h"
#include "service/finalize.h"
#include "service/settle.h"
#include "store/keys.h"

#define TRIP_DEADLINE_MS 30000

/* ---- what is there ---- */

static enum status note_object(void *ctx, const struct object_entry *e)
{
    struct work *w = ctx;
    struct object_here here = {.age = {.revision = -1}};
    struct str user_id, trip_id;

    if (!key_parse_trip(e->key, &user_id, &trip_id, &here.age.end_ms))
        return ST_OK; /* the roster names it in the log */
    w->object = list_room(w->call.arena, w->object, w->n, sizeof *w->object);
    here.key = arena_copy(w->call.arena, e->key);
    here.trip_id = arena_copy(w->call.arena, trip_id);
    here.etag = e->etag;
    here.age.modified_us = e->modified_us;
    w->object[w->n++] = here;
    return ST_OK;
}

static int object_by_trip(const void *pa, const void *pb)
{
    const struct object_here *a = pa, *b = pb;
    int c = str_cmp(a->trip_id, b->trip_id);

    return c ? c
             : (a->age.end_ms > b->age.end_ms) -
                   (a->age.end_ms < b->age.end_ms);
}

static enum status list_objects(struct work *w)
{
    int pages;
    enum status st;

    w->n = 0;
    st = objects_list(w->call.stores->objects,
                      key_trips_prefix(w->call.arena, w->call.user_id),
                      w->call.deadline, note_object, w, &pages, w->call.err);
    if (st == ST_OK && w->n)
        qsort(w->object, w->n, sizeof *w->object, object_by_trip);
    return st;
}

static bool has_object(const struct work *w, struct str trip_id)
{
    struct object_here sought = {.trip_id = trip_id,
                                 .age = {.end_ms = INT64_MIN}};
    size_t low = 0, high = w->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (object_by_trip(&w->object[mid], &sought) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low < w->n && str_eq(w->object[low].trip_id, trip_id);
}

/* ---- trips without their analysis ---- */

enum trip_need trip_need(const struct conf *conf, const struct trip_seen *t)
{
    if (abandoned_is(conf, t->status, t->updated_us))
        return TRIP_NEEDS_END;
    if (t->status != TRIP_COMPLETED)
        return TRIP_NEEDS_NOTHING;
    if (t->foreign) /* also a pending one, when another finalized it */
        return TRIP_NEEDS_FOREIGN;
    switch (t->analysis_status) {
    case ANALYSIS_PENDING:
        return TRIP_NEEDS_CLAIM;
    case ANALYSIS_NONE:
    case ANALYSIS_STORED:
        return TRIP_NEEDS_OBJECT;
    case ANALYSIS_INSUFFICIENT:
        return TRIP_NEEDS_NOTHING;
    }
    return TRIP_NEEDS_NOTHING;
}

static enum status end_abandoned(const struct call *c, struct str trip_id)
{
    struct trip t;
    enum status st = records_trip(c->stores->records, trip_id, c->deadline,
                                  c->arena, &t, c->err);

    if (st == ST_OK && str_eq(t.user_id, c->user_id) &&
        abandoned_is(c->stores->conf, t.status, t.updated_us))
        st = abandoned_finalize(c, &t);
    if (st == ST_NOT_FOUND || st == ST_PRECONDITION) { /* it has moved on */
        err_clear(c->err);
        st = ST_OK;
    }
    return st;
}

static enum status score_needed(const struct call *c, const struct work *w,
                                const struct trip_note *t, bool *scored)
{
    *scored = true;
    switch (t->need) {
    case TRIP_NEEDS_CLAIM:
        return finalize_pending(c, t->trip_id);
    case TRIP_NEEDS_FOREIGN:
        return finalize_foreign(c, t->trip_id, scored);
    case TRIP_NEEDS_OBJECT:
        if (!has_object(w, t->trip_id))
            return finalize_lost(c, t->trip_id);
        break;
    case TRIP_NEEDS_END:
        return end_abandoned(c, t->trip_id);
    case TRIP_NEEDS_NOTHING:
        break;
    }
    *scored = false;
    return ST_OK;
}

static void score_trip_again(struct work *w, const struct trip_note *t)
{
    struct call c = call_with(&w->call, w->trip, w->call.err);
    bool scored;

    c.deadline = deadline_in(TRIP_DEADLINE_MS);
    if (score_needed(&c, w, t, &scored) == ST_OK) {
        w->report->trips_scored += scored;
        reconcile_passed(w);
    } else if (strcmp(w->call.err->code, FINALIZE_UPLOAD_UNDER_WAY) == 0) {
        reconcile_early(
            w, "score", t->trip_id,
            stores_past_ms(w->call.stores, clock_wall_us(), UPLOAD_GRACE));
        reconcile_passed(w);
    } else {
        reconcile_failed(w, "score", t->trip_id);
    }
    arena_reset(w->trip);
}

static enum status score_listed(void *ctx, const struct trip *t)
{
    struct work *w = ctx;
    struct trip_seen seen = {.status = t->status,
                             .analysis_status = t->analysis_status,
                             .updated_us = t->updated_us,
                             .foreign = trip_is_foreign(t)};
    struct trip_note note = {.trip_id = t->trip_id,
                             .need = trip_need(w->call.stores->conf, &seen)};

    if (id_valid(t->trip_id) && !reconcile_is_over(w))
        score_trip_again(w, &note);
    return ST_OK;
}

static enum status score_trips(struct work *w)
{
    enum status st;

    if (!w->noted) {
        st = records_trips_of(w->call.stores->records, w->call.user_id,
                              w->call.deadline, score_listed, w, w->call.err);
        if (st != ST_CORRUPT)
            return st;
        reconcile_failed(w, "read a trip's record", STR_NONE);
        return ST_OK;
    }
    for (size_t i = 0; i < w->notes && !reconcile_is_over(w); i++)
        score_trip_again(w, &w->note[i]);
    return ST_OK;
}

/* ---- doubles ---- */

static enum status read_revision(struct work *w, struct object_here *o)
{
    struct trip_reading reading;
    struct object obj;
    enum status st;

    if (!o->etag.z[0]) /* it is no object, so not known to be older than one */
        return ST_OK;
    st = objects_get(w->call.stores->objects, o->key, &o->etag, TRIP_JSON_MAX,
                     w->call.deadline, w->trip, &obj, w->call.err);
    if (st == ST_OK)
        st = trip_object_open(o->key, &obj, w->trip, &reading, w->call.err);
    o->age.revision = st == ST_OK ? reading.row.revision : -1;
    arena_reset(w->trip);
    if (st == ST_NOT_FOUND || st == ST_PRECONDITION || st == ST_CORRUPT ||
        st == ST_TOO_LARGE) {
        err_clear(w->call.err);
        return ST_OK;
    }
    return st;
}

/* Where the store cannot delete conditionally, only when no finalize of the
 * trip can be running any more: its object would have been written within the
 * time of a request. */
static void remove_object(struct work *w, const struct object_here *o,
                          const struct object_here *later)
{
    const struct stores *s = w->call.stores;
    int64_t last_us = o->age.modified_us > later->age.modified_us
                          ? o->age.modified_us
                          : later->age.modified_us;
    enum status st;

    assert(trip_later(&later->age, &o->age)); /* rule 2 */
    st = objects_delete(w->call.stores->objects, o->key, &o->etag,
                        w->call.deadline, w->call.err);
    if (st == ST_BUSY && !stores_quiet(s, last_us)) {
        reconcile_early(w, "remove", o->trip_id,
                        stores_past_ms(s, last_us, STORES_QUIET));
        return;
    }
    if (st == ST_BUSY) {
        err_clear(w->call.err);
        st = objects_delete_unwatched(w->call.stores->objects, o->key,
                                      w->call.deadline, w->call.err);
    }
    if (st == ST_OK)
        w->report->objects_removed++;
    else
        reconcile_failed(w, "remove", o->trip_id);
}

static bool is_told(const struct summary *now, const struct object_here *o)
{
    const struct summary_row *row = summary_find(now, o->trip_id);

    assert(o->age.revision >= 0); /* it was read */
    return row && (row->revision > o->age.revision ||
                   summary_row_is_of(row, o->age.end_ms, &o->etag));
}

/* Objects [from, to) are of one trip. Unreadable ones are left for a person. A
 * reader who has listed where the latest was not yet, and looks later where the
 * older is no more, finds the trip by the summary's row alone. */
static enum status leave_latest(struct work *w, size_t from, size_t to,
                                const struct summary *now)
{
    struct object_here *latest = NULL;

    assert(from < to && to <= w->n);
    for (size_t i = from; i < to; i++) {
        enum status st = read_revision(w, &w->object[i]);

        if (st != ST_OK)
            return st;
        if (w->object[i].age.revision >= 0 &&
            (!latest || trip_later(&w->object[i].age, &latest->age)))
            latest = &w->object[i];
    }
    if (latest && !is_told(now, latest))
        return err_set(w->call.err, ST_BUSY, NULL,
                       "the summary does not have the latest object's row");
    /* Not "whatever is not the latest": a listing is no snapshot, and one that
     * gave a key twice would have the only object removed. */
    for (size_t i = from; i < to; i++)
        if (latest && w->object[i].age.revision >= 0 &&
            trip_later(&latest->age, &w->object[i].age))
            remove_object(w, &w->object[i], latest);
    return ST_OK;
}

static void remove_doubles(struct work *w, const struct summary *now)
{
    for (size_t i = 0, next; i < w->n && !reconcile_is_over(w); i = next) {
        for (next = i + 1; next < w->n && str_eq(w->object[next].trip_id,
                                                 w->object[i].trip_id);)
            next++;
        if (next - i > 1 && leave_latest(w, i, next, now) != ST_OK)
            reconcile_failed(w, "doubles", w->object[i].trip_id);
    }
}

/* ---- records behind their objects ---- */

/* The record's, where the object's key says the same. */
static int64_t end_of_object(const struct trip *t,
                             const struct summary_row *row)
{
    return t->end_us != TIME_NONE && time_ms(t->end_us) == row->end_ms
               ? t->end_us
               : row->end_ms * 1000;
}

static enum status move_record(struct work *w, const struct summary_row *row)
{
    struct str key =
        key_trip(w->trip, w->call.user_id, row->trip_id, row->end_ms);
    struct trip t;
    enum status st;

    st = records_trip(w->call.stores->records, row->trip_id, w->call.deadline,
                      w->trip, &t, w->call.err);
    assert(row->revision > 0);
    /* Another user's trip of the same id is his affair. A record without a
     * revision is no earlier state of ours: it is another program's, and
     * nothing that is stored is adopted for it (rule 10). */
    if (st == ST_OK && str_eq(t.user_id, w->call.user_id) && t.revision > 0 &&
        t.revision < row->revision) {
        st = records_trip_forward(
            w->call.stores->records, row->trip_id, t.revision, row->revision,
            key, end_of_object(&t, row), w->call.deadline, w->call.err);
        w->report->records_moved += st == ST_OK;
    }
    arena_reset(w->trip);
    if (st == ST_NOT_FOUND || st == ST_PRECONDITION) {
        err_clear(w->call.err);
        return ST_OK;
    }
    return st;
}

/* ---- packs that are gone, and packs that nobody needs ---- */

static void forget_lost_packs(const struct roster *r,
                              const struct packs_here *here)
{
    for (size_t i = 0; i < r->n; i++) {
        struct summary_row *row = &r->trip[i]->row;

        /* The packer would wait for it, and readers ask for it, at every run.
         */
        if (row->pack != PACK_NONE && !packs_find(here, row->pack))
            row->pack = PACK_NONE;
    }
}

static bool is_named(const struct summary *sum, int64_t number)
{
    for (size_t i = 0; i < sum->n; i++)
        if (sum->row[i].pack == number)
            return true;
    return false;
}

static void remove_pack(struct work *w, const struct pack_here *p)
{
    struct str key = key_pack(w->trip, w->call.user_id, p->number);
    enum status st;

    assert(p->number > PACK_NONE);
    st = objects_delete(w->call.stores->objects, key, &p->etag,
                        w->call.deadline, w->call.err);
    /* It is quiet and not named, and packs are never the truth: without the
     * condition the worst is a round of single reads. */
    if (st == ST_BUSY) {
        err_clear(w->call.err);
        st = objects_delete_unwatched(w->call.stores->objects, key,
                                      w->call.deadline, w->call.err);
    }
    if (st == ST_OK) {
        w->report->packs_removed++;
    } else if (st == ST_PRECONDITION) { /* it is in use again */
        err_clear(w->call.err);
    } else {
        reconcile_failed(w, "remove", key);
    }
}

/* One that is not quiet may be named in a moment by whoever wrote it. */
static void remove_packs(struct work *w, const struct packs_here *here,
                         const struct summary *now)
{
    for (size_t i = 0; summary_is_ours(now) && i < here->n; i++)
        if (stores_quiet(w->call.stores, here->pack[i].modified_us) &&
            !is_named(now, here->pack[i].number))
            remove_pack(w, &here->pack[i]);
    arena_reset(w->trip);
}

/* ---- the driver ---- */

/* What is to go goes only when the summary, as it is then, says so. */
static enum status put_in_order(struct work *w)
{
    struct packs_here here;
    struct summary now;
    struct roster r;
    enum status st;

    /* What the summary named when it was read must be there by now. */
    if ((st = roster_read(&w->call, NULL, &r)) != ST_OK ||
        (st = packs_list(&w->call, &here)) != ST_OK)
        return st;
    forget_lost_packs(&r, &here);
    roster_repair(&w->call, &r);
    /* As it is now, not as it was written: the repair may have failed, or been
     * overtaken. */
    if ((st = summary_read(&w->call, &now)) != ST_OK)
        return st;
    remove_packs(w, &here, &now);
    remove_doubles(w, &now);
    for (size_t i = 0; i < r.n && !reconcile_is_over(w); i++)
        if (r.trip[i]->row.revision > 0 &&
            move_record(w, &r.trip[i]->row) != ST_OK)
            reconcile_failed(w, "record", r.trip[i]->row.trip_id);
    return driver_changed(&w->call);
}

static enum status reconcile_in(struct work *w)
{
    enum status st;

    w->report->drivers++;
    w->step_ms = clock_mono_ms();
    /* Listed again after scoring, which has put objects, and removed some. */
    if ((st = list_objects(w)) != ST_OK || (st = score_trips(w)) != ST_OK ||
        w->trouble.away || (st = list_objects(w)) != ST_OK)
        return st;
    return put_in_order(w);
}

static enum status reconcile_work(struct work *w)
{
    enum status st;

    assert(w->call.user_id.n && w->report);
    w->call.arena = arena_new(1024 * 1024);
    w->trip = arena_new(1024 * 1024);
    st = reconcile_ended(w, reconcile_in(w));
    arena_free(&w->trip);
    arena_free(&w->call.arena);
    return st;
}

enum status reconcile_driver(const struct call *c,
                             struct reconcile_report *report)
{
    struct work w = {.call = *c, .report = report};

    return reconcile_work(&w);
}

enum status reconcile_noted(const struct call *c, const struct trip_note *note,
                            size_t notes, struct reconcile_report *report)
{
    struct work w = {.call = *c,
                     .report = report,
                     .note = note,
                     .notes = notes,
                     .noted = true};

    return reconcile_work(&w);
}
