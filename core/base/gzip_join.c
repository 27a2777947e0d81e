#include "base/gzip_join.h"

#include <assert.h>
#include <limits.h>
#include <zlib.h>
#include "base/gzip_inflate.h"
#include "base/memory.h"

/* zlib's inflate() with Z_BLOCK stops behind each block and tells in
 * data_type: whether it has, whether the block was the last one, and how many
 * bits of the last byte it has not used. */
#define AT_BLOCK_END 128
#define IN_LAST_BLOCK 64
#define UNUSED_BITS 7

void gzip_sum_add(struct gzip_sum *sum, const struct gzip_sum *next)
{
    sum->crc =
        (uint32_t)crc32_combine(sum->crc, next->crc, (z_off_t)next->length);
    sum->length += next->length;
}

/* ---- a member's deflate stream, made open at its end ---- */

struct split {
    const char *in;
    uint64_t start, last, end; /* in bits from `in`: the first block, the header
                                  of the last one, what follows it */
    bool begun;
};

static void note_block(struct split *s, const z_stream *z)
{
    uint64_t at = (uint64_t)((const char *)z->next_in - s->in) * 8 -
                  (uint64_t)(z->data_type & UNUSED_BITS);

    if (!(z->data_type & AT_BLOCK_END))
        return;
    if (!s->begun)
        s->start = at;
    s->begun = true;
    if (z->data_type & IN_LAST_BLOCK)
        s->end = at;
    else
        s->last = at;
}

static enum status split_member(z_stream *z, struct split *s, struct buf *text,
                                size_t start, struct err *err)
{
    bool end = false;
    enum status st;

    *s = (struct split){.in = (const char *)z->next_in};
    while ((st = gzip_inflate_step(z, Z_BLOCK, text, start, &end, err)) ==
               ST_OK &&
           !end)
        note_block(s, z);
    return st;
}

/*
 * Clears the last block's "I am the last" and fills the last byte up with an
 * empty stored block: three bits 0, 0 to the end of the byte, then its length
 * 0 and the complement.
 */
static void put_open(const struct split *s, struct buf *deflate)
{
    size_t from = s->start / 8, n = (size_t)((s->end + 7) / 8) - from;
    size_t at = deflate->n;
    unsigned used = s->end % 8;
    char *p;

    assert(s->begun && s->start % 8 == 0 && s->end > s->last);
    buf_put(deflate, (struct str){s->in + from, n});
    if (!buf_ok(deflate))
        return;
    p = deflate->p + at;
    p[s->last / 8 - from] &= (char)~(1u << s->last % 8);
    if (!used)
        return;
    p[n - 1] &= (char)((1u << used) - 1);
    if (used > 5)
        buf_putc(deflate, '\0');
    buf_put(deflate, STR_LIT("\0\0\xff\xff"));
}

static enum status split_all(z_stream *z, struct buf *text, struct buf *deflate,
                             struct gzip_sum *sum, struct err *err)
{
    size_t start = text->n;

    *sum = GZIP_SUM_NONE;
    for (;;) {
        struct split s;
        struct gzip_sum member;
        enum status st = split_member(z, &s, text, start, err);

        if (st != ST_OK)
            return st;
        put_open(&s, deflate);
        member = (struct gzip_sum){(uint32_t)z->adler, z->total_out};
        gzip_sum_add(sum, &member); /* adler: of gzip the CRC, checked */
        if (z->avail_in == 0)
            return ST_OK;
        if (inflateReset(z) != Z_OK)
            return err_set(err, ST_CORRUPT, "bad_gzip", "not gzip");
    }
}

struct gzip_sum gzip_sum_of(struct str text)
{
    return (struct gzip_sum){
        (uint32_t)crc32_z(0, (const unsigned char *)text.p, text.n), text.n};
}

enum status gzip_split(struct str in, struct buf *text, struct buf *deflate,
                       struct gzip_sum *sum, struct err *err)
{
    size_t text_n = text->n, deflate_n = deflate->n;
    z_stream z = {0};
    enum status st = gzip_inflate_begin(&z, in, text, err);

    if (st != ST_OK)
        return st;
    st = split_all(&z, text, deflate, sum, err);
    inflateEnd(&z);
    if (st == ST_OK && !buf_ok(deflate))
        st = err_set(err, ST_TOO_LARGE, NULL, "more than %zu bytes",
                     deflate->max);
    if (st != ST_OK) {
        text->n = text_n;
        deflate->n = deflate_n;
    }
    return st;
}

/* ---- a text of our own ---- */

