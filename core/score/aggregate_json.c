#include "score/aggregate.h"

#include "score/score.h"

static void put_distance_and_time(const struct aggregate *g, struct arena *a,
                                  struct json_out *o)
{
    json_put_int(o, "total_trips", (int64_t)g->trips);
    json_put_double(o, "total_distance_miles", g->distance_miles);
    json_put_double(o, "total_driving_time_hours", g->driving_hours);
    json_put_str(o, "formatted_total_time",
                 score_duration_text(g->total_minutes, a));
    json_put_double(o, "total_moving_time_hours", g->moving_hours);
    json_put_double(o, "total_stationary_time_hours", g->stationary_hours);
    json_put_double(o, "overall_moving_percentage", g->moving_percentage);
    json_put_double(o, "avg_trip_distance_miles", g->avg_distance_miles);
    json_put_double(o, "avg_trip_duration_minutes", g->avg_duration_minutes);
}

static void put_behavior(const struct aggregate *g, struct json_out *o)
{
    json_put_double(o, "overall_behavior_score", g->behavior_score);
    json_put_z(o, "behavior_category", g->behavior_category);
    json_put_z(o, "risk_level", g->risk_level);
    json_put_double(o, "speed_consistency_score", g->speed_consistency);
}

static void put_contexts(const struct aggregate *g, struct arena *a,
                         struct json_out *o)
{
    size_t i;

    json_put_str(o, "dominant_driving_context", g->dominant_context);
    json_put_double(o, "context_confidence", g->context_confidence);
    json_begin_object(o, "context_distribution");
    for (i = 0; i < g->n_contexts; i++)
        json_put_double(o, arena_z(a, g->contexts[i].context),
                        score_round(g->contexts[i].miles, 2));
    json_end_object(o);
}

static void put_event_rates(const struct aggregate *g, struct json_out *o)
{
    json_put_int(o, "total_harsh_events", g->harsh_events);
    json_put_int(o, "total_dangerous_events", g->dangerous_events);
    json_put_double(o, "events_per_100_miles", g->events_per_100);
    json_put_double(o, "weighted_events_per_100_miles", g->weighted_per_100);
    json_put_double(o, "harsh_events_per_100_miles", g->events_per_100);
    json_put_z(o, "industry_rating", g->industry_rating);
    json_put_int(o, "total_sudden_accelerations", g->sudden_accelerations);
    json_put_int(o, "total_sudden_decelerations", g->sudden_decelerations);
    json_put_int(o, "total_hard_stops", g->hard_stops);
}

static void put_speeds_and_turns(const struct aggregate *g, struct json_out *o)
{
    json_put_double(o, "overall_avg_speed_mph", g->avg_speed_mph);
    json_put_double(o, "overall_moving_avg_speed_mph", g->moving_avg_speed_mph);
    json_put_double(o, "overall_max_speed_mph", g->max_speed_mph);
    json_put_int(o, "total_dangerous_turns", g->dangerous_turns);
    json_put_double(o, "safe_turns_percentage", g->safe_turns_percentage);
    json_put_double(o, "privacy_protection_percentage", g->privacy_percentage);
}

static void put_habit(const struct aggregate *g, const char *key, double score,
                      struct json_out *o)
{
    /* Not 100 for who never drove: that would be invented (rule 9). */
    if (g->has_habits)
        json_put_double(o, key, score);
    else
        json_put_null(o, key);
}

/* The names are those that the app reads. */
static void put_habits(const struct aggregate *g, struct json_out *o)
{
    put_habit(g, "avg_gentle_acceleration_score", g->gentle_acceleration, o);
    put_habit(g, "avg_acceleration_consistency", g->gentle_braking, o);
    put_habit(g, "avg_turn_speed_score", g->turn_speed, o);
}

void aggregate_write(const struct aggregate *g, struct arena *a,
                     struct json_out *o)
{
    put_distance_and_time(g, a, o);
    put_behavior(g, o);
    put_contexts(g, a, o);
    put_event_rates(g, o);
    put_speeds_and_turns(g, o);
    json_put_double(o, "smoothness_score", g->smoothness);
    json_put_double(o, "frequency_score", g->frequency_score);
    json_put_double(o, "turn_safety_score", g->turn_safety);
    put_habits(g, o);
}
