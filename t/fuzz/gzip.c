/*
 * gzip.c - any bytes: gzip_split takes what gzip_unpack takes, gives the same
 * text, and its fragment, put twice between head and tail, holds it twice.
 */
#include "base/gzip.h"

#include <assert.h>
#include "base/gzip_join.h"
#include "t/fuzz/fuzz.h"

#define MAX ((size_t)1024 * 1024)

/* Text, since the list has no lengths: a first byte says how the rest is
 * packed, so that most inputs get far. */
const struct fuzz_text fuzz_seeds[] = {
    FUZZ("0{\"trip_id\":\"t_1\",\"behavior_score\":95.0,\"events\":[1,2,3]}"),
    FUZZ("1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "a"),
    FUZZ("6{\"a\":[0.1,0.2,0.3,0.1,0.2,0.3],\"b\":\"0.1,0.2,0.3\"}"),
    FUZZ("9\xff\xfe\xfd\x01\x02\x03"),
    FUZZ("x\x1f\x8b\x08"),
    FUZZ_END,
};
const struct fuzz_text fuzz_words[] = {
    FUZZ("\x1f\x8b\x08"),
    FUZZ("\xff\xff"),
    FUZZ("aaaaaaaa"),
    FUZZ("0"),
    FUZZ("x"),
    FUZZ_END,
};

static void check_join(struct str text, struct str deflate,
                       const struct gzip_sum *sum)
{
    struct gzip_sum both = *sum;
    char space[GZIP_TAIL_SIZE];
    struct buf body, back;
    enum status st;

    buf_init(&body, 4 * MAX);
    buf_init(&back, 2 * MAX);
    gzip_sum_add(&both, sum);
    buf_put(&body, gzip_head());
    buf_put(&body, deflate);
    buf_put(&body, deflate);
    buf_put(&body, gzip_tail(&both, space));
    st = gzip_unpack(buf_str(&body), &back, NULL);
    assert(st == ST_OK && back.n == 2 * text.n);
    assert(str_eq((struct str){back.p, text.n}, text));
    assert(str_eq((struct str){back.p + text.n, text.n}, text));
    buf_free(&body);
    buf_free(&back);
}

static void check_split(struct str in)
{
    struct buf text, deflate, plain;
    struct gzip_sum sum;
    enum status unpacked, split;

    buf_init(&plain, MAX);
    buf_init(&text, MAX);
    buf_init(&deflate, 2 * MAX);
    unpacked = gzip_unpack(in, &plain, NULL);
    split = gzip_split(in, &text, &deflate, &sum, NULL);
    assert(unpacked == split);
    assert(str_eq(buf_str(&plain), buf_str(&text)));
    if (split == ST_OK)
        check_join(buf_str(&text), buf_str(&deflate), &sum);
    buf_free(&plain);
    buf_free(&text);
    buf_free(&deflate);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    struct buf packed;
    enum status st;

    if (size == 0 || data[0] < '0' || data[0] > '9') {
        check_split(in);
        return 0;
    }
    buf_init(&packed, MAX);
    st = gzip_pack(in, data[0] - '0', &packed, NULL);
    assert(st == ST_OK);
    check_split(buf_str(&packed));
    /* And damaged at a place that the input chooses. */
    packed.p[(size * 7 + data[size - 1]) % packed.n] ^= 4;
    check_split(buf_str(&packed));
    buf_free(&packed);
    return 0;
}
