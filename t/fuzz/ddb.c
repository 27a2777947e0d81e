/*
 * ddb.c - any bytes as DynamoDB's reply: what is read out of its items is JSON
 * again, means the same when it is written back as an attribute, and a trip of
 * it has a status.
 */
#include "store/ddb_item.h"

#include <assert.h>
#include "store/ddb.h"
#include "store/records_dynamodb.h"
#include "t/fuzz/fuzz.h"

#define TRIP                                                                   \
    "\"trip_id\":{\"S\":\"t_1\"},\"user_id\":{\"S\":\"u\"},\"status\":{\"S\":" \
    "\"completed\"},\"analysis_status\":{\"S\":\"stored\"},\"start_timestamp"  \
    "\":{\"S\":\"2026-01-01T00:00:00Z\"},\"total_batches\":{\"N\":\"3\"},"     \
    "\"revision\":{\"N\":\"1E0\"}"

const struct fuzz_text fuzz_seeds[] = {
    FUZZ("{\"Item\":{" TRIP ",\"trip_quality\":{\"M\":{\"use_gps_metrics\":{"
         "\"BOOL\":true},\"actual_distance_miles\":{\"N\":\"1.5\"}}}}}"),
    FUZZ("{\"Items\":[{" TRIP "},{" TRIP ",\"batch_numbers\":{\"NS\":[\"1\","
         "\"2\"]}}],\"Count\":2,\"LastEvaluatedKey\":{\"trip_id\":{\"S\":\"t"
         "\"}}}"),
    FUZZ("{\"Item\":{\"deltas\":{\"L\":[{\"M\":{\"delta_lat\":{\"N\":\"-12\"},"
         "\"x\":{\"NULL\":true},\"y\":{\"SS\":[\"a\",\"b\"]}}},{\"B\":\"AA==\""
         "}]}}}"),
    FUZZ("{\"Responses\":{\"t\":[{\"a\":{\"S\":\"\\u00e9\"}}]},"
         "\"UnprocessedKeys\":{}}"),
    FUZZ_END,
};
const struct fuzz_text fuzz_words[] = {
    FUZZ("{\"S\":\""),
    FUZZ("{\"N\":\""),
    FUZZ("{\"M\":{"),
    FUZZ("{\"L\":["),
    FUZZ("\"}"),
    FUZZ("{\"NULL\":true}"),
    FUZZ("{\"NS\":["),
    FUZZ("{\"SS\":["),
    FUZZ("{\"BOOL\":false}"),
    FUZZ("{\"B\":\"\"}"),
    FUZZ("}}"),
    FUZZ("]}"),
    FUZZ("\"Item\":{"),
    FUZZ("1e400"),
    FUZZ("9007199254740993"),
    FUZZ("-0"),
    FUZZ("0x1"),
    FUZZ(","),
    FUZZ_END,
};

#define MAX ((size_t)1 << 22)

/* Its plain JSON, kept in the arena; STR_NONE when it has none. */
static struct str plain(struct json attribute, struct arena *a)
{
    struct err err = ERR_NONE;
    struct buf b;
    struct str out = STR_NONE;
    enum status st;

    buf_init(&b, MAX);
    st = ddb_to_json(attribute, &b, &err);
    assert(st == err.st && (st == ST_OK || st == ST_CORRUPT));
    if (st == ST_OK)
        out = arena_copy(a, buf_str(&b));
    assert(buf_ok(&b));
    buf_free(&b);
    return out;
}

/* Written as an attribute and read back, it is the same text. */
static void check_again(struct str text, struct arena *a)
{
    struct json v, item, none;
    struct json_iter it;
    struct json key, back;
    struct buf b;
    struct json_out o = {.b = &b};

    assert(json_check(text, DDB_DEPTH, &v, NULL) == ST_OK);
    buf_init(&b, MAX);
    json_begin_object(&o, NULL);
    ddb_put_json(&o, "a", v);
    json_end_object(&o);
    assert(buf_ok(&b));
    /* Each level names its type: half of the depth is for the value. */
    if (json_check(buf_str(&b), 2 * DDB_DEPTH + 2, &item, NULL) == ST_OK) {
        it = json_iter(item);
        assert(json_next(&it, &key, &back) && json_key_is(key, "a"));
        assert(str_eq(plain(back, a), text));
        assert(!json_next(&it, &key, &none));
    }
    buf_free(&b);
}

static void check_item(struct json item, struct arena *a)
{
    struct json_iter it = json_iter(item);
    struct err err = ERR_NONE;
    struct json key, v;
    struct trip trip;
    enum status st;

    for (; json_next(&it, &key, &v);) {
        struct str text = plain(v, a);
        const char *name = arena_z(a, json_string(key, a));
        double d = 0;
        int64_t n = 0;

        if (text.n)
            check_again(text, a);
        if (ddb_int(item, name, &n))
            assert(ddb_double(item, name, &d) && (double)n == d);
        (void)ddb_str(item, name, a);
        (void)ddb_time(item, name, a);
        (void)ddb_list_count(item, name);
    }
    st = dynamodb_read_trip(item, a, &trip, &err);
    assert(st == ST_OK || (st == ST_CORRUPT && err.st == st));
}

/* Whatever object it is, it may stand where an item does. */
static void walk(struct json v, struct arena *a)
{
    struct json_iter it = json_iter(v);
    struct json key, child;

    if (v.type == JSON_OBJECT)
        check_item(v, a);
    while (json_next(&it, &key, &child))
        walk(child, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    struct arena *a = arena_new(16384);
    struct json root;

    if (json_check(in, DDB_DEPTH, &root, NULL) == ST_OK)
        walk(root, a);
    arena_free(&a);
    return 0;
}
