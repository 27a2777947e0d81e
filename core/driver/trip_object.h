/*
 * trip_object.h - one trip's analysis in the object store.
 *
 * The truth of the system: what is acknowledged as stored is there. An object
 * is written only over an older one of the same trip and key, and removed only
 * when it was seen to be older than another of that trip, as the very version
 * that was judged (doc/consistency.md, rule 2). Age is the claim's revision,
 * which stands in the analysis; an object without one counts as 0.
 */
#ifndef DG_DRIVER_TRIP_OBJECT_H
#define DG_DRIVER_TRIP_OBJECT_H

#include "base/gzip_join.h"
#include "driver/call.h"
#include "driver/summary.h"

#define TRIP_JSON_MAX ((size_t)64 * 1024 * 1024)

struct trip_object { /* an analysis on its way into the store */
    struct str key;
    struct str body; /* gzip */
    struct object_meta meta;
    struct summary_row row; /* what the summary will say of it; row.etag is
                               set by trip_object_put */
};

enum placed { PLACED, PLACED_SUPERSEDED };
enum status trip_object_put(const struct call *c, struct trip_object *t,
                            const struct summary_row *seen,
                            enum placed *how) MUST_CHECK;
/*
    seen: the summary's row of this trip, or NULL: saves a look when the key is
    taken already. PLACED_SUPERSEDED: a later analysis lies under this key;
    nothing was written.
 */

struct trip_text {      /* an analysis, as it goes into answers */
    struct str deflate; /* a gzip fragment of the object's text; empty: none */
    struct gzip_sum sum;
};

struct trip_reading { /* an object as read */
    struct summary_row row;
    struct trip_text text; /* checked */
};
enum status trip_object_open(struct str key, const struct object *obj,
                             struct arena *a, struct trip_reading *out,
                             struct err *err) MUST_CHECK;
/*
    Unpacks and checks an object, whoever wrote it: gzip, one JSON object, the
    figures, and that it names the trip of its key, and no other user.
   ST_CORRUPT when it is not that. The strings live in the arena.
 */

enum status trip_object_text(const struct object *obj, struct arena *a,
                             struct trip_text *out, struct err *err) MUST_CHECK;
/*
    Its text only: for an object whose very version was checked before (its row
    is complete).
 */

enum status trip_text_figures(struct str text, struct str user_id,
                              struct str trip_id, struct arena *a,
                              struct summary_row *row,
                              struct err *err) MUST_CHECK;
/*
    What a text, unpacked, says of itself: the row's figures and revision; their
    strings live in the arena. ST_CORRUPT when it is no analysis, or names
    another trip or another user than it lies under. Wherever the text came
    from, this is what it takes to be one.
 */

enum status trip_revision_there(const struct call *c, struct str trip_id,
                                const struct summary *seen,
                                int64_t *out) MUST_CHECK;
/*
    The greatest revision that is stored of the trip, in its row of the summary
    and in its objects; 0: none. What cannot be read has none. It lists them,
    so it is for a trip whose record does not know (rule 10).
 */

enum status trip_object_tidy(const struct call *c,
                             const struct summary_row *mine,
                             const struct summary_row *other,
                             bool list) MUST_CHECK;
/*
    After the summary holds `mine` or a later row: of this trip's objects, the
    older go. other: the row that the summary's merge met, or NULL; list: also
    list the trip's objects (needed unless this is the trip's first claim and
    the summary had no row of it). Removes its own object when a later one was
    seen. What cannot be removed conditionally here is left to reconcile.
 */

#endif
