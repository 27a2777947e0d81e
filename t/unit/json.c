/* Texts taken and refused, and what a cursor finds in them. */
#include "t/unit/json.h"

/* A table's text, which may hold NUL bytes. */
#define T(lit)                                                                 \
    {                                                                          \
        lit, sizeof(lit) - 1                                                   \
    }

static struct arena *arena;

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

/* ---- rows ---- */

static char handed[200];

static void put_member(void *ctx, struct json key, struct json value)
{
    (void)ctx;
    snprintf(handed + strlen(handed), 60, "%.*s=%.*s ", STR_ARG(key.raw),
             STR_ARG(value.raw));
}

static void put_row(void *ctx, struct json row)
{
    (void)ctx;
    snprintf(handed + strlen(handed), 60, "%.*s; ", STR_ARG(row.raw));
}

static struct json_rows rows_of(const char *text, const char *in)
{
    struct json_rows rows = {.in = in, .member = put_member, .row = put_row};
    struct json root;

    handed[0] = '\0';
    CHECK(json_check_rows(str_of(text), 6, &rows, &root, NULL) == ST_OK);
    return rows;
}

static void handed_over(void)
{
    struct json_rows rows =
        rows_of("[{\"a\":[{\"b\":1}]},[{\"c\":2}],3]", NULL);

    CHECK(!strcmp(handed, "\"a\"=[{\"b\":1}] {\"a\":[{\"b\":1}]}; "
                          "[{\"c\":2}]; 3; "));
    rows = rows_of("{\"o\":{\"r\":[1],\"x\":{\"y\":2}},"
                   "\"\\u0072\" : [ {\"a\":{\"b\":4}} ,5 ] , "
                   "\"z\":[{\"a\":6}]}",
                   "r");
    CHECK(!strcmp(handed, "\"a\"={\"b\":4} {\"a\":{\"b\":4}}; 5; "));
    CHECK(str_is(rows.array.raw, "[ {\"a\":{\"b\":4}} ,5 ]"));
    rows = rows_of("{\"r\":{\"r\":[1]},\"s\":[2]}", "r");
    CHECK(!handed[0] && rows.array.type == JSON_NONE);
    CHECK(rows_of("{\"r\":[]}", "r").array.type == JSON_ARRAY && !handed[0]);
    (void)rows_of("[[{\"r\":[1]}]]", "r");
    CHECK(!handed[0]);
}

static bool unfit(const char *text)
{
    return rows_of(text, "r").unfit_numbers;
}

static void unfit_numbers(void)
{
    CHECK(!unfit("[1,-2.5,1e125,12345678901234567890123456789012345678]"));
    CHECK(unfit("{\"a\":[1,{\"b\":1e126}]}") && unfit("-1E-131"));
    CHECK(unfit("[123456789012345678901234567890123456789,1]"));
    CHECK(!unfit("[\"1e200\"]"));
}

static void compact(void)
{
    struct buf out;

    buf_init(&out, 100);
    buf_putz(&out, "=");
    CHECK(str_is(json_compact(STR_LIT(" [ 1.50 ,\t\"a \\\" b\\\\\" ,\r\n"
                                      "{ \" c \" : null } ] "),
                              &out),
                 "[1.50,\"a \\\" b\\\\\",{\" c \":null}]"));
    CHECK(out.p[0] == '=');
    buf_free(&out);
    buf_init(&out, 4); /* as much as there is room for */
    CHECK(str_is(json_compact(STR_LIT("[ 12]"), &out), "[12]"));
    CHECK(json_compact(STR_LIT("1"), &out).n == 0 && !buf_ok(&out));
    buf_free(&out);
}

int main(void)
{
    arena = arena_new(4096);
    accepted();
    refused();
    nesting();
    duplicates();
    cursor();
    strings();
    handed_over();
    unfit_numbers();
    compact();
    arena_free(&arena);
    return tap_end();
}
