/* Rounding and exact sums against slower ways that are surely right. */
#include "score/exact.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "score/exact_big.h"
#include "score/score.h"
#include "t/unit/tap.h"

#define ROUNDS 200000
#define LIST 9

static uint64_t seed = 20251220;

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static double round_by_text(double x, int places)
{
    char text[400];

    snprintf(text, sizeof text, "%.*f", places, x);
    return strtod(text, NULL);
}

/* Near the middles between decimals, where rounding is hard, or anywhere. */
static double near_middle(void)
{
    double x = (double)(draw() % 200000) / 2000;

    switch (draw() % 4) {
    case 0:
        return x;
    case 1:
        return nextafter(x, draw() % 2 ? INFINITY : -INFINITY);
    case 2:
        return -x;
    default:
        return ldexp((double)(int64_t)draw(), -(int)(draw() % 80));
    }
}

static void rounding(void)
{
    int i, bad = 0;

    for (i = 0; i < ROUNDS; i++) {
        double x = near_middle();
        int places = (int)(draw() % 3);

        bad += score_round(x, places) != round_by_text(x, places);
    }
    CHECK(bad == 0);
    CHECK(score_round(2.5, 0) == 2 && score_round(3.5, 0) == 4);
    CHECK(score_round(0.25, 1) == 0.2 && score_round(0.75, 1) == 0.8);
    CHECK(score_round(2.675, 2) == 2.67 && score_round(1.005, 2) == 1);
    CHECK(!signbit(score_round(-0.04, 1)));
    CHECK(score_round(1e300, 2) == 1e300 && score_round(-1e16, 1) == -1e16);
    CHECK(score_round(0x1p51 + 0.5, 1) == round_by_text(0x1p51 + 0.5, 1));
}

/* Speeds as they come: a few bits, many bits, equal ones, tiny ones. */
static void fill(double *x, size_t n)
{
    int kind = (int)(draw() % 5);
    size_t i;

    for (i = 0; i < n; i++) {
        double v = (double)(draw() >> 11) / 0x1p53 * 150;

        x[i] = kind == 0   ? (double)(draw() % 600) / 4
               : kind == 1 ? v
               : kind == 2 ? ldexp(v, -(int)(draw() % 60))
               : kind == 3 ? 60 + ldexp((double)(draw() % 8), -47)
                           : ldexp(v, -(int)(draw() % 900)) - v / 2;
    }
}

static void fast_against_sure(void)
{
    int i, means = 0, variances = 0, deviations = 0;
    double x[LIST];

    for (i = 0; i < ROUNDS / 8; i++) {
        size_t n = 2 + draw() % (LIST - 1);

        fill(x, n);
        means += exact_mean(x, n) != big_mean(x, n);
        variances += exact_variance(x, n) != big_variance(x, n);
        deviations += exact_deviation(x, n) != big_deviation(x, n);
    }
    CHECK(means == 0);
    CHECK(variances == 0);
    CHECK(deviations == 0);
}

/* What Python's statistics module says. */
static void known(void)
{
    const double tenths[] = {0.1, 0.2, 0.3}, five[] = {.8, .7, .9, .8, .9};
    const double lone[] = {1, 1 + 0x1p-52}, wide[] = {1e9, 1, -1e9, 0x1p-40};
    const double same[] = {60.1, 60.1, 60.1}, deep[] = {0, 0x1p-1074};

    CHECK(exact_mean(tenths, 3) == 0.2 &&
          exact_mean(five, 5) == 0.8200000000000001);
    CHECK(exact_mean(lone, 2) == 1 && exact_mean(lone, 1) == 1);
    CHECK(exact_mean(wide, 4) == (1 + 0x1p-40) / 4);
    CHECK(exact_variance(same, 3) == 0 && exact_deviation(same, 3) == 0);
    CHECK(exact_variance(tenths, 3) == 0.009999999999999998);
    CHECK(exact_deviation(tenths, 3) == 0.09999999999999999);
    CHECK(exact_deviation(lone, 2) == 0x1p-52 * M_SQRT1_2);
    CHECK(exact_variance(deep, 2) == 0 &&
          exact_deviation(deep, 2) == 0x1p-1074);
}

/* Just above the middle of two doubles, by what twice the precision drops. */
static void by_a_hair(void)
{
    const double sum[] = {1, 0x1p-53, 0x1p-120, 0}, pair[] = {1, -0x1p-54};

    CHECK(exact_mean(sum, 4) == (1 + 0x1p-52) / 4);
    CHECK(exact_variance(pair, 2) == (1 + 0x1p-52) / 2);
}

int main(void)
{
    rounding();
    fast_against_sure();
    known();
    by_a_hair();
    return tap_end();
}
