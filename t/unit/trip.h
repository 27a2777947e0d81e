/* trip.h - trips made by hand, for the tests of the scoring rules. */
#ifndef DG_T_TRIP_H
#define DG_T_TRIP_H

#include "score/motion.h"
#include "score/score.h"

#define POINTS_MAX 256

struct trip {
    struct delta d[POINTS_MAX];
    size_t n;
};

/* n points a second apart at these speeds, each 0.01 miles north. */
__attribute__((unused)) static struct trip drive(const double *mph, size_t n)
{
    struct trip t = {.n = n};
    size_t i;

    for (i = 0; i < n; i++)
        t.d[i] = (struct delta){.lat = 145,
                                .dt_ms = 1000,
                                .speed_mph = mph[i],
                                .accuracy_m = 5,
                                .time_us = TIME_NONE,
                                .sequence = (double)i};
    return t;
}
#define DRIVE(...)                                                             \
    drive((const double[]){__VA_ARGS__},                                       \
          sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

__attribute__((unused)) static struct motion motion_of(const struct trip *t,
                                                       struct arena *a)
{
    struct motion m;

    motion_read(t->d, t->n, a, &m);
    return m;
}

#endif
