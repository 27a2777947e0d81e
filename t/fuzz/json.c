/*
 * json.c - any bytes: what json_check accepts, cJSON must accept and read in
 * the same way, and writing it anew must give the same again.
 */
#include "base/json.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "t/fuzz/fuzz.h"

const struct fuzz_text fuzz_seeds[] = {
    FUZZ("{\"user_id\":\"u1\",\"trip_id\":\"t_1\",\"batch_number\":1,"
         "\"deltas\":[{"
         "\"delta_lat\":143,\"delta_long\":-16,\"delta_time\":2000.0,\"speed_"
         "mph\":"
         "17.97185,\"is_moving\":true,\"x\":null}],\"quality_metrics\":{}}"),
    FUZZ(
        "[0,-0,1e5,1.5E-3,9007199254740993,1e308,12345678901234567890123,0.1]"),
    FUZZ("\"\\u00e9\\ud83d\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\t \xc3\xa9 "
         "\xe2\x82\xac \xf0\x9f\x98\x80\""),
    FUZZ("{\"a\":{\"b\":[[],{},[{\"a\":1}]]},\"b\":false,\"\":\"\"}"),
    FUZZ("{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,"
         "\"i\":9,"
         "\"j\":1,\"k\":2,\"l\":3,\"m\":4,\"n\":5,\"o\":6,\"p\":7,\"q\":8,"
         "\"r\":9}"),
    FUZZ("[{\"a\":1,\"b\":{\"a\":2},\"c\":[{\"a\":3}]},{},[],[{\"a\":4}],5,"
         "{ \"d\" : \"\" } ]"),
    FUZZ(" [ [ [ [ [ [ [ [ [ [ [ [ [ 1 ] ] ] ] ] ] ] ] ] ] ] ] ] \n"),
    FUZZ_END,
};

const struct fuzz_text fuzz_words[] = {
    FUZZ("{"),         FUZZ("}"),        FUZZ("["),        FUZZ("]"),
    FUZZ(","),         FUZZ(":"),        FUZZ("\""),       FUZZ("\\"),
    FUZZ("\\u"),       FUZZ("\\u0061"),  FUZZ("\\ud800"),  FUZZ("\\udc00"),
    FUZZ("null"),      FUZZ("true"),     FUZZ("false"),    FUZZ("0"),
    FUZZ("-"),         FUZZ("."),        FUZZ("e"),        FUZZ("E+"),
    FUZZ("1e400"),     FUZZ("1e-400"),   FUZZ("e308"),     FUZZ("\"a\":"),
    FUZZ("\"\\u0061"), FUZZ("[[[[[["),   FUZZ("]]]]"),     FUZZ("\xc3"),
    FUZZ("\xa9"),      FUZZ("\xed\xa0"), FUZZ("\xf0\x90"), FUZZ("000000000000"),
    FUZZ("{}"),        FUZZ("[]"),       FUZZ_END,
};

/* cJSON takes at most so many bytes of a number. */
#define CJSON_NUMBER_MAX 63

static struct arena *arena;

static bool beyond_cjson(struct json v)
{
    struct json_iter it = json_iter(v);
    struct json key, value;

    if (v.type == JSON_NUMBER)
        return v.raw.n > CJSON_NUMBER_MAX;
    while (json_next(&it, &key, &value))
        if (beyond_cjson(value))
            return true;
    return false;
}

static bool same_string(struct json v, const char *z)
{
    return str_is(json_string(v, arena), z);
}

static void compare(struct json v, const cJSON *c)
{
    struct json_iter it = json_iter(v);
    struct json key, value;
    const cJSON *child = c->child;
    double d = 0;

    switch (v.type) {
    case JSON_NONE:
        assert(!"a value without a type");
        break;
    case JSON_NULL:
        assert(cJSON_IsNull(c));
        break;
    case JSON_FALSE:
        assert(cJSON_IsFalse(c));
        break;
    case JSON_TRUE:
        assert(cJSON_IsTrue(c));
        break;
    case JSON_NUMBER:
        assert(cJSON_IsNumber(c) && json_double(v, &d));
        assert(d == c->valuedouble);
        break;
    case JSON_STRING:
        assert(cJSON_IsString(c) && same_string(v, c->valuestring));
        break;
    case JSON_ARRAY:
        assert(cJSON_IsArray(c));
        break;
    case JSON_OBJECT:
        assert(cJSON_IsObject(c));
        break;
    }
    assert(json_count(v) == (size_t)cJSON_GetArraySize(c));
    for (; json_next(&it, &key, &value); child = child->next) {
        assert(key.type == JSON_NONE || same_string(key, child->string));
        assert(key.type == JSON_NONE || json_key_is(key, child->string));
        compare(value, child);
    }
}

