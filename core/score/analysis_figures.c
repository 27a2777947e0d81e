#include "score/analysis_json.h"

#include <math.h>
#include <stddef.h>

#include "score/figure.h"

/* More than any trip has; sums over all trips of a driver stay whole. */
#define COUNT_MAX 1000000000

enum member_kind { MEMBER_FIGURE, MEMBER_COUNT, MEMBER_FLAG, MEMBER_TIME };

static const struct member {
    const char *name;
    enum member_kind kind;
    size_t offset;
} members[] = {
#define MEMBER(name, kind, into)                                               \
    {                                                                          \
        name, MEMBER_##kind, offsetof(struct trip_figures, into)               \
    }
    MEMBER("start_timestamp", TIME, start_us),
    MEMBER("end_timestamp", TIME, end_us),
    MEMBER("total_distance_miles", FIGURE, distance_miles),
    MEMBER("duration_minutes", FIGURE, duration_minutes),
    MEMBER("moving_time_minutes", FIGURE, moving_minutes),
    MEMBER("stationary_time_minutes", FIGURE, stationary_minutes),
    MEMBER("behavior_score", FIGURE, behavior_score),
    MEMBER("speed_consistency", FIGURE, speed_consistency),
    MEMBER("smoothness_score", FIGURE, smoothness),
    MEMBER("frequency_score", FIGURE, frequency_score),
    MEMBER("turn_safety_score", FIGURE, turn_safety),
    MEMBER("weighted_events_per_100_miles", FIGURE, weighted_per_100),
    MEMBER("max_speed_mph", FIGURE, max_speed_mph),
    MEMBER("total_harsh_events", COUNT, harsh_events),
    MEMBER("total_dangerous_events", COUNT, dangerous_events),
    MEMBER("sudden_accelerations", COUNT, sudden_accelerations),
    MEMBER("sudden_decelerations", COUNT, sudden_decelerations),
    MEMBER("hard_stops", COUNT, hard_stops),
    MEMBER("total_turns", COUNT, turns),
    MEMBER("safe_turns", COUNT, safe_turns),
    MEMBER("dangerous_turns", COUNT, dangerous_turns),
    MEMBER("privacy_protected", FLAG, privacy_protected),
#undef MEMBER
};
#define MEMBERS (sizeof members / sizeof *members)

static bool read_time(struct json v, struct arena *a, int64_t *us)
{
    /* Another writer's text that is no time orders nothing, and that is all. */
    if (v.type == JSON_STRING && !time_parse(json_string(v, a), us))
        *us = TIME_NONE;
    return v.type == JSON_STRING;
}

static bool read_member(const struct member *m, struct json v, struct arena *a,
                        struct trip_figures *out)
{
    void *into = (char *)out + m->offset;

    if (v.type == JSON_NULL)
        return true;
    switch (m->kind) {
    case MEMBER_FIGURE:
        return json_double(v, into) && fabs(*(double *)into) <= FIGURE_MAX;
    case MEMBER_COUNT:
        return json_int(v, into) && *(int64_t *)into >= 0 &&
               *(int64_t *)into <= COUNT_MAX;
    case MEMBER_FLAG:
        *(bool *)into = v.type == JSON_TRUE;
        return v.type == JSON_TRUE || v.type == JSON_FALSE;
    case MEMBER_TIME:
        return read_time(v, a, into);
    }
    return false;
}

static bool read_context(struct json v, struct arena *a,
                         struct trip_figures *out)
{
    struct json word = json_member(v, "context");

    if (v.type == JSON_NULL ||
        (v.type == JSON_OBJECT &&
         (word.type == JSON_NONE || word.type == JSON_NULL)))
        return true;
    out->context = json_string(word, a);
    return word.type == JSON_STRING;
}

struct reading {
    struct trip_figures *out;
    struct str *trip_id;
    int64_t *revision;
};

/* One pass for all: an analysis has some sixty members, mostly long lists. */
static bool read_one(struct json key, struct json v, struct arena *a,
                     const struct reading *r)
{
    size_t i;

    if (json_key_is(key, "trip_id")) {
        *r->trip_id = json_string(v, a);
        return v.type == JSON_STRING;
    }
    if (json_key_is(key, "revision"))
        return v.type == JSON_NULL ||
               (json_int(v, r->revision) && *r->revision >= 0);
    if (json_key_is(key, "driving_context"))
        return read_context(v, a, r->out);
    for (i = 0; i < MEMBERS; i++)
        if (json_key_is(key, members[i].name))
            return read_member(&members[i], v, a, r->out);
    return true;
}

enum status analysis_figures(struct json analysis, struct arena *a,
                             struct trip_figures *out, struct str *trip_id,
                             int64_t *revision, struct err *err)
{
    struct reading r = {out, trip_id, revision};
    struct json_iter it = json_iter(analysis);
    struct json key, value;

    *out = (struct trip_figures){
        .start_us = TIME_NONE,
        .end_us = TIME_NONE,
        .context = str_of(context_name(CONTEXT_MIXED)),
    };
    *trip_id = STR_NONE;
    *revision = 0;
    if (analysis.type != JSON_OBJECT)
        return err_set(err, ST_CORRUPT, NULL, "analysis is no object");
    while (json_next(&it, &key, &value))
        if (!read_one(key, value, a, &r))
            return err_set(err, ST_CORRUPT, NULL,
                           "analysis has a wrong value for %.*s",
                           STR_ARG(key.raw));
    if (!trip_id->p)
        return err_set(err, ST_CORRUPT, NULL, "analysis without trip_id");
    return ST_OK;
}
