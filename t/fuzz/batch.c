/*
 * batch.c - any bytes as the body of an upload: refused as the caller's fault,
 * or what is to be stored is JSON of the size and number that it says, whose
 * every delta the scoring can use.
 */
#include "service/batch.h"

#include <assert.h>
#include "base/json.h"
#include "score/trip_json.h"
#include "store/keys.h"
#include "store/records_impl.h"
#include "t/fuzz/fuzz.h"

#define DELTA(more)                                                            \
    "{\"delta_lat\":143,\"delta_long\":-16.5,\"delta_time\":\"1000\"," more    \
    "\"timestamp\":\"2025-12-20T14:31:35Z\"}"
#define BATCH(number, deltas, more)                                            \
    FUZZ(                                                                      \
        "{\"user_id\":\"u-1\",\"trip_id\":\"trip_1\",\"batch_number\":" number \
        ",\"deltas\":[" deltas "]" more "}")

const struct fuzz_text fuzz_seeds[] = {
    BATCH("1", DELTA("\"speed_mph\":30.1,\"gps_accuracy\":5,"), ""),
    BATCH(
        "100000",
        DELTA("\"x\":[1,{\"y\":null}],") "," DELTA("") ",7,{},"
                                                       "{\"delta_lat\":1e200}",
        ",\"batch_size\":4,\"quality_metrics\":{\"gps_quality_score\":0.5},"
        "\"first_point_timestamp\":\"2025-12-20T14:31:35Z\""),
    BATCH("1", "{\"delta_lat\":1,\"delta_long\":1,\"delta_time\":0}", ""),
    BATCH("2", DELTA(" \"a\\u0022b\" : \" \\\\ \" , "),
          " , \"last_point_timestamp\" : null "),
    FUZZ("{\"user_id\":\"u\",\"deltas\":null}"),
    FUZZ_END,
};
const struct fuzz_text fuzz_words[] = {
    FUZZ("\"delta_lat\":"),
    FUZZ("\"delta_long\":"),
    FUZZ("\"delta_time\":"),
    FUZZ("\"speed_mph\":"),
    FUZZ("\"timestamp\":"),
    FUZZ("\"batch_number\":"),
    FUZZ("\"batch_size\":"),
    FUZZ("\"sequence\":"),
    FUZZ("3600000"),
    FUZZ("3600000.0001"),
    FUZZ("1e127"),
    FUZZ("-1e-131"),
    FUZZ("null"),
    FUZZ("true"),
    FUZZ("\"NaN\""),
    FUZZ("\" 1 \""),
    FUZZ("\"0x10\""),
    FUZZ("{"),
    FUZZ("}"),
    FUZZ("["),
    FUZZ("]"),
    FUZZ(","),
    FUZZ(" \t\r\n"),
    FUZZ("\\\""),
    FUZZ("\"quality_metrics\":{"),
    FUZZ(DELTA("")),
    FUZZ_END,
};

static struct json checked(struct str text, enum json_type type)
{
    struct json root;

    assert(json_check(text, JSON_DEPTH, &root, NULL) == ST_OK);
    assert(root.type == type);
    return root;
}

static bool says(struct json statistics, const char *name, double v)
{
    double said;

    return json_double(json_member(statistics, name), &said) && said == v;
}

/* The counts are made of what came, and are those of what is stored. */
static void same_statistics(struct json said, const struct delta_counts *n)
{
    assert(says(said, "total_deltas", (double)n->deltas));
    assert(says(said, "enhanced_deltas", (double)n->enhanced));
    assert(says(said, "average_speed", delta_average(n->speed)));
    assert(says(said, "average_confidence", delta_average(n->confidence)));
    assert(says(said, "average_gps_accuracy", delta_average(n->accuracy)));
    assert(says(said, "stationary_points", (double)n->stationary));
    assert(says(said, "high_quality_points", (double)n->high_quality));
    assert(says(said, "movement_points", (double)n->moved));
}

static enum status see_batch(struct records *r, const struct batch *b,
                             int64_t now_us, struct deadline d,
                             struct batch_stored *out, struct err *err)
{
    struct arena *a = arena_new(65536);
    struct delta_list list = {0};

    (void)r, (void)now_us, (void)d;
    assert(id_valid(b->user_id) && id_valid(b->trip_id));
    assert(b->number >= 1 && b->number <= BATCH_MAX_NUMBER);
    assert(b->deltas_count >= 1 && b->deltas_count <= b->original_count);
    assert(b->original_count <= BATCH_MAX_DELTAS);
    assert(b->deltas.n + b->metrics.n <= BATCH_MAX_BYTES);
    assert((int64_t)json_count(checked(b->deltas, JSON_ARRAY)) ==
           b->deltas_count);
    checked(b->issues, JSON_ARRAY);
    if (b->metrics.n)
        checked(b->metrics, JSON_OBJECT);
    assert(deltas_read(b->deltas, a, &list, err) == ST_OK);
    assert((int64_t)list.n == b->deltas_count && !list.counts.unusable);
    for (size_t i = 0; i < list.n; i++)
        assert(list.deltas[i].dt_ms > 0 && list.deltas[i].dt_ms <= 3600000);
    same_statistics(checked(b->statistics, JSON_OBJECT), &list.counts);
    arena_free(&a);
    *out = (struct batch_stored){.completed = false};
    return ST_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct records_ops ops = {.batch_store = see_batch};
    struct records records = {&ops};
    struct stores stores = {.records = &records};
    struct err err = ERR_NONE;
    struct call call = {.stores = &stores,
                        .arena = arena_new(65536),
                        .deadline = deadline_in(60000),
                        .err = &err};
    struct buf answer;
    enum status st;

    buf_init(&answer, 1 << 20);
    st = batch_store(&call, (struct str){(const char *)data, size}, &answer);
    if (st == ST_OK)
        checked(buf_str(&answer), JSON_OBJECT);
    else
        assert((st == ST_BAD_REQUEST || st == ST_TOO_LARGE) && err.st == st);
    if (err.extra.n)
        checked(arena_printf(call.arena, "{%.*s}", STR_ARG(err.extra)),
                JSON_OBJECT);
    buf_free(&answer);
    arena_free(&call.arena);
    return 0;
}
