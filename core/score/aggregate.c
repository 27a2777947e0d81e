#include "score/aggregate.h"

#include <assert.h>
#include <math.h>

#include "score/figure.h"
#include "score/score.h"

#define MINUTES_PER_HOUR 60

/* Sums in the caller's order, left to right. */
struct sums {
    double miles, minutes, moving_minutes, stationary_minutes, max_mph;
    int64_t turns, safe_turns;
    size_t privacy_protected;
};

/* Distance-weighted; every trip weighs the same when nobody went anywhere. */
struct weighted_sums {
    double weight, behavior, consistency, per_100, smoothness, frequency,
        turn_safety;
};

static struct sums add_up(const struct trip_figures *const *trips, size_t n,
                          struct aggregate *g)
{
    struct sums s = {.max_mph = trips[0]->max_speed_mph};
    size_t i;

    for (i = 0; i < n; i++) {
        const struct trip_figures *t = trips[i];

        s.miles += t->distance_miles;
        s.minutes += t->duration_minutes;
        s.moving_minutes += t->moving_minutes;
        s.stationary_minutes += t->stationary_minutes;
        if (t->max_speed_mph > s.max_mph)
            s.max_mph = t->max_speed_mph;
        s.turns += t->turns;
        s.safe_turns += t->safe_turns;
        s.privacy_protected += t->privacy_protected;
        g->harsh_events += t->harsh_events;
        g->dangerous_events += t->dangerous_events;
        g->sudden_accelerations += t->sudden_accelerations;
        g->sudden_decelerations += t->sudden_decelerations;
        g->hard_stops += t->hard_stops;
        g->dangerous_turns += t->dangerous_turns;
    }
    return s;
}

static struct weighted_sums weigh(const struct trip_figures *const *trips,
                                  size_t n, bool by_distance)
{
    struct weighted_sums s = {0};
    size_t i;

    for (i = 0; i < n; i++) {
        const struct trip_figures *t = trips[i];
        double w = by_distance ? t->distance_miles : 1;

        s.weight += w;
        s.behavior += t->behavior_score * w;
        s.consistency += t->speed_consistency * w;
        s.per_100 += t->weighted_per_100 * w;
        s.smoothness += t->smoothness * w;
        s.frequency += t->frequency_score * w;
        s.turn_safety += t->turn_safety * w;
    }
    return s;
}

static const char *risk_level(double behavior_score)
{
    return behavior_score >= 80   ? "Very Low Risk"
           : behavior_score >= 70 ? "Low Risk"
           : behavior_score >= 50 ? "Medium Risk"
           : behavior_score >= 40 ? "High Risk"
                                  : "Very High Risk";
}

static struct context_miles *context_of(struct aggregate *g, struct str name)
{
    size_t i;

    for (i = 0; i < g->n_contexts; i++)
        if (str_eq(g->contexts[i].context, name))
            return &g->contexts[i];
    assert(g->n_contexts < g->trips); /* a trip has one */
    g->contexts[g->n_contexts] = (struct context_miles){name, 0};
    return &g->contexts[g->n_contexts++];
}

/* In the order first seen, so that the first of equals is the dominant one. */
static void split_by_context(const struct trip_figures *const *trips, size_t n,
                             double miles, struct arena *a, struct aggregate *g)
{
    const struct context_miles *most;
    size_t i;

    g->contexts = arena_alloc_n(a, n, sizeof *g->contexts);
    for (i = 0; i < n; i++)
        context_of(g, trips[i]->context)->miles += trips[i]->distance_miles;
    if (miles <= 0) {
        g->dominant_context = str_of(context_name(CONTEXT_STATIONARY));
        g->context_confidence = 1;
        return;
    }
    most = &g->contexts[0];
    for (i = 1; i < g->n_contexts; i++)
        if (g->contexts[i].miles > most->miles)
            most = &g->contexts[i];
    g->dominant_context = most->context;
    g->context_confidence = score_round(figure_ratio(most->miles, miles), 2);
}

/* Analyses may contradict themselves: points that came again have moved longer
 * than the trip lasted. */
