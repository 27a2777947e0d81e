#include "service/foreign.h"

#include <assert.h>
#include <stdlib.h>
#include "base/log.h"
#include "base/pause.h"
#include "base/stats.h"
#include "service/finalize.h"
#include "service/trouble.h"
#include "store/keys.h"
#include "store/outage.h"

/* A step's share of a pass: the spool waits meanwhile. */
#define STEP_MS 1000
#define PAGE_DEADLINE_MS 30000
#define TRIP_DEADLINE_MS 5000 /* what needs longer is a debt */
#define DRIVERS_PAUSED 64

struct foreign_trip {
    struct str user_id, trip_id;
    struct foreign_trip *next;
};

struct foreign {
    struct trip_walk *walk;     /* NULL: the next one is to come, */
    int64_t due_ms;             /* then */
    struct arena *arena;        /* of the trips found on the last page, */
    struct foreign_trip *found; /* of which these are left */
    int64_t scored;             /* in this walk */
    struct pauses *drivers;     /* whose trips failed: the spool has them */
};

struct foreign *foreign_new(void)
{
    struct foreign *f = calloc(1, sizeof *f);

    assert(f);
    f->arena = arena_new(4096);
    f->drivers = pauses_new(DRIVERS_PAUSED);
    return f;
}

void foreign_free(struct foreign **fp)
{
    struct foreign *f = *fp;

    if (!f)
        return;
    trip_walk_free(&f->walk);
    arena_free(&f->arena);
    pauses_free(&f->drivers);
    free(f);
    *fp = NULL;
}

/* ---- a page ---- */

static enum status foreign_note(void *ctx, const struct trip_seen *t)
{
    struct foreign *f = ctx;
    struct foreign_trip *found;

    /* Ids that no call can have are no trips of ours. */
    if (!t->readable || !t->foreign || !id_valid(t->trip_id) ||
        !id_valid(t->user_id))
        return ST_OK;
    found = arena_alloc(f->arena, sizeof *found);
    *found = (struct foreign_trip){.user_id = arena_copy(f->arena, t->user_id),
                                   .trip_id = arena_copy(f->arena, t->trip_id),
                                   .next = f->found};
    f->found = found;
    return ST_OK;
}

static enum status foreign_page(struct foreign *f, const struct call *c)
{
    enum status st;

    assert(!f->found);
    arena_reset(f->arena);
    st = records_walk(c->stores->records, f->walk,
                      deadline_in(PAGE_DEADLINE_MS), foreign_note, f, c->err);
    if (st != ST_OK)
        f->found = NULL; /* the page is passed again */
    return st;
}

/* ---- a trip ---- */

/* A driver of whom a trip cannot be scored delays no other: he is passed for a
 * while, and the spool goes on with what was tried. */
static enum status foreign_failed(struct foreign *f, const struct call *c,
                                  enum status st, int64_t took_ms)
{
    struct trouble trouble = {.away = false};

    if (!outage_is(st))
        return ST_OK;
    if (trouble_met(&trouble, c, st, took_ms) == TROUBLE_ALL)
        return st;
    pauses_failed(f->drivers, c->user_id, f->found->trip_id, took_ms);
    return ST_OK;
}

static enum status foreign_score(struct foreign *f, const struct call *c)
{
    struct foreign_trip *t = f->found;
    int64_t began = clock_mono_ms();
    const struct debt owed = {
        .kind = DEBT_trip, .user_id = t->user_id, .trip_id = t->trip_id};
    struct call one = *c;
    struct spool_entry entry;
    bool scored = false;
    enum status st, outcome;

    if (pauses_last(f->drivers, t->user_id)) {
        f->found = t->next; /* the next walk comes by */
        return ST_OK;
    }
    st = spool_owe(c->stores->spool, &owed, &entry, c->err);
    if (st != ST_OK)
        return st;
    one.user_id = t->user_id;
    one.deadline = deadline_in(TRIP_DEADLINE_MS);
    st = finalize_foreign(&one, t->trip_id, &scored);
    arena_reset(c->arena);
    /* Once claimed it is nobody else's to see: the spool remembers it. */
    if (st == ST_OK)
        spool_done(c->stores->spool, &entry);
    else
        spool_leave(c->stores->spool, &entry);
    outcome =
        st == ST_OK ? st : foreign_failed(f, &one, st, clock_mono_ms() - began);
    if (outcome != ST_OK)
        return outcome;
    f->found = t->next;
    f->scored += st == ST_OK && scored;
    err_clear(c->err); /* told when the spool's entry comes to its turn */
    return ST_OK;
}

/* ---- the walk ---- */

static void foreign_end(struct foreign *f, const struct call *c)
{
    struct walk_progress p = trip_walk_progress(f->walk);

    log_line(f->scored ? LOG_INFO : LOG_DEBUG, "foreign_walk",
             "trips=%lld scored=%lld", (long long)p.trips,
             (long long)f->scored);
    stat_add(STAT_foreign_walks, 1);
    trip_walk_free(&f->walk);
    f->scored = 0;
    f->due_ms = clock_mono_ms() + c->stores->conf->migration_foreign_every;
}

enum status foreign_step(struct foreign *f, const struct call *c)
{
    struct deadline end = deadline_in(STEP_MS);
    enum status st = ST_OK;

    if (!f->walk && clock_mono_ms() < f->due_ms)
        return ST_OK;
    if (!f->walk)
        f->walk = trip_walk_new(1); /* one page at a time: nobody waits */
    while (st == ST_OK && deadline_left_ms(end) > 0) {
        if (f->found) {
            st = foreign_score(f, c);
        } else if (!trip_walk_over(f->walk)) {
            st = foreign_page(f, c);
        } else {
            foreign_end(f, c);
            break;
        }
    }
    return st;
}
