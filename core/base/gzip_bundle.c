#include "base/gzip_bundle.h"

#include <assert.h>

/* As gzip_head(), but with an extra field (4): 8 bytes, of which the subfield
 * "DG" has 4. */
#define HEAD STR_LIT("\x1f\x8b\x08\4\0\0\0\0\0\xff\x08\0DG\4\0")
#define LENGTH_SIZE 4

/* ---- writing ---- */

void gzip_bundle_begin(struct gzip_bundle *b, struct buf *out, struct str front,
                       int level)
{
    size_t length, at = out->n + HEAD.n;

    *b = (struct gzip_bundle){.out = out};
    buf_put(out, HEAD);
    buf_put(out, STR_LIT("\0\0\0\0"));
    gzip_fragment(front, level, out, &b->sum);
    if (!buf_ok(out))
        return;
    length = out->n - at - LENGTH_SIZE;
    assert(length <= UINT32_MAX);
    for (size_t i = 0; i < LENGTH_SIZE; i++)
        out->p[at + i] = (char)(length >> 8 * i);
}

void gzip_bundle_item(struct gzip_bundle *b, struct str deflate,
                      const struct gzip_sum *sum)
{
    struct gzip_sum comma_sum;
    struct str comma = gzip_comma(&comma_sum);

    if (b->items++) {
        buf_put(b->out, comma);
        gzip_sum_add(&b->sum, &comma_sum);
    }
    buf_put(b->out, deflate);
    gzip_sum_add(&b->sum, sum);
}

void gzip_bundle_end(struct gzip_bundle *b, struct str back)
{
    char space[GZIP_TAIL_SIZE];
    struct gzip_sum sum;

    gzip_fragment(back, 0, b->out, &sum);
    gzip_sum_add(&b->sum, &sum);
    buf_put(b->out, gzip_tail(&b->sum, space));
}

/* ---- reading ---- */

static struct str bundle_take(struct gzip_unbundle *u, size_t n)
{
    struct str taken = {u->rest.p, n};

    assert(n <= u->rest.n);
    u->rest.p += n;
    u->rest.n -= n;
    return taken;
}

bool gzip_is_bundle(struct str body)
{
    return body.n >= HEAD.n + LENGTH_SIZE && str_starts(body, HEAD);
}

static enum status bundle_corrupt(struct err *err, const char *why)
{
    return err_set(err, ST_CORRUPT, "bad_gzip", "%s", why);
}

enum status gzip_unbundle(struct str body, struct buf *front,
                          struct gzip_unbundle *u, struct err *err)
{
    struct str bytes;
    size_t length = 0;

    *u = (struct gzip_unbundle){.rest = body};
    if (!gzip_is_bundle(body))
        return bundle_corrupt(err, "not a bundle");
    (void)bundle_take(u, HEAD.n);
    bytes = bundle_take(u, LENGTH_SIZE);
    for (size_t i = 0; i < LENGTH_SIZE; i++)
        length |= (size_t)(unsigned char)bytes.p[i] << 8 * i;
    if (length > u->rest.n)
        return bundle_corrupt(err, "the bundle's front is cut short");
    return gzip_fragment_open(bundle_take(u, length), front, &u->sum, err);
}

bool gzip_unbundle_item(struct gzip_unbundle *u, size_t deflate,
                        const struct gzip_sum *sum, struct str *item)
{
    struct gzip_sum comma_sum;
    struct str comma = gzip_comma(&comma_sum);

    if (u->items++) {
        if (!str_starts(u->rest, comma))
            return false;
        (void)bundle_take(u, comma.n);
        gzip_sum_add(&u->sum, &comma_sum);
    }
    /* Both come from a file. More than 32 bits of length is none of ours, and
     * crc32_combine would take it for a negative one. */
    if (deflate > u->rest.n || sum->length > UINT32_MAX)
        return false;
    *item = bundle_take(u, deflate);
    gzip_sum_add(&u->sum, sum);
    return true;
}

enum status gzip_unbundle_end(struct gzip_unbundle *u, struct str back,
                              struct err *err)
{
    char space[GZIP_TAIL_SIZE];
    struct gzip_sum sum = GZIP_SUM_NONE;
    struct buf text;
    enum status st;
    bool same;

    if (u->rest.n < GZIP_TAIL_SIZE)
        return bundle_corrupt(err, "the bundle is cut short");
    buf_init(&text, back.n);
    st = gzip_fragment_open(bundle_take(u, u->rest.n - GZIP_TAIL_SIZE), &text,
                            &sum, err);
    same = st == ST_OK && str_eq(buf_str(&text), back);
    buf_free(&text);
    gzip_sum_add(&u->sum, &sum);
    if (!same || !str_eq(u->rest, gzip_tail(&u->sum, space)))
        return err_set(err, ST_CORRUPT, "bad_gzip",
                       "the bundle does not end as its front says");
    return ST_OK;
}
