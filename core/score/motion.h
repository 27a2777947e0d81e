/* motion.h - the speeds of a trip, and how long it moved (sections 3 and 5). */
#ifndef DG_SCORE_MOTION_H
#define DG_SCORE_MOTION_H

#include <stddef.h>
#include "base/arena.h"
#include "score/score.h"

struct motion {
    const struct delta *deltas; /* dt_ms of i lies between speeds i and i+1 */
    const double *speed;        /* mph, 0 to 150, corrected */
    size_t n;                   /* of both, at least 2 */
    double mean_mph, highest_mph, lowest_mph;
};

void motion_read(const struct delta *d, size_t n, struct arena *a,
                 struct motion *out);
/*
    Section 3: sent or derived speeds, without warm-up errors and spikes.
 */

void motion_measure(const struct motion *m, struct analysis *an);
/*
    Section 5: moving_avg_speed_mph, moving_minutes, stationary_minutes and
    moving_percentage. Time is added in milliseconds, where whole ones add up
    without error, and divided once.
 */

#endif
