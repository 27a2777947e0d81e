/*
 * The life of one trip: deltas, as the version takes them -> path and distance
 * -> speeds -> context -> events, consistency, frequency, turns -> one
 * behaviour score out of these four.
 */
#include "score/score.h"

#include <math.h>

#include "score/consistency.h"
#include "score/context.h"
#include "score/events.h"
#include "score/figure.h"
#include "score/frequency.h"
#include "score/motion.h"
#include "score/path.h"
#include "score/select.h"
#include "score/turns.h"

#define FEWEST_DELTAS 2
#define LEAST_MINUTES 1.0
#define US_PER_MINUTE 60e6
#define MS_PER_MINUTE 60e3

const struct base_point base_point_fallback = {
    .latitude = 39.913818,
    .longitude = 116.363625,
    .city = {"Beijing", 7},
    .state = {"CN", 2},
    .source = {"fallback", 8},
};

const char *score_category(double score)
{
    return score >= 85   ? "Excellent"
           : score >= 75 ? "Very Good"
           : score >= 65 ? "Good"
           : score >= 55 ? "Fair"
           : score >= 40 ? "Poor"
                         : "Dangerous";
}

static double minutes_of(const struct delta *d, size_t n)
{
    int64_t first = INT64_MAX, last = INT64_MIN;
    double ms = 0;
    size_t i, times = 0;

    for (i = 0; i < n; i++) {
        ms += d[i].dt_ms;
        if (d[i].time_us == TIME_NONE)
            continue;
        times++;
        first = d[i].time_us < first ? d[i].time_us : first;
        last = d[i].time_us > last ? d[i].time_us : last;
    }
    if (times >= 2)
        return fmax(LEAST_MINUTES, (double)(last - first) / US_PER_MINUTE);
    return fmax(LEAST_MINUTES, figure_bounded(ms / MS_PER_MINUTE));
}

static double total_or(double total, double otherwise)
{
    return isnan(total) ? otherwise : figure_bounded(total);
}

/* Distance, duration and where they come from; max and average as the client
   gave them, or 0. */
static void measure(const struct score_input *in, const struct delta *d,
                    size_t n, const struct path *path, struct analysis *an)
{
    const struct client_totals *t = &in->totals;

    if (t->use) {
        an->distance_miles = total_or(t->distance_miles, 0);
        an->duration_minutes = total_or(t->duration_minutes, 1);
        an->max_speed_mph = total_or(t->max_speed_mph, 0);
        an->avg_speed_mph = total_or(t->avg_speed_mph, 0);
        an->coordinate_format = "frontend_direct";
        an->data_source = "frontend_exact";
        an->data_quality = "high";
        return;
    }
    an->distance_miles = path->distance_miles;
    an->duration_minutes = minutes_of(d, n);
    an->coordinate_format = path->fixed_point ? "fixed_point" : "decimal";
    an->data_source = "delta_coordinates";
    an->data_quality = "standard";
}

/* Section 9: all else stays zero. */
static void rest_stationary(struct analysis *an)
{
    an->stationary = true;
    an->distance_miles = 0;
    an->avg_speed_mph = 0;
    an->stationary_minutes = an->duration_minutes;
    an->context = CONTEXT_STATIONARY;
    an->confidence = 1;
    an->industry_rating = "No Movement";
    an->behavior_category = "Stationary";
    an->data_quality = "stationary";
}

static double behavior(const struct analysis *an)
{
    double dangerous = an->dangerous_events / an->distance_miles;
    double score = 0.35 * an->frequency_score + 0.25 * an->smoothness +
                   0.25 * an->speed_consistency + 0.15 * an->turn_safety;

    if (dangerous > 0.5)
        score = fmax(30, score - fmin(15, 20 * dangerous));
    return score_round(fmax(30, fmin(100, score)), 1);
}

static void events_judge(const struct delta *d, size_t n,
                         const struct path *path, struct arena *a,
                         struct analysis *an)
{
    struct motion m;

    motion_read(d, n, a, &m);
    an->avg_speed_mph =
        score_round(an->avg_speed_mph ? an->avg_speed_mph : m.mean_mph, 1);
    an->max_speed_mph =
        score_round(an->max_speed_mph ? an->max_speed_mph : m.highest_mph, 1);
    an->min_speed_mph = score_round(m.lowest_mph, 1);
    motion_measure(&m, an);
    context_judge(&m, path, an->distance_miles, an);
    events_find(&m, a, an);
    an->smoothness = events_smoothness(an);
    an->speed_consistency = consistency_score(&m, an->context, a);
    frequency_rate(an);
    turns_judge(path, &m, a, an);
    an->behavior_score = behavior(an);
    an->behavior_category = score_category(an->behavior_score);
}

enum status score_trip(const struct score_input *in, struct arena *a,
                       struct analysis *out)
{
    struct selection s = deltas_select(in, a);
    struct path path;

    if (s.n < FEWEST_DELTAS)
        return ST_NOT_FOUND;
    *out = (struct analysis){
        .privacy_protected = !str_is(in->base.source, "fallback"),
        .base_point_city = in->base.city,
        .duplicate_points = s.repeats,
    };
    path_walk(s.deltas, s.n, &in->base, in->version, a, &path);
    measure(in, s.deltas, s.n, &path, out);
    if (out->distance_miles <= 0)
        rest_stationary(out);
    else
        events_judge(s.deltas, s.n, &path, a, out);
    return ST_OK;
}
