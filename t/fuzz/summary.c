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
    "\"privacy_protected\",\"scoring_version\"],\"trips\":["
#define FIGURES                                                                \
    "1,1,1.5,20,18,2,88.5,90,95,95,85,0,40.5,1,0,1,0,0,4,3,1,\"city\",true,"   \
    "\"v1\"]"
#define ROW_A "[\"t_1\",1,\"e1\",20,7,1444654255,12,1,1,-1," FIGURES
#define ROW_B "[\"t_2\",2,\"e2\",21,8,1236981988,13,2,null,-1," FIGURES
#define ROW_C "[\"t_3\",3,\"e3\",21,9,7,13,2,5,7," FIGURES
#define RECENT "],\"recent\":["

/* Of other versions: with columns that are not ours, without figures, and with
 * gaps where an earlier one knew no better. */
#define OBJECT                                                                 \
    "\"trip_id\",\"end_ms\",\"etag\",\"size\",\"length\",\"crc\",\"deflate\"," \
    "\"revision\",\"modified_us\",\"pack\""
#define TABLE(columns) "{\"format\":1,\"columns\":[" columns "],\"trips\":["
#define OBJECT_A "\"t_1\",1,\"e1\",20,7,1444654255,12,1,1,-1"
#define OBJECT_B "\"t_2\",2,\"e2\",21,8,1236981988,13,2,null,-1"
#define LATER                                                                  \
    TABLE("\"later\"," OBJECT ",\"context\",\"end_us\",\"m\\u006fre\"")
#define LATER_A                                                                \
    "[{\"x\":[1,{\"y\":null},\"\\ud83d\\ude00\"]}," OBJECT_A                   \
    ",\"city\",5, [ [ ] , false ] ]"
#define LATER_B "[null," OBJECT_B ",null,false,-1.5e-7]"
#define GAPS                                                                   \
    "false,null,null,null,null,null,null,null,null,null,null,null,null,null,"  \
    "null,null,null,null,null,null,null,null,null]"
#define GAPS_A "[" OBJECT_A ",false," GAPS
#define FEW_B "[" OBJECT_B "]"

/* As many columns as there may be, with and without room for ours. */
#define TEN(c)                                                                 \
    ",\"" c "0\",\"" c "1\",\"" c "2\",\"" c "3\",\"" c "4\",\"" c "5\",\"" c  \
    "6\",\"" c "7\",\"" c "8\",\"" c "9\""
#define NINETY                                                                 \
    TEN("b")                                                                   \
    TEN("c")                                                                   \
    TEN("d") TEN("e") TEN("f") TEN("g") TEN("h") TEN("i") TEN("j")
#define TEN_CELLS ",0,[],{},\"\",null,true,false,1,2,3"
#define NINETY_CELLS                                                           \
    TEN_CELLS TEN_CELLS TEN_CELLS TEN_CELLS TEN_CELLS TEN_CELLS TEN_CELLS      \
        TEN_CELLS TEN_CELLS

/* "0" to "2": the front of a bundle with so many of the analyses; "g": JSON,
 * to be packed as another writer would; else the bytes as they are. */
const struct fuzz_text fuzz_seeds[] = {
    FUZZ("2" FRONT ROW_A "," ROW_B RECENT),
    FUZZ("1" FRONT ROW_A "," ROW_C RECENT),
    FUZZ("0" FRONT ROW_C RECENT),
    FUZZ("0" FRONT RECENT),
    FUZZ("g" FRONT ROW_A "," ROW_B RECENT "]}"),
    FUZZ("2" LATER LATER_A "," LATER_B RECENT),
    FUZZ("1" LATER LATER_A RECENT),
    FUZZ("g" LATER LATER_A "," LATER_B "]}"),
    FUZZ("2" TABLE(OBJECT) "[" OBJECT_A "]," FEW_B RECENT),
    FUZZ("1" FRONT GAPS_A RECENT),
    FUZZ("2" FRONT GAPS_A "," ROW_B RECENT),
    FUZZ("1" TABLE(OBJECT NINETY) "[" OBJECT_A NINETY_CELLS "]" RECENT),
    FUZZ("1" TABLE(OBJECT NINETY TEN("k")) "[" OBJECT_A NINETY_CELLS TEN_CELLS
                                           "]" RECENT),
    FUZZ("g{\"format\":2}"),
    FUZZ("\x1f\x8b\x08\x04"),
    FUZZ_END,
};
const struct fuzz_text fuzz_words[] = {
    FUZZ(ROW_A),
    FUZZ(ROW_B),
    FUZZ(ROW_C),
    FUZZ(LATER_A),
    FUZZ(LATER_B),
    FUZZ(GAPS_A),
    FUZZ(OBJECT),
    FUZZ(OBJECT_A),
    FUZZ("\"later\","),
    FUZZ(",\"context\""),
    FUZZ("null,"),
    FUZZ("false,"),
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

static bool lacks(const struct summary_row *row, size_t column)
{
    return row->rest && row_lacks(row->rest, column);
}

static struct str other_cell(const struct summary_row *row, size_t i)
{
    return row->rest && row->rest->other ? row->rest->other[i]
                                         : STR_LIT("null");
}

/* Of the columns that are not ours, and of what the row does not know. */
static bool same_rest(const struct summary_row *x, const struct summary_row *y,
                      size_t others)
{
    for (size_t i = 0; i < others; i++)
        if (!str_eq(other_cell(x, i), other_cell(y, i)))
            return false;
    for (size_t i = 0; i < ROWS_COLUMNS_MAX; i++)
        if (lacks(x, i) != lacks(y, i))
            return false;
    return summary_row_lacks(x) == summary_row_lacks(y);
}

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
           str_eq(x->figures.context, y->figures.context) &&
           str_eq(x->figures.version, y->figures.version);
}

static void check_again(const struct summary *s, struct arena *a)
{
    struct summary back = {.n = 0};
    struct buf body;

    buf_init(&body, MAX);
    summary_print(s, STR_LIT("u"), 0, a, &body);
    assert(buf_ok(&body));
    assert(summary_parse(buf_str(&body), a, &back, NULL) == ST_OK);
    assert(back.n == s->n && back.others == s->others);
    for (size_t i = 0; i < s->others; i++)
        assert(str_eq(s->other[i], back.other[i]));
    for (size_t i = 0; i < s->n; i++)
        assert(same_row(&s->row[i], &back.row[i]) &&
               same_rest(&s->row[i], &back.row[i], s->others));
    buf_free(&body);
}

/* As a finalize and a reader do it: a row is added, and each that lacks a
 * figure has it then, with the cells that are not ours as they were. */
static void check_completed(struct summary *s, struct arena *a)
{
    static const struct trip_figures figures = {.context = STR_NONE};
    struct summary_row met, row = {.trip_id = STR_LIT("t_15")};
    enum merged merged = summary_merge(s, &row, a, &met);

    assert(merged == MERGED_NEW || str_is(met.trip_id, "t_15"));
    check_again(s, a);
    for (size_t i = 0; i < s->n; i++) {
        struct summary_row was = s->row[i];

        if (!summary_row_lacks(&was))
            continue;
        summary_row_complete(&s->row[i], &figures, a);
        assert(!summary_row_lacks(&s->row[i]) && summary_row_lacks(&was));
        for (size_t k = 0; k < s->others; k++)
            assert(str_eq(other_cell(&was, k), other_cell(&s->row[i], k)));
    }
    check_again(s, a);
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
    check_completed(&s, a);
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
