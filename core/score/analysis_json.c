#include "score/analysis_json.h"
#include "score/versions.h"

/*
 * Members stand in the order of the reference's answers. The labels of
 * algorithm and method are its own, too: existing readers expect them.
 */

static void put_time(struct json_out *o, const char *key, int64_t us)
{
    char text[TIME_TEXT_MAX];

    if (us == TIME_NONE)
        json_put_null(o, key);
    else
        json_put_str(o, key, time_print(us, text));
}

static void put_trip(const struct analysis_head *h, const struct analysis *an,
                     struct arena *a, struct json_out *o)
{
    json_put_str(o, "trip_id", h->trip_id);
    put_time(o, "start_timestamp", h->start_us);
    put_time(o, "end_timestamp", h->end_us);
    json_put_double(o, "duration_minutes", an->duration_minutes);
    json_put_str(o, "formatted_duration",
                 score_duration_text(an->duration_minutes, a));
    json_put_double(o, "total_distance_miles", an->distance_miles);
}

static void put_speeds(const struct analysis *an, struct json_out *o)
{
    json_put_double(o, "avg_speed_mph", an->avg_speed_mph);
    json_put_double(o, "moving_avg_speed_mph", an->moving_avg_speed_mph);
    json_put_double(o, "max_speed_mph", an->max_speed_mph);
    json_put_double(o, "min_speed_mph", an->min_speed_mph);
    json_put_double(o, "speed_consistency", an->speed_consistency);
    json_put_double(o, "moving_time_minutes", an->moving_minutes);
    json_put_double(o, "stationary_time_minutes", an->stationary_minutes);
    json_put_double(o, "moving_percentage", an->moving_percentage);
}

static void put_event(const struct harsh_event *e, bool decelerates,
                      enum context context, struct json_out *o)
{
    json_begin_object(o, NULL);
    json_put_int(o, "segment_start", e->segment_start);
    json_put_int(o, "segment_end", e->segment_end);
    json_put_double(o, "duration_seconds", e->duration_s);
    json_put_double(o, "avg_acceleration_ms2", e->avg_ms2);
    json_put_double(o, "max_acceleration_ms2", e->max_ms2);
    json_put_double(o, "speed_from", e->speed_from);
    json_put_double(o, "speed_to", e->speed_to);
    json_put_double(o, "speed_change", e->speed_change);
    json_put_z(o, "severity", e->severity);
    json_put_bool(o, "is_dangerous", e->dangerous);
    if (decelerates)
        json_put_bool(o, "is_hard_stop", e->hard_stop);
    json_put_z(o, "context", context_name(context));
    json_end_object(o);
}

static void put_event_lists(const struct analysis *an, struct json_out *o)
{
    size_t i;

    json_begin_array(o, "acceleration_events");
    for (i = 0; i < an->n_accelerations; i++)
        put_event(&an->accelerations[i], false, an->context, o);
    json_end_array(o);
    json_begin_array(o, "deceleration_events");
    for (i = 0; i < an->n_decelerations; i++)
        put_event(&an->decelerations[i], true, an->context, o);
    json_end_array(o);
}

static void put_events(const struct analysis *an, struct json_out *o)
{
    json_put_int(o, "total_harsh_events", an->harsh_events);
    json_put_int(o, "total_dangerous_events", an->dangerous_events);
    put_event_lists(an, o);
    json_put_int(o, "sudden_accelerations", an->sudden_accelerations);
    json_put_int(o, "sudden_decelerations", an->sudden_decelerations);
    json_put_int(o, "hard_stops", an->hard_stops);
    json_begin_object(o, "event_breakdown");
    json_put_int(o, "gentle", an->breakdown.gentle);
    json_put_int(o, "normal", an->breakdown.normal);
    json_put_int(o, "assertive", an->breakdown.assertive);
    json_put_int(o, "harsh", an->breakdown.harsh);
    json_put_int(o, "dangerous", an->breakdown.dangerous);
    json_put_int(o, "extreme", an->breakdown.extreme);
    json_end_object(o);
    json_put_double(o, "smoothness_score", an->smoothness);
    json_put_int(o, "segments_analyzed", an->segments);
    if (an->stationary)
        return;
    json_put_bool(o, "events_grouped", true);
    json_put_z(o, "analysis_method", "balanced_industry_standard_v4");
}

static void put_context(const struct analysis *an, struct json_out *o)
{
    json_begin_object(o, "driving_context");
    json_put_z(o, "context", context_name(an->context));
    json_put_double(o, "confidence", an->confidence);
    if (!an->stationary) {
        json_put_double(o, "harsh_accel_threshold", an->accel_threshold_ms2);
        json_put_double(o, "harsh_decel_threshold", an->decel_threshold_ms2);
    }
    if (!an->stationary && !an->context_short) {
        json_put_double(o, "city_probability", an->city_probability);
        json_put_double(o, "avg_speed", an->context_avg_speed);
        json_put_double(o, "speed_variance", an->speed_deviation);
        json_put_double(o, "stops_per_mile", an->stops_per_mile);
        json_put_double(o, "turns_per_mile", an->turns_per_mile);
    }
    json_end_object(o);
}

