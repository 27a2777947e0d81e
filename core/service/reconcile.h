/*
 * reconcile.h - completes whatever was left half done for a driver.
 *
 * Safe at any time, beside everything else, and as often as one likes.
 */
#ifndef DG_SERVICE_RECONCILE_H
#define DG_SERVICE_RECONCILE_H

#include <stdbool.h>
#include "driver/call.h"
#include "store/keys.h"

#define RECONCILE_LEFT 20
struct reconcile_left {
    char user_id[ID_MAX + 1];
    char why[200]; /* the first failure */
};

struct reconcile_report {
    int64_t drivers;
    int64_t trips_scored;    /* completed without an analysis, or pending, or
                                abandoned */
    int64_t objects_removed; /* older than another of the same trip */
    int64_t packs_removed;   /* that no row of the summary names */
    int64_t records_moved;   /* to the revision of a later object */
    int64_t without_user;    /* drivers with objects, and no user; counted by
                                reconcile_all */
    int64_t failures;        /* logged; the next run tries them again */
    int64_t early; /* left because somebody may still be using them, or sending
                      the rest: no failures */
    int64_t early_ms;     /* when they can be done: in so long */
    int64_t drivers_left; /* of whom something failed; the first of them: */
    struct reconcile_left left[RECONCILE_LEFT];
    bool away; /* the stores: all that was still to come was left, */
    int64_t
        drivers_untried; /* in reconcile_all: so many, with him who met it */
};

enum status reconcile_driver(const struct call *c,
                             struct reconcile_report *report) MUST_CHECK;
/*
    1. Trips completed but pending, or without an object, are scored anew; so
       are those that other programs finalized or added to. Those that are
       abandoned (abandoned.h) are finalized.
    2. The summary is repaired from the listing, and what is loose is packed.
    3. Of several objects of one trip the older are removed, once the summary
       has the latest one's row; and packs that nobody needs.
    4. A record whose object is of a later revision is moved on to it; the
       cache token is replaced.
    ST_OK also when single trips failed or were too early: the report says it.
    What fails delays nothing else of the driver. When the stores are away
    (trouble.h) the rest is left at once.
 */

enum trip_need {
    TRIP_NEEDS_NOTHING,
    TRIP_NEEDS_OBJECT,  /* is scored when there is none */
    TRIP_NEEDS_CLAIM,   /* it is pending */
    TRIP_NEEDS_FOREIGN, /* trip_is_foreign */
    TRIP_NEEDS_END,     /* it is abandoned */
};
enum trip_need trip_need(const struct conf *conf, const struct trip_seen *t);
/*
    What a trip's record says that there is to do; t is readable.
 */
struct trip_note { /* a trip that needs something, as it was seen */
    struct str trip_id;
    enum trip_need need;
};
enum status reconcile_noted(const struct call *c, const struct trip_note *note,
                            size_t notes,
                            struct reconcile_report *report) MUST_CHECK;
/*
    As reconcile_driver, of these trips of the driver, whose records are not
    listed again. What has moved on since is left as it is.
 */

enum status reconcile_all(const struct call *c,
                          struct reconcile_report *report) MUST_CHECK;
/*
    Every driver that has objects, is in the users' table or has a pending
    trip of ours, once; then the store's temporaries are swept. The records are
    walked once, however many drivers there are; what is noted meanwhile takes
    some 100 bytes a trip in an unnamed file in the spool's folder.
    A driver who fails is named in the report, and the others follow. One who
    takes long is tried once more at the end, with more time. When a part of the
    records cannot be walked, what was noted is done all the same, and that is
    the failure in the end. When the stores are away, the rest is left at once.
 */

enum status reconcile_orphans(const struct call *c,
                              enum status (*each)(void *ctx,
                                                  struct str user_id),
                              void *ctx) MUST_CHECK;
/*
    Each driver who has objects and is not in the users' table: others removed
    him, or nobody has entered him yet, for who is not known may upload and
    finalize. Only reads. In no stated order.
 */

#endif
