/* Fragments of stored members, joined: one member with all the texts. */
#include "base/gzip_join.h"

#include "base/gzip.h"
#include "t/unit/tap.h"

#define MAX ((size_t)64 * 1024 * 1024)

static uint32_t noise_state = 1;
static uint32_t noise(uint32_t below)
{
    noise_state = noise_state * 1664525 + 1013904223;
    return (noise_state >> 8) % below;
}

/* A text of n bytes: digits that compress well, or bytes that do not. */
static void make_text(struct buf *b, size_t n, bool digits)
{
    buf_reset(b);
    for (size_t i = 0; i < n; i++)
        buf_putc(b, digits ? "0123456789,\":"[noise(13)] : (char)noise(256));
}

struct joined {
    struct buf text, body; /* what it is to hold; the member */
    struct gzip_sum sum;
};

static void joined_begin(struct joined *j)
{
    buf_init(&j->text, MAX);
    buf_init(&j->body, MAX);
    buf_put(&j->body, gzip_head());
    j->sum = GZIP_SUM_NONE;
}

static void joined_free(struct joined *j)
{
    buf_free(&j->text);
    buf_free(&j->body);
}

static bool joined_member(struct joined *j, struct str member)
{
    struct gzip_sum sum;
    size_t before = j->body.n;

    if (gzip_split(member, &j->text, &j->body, &sum, NULL) != ST_OK)
        return false;
    gzip_sum_add(&j->sum, &sum);
    return j->body.n <= before + member.n + 5;
}

static void joined_text(struct joined *j, struct str text, int level)
{
    struct gzip_sum sum;

    gzip_fragment(text, level, &j->body, &sum);
    buf_put(&j->text, text);
    gzip_sum_add(&j->sum, &sum);
}

/* Closed, it is one member that holds the text. */
static bool joined_right(struct joined *j)
{
    char space[GZIP_TAIL_SIZE];
    struct buf back;
    bool right;

    buf_put(&j->body, gzip_tail(&j->sum, space));
    buf_init(&back, MAX);
    right = buf_ok(&j->body) &&
            gzip_unpack(buf_str(&j->body), &back, NULL) == ST_OK &&
            str_eq(buf_str(&back), buf_str(&j->text));
    buf_free(&back);
    return right;
}

/* gzip.compress(b"trip", mtime=5) of Python: one block with fixed codes, whose
 * last code ends with 6 bits of its byte used. */
static const struct str trip = {
    "\x1f\x8b\x08\x00\x05\x00\x00\x00\x02\xff\x2b\x29\xca\x2c\x00\x00"
    "\x3b\xf5\x56\x76\x04\x00\x00\x00",
    24};

static void known(void)
{
    static const char fragment[] = "\x2a\x29\xca\x2c\x00\x00\x00\x00\xff\xff";
    struct buf text, deflate;
    struct gzip_sum sum;

    buf_init(&text, 100);
    buf_init(&deflate, 100);
    CHECK(gzip_split(trip, &text, &deflate, &sum, NULL) == ST_OK);
    CHECK(str_is(buf_str(&text), "trip"));
    CHECK(sum.crc == 0x7656f53b && sum.length == 4);
    CHECK(deflate.n >= 5 && memcmp(deflate.p, fragment, 5) == 0);
    CHECK(memcmp(deflate.p + deflate.n - 4, "\0\0\xff\xff", 4) == 0);
    buf_free(&text);
    buf_free(&deflate);
}

static void nothing(void)
{
    struct joined j;

    joined_begin(&j);
    CHECK(joined_right(&j) && j.body.n == GZIP_HEAD_SIZE + GZIP_TAIL_SIZE);
    joined_free(&j);
    joined_begin(&j);
    joined_text(&j, STR_NONE, 6);
    joined_text(&j, STR_LIT(","), 0);
    CHECK(joined_member(&j, trip));
    joined_text(&j, STR_LIT(","), 0);
    CHECK(joined_right(&j));
    CHECK(str_is(buf_str(&j.text), ",trip,"));
    joined_free(&j);
}

/* Many blocks, all levels, all ends within a byte, stored blocks, empty texts.
 */
