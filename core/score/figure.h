/* figure.h - what every reported number has in common: bounds and rounding. */
#ifndef DG_SCORE_FIGURE_H
#define DG_SCORE_FIGURE_H

/*
 * No reported figure is larger than this in magnitude, so that none is ever
 * infinite and the product of two, summed over all trips of a driver, is not
 * either. Nothing that the service accepts comes near: its numbers end at
 * 1e126 and begin at 1e-130 (doc/wire.md, "JSON in"), so this bound alters only
 * input that came in by another door.
 */
#define FIGURE_MAX 1e150

double figure_bounded(double x);
/*
    x within +-FIGURE_MAX; 0 for NaN.
 */

double figure_ratio(double a, double b);
/*
    a / b, bounded; 0 when b is 0.
 */

#endif
