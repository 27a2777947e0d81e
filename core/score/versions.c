#include "score/versions.h"

#include <assert.h>
#include <string.h>

/* The versions of 3 differ in a few places of one algorithm (score.h). */
#define score_by_3_0 score_trip
#define score_by_3_1 score_trip
#define write_by_3_0 analysis_write
#define write_by_3_1 analysis_write

static const struct score_rules rules[] = {
#define SCORE_VERSION(id, name)                                                \
    [SCORE_##id] = {name, SCORE_##id, score_by_##id, write_by_##id},
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