static void put_frequency(const struct analysis *an, struct json_out *o)
{
    json_put_double(o, "events_per_100_miles", an->events_per_100);
    json_put_double(o, "weighted_events_per_100_miles", an->weighted_per_100);
    json_put_double(o, "harsh_events_per_100_miles", an->events_per_100);
    json_put_double(o, "dangerous_events_per_100_miles", an->dangerous_per_100);
    json_put_z(o, "industry_rating", an->industry_rating);
    json_put_double(o, "frequency_score", an->frequency_score);
    json_put_double(o, "risk_percentile", an->risk_percentile);
    if (!an->stationary)
        json_put_double(o, "context_weight", an->context_weight);
    if (an->has_per_hour)
        json_put_double(o, "harsh_events_per_hour", an->harsh_per_hour);
}

static void put_turn(const struct turn *t, enum context context,
                     struct json_out *o)
{
    json_begin_object(o, NULL);
    json_put_double(o, "angle", t->angle);
    json_put_double(o, "speed", t->speed_mph);
    json_put_double(o, "safe_speed", t->safe_speed_mph);
    json_put_double(o, "speed_ratio", t->speed_ratio);
    json_put_z(o, "severity", t->severity);
    json_put_z(o, "context", context_name(context));
    json_put_int(o, "duration_points", t->duration_points);
    json_end_object(o);
}

static void put_turns(const struct analysis *an, struct json_out *o)
{
    size_t i;

    json_put_int(o, "total_turns", an->turns);
    json_put_int(o, "safe_turns", an->safe_turns);
    json_put_int(o, "moderate_turns", an->moderate_turns);
    json_put_int(o, "aggressive_turns", an->aggressive_turns);
    json_put_int(o, "dangerous_turns", an->dangerous_turns);
    json_put_double(o, "turn_safety_score", an->turn_safety);
    if (!an->has_turn_details)
        return;
    json_begin_array(o, "turn_details");
    for (i = 0; i < an->n_turn_details; i++)
        put_turn(&an->turn_details[i], an->context, o);
    json_end_array(o);
}

static void put_verdict(const struct analysis *an, struct json_out *o)
{
    json_put_double(o, "behavior_score", an->behavior_score);
    json_put_z(o, "behavior_category", an->behavior_category);
    json_put_bool(o, "privacy_protected", an->privacy_protected);
    json_put_str(o, "base_point_city", an->base_point_city);
    json_put_z(o, "analysis_algorithm",
               an->stationary ? "stationary_trip"
                              : "industry_standard_fixed_v2");
    json_put_z(o, "algorithm_version",
               an->stationary ? "2.0_stationary_handling"
                              : "2.0_industry_standard_fixed");
    json_put_z(o, "data_quality", an->data_quality);
    json_put_z(o, "data_source", an->data_source);
    json_put_z(o, "coordinate_format", an->coordinate_format);
    if (an->stationary)
        json_put_bool(o, "is_stationary_trip", true);
}

static void put_display(struct json_out *o, const char *key, int64_t us,
                        const char *zone)
{
    struct time_display t;

    if (us == TIME_NONE) {
        json_put_null(o, key);
        return;
    }
    time_local(us, zone, &t);
    json_begin_object(o, key);
    put_time(o, "utc", us);
    json_put_z(o, "local", t.local);
    json_put_z(o, "formatted", t.formatted);
    json_put_z(o, "date", t.date);
    json_put_z(o, "time", t.time);
    json_put_z(o, "timezone", zone);
    json_end_object(o);
}

void analysis_write(const struct analysis_head *h, const struct analysis *an,
                    struct arena *a, struct json_out *o)
{
    const struct score_rules *rules = score_rules_of(h->version);

    json_begin_object(o, NULL);
    put_trip(h, an, a, o);
    put_speeds(an, o);
    put_events(an, o);
    put_context(an, o);
    put_frequency(an, o);
    put_turns(an, o);
    put_verdict(an, o);
    json_put_z(o, "scoring_version", rules->name);
    if (rules->mends->repeats_left_out)
        json_put_int(o, "duplicate_points", (int64_t)an->duplicate_points);
    json_put_int(o, "revision", h->revision);
    if (h->by_service)
        json_put_z(o, "finalized_by", "service");
    json_put_z(o, "user_timezone", h->zone);
    put_display(o, "start_time_display", h->start_us, h->zone);
    put_display(o, "end_time_display", h->end_us, h->zone);
    json_end_object(o);
}