void gzip_fragment(struct str text, int level, struct buf *out,
                   struct gzip_sum *sum)
{
    z_stream z = {0};
    int rc =
        deflateInit2(&z, level, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    uLong bound;
    char *room;

    if (rc == Z_MEM_ERROR)
        memory_out();
    assert(rc == Z_OK && "no such level");
    assert(text.n < UINT_MAX / 2);
    *sum = gzip_sum_of(text);
    /* deflateBound counts an end; a flush instead of it takes 5 bytes more. */
    bound = deflateBound(&z, (uLong)text.n) + 8;
    room = buf_room(out, bound);
    if (room && text.n) {
        z.next_in = (z_const unsigned char *)text.p;
        z.avail_in = (uInt)text.n;
        z.next_out = (unsigned char *)room;
        z.avail_out = (uInt)bound;
        rc = deflate(&z, Z_SYNC_FLUSH);
        assert(rc == Z_OK && z.avail_in == 0 && z.avail_out > 0);
        buf_grown(out, (size_t)((char *)z.next_out - room));
    }
    deflateEnd(&z);
}

static enum status inflate_fragment(z_stream *z, struct str deflate, char *room,
                                    uint64_t length)
{
    int rc;

    z->next_in = (z_const unsigned char *)(uintptr_t)deflate.p;
    z->avail_in = (uInt)deflate.n;
    z->next_out = (unsigned char *)room;
    z->avail_out = (uInt)length + 1; /* one more: zlib sees the end of blocks */
    rc = inflate(z, Z_SYNC_FLUSH);
    /* Behind a block that is not the last, with no bit left over. */
    return rc == Z_OK && z->avail_in == 0 && z->data_type == AT_BLOCK_END &&
                   z->total_out == length
               ? ST_OK
               : ST_CORRUPT;
}

enum status gzip_fragment_text(struct str deflate, const struct gzip_sum *sum,
                               struct buf *text, struct err *err)
{
    z_stream z = {0};
    enum status st;
    char *room;
    int rc;

    if (!deflate.n && !sum->length)
        return ST_OK;
    if (deflate.n > UINT_MAX / 2 || sum->length > UINT_MAX / 2)
        return err_set(err, ST_CORRUPT, "bad_gzip", "not a fragment of gzip");
    if (!(room = buf_room(text, (size_t)sum->length + 1)))
        return err_set(err, ST_TOO_LARGE, NULL, "more than %zu bytes",
                       text->max);
    rc = inflateInit2(&z, -MAX_WBITS);
    if (rc == Z_MEM_ERROR)
        memory_out();
    assert(rc == Z_OK);
    st = inflate_fragment(&z, deflate, room, sum->length);
    inflateEnd(&z);
    if (st == ST_OK && crc32_z(0, (const unsigned char *)room,
                               (size_t)sum->length) == sum->crc) {
        buf_grown(text, (size_t)sum->length);
        return ST_OK;
    }
    return err_set(err, ST_CORRUPT, "bad_gzip", "not a fragment of gzip");
}

enum status gzip_fragment_open(struct str deflate, struct buf *text,
                               struct gzip_sum *sum, struct err *err)
{
    size_t start = text->n;
    enum status st = ST_OK;
    bool end = false;
    z_stream z = {0};
    int rc;

    if (deflate.n > UINT_MAX)
        return err_set(err, ST_CORRUPT, "bad_gzip", "not a fragment of gzip");
    if (!buf_ok(text))
        return err_set(err, ST_TOO_LARGE, NULL, "more than %zu bytes",
                       text->max);
    rc = inflateInit2(&z, -MAX_WBITS);
    if (rc == Z_MEM_ERROR)
        memory_out();
    assert(rc == Z_OK);
    z.next_in = (z_const unsigned char *)(uintptr_t)deflate.p;
    z.avail_in = (uInt)deflate.n;
    do { /* without progress a step fails: cut short */
        st = gzip_inflate_step(&z, Z_SYNC_FLUSH, text, start, &end, err);
    } while (st == ST_OK && !end &&
             (z.avail_in || z.data_type != AT_BLOCK_END));
    inflateEnd(&z);
    if (st != ST_OK)
        return st;
    if (end) { /* a block says that it is the last */
        text->n = start;
        return err_set(err, ST_CORRUPT, "bad_gzip", "not a fragment of gzip");
    }
    *sum = (struct gzip_sum){
        (uint32_t)crc32_z(0, (const unsigned char *)text->p + start,
                          text->n - start),
        text->n - start};
    return ST_OK;
}

/* ---- around ---- */

struct str gzip_comma(struct gzip_sum *sum)
{
    *sum = (struct gzip_sum){0xe0da836e, 1};
    /* A stored block: its kind, its length and the complement, the byte. */
    return (struct str){"\0\1\0\xfe\xff,", GZIP_COMMA_SIZE};
}

struct str gzip_head(void)
{
    /* Deflate, no name, no time, no hints, system unknown. */
    return (struct str){"\x1f\x8b\x08\0\0\0\0\0\0\xff", GZIP_HEAD_SIZE};
}

struct str gzip_tail(const struct gzip_sum *sum, char space[GZIP_TAIL_SIZE])
{
    space[0] = 3; /* the last block: empty, with fixed codes */
    space[1] = 0;
    for (int i = 0; i < 4; i++) {
        space[2 + i] = (char)(sum->crc >> 8 * i);
        space[6 + i] = (char)(sum->length >> 8 * i);
    }
    return (struct str){space, GZIP_TAIL_SIZE};
}
