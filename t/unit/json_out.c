#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "t/unit/tap.h"

/* What json.h promises, by printf alone. */
static void by_printf(double v, char z[32])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(z, 32, "%.*g", digits, v);
        if (strtod(z, NULL) == v)
            break;
    }
    if (!strpbrk(z, ".e"))
        strcat(z, ".0");
}

static bool as_printf(double v)
{
    char want[32];
    struct buf b;
    struct json_out o = {.b = &b};
    bool same;

    buf_init(&b, 64);
    json_put_double(&o, NULL, v);
    by_printf(v, want);
    same = str_is(buf_str(&b), want);
    if (!same)
        printf("# %.17g is written %.*s\n", v, STR_ARG(buf_str(&b)));
    buf_free(&b);
    return same;
}

static uint64_t next(void)
{
    static uint64_t x = 88172645463325252u;

    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return x;
}

static void decimals(void)
{
    int wrong = 0;

    for (int i = 0; i < 200000; i++) {
        int64_t n = (int64_t)(next() >> (next() % 63));
        double v = (double)n / pow(10, (double)(next() % 12));

        wrong += !as_printf(v) || !as_printf(-v);
    }
    CHECK(wrong == 0);
}

/* And those beside them, which are other decimals. */
static void neighbours(void)
{
    int wrong = 0;

    for (int i = 0; i < 100000; i++) {
        double v = (double)(next() % 10000000) / 1000;

        wrong += !as_printf(nextafter(v, 0)) || !as_printf(nextafter(v, 1e9));
    }
    CHECK(wrong == 0);
}

static void any_bits(void)
{
    int wrong = 0;

    for (int i = 0; i < 100000; i++) {
        uint64_t bits = next();
        double v;

        memcpy(&v, &bits, sizeof v);
        wrong += isfinite(v) && !as_printf(v);
    }
    CHECK(wrong == 0);
}

static void edges(void)
{
    static const double of[] = {
        0,
        1e-4,
        9.999e-5,
        1e-5,
        0.0001001,
        1e14,
        1e14 - 0.5,
        1e14 - 0.1,
        1e15,
        1e15 - 1,
        1e15 - 0.5,
        999999999999999.9,
        (double)9007199254740993,
        0x1p53,
        0x1p63,
        1e16,
        1e22,
        0.999999,
        0.9999999,
        123456.123456,
        99999999.999999,
        1e-6,
        5e-324,
    };

    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        CHECK(as_printf(of[i]));
        CHECK(as_printf(-of[i]));
    }
}

static void wrote_int(int64_t v)
{
    char want[32];
    struct buf b;
    struct json_out o = {.b = &b};

    buf_init(&b, 64);
    json_put_int(&o, NULL, v);
    snprintf(want, sizeof want, "%" PRId64, v);
    CHECK(str_is(buf_str(&b), want));
    buf_free(&b);
}

static void integers(void)
{
    static const int64_t of[] = {
        0, 1, -1, 9, 10, -10, 1234567, INT64_MAX, INT64_MIN, -INT64_MAX};

    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        wrote_int(of[i]);
}

int main(void)
{
    integers();
    decimals();
    neighbours();
    any_bits();
    edges();
    return tap_end();
}
