/*
 * The life of a finalize: body -> spool entry (this host owes the trip an
 * analysis) -> claim in the records -> settle_trip -> spool entry done ->
 * answer. From the claim on the answer is 200: what settle_trip cannot finish
 * in time is `pending`, and the spool entry, on the disk by then, keeps the
 * promise. If this process dies, the entry leads maintenance to the claim; if
 * the machine does, before any answer, the client's next call or reconcile.
 */
#include "service/finalize.h"

#include <assert.h>
#include <stdio.h>
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stats.h"
#include "driver/driver.h"
#include "service/abandoned.h"
#include "service/claim.h"
#include "service/input.h"
#include "service/settle.h"

static enum status read_request(const struct call *c, struct str body,
                                struct trip_claim *claim,
                                struct input_warnings *w)
{
    struct json root, quality;
    enum status st;

    *claim = (struct trip_claim){.now_us = clock_wall_us()};
    if ((st = input_body(body, &root, c->err)) != ST_OK ||
        (st = input_ids(root, c->arena, &claim->user_id, &claim->trip_id,
                        c->err)) != ST_OK ||
        (st = input_time(root, "start_timestamp", c->arena, w, &claim->start_us,
                         c->err)) != ST_OK ||
        (st = input_time(root, "end_timestamp", c->arena, w, &claim->end_us,
                         c->err)) != ST_OK ||
        (st = input_object(root, "trip_quality", &quality, c->err)) != ST_OK)
        return st;
    /* Once, here: a repeat that says nothing again gets another end, and
     * another object; the summary leads to the older one (rule 2). */
    if (claim->end_us == TIME_NONE)
        claim->end_us = claim->now_us;
    if (quality.type != JSON_OBJECT)
        return ST_OK;
    /* Else the record would have no room for it beside a long trip's list of
     * batches. */
    if (quality.raw.n > TRIP_MAX_QUALITY)
        return err_set(c->err, ST_TOO_LARGE, "trip_quality_too_large",
                       "trip_quality has at most %zu bytes", TRIP_MAX_QUALITY);
    claim->trip_quality = arena_copy(c->arena, quality.raw);
    return ST_OK;
}

static enum status claim_trip(const struct call *c, struct trip_claim *claim,
                              struct trip *trip)
{
    enum status st;

    if (fault_point("finalize.before_claim"))
        return err_set(c->err, ST_UNAVAILABLE, NULL, "fault point");
    st = claim_take(c, claim, trip);
    /* A short trip has no batch, and so no record, or its batches are still to
     * come: the phone lets go of a trip on a 200 only. */
    if (st == ST_NOT_FOUND) {
        err_clear(c->err);
        claim->create = true;
        st = claim_take(c, claim, trip);
    }
    /* As if its reply had been lost: it has happened all the same. */
    if (st == ST_OK && fault_point("finalize.after_claim"))
        st = err_set(c->err, ST_TIMEOUT, NULL, "fault point");
    return st;
}

/* Whether the records said themselves that nothing was claimed. */
static bool claim_was_refused(enum status st)
{
    return st == ST_NOT_FOUND || st == ST_NOT_OWNER || st == ST_BAD_REQUEST ||
           st == ST_TOO_LARGE;
}

/* ---- the answer ---- */

static double duration_minutes(double seconds)
{
    double minutes = seconds / 60.0;

    return minutes < 1.0 ? 1.0 : minutes;
}

static double data_quality(const struct delta_counts *f)
{
    double n = (double)f->deltas, score = 0;

    if (n == 0)
        return 0;
    score += (n - (double)f->stationary) / n > 0.5 ? 0.3 : 0;
    score += (double)f->speed.n / n > 0.5 ? 0.2 : 0;
    score += (double)f->accurate / n > 0.7 ? 0.3 : 0;
    score += f->moved > 5 ? 0.2 : 0;
    return score;
}