/* The same values, printed by the writer. */
static void write_again(struct json v, const char *name, struct json_out *o)
{
    struct json_iter it = json_iter(v);
    struct json key, value;
    double d;

    if (v.type == JSON_OBJECT)
        json_begin_object(o, name);
    else if (v.type == JSON_ARRAY)
        json_begin_array(o, name);
    else if (v.type == JSON_STRING)
        json_put_str(o, name, json_string(v, arena));
    else if (json_double(v, &d))
        json_put_double(o, name, d);
    else
        json_put_raw(o, name, v.raw);
    while (json_next(&it, &key, &value)) {
        struct str s = json_string(key, arena);

        write_again(value, v.type == JSON_OBJECT ? arena_z(arena, s) : NULL, o);
    }
    if (v.type == JSON_OBJECT)
        json_end_object(o);
    else if (v.type == JSON_ARRAY)
        json_end_array(o);
}

static void written(struct json v, struct buf *out)
{
    struct json_out o = {.b = out};

    buf_init(out, 1 << 26);
    write_again(v, NULL, &o);
    assert(buf_ok(out));
}

static void check_writer(struct json root)
{
    struct json again;
    struct buf first, second;

    written(root, &first);
    assert(json_check(buf_str(&first), JSON_DEPTH, &again, NULL) == ST_OK);
    written(again, &second);
    assert(str_eq(buf_str(&first), buf_str(&second)));
    buf_free(&first);
    buf_free(&second);
}

/* What was handed over, beside what the cursor finds. */
struct walk {
    struct json_iter rows, members;
    bool inside; /* of a row whose members have begun */
};

static bool same_json(struct json a, struct json b)
{
    return a.type == b.type && a.raw.p == b.raw.p && a.raw.n == b.raw.n;
}

static void walk_member(void *ctx, struct json key, struct json value)
{
    struct walk *w = ctx;
    struct json none, row, k, v;

    if (!w->inside) {
        struct json_iter ahead = w->rows;

        assert(json_next(&ahead, &none, &row));
        w->members = json_iter(row);
        w->inside = true;
    }
    assert(json_next(&w->members, &k, &v));
    assert(same_json(k, key) && same_json(v, value));
}

static void walk_row(void *ctx, struct json element)
{
    struct walk *w = ctx;
    struct json none, row;

    assert(json_next(&w->rows, &none, &row) && same_json(row, element));
    assert(w->inside ? !json_next(&w->members, &none, &row)
                     : row.type != JSON_OBJECT || json_count(row) == 0);
    w->inside = false;
}

static void pass_over(void *ctx, struct json key, struct json value)
{
    (void)ctx, (void)key, (void)value;
}

static void count_row(void *ctx, struct json element)
{
    (void)element;
    ++*(size_t *)ctx;
}

static bool any_unfit(struct json v)
{
    struct json_iter it = json_iter(v);
    struct json key, value;

    while (json_next(&it, &key, &value))
        if (any_unfit(value))
            return true;
    return v.type == JSON_NUMBER && !json_decimal_fits(v);
}

static void check_rows(struct str text, struct json root)
{
    struct walk w = {.rows = json_iter(root)};
    struct json_rows rows = {.member = walk_member, .row = walk_row, .ctx = &w};
    struct json again, none;

    assert(json_check_rows(text, JSON_DEPTH, &rows, &again, NULL) == ST_OK);
    assert(same_json(root, again));
    assert(rows.unfit_numbers == any_unfit(root));
    assert(root.type != JSON_ARRAY || !json_next(&w.rows, &none, &none));
}

/* The same of each array that is a member of the root. */
static void check_rows_in(struct str text, struct json root)
{
    struct json_iter it = json_iter(root);
    struct json key, value, again, none;

    while (it.object && json_next(&it, &key, &value)) {
        struct walk w = {.rows = json_iter(value)};
        struct json_rows rows = {.in = arena_z(arena, json_string(key, arena)),
                                 .member = walk_member,
                                 .row = walk_row,
                                 .ctx = &w};
        bool array = value.type == JSON_ARRAY;

        assert(json_check_rows(text, JSON_DEPTH, &rows, &again, NULL) == ST_OK);
        assert(array ? same_json(rows.array, value)
                     : rows.array.type == JSON_NONE);
        assert(!array || !json_next(&w.rows, &none, &none));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct err err = ERR_NONE;
    struct json root;

    if (json_check(text, JSON_DEPTH, &root, &err) != ST_OK) {
        size_t n = 0;
        struct json_rows rows = {
            .member = pass_over, .row = count_row, .ctx = &n};

        assert(root.type == JSON_NONE && strcmp(err.code, "bad_json") == 0);
        assert(json_check_rows(text, JSON_DEPTH, &rows, &root, NULL) != ST_OK);
        assert(n <= size);
        return 0;
    }
    arena = arena_new(1 << 16);
    check_rows(text, root);
    check_rows_in(text, root);
    if (!beyond_cjson(root)) {
        cJSON *c = cJSON_ParseWithLength(text.p, text.n);

        assert(c);
        compare(root, c);
        cJSON_Delete(c);
    }
    check_writer(root);
    arena_free(&arena);
    return 0;
}
