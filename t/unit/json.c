#include "base/json.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "t/unit/tap.h"

/* A table's text, which may hold NUL bytes. */
#define T(lit)                                                                 \
    {                                                                          \
        lit, sizeof(lit) - 1                                                   \
    }

static struct arena *arena;

static enum status check(struct str text, struct json *root, struct err *err)
{
    /* On the heap and to the byte, so that the sanitizer sees a step too far.
     */
    char *z = malloc(text.n ? text.n : 1);
    struct json found;
    enum status st;

    memcpy(z, text.p, text.n);
    st = json_check((struct str){z, text.n}, JSON_DEPTH, &found, err);
    free(z);
    if (json_check(text, JSON_DEPTH, root, NULL) != st)
        abort();
    return st;
}

static struct json parse(const char *z)
{
    struct json root;

    if (check(str_of(z), &root, NULL) != ST_OK)
        tap_ok(false, "accepts %s", z);
    return root;
}

static void accepted(void)
{
    static const struct str good[] = {
        T("0"),
        T("-0"),
        T("-0.0e-0"),
        T(" \t\r\n1.5E+3 \t\r\n"),
        T("1e-400"),
        T("1.7976931348623157e308"),
        T("1.7976931348623158e308"), /* rounds to the largest */
        T("0.00000000000000000001e327"),
        T("0e999999999999999999999999"),
        T("1e-999999999999999999999999"),
        T("true"),
        T("false"),
        T("null"),
        T("\"\""),
        T("\"a\x7f\""),
        T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\uabCD\""),
        T("\"\\ud800\\udc00\\uDBFF\\uDFFF\""),
        T("\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"
          "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
        T("[]"),
        T("{}"),
        T("[ ]"),
        T("{ }"),
        T("[1,2 , 3]"),
        T("{\"a\":1,\"A\":2,\"\":3 , \"a \" : 4}"),
        T("{\"a\":{\"a\":[{\"a\":1},{\"a\":1}]}}"),
        T("{\"\\u0061\":1,\"\\\\u0061\":2}"),
    };

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct err err = ERR_NONE;
        struct json root;

        check(good[i], &root, &err);
        tap_ok(err.st == ST_OK && root.type != JSON_NONE, "accepts [%zu] %s", i,
               err.text);
    }
}

