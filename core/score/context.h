/* context.h - city, highway or mixed (section 6). */
#ifndef DG_SCORE_CONTEXT_H
#define DG_SCORE_CONTEXT_H

#include "score/motion.h"
#include "score/path.h"

void context_judge(const struct motion *m, const struct path *path,
                   double distance_miles, struct analysis *an);
/*
    Sets context, context_short and the figures of driving_context.
    distance_miles above 0.
 */

#endif
