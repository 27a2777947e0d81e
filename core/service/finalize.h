/*
 * finalize.h - POST /finalize-trip, and the scoring of one trip that
 * maintenance and reconcile share with it.
 */
#ifndef DG_SERVICE_FINALIZE_H
#define DG_SERVICE_FINALIZE_H

#include "base/buf.h"
#include "driver/call.h"

enum status finalize_trip(const struct call *c, struct str body,
                          struct buf *answer) MUST_CHECK;
/*
    ST_OK: the claim is durable, and the analysis is stored or will be without
    the client; answer is the JSON of doc/wire.md.
 */

enum status finalize_pending(const struct call *c,
                             struct str trip_id) MUST_CHECK;
/*
    Finishes a trip that was claimed but not stored: claims it anew and goes
    the same way. ST_OK also when there is nothing (more) to do; any other
    status means: try again later. ST_BUSY with FINALIZE_UPLOAD_UNDER_WAY as
    code: it was scored, and is to be once more when the upload is over.
 */
#define FINALIZE_UPLOAD_UNDER_WAY "upload_under_way"

enum status finalize_abandoned(const struct call *c,
                               const struct trip_claim *claim) MUST_CHECK;
/*
    A trip that no client finalizes (abandoned.h says which). ST_OK: it is
    claimed, and stored or left to maintenance. ST_NOT_FOUND, ST_PRECONDITION:
    it is not as it was seen.
 */

enum status finalize_lost(const struct call *c, struct str trip_id) MUST_CHECK;
/*
    The same for a trip that counts as stored, but whose object is gone.
 */

enum status finalize_foreign(const struct call *c, struct str trip_id,
                             bool *scored) MUST_CHECK;
/*
    The same for a trip whose record others' programs wrote (trip_is_foreign).
    *scored: whether there was something to do. There is not when the record is
    gone or not foreign any more, or is of a user who is not in the records.
 */

#endif