static const struct {
    struct str text;
    const char *what;
    int at;
} bad[] = {
    {T(""), "the text ends where a value is expected", 0},
    {T("  "), "the text ends where a value is expected", 2},
    {T("\xef\xbb\xbf{}"), "a value is expected", 0},
    {T("{} x"), "something follows the value", 3},
    {T("{}\0"), "something follows the value", 2},
    {T("nul"), "a value is expected", 0},
    {T("True"), "a value is expected", 0},
    {T("NaN"), "a value is expected", 0},
    {T("[-Infinity]"), "a digit is expected", 2},
    {T("// c\n1"), "a value is expected", 0},
    {T("'a'"), "a value is expected", 0},
    {T("\f1"), "a value is expected", 0},
    /* numbers */
    {T("-"), "a digit is expected", 1},
    {T("+1"), "a value is expected", 0},
    {T(".5"), "a value is expected", 0},
    {T("-.5"), "a digit is expected", 1},
    {T("1."), "a digit is expected behind the point", 2},
    {T("[1.]"), "a digit is expected behind the point", 3},
    {T("1.e3"), "a digit is expected behind the point", 2},
    {T("1e"), "a digit is expected in the exponent", 2},
    {T("1e+"), "a digit is expected in the exponent", 3},
    {T("01"), "a number with a leading zero", 0},
    {T("[-00.5]"), "a number with a leading zero", 1},
    {T("0x10"), "something follows the value", 1},
    {T("1e400"), "a number that is too large", 0},
    {T("[1,-1e309]"), "a number that is too large", 3},
    {T("1.7976931348623159e308"), "a number that is too large", 0},
    {T("1e9999999999999999999999999999"), "a number that is too large", 0},
    {T("0.0001e313"), "a number that is too large", 0},
    /* strings */
    {T("\""), "a string without an end", 0},
    {T("[\"ab]"), "a string without an end", 1},
    {T("\"a\nb\""), "a control byte in a string", 2},
    {T("\"a\0b\""), "a control byte in a string", 2},
    {T("\"\x1f\""), "a control byte in a string", 1},
    {T("\"a\\"), "an escape that does not exist", 2},
    {T("\"\\x41\""), "an escape that does not exist", 1},
    {T("\"\\\0\""), "an escape that does not exist", 1},
    {T("\"\\u12\""), "an escape that does not exist", 1},
    {T("\"\\u123"), "an escape that does not exist", 1},
    {T("\"\\u12g4\""), "an escape that does not exist", 1},
    {T("\"\\U0041\""), "an escape that does not exist", 1},
    {T("\"\\u0000\""), "\\u0000 is not allowed", 1},
    {T("{\"a\\u0000b\":1}"), "\\u0000 is not allowed", 3},
    {T("\"\\ud800\""), "half of a surrogate pair", 1},
    {T("\"\\ud800x\\udc00\""), "half of a surrogate pair", 1},
    {T("\"\\ud800\\ud800\""), "half of a surrogate pair", 1},
    {T("\"\\ud800\\n12345\""), "half of a surrogate pair", 1},
    {T("\"\\ud800\\udc0"), "half of a surrogate pair", 1},
    {T("\"\\udc00\\ud800\""), "half of a surrogate pair", 1},
    {T("\"\\udc00\\udc00\""), "half of a surrogate pair", 1},
    {T("\"\x80\""), "a byte that is not UTF-8", 1},
    {T("\"0123456789\x80 123456\""), "a byte that is not UTF-8", 11},
    {T("\"0123456789\x1f 123456\""), "a control byte in a string", 11},
    {T("\"\xc0\x80\""), "a byte that is not UTF-8", 1},
    {T("\"\xc1\xbf\""), "a byte that is not UTF-8", 1},
    {T("\"\xc3\""), "a byte that is not UTF-8", 1},
    {T("\"\xe0\x9f\xbf\""), "a byte that is not UTF-8", 1},
    {T("\"\xed\xa0\x80\""), "a byte that is not UTF-8", 1},
    {T("\"\xe2\x82\""), "a byte that is not UTF-8", 1},
    {T("\"\xe2\x82"), "a byte that is not UTF-8", 1},
    {T("\"\xf0\x8f\xbf\xbf\""), "a byte that is not UTF-8", 1},
    {T("\"\xf4\x90\x80\x80\""), "a byte that is not UTF-8", 1},
    {T("\"\xf5\x80\x80\x80\""), "a byte that is not UTF-8", 1},
    {T("\"\xff\""), "a byte that is not UTF-8", 1},
    /* containers */
    {T("["), "the text ends where a value is expected", 1},
    {T("[1"), "a comma or ] is expected", 2},
    {T("[1,]"), "a value is expected", 3},
    {T("[,1]"), "a value is expected", 1},
    {T("[1 2]"), "a comma or ] is expected", 3},
    {T("[1}"), "a comma or ] is expected", 2},
    {T("{"), "a member's name is expected", 1},
    {T("{\"a\""), "a colon is expected", 4},
    {T("{\"a\" 1}"), "a colon is expected", 5},
    {T("{\"a\":}"), "a value is expected", 5},
    {T("{\"a\":1"), "a comma or } is expected", 6},
    {T("{\"a\":1,}"), "a member's name is expected", 7},
    {T("{a:1}"), "a member's name is expected", 1},
    {T("{1:1}"), "a member's name is expected", 1},
    {T("]"), "a value is expected", 0},
    {T("{\"a\":1,\"b\":2,\"a\":3}"), "a member is there twice", 13},
    {T("{\"\":1,\"\":2}"), "a member is there twice", 6},
    {T("{\"ab\":1,\"\\u0061b\":2}"), "a member is there twice", 8},
    {T("{\"\xf0\x90\x80\x80\":1,\"\\ud800\\udc00\":2}"),
     "a member is there twice", 10},
    {T("[{\"x\":{\"a\":1},\"a\":1,\"y\":[{\"a\":1,\"a\":1}]}]"),
     "a member is there twice", 32},
};

