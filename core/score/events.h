/* events.h - harsh events, hard stops, smoothness (section 7). */
#ifndef DG_SCORE_EVENTS_H
#define DG_SCORE_EVENTS_H

#include "score/motion.h"

void events_find(const struct motion *m, struct arena *a, struct analysis *an);
/*
    Sets the lists, the counts, hard_stops, breakdown and segments. Needs
    an->context and the thresholds.
 */

double events_smoothness(const struct analysis *an);
/*
    The score, rounded. Needs the counts, the context and the distance.
 */

#endif
