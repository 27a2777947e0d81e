/*
 * summary.c - any bytes as a driver's summary: its rows are sorted, its
 * fragments lie where they say, and what is written of it is read as the same.
 */
#include "driver/summary.h"

#include <assert.h>
#include "base/gzip.h"
#include "base/gzip_bundle.h"
#include "t/fuzz/fuzz.h"

#define MAX ((size_t)4 * 1024 * 1024)
#define BACK STR_LIT("]}")

/* Of two analyses, {"a":1} and {"b":22}, as stored blocks. */
static const struct str item[] = {{"\0\7\0\xf8\xff{\"a\":1}", 12},
                                  {"\0\x08\0\xf7\xff{\"b\":22}", 13}};
static const struct gzip_sum sum[] = {{1444654255, 7}, {1236981988, 8}};

#define FRONT                                                                  \
    "{\"format\":1,\"user_id\":\"u\",\"columns\":[\"trip_id\",\"end_ms\","     \
    "\"etag\",\"size\",\"length\",\"crc\",\"deflate\",\"revision\","           \
    "\"modified_us\",\"pack\",\"start_us\",\"end_us\","                        \
    "\"total_distance_miles\",\"duration_minutes\",\"moving_time_minutes\","   \
    "\"stationary_time_minutes\",\"behavior_score\",\"speed_consistency\","    \
    "\"smoothness_score\",\"frequency_score\",\"turn_safety_score\","          \
    "\"weighted_events_per_100_miles\",\"max_speed_mph\","                     \
    "\"total_harsh_events\",\"total_dangerous_events\","                       \
    "\"sudden_accelerations\",\"sudden_decelerations\",\"hard_stops\","        \
    "\"total_turns\",\"safe_turns\",\"dangerous_turns\",\"context\","          \
    "\"privacy_protected\"],\"trips\":["
#define FIGURES                                                                \
    "1,1,1.5,20,18,2,88.5,90,95,95,85,0,40.5,1,0,1,0,0,4,3,1,\"city\",true]"
#define ROW_A "[\"t_1\",1,\"e1\",20,7,1444654255,12,1,1,-1," FIGURES
#define ROW_B "[\"t_2\",2,\"e2\",21,8,1236981988,13,2,null,-1," FIGURES
#define ROW_C "[\"t_3\",3,\"e3\",21,9,7,13,2,5,7," FIGURES
#define RECENT "],\"recent\":["

/* "0" to "2": the front of a bundle with so many of the analyses; "g": JSON,
 * to be packed as another writer would; else the bytes as they are. */
const struct fuzz_text fuzz_seeds[] = {
    FUZZ("2" FRONT ROW_A "," ROW_B RECENT),
    FUZZ("1" FRONT ROW_A "," ROW_C RECENT),
    FUZZ("0" FRONT ROW_C RECENT),
    FUZZ("0" FRONT RECENT),
    FUZZ("g" FRONT ROW_A "," ROW_B RECENT "]}"),
    FUZZ("g{\"format\":2}"),
    FUZZ("\x1f\x8b\x08\x04"),
    FUZZ_END,
};
const struct fuzz_text fuzz_words[] = {
    FUZZ(ROW_A),
    FUZZ(ROW_B),
    FUZZ(ROW_C),
    FUZZ("null"),
    FUZZ("-1"),
    FUZZ("1e308"),
    FUZZ("9223372036854775807"),
    FUZZ("true"),
    FUZZ("t_1"),
    FUZZ("["),
    FUZZ("]"),
    FUZZ("-9223372036854775807"),
    FUZZ("1000000000"),
    FUZZ_END,
};

static bool same_row(const struct summary_row *x, const struct summary_row *y)
{
    return str_eq(x->trip_id, y->trip_id) && x->end_ms == y->end_ms &&
           strcmp(x->etag.z, y->etag.z) == 0 && x->size == y->size &&
           x->length == y->length && x->crc == y->crc &&
           x->deflate == y->deflate && x->revision == y->revision &&
           x->modified_us == y->modified_us && x->pack == y->pack &&
           str_eq(x->fragment, y->fragment) &&
           x->figures.start_us == y->figures.start_us &&
           x->figures.distance_miles == y->figures.distance_miles &&
           x->figures.dangerous_turns == y->figures.dangerous_turns &&
           str_eq(x->figures.context, y->figures.context);
}

static void check_again(const struct summary *s, struct arena *a)
{
    struct summary back = {.n = 0};
    struct buf body;

    buf_init(&body, MAX);
    summary_print(s, STR_LIT("u"), 0, a, &body);
    assert(buf_ok(&body));
    assert(summary_parse(buf_str(&body), a, &back, NULL) == ST_OK);
    assert(back.n == s->n);
    for (size_t i = 0; i < s->n; i++)
        assert(same_row(&s->row[i], &back.row[i]));
    buf_free(&body);
}

static void check_parse(struct str body)
{
    struct arena *a = arena_new(65536);
    struct summary s = {.n = 0};
    struct err err = ERR_NONE;
    enum status st = summary_parse(body, a, &s, &err);

    assert(st == err.st);
    if (st != ST_OK || s.state == SUMMARY_NEWER) {
        arena_free(&a);
        return;
    }
    for (size_t i = 0; i < s.n; i++) {
        assert(i == 0 || str_cmp(s.row[i - 1].trip_id, s.row[i].trip_id) < 0);
        assert(summary_find(&s, s.row[i].trip_id) == &s.row[i]);
        assert(s.row[i].pack >= PACK_NONE);
        assert(!s.row[i].fragment.n ||
               (int64_t)s.row[i].fragment.n == s.row[i].deflate);
    }
    check_again(&s, a);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    struct str rest = {in.p + 1, in.n - 1};
    struct gzip_bundle b;
    struct buf body;

    if (!in.n || !strchr("012g", in.p[0]) || !in.p[0]) {
        check_parse(in);
        return 0;
    }
    buf_init(&body, MAX);
    if (in.p[0] == 'g') {
        enum status st = gzip_pack(rest, 1, &body, NULL);

        assert(st == ST_OK);
    } else {
        gzip_bundle_begin(&b, &body, rest, 1);
        for (int i = 0; i < in.p[0] - '0'; i++)
            gzip_bundle_item(&b, item[i], &sum[i]);
        gzip_bundle_end(&b, BACK);
    }
    check_parse(buf_str(&body));
    buf_free(&body);
    return 0;
}
