/*
 * pack.c - any bytes: pack_open gives views that lie within them, and only of
 * a pack whose index and end agree with what is between.
 */
#include "driver/pack.h"

#include <assert.h>
#include "base/gzip_bundle.h"
#include "t/fuzz/fuzz.h"

#define MAX ((size_t)1024 * 1024)
#define BACK STR_LIT("]}")

/* Of two analyses, {"a":1} and {"b":22}, as stored blocks. */
static const struct str item[] = {{"\0\7\0\xf8\xff{\"a\":1}", 12},
                                  {"\0\x08\0\xf7\xff{\"b\":22}", 13}};
static const struct gzip_sum sum[] = {{1444654255, 7}, {1236981988, 8}};

#define FRONT                                                                  \
    "{\"format\":1,\"user_id\":\"u\",\"columns\":[\"trip_id\",\"end_ms\","     \
    "\"etag\",\"length\",\"crc\",\"deflate\"],\"trips\":["
#define LINE_A "[\"t_1\",1,\"e1\",7,1444654255,12]"
#define LINE_B "[\"t_2\",2,\"e2\",8,1236981988,13]"

/* "p": what follows is the front of a pack of the two; "d": the same, and
 * damaged at a place that the input chooses; else the bytes as they are. */
const struct fuzz_text fuzz_seeds[] = {
    FUZZ("p" FRONT LINE_A "," LINE_B "],\"analyses\":["),
    FUZZ("p" FRONT LINE_B "," LINE_A "],\"analyses\":["),
    FUZZ("p" FRONT LINE_A "],\"analyses\":["),
    FUZZ("p" FRONT "],\"analyses\":["),
    FUZZ("d" FRONT LINE_A "," LINE_B "],\"analyses\":["),
    FUZZ("\x1f\x8b\x08\x04"),
    FUZZ_END,
};
const struct fuzz_text fuzz_words[] = {
    FUZZ(LINE_A), FUZZ(LINE_B), FUZZ("12"),
    FUZZ("13"),   FUZZ("-1"),   FUZZ("9007199254740992"),
    FUZZ("t_1"),  FUZZ("["),    FUZZ("]"),
    FUZZ_END,
};

static void check_open(struct str body)
{
    struct arena *a = arena_new(0);
    struct pack pack;
    struct buf text;

    buf_init(&text, MAX);
    if (pack_open(body, a, &pack, NULL) != ST_OK)
        assert(pack.n == 0);
    for (size_t i = 0; i < pack.n; i++) {
        const struct trip_text *t = &pack.entry[i].text;
        struct summary_row row = {.trip_id = pack.entry[i].trip_id,
                                  .end_ms = pack.entry[i].end_ms,
                                  .etag = pack.entry[i].etag};

        assert(t->deflate.p >= body.p &&
               t->deflate.p + t->deflate.n <= body.p + body.n);
        summary_row_text(&row, &t->sum, t->deflate.n);
        assert(pack_find(&pack, &row) == &pack.entry[i]);
        buf_reset(&text);
        if (gzip_fragment_text(t->deflate, &t->sum, &text, NULL) == ST_OK)
            assert(text.n == t->sum.length);
    }
    buf_free(&text);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    struct gzip_bundle b;
    struct buf body;

    if (size == 0 || (data[0] != 'p' && data[0] != 'd')) {
        check_open(in);
        return 0;
    }
    buf_init(&body, MAX);
    gzip_bundle_begin(&b, &body, (struct str){in.p + 1, in.n - 1}, 1);
    for (size_t i = 0; i < 2; i++)
        gzip_bundle_item(&b, item[i], &sum[i]);
    gzip_bundle_end(&b, BACK);
    if (data[0] == 'd')
        body.p[(size * 7 + data[size - 1]) % body.n] ^= 4;
    check_open(buf_str(&body));
    buf_free(&body);
    return 0;
}
