#include "score/motion.h"

#include <assert.h>
#include <math.h>

#include "score/exact.h"
#include "score/figure.h"

#define HIGHEST_SENT_MPH 150.0
#define HIGHEST_DERIVED_MPH 120.0
#define MILES_PER_DEGREE 69.0
#define EAST_WEST_SCALE 0.777
#define MS_PER_HOUR 3600000.0
#define MS_PER_MINUTE 60000.0

#define WARM_UP_POINTS 5
#define WARM_UP_MPH 30.0
#define WARM_UP_ACCURACY_M 15.0

#define JUMP_MPH 30.0
#define JUMP_FROM_MPH 10.0

#define MOVING_MPH 3.0
#define LONGEST_INTERVAL_MS 60000.0

/* Always by the fixed-point divisor, whatever the format: so the reference. */
static double derived_speed(const struct delta *d)
{
    double north = d->lat / 1e6 * MILES_PER_DEGREE;
    double east = d->lon / 1e6 * MILES_PER_DEGREE * EAST_WEST_SCALE;
    double miles = sqrt(north * north + east * east), mph;

    if (!(d->dt_ms > 0) || miles == 0)
        return 0;
    mph = miles / (d->dt_ms / MS_PER_HOUR);
    /* Also for squares beyond the doubles and a time that vanishes in hours. */
    return mph < HIGHEST_DERIVED_MPH ? mph : HIGHEST_DERIVED_MPH;
}

static double raw_speed(const struct delta *d, size_t i)
{
    double mph = d[i].speed_mph;

    if (!(mph >= 0 && mph <= HIGHEST_SENT_MPH))
        mph = derived_speed(&d[i]);
    /* An accuracy that is NaN, hence not at most 15, is a poor one. */
    if (i < WARM_UP_POINTS && mph > WARM_UP_MPH &&
        !(d[i].accuracy_m <= WARM_UP_ACCURACY_M))
        return 0;
    return mph;
}

/* s after the corrected p and, when has_next, before the raw n. */
static double plausible(double p, double s, bool has_next, double n)
{
    if (!(fabs(s - p) > JUMP_MPH && s > JUMP_FROM_MPH))
        return s;
    if (has_next && fabs(n - p) < fabs(n - s))
        return (p + n) / 2;
    if (s > p)
        return p + JUMP_MPH;
    return p > JUMP_MPH ? p - JUMP_MPH : 0;
}

void motion_read(const struct delta *d, size_t n, struct arena *a,
                 struct motion *out)
{
    double *speed = arena_alloc_n(a, n, sizeof *speed);
    size_t i;

    assert(n > 0);
    for (i = 0; i < n; i++)
        speed[i] = raw_speed(d, i);
    *out = (struct motion){.deltas = d, .speed = speed, .n = n};
    out->highest_mph = out->lowest_mph = speed[0];
    /* In place: the one before is the corrected one, the next still as sent. */
    for (i = 1; i < n; i++) {
        bool has_next = i + 1 < n;

        speed[i] = plausible(speed[i - 1], speed[i], has_next,
                             has_next ? speed[i + 1] : 0);
        if (speed[i] > out->highest_mph)
            out->highest_mph = speed[i];
        if (speed[i] < out->lowest_mph)
            out->lowest_mph = speed[i];
    }
    out->mean_mph = exact_mean(speed, n);
}

void motion_measure(const struct motion *m, struct analysis *an)
{
    double moving_ms = 0, stationary_ms = 0, miles = 0;
    size_t i;

    for (i = 0; i + 1 < m->n; i++) {
        double ms = m->deltas[i].dt_ms;
        double mph = (m->speed[i] + m->speed[i + 1]) / 2;

        if (ms <= 0 || ms > LONGEST_INTERVAL_MS)
            continue;
        if (mph >= MOVING_MPH) {
            moving_ms += ms;
            miles += mph * (ms / MS_PER_HOUR);
        } else {
            stationary_ms += ms;
        }
    }
    an->moving_avg_speed_mph =
        score_round(figure_ratio(miles, moving_ms / MS_PER_HOUR), 1);
    an->moving_minutes = score_round(moving_ms / MS_PER_MINUTE, 1);
    an->stationary_minutes = score_round(stationary_ms / MS_PER_MINUTE, 1);
    an->moving_percentage = score_round(
        figure_ratio(moving_ms, moving_ms + stationary_ms) * 100, 1);
}
