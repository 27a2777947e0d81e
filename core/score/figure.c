#include "score/figure.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "score/score.h"

/* From here on every double is whole. */
#define WHOLE 0x1p52
/* %.*f of the largest double: 309 digits, a sign, a point and the places. */
#define FIXED_MAX 340

double figure_bounded(double x)
{
    if (isnan(x))
        return 0;
    return x > FIGURE_MAX ? FIGURE_MAX : x < -FIGURE_MAX ? -FIGURE_MAX : x;
}

double figure_ratio(double a, double b)
{
    return b == 0 ? 0 : figure_bounded(a / b);
}

static double round_by_text(double x, int places)
{
    char text[FIXED_MAX];

    snprintf(text, sizeof text, "%.*f", places, x);
    return strtod(text, NULL);
}

/*
 * %.*f and strtod take a microsecond. The same answer by arithmetic: x * scale
 * is p + e exactly (e by fma), and r = rint(p) is right unless p lies just in
 * the middle between two whole numbers; then the sign of e says on which side
 * of it x * scale really is, and e = 0 is a true tie, which rint has already
 * given to the even one. p < 2^52 has a bit for the half, so when p is not in
 * the middle it is at least one unit in its last place away from it, and e, at
 * most half of that unit, changes nothing. r and scale are exact, so that one
 * division gives the double nearest to the decimal r / scale: what strtod
 * would read.
 */
double score_round(double x, int places)
{
    static const double scales[] = {1, 10, 100, 1000};
    double scale, p, r;

    assert(places >= 0 && places < (int)(sizeof scales / sizeof *scales));
    if (fabs(x) >= WHOLE || !isfinite(x))
        return x;
    scale = scales[places];
    p = x * scale;
    if (fabs(p) >= WHOLE)
        return round_by_text(x, places);
    r = rint(p);
    if (fabs(p - r) == 0.5) {
        double e = fma(x, scale, -p);

        if (e > 0 && p > r)
            r++;
        else if (e < 0 && p < r)
            r--;
    }
    return r / scale + 0.0; /* not -0.0 */
}

/* Divides the decimal number in place, as on paper; the remainder comes back.
 */
static unsigned divide_text(char *digits, unsigned by)
{
    unsigned rest = 0;
    char *p;

    for (p = digits; *p; p++) {
        assert(*p >= '0' &&
               *p <= '9'); /* minutes are finite, and not negative */
        rest = rest * 10 + (unsigned)(*p - '0');
        *p = (char)('0' + rest / by);
        rest %= by;
    }
    return rest;
}

struct str score_duration_text(double minutes, struct arena *a)
{
    char text[FIXED_MAX];
    const char *hours;
    unsigned rest;

    /* Whole numbers of any size, as the reference's: hence no integer type. */
    minutes = rint(minutes) + 0.0;
    snprintf(text, sizeof text, "%.0f", minutes);
    if (minutes < 60)
        return arena_printf(a, "%sm", text);
    rest = divide_text(text, 60);
    hours = text + strspn(text, "0");
    if (rest == 0)
        return arena_printf(a, "%sh", hours);
    return arena_printf(a, "%sh %um", hours, rest);
}
