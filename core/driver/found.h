/*
 * found.h - what a look at a driver found: the objects that were listed, and
 * the rows that were not. For roster.c, which reads them, and found.c, which
 * says what comes of them.
 */
#ifndef DG_DRIVER_FOUND_H
#define DG_DRIVER_FOUND_H

#include "driver/roster.h"

struct found { /* a listed object, or a row that was not listed */
    struct object_entry entry;
    struct str trip_id;
    int64_t end_ms;
    struct roster_trip trip;
    bool counts;        /* trip is filled in (or marked unreadable) */
    struct str refused; /* why, when the store refused it; else empty */
};

/* What a listing and the summary said, and what comes of it. */
struct roster_look {
    struct call call;
    struct arena *scratch; /* one object at a time */
    int64_t began_ms;      /* wall clock */
    struct summary seen;
    struct found **found;
    size_t n;
    size_t text_room;   /* bytes of texts that may still be kept */
    bool again;         /* something listed was gone: take the listing again */
    size_t strange;     /* listed keys that are not ours */
    bool passed;        /* an object of the driver was had */
    struct err refusal; /* the first one; ST_OK: none */
    const struct summary_row **lost; /* rows whose objects are not there */
    size_t losts;
};

int found_by_trip(const void *pa, const void *pb);
/*
    Of two struct found *: by trip, then by end.
 */

void found_report(struct str key, const struct err *why);
/*
    Counts and names a trip's object that cannot be read.
 */

enum status found_judge_refused(struct roster_look *t) MUST_CHECK;
/*
    When all reads are done, about those that ended with ST_DENIED. The listing
    passed, or nobody would be here. If another object of the driver did, too,
    then each was refused for itself: the trips are named, and a summary among
    them is made anew. Else nothing may be read: that is an outage.
 */

void found_choose(struct roster_look *t, struct roster *out);
/*
    One object a trip: the latest that can be read.
 */

#endif
