#include <string.h>
#include "base/gzip.h"
#include "base/random.h"
#include "t/unit/tap.h"

/* gzip.compress(b"trip", mtime=5) of Python. */
static const char plain[] =
    "\x1f\x8b\x08\x00\x05\x00\x00\x00\x02\xff\x2b\x29\xca\x2c\x00\x00"
    "\x3b\xf5\x56\x76\x04\x00\x00\x00";
static const struct str trip = {plain, sizeof plain - 1};

static struct str unpacked(struct str in, struct buf *out, enum status want)
{
    struct err e = ERR_NONE;
    enum status st;

    buf_reset(out);
    buf_putz(out, "=");
    st = gzip_unpack(in, out, &e);
    CHECK(st == want);
    if (st)
        tap_note("%s: %s", e.code, e.text);
    CHECK(e.st == st && buf_ok(out) == (st != ST_TOO_LARGE));
    return buf_str(out);
}

static void reading(void)
{
    struct buf b, in;
    char text[200];

    buf_init(&b, 1000);
    buf_init(&in, 1000);
    CHECK(str_is(unpacked(trip, &b, ST_OK), "=trip"));
    buf_put(&in, trip);
    buf_put(&in, trip);
    CHECK(str_is(unpacked(buf_str(&in), &b, ST_OK), "=triptrip"));
    buf_putz(&in, "x");
    CHECK(str_is(unpacked(buf_str(&in), &b, ST_CORRUPT), "="));
    CHECK(str_is(unpacked(STR_NONE, &b, ST_CORRUPT), "="));
    CHECK(str_is(unpacked(STR_LIT("{\"a\":1}"), &b, ST_CORRUPT), "="));
    for (size_t n = 1; n < trip.n; n++)
        CHECK(str_is(unpacked((struct str){plain, n}, &b, ST_CORRUPT), "="));
    for (size_t at = trip.n - 8; at < trip.n; at++) { /* CRC and length */
        memcpy(text, trip.p, trip.n);
        text[at] ^= 1;
        unpacked((struct str){text, trip.n}, &b, ST_CORRUPT);
    }
    buf_free(&in);
    buf_free(&b);
}

static void writing(void)
{
    struct buf big, one, two, back;
    char noise[RANDOM_HEX + 1];
    bool same = true;

    buf_init(&big, 1000000);
    buf_init(&one, 1000000);
    buf_init(&two, 1000000);
    buf_init(&back, 1000000);
    for (int i = 0; i < 20000; i++) {
        random_hex(noise);
        buf_putz(&big, noise);
    }
    CHECK(gzip_pack(buf_str(&big), 6, &one, NULL) == ST_OK);
    CHECK(gzip_pack(buf_str(&big), 6, &two, NULL) == ST_OK);
    CHECK(str_eq(buf_str(&one), buf_str(&two)));
    CHECK(one.n < big.n * 6 / 10 &&
          memcmp(one.p, "\x1f\x8b\x08\0\0\0\0\0", 8) == 0);
    CHECK(gzip_unpack(buf_str(&one), &back, NULL) == ST_OK);
    CHECK(str_eq(buf_str(&back), buf_str(&big)));
    for (int level = 1; level <= 9; level++) {
        buf_reset(&one);
        buf_reset(&back);
        same = same && gzip_pack(STR_NONE, level, &one, NULL) == ST_OK &&
               gzip_unpack(buf_str(&one), &back, NULL) == ST_OK && !back.n;
    }
    CHECK(same);
    buf_free(&big);
    buf_free(&one);
    buf_free(&two);
    buf_free(&back);
}

static enum status pack_into(size_t max, struct str in)
{
    struct buf b;
    struct err e = ERR_NONE;
    enum status st;

    buf_init(&b, max);
    st = gzip_pack(in, 9, &b, &e);
    CHECK(buf_ok(&b) == (st == ST_OK) && e.st == st);
    CHECK(st == ST_OK || b.n == 0);
    buf_free(&b);
    return st;
}

static void limits(void)
{
    struct buf b, zeros, small;
    char block[10000] = "";

    buf_init(&b, 4);
    CHECK(gzip_unpack(trip, &b, NULL) == ST_OK && b.n == 4); /* just fits */
    buf_reset(&b);
    buf_putc(&b, '=');
    CHECK(gzip_unpack(trip, &b, NULL) == ST_TOO_LARGE && b.n == 1);
    CHECK(gzip_unpack(trip, &b, NULL) == ST_TOO_LARGE); /* failed before */
    CHECK(gzip_pack(STR_NONE, 1, &b, NULL) == ST_TOO_LARGE);
    buf_free(&b);

    buf_init(&zeros, 20000000); /* a bomb: 20 MB in 20 KB */
    while (zeros.n < zeros.max)
        buf_put(&zeros, (struct str){block, sizeof block});
    buf_init(&small, 100000);
    CHECK(gzip_pack(buf_str(&zeros), 9, &small, NULL) == ST_OK);
    buf_init(&b, 1000000);
    CHECK(gzip_unpack(buf_str(&small), &b, NULL) == ST_TOO_LARGE && !b.n);
    CHECK(b.cap <= b.max);
    CHECK(pack_into(small.n, buf_str(&zeros)) == ST_OK);
    CHECK(pack_into(small.n - 1, buf_str(&zeros)) == ST_TOO_LARGE);
    CHECK(pack_into(0, buf_str(&zeros)) == ST_TOO_LARGE);
    buf_free(&b);
    buf_free(&zeros);
    buf_free(&small);
}

int main(void)
{
    reading();
    writing();
    limits();
    return tap_end();
}
