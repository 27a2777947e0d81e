#include "score/exact.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

#include "score/exact_big.h"

/*
 * One addition or product in twice the precision errs by less than 2^-104 of
 * its result; 2^-99 covers the handful that make up one term.
 */
#define TERM_ERROR 0x1p-99
/* Below this the low parts lose bits to underflow, and the bound is not one. */
#define TOO_SMALL 0x1p-900

struct wide {
    double hi, lo; /* their exact sum; |lo| at most half a unit of hi */
};

static inline struct wide two_sum(double a, double b)
{
    double s = a + b, t = s - a;

    return (struct wide){s, (a - (s - t)) + (b - t)};
}

static inline struct wide renormal(double hi, double lo)
{
    double s = hi + lo;

    return (struct wide){s, lo - (s - hi)};
}

static inline struct wide wide_add(struct wide a, struct wide b)
{
    struct wide s = two_sum(a.hi, b.hi);

    return renormal(s.hi, s.lo + (a.lo + b.lo));
}

static inline struct wide wide_square(struct wide a)
{
    double p = a.hi * a.hi;

    return renormal(p, fma(a.hi, a.hi, -p) + 2 * (a.hi * a.lo));
}

static inline struct wide wide_divide(struct wide a, double by)
{
    double q = a.hi / by;

    return renormal(q, (fma(-q, by, a.hi) + a.lo) / by);
}

static inline struct wide wide_root(struct wide a)
{
    double s = sqrt(a.hi);

    return renormal(s, (fma(-s, s, a.hi) + a.lo) / (2 * s));
}

/*
 * Whether all of v +- error round to one double, and which. An error too small
 * to change lo would count for nothing and let a tie pass that is none: it is
 * taken as at least a unit of lo.
 */
static inline bool settled(struct wide v, double error, double *out)
{
    if (error > 0)
        error += fabs(v.lo) * 0x1p-52;
    *out = v.hi + (v.lo - error);
    return *out == v.hi + (v.lo + error);
}

/*
 * Unlike the bounds below, what gets lost here is measured. Speeds have few
 * bits, sums of them often none beyond these, and half of the means of two lie
 * exactly between two doubles: then nothing was lost, error is 0, and hi + lo
 * has been rounded to even.
 */
double exact_mean(const double *x, size_t n)
{
    struct wide sum = {0, 0}, low;
    double lost = 0, count = (double)n, q, q_low, out;
    size_t i;

    assert(n > 0);
    for (i = 0; i < n; i++) {
        struct wide s = two_sum(sum.hi, x[i]);

        low = two_sum(s.lo, sum.lo);
        lost += fabs(low.lo);
        sum = renormal(s.hi, low.hi);
    }
    if (sum.hi == 0 && lost == 0)
        return 0;
    q = sum.hi / count;
    low = two_sum(fma(-q, count, sum.hi), sum.lo);
    q_low = low.hi / count;
    lost += fabs(low.lo) + fabs(fma(-q_low, count, low.hi));
    /* Twice: adding up and dividing the losses rounds, too. */
    if (fabs(q) > TOO_SMALL &&
        settled(renormal(q, q_low), 2 * (lost / count), &out))
        return out;
    return big_mean(x, n);
}

/*
 * The sample variance about a near-mean c: (sum d^2 - (sum d)^2 / n) / (n - 1)
 * with d = x - c. False when it is too small for its error to be known.
 */
static bool spread(const double *x, size_t n, struct wide *out, double *error)
{
    struct wide squares = {0, 0}, sum = {0, 0};
    double c = 0, size = 0, count = (double)n;
    size_t i;

    assert(n > 1);
    for (i = 0; i < n; i++)
        c += x[i];
    c /= count;
    for (i = 0; i < n; i++) {
        struct wide d = two_sum(x[i], -c);

        size += fabs(d.hi);
        sum = wide_add(sum, d);
        squares = wide_add(squares, wide_square(d));
    }
    sum = wide_divide(wide_square(sum), -count);
    *out = wide_divide(wide_add(squares, sum), count - 1);
    *error = (squares.hi - sum.hi) * count / (count - 1) * TERM_ERROR;
    return size == 0 || out->hi > TOO_SMALL;
}

double exact_variance(const double *x, size_t n)
{
    struct wide v;
    double error, out;

    if (spread(x, n, &v, &error) && settled(v, error, &out))
        return out;
    return big_variance(x, n);
}

double exact_deviation(const double *x, size_t n)
{
    struct wide v;
    double error, out;

    if (spread(x, n, &v, &error)) {
        if (v.hi == 0)
            return 0;
        v = wide_root(v);
        if (settled(v, error / v.hi + v.hi * TERM_ERROR, &out))
            return out;
    }
    return big_deviation(x, n);
}