static void refused(void)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err err = ERR_NONE;
        struct json root = {JSON_NULL, STR_NONE};
        char want[ERR_TEXT_MAX];

        snprintf(want, sizeof want, "not JSON: %s (byte %d)", bad[i].what,
                 bad[i].at);
        check(bad[i].text, &root, &err);
        tap_ok(err.st == ST_BAD_REQUEST && strcmp(err.code, "bad_json") == 0 &&
                   root.type == JSON_NONE && strcmp(err.text, want) == 0,
               "refuses [%zu]: %s", i, want);
        if (strcmp(err.text, want) != 0)
            tap_note("said: %s", err.text);
    }
}

static void nesting(void)
{
    char z[512];
    struct json root;

    memset(z, '[', 32);
    memset(z + 32, ']', 32);
    z[64] = '\0';
    CHECK(json_check(str_of(z), 32, &root, NULL) == ST_OK);
    CHECK(json_check(str_of(z), 31, &root, NULL) == ST_BAD_REQUEST);
    CHECK(json_check(STR_LIT("1"), 0, &root, NULL) == ST_OK);
    CHECK(json_check(STR_LIT("{}"), 0, &root, NULL) == ST_BAD_REQUEST);
    CHECK(json_check(STR_LIT("[[],[],{}]"), 2, &root, NULL) == ST_OK);
    memset(z, '[', 100);
    memset(z + 100, ']', 100);
    z[200] = '\0';
    CHECK(json_check(str_of(z), JSON_DEPTH, &root, NULL) == ST_BAD_REQUEST);
}

/* n different names of one object, then `last`. */
static enum status many_names(int n, const char *last, struct err *err)
{
    struct buf b;
    struct json root;
    enum status st;

    buf_init(&b, 1 << 24);
    buf_putc(&b, '{');
    for (int i = 0; i < n; i++)
        buf_printf(&b, "\"name%d\":{\"a\":%d,\"b\":[]},", i, i);
    buf_printf(&b, "\"%s\":0}", last);
    err_clear(err);
    st = json_check(buf_str(&b), JSON_DEPTH, &root, err);
    if (st == ST_OK && json_count(root) != (size_t)n + 1)
        st = ST_INTERNAL;
    buf_free(&b);
    return st;
}

static void duplicates(void)
{
    static const int counts[] = {1, 14, 15, 16, 17, 63, 64, 65, 70000};
    char long_name[600];

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        int n = counts[i];
        char last[40];
        struct err err;

        tap_ok(many_names(n, "name", &err) == ST_OK, "%d names, none twice", n);
        snprintf(last, sizeof last, "name%d", n / 2);
        tap_ok(many_names(n, last, &err) == ST_BAD_REQUEST, "%d names, %s", n,
               err.text);
        snprintf(last, sizeof last, "\\u006eame%d", n - 1);
        tap_ok(many_names(n, last, &err) == ST_BAD_REQUEST,
               "%d names, one twice with an escape", n);
    }
    memset(long_name, 'x', sizeof long_name);
    memcpy(long_name + sizeof long_name - 8, "\\u0041", 7);
    {
        char text[1600];
        struct json root;

        snprintf(text, sizeof text, "{\"%s\":1,\"%.591sB\":2}", long_name,
                 long_name);
        CHECK(json_check(str_of(text), 1, &root, NULL) == ST_OK);
        snprintf(text, sizeof text, "{\"%s\":1,\"%.592sA\":2}", long_name,
                 long_name);
        CHECK(json_check(str_of(text), 1, &root, NULL) == ST_BAD_REQUEST);
    }
}

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

