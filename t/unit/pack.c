/* Packs: what goes in comes out for the row that it is of, and nothing else. */
#include "driver/pack.h"

#include "base/gzip.h"
#include "base/gzip_bundle.h"
#include "t/unit/tap.h"

#define MAX ((size_t)4 * 1024 * 1024)
#define N 20

static struct pack_entry entry_of(struct arena *a, unsigned i)
{
    struct str text = arena_printf(a, "{\"trip_id\":\"t%u\",\"n\":%u}", i, i);
    struct pack_entry e = {.end_ms = 1000 + i, .etag = {.z = "etag-"}};
    struct buf f;

    buf_init(&f, MAX);
    gzip_fragment(text, 6, &f, &e.text.sum);
    e.text.deflate = arena_copy(a, buf_str(&f));
    buf_free(&f);
    e.trip_id = arena_printf(a, "t%u", i);
    e.etag.z[5] = (char)('a' + i % 26);
    return e;
}

static struct summary_row row_of(const struct pack_entry *e)
{
    struct summary_row row = {
        .trip_id = e->trip_id, .end_ms = e->end_ms, .etag = e->etag};

    summary_row_text(&row, &e->text.sum, e->text.deflate.n);
    return row;
}

static void print(struct arena *a, struct pack_entry *e, size_t n,
                  struct buf *body)
{
    for (size_t i = 0; i < n; i++)
        e[i] = entry_of(a, (unsigned)(n - i));
    buf_init(body, MAX);
    pack_print(e, n, STR_LIT("u"), body);
}

static void round_trip(struct arena *a)
{
    struct pack_entry e[N];
    struct err err = ERR_NONE;
    struct buf body, text;
    struct pack pack;
    size_t right = 0;

    print(a, e, N, &body);
    CHECK(buf_ok(&body));
    CHECK(pack_open(buf_str(&body), a, &pack, &err) == ST_OK && pack.n == N);
    for (size_t i = 0; i < N; i++) {
        struct summary_row row = row_of(&e[i]);
        const struct pack_entry *found = pack_find(&pack, &row);

        right += found && str_eq(found->text.deflate, e[i].text.deflate);
    }
    CHECK(right == N);
    buf_init(&text, MAX);
    CHECK(gzip_unpack(buf_str(&body), &text, &err) == ST_OK);
    CHECK(str_starts(buf_str(&text),
                     STR_LIT("{\"format\":1,\"user_id\":\"u\",")) &&
          str_ends(buf_str(&text), STR_LIT("{\"trip_id\":\"t1\",\"n\":1}]}")));
    buf_free(&text);
    buf_free(&body);
}

static void only_the_same(struct arena *a)
{
    struct pack_entry e[N];
    struct summary_row row, other;
    struct buf body;
    struct pack pack = {.n = 0};

    print(a, e, N, &body);
    row = row_of(&e[3]);
    CHECK(!pack_find(&pack, &row));
    CHECK(pack_open(buf_str(&body), a, &pack, NULL) == ST_OK);
    CHECK(pack_find(&pack, &row));
    other = row;
    other.trip_id = STR_LIT("t");
    CHECK(!pack_find(&pack, &other));
    other = row;
    other.end_ms++;
    CHECK(!pack_find(&pack, &other));
    other = row;
    other.etag = e[4].etag;
    CHECK(!pack_find(&pack, &other));
    other = row;
    other.length++;
    CHECK(!pack_find(&pack, &other));
    other = row;
    other.crc ^= 1;
    CHECK(!pack_find(&pack, &other));
    other = row;
    other.deflate++;
    CHECK(!pack_find(&pack, &other));
    buf_free(&body);
}

/* Whether each trip's text comes out right, or something says that not. */
static bool right_or_refused(struct arena *a, struct str body,
                             const struct pack_entry *e, size_t n)
{
    struct pack pack;
    bool right = true;

    if (pack_open(body, a, &pack, NULL) != ST_OK)
        return true;
    for (size_t i = 0; i < n; i++) {
        struct summary_row row = row_of(&e[i]);
        const struct pack_entry *found = pack_find(&pack, &row);
        struct buf text, want;

        buf_init(&text, MAX);
        buf_init(&want, MAX);
        right = right &&
                gzip_fragment_text(e[i].text.deflate, &e[i].text.sum, &want,
                                   NULL) == ST_OK &&
                (!found ||
                 gzip_fragment_text(found->text.deflate, &found->text.sum,
                                    &text, NULL) != ST_OK ||
                 str_eq(buf_str(&text), buf_str(&want)));
        buf_free(&text);
        buf_free(&want);
    }
    return right;
}

static void damaged(struct arena *a)
{
    struct pack_entry e[3];
    struct buf body;
    struct pack pack;
    size_t refused = 0, right = 0;

    print(a, e, 3, &body);
    for (size_t n = 0; n < body.n; n++)
        refused +=
            pack_open((struct str){body.p, n}, a, &pack, NULL) == ST_CORRUPT;
    CHECK(refused == body.n);
    for (size_t bit = 0; bit < 8 * body.n; bit++) {
        body.p[bit / 8] ^= (char)(1 << bit % 8);
        right += right_or_refused(a, buf_str(&body), e, 3);
        body.p[bit / 8] ^= (char)(1 << bit % 8);
    }
    CHECK(right == 8 * body.n);
    buf_free(&body);
}

/* A pack of one analysis, {"a":1}, whose front is given as far as its trips. */
static enum status open_front(struct arena *a, const char *trips)
{
    struct str front = arena_printf(
        a,
        "{\"format\":1,\"user_id\":\"u\",\"columns\":[\"trip_id\",\"end_ms\","
        "\"etag\",\"length\",\"crc\",\"deflate\"],\"trips\":%s,\"analyses\":[",
        trips);
    const struct gzip_sum sum = {1444654255, 7};
    struct gzip_bundle b;
    struct pack pack;
    struct buf body;
    enum status st;

