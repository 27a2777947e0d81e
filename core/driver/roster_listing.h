/*
 * roster_listing.h - a driver's listing and summary, read together.
 *
 * The first page of the listing and the summary are asked for at once. One
 * page is one moment, and it does not matter whether the summary is older or
 * newer: what either lacks, the other leads to. Of several pages the summary
 * counts only as it is after the last one (doc/consistency.md, rule 4), because
 * an object may move from a page that is still to come to one that was taken
 * already. So it is looked at again then, which costs a round trip and hardly
 * any bytes when it is unchanged.
 */
#ifndef DG_DRIVER_ROSTER_LISTING_H
#define DG_DRIVER_ROSTER_LISTING_H

#include "driver/call.h"
#include "driver/summary.h"

#define SEGMENT_KEYS                                                           \
    900 /* a page has 1000: room for what the summary lacks                    \
         */

enum status roster_listing(const struct call *c, objects_listed listed,
                           void *ctx, struct summary *seen) MUST_CHECK;
/*
    Every trip object of the driver goes to `listed`, in no order; *seen is the
    summary as summary_read gives it. Behind the first page the listing is
    taken in segments side by side, of SEGMENT_KEYS of the keys that the
    summary knows.
 */

#endif
