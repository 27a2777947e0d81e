#include "score/context.h"

#include <math.h>

#include "score/exact.h"
#include "score/figure.h"

#define FEWEST_SPEEDS 5
#define STOP_MPH 5.0
#define FAST_MPH 50.0

const char *context_name(enum context c)
{
    static const char *const names[] = {
        [CONTEXT_MIXED] = "mixed",
        [CONTEXT_CITY] = "city",
        [CONTEXT_HIGHWAY] = "highway",
        [CONTEXT_STATIONARY] = "stationary",
    };

    return names[c];
}

struct evidence {
    double mean_mph, deviation_mph, stops_per_mile, turns_per_mile, fast_share;
};

static double city_probability(const struct evidence *e)
{
    double indicators[] = {
        e->mean_mph < 30   ? 0.8
        : e->mean_mph > 45 ? 0.2
                           : 0.5,
        e->deviation_mph > 10  ? 0.7
        : e->deviation_mph < 6 ? 0.3
                               : 0.5,
        e->stops_per_mile > 1.5   ? 0.9
        : e->stops_per_mile < 0.2 ? 0.1
                                  : 0.5,
        e->turns_per_mile > 2.0   ? 0.8
        : e->turns_per_mile < 0.3 ? 0.2
                                  : 0.5,
        e->fast_share < 0.1   ? 0.9
        : e->fast_share > 0.5 ? 0.1
                              : 0.5,
    };

    return exact_mean(indicators, sizeof indicators / sizeof *indicators);
}

static struct evidence evidence_of(const struct motion *m,
                                   const struct path *path,
                                   double distance_miles)
{
    size_t i, stops = 0, fast = 0;

    for (i = 0; i < m->n; i++) {
        stops += m->speed[i] < STOP_MPH;
        fast += m->speed[i] > FAST_MPH;
    }
    return (struct evidence){
        .mean_mph = m->mean_mph,
        .deviation_mph = exact_deviation(m->speed, m->n),
        .stops_per_mile = figure_ratio((double)stops, distance_miles),
        .turns_per_mile = figure_ratio((double)path->raw_turns, distance_miles),
        .fast_share = (double)fast / (double)m->n,
    };
}

static void decide(double city, struct analysis *an)
{
    an->context = city > 0.60   ? CONTEXT_CITY
                  : city < 0.40 ? CONTEXT_HIGHWAY
                                : CONTEXT_MIXED;
    an->accel_threshold_ms2 = city > 0.60 ? 3.5 : city < 0.40 ? 3.0 : 3.25;
    an->decel_threshold_ms2 = -1 - an->accel_threshold_ms2;
}

void context_judge(const struct motion *m, const struct path *path,
                   double distance_miles, struct analysis *an)
{
    struct evidence e;

    an->context_short = m->n < FEWEST_SPEEDS;
    if (an->context_short) {
        an->context = CONTEXT_MIXED;
        an->confidence = 0;
        an->accel_threshold_ms2 = 3.2;
        an->decel_threshold_ms2 = -4.2;
        return;
    }
    e = evidence_of(m, path, distance_miles);
    an->city_probability = city_probability(&e);
    an->confidence = 1 - fabs(an->city_probability - 0.5) * 2;
    an->context_avg_speed = e.mean_mph;
    an->speed_deviation = e.deviation_mph;
    an->stops_per_mile = e.stops_per_mile;
    an->turns_per_mile = e.turns_per_mile;
    decide(an->city_probability, an);
}