static void cursor(void)
{
    struct json root = parse(" { \"a\" : [ 1 ,\"x]\\\"}\", {\"b\":[]} ,[ [] ] ]"
                             ",\"\\u0062\":null\n, \"c\":-1.50 ,\"\":{ }} ");
    struct json list = json_member(root, "a"), key, value;
    struct json_iter it = json_iter(list);

    CHECK(root.raw.p[0] == '{' && root.raw.p[root.raw.n - 1] == '}');
    CHECK(json_count(root) == 4 && json_count(list) == 4);
    CHECK(json_next(&it, &key, &value) && key.type == JSON_NONE &&
          str_is(value.raw, "1"));
    CHECK(json_next(&it, &key, &value) && value.type == JSON_STRING &&
          str_is(value.raw, "\"x]\\\"}\""));
    CHECK(json_next(&it, &key, &value) && str_is(value.raw, "{\"b\":[]}"));
    CHECK(json_next(&it, &key, &value) && str_is(value.raw, "[ [] ]"));
    CHECK(!json_next(&it, &key, &value) && !json_next(&it, &key, &value));

    CHECK(json_member(root, "b").type == JSON_NULL);
    CHECK(str_is(json_member(root, "c").raw, "-1.50"));
    CHECK(json_member(root, "").type == JSON_OBJECT);
    CHECK(json_member(root, "A").type == JSON_NONE);
    CHECK(json_member(list, "a").type == JSON_NONE);
    CHECK(json_member(JSON_ABSENT, "a").type == JSON_NONE);
    CHECK(json_count(parse("1")) == 0 && json_count(JSON_ABSENT) == 0);
    CHECK(json_count(parse("[\n]")) == 0);
    CHECK(json_of(STR_LIT("{}")).type == JSON_OBJECT &&
          json_of(STR_NONE).type == JSON_NONE);
}

static void strings(void)
{
    struct json plain = parse("\"plain \xc3\xa9\"");
    struct json escaped =
        parse("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC\\ud83d\\ude00z\"");
    struct str s = json_string(plain, arena);
    struct json key;

    CHECK(s.p == plain.raw.p + 1 && str_is(s, "plain \xc3\xa9"));
    CHECK(str_is(json_string(escaped, arena),
                 "\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"));
    CHECK(json_string(parse("\"\""), arena).n == 0);
    CHECK(json_string(parse("12"), arena).p == NULL);

    key = parse("\"tr\\u0069p_id\"");
    CHECK(json_key_is(key, "trip_id") && !json_key_is(key, "trip_i"));
    CHECK(!json_key_is(key, "trip_id2") && !json_key_is(key, "Trip_id"));
    CHECK(!json_key_is(parse("\"a\\\\b\""), "a\\\\b"));
    CHECK(json_key_is(parse("\"a\\\\b\""), "a\\b"));
    CHECK(!json_key_is(JSON_ABSENT, ""));
}

/* ---- writing ---- */

static bool wrote_double(double v, const char *want)
{
    struct buf b;
    struct json_out o = {.b = &b};
    bool same;

    buf_init(&b, 64);
    json_put_double(&o, NULL, v);
    same = str_is(buf_str(&b), want);
    tap_ok(same, "%s", want);
    buf_free(&b);
    return same;
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

static void written_numbers(void)
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

static void written_document(void)
{
    static const char want[] =
        "{\"s\":\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001/\x7f\xc3\xa9\",\"bad\":"
        "\"x\xef\xbf\xbd\xef\xbf\xbdy\xef\xbf\xbd\",\"list\":[1,-2,[],{},"
        "true,null,\"z\"],\"o\":{\"k\\\"\":9007199254740993},\"raw\":[1 ],"
        "\"f\":false,\"d\":1.5}";
    struct buf b;
    struct json_out o = {.b = &b};
    struct json root;

    buf_init(&b, 4096);
    json_begin_object(&o, NULL);
    json_put_z(&o, "s", "a\"\\\b\f\n\r\t\x01/\x7f\xc3\xa9");
    json_put_str(&o, "bad", STR_LIT("x\xff\0y\xe2"));
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

static void written_too_much(void)
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
    arena = arena_new(4096);
    accepted();
    refused();
    nesting();
    duplicates();
    long_numbers();
    doubles();
    random_doubles();
    integers();
    numeric_strings();
    decimals();
    cursor();
    strings();
    written_numbers();
    written_document();
    written_too_much();
    arena_free(&arena);
    return tap_end();
}