static void put_times(const struct trip *t, struct json_out *o)
{
    char text[TIME_TEXT_MAX];
    double seconds;

    json_put_str(o, "trip_id", t->trip_id);
    /* Not 0 seconds: that would be invented (rule 9). */
    if (t->start_us == TIME_NONE) {
        json_put_null(o, "start_timestamp");
        json_put_str(o, "end_timestamp", time_print(t->end_us, text));
        json_put_null(o, "duration_seconds");
        json_put_null(o, "duration_minutes");
        return;
    }
    seconds = ((double)t->end_us - (double)t->start_us) / 1e6;
    json_put_str(o, "start_timestamp", time_print(t->start_us, text));
    json_put_str(o, "end_timestamp", time_print(t->end_us, text));
    json_put_fixed(o, "duration_seconds", seconds, 1);
    json_put_fixed(o, "duration_minutes", duration_minutes(seconds), 1);
}

/* Before the batches were read there is nothing to say of the deltas: null. */
static void put_unknown_counts(const struct trip *t, struct json_out *o)
{
    static const char *const names[] = {"total_deltas_analyzed",
                                        "movement_detected", "trip_validity",
                                        "data_quality_score"};

    json_put_int(o, "total_batches", t->total_batches);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        json_put_null(o, names[i]);
    json_put_null(o, "batch_aggregation_summary");
}

static void put_counts(const struct scored *done, struct json_out *o)
{
    const struct delta_counts *f = &done->counts;
    double quality = data_quality(f);
    char rate[16] = "0.0%";

    assert(done->has_counts);
    if (done->original_deltas > 0)
        snprintf(rate, sizeof rate, "%.1f%%",
                 100.0 * (double)f->deltas / (double)done->original_deltas);
    json_put_int(o, "total_batches", (int64_t)done->batches);
    json_put_int(o, "total_deltas_analyzed", (int64_t)f->deltas);
    json_put_bool(o, "movement_detected", f->moved > 0);
    json_put_z(o, "trip_validity", quality > 0.6 ? "valid" : "questionable");
    json_put_fixed(o, "data_quality_score", quality, 2);
    json_begin_object(o, "batch_aggregation_summary");
    json_put_int(o, "total_batches", (int64_t)done->batches);
    json_put_int(o, "total_deltas", (int64_t)f->deltas);
    json_put_z(o, "acceptance_rate", rate);
    json_end_object(o);
}

/* Why it is not settled, as far as it is a client's business. */
static const char *pending_reason(enum status st)
{
    switch (st) {
    case ST_TIMEOUT:
        return "the stores did not answer in time; the analysis follows by "
               "itself";
    case ST_BUSY:
    case ST_PRECONDITION:
        return "other calls changed the trip meanwhile; the analysis follows "
               "by itself";
    case ST_UNAVAILABLE:
    case ST_DENIED:
        return "the stores cannot be used now; the analysis follows by itself";
    case ST_CORRUPT:
    case ST_TOO_LARGE:
    case ST_INTERNAL:
    case ST_OK:
    case ST_BAD_REQUEST:
    case ST_NOT_FOUND:
    case ST_NO_METHOD:
    case ST_NOT_ACCEPTABLE:
    case ST_NOT_OWNER:
    case ST_GONE_CLIENT:
    case ST_COUNT:
        break;
    }
    return "the trip could not be analysed; it is tried again by itself";
}

/* unsettled: why; ST_OK for a trip that is settled. */
static void put_analysis(const struct conf *conf, enum status unsettled,
                         const struct settlement *done, struct json_out *o)
{
    bool settled = unsettled == ST_OK;
    bool stored = settled && done->how != SETTLED_INSUFFICIENT;
    const struct analysis *an = &done->scored.analysis;

    assert(stored || !settled || done->scored.insufficient);
    json_begin_object(o, "analysis");
    json_put_z(o, "status",
               stored    ? "stored"
               : settled ? "insufficient_data"
                         : "pending");
    if (stored) {
        json_put_double(o, "behavior_score", an->behavior_score);
        json_put_z(o, "behavior_category", an->behavior_category);
        json_put_double(o, "total_distance_miles", an->distance_miles);
    } else {
        json_put_null(o, "behavior_score");
        json_put_null(o, "behavior_category");
        json_put_null(o, "total_distance_miles");
        json_put_z(o, "reason",
                   settled ? done->scored.insufficient
                           : pending_reason(unsettled));
    }
    json_put_z(o, "scoring_version", conf->scoring_version);
    json_end_object(o);
}

