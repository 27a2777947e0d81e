/*
 * claim.h - a trip claimed above whatever is stored of it.
 *
 * The revision of its record orders the analyses of a trip, as long as only we
 * write records. Another program's finalize replaces the record, and its
 * "delete account" removes it: then revisions would begin again, below those of
 * the objects that are there (rule 10 of doc/consistency.md; doc/foreign.md).
 */
#ifndef DG_SERVICE_CLAIM_H
#define DG_SERVICE_CLAIM_H

#include "driver/call.h"
#include "driver/summary.h"

enum status claim_take(const struct call *c, struct trip_claim *claim,
                       struct trip *out) MUST_CHECK;
/*
    As records_trip_claim, also of a trip that is unclaimed: then what is stored
    of it is looked at first, and the claim's revision is above that. Nothing
    more than the claim is asked for any other trip. Where the trip is known to
    be unclaimed, claim_look() beforehand saves the call that is refused.
 */

enum status claim_look(const struct call *c,
                       struct trip_claim *claim) MUST_CHECK;
/*
    Sets claim->unclaimed_to above the trip's row and objects.
 */

enum status claim_rise(const struct call *c, const struct summary *seen,
                       struct trip *t, bool *risen) MUST_CHECK;
/*
    A claim at or below what is stored of its trip, by the summary or by an
    object: if the record is still this claim's, it goes on above that, and t
    and *risen say so. Otherwise a later claim put that there.
 */

#endif
