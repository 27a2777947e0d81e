/*
 * aggregate.h - a driver's aggregate out of one row a trip (doc/scoring.md,
 * section 11).
 */
#ifndef DG_SCORE_AGGREGATE_H
#define DG_SCORE_AGGREGATE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"

/* Kinds of figures, and what they are in memory. */
typedef int64_t figure_TIME; /* TIME_NONE when the analysis has none */
typedef double figure_REAL;  /* as reported: minutes, miles, mph, scores */
typedef int64_t figure_COUNT;
typedef bool figure_FLAG;
typedef struct str figure_CONTEXT; /* the word; foreign ones stay as they are */
typedef struct str figure_NAME;    /* empty when the analysis has none */

/* What is known of one analysis without reading it: what the aggregate needs,
 * and by which version it was scored. Values as reported there. */
struct trip_figures {
#define FIGURE(column, field, kind, member) figure_##kind member;
#include "score/figures.def"
#undef FIGURE
};

struct context_miles {
    struct str context;
    double miles; /* unrounded */
};

struct aggregate { /* rounded as reported, but for context miles */
    size_t trips;
    double distance_miles, driving_hours, moving_hours, stationary_hours,
        total_minutes, moving_percentage, avg_distance_miles,
        avg_duration_minutes, behavior_score, speed_consistency,
        context_confidence, events_per_100, weighted_per_100, avg_speed_mph,
        moving_avg_speed_mph, max_speed_mph, safe_turns_percentage,
        privacy_percentage, smoothness, frequency_score, turn_safety;
    const char *behavior_category, *risk_level, *industry_rating;
    struct str dominant_context;
    struct context_miles *contexts;
    size_t n_contexts;
    int64_t harsh_events, dangerous_events, dangerous_turns,
        sudden_accelerations, sudden_decelerations, hard_stops;
    bool has_habits; /* somebody went somewhere: */
    double gentle_acceleration, gentle_braking, turn_speed;
};

struct aggregate aggregate_of(const struct trip_figures *const *trips, size_t n,
                              struct arena *a);
/*
    trips in the order of section 11: start_us descending (the caller sorts;
    ties by end descending, then trip id ascending). n > 0.
 */

void aggregate_write(const struct aggregate *g, struct arena *a,
                     struct json_out *o);
/*
    The members of section 11 into an open object, from total_trips to
    avg_turn_speed_score; privacy_base_point is the caller's.
 */

#endif
