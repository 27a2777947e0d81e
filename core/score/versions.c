#include "score/versions.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* The versions of 3 differ in a few places of one algorithm (score.h). */
#define score_by_3_0 score_trip
#define score_by_3_1 score_trip
#define write_by_3_0 analysis_write
#define write_by_3_1 analysis_write

#define LONGEST_DELTA_3_0_MS 3600.0

static const struct score_mends mends[SCORE_VERSIONS] = {
    [SCORE_3_0] = {.longest_ms = LONGEST_DELTA_3_0_MS},
    [SCORE_3_1] = {.all_decide_format = true,
                   .longest_ms = INFINITY,
                   .repeats_left_out = true,
                   .seconds_seen = true,
                   .accuracy_from_zero = true},
};

static const struct score_rules rules[] = {
#define SCORE_VERSION(id, name)                                                \
    [SCORE_##id] = {name, SCORE_##id, &mends[SCORE_##id], score_by_##id,       \
                    write_by_##id},
#include "base/score_versions.def"
#undef SCORE_VERSION
};

const struct score_rules *score_rules_of(enum score_version v)
{
    assert(v < SCORE_VERSIONS);
    return &rules[v];
}

const struct score_rules *score_rules_named(const char *name)
{
    for (size_t i = 0; i < SCORE_VERSIONS; i++)
        if (strcmp(rules[i].name, name) == 0)
            return &rules[i];
    return NULL;
}
