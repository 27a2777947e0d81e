/*
 * scoring.h - a trip's record, its driver and its batches in, its analysis out:
 * the bytes of the object, its row, and what was counted on the way.
 *
 * Nothing is stored and no store is asked, so it serves whoever places the
 * result: settle.h now; a backfill, or a second version beside the first,
 * later.
 */
#ifndef DG_SERVICE_SCORING_H
#define DG_SERVICE_SCORING_H

#include "driver/trip_object.h"
#include "score/trip_json.h"
#include "score/versions.h"
#include "store/records.h"

struct scoring_input {
    const struct trip *trip; /* its times, revision and trip_quality count */
    const struct user *user; /* his zone and base point; may be empty */
    const struct trip_batches *batches;
    const struct score_rules *rules;
};

struct scored {
    bool has_counts; /* batches, original_deltas and counts are known */
    size_t batches;  /* of different numbers of the client's */
    int64_t original_deltas;
    struct delta_counts counts;
    const char *insufficient; /* why there is no analysis, for the client; NULL:
                                 there is one */
    struct analysis analysis;
    struct trip_object object; /* to be put under its key */
};

enum status scoring_analyse(const struct scoring_input *in, struct arena *a,
                            struct scored *out, struct err *err) MUST_CHECK;
/*
    The first step, to the analysis. ST_OK also for fewer than two points, which
    is `insufficient`. ST_CORRUPT (batch_corrupt, trip_corrupt): what the
   records hold is not readable. *out holds what was known until then.
 */

enum status scoring_write(const struct scoring_input *in, struct arena *a,
                          struct scored *out, struct err *err) MUST_CHECK;
/*
    The second, to the object, when there is an analysis. Nothing may run beside
    it (time_local). ST_TOO_LARGE: the analysis is over TRIP_JSON_MAX.
    ST_UNAVAILABLE (no_zone_data): the driver's zone is not installed.
 */

#endif
