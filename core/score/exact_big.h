/*
 * exact_big.h - exact.h's second way: sums as whole numbers of 2,560 bits.
 *
 * Slower by a factor of fifty, and right for every input below EXACT_MAX.
 * Separate from exact.h only so that the tests can hold one against the other.
 */
#ifndef DG_SCORE_EXACT_BIG_H
#define DG_SCORE_EXACT_BIG_H

#include <stddef.h>

double big_mean(const double *x, size_t n);
double big_variance(const double *x, size_t n);
double big_deviation(const double *x, size_t n);
/*
    As exact_mean, exact_variance, exact_deviation; n below 2^32.
 */

#endif
