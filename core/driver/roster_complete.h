/*
 * roster_complete.h - figures that a row of the summary lacks, because another
 * version of this service wrote it, out of the trip's text.
 */
#ifndef DG_DRIVER_ROSTER_COMPLETE_H
#define DG_DRIVER_ROSTER_COMPLETE_H

#include "driver/roster.h"

enum status roster_complete(const struct call *c, struct roster *r,
                            size_t *text_room) MUST_CHECK;
/*
    Each text is read where an answer would read it: from the summary, a pack,
   or the trip's object. Those of objects are kept for the answer while
    there is room (roster_keep_text). Trips that turn out to be unreadable are
   marked and counted. ST_PRECONDITION: an object is not what the roster saw;
   take it again.
 */

#endif
