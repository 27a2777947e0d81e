/*
 * view.h - which part of a driver's answer a reader asks for.
 *
 *   view=summary      the aggregate alone
 *   limit=1..1000     so many trips, the newest first
 *   before=CURSOR     those behind a place in that order; next_before of one
 *                     answer is the cursor of the next
 *   fields=a,b        of each trip only these members
 *
 * It also says what the reader may see: of each trip, and of the front (all
 * that an answer says beside its trips). What he asks for can only narrow it.
 * So a view decides about every byte that depends on who asks, and whatever is
 * named by it (variants, their entries, ETags, files and fill locks) is never
 * another's.
 *
 * Trips that come or go meanwhile move no cursor: it names an end time and a
 * trip id, not a number (so next_before shows both). The aggregate is always
 * over all trips.
 */
#ifndef DG_ANSWER_VIEW_H
#define DG_ANSWER_VIEW_H

#include "answer/query.h"
#include "driver/summary.h"
#include "score/analysis_fields.h"

#define VIEW_LIMIT_MAX 1000

struct view {
    bool summary;
    int64_t limit; /* 0: none */
    bool after;    /* only trips behind this one: */
    int64_t end_us;
    struct str trip_id;
    struct fields trips; /* of analysis_fields: what a trip shows */
    struct fields front; /* of front_fields: what the front shows */
};

enum status view_parse(const struct query *q, bool details, struct arena *a,
                       struct view *out, struct err *err) MUST_CHECK;
/*
    ST_BAD_REQUEST: bad_view, bad_limit, bad_cursor, bad_field. With
    view=summary the others are checked and mean nothing. The front is whole.
    details: without `fields` a trip shows its details (analysis_details), too.
 */

bool view_chosen(const struct view *v);
/*
    A page, or chosen fields: there are as many of these as a reader cares to
    think of. Of all others a driver has a handful.
 */
bool view_whole(const struct view *v);
/*
    All trips, and no fields chosen by name; whatever of the front: it can be
    made of what all readers share.
 */
bool view_paged(const struct view *v);
/*
    Not all trips: it has a limit or a place to begin, and says next_before.
 */

bool view_behind(const struct view *v, const struct summary_row *row);
/*
    Whether the trip lies behind the cursor.
 */
struct str view_cursor(const struct summary_row *row, struct arena *a);
/*
    The cursor of what lies behind this trip.
 */

struct str view_text(const struct view *v, struct arena *a);
/*
    The same for all views that mean the same, and for no others.
 */

#endif
