/*
 * reconcile_all.c - every driver, with one pass over each list.
 *
 * Who has objects, who is in the users' table and all trips are each listed
 * once and noted in a spill, in which everything about one driver comes
 * together; then the drivers follow, one after the other. Their trips may have
 * moved on since: claims are conditional, and the objects are listed anew.
 */
#include "service/reconcile.h"

#include <assert.h>
#include <string.h>
#include "base/list.h"
#include "base/log.h"
#include "store/keys.h"
#include "store/spill.h"

/* One who takes longer comes once more, when nobody waits for him. */
#define DRIVER_DEADLINE_MS 60000
#define AGAIN_DEADLINE_MS 300000
#define LIST_DEADLINE_MS (24 * 3600 * (int64_t)1000)
#define PAGE_DEADLINE_MS 60000
#define WALK_SEGMENTS 4

/* What is noted about a driver: that there are objects of one, or a user; or
 * what a trip needs, and behind that the trip. */
#define NOTE_OBJECTS 'o'
#define NOTE_USER 'u' /* is in the users' table */
static const char note_of[] = {
    [TRIP_NEEDS_NOTHING] = '\0', [TRIP_NEEDS_OBJECT] = 's',
    [TRIP_NEEDS_CLAIM] = 'p',    [TRIP_NEEDS_FOREIGN] = 'f',
    [TRIP_NEEDS_END] = 'a',
};
#define NOTE_MAX (1 + ID_MAX)

struct slow { /* a driver who needs more time */
    struct str user_id;
    const struct trip_note *trips;
    size_t n;
};

struct everybody {
    const struct call *c;
    struct reconcile_report *report;
    struct spill *notes;
    struct err walk_failed; /* some trips were not noted; then why */
    struct arena *a;        /* of the slow ones */
    struct slow *slow;
    size_t slow_n;
};

/* ---- noting ---- */

static enum status bucket_note(struct everybody *all, struct str user_id,
                               char kind, struct str trip_id)
{
    char text[NOTE_MAX];

    if (!id_valid(user_id)) /* no key can have it, and no call */
        return ST_OK;
    text[0] = kind;
    if (trip_id.n)
        memcpy(text + 1, trip_id.p, trip_id.n);
    return spill_add(all->notes, user_id, (struct str){text, 1 + trip_id.n},
                     all->c->err);
}

static enum status note_driver(void *ctx, struct str user_id)
{
    return bucket_note(ctx, user_id, NOTE_OBJECTS, STR_NONE);
}

static enum status note_user(void *ctx, const struct user *u)
{
    return bucket_note(ctx, u->user_id, NOTE_USER, STR_NONE);
}

/* In this order: who is entered meanwhile has no objects, rather than no user.
 */
static enum status note_drivers_and_users(struct everybody *all)
{
    struct stores *s = all->c->stores;
    struct deadline d = deadline_in(LIST_DEADLINE_MS);
    enum status st =
        objects_drivers(s->objects, d, note_driver, all, all->c->err);

    return st == ST_OK
               ? records_users(s->records, d, note_user, all, all->c->err)
               : st;
}

static void note_unreadable(struct everybody *all, const struct trip_seen *t)
{
    struct err why = ERR_NONE;

    (void)err_set(&why, ST_CORRUPT, NULL,
                  "its record has a revision that cannot be");
    all->report->failures++;
    log_err_of(LOG_WARN, "reconcile_failed", "trip_id", t->trip_id, &why);
}

static enum status note_trip(void *ctx, const struct trip_seen *t)
{
    struct everybody *all = ctx;
    enum trip_need need;

    if (!t->readable) {
        note_unreadable(all, t);
        return ST_OK;
    }
    need = trip_need(all->c->stores->conf, t);
    if (need == TRIP_NEEDS_NOTHING || !id_valid(t->trip_id))
        return ST_OK;
    return bucket_note(all, t->user_id, note_of[need], t->trip_id);
}

