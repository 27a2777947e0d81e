#include "base/json_number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/json_text.h"

#define HEAD_DIGITS 19
#define EXACT_INT (INT64_C(1) << 53) /* a double holds all up to here */

/* A number without its notation: in 0.0120e5 the digits are 12, 1 at 10^3. */
struct decimal {
    bool minus;
    const char *first; /* of the significant digits; a point may follow */
    size_t digits;     /* without zeros in front and behind; 0 for zero */
    int64_t exponent;  /* power of ten of the first digit */
    uint64_t head;     /* the digits as a number, if not over HEAD_DIGITS */
};

static int64_t exponent_read(const char *p, const char *end)
{
    /* Beyond what any length of digits could bring back into range. */
    const int64_t enough = INT64_C(1) << 58;
    bool minus = *p == '-';
    int64_t v = 0;

    for (p += *p == '-' || *p == '+'; p < end; p++)
        if (v < enough)
            v = v * 10 + (*p - '0');
    return minus ? -v : v;
}

static struct decimal decimal_read(struct str raw)
{
    struct decimal d = {.minus = raw.p[0] == '-'};
    const char *p = raw.p + d.minus, *end = raw.p + raw.n;
    int64_t whole = -1; /* digits before the point, once that is known */
    int64_t seen = 0, first_at = 0;
    size_t held = 0; /* digits in head, zeros behind included */

    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            whole = seen;
            continue;
        }
        if (*p != '0') {
            if (!d.first) {
                d.first = p;
                first_at = seen;
            }
            d.digits = (size_t)(seen - first_at) + 1;
        }
        if (d.first && held < HEAD_DIGITS) {
            d.head = d.head * 10 + (uint64_t)(*p - '0');
            held++;
        }
        seen++;
    }
    for (; held > d.digits; held--)
        d.head /= 10;
    d.exponent = (whole < 0 ? seen : whole) - first_at - 1;
    if (p < end)
        d.exponent += exponent_read(p + 1, end);
    return d;
}

/*
 * A double, and the middle between two, has fewer than 768 significant
 * digits: of what follows more than that it only matters whether it is zero.
 */
#define DIGITS_THAT_COUNT 800

static double decimal_by_strtod(const struct decimal *d, struct str raw)
{
    char z[DIGITS_THAT_COUNT + 32];
    const char *p = d->first;
    size_t n = 0, copied = 0;

    if (raw.n < sizeof z) {
        memcpy(z, raw.p, raw.n);
        z[raw.n] = '\0';
        return strtod(z, NULL);
    }
    z[n] = '-';
    n += d->minus;
    for (; copied < d->digits && copied < DIGITS_THAT_COUNT; p++)
        if (*p != '.') {
            z[n++] = *p;
            copied++;
        }
    if (copied < d->digits) {
        z[n++] = '1';
        copied++;
    }
    snprintf(z + n, sizeof z - n, "e%" PRId64,
             d->exponent - (int64_t)copied + 1);
    return strtod(z, NULL);
}

static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                               1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                               1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/*
 * Most numbers by far are few digits with a point or none. At most 15 with one,
 * or 16 without: so either the integer is exact, and the power of ten, or there
 * is nothing to divide. One operation rounds, then, and rounds right. False for
 * any other.
 */
#define PLAIN_BYTES 16

static bool plain_double(struct str raw, double *out)
{
    bool minus = raw.p[0] == '-';
    const char *p = raw.p + minus, *end = raw.p + raw.n;
    uint64_t v = 0;
    size_t places = 0;

    if (end - p > PLAIN_BYTES)
        return false;
    for (; p < end; p++) {
        if (*p >= '0' && *p <= '9')
            v = v * 10 + (uint64_t)(*p - '0');
        else if (*p == '.')
            places = (size_t)(end - p) - 1;
        else
            return false;
    }
    *out = (double)v / power[places];
    if (minus)
        *out = -*out;
    return true;
}

static double decimal_double(const struct decimal *d, struct str raw)
{
    const int64_t most = sizeof power / sizeof power[0] - 1;
    int64_t e = d->exponent - (int64_t)d->digits + 1;
    double v;

    if (d->digits == 0)
        return d->minus ? -0.0 : 0.0;
    if (d->digits > HEAD_DIGITS || d->head > EXACT_INT || e > most || e < -most)
        return decimal_by_strtod(d, raw);
    /* Both operands are exact, so the one rounding is the right one. */
    v = (double)d->head;
    v = e < 0 ? v / power[-e] : v * power[e];
    return d->minus ? -v : v;
}

bool json_number_finite(struct str raw)
{
    struct decimal d = decimal_read(raw);

    if (d.digits == 0 || d.exponent < 308)
        return true;
    return d.exponent == 308 && isfinite(decimal_double(&d, raw));
}

bool json_double(struct json v, double *out)
{
    struct decimal d;

    if (v.type != JSON_NUMBER)
        return false;
    if (plain_double(v.raw, out))
        return true;
    d = decimal_read(v.raw);
    *out = decimal_double(&d, v.raw);
    return true;
}

bool json_int(struct json v, int64_t *out)
{
    struct decimal d;
    int64_t n, zeros;

    if (v.type != JSON_NUMBER)
        return false;
    d = decimal_read(v.raw);
    if (d.digits == 0) {
        *out = 0;
        return true;
    }
    zeros = d.exponent - (int64_t)d.digits + 1;
    if (zeros < 0 || d.exponent > 15 || d.head > EXACT_INT)
        return false;
    for (n = (int64_t)d.head; zeros > 0; zeros--)
        n *= 10;
    if (n > EXACT_INT)
        return false;
    *out = d.minus ? -n : n;
    return true;
}

static bool numeric_text(struct str inside, double *out)
{
    char *z;
    bool ok;

    if (!json_escaped(inside))
        return str_to_double(inside, out);
    z = malloc(inside.n);
    if (!z)
        abort();
    ok = str_to_double((struct str){z, json_unescape(inside, z)}, out);
    free(z);
    return ok;
}

bool json_numeric(struct json v, double *out)
{
    if (v.type != JSON_STRING)
        return json_double(v, out);
    return numeric_text((struct str){v.raw.p + 1, v.raw.n - 2}, out);
}

static bool has_exponent(struct str raw)
{
    for (size_t i = 0; i < raw.n; i++)
        if ((raw.p[i] | 0x20) == 'e')
            return true;
    return false;
}

bool json_decimal_fits(struct json number)
{
    struct decimal d;

    if (number.type != JSON_NUMBER)
        return false;
    if (number.raw.n <= JSON_MOST_DIGITS && !has_exponent(number.raw))
        return true;
    d = decimal_read(number.raw);
    return d.digits == 0 || (d.digits <= JSON_MOST_DIGITS &&
                             d.exponent >= -130 && d.exponent <= 125);
}