static void many(void)
{
    struct buf text, packed;
    bool good = true;

    buf_init(&text, MAX);
    buf_init(&packed, MAX);
    for (int round = 0; good && round < 60; round++) {
        struct joined j;

        joined_begin(&j);
        for (int i = 0; good && i < 12; i++) {
            size_t n = noise(4) ? noise(300) : noise(200000);

            make_text(&text, n, noise(4));
            buf_reset(&packed);
            good = gzip_pack(buf_str(&text), (int)noise(10), &packed, NULL) ==
                       ST_OK &&
                   joined_member(&j, buf_str(&packed));
            make_text(&text, noise(2) ? 1 : noise(3000), true);
            joined_text(&j, buf_str(&text), (int)noise(10));
        }
        good = good && joined_right(&j);
        joined_free(&j);
    }
    CHECK(good);
    buf_free(&text);
    buf_free(&packed);
}

/* What Python's and other writers' concatenated members are. */
static void several_members(void)
{
    struct joined j;
    struct buf twice;

    buf_init(&twice, 1000);
    buf_put(&twice, trip);
    buf_put(&twice, trip);
    joined_begin(&j);
    CHECK(joined_member(&j, buf_str(&twice)));
    CHECK(str_is(buf_str(&j.text), "triptrip") && joined_right(&j));
    joined_free(&j);
    buf_free(&twice);
}

static enum status refused(struct str in, size_t text_max, size_t deflate_max)
{
    struct buf text, deflate;
    struct gzip_sum sum;
    struct err err = ERR_NONE;
    enum status st;

    buf_init(&text, text_max);
    buf_init(&deflate, deflate_max);
    buf_putc(&text, '=');
    buf_putc(&deflate, '=');
    st = gzip_split(in, &text, &deflate, &sum, &err);
    CHECK(st == ST_OK || (text.n == 1 && deflate.n == 1 && err.st == st));
    buf_free(&text);
    buf_free(&deflate);
    return st;
}

static void errors(void)
{
    char bad[24];

    for (size_t n = 0; n < trip.n; n++)
        CHECK(refused((struct str){trip.p, n}, 99, 99) == ST_CORRUPT);
    for (size_t at = trip.n - 8; at < trip.n; at++) {
        memcpy(bad, trip.p, trip.n);
        bad[at] ^= 1;
        CHECK(refused((struct str){bad, trip.n}, 99, 99) == ST_CORRUPT);
    }
    CHECK(refused(trip, 5, 99) == ST_OK);
    CHECK(refused(trip, 4, 99) == ST_TOO_LARGE);
    CHECK(refused(trip, 99, 7) == ST_TOO_LARGE);
}

/* ---- back to the text ---- */

static enum status text_of(struct str deflate, struct gzip_sum sum, size_t max,
                           struct buf *out)
{
    struct err err = ERR_NONE;
    size_t before;
    enum status st;

    buf_init(out, max);
    buf_putc(out, '=');
    before = out->n;
    st = gzip_fragment_text(deflate, &sum, out, &err);
    CHECK(st == ST_OK || (out->n == before && err.st == st));
    return st;
}

static bool comes_back(struct str text, int level)
{
    struct buf deflate, back;
    struct gzip_sum sum;
    bool same;

    buf_init(&deflate, MAX);
    gzip_fragment(text, level, &deflate, &sum);
    same = text_of(buf_str(&deflate), sum, MAX, &back) == ST_OK &&
           back.n == text.n + 1 &&
           str_eq((struct str){back.p + 1, text.n}, text);
    buf_free(&back);
    buf_free(&deflate);
    return same;
}

static void texts(void)
{
    struct buf text;
    bool same = comes_back(STR_NONE, 6) && comes_back(STR_LIT(","), 0);

    buf_init(&text, MAX);
    for (int i = 0; same && i < 200; i++) {
        make_text(&text, noise(100000) + 1, noise(2));
        same = comes_back(buf_str(&text), (int)noise(10));
    }
    CHECK(same);
    buf_free(&text);
}

static void comma(void)
{
    struct gzip_sum sum, same;
    struct str deflate = gzip_comma(&sum);
    struct buf other, text;

    buf_init(&other, 100);
    gzip_fragment(STR_LIT(","), 0, &other, &same);
    CHECK(sum.crc == same.crc && sum.length == same.length);
    CHECK(text_of(deflate, sum, 10, &text) == ST_OK);
    CHECK(str_is(buf_str(&text), "=,"));
    buf_free(&text);
    buf_free(&other);
}

