/* Bundles: fragments in one member, found again by the front alone. */
#include "base/gzip_bundle.h"

#include "base/gzip.h"
#include "t/unit/tap.h"

#define MAX ((size_t)1024 * 1024)
#define FRONT STR_LIT("{\"n\":2,\"list\":[")
#define BACK STR_LIT("]}")
#define ITEMS 2
static const char *const texts[ITEMS] = {"{\"a\":1}", "{\"b\":[2,3]}"};

struct made {
    struct buf body;
    size_t deflate[ITEMS];
    struct gzip_sum sum[ITEMS];
};

static void make(struct made *m, size_t items)
{
    struct gzip_bundle b;

    buf_init(&m->body, MAX);
    gzip_bundle_begin(&b, &m->body, FRONT, 1);
    for (size_t i = 0; i < items; i++) {
        struct buf f;

        buf_init(&f, MAX);
        gzip_fragment(str_of(texts[i]), 6, &f, &m->sum[i]);
        m->deflate[i] = f.n;
        gzip_bundle_item(&b, buf_str(&f), &m->sum[i]);
        buf_free(&f);
    }
    gzip_bundle_end(&b, BACK);
}

static enum status same_text(struct str deflate, const struct gzip_sum *sum,
                             const char *text)
{
    struct buf b;
    enum status st;

    buf_init(&b, MAX);
    st = gzip_fragment_text(deflate, sum, &b, NULL);
    if (st == ST_OK && !str_is(buf_str(&b), text))
        st = ST_INTERNAL;
    buf_free(&b);
    return st;
}

/* Takes a body apart as one that was made so; ST_INTERNAL: it is another, and
 * nobody noticed. */
static enum status take_apart(struct str body, const struct made *m,
                              size_t items)
{
    struct gzip_unbundle u;
    struct buf front;
    struct str item;
    enum status st;

    buf_init(&front, FRONT.n);
    st = gzip_unbundle(body, &front, &u, NULL);
    for (size_t i = 0; st == ST_OK && i < items; i++)
        st = gzip_unbundle_item(&u, m->deflate[i], &m->sum[i], &item)
                 ? same_text(item, &m->sum[i], texts[i])
                 : ST_CORRUPT;
    if (st == ST_OK)
        st = gzip_unbundle_end(&u, BACK, NULL);
    if (st == ST_OK && !str_eq(buf_str(&front), FRONT))
        st = ST_INTERNAL;
    buf_free(&front);
    return st;
}

static void round_trips(void)
{
    static const char *const whole[] = {
        "{\"n\":2,\"list\":[]}", "{\"n\":2,\"list\":[{\"a\":1}]}",
        "{\"n\":2,\"list\":[{\"a\":1},{\"b\":[2,3]}]}"};

    for (size_t items = 0; items <= ITEMS; items++) {
        struct made m;
        struct buf text;

        make(&m, items);
        CHECK(buf_ok(&m.body) && gzip_is_bundle(buf_str(&m.body)));
        CHECK(take_apart(buf_str(&m.body), &m, items) == ST_OK);
        buf_init(&text, MAX); /* and it is plain gzip */
        CHECK(gzip_unpack(buf_str(&m.body), &text, NULL) == ST_OK &&
              str_is(buf_str(&text), whole[items]));
        buf_free(&text);
        buf_free(&m.body);
    }
}

static void foreign(void)
{
    struct gzip_unbundle u;
    struct buf body, front;

    buf_init(&body, MAX);
    buf_init(&front, MAX);
    CHECK(gzip_pack(FRONT, 6, &body, NULL) == ST_OK);
    CHECK(!gzip_is_bundle(buf_str(&body)) && !gzip_is_bundle(STR_NONE));
    CHECK(gzip_unbundle(buf_str(&body), &front, &u, NULL) == ST_CORRUPT);
    CHECK(front.n == 0);
    buf_free(&front);
    buf_free(&body);
}

/* Every shorter body is refused. With one bit another it is, too, or what it
 * gives is right: of a few bits between blocks inflate takes no notice. */
