/* path.h - where the trip went: distance, turns of direction (section 2, 4). */
#ifndef DG_SCORE_PATH_H
#define DG_SCORE_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"
#include "score/score.h"

struct path {
    bool fixed_point; /* deltas are degrees x 1,000,000 */
    double distance_miles;
    size_t n_bearings; /* one less than path points; 0 without any */
    /*
     * n_bearings - 1 of them, in degrees, 0 to 180; change[k] is between the
     * bearings k and k + 1.
     */
    double *change;
    size_t raw_turns;
};

void path_walk(const struct delta *d, size_t n, const struct base_point *base,
               enum score_version version, struct arena *a, struct path *out);
/*
    Deltas too large for the earth move the position all the same; a segment
    whose length comes out as no number is "any other segment": it counts
    nowhere. Once the position itself has left the doubles nothing counts any
    more.
 */

#endif