static void bad_fragments(void)
{
    struct buf text, deflate, out;
    struct gzip_sum sum, other;

    buf_init(&text, 100);
    buf_init(&deflate, 100);
    CHECK(gzip_split(trip, &text, &deflate, &sum, NULL) == ST_OK);
    CHECK(text_of(buf_str(&deflate), sum, 6, &out) == ST_OK);
    buf_free(&out);
    CHECK(text_of(buf_str(&deflate), sum, 5, &out) == ST_TOO_LARGE);
    buf_free(&out);
    for (size_t n = 0; n < 6; n++) { /* what follows says nothing of the text */
        CHECK(text_of((struct str){deflate.p, n}, sum, 99, &out) == ST_CORRUPT);
        buf_free(&out);
    }
    for (uint64_t n = 0; n < 9; n++) {
        other = (struct gzip_sum){sum.crc ^ (n == 4), n};
        CHECK(text_of(buf_str(&deflate), other, 99, &out) == ST_CORRUPT);
        buf_free(&out);
    }
    buf_putc(&deflate, 'x');
    CHECK(text_of(buf_str(&deflate), sum, 99, &out) == ST_CORRUPT);
    buf_free(&out);
    /* A whole member's data ends: it is no fragment. */
    CHECK(text_of((struct str){trip.p + 10, trip.n - 18}, sum, 99, &out) ==
          ST_CORRUPT);
    buf_free(&out);
    buf_free(&text);
    buf_free(&deflate);
}

/* Nine-bit codes of fixed blocks, which a writer of bits puts together. */
struct bits {
    unsigned char byte[16];
    size_t n;
};

static void put_bit(struct bits *b, unsigned bit)
{
    b->byte[b->n / 8] |= (unsigned char)(bit << b->n % 8);
    b->n++;
}

/* A block that is not the last, of `count` bytes 0x90: each has the code
 * 110010000, its end 0000000. */
static struct bits fixed_block(int count)
{
    struct bits b = {.n = 0};

    put_bit(&b, 0);
    put_bit(&b, 1);
    put_bit(&b, 0);
    for (; count > 0; count--)
        for (int i = 8; i >= 0; i--)
            put_bit(&b, 0x190u >> i & 1);
    b.n += 7;
    return b;
}

static enum status opened(struct str deflate, struct buf *out,
                          struct gzip_sum *sum)
{
    enum status st;

    buf_init(out, 99);
    st = gzip_fragment_open(deflate, out, sum, NULL);
    CHECK(st == ST_OK || out->n == 0);
    return st;
}

/* What ends within a byte is no fragment, however whole its text: the next
 * block's first bits would be taken from that byte. */
static void misaligned(void)
{
    for (int count = 1; count <= 8; count++) {
        struct bits b = fixed_block(count);
        struct str deflate = {(const char *)b.byte, (b.n + 7) / 8};
        struct gzip_sum sum = GZIP_SUM_NONE, same;
        struct buf plain, again, out;

        buf_init(&plain, 99);
        buf_init(&again, 99);
        for (int i = 0; i < count; i++)
            buf_putc(&plain, '\x90');
        gzip_fragment(buf_str(&plain), 6, &again, &sum);
        tap_ok(text_of(deflate, sum, 99, &out) ==
                   (b.n % 8 ? ST_CORRUPT : ST_OK),
               "a block of %zu bits, its text known", b.n);
        buf_free(&out);
        tap_ok(opened(deflate, &out, &same) == (b.n % 8 ? ST_CORRUPT : ST_OK),
               "a block of %zu bits, of which nothing is known", b.n);
        CHECK(b.n % 8 || (same.crc == sum.crc && same.length == sum.length));
        buf_free(&out);
        buf_free(&again);
        buf_free(&plain);
    }
}

/* What is behind the last block of a member, or is cut, opens as nothing. */
static void not_open(void)
{
    struct gzip_sum sum;
    struct buf out;

    CHECK(opened((struct str){trip.p + 10, trip.n - 18}, &out, &sum) ==
          ST_CORRUPT);
    buf_free(&out);
    CHECK(opened(STR_LIT("\x2a\x29\xca"), &out, &sum) == ST_CORRUPT);
    buf_free(&out);
    CHECK(opened(STR_NONE, &out, &sum) == ST_CORRUPT);
    buf_free(&out);
}

static void sums(void)
{
    struct gzip_sum a = {0x7656f53b, 4}, none = GZIP_SUM_NONE, b = none;

    gzip_sum_add(&a, &none);
    CHECK(a.crc == 0x7656f53b && a.length == 4);
    gzip_sum_add(&b, &a);
    CHECK(b.crc == a.crc && b.length == a.length);
}

int main(void)
{
    known();
    nothing();
    many();
    several_members();
    errors();
    texts();
    comma();
    bad_fragments();
    misaligned();
    not_open();
    sums();
    return tap_end();
}
