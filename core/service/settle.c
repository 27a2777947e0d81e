#include "service/settle.h"

#include <assert.h>
#include "base/beside.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/stats.h"
#include "driver/driver.h"
#include "driver/packing.h"
#include "driver/summary.h"
#include "driver/trip_object.h"
#include "service/claim.h"

struct settling {
    const struct call *c;
    struct trip trip; /* as claimed; its revision may rise (claim_rise) */
    struct user user; /* empty for one the table does not know */
    struct trip_batches batches;
    struct scoring_input scoring;
    struct seeing {
        struct beside beside;
        struct arena *arena;
        struct summary summary;
        enum status st;
        struct err err;
    } seen; /* the summary, read while the records are asked */
    struct trip_object *object; /* of the settlement */
    struct summary_row other;   /* what the merge met */
    bool met;
    bool older;   /* there may be an older object of the trip */
    bool told;    /* the summary as it was seen has the row, and was written */
    bool ended;   /* the claim, in the records */
    bool refused; /* it was not the record's any more */
};

/* ---- what is needed beforehand ---- */

static void *see_summary(void *ctx)
{
    struct settling *w = ctx;
    struct call seeing = call_with(w->c, w->seen.arena, &w->seen.err);

    w->seen.st = summary_read(&seeing, &w->seen.summary);
    return NULL;
}

static void start_seeing(struct settling *w)
{
    /* An arena is one thread's. It lives as long as the call's: what is packed
     * after the answer points into it. */
    w->seen.arena = arena_within(w->c->arena, 0);
    beside_start(&w->seen.beside, see_summary, w);
}

static enum status load_user(struct settling *w)
{
    enum status st =
        records_user(w->c->stores->records, w->trip.user_id, w->c->deadline,
                     w->c->arena, &w->user, w->c->err);

    if (st != ST_NOT_FOUND)
        return st;
    /* His trips are scored with the fallback's zone and place: the app may
     * upload before an operator has entered him. */
    err_clear(w->c->err);
    w->user = (struct user){.user_id = w->trip.user_id};
    return ST_OK;
}

/* Fewer batches than the record counts: an upload is between its two steps, or
 * was when its worker died, long ago. Another's finalize leaves no time of the
 * last upload; it was before that. */
static bool upload_under_way(const struct settling *w, size_t batches)
{
    int64_t at = w->trip.updated_us != TIME_NONE ? w->trip.updated_us
                                                 : w->trip.finalized_us;

    return (int64_t)batches < trip_batches_due(&w->trip) && at != TIME_NONE &&
           !stores_past(w->c->stores, at, UPLOAD_GRACE);
}

/* Uploads refuse what is too large; this is of other writers, or of analyses
 * that have more to say than an object holds. What it says names the limit. A
 * reply of the store that is too large is no property of the trip. */
static enum status settle_over_limit(struct settling *w, struct settlement *to)
{
    const struct err *why = w->c->err;

    if (strcmp(why->code, "trip_too_large") != 0 &&
        strcmp(why->code, "analysis_too_large") != 0)
        return ST_TOO_LARGE;
    to->scored.insufficient = arena_printf(w->c->arena, "%s", why->text).p;
    to->how = SETTLED_INSUFFICIENT;
    err_clear(w->c->err);
    return ST_OK;
}

static enum status load_batches(struct settling *w, struct trip_batches *out,
                                struct settlement *to)
{
    enum status st =
        records_batches(w->c->stores->records, &w->trip, w->c->deadline,
                        w->c->arena, out, w->c->err);

    if (st == ST_TOO_LARGE) /* nor will it ever be less */
        return settle_over_limit(w, to);
    to->again = st == ST_OK && upload_under_way(w, out->n);
    return st;
}

static enum status score_batches(struct settling *w, struct settlement *out)
{
    enum status st;

    w->scoring = (struct scoring_input){
        .trip = &w->trip,
        .user = &w->user,
        .batches = &w->batches,
        .rules = score_rules_named(w->c->stores->conf->scoring_version),
    };
    if ((st = load_user(w)) == ST_OK &&
        (st = load_batches(w, &w->batches, out)) == ST_OK &&
        !out->scored.insufficient)
        st = scoring_analyse(&w->scoring, w->c->arena, &out->scored, w->c->err);
    if (st == ST_OK && out->scored.insufficient)
        out->how = SETTLED_INSUFFICIENT;
    w->object = &out->scored.object;
    return st;
}

