/*
 * view.h - which part of a driver's answer a reader asks for.
 *
 *   view=summary      the aggregate alone
 *   limit=1..1000     so many trips, the newest first
 *   before=CURSOR     those behind a place in that order; next_before of one
 *                     answer is the cursor of the next
 *   fields=a,b        of each trip only these members
 *
 * Trips that come or go meanwhile move no cursor: it names an end time and a
 * trip id, not a number. The aggregate is always over all trips.
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
};

enum status view_parse(const struct query *q, struct arena *a, struct view *out,
                       struct err *err) MUST_CHECK;
/*
    ST_BAD_REQUEST: bad_view, bad_limit, bad_cursor, bad_field. With
    view=summary the others are checked and mean nothing.
 */

bool view_whole(const struct view *v);
/*
    All trips with all their fields: the answer without any of the parameters.
 */
bool view_paged(const struct view *v);

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
