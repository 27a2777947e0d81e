#include "score/frequency.h"

#include <math.h>
#include <stddef.h>

#include "score/figure.h"

#define LOWEST_SCORE 20.0
#define DANGER_FROM 1.0

enum rating { EXCEPTIONAL, EXCELLENT, VERY_GOOD, GOOD, FAIR, POOR, DANGEROUS };

static const struct {
    const char *name;
    double most; /* weighted events per 100 miles */
    double score;
} ratings[] = {
    [EXCEPTIONAL] = {"Exceptional", 5, 95},
    [EXCELLENT] = {"Excellent", 15, 85},
    [VERY_GOOD] = {"Very Good", 30, 75},
    [GOOD] = {"Good", 50, 65},
    [FAIR] = {"Fair", 80, 55},
    [POOR] = {"Poor", 120, 40},
    [DANGEROUS] = {"Dangerous", INFINITY, 25},
};

static enum rating rating_of(double weighted_per_100)
{
    enum rating r = EXCEPTIONAL;

    while (r < DANGEROUS && weighted_per_100 > ratings[r].most)
        r++;
    return r;
}

const char *score_industry_rating(double weighted_per_100)
{
    return ratings[rating_of(weighted_per_100)].name;
}

static enum rating lowered(enum rating r, double dangerous_per_100)
{
    if (r <= EXCELLENT)
        return dangerous_per_100 > 2.0 ? VERY_GOOD : r;
    return r == VERY_GOOD && dangerous_per_100 > 3.0 ? GOOD : r;
}

/* Few events over a short way say little. */
static double weight(enum context context, double miles)
{
    double c = context == CONTEXT_CITY      ? 0.85
               : context == CONTEXT_HIGHWAY ? 1.0
                                            : 0.92;
    double d = miles <= 0.5 ? 0.5 : miles <= 1 ? 0.7 : miles <= 2 ? 0.85 : 1.0;

    return c * d;
}

void frequency_rate(struct analysis *an)
{
    double miles = an->distance_miles, minutes = an->duration_minutes;
    double harsh = figure_bounded(an->harsh_events / miles * 100);
    double dangerous = figure_bounded(an->dangerous_events / miles * 100);
    double weighted;
    enum rating r;

    an->context_weight = weight(an->context, miles);
    weighted = harsh * an->context_weight;
    r = rating_of(weighted);
    an->risk_percentile = an->frequency_score = ratings[r].score;
    if (dangerous > DANGER_FROM) {
        an->frequency_score =
            fmax(LOWEST_SCORE, ratings[r].score - fmin(10, 5 * dangerous));
        r = lowered(r, dangerous);
    }
    an->industry_rating = ratings[r].name;
    an->events_per_100 = score_round(harsh, 2);
    an->weighted_per_100 = score_round(weighted, 2);
    an->dangerous_per_100 = score_round(dangerous, 2);
    an->has_per_hour = minutes > 0;
    if (an->has_per_hour)
        an->harsh_per_hour =
            score_round(figure_bounded(an->harsh_events / minutes * 60), 2);
}
