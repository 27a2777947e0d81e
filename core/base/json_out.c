#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_text.h"

static size_t put_special(struct buf *b, const char *p, const char *end)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *named = *p ? strchr(from, *p) : NULL;
    size_t n;

    if (named) {
        buf_putc(b, '\\');
        buf_putc(b, to[named - from]);
        return 1;
    }
    if (*p > 0 && *p < 0x20) {
        buf_printf(b, "\\u%04x", (unsigned)*p);
        return 1;
    }
    n = *p ? utf8_length(p, end) : 0;
    buf_put(b, n ? (struct str){p, n} : STR_LIT("\xef\xbf\xbd"));
    return n ? n : 1;
}

static void put_string(struct buf *b, struct str s)
{
    /* An empty one may point nowhere, from where no end is to be counted. */
    const char *p = s.n ? s.p : "", *end = p + s.n;

    buf_putc(b, '"');
    while (p < end) {
        const char *from = p;

        p = json_plain_end(p, end);
        buf_put(b, (struct str){from, (size_t)(p - from)});
        if (p < end)
            p += put_special(b, p, end);
    }
    buf_putc(b, '"');
}

static void put_key(struct json_out *o, const char *key)
{
    if (o->comma)
        buf_putc(o->b, ',');
    o->comma = true;
    if (key) {
        put_string(o->b, str_of(key));
        buf_putc(o->b, ':');
    }
}

static void begin(struct json_out *o, const char *key, char bracket)
{
    put_key(o, key);
    buf_putc(o->b, bracket);
    o->comma = false;
}

static void end(struct json_out *o, char bracket)
{
    buf_putc(o->b, bracket);
    o->comma = true;
}

void json_begin_object(struct json_out *o, const char *key)
{
    begin(o, key, '{');
}

void json_end_object(struct json_out *o)
{
    end(o, '}');
}

void json_begin_array(struct json_out *o, const char *key)
{
    begin(o, key, '[');
}

void json_end_array(struct json_out *o)
{
    end(o, ']');
}

void json_put_str(struct json_out *o, const char *key, struct str v)
{
    put_key(o, key);
    put_string(o->b, v);
}

void json_put_z(struct json_out *o, const char *key, const char *v)
{
    json_put_str(o, key, str_of(v));
}

/* Backwards from z, with a point before the last `places` digits. (As
 * printf's they were a fifth of a finalize: a summary has thousands.) */
static char *decimal_before(char *z, int64_t n, int places)
{
    uint64_t left = n < 0 ? -(uint64_t)n : (uint64_t)n;

    for (; places >= 0 || left > 0; places--) {
        *--z = (char)('0' + left % 10);
        left /= 10;
        if (places == 1)
            *--z = '.';
    }
    if (n < 0)
        *--z = '-';
    return z;
}

static void put_decimal(struct buf *b, int64_t n, int places)
{
    char z[32], *from = decimal_before(z + sizeof z, n, places);

    buf_put(b, (struct str){from, (size_t)(z + sizeof z - from)});
}

void json_put_int(struct json_out *o, const char *key, int64_t v)
{
    put_key(o, key);
    put_decimal(o->b, v, 0);
}

void json_put_bool(struct json_out *o, const char *key, bool v)
{
    put_key(o, key);
    buf_putz(o->b, v ? "true" : "false");
}

void json_put_null(struct json_out *o, const char *key)
{
    put_key(o, key);
    buf_putz(o->b, "null");
}

void json_put_raw(struct json_out *o, const char *key, struct str checked)
{
    put_key(o, key);
    buf_put(o->b, checked);
}

/*
 * Nearly all figures were rounded to a few places, and printf and strtod take a
 * microsecond. A decimal of at most 15 digits is what %.15g makes of the double
 * next to it (DBL_DIG). So if v is that double for n / 10^places, with the
 * fewest places that do, n and its point are the answer; the division is exact
 * but for its one rounding, as n and 10^places are.
 */
static bool put_short(struct buf *b, double v)
{
    static const double scales[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    if (fabs(v) < 1e-4 && (v != 0 || signbit(v))) /* %g prints an exponent */
        return false;
    for (int places = 1; places < 7; places++) {
        double n = rint(v * scales[places]);

        if (fabs(n) >= 1e15)
            return false;
        if (n / scales[places] != v)
            continue;
        put_decimal(b, (int64_t)n, places);
        return true;
    }
    return false;
}

static void put_shortest(struct buf *b, double v)
{
    char z[32];
    int digits = 15;

    do
        snprintf(z, sizeof z, "%.*g", digits, v);
    while (strtod(z, NULL) != v && ++digits <= 17);
    buf_putz(b, z);
    if (!strpbrk(z, ".e"))
        buf_putz(b, ".0");
}

void json_put_double(struct json_out *o, const char *key, double v)
{
    assert(isfinite(v));
    put_key(o, key);
    if (!put_short(o->b, v))
        put_shortest(o->b, v);
}

void json_put_fixed(struct json_out *o, const char *key, double v, int places)
{
    char z[352]; /* the largest double has 309 digits before the point */

    assert(isfinite(v) && places >= 0 && places <= 20);
    snprintf(z, sizeof z, "%.*f", places, v);
    v = strtod(z, NULL);
    json_put_double(o, key, v == 0 ? 0 : v);
}
