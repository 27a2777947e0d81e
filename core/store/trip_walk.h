/*
 * trip_walk.h - how far a walk over all trips has come.
 *
 * A walk has segments: each trip of the store is in exactly one. Where a
 * segment stands is the store's own text (its position); here it is only kept,
 * printed and read back, so that an interrupted walk goes on, in another
 * process if need be. records_walk takes the steps; survey_walk takes them over
 * the items of any table.
 */
#ifndef DG_STORE_TRIP_WALK_H
#define DG_STORE_TRIP_WALK_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define WALK_SEGMENTS_MAX 64
#define WALK_POSITION_MAX 4096 /* bytes; a key of DynamoDB has 2048 at most */

struct trip_walk;

struct trip_walk *trip_walk_new(int segments);
/*
    From the beginning, in 1 to WALK_SEGMENTS_MAX segments.
 */
void trip_walk_free(struct trip_walk **w);

bool trip_walk_over(const struct trip_walk *w);

struct walk_progress {
    int64_t trips, pages; /* since trip_walk_new or trip_walk_resume */
    int segments, over;   /* how many there are, and how many have ended */
};
struct walk_progress trip_walk_progress(const struct trip_walk *w);

struct str trip_walk_print(const struct trip_walk *w, struct arena *a);
/*
    Where it stands, in printable ASCII without blanks. Trips that were given
    before come again at most for the page under way.
 */
enum status trip_walk_resume(struct str printed, struct trip_walk **out,
                             struct err *err) MUST_CHECK;
/*
    A walk that goes on from there; it must be of the same store and table.
    ST_BAD_REQUEST for a text that cannot be one.
 */

bool trip_walk_again(int *tries, enum status st);
/*
    Whether a page that ended so is to be asked for once more, after a pause:
    the store was not there. At most five times, with pauses of 1, 2, 4, 8 and
    16 seconds. *tries begins as 0 for each page.
 */

/* ---- for the stores ---- */

int trip_walk_segments(const struct trip_walk *w);
bool trip_walk_begun(const struct trip_walk *w, int segment);
bool trip_walk_ended(const struct trip_walk *w, int segment);
struct str trip_walk_position(const struct trip_walk *w, int segment);
/*
    Empty when it has not begun, or has ended. A view, until it is moved.
 */

void trip_walk_move(struct trip_walk *w, int segment, struct str position);
void trip_walk_end(struct trip_walk *w, int segment);
/*
    Of a segment that has not ended. position is copied; 1 to
    WALK_POSITION_MAX bytes.
 */
void trip_walk_count(struct trip_walk *w, int64_t trips);
/*
    One more page, with so many.
 */

#endif
