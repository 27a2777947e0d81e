/* Attribute values of DynamoDB: what is read out of them, and back to JSON. */
#include "store/ddb_item.h"

#include "base/isotime.h"
#include "store/ddb.h"
#include "t/unit/tap.h"

static struct arena *a;

static struct json parsed(const char *text)
{
    struct json root;

    CHECK(json_check(str_of(text), DDB_DEPTH, &root, NULL) == ST_OK);
    return root;
}

/* The attribute's plain JSON; "corrupt" when it has none. */
static struct str plain(const char *attribute)
{
    struct err err = ERR_NONE;
    struct buf b;
    struct str out;
    enum status st;

    buf_init(&b, 10000);
    st = ddb_to_json(parsed(attribute), &b, &err);
    CHECK(st == err.st && (st == ST_OK || st == ST_CORRUPT));
    out = st == ST_OK ? arena_copy(a, buf_str(&b)) : STR_LIT("corrupt");
    buf_free(&b);
    return out;
}

static void to_json(void)
{
    static const struct {
        const char *attribute, *json;
    } cases[] = {
        {"{\"S\":\"a\\u0022b\"}", "\"a\\u0022b\""},
        {"{\"N\":\"-1.50E+3\"}", "-1.50E+3"},
        {"{\"N\":\" 2\\n\"}", "corrupt"},
        {"{\"N\":\" 2 \"}", "2"}, /* blanks are no part of a number */
        {"{\"N\":\"0x1\"}", "corrupt"},
        {"{\"N\":\"\"}", "corrupt"},
        {"{\"N\":7}", "corrupt"},
        {"{\"N\":\"[7]\"}", "corrupt"},
        {"{\"N\":\"true\"}", "corrupt"},
        {"{\"BOOL\":false}", "false"},
        {"{\"NULL\":true}", "null"},
        {"{\"NS\":[\"1\",\"2\"]}", "[1,2]"},
        {"{\"SS\":[\"1\",\"2\"]}", "[\"1\",\"2\"]"},
        {"{\"NS\":[\"1\",\"b\"]}", "corrupt"},
        {"{\"L\":[]}", "[]"},
        {"{\"L\":[{\"N\":\"1\"},{\"M\":{\"k\":{\"S\":\"\"}}}]}",
         "[1,{\"k\":\"\"}]"},
        {"{\"L\":[{\"B\":\"AA==\"}]}", "corrupt"},
        {"{\"M\":[]}", "corrupt"},
        {"{\"L\":{}}", "corrupt"},
        {"{}", "corrupt"},
        {"7", "corrupt"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        tap_ok(str_is(plain(cases[i].attribute), cases[i].json), "%s is %s",
               cases[i].attribute, cases[i].json);
}

/* ddb_put_json writes what ddb_to_json reads. */
static void and_back(void)
{
    static const char text[] = "{\"a\":[1.50,\"x\\ny\",null,true,{}],"
                               "\"b\\u0063\":{\"d\":-0}}";
    struct buf b;
    struct json_out o = {.b = &b};
    struct json item, key, more, value = JSON_ABSENT;
    struct json_iter it;
    struct buf out;

    buf_init(&b, 10000);
    buf_init(&out, 10000);
    json_begin_object(&o, NULL);
    ddb_put_n(&o, "n", 7);
    ddb_put_json(&o, "v", parsed(text));
    json_end_object(&o);
    CHECK(json_check(buf_str(&b), DDB_DEPTH, &item, NULL) == ST_OK);
    it = json_iter(item);
    CHECK(json_next(&it, &key, &more) && json_next(&it, &key, &value));
    CHECK(ddb_to_json(value, &out, NULL) == ST_OK);
    CHECK(str_is(buf_str(&out), text));
    buf_free(&out);
    buf_free(&b);
}

static void numbers(void)
{
    struct json item = parsed("{\"i\":{\"N\":\"3.0\"},\"e\":{\"S\":\"3E0\"},"
                              "\"half\":{\"N\":\"0.5\"},\"far\":{\"N\":"
                              "\"9007199254740994\"},\"m\":{\"M\":{}}}");
    int64_t n = 9;
    double d = 9;

    CHECK(ddb_int(item, "i", &n) && n == 3);
    n = 9;
    CHECK(ddb_int(item, "e", &n) && n == 3);
    n = 9;
    CHECK(!ddb_int(item, "half", &n) && !ddb_int(item, "far", &n) &&
          !ddb_int(item, "m", &n) && !ddb_int(item, "none", &n) && n == 9);
    CHECK(ddb_double(item, "half", &d) && d == 0.5);
    CHECK(str_is(ddb_str(item, "i", a), "3.0") && !ddb_str(item, "m", a).n);
    CHECK(ddb_time(item, "i", a) == TIME_NONE);
}

/* By the developer guide's rules, counted by hand. */
static void sizes(void)
{
    static const struct {
        const char *item;
        int64_t size;
    } cases[] = {
        {"{}", 0},
        {"{\"user_id\":{\"S\":\"u1\"}}", 9},
        {"{\"a\":{\"S\":\"\303\244\\u00e4\\u20ac\\ud83d\\ude00\\n\\u0041\"}}",
         1 + 2 + 2 + 3 + 4 + 1 + 1},
        {"{\"a\":{\"N\":\"27\"}}", 1 + 2},
        {"{\"a\":{\"N\":\"-0.00123e45\"}}", 1 + 3},
        {"{\"a\":{\"NULL\":true},\"bc\":{\"BOOL\":false}}", 2 + 3},
        {"{\"a\":{\"B\":\"AAEC\"}}", 1 + 3},
        {"{\"a\":{\"SS\":[\"ab\",\"c\"]},\"b\":{\"NS\":[\"1\",\"22\"]}}",
         1 + 3 + 1 + 4},
        {"{\"a\":{\"L\":[{\"S\":\"ab\"},{\"N\":\"1\"}]}}", 1 + 3 + 3 + 3},
        {"{\"a\":{\"M\":{\"k\":{\"BOOL\":true},\"l\":{\"L\":[]}}}}",
         1 + 3 + 3 + 5},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        tap_ok(ddb_item_size(parsed(cases[i].item)) == cases[i].size,
               "bytes of %s", cases[i].item);
}

int main(void)
{
    a = arena_new(4096);
    to_json();
    sizes();
    and_back();
    numbers();
    arena_free(&a);
    return tap_end();
}
