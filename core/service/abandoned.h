/*
 * abandoned.h - trips that nobody finalizes: no network at their end, an app
 * that was killed. After trips.abandoned_after without an upload the service
 * does it (doc/abandoned.md).
 *
 * The host that made a trip's record owes it a look (DEBT_open), and takes that
 * back when the trip is finalized there. The look is maintenance's; reconcile
 * finds the trips whose host is gone.
 */
#ifndef DG_SERVICE_ABANDONED_H
#define DG_SERVICE_ABANDONED_H

#include "driver/call.h"

void abandoned_watch(const struct call *c, struct str trip_id,
                     int64_t created_us);
/*
    An upload has made the trip's record. What fails is logged and no failure
    of the upload: reconcile finds the trip all the same.
 */

void abandoned_forget(const struct call *c, const struct trip *t);
/*
    The trip is finalized: nobody need look.
 */

enum status abandoned_look(const struct call *c, struct str trip_id) MUST_CHECK;
/*
    The look that is due: finalizes the trip, or sees to another look later, or
    finds nothing to do. Any status but ST_OK: look again.
 */

bool abandoned_is(const struct conf *conf, enum trip_status status,
                  int64_t updated_us);
/*
    Whether the service is to finalize it now.
 */

enum status abandoned_finalize(const struct call *c,
                               const struct trip *t) MUST_CHECK;
/*
    Of a trip that is abandoned, as t was read: its last point's time becomes
    its end. ST_PRECONDITION: it has moved on since. ST_OK also when the
    analysis is left to maintenance.
 */

#endif
