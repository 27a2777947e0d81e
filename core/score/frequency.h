/* frequency.h - harsh events by distance and time (section 8, "Frequency"). */
#ifndef DG_SCORE_FREQUENCY_H
#define DG_SCORE_FREQUENCY_H

#include "score/score.h"

void frequency_rate(struct analysis *an);
/*
    Sets events_per_100 to harsh_per_hour out of the counts, the context, the
    distance (above 0) and the duration.
 */

#endif
