/*
 * analysis_json.h - an analysis as JSON, and the figures read back out of it.
 */
#ifndef DG_SCORE_ANALYSIS_JSON_H
#define DG_SCORE_ANALYSIS_JSON_H

#include "score/aggregate.h"
#include "score/score.h"

/* What stands in the stored analysis beside the score itself. */
struct analysis_head {
    struct str trip_id;
    int64_t start_us, end_us;
    int64_t revision; /* of the claim that this scoring belongs to */
    bool by_service;  /* no client finalized the trip */
    enum score_version version;
    const char *zone; /* the driver's IANA zone, for the display fields */
};

void analysis_write(const struct analysis_head *h, const struct analysis *an,
                    struct arena *a, struct json_out *o);
/*
    One whole JSON object: the fields of doc/scoring.md under their golden
    names, then scoring_version, duplicate_points (where the version leaves such
    points out), revision, finalized_by (where it was this service),
    user_timezone, start_time_display and end_time_display (doc/wire.md). null
    for a time that is TIME_NONE.
 */

struct analysis_names { /* whose it is, by itself */
    struct str trip_id;
    struct str user_id; /* empty: it does not say; ours do not */
};

enum status analysis_figures(struct json analysis, struct arena *a,
                             struct trip_figures *out,
                             struct analysis_names *named, int64_t *revision,
                             struct err *err) MUST_CHECK;
/*
    Reads any analysis: ours, or one that the plan's own writer stored, with
    whatever number form, member order and unknown fields it has. revision is
    0 when there is none. A figure that is missing or null counts as 0 (false,
    "mixed" for the context); a time that is missing, null or text of another
    form, as TIME_NONE. ST_CORRUPT when it is not an object, trip_id is no
    string, or a figure is there with a wrong type or out of bounds (FIGURE_MAX
    in magnitude; counts 0 to 10^9): the aggregate of many stays finite. A name
    that is no text, or none of ours in length, is empty.
 */

void figures_keep(struct trip_figures *f, struct arena *a);
/*
    Copies its texts to an arena, to outlive that which they were read with.
 */

bool analysis_figures_sound(const struct trip_figures *t);
/*
    Whether figures that come from elsewhere are such as analysis_figures gives:
    a number that is none or beyond 1e150, or a negative or absurd count, would
    spoil the sums over all trips.
 */

#endif
