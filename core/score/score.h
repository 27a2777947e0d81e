/*
 * score.h - the algorithm: the deltas of one trip in, its analysis out.
 *
 * Pure: no I/O, no clock, no locale. Every number follows doc/scoring.md
 * section by section; the sections are named where they apply.
 * Units: mph, miles, m/s^2, minutes unless a name says otherwise.
 */
#ifndef DG_SCORE_SCORE_H
#define DG_SCORE_SCORE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/isotime.h"
#include "base/status.h"
#include "base/str.h"

enum score_version { /* versions.h says what each does */
#define SCORE_VERSION(id, name) SCORE_##id,
#include "base/score_versions.def"
#undef SCORE_VERSION
                     SCORE_VERSIONS
};

/* One position update relative to the one before (section 1). */
struct delta {
    double lat, lon; /* as sent: degrees x 1e6, or plain degrees */
    double dt_ms;
    double speed_mph;  /* NAN when absent or not a number (any value else,
                          also one out of 0..150: section 3 decides) */
    double accuracy_m; /* NAN when absent, null or unreadable; below 0 as sent
                          (section 10) */
    int64_t time_us;   /* TIME_NONE when absent or not a time */
    double sequence;   /* NAN when absent or not a number */
    struct str time_text; /* timestamp as sent, a time or not; empty when it is
                             no text */
};

struct base_point {
    double latitude, longitude; /* degrees */
    struct str city, state, source;
};
extern const struct base_point base_point_fallback; /* Beijing, "fallback" */

/* "Client totals" (section 2): NAN counts as absent. */
struct client_totals {
    bool use; /* trip_quality.use_gps_metrics is JSON true */
    double distance_miles, duration_minutes, max_speed_mph, avg_speed_mph;
};

struct score_input {
    enum score_version version;
    struct delta *deltas; /* in batch order; not changed */
    size_t n_deltas;
    struct base_point base;
    struct client_totals totals;
};

enum context {
    CONTEXT_MIXED,
    CONTEXT_CITY,
    CONTEXT_HIGHWAY,
    CONTEXT_STATIONARY
};
const char *context_name(enum context c);

struct harsh_event { /* section 7, rounded as reported */
    int segment_start, segment_end;
    double duration_s, avg_ms2, max_ms2, speed_from, speed_to, speed_change;
    const char *severity;      /* "harsh", "dangerous", "extreme" */
    bool dangerous, hard_stop; /* hard_stop: decelerations only */
};

struct turn { /* section 8, rounded as reported */
    double angle, speed_mph, safe_speed_mph, speed_ratio;
    const char *severity; /* "safe", "moderate", "aggressive", "dangerous" */
    int duration_points;
};

/* Values are as reported: rounded where the description rounds. */
struct analysis {
    bool stationary; /* section 9; then only its fields are printed */
    double duration_minutes, distance_miles;
    double avg_speed_mph, moving_avg_speed_mph, max_speed_mph, min_speed_mph;
    double speed_consistency;
    double moving_minutes, stationary_minutes, moving_percentage;
    int harsh_events, dangerous_events;
    struct harsh_event *accelerations, *decelerations;
    size_t n_accelerations, n_decelerations;
    int sudden_accelerations, sudden_decelerations, hard_stops;
    struct {
        int gentle, normal, assertive, harsh, dangerous, extreme;
    } breakdown;
    double smoothness;
    int segments;
    enum context context;
    bool context_short; /* fewer than five speeds: only the four fields */
    double city_probability, confidence, accel_threshold_ms2,
        decel_threshold_ms2, context_avg_speed, speed_deviation, stops_per_mile,
        turns_per_mile; /* unrounded */
    double events_per_100, weighted_per_100, dangerous_per_100;
    const char *industry_rating;
    double frequency_score, risk_percentile, context_weight;
    bool has_per_hour;
    double harsh_per_hour;
    int turns, safe_turns, moderate_turns, aggressive_turns, dangerous_turns;
    double turn_safety;
    bool has_turn_details;
    struct turn *turn_details;
    size_t n_turn_details;
    double behavior_score;
    const char *behavior_category;
    bool privacy_protected;
    struct str base_point_city;
    const char *data_quality, *data_source, *coordinate_format;
    size_t duplicate_points; /* left out as points that came again */
};

enum status score_trip(const struct score_input *in, struct arena *a,
                       struct analysis *out) MUST_CHECK;
/*
    ST_OK, or ST_NOT_FOUND when fewer than two deltas are there: "insufficient
    data", no analysis. Lists live in the arena. (What counts is what is left
    after deltas_select: section 10.)
 */

double score_round(double x, int places);
/*
    Python's round(): the decimal nearest to the exact binary value, ties to
    even, read back as a double.
 */

struct str score_duration_text(double minutes, struct arena *a);
/*
    formatted_duration: "8m", "2h", "1h 11m" (section 2).
 */

const char *score_category(double behavior_score);
const char *score_industry_rating(double weighted_per_100);
/*
    Section 8's words for a score and for a weighted rate.
 */

#endif