static void put_finalize_answer(const struct conf *conf, const struct trip *t,
                                enum status unsettled,
                                const struct settlement *done,
                                const struct input_warnings *w,
                                struct buf *answer)
{
    struct json_out o = {.b = answer};
    struct json quality = json_of(t->trip_quality);

    json_begin_object(&o, NULL);
    json_put_z(&o, "message", "Trip finalized successfully");
    put_times(t, &o);
    if (done->scored.has_counts)
        put_counts(&done->scored, &o);
    else
        put_unknown_counts(t, &o);
    json_put_bool(&o, "iphone_gps_enabled",
                  json_member(quality, "use_gps_metrics").type == JSON_TRUE);
    put_analysis(conf, unsettled, done, &o);
    input_put_warnings(w, &o);
    json_end_object(&o);
}

/* ---- the call ---- */

/* What maintenance has still to do is promised by the answer, even if the
 * machine stops right after it. */
static enum status promise_trip(const struct call *c, struct spool_entry *entry)
{
    enum status st;

    assert(entry->fd >= 0);
    st = spool_keep(c->stores->spool, entry, c->err);
    /* After the sync: maintenance may finish and remove it from here on. */
    spool_leave(c->stores->spool, entry);
    return st;
}

static enum status settle_claimed(const struct call *c, const struct trip *t,
                                  struct spool_entry *entry,
                                  const struct input_warnings *w,
                                  struct buf *answer)
{
    struct settlement *done = arena_alloc(c->arena, sizeof *done);
    struct err why = ERR_NONE;
    struct call settling = call_with(c, c->arena, &why);
    enum status unsettled = settle_trip(&settling, t, done), st = ST_OK;
    bool settled = unsettled == ST_OK;

    abandoned_forget(c, t);
    /* Not the client's error: his trip is claimed, and 200 is due (rule 1). */
    if (!settled)
        log_err(LOG_WARN, "finalize_pending", &why);
    if (settled && !done->again)
        spool_done(c->stores->spool, entry);
    else
        st = promise_trip(c, entry);
    if (st != ST_OK)
        return st;
    if (!settled)
        stat_add(STAT_analyses_pending, 1);
    stat_add(STAT_trips_finalized, 1);
    input_warned(w, t->user_id, t->trip_id);
    put_finalize_answer(c->stores->conf, t, unsettled, done, w, answer);
    return ST_OK;
}

/* Else the claim may have happened, and only its reply was lost, or not
 * understood, or a repeat of it refused; maintenance looks. */
static void end_unclaimed(const struct call *c, enum status st,
                          struct spool_entry *entry)
{
    if (claim_was_refused(st))
        spool_done(c->stores->spool, entry);
    else
        spool_leave(c->stores->spool, entry);
}

enum status finalize_trip(const struct call *c, struct str body,
                          struct buf *answer)
{
    struct input_warnings warnings = {.n = 0};
    struct call inner = *c;
    struct trip_claim claim;
    struct spool_entry entry;
    struct debt owed;
    struct trip trip;
    enum status st;

    /* Sooner than the request's own: what is left of that is for the answer,
     * and for the client not to give up before it. */
    inner.deadline =
        deadline_sooner(c->deadline, c->stores->conf->server_finalize_timeout);
    if ((st = read_request(c, body, &claim, &warnings)) != ST_OK)
        return st;
    owed = (struct debt){
        .kind = DEBT_trip, .user_id = claim.user_id, .trip_id = claim.trip_id};
    st = spool_owe(c->stores->spool, &owed, &entry, c->err);
    if (st != ST_OK)
        return st;
    inner.user_id = claim.user_id;
    /* The entry is there before the claim: a worker that dies in between leaves
     * one that leads to nothing, and no claim that nobody remembers (rule 1).
     */
    st = claim_trip(&inner, &claim, &trip);
    if (st == ST_OK)
        return settle_claimed(&inner, &trip, &entry, &warnings, answer);
    end_unclaimed(c, st, &entry);
    return st;
}

