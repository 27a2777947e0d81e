/* What is written: numbers to the digit, strings with their escapes, documents.
 */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include "t/unit/json.h"

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

static void wrote_double(double v, const char *want)
{
    struct buf b;
    struct json_out o = {.b = &b};

    buf_init(&b, 64);
    json_put_double(&o, NULL, v);
    tap_ok(str_is(buf_str(&b), want), "%s", want);
    buf_free(&b);
}

static void wrote_fixed(double v, int places, const char *want)
{
    struct buf b;
    struct json_out o = {.b = &b};

    buf_init(&b, 400);
    json_put_fixed(&o, NULL, v, places);
    tap_ok(str_is(buf_str(&b), want), "round(%.17g, %d) is %s", v, places,
           want);
    buf_free(&b);
}

static void numbers(void)
{
    wrote_double(95, "95.0");
    wrote_double(0, "0.0");
    wrote_double(-0.0, "-0.0");
    wrote_double(0.1, "0.1");
    wrote_double(0.1 + 0.2, "0.30000000000000004");
    wrote_double(1e22, "1e+22");
    wrote_double(123456789012345678.0, "1.2345678901234568e+17");
    wrote_double(1.0 / 3, "0.3333333333333333");
    wrote_double(DBL_MAX, "1.7976931348623157e+308");
    wrote_double(-DBL_MIN, "-2.2250738585072014e-308");

    wrote_fixed(2.675, 2, "2.67"); /* its binary value lies below */
    wrote_fixed(0.125, 2, "0.12"); /* ties to even */
    wrote_fixed(0.375, 2, "0.38");
    wrote_fixed(2.5, 0, "2.0");
    wrote_fixed(-0.04, 1, "0.0");
    wrote_fixed(-0.06, 1, "-0.1");
    wrote_fixed(1e300, 2, "1e+300");
    wrote_fixed(DBL_MAX, 20, "1.7976931348623157e+308");
    wrote_fixed(61.249999999999993, 1, "61.2");
}

static void document(void)
{
    static const char want[] =
        "{\"s\":\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001/\x7f\xc3\xa9\",\"bad\":"
        "\"x\xef\xbf\xbd\xef\xbf\xbdy\xef\xbf\xbd\",\"none\":\"\",\"list\":[1,-"
        "2,[],{},"
        "true,null,\"z\"],\"o\":{\"k\\\"\":9007199254740993},\"raw\":[1 ],"
        "\"f\":false,\"d\":1.5}";
    struct buf b;
    struct json_out o = {.b = &b};
    struct json root;

    buf_init(&b, 4096);
    json_begin_object(&o, NULL);
    json_put_z(&o, "s", "a\"\\\b\f\n\r\t\x01/\x7f\xc3\xa9");
    json_put_str(&o, "bad", STR_LIT("x\xff\0y\xe2"));
    json_put_str(&o, "none", STR_NONE);
    json_begin_array(&o, "list");
    json_put_int(&o, NULL, 1);
    json_put_int(&o, NULL, -2);
    json_begin_array(&o, NULL);
    json_end_array(&o);
    json_begin_object(&o, NULL);
    json_end_object(&o);
    json_put_bool(&o, NULL, true);
    json_put_null(&o, NULL);
    json_put_z(&o, NULL, "z");
    json_end_array(&o);
    json_begin_object(&o, "o");
    json_put_int(&o, "k\"", INT64_C(9007199254740993));
    json_end_object(&o);
    json_put_raw(&o, "raw", STR_LIT("[1 ]"));
    json_put_bool(&o, "f", false);
    json_put_double(&o, "d", 1.5);
    json_end_object(&o);
    if (!CHECK(str_is(buf_str(&b), want)))
        tap_note("%.*s", STR_ARG(buf_str(&b)));
    CHECK(check(buf_str(&b), &root, NULL) == ST_OK);
    buf_free(&b);
}

static void too_much(void)
{
    struct buf b;
    struct json_out o = {.b = &b};

    buf_init(&b, 10);
    json_begin_array(&o, NULL);
    json_put_z(&o, NULL, "0123456789");
    json_end_array(&o);
    CHECK(!buf_ok(&b));
    buf_free(&b);
}

int main(void)
{
    integers();
    decimals();
    neighbours();
    any_bits();
    edges();
    numbers();
    document();
    too_much();
    return tap_end();
}