/* ---- placing what came of it ---- */

static enum status place_object(struct settling *w, struct settlement *out)
{
    enum placed placed;
    enum status st;

    assert(w->object->key.n && w->seen.st == ST_OK);
    st = trip_object_put(w->c, w->object,
                         summary_find(&w->seen.summary, w->trip.trip_id),
                         &placed);
    if (st == ST_OK && placed == PLACED_SUPERSEDED)
        out->how = SETTLED_SUPERSEDED;
    return st;
}

/* Merge the row, then tidy. Giving up on the summary is no failure: the next
 * read repairs it, and the older object stays until reconcile. */
static enum status tell_summary(struct settling *w, struct settlement *out)
{
    enum merged merged;
    enum status st;

    assert(w->object->row.etag.z[0]); /* it lies there: trip_object_put */
    st = summary_add(w->c, &w->seen.summary, &w->object->row, &merged,
                     &w->other);
    if (st == ST_BUSY || st == ST_CORRUPT || st == ST_TOO_LARGE) {
        log_err(LOG_WARN, "summary_given_up", w->c->err);
        err_clear(w->c->err);
        stat_add(STAT_summary_given_up, 1);
        return ST_OK;
    }
    if (st != ST_OK)
        return st;
    w->met = merged != MERGED_NEW;
    w->told = merged != MERGED_SUPERSEDED;
    if (merged == MERGED_SUPERSEDED)
        out->how = SETTLED_SUPERSEDED;
    if (fault_point("finalize.after_summary"))
        return err_set(w->c->err, ST_UNAVAILABLE, NULL, "fault point");
    return trip_object_tidy(w->c, &w->object->row, w->met ? &w->other : NULL,
                            w->older);
}

/* c: the settling's, or the one beside it. */
static enum status end_claim(const struct call *c, struct settling *w,
                             enum analysis_status as)
{
    enum status st;

    assert(as == ANALYSIS_STORED || as == ANALYSIS_INSUFFICIENT);
    st = records_trip_stored(
        c->stores->records, w->trip.trip_id, w->trip.revision, as,
        as == ANALYSIS_STORED ? w->object->key : STR_NONE, c->deadline, c->err);

    if (st != ST_PRECONDITION)
        return st;
    /* A batch or another claim came since: that one ends it. */
    err_clear(c->err);
    w->refused = true;
    return ST_OK;
}

/* Another program's finalize ends nothing, and nobody else owes its scoring
 * (rule 10). */
static enum status who_ends_it(struct settling *w, struct settlement *out)
{
    struct trip now;
    enum status st = records_trip(w->c->stores->records, w->trip.trip_id,
                                  w->c->deadline, w->c->arena, &now, w->c->err);

    if (st == ST_OK)
        out->again = trip_is_unclaimed(&now);
    if (st != ST_NOT_FOUND)
        return st;
    err_clear(w->c->err); /* it was deleted: nothing is owed any more */
    return ST_OK;
}

struct ending {
    struct settling *w;
    enum status st;
    struct err err;
};

static void *end_stored(void *ctx)
{
    struct ending *e = ctx;
    struct call c = call_with(e->w->c, e->w->c->arena, &e->err);

    e->st = end_claim(&c, e->w, ANALYSIS_STORED);
    return NULL;
}

/* Of an earlier claim, or another writer's that the summary knew: a reader may
 * have put our row in that one's place since, so the merge may not meet it. */
static bool may_be_older(const struct settling *w)
{
    return w->trip.revision > 1 ||
           summary_find(&w->seen.summary, w->trip.trip_id);
}

/*
 * The summary may be told while the claim is ended: what it lacks, the next
 * read repairs. But not when there may be an older object to remove after
 * that: the claim must stay open until it is gone.
 */
static enum status tell_and_end(struct settling *w, struct settlement *out)
{
    struct ending e = {.w = w, .st = ST_OK, .err = ERR_NONE};
    struct beside beside;
    enum status st;

