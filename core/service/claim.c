#include "service/claim.h"

#include <assert.h>
#include "base/fault.h"
#include "base/stats.h"
#include "driver/trip_object.h"

/* Each is lost to another writer of the record in the same moment. */
#define CLAIM_TRIES 8

/*
 * Not just one more: a claim that was made before the record was replaced may
 * not have its object there yet. Nothing that is left says how far it went, so
 * the time leaps over it: milliseconds since 1970 are more than all claims and
 * batches that a trip can have had. Whatever clocks say, it is above what is
 * there.
 */
static enum status revision_above(int64_t there, int64_t *out, struct err *err)
{
    int64_t leap = clock_wall_us() / 1000;

    *out = there < leap ? leap : there + 1;
    return *out <= TRIP_MAX_REVISION
               ? ST_OK
               : err_set(err, ST_CORRUPT, "trip_corrupt",
                         "an object of the trip has revision %lld, and none "
                         "can be above",
                         (long long)there);
}

enum status claim_look(const struct call *c, struct trip_claim *claim)
{
    struct summary seen;
    int64_t there;
    enum status st = summary_read(c, &seen);

    if (st == ST_OK)
        st = trip_revision_there(c, claim->trip_id, &seen, &there);
    return st == ST_OK ? revision_above(there, &claim->unclaimed_to, c->err)
                       : st;
}

enum status claim_take(const struct call *c, struct trip_claim *claim,
                       struct trip *out)
{
    for (int tries = 0; tries < CLAIM_TRIES; tries++) {
        enum status st = records_trip_claim(c->stores->records, claim,
                                            c->deadline, c->arena, out, c->err);
        bool unclaimed = st == ST_PRECONDITION && trip_is_unclaimed(out);

        if (st == ST_OK && claim->unclaimed_to)
            stat_add(STAT_foreign_finalizes, 1);
        if (st != ST_PRECONDITION || (!unclaimed && !claim->unclaimed_to))
            return st;
        err_clear(c->err);
        claim->unclaimed_to = 0;
        claim->create = claim->create && !unclaimed;
        if (unclaimed && (st = claim_look(c, claim)) != ST_OK)
            return st;
        if (unclaimed && fault_point("claim.looked"))
            return err_set(c->err, ST_UNAVAILABLE, NULL, "fault point");
    }
    return err_set(c->err, ST_BUSY, "trip_contended",
                   "the trip's record changed %d times while it was claimed",
                   CLAIM_TRIES);
}

enum status claim_rise(const struct call *c, const struct summary *seen,
                       struct trip *t, bool *risen)
{
    int64_t there, to = 0;
    struct trip now;
    enum status st;

    *risen = false;
    st = records_trip(c->stores->records, t->trip_id, c->deadline, c->arena,
                      &now, c->err);
    if (st == ST_OK && now.revision == t->revision &&
        now.analysis_status == ANALYSIS_PENDING) {
        if ((st = trip_revision_there(c, t->trip_id, seen, &there)) != ST_OK)
            return st;
        st = revision_above(there, &to, c->err);
        if (st == ST_OK)
            st = records_trip_raise(c->stores->records, t, to, c->deadline,
                                    c->err);
        *risen = st == ST_OK;
    }
    if (*risen)
        t->revision = to;
    if (st == ST_NOT_FOUND || st == ST_PRECONDITION) {
        err_clear(c->err);
        return ST_OK;
    }
    return st;
}
