#include "score/consistency.h"

#include <math.h>

#include "score/exact.h"

#define STANDING_MPH 2.0
#define STANDING_KEPT 4
#define WINDOW 6
#define WINDOW_STEP 3
#define FEWEST_LEFT 5
#define STEADY_VARIANCE 100.0

struct tolerance {
    double variance, change;
};

/* Without all but the first four speeds of each standstill. */
static size_t without_standing(const struct motion *m, double *out)
{
    size_t i, n = 0, standing = 0;

    for (i = 0; i < m->n; i++) {
        standing = m->speed[i] < STANDING_MPH ? standing + 1 : 0;
        if (standing <= STANDING_KEPT)
            out[n++] = m->speed[i];
    }
    return n;
}

static double grade(double value, const double limits[4])
{
    static const double grades[] = {95, 80, 65, 45, 25};
    int i = 0;

    while (i < 4 && value > limits[i])
        i++;
    return grades[i];
}

static double window_score(const double *speed, struct tolerance t)
{
    static const double variances[] = {4, 8, 15, 25};
    static const double changes[] = {3, 6, 10, 15};
    double steps[WINDOW - 1], variance, change;
    int i;

    for (i = 0; i + 1 < WINDOW; i++)
        steps[i] = fabs(speed[i + 1] - speed[i]);
    variance = exact_variance(speed, WINDOW) / t.variance;
    change = exact_mean(steps, WINDOW - 1) / t.change;
    return 0.6 * grade(variance, variances) + 0.4 * grade(change, changes);
}

double consistency_score(const struct motion *m, enum context context,
                         struct arena *a)
{
    struct tolerance t = context == CONTEXT_CITY ? (struct tolerance){1.3, 1.2}
                         : context == CONTEXT_HIGHWAY
                             ? (struct tolerance){0.8, 0.9}
                             : (struct tolerance){1, 1};
    double *speed, *window, score;
    size_t i, n, windows = 0;

    if (m->n < WINDOW)
        return 75;
    speed = arena_alloc_n(a, m->n, sizeof *speed);
    n = without_standing(m, speed);
    if (n < FEWEST_LEFT)
        return 70;
    if (n < WINDOW)
        return 65;
    window = arena_alloc_n(a, n / WINDOW_STEP, sizeof *window);
    for (i = 0; i + WINDOW <= n; i += WINDOW_STEP)
        window[windows++] = window_score(speed + i, t);
    score = exact_mean(window, windows);
    if (windows >= 2 && exact_variance(window, windows) < STEADY_VARIANCE)
        score = fmin(100, score + 3);
    return score_round(fmax(20, fmin(100, score)), 1);
}
