#include "base/gzip.h"

#include <assert.h>
#include <limits.h>
#include <zlib.h>
#include "base/gzip_inflate.h"
#include "base/memory.h"

#define CHUNK ((size_t)64 * 1024)
#define GZIP_WINDOW (MAX_WBITS + 16) /* zlib: 16 more asks for gzip framing */

static enum status too_large(struct buf *out, size_t start, struct err *err)
{
    out->n = start;
    out->failed = true;
    return err_set(err, ST_TOO_LARGE, NULL, "more than %zu bytes", out->max);
}

/*
 * Points the stream at free space of out, or at *spare when out is full: a
 * result of exactly the maximum is allowed, and zlib still needs room to say
 * that it is over.
 */
static void aim(z_stream *z, struct buf *out, unsigned char *spare)
{
    size_t left = out->max - out->n;

    if (left == 0) {
        z->next_out = spare;
        z->avail_out = 1;
        return;
    }
    z->next_out = (unsigned char *)buf_room(out, left < CHUNK ? left : CHUNK);
    left = out->cap - out->n;
    z->avail_out = left < UINT_MAX ? (uInt)left : UINT_MAX;
}

/*
 * Counts what one step wrote; false when that is more than out may hold.
 */
static bool took(const z_stream *z, struct buf *out, const unsigned char *spare)
{
    if (out->n == out->max)
        return z->next_out == spare;
    buf_grown(out, (size_t)((char *)z->next_out - (out->p + out->n)));
    return true;
}

static enum status pack(z_stream *z, struct buf *out, struct err *err)
{
    size_t start = out->n;
    unsigned char spare;
    int rc;

    do {
        aim(z, out, &spare);
        rc = deflate(z, Z_FINISH);
        assert(rc == Z_OK || rc == Z_STREAM_END);
        if (!took(z, out, &spare))
            return too_large(out, start, err);
    } while (rc != Z_STREAM_END);
    return ST_OK;
}

enum status gzip_pack(struct str in, int level, struct buf *out,
                      struct err *err)
{
    z_stream z = {0};
    enum status st;
    int rc;

    if (!buf_ok(out) || in.n > UINT_MAX)
        return too_large(out, out->n, err);
    rc =
        deflateInit2(&z, level, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY);
    if (rc == Z_MEM_ERROR)
        memory_out();
    assert(rc == Z_OK && "no such level");
    z.next_in = (z_const unsigned char *)in.p;
    z.avail_in = (uInt)in.n;
    st = pack(&z, out, err);
    deflateEnd(&z);
    return st;
}

static enum status stream_corrupt(const z_stream *z, struct buf *out,
                                  size_t start, struct err *err)
{
    out->n = start;
    return err_set(err, ST_CORRUPT, "bad_gzip", "%s after %lu bytes",
                   z->msg ? z->msg : "not gzip, or cut short", z->total_in);
}

enum status gzip_inflate_step(struct z_stream_s *z, int flush, struct buf *out,
                              size_t start, bool *end, struct err *err)
{
    unsigned char spare;
    int rc;

    aim(z, out, &spare);
    rc = inflate(z, flush);
    assert(rc != Z_MEM_ERROR && rc != Z_STREAM_ERROR);
    if (!took(z, out, &spare))
        return too_large(out, start, err);
    *end = rc == Z_STREAM_END;
    /* Z_BUF_ERROR: no progress, so the input ended too early. */
    return *end || rc == Z_OK ? ST_OK : stream_corrupt(z, out, start, err);
}

/*
 * One step after the other until the input is used up at a member's end.
 */
static enum status unpack(z_stream *z, struct buf *out, struct err *err)
{
    size_t start = out->n;
    bool end;

    for (;;) {
        enum status st =
            gzip_inflate_step(z, Z_NO_FLUSH, out, start, &end, err);

        if (st != ST_OK || (end && z->avail_in == 0))
            return st;
        if (end && inflateReset(z) != Z_OK)
            return stream_corrupt(z, out, start, err);
    }
}

enum status gzip_inflate_begin(struct z_stream_s *z, struct str in,
                               const struct buf *out, struct err *err)
{
    int rc;

    if (!buf_ok(out) || in.n > UINT_MAX)
        return err_set(err, ST_TOO_LARGE, NULL, "more than %zu bytes",
                       out->max);
    rc = inflateInit2(z, GZIP_WINDOW);
    if (rc == Z_MEM_ERROR)
        memory_out();
    assert(rc == Z_OK);
    z->next_in = (z_const unsigned char *)in.p;
    z->avail_in = (uInt)in.n;
    return ST_OK;
}

enum status gzip_unpack(struct str in, struct buf *out, struct err *err)
{
    z_stream z = {0};
    enum status st = gzip_inflate_begin(&z, in, out, err);

    if (st != ST_OK)
        return st;
    st = unpack(&z, out, err);
    inflateEnd(&z);
    return st;
}