/* A page that cannot be had now is asked for again; the walk stands meanwhile.
 */
static enum status walk_step(struct everybody *all, struct trip_walk *w)
{
    enum status st;
    int tries = 0;

    do {
        err_clear(all->c->err);
        st = records_walk(all->c->stores->records, w,
                          deadline_in(PAGE_DEADLINE_MS), note_trip, all,
                          all->c->err);
    } while (trip_walk_again(&tries, st));
    return st;
}

static enum status note_trips(struct everybody *all)
{
    struct trip_walk *w = trip_walk_new(WALK_SEGMENTS);
    enum status st = ST_OK;

    while (st == ST_OK && !trip_walk_over(w))
        st = walk_step(all, w);
    trip_walk_free(&w);
    return st;
}

/* ---- drivers ---- */

static enum status reconcile_within(struct everybody *all, struct str user_id,
                                    const struct trip_note *trips, size_t n,
                                    int64_t ms, struct reconcile_report *report)
{
    struct err err = ERR_NONE;
    struct call c = call_with(all->c, NULL, &err);
    enum status st;

    c.user_id = user_id;
    c.deadline = deadline_in(ms);
    st = reconcile_noted(&c, trips, n, report);
    if (report->away) { /* then it is not he who failed */
        *all->c->err = err;
        report->drivers--;
        report->drivers_untried++;
    } else if (st != ST_OK) {
        report->failures++;
        log_err_of(LOG_WARN, "reconcile_failed", "user_id", user_id, &err);
    }
    return st;
}

static void note_slow(struct everybody *all, struct str user_id,
                      const struct trip_note *trips, size_t n)
{
    struct trip_note *own = arena_alloc_n(all->a, n + 1, sizeof *own);

    for (size_t i = 0; i < n; i++)
        own[i] =
            (struct trip_note){.trip_id = arena_copy(all->a, trips[i].trip_id),
                               .need = trips[i].need};
    all->slow = list_room(all->a, all->slow, all->slow_n, sizeof *all->slow);
    all->slow[all->slow_n++] =
        (struct slow){arena_copy(all->a, user_id), own, n};
}

/* One who is slow is as if he had not been tried, but for what was done. */
static void reconcile_one(struct everybody *all, struct str user_id,
                          const struct trip_note *trips, size_t n)
{
    struct reconcile_report before = *all->report;
    struct reconcile_report *r = all->report;

    if (reconcile_within(all, user_id, trips, n, DRIVER_DEADLINE_MS, r) !=
            ST_TIMEOUT ||
        r->away)
        return;
    /* What is scored is not to be counted once more. */
    note_slow(all, user_id, trips,
              r->trips_scored == before.trips_scored ? n : 0);
    r->drivers = before.drivers;
    r->failures = before.failures;
    r->drivers_left = before.drivers_left;
}

static void reconcile_slow(struct everybody *all)
{
    for (size_t i = 0; i < all->slow_n; i++) {
        const struct slow *s = &all->slow[i];

        if (all->report->away)
            all->report->drivers_untried++;
        else
            (void)reconcile_within(all, s->user_id, s->trips, s->n,
                                   AGAIN_DEADLINE_MS, all->report);
    }
}

static bool is_known(char kind)
{
    return kind == NOTE_OBJECTS || kind == NOTE_USER;
}

static enum trip_need need_noted(char kind)
{
    const char *at = memchr(note_of, kind, sizeof note_of);

    assert(at);
    return (enum trip_need)(at - note_of);
}

/* Items [from, to) are of one driver. */
static bool group_has(const struct spill_items *items, size_t from, size_t to,
                      char kind)
{
    for (size_t i = from; i < to; i++)
        if (items->v[i].value.p[0] == kind)
            return true;
    return false;
}

static bool group_is_orphan(const struct spill_items *items, size_t from,
                            size_t to)
{
    return group_has(items, from, to, NOTE_OBJECTS) &&
           !group_has(items, from, to, NOTE_USER);
}

