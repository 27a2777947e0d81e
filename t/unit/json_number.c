/* Numbers as they are read: doubles, whole numbers, decimals that DynamoDB
 * keeps. */
#include <float.h>
#include <math.h>
#include "t/unit/json.h"

/* Long numbers: what counts lies behind many digits. */
static void long_numbers(void)
{
    char z[3000];
    double d = 0;

    memset(z, '9', 309);
    z[309] = '\0';
    CHECK(json_check(str_of(z), 1, &(struct json){0}, NULL) == ST_BAD_REQUEST);
    z[0] = '1'; /* 1.99..e308 is over, too */
    CHECK(json_check(str_of(z), 1, &(struct json){0}, NULL) == ST_BAD_REQUEST);
    z[308] = '\0';
    CHECK(json_double(parse(z), &d) && d == strtod(z, NULL));

    memset(z, '0', 2900);
    memcpy(z, "0.", 2);
    strcpy(z + 2900, "25e2898");
    CHECK(json_double(parse(z), &d) && d == 0.25);
    memset(z, '0', 2900);
    z[0] = '5';
    strcpy(z + 2900, "e-2900");
    CHECK(json_double(parse(z), &d) && d == 0.5);

    /* 1 + 2^-53 is the middle: to even, unless one digit far out says up. */
    strcpy(z, "1.00000000000000011102230246251565404236316680908203125");
    CHECK(json_double(parse(z), &d) && d == 1.0);
    memset(z + strlen(z), '0', 2000 - strlen(z));
    strcpy(z + 2000, "1");
    CHECK(json_double(parse(z), &d) && d == 1.0 + DBL_EPSILON);
}

static void doubles(void)
{
    static const char *const texts[] = {
        "0",
        "1",
        "-1.5",
        "0.1",
        "0.30000000000000004",
        "9007199254740993",
        "9007199254740992e22",
        "9007199254740991e-22",
        "123456789012345678901234567890",
        "1e22",
        "1e23",
        "1e-22",
        "1e-23",
        "8.5e-7",
        "4.9e-324",
        "2.4703282292062328e-324",
        "2.4703282292062327e-324",
        "2.2250738585072011e-308",
        "1.7976931348623157e308",
        "0.000000000000000000000000000000000000001e30",
        "100000000000000000000000.000",
        "6.02214076e+23",
        "0.10000e1",
        "179769313486231570000e288",
    };
    double d = 7;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bool same =
            json_double(parse(texts[i]), &d) && d == strtod(texts[i], NULL);

        tap_ok(same, "%s is %.17g", texts[i], d);
    }
    CHECK(json_double(parse("-0.0"), &d) && d == 0 && signbit(d));
    d = 7;
    CHECK(!json_double(parse("\"1\""), &d) && !json_double(parse("true"), &d));
    CHECK(!json_double(JSON_ABSENT, &d) && d == 7);
}

/* Random doubles in random notations read as strtod reads them. */
static void random_doubles(void)
{
    uint64_t x = 88172645463325252u;
    int wrong = 0;

    for (int i = 0; i < 200000; i++) {
        char z[64];
        double want, got;

        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        memcpy(&want, &x, sizeof want);
        if (!isfinite(want) || i % 4 == 0)
            want = (double)(int64_t)(x >> 20) / 1e6;
        snprintf(z, sizeof z, i % 3 ? "%.*e" : "%.*g", (int)(x % 19), want);
        want = strtod(z, NULL);
        if (!isfinite(want))
            continue;
        json_double(json_of(str_of(z)), &got);
        wrong += memcmp(&want, &got, sizeof want) != 0;
    }
    CHECK(wrong == 0);
}

static void integers(void)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t v;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"0e99", true, 0},
        {"0e-99", true, 0},
        {"0.000", true, 0},
        {"1e3", true, 1000},
        {"5.0", true, 5},
        {"-12.50e1", true, -125},
        {"0.0001e4", true, 1},
        {"9007199254740992", true, INT64_C(9007199254740992)},
        {"-9007199254740992", true, -INT64_C(9007199254740992)},
        {"9007199254740993", false, 0},
        {"9007199254740992.5", false, 0},
        {"90071992547409920e-1", true, INT64_C(9007199254740992)},
        {"9e15", true, INT64_C(9000000000000000)},
        {"1e16", false, 0},
        {"1e300", false, 0},
        {"1.5", false, 0},
        {"1e-1", false, 0},
        {"5e-324", false, 0},
        {"1000000000000000000000000e-24", true, 1},
        {"1000000000000000000000001e-24", false, 0},
        {"\"1\"", false, 0},
        {"true", false, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t v = 0;
        bool ok = json_int(parse(cases[i].text), &v);

        tap_ok(ok == cases[i].ok && v == cases[i].v, "%s as a whole number",
               cases[i].text);
    }
}

static void numeric_strings(void)
{
    double d = 7;

    CHECK(json_numeric(parse("\" 12.5 \""), &d) && d == 12.5);
    CHECK(json_numeric(parse("\"\\u0031\\u0032\\t\""), &d) && d == 12);
    CHECK(json_numeric(parse("-3e2"), &d) && d == -300);
    CHECK(!json_numeric(parse("\"\""), &d));
    CHECK(!json_numeric(parse("\"nan\""), &d));
    CHECK(!json_numeric(parse("\"1e999\""), &d));
    CHECK(!json_numeric(parse("\"12 mph\""), &d));
    CHECK(!json_numeric(parse("true"), &d) && !json_numeric(parse("null"), &d));
    CHECK(!json_numeric(parse("[1]"), &d) && !json_numeric(JSON_ABSENT, &d));
    CHECK(d == -300);
}

static void decimals(void)
{
#define DIGITS_19 "1234567890123456789"
    CHECK(json_decimal_fits(parse("0")) && json_decimal_fits(parse("0e-999")));
    CHECK(json_decimal_fits(parse(DIGITS_19 DIGITS_19)));
    CHECK(json_decimal_fits(parse("-0.0" DIGITS_19 DIGITS_19 "000e7")));
    CHECK(!json_decimal_fits(parse(DIGITS_19 DIGITS_19 "1")));
    CHECK(!json_decimal_fits(parse("0." DIGITS_19 DIGITS_19 "01")));
    CHECK(json_decimal_fits(parse("1e-130")));
    CHECK(json_decimal_fits(parse("0.001e-127")));
    CHECK(!json_decimal_fits(parse("9.99e-131")));
    CHECK(json_decimal_fits(parse("9.9999e125")));
    CHECK(json_decimal_fits(parse("99e124")));
    CHECK(!json_decimal_fits(parse("1e126")));
    CHECK(!json_decimal_fits(parse("\"1\"")));
}

int main(void)
{
    long_numbers();
    doubles();
    random_doubles();
    integers();
    numeric_strings();
    decimals();
    return tap_end();
}
