/*
 * golden.h - trips in the golden format, read as the service reads them.
 *
 * For the tests that compare whole analyses, and for the bench.
 */
#ifndef DG_T_GOLDEN_H
#define DG_T_GOLDEN_H

#include "base/arena.h"
#include "base/json.h"
#include "score/analysis_json.h"
#include "score/score.h"

const char *golden_folder(const char *top_srcdir);
/*
    DRIVEGUARD_SHARED, or ../shared beside the sources, then "/golden"; where
    that is not there, the sources' own t/golden.
 */

struct json golden_read(const char *path, struct arena *a);
/*
    The value in a JSON file, compressed or not. Exits when it is none.
 */

struct score_input golden_trip(struct json trip, struct json users,
                               struct arena *a);
/*
    The scoring input of a golden trip, with the deltas that the store call
    keeps, for version 3.1. users: the list of users.json.
 */

struct analysis_head golden_head(struct json trip, struct arena *a);

#endif