/* Items [from, to) are of one driver. Trips that are neither ours and pending
 * nor a known driver's are what others left of one that they removed: nobody
 * reads them, and the service must not end them. */
static void reconcile_group(struct everybody *all,
                            const struct spill_items *items, size_t from,
                            size_t to, struct arena *a)
{
    struct trip_note *trips = arena_alloc_n(a, to - from, sizeof *trips);
    bool wanted = false;
    size_t n = 0;

    for (size_t i = from; i < to; i++) {
        struct str text = items->v[i].value;

        wanted = wanted || is_known(text.p[0]) ||
                 text.p[0] == note_of[TRIP_NEEDS_CLAIM];
        if (!is_known(text.p[0]))
            trips[n++] = (struct trip_note){.trip_id = {text.p + 1, text.n - 1},
                                            .need = need_noted(text.p[0])};
    }
    all->report->without_user += group_is_orphan(items, from, to);
    if (wanted && all->report->away)
        all->report->drivers_untried++;
    else if (wanted)
        reconcile_one(all, items->v[from].key, trips, n);
}

static enum status reconcile_bucket(struct everybody *all, int bucket,
                                    struct arena *a)
{
    struct spill_items items;
    enum status st = spill_bucket(all->notes, bucket, a, &items, all->c->err);

    for (size_t i = 0, next; st == ST_OK && i < items.n; i = next) {
        next = spill_group_end(&items, i);
        reconcile_group(all, &items, i, next, a);
    }
    return st;
}

static enum status reconcile_listed(struct everybody *all)
{
    struct arena *a;
    enum status st;

    if ((st = note_drivers_and_users(all)) != ST_OK)
        return st;
    if (note_trips(all) != ST_OK) {
        all->walk_failed = *all->c->err;
        err_clear(all->c->err);
    }
    a = arena_new(1024 * 1024);
    for (int i = 0; st == ST_OK && i < SPILL_BUCKETS; i++) {
        arena_reset(a);
        st = reconcile_bucket(all, i, a);
    }
    arena_free(&a);
    if (st == ST_OK)
        reconcile_slow(all);
    return st;
}

/* The stores that are away first: that explains the rest. */
static enum status reconcile_outcome(struct everybody *all)
{
    if (all->report->away)
        return all->c->err->st;
    if (all->walk_failed.st == ST_OK)
        return ST_OK;
    *all->c->err = all->walk_failed;
    return err_add(all->c->err, "a part of the trips could not be listed");
}

enum status reconcile_all(const struct call *c, struct reconcile_report *report)
{
    struct everybody all = {.c = c,
                            .report = report,
                            .notes = spill_new(c->stores->conf->server_spool),
                            .walk_failed = ERR_NONE,
                            .a = arena_new(0)};
    enum status st = reconcile_listed(&all);

    spill_free(&all.notes);
    arena_free(&all.a);
    if (st == ST_OK)
        st = reconcile_outcome(&all);
    return st == ST_OK ? objects_sweep(c->stores->objects,
                                       deadline_in(LIST_DEADLINE_MS), c->err)
                       : st;
}

/* ---- who is no user ---- */

enum status
reconcile_orphans(const struct call *c,
                  enum status (*each)(void *ctx, struct str user_id), void *ctx)
{
    struct everybody all = {.c = c,
                            .notes = spill_new(c->stores->conf->server_spool)};
    enum status st = note_drivers_and_users(&all);
    struct arena *a = arena_new(1024 * 1024);

    for (int b = 0; st == ST_OK && b < SPILL_BUCKETS; b++) {
        struct spill_items items;

        arena_reset(a);
        st = spill_bucket(all.notes, b, a, &items, c->err);
        for (size_t i = 0, next; st == ST_OK && i < items.n; i = next) {
            next = spill_group_end(&items, i);
            if (group_is_orphan(&items, i, next))
                st = each(ctx, items.v[i].key);
        }
    }
    arena_free(&a);
    spill_free(&all.notes);
    return st;
}