enum status finalize_abandoned(const struct call *c,
                               const struct trip_claim *claim)
{
    const struct debt owed = {.kind = DEBT_trip,
                              .user_id = claim->user_id,
                              .trip_id = claim->trip_id};
    struct settlement *done = arena_alloc(c->arena, sizeof *done);
    struct spool_entry entry;
    struct trip trip;
    enum status st = spool_owe(c->stores->spool, &owed, &entry, c->err);

    assert(claim->abandoned && str_eq(c->user_id, claim->user_id));
    if (st != ST_OK)
        return st;
    st = records_trip_claim(c->stores->records, claim, c->deadline, c->arena,
                            &trip, c->err);
    if (st != ST_OK) {
        end_unclaimed(c, st, &entry);
        return st;
    }
    stat_add(STAT_trips_abandoned, 1);
    if (settle_trip(c, &trip, done) == ST_OK && !done->again) {
        spool_done(c->stores->spool, &entry);
        return ST_OK;
    }
    /* Claimed is claimed: the entry is maintenance's from here on. */
    if (c->err->st != ST_OK)
        log_err(LOG_WARN, "finalize_pending", c->err);
    err_clear(c->err);
    spool_leave(c->stores->spool, &entry);
    return ST_OK;
}

static enum status settle_again(const struct call *c, struct trip_claim *claim)
{
    struct settlement *done = arena_alloc(c->arena, sizeof *done);
    struct trip trip;
    enum status st;

    assert(claim->rescore && c->user_id.n);
    st = claim_take(c, claim, &trip);
    if (st == ST_NOT_FOUND || st == ST_NOT_OWNER || st == ST_PRECONDITION) {
        /* Nothing was promised, or it was kept up to the last step: all that
         * can be missing then is the token. */
        err_clear(c->err);
        return driver_changed(c);
    }
    if (st == ST_OK)
        st = settle_trip(c, &trip, done);
    if (st != ST_OK)
        return st;
    stat_add(STAT_trips_rescored, 1);
    /* Not ST_OK: the caller would forget a trip that lacks a batch. */
    return done->again
               ? err_set(c->err, ST_BUSY, FINALIZE_UPLOAD_UNDER_WAY,
                         "an upload of this trip is under way, or another "
                         "program has just finalized it")
               : ST_OK;
}

enum status finalize_pending(const struct call *c, struct str trip_id)
{
    struct trip_claim claim = {.user_id = c->user_id,
                               .trip_id = trip_id,
                               .rescore = true,
                               .now_us = clock_wall_us()};

    return settle_again(c, &claim);
}

enum status finalize_lost(const struct call *c, struct str trip_id)
{
    struct trip_claim claim = {.user_id = c->user_id,
                               .trip_id = trip_id,
                               .rescore = true,
                               .lost = true,
                               .now_us = clock_wall_us()};

    return settle_again(c, &claim);
}

/* Of a driver who is gone nothing is scored: his trips are what another's
 * deletion left. */
static enum status foreign_is_due(const struct call *c, struct str trip_id,
                                  struct trip *t, bool *due)
{
    struct user user;
    enum status st = records_trip(c->stores->records, trip_id, c->deadline,
                                  c->arena, t, c->err);

    *due = st == ST_OK && str_eq(t->user_id, c->user_id) && trip_is_foreign(t);
    if (*due)
        st = records_user(c->stores->records, c->user_id, c->deadline, c->arena,
                          &user, c->err);
    if (st != ST_NOT_FOUND)
        return st;
    err_clear(c->err);
    *due = false;
    return ST_OK;
}

enum status finalize_foreign(const struct call *c, struct str trip_id,
                             bool *scored)
{
    struct trip_claim claim = {.user_id = c->user_id,
                               .trip_id = trip_id,
                               .rescore = true,
                               .now_us = clock_wall_us()};
    struct trip t;
    enum status st = foreign_is_due(c, trip_id, &t, scored);

    if (st != ST_OK || !*scored)
        return st;
    claim.seen_revision = t.revision;
    if (trip_is_unclaimed(&t))
        st = claim_look(c, &claim);
    else
        stat_add(STAT_foreign_changes, 1);
    return st == ST_OK ? settle_again(c, &claim) : st;
}