static void damaged(void)
{
    size_t cut = 0, refused = 0, wrong = 0;
    struct made m;

    make(&m, ITEMS);
    for (size_t n = 0; n < m.body.n; n++)
        cut += take_apart((struct str){m.body.p, n}, &m, ITEMS) == ST_CORRUPT;
    CHECK(cut == m.body.n);
    for (size_t bit = 0; bit < 8 * m.body.n; bit++) {
        enum status st;

        m.body.p[bit / 8] ^= (char)(1 << bit % 8);
        st = take_apart(buf_str(&m.body), &m, ITEMS);
        refused += st == ST_CORRUPT || st == ST_TOO_LARGE;
        wrong += st == ST_INTERNAL;
        m.body.p[bit / 8] ^= (char)(1 << bit % 8);
    }
    CHECK(wrong == 0 && refused > 7 * m.body.n);
    buf_putc(&m.body, '\0');
    CHECK(take_apart(buf_str(&m.body), &m, ITEMS) == ST_CORRUPT);
    buf_free(&m.body);
}

static void lying_fronts(void)
{
    struct made m, lie;

    make(&m, ITEMS);
    lie = m;
    CHECK(take_apart(buf_str(&m.body), &lie, 1) == ST_CORRUPT);
    lie.deflate[0]++;
    CHECK(take_apart(buf_str(&m.body), &lie, ITEMS) != ST_OK);
    lie.deflate[0] = SIZE_MAX;
    CHECK(take_apart(buf_str(&m.body), &lie, ITEMS) == ST_CORRUPT);
    buf_free(&m.body);
}

/* With texts that nobody looks at, the end tells. */
static void lying_sums(void)
{
    struct gzip_unbundle u;
    struct buf front;
    struct str item;
    struct made m;

    make(&m, ITEMS);
    m.sum[1].crc ^= 1;
    buf_init(&front, MAX);
    CHECK(gzip_unbundle(buf_str(&m.body), &front, &u, NULL) == ST_OK);
    CHECK(gzip_unbundle_item(&u, m.deflate[0], &m.sum[0], &item) &&
          gzip_unbundle_item(&u, m.deflate[1], &m.sum[1], &item));
    CHECK(gzip_unbundle_end(&u, BACK, NULL) == ST_CORRUPT);
    buf_free(&front);
    buf_free(&m.body);
}

/* One that is whole, but closes otherwise than its reader expects. */
static void another_back(void)
{
    struct gzip_unbundle u;
    struct buf front;
    struct made m;

    make(&m, 0);
    buf_init(&front, MAX);
    CHECK(gzip_unbundle(buf_str(&m.body), &front, &u, NULL) == ST_OK);
    CHECK(gzip_unbundle_end(&u, BACK, NULL) == ST_OK);
    buf_reset(&front);
    CHECK(gzip_unbundle(buf_str(&m.body), &front, &u, NULL) == ST_OK);
    CHECK(gzip_unbundle_end(&u, STR_LIT("]]"), NULL) == ST_CORRUPT);
    buf_free(&front);
    buf_free(&m.body);
}

static void full(void)
{
    struct gzip_unbundle u;
    struct gzip_bundle b;
    struct buf out, front;

    for (size_t max = 0; max < 1000; max++) {
        buf_init(&out, max);
        gzip_bundle_begin(&b, &out, FRONT, 1);
        gzip_bundle_end(&b, BACK);
        if (buf_ok(&out))
            break;
        buf_free(&out);
    }
    CHECK(buf_ok(&out) && gzip_is_bundle(buf_str(&out)));
    buf_init(&front, FRONT.n - 1); /* nor may a front be a bomb */
    CHECK(gzip_unbundle(buf_str(&out), &front, &u, NULL) == ST_TOO_LARGE);
    buf_free(&front);
    buf_free(&out);
}

int main(void)
{
    round_trips();
    foreign();
    damaged();
    lying_fronts();
    lying_sums();
    another_back();
    full();
    return tap_end();
}
