/* select.h - the deltas of a trip as a version takes them (section 10). */
#ifndef DG_SCORE_SELECT_H
#define DG_SCORE_SELECT_H

#include "base/arena.h"
#include "score/score.h"

struct selection {
    const struct delta *deltas; /* the input's own, or a copy in the arena */
    size_t n;
    size_t repeats; /* left out as points that came again */
};

struct selection deltas_select(const struct score_input *in, struct arena *a);
/*
    By what the version mends (score_mends): without those that take too long
    and those that came before, in milliseconds, an accuracy below 0 as none.
    Time is n log n at most, whatever a client sends.
 */

#endif
