/*
 * exact.h - mean, variance and deviation as correctly rounded results of exact
 * sums, which is what Python's statistics module gives (doc/scoring.md,
 * "Rounding").
 *
 * Twice the precision of a double (an unevaluated sum hi + lo) comes with a
 * bound of its error; when the double nearest to hi + lo is the same at both
 * ends of that bound, it is the right one. Otherwise, which is rare, whole
 * numbers of unlimited precision decide (exact_big.h).
 *
 * Every value must be below EXACT_MAX in magnitude (an assertion of the second
 * way); speeds and accelerations are bounded by 150 mph. Results below 2^-1000
 * may be off by one in the last place.
 */
#ifndef DG_SCORE_EXACT_H
#define DG_SCORE_EXACT_H

#include <stddef.h>

#define EXACT_MAX 0x1p32

double exact_mean(const double *x, size_t n);
/*
    n > 0.
 */
double exact_variance(const double *x, size_t n);
double exact_deviation(const double *x, size_t n);
/*
    Of a sample (n - 1); n > 1. The deviation is the correctly rounded root of
    the exact variance, not of the rounded one.
 */

#endif