    assert(!w->ended);
    w->older = may_be_older(w);
    if (out->again || w->older)
        return tell_summary(w, out);
    beside_start(&beside, end_stored, &e);
    st = tell_summary(w, out);
    beside_wait(&beside);
    /* It was tried; when it failed, so does the settling, and the next claim
     * ends it. The summary's failure is told first: it was the call's own. */
    w->ended = true;
    if (st != ST_OK || e.st == ST_OK)
        return st;
    *w->c->err = e.err;
    return e.st;
}

static void count_settlement(const struct settlement *out)
{
    switch (out->how) {
    case SETTLED_STORED:
        stat_add(STAT_analyses_stored, 1);
        break;
    case SETTLED_INSUFFICIENT:
        stat_add(STAT_analyses_insufficient, 1);
        break;
    case SETTLED_SUPERSEDED:
        stat_add(STAT_analyses_superseded, 1);
        break;
    }
}

static enum status write_and_place(struct settling *w, struct settlement *out)
{
    enum status st =
        scoring_write(&w->scoring, w->c->arena, &out->scored, w->c->err);

    out->how = SETTLED_STORED;
    if (st == ST_TOO_LARGE)
        return settle_over_limit(w, out);
    return st == ST_OK ? place_object(w, out) : st;
}

/* A record that others removed began again, at or below what is stored of its
 * trip: the claim goes above that (rule 10). The revision stands in the
 * analysis, so it is written anew. */
static enum status place_above(struct settling *w, struct settlement *out)
{
    const struct summary_row *row =
        summary_find(&w->seen.summary, w->trip.trip_id);
    bool risen = false;
    enum status st = ST_OK;

    if (row && row->revision >= w->trip.revision)
        st = claim_rise(w->c, &w->seen.summary, &w->trip, &risen);
    if (st == ST_OK)
        st = write_and_place(w, out);
    if (st != ST_OK || out->how != SETTLED_SUPERSEDED || risen)
        return st;
    st = claim_rise(w->c, &w->seen.summary, &w->trip, &risen);
    return st == ST_OK && risen ? write_and_place(w, out) : st;
}

static enum status store_analysis(struct settling *w, struct settlement *out)
{
    enum status st;

    assert(out->how == SETTLED_STORED);
    if (w->seen.st != ST_OK) {
        *w->c->err = w->seen.err;
        return w->seen.st;
    }
    if ((st = place_above(w, out)) != ST_OK)
        return st;
    if (fault_point("finalize.after_object"))
        return err_set(w->c->err, ST_UNAVAILABLE, NULL, "fault point");
    /* A later claim's analysis lies there: its row is that claim's to write. Or
     * this one is none. */
    if (out->how != SETTLED_STORED)
        return ST_OK;
    return tell_and_end(w, out);
}

static enum status settle_in_order(struct settling *w, struct settlement *out)
{
    enum status st;

    start_seeing(w);
    st = score_batches(w, out);
    /* Also after a failure: the thread writes into this struct. */
    beside_wait(&w->seen.beside);
    if (st == ST_OK && out->how != SETTLED_INSUFFICIENT)
        st = store_analysis(w, out);
    if (st == ST_OK && !out->again && !w->ended)
        st = end_claim(w->c, w,
                       out->how == SETTLED_INSUFFICIENT ? ANALYSIS_INSUFFICIENT
                                                        : ANALYSIS_STORED);
    return st == ST_OK && w->refused ? who_ends_it(w, out) : st;
}

enum status settle_trip(const struct call *c, const struct trip *claimed,
                        struct settlement *out)
{
    struct settling w = {.c = c, .trip = *claimed};
    enum status st;

    assert(str_eq(c->user_id, claimed->user_id));
    *out = (struct settlement){.how = SETTLED_STORED};
    st = settle_in_order(&w, out);
    if (st == ST_OK && fault_point("finalize.before_token"))
        st = err_set(c->err, ST_UNAVAILABLE, NULL, "fault point");
    /* A loser replaces the token too: its reader must see the winner. */
    if (st == ST_OK)
        st = driver_changed(c);
    if (st != ST_OK)
        return st;
    count_settlement(out);
    if (w.told)
        packing_later(c, &w.seen.summary);
    return ST_OK;
}
