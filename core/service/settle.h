/*
 * settle.h - from a claimed trip to its stored analysis.
 *
 * The one way that finalize, maintenance and reconcile go, in the order that
 * the consistency model was checked with:
 *
 *   batches -> score, beside: GET summary
 *           -> PUT trip object (only over an older one)
 *           -> merge the summary's row -> remove what was seen to be older
 *           -> record: analysis_status, analysis_key (if the claim still
 *              stands); beside the merge when nothing older can be there
 *           -> new cache token
 *           -> after the answer: packs, if they are due
 *
 * Any step may fail or be the last before a crash: the trip then stays
 * pending, and the next claim (a client's repeat or maintenance) completes it.
 */
#ifndef DG_SERVICE_SETTLE_H
#define DG_SERVICE_SETTLE_H

#include "driver/call.h"
#include "service/scoring.h"

enum settled {
    SETTLED_STORED,
    SETTLED_INSUFFICIENT, /* fewer than two deltas, or more than the records
                             hand out (records_batches): scored says it */
    SETTLED_SUPERSEDED    /* a later claim of the trip was first everywhere */
};

/* An upload may be between its two steps for as long as its request may run
 * (request_timeout, and a worker that is killed past it). */
#define UPLOAD_GRACE 2 /* timeouts */

struct settlement {
    enum settled how;
    struct scored scored; /* whether or not it was superseded */
    bool again; /* an upload was between its two steps, or another program
                   finalized the trip meanwhile: it must be settled once more */
};

enum status settle_trip(const struct call *c, const struct trip *claimed,
                        struct settlement *out) MUST_CHECK;
/*
    c->deadline bounds it all. ST_OK: stored (or nothing to store), and every
    reader sees it from now on. Otherwise the trip is still pending; out holds
    what was known until then.
 */

#endif
