/* consistency.h - how evenly the car was driven (section 8). */
#ifndef DG_SCORE_CONSISTENCY_H
#define DG_SCORE_CONSISTENCY_H

#include "score/motion.h"

double consistency_score(const struct motion *m, enum context context,
                         struct arena *a);
/*
    20 to 100, rounded.
 */

#endif