static double percentage(double part, double whole)
{
    return score_round(fmin(100, figure_ratio(part, whole) * 100), 1);
}

static void rate_driving(const struct sums *s, size_t n, struct aggregate *g)
{
    double hours = s->minutes / MINUTES_PER_HOUR;
    double moving = s->moving_minutes / MINUTES_PER_HOUR;
    double standing = s->stationary_minutes / MINUTES_PER_HOUR;
    double count = (double)n;

    g->distance_miles = score_round(s->miles, 2);
    g->total_minutes = s->minutes;
    g->driving_hours = score_round(hours, 2);
    g->moving_hours = score_round(moving, 2);
    g->stationary_hours = score_round(standing, 2);
    g->moving_percentage = percentage(moving, hours);
    g->avg_distance_miles = score_round(s->miles / count, 2);
    g->avg_duration_minutes = score_round(s->minutes / count, 1);
    g->avg_speed_mph = score_round(figure_ratio(s->miles, hours), 1);
    g->moving_avg_speed_mph = score_round(figure_ratio(s->miles, moving), 1);
    g->max_speed_mph = s->max_mph;
    g->privacy_percentage = percentage((double)s->privacy_protected, count);
}

static void rate_behavior(const struct weighted_sums *w, struct aggregate *g)
{
    double behavior = figure_ratio(w->behavior, w->weight);
    double per_100 = figure_ratio(w->per_100, w->weight);

    g->behavior_score = score_round(behavior, 1);
    g->behavior_category = score_category(behavior);
    g->risk_level = risk_level(behavior);
    g->weighted_per_100 = score_round(per_100, 2);
    g->industry_rating = score_industry_rating(per_100);
    g->speed_consistency =
        score_round(figure_ratio(w->consistency, w->weight), 1);
    g->smoothness = score_round(figure_ratio(w->smoothness, w->weight), 1);
    g->frequency_score = score_round(figure_ratio(w->frequency, w->weight), 1);
    g->turn_safety = score_round(figure_ratio(w->turn_safety, w->weight), 1);
}

/* Linear between these, and the last beyond: events per 100 miles, score. */
static double habit_score(double per_100)
{
    static const struct {
        double per_100, score;
    } curve[] = {{0, 100}, {1, 95}, {3, 85}, {6, 70}, {10, 50}, {20, 20}};
    const size_t last = sizeof curve / sizeof *curve - 1;
    size_t i = 0;

    assert(per_100 >= 0);
    if (per_100 >= curve[last].per_100)
        return curve[last].score;
    while (per_100 >= curve[i + 1].per_100)
        i++;
    return score_round(curve[i].score +
                           (per_100 - curve[i].per_100) *
                               (curve[i + 1].score - curve[i].score) /
                               (curve[i + 1].per_100 - curve[i].per_100),
                       1);
}

/* After rate_behavior, of whose scores one is the third habit. */
static void rate_habits(double miles, struct aggregate *g)
{
    int64_t braking = g->sudden_decelerations + g->hard_stops;

    g->has_habits = miles > 0;
    if (!g->has_habits)
        return;
    g->gentle_acceleration = habit_score(
        figure_bounded((double)g->sudden_accelerations / miles * 100));
    g->gentle_braking =
        habit_score(figure_bounded((double)braking / miles * 100));
    g->turn_speed = g->turn_safety;
}

struct aggregate aggregate_of(const struct trip_figures *const *trips, size_t n,
                              struct arena *a)
{
    struct aggregate g = {.trips = n};
    struct weighted_sums w;
    struct sums s;

    assert(n > 0);
    s = add_up(trips, n, &g);
    w = weigh(trips, n, s.miles > 0);
    rate_driving(&s, n, &g);
    rate_behavior(&w, &g);
    rate_habits(s.miles, &g);
    split_by_context(trips, n, s.miles, a, &g);
    if (s.miles > 0)
        g.events_per_100 = score_round(
            figure_bounded((double)g.harsh_events / s.miles * 100), 2);
    g.safe_turns_percentage =
        percentage((double)s.safe_turns, (double)(s.turns > 1 ? s.turns : 1));
    return g;
}