    buf_init(&body, MAX);
    gzip_bundle_begin(&b, &body, front, 1);
    gzip_bundle_item(&b, (struct str){"\0\7\0\xf8\xff{\"a\":1}", 12}, &sum);
    gzip_bundle_end(&b, STR_LIT("]}"));
    st = pack_open(buf_str(&body), a, &pack, NULL);
    buf_free(&body);
    return st;
}

static void lying_indexes(struct arena *a)
{
    static const char *const bad[] = {
        "[]",
        "7",
        "[7]",
        "[[]]",
        "[[\"t\",1,\"e\",7,1444654255]]",
        "[[\"t\",1,\"e\",7,1444654255,12,0]]",
        "[[8,1,\"e\",7,1444654255,12]]",
        "[[\"t\",1.5,\"e\",7,1444654255,12]]",
        "[[\"t\",1,\"\",7,1444654255,12]]",
        ("[[\"t\",1,"
         "\"0123456789012345678901234567890123456789012345678901234567"
         "8901234\",7,1444654255,12]]"),
        "[[\"t\",1,\"e\",8,1444654255,12]]",
        "[[\"t\",1,\"e\",-7,1444654255,12]]",
        "[[\"t\",1,\"e\",9007199254740992,1444654255,12]]",
        "[[\"t\",1,\"e\",7,1,12]]",
        "[[\"t\",1,\"e\",7,4294967296,12]]",
        "[[\"t\",1,\"e\",7,5739621551,12]]", /* 2^32 more than it is */
        "[[\"t\",1,\"e\",7,1444654255,11]]",
        "[[\"t\",1,\"e\",7,1444654255,13]]",
        "[[\"t\",1,\"e\",7,1444654255,-12]]",
        "[[\"t\",1,\"e\",7,1444654255,9007199254740992]]",
        "[[\"t\",1,\"e\",7,1444654255,12],[\"t\",1,\"e\",0,0,0]]",
        "[[\"t\",1,\"e\",7,1444654255,12],[\"u\",1,\"e\",7,CRC_A,12]]",
    };

    CHECK(open_front(a, "[[\"t\",1,\"e\",7,1444654255,12]]") == ST_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        tap_ok(open_front(a, bad[i]) == ST_CORRUPT, "refused: %s", bad[i]);
}

/* Two items whose lines agree with what follows. */
static enum status open_two(struct arena *a, const char *first,
                            const char *second, uint64_t length)
{
    const struct gzip_sum sum = {1444654255, length};
    const struct str item = {"\0\7\0\xf8\xff{\"a\":1}", 12};
    struct str front = arena_printf(
        a,
        "{\"format\":1,\"user_id\":\"u\",\"columns\":[\"trip_id\",\"end_ms\","
        "\"etag\",\"length\",\"crc\",\"deflate\"],\"trips\":["
        "[\"%s\",1,\"e\",%llu,1444654255,12],"
        "[\"%s\",1,\"e\",%llu,1444654255,12]],\"analyses\":[",
        first, (unsigned long long)length, second, (unsigned long long)length);
    struct gzip_bundle b;
    struct pack pack;
    struct buf body;
    enum status st;

    buf_init(&body, MAX);
    gzip_bundle_begin(&b, &body, front, 1);
    gzip_bundle_item(&b, item, &sum);
    gzip_bundle_item(&b, item, &sum);
    gzip_bundle_end(&b, STR_LIT("]}"));
    st = pack_open(buf_str(&body), a, &pack, NULL);
    buf_free(&body);
    return st;
}

static void two_lines(struct arena *a)
{
    CHECK(open_two(a, "t", "u", 7) == ST_OK);
    CHECK(open_two(a, "t", "t", 7) == ST_CORRUPT); /* twice the same trip */
    /* More than a trip may have, before anybody makes room for it. */
    CHECK(open_two(a, "t", "u", TRIP_JSON_MAX) == ST_OK);
    CHECK(open_two(a, "t", "u", TRIP_JSON_MAX + 1) == ST_CORRUPT);
}

static void other_objects(struct arena *a)
{
    static const char *const fronts[] = {
        ("{\"format\":2,\"columns\":[\"trip_id\",\"end_ms\",\"etag\","
         "\"length\","
         "\"crc\",\"deflate\"],\"trips\":[],\"analyses\":["),
        "{\"format\":1,\"columns\":[\"trip_id\"],\"trips\":[],\"analyses\":[",
        "{\"analyses\":[",
        "[",
        "",
        "[[["};
    struct gzip_bundle b;
    struct pack pack;
    struct buf body;

    buf_init(&body, MAX);
    CHECK(gzip_pack(STR_LIT("{}"), 6, &body, NULL) == ST_OK);
    CHECK(pack_open(buf_str(&body), a, &pack, NULL) == ST_CORRUPT);
    CHECK(pack_open(STR_NONE, a, &pack, NULL) == ST_CORRUPT);
    for (size_t i = 0; i < sizeof fronts / sizeof fronts[0]; i++) {
        buf_reset(&body);
        gzip_bundle_begin(&b, &body, str_of(fronts[i]), 1);
        gzip_bundle_end(&b, STR_LIT("]}"));
        tap_ok(pack_open(buf_str(&body), a, &pack, NULL) == ST_CORRUPT,
               "no pack: %s", fronts[i]);
    }
    buf_free(&body);
}

int main(void)
{
    struct arena *a = arena_new(4096);

    round_trip(a);
    only_the_same(a);
    damaged(a);
    lying_indexes(a);
    two_lines(a);
    other_objects(a);
    arena_free(&a);
    return tap_end();
}
