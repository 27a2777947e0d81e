/* turns.h - how fast the turns were taken (section 8, "Turn safety"). */
#ifndef DG_SCORE_TURNS_H
#define DG_SCORE_TURNS_H

#include "score/motion.h"
#include "score/path.h"

void turns_judge(const struct path *path, const struct motion *m,
                 struct arena *a, struct analysis *an);
/*
    Sets the counts, turn_safety and turn_details. Needs an->context. Speeds
    are looked up by the number of the bearing, as in the reference, although
    segments that do not count shift the two against each other.
 */

#endif
