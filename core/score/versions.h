/*
 * versions.h - what each version of the scoring rules does
 * (base/score_versions.def lists them).
 *
 * An analysis keeps the version that it was scored by; it is never scored anew
 * because the setting has changed. Figures are read out of any analysis alike,
 * whoever wrote it: a version with figures of its own adds them to figures.def.
 */
#ifndef DG_SCORE_VERSIONS_H
#define DG_SCORE_VERSIONS_H

#include "score/analysis_json.h"

/* What of doc/scoring.md, section 10, a version does; by its numbers there. */
struct score_mends {
    bool all_decide_format;  /* 1: else the first delta alone does */
    double longest_ms;       /* 3: deltas above it are left out */
    bool repeats_left_out;   /* 4: then an analysis says how many */
    bool seconds_seen;       /* 5 */
    bool accuracy_from_zero; /* 6 */
};

struct score_rules {
    const char *name; /* as in the settings and in an analysis */
    enum score_version version;
    const struct score_mends *mends;
    enum status (*score)(const struct score_input *in, struct arena *a,
                         struct analysis *out); /* as score_trip */
    void (*write)(const struct analysis_head *h, const struct analysis *an,
                  struct arena *a, struct json_out *o); /* analysis_write */
};

const struct score_rules *score_rules_of(enum score_version v);

const struct score_rules *score_rules_named(const char *name);
/*
    NULL when there is no version of that name.
 */

#endif
