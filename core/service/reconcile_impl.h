/* reconcile_impl.h - the work for one driver, and what fails of it. */
#ifndef DG_SERVICE_RECONCILE_IMPL_H
#define DG_SERVICE_RECONCILE_IMPL_H

#include "driver/trip_object.h"
#include "service/reconcile.h"
#include "service/trouble.h"

struct object_here { /* a trip object of the driver */
    struct str trip_id, key;
    struct etag etag;
    struct trip_age age; /* revision -1: not known (unreadable, or gone
                            meanwhile) */
};

struct work {
    struct call call;   /* its arena is this driver's */
    struct arena *trip; /* of one trip at a time */
    struct reconcile_report *report;
    struct object_here *object;
    size_t n;
    const struct trip_note *note; /* trips that were seen before */
    size_t notes;
    bool noted; /* those, and not what the records list now */
    struct trouble trouble;
    int64_t step_ms; /* when the last step ended */
    struct err why;  /* of the first failure */
};

/* ---- what became of a step: reconcile_left.c ---- */

void reconcile_passed(struct work *w);
void reconcile_failed(struct work *w, const char *what, struct str trip_id);
/*
    c->err says why; it is logged, counted and cleared.
 */
void reconcile_early(struct work *w, const char *what, struct str trip_id,
                     int64_t in_ms);
/*
    Nothing is wrong with it: a run in that time can do it.
 */

bool reconcile_is_over(const struct work *w);
/*
    Whether what is still to be done of the driver would be in vain, or wait for
    one that hangs again and again.
 */

enum status reconcile_ended(struct work *w, enum status st) MUST_CHECK;
/*
    The whole driver, which ended so: if anything failed, he is noted in the
    report. A failure that is the stores' is returned as theirs, and nobody is
    noted for it.
 */

#endif
