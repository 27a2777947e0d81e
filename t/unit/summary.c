/* Rows of the summary: their order, merging by revision, and the text. */
#include "driver/summary.h"
#include "driver/trip_object.h"

#include "base/gzip.h"
#include "base/gzip_bundle.h"
#include "base/log.h"
#include "t/unit/tap.h"

static struct summary_row row_of(const char *trip, int64_t revision)
{
    struct summary_row row = {.trip_id = str_of(trip),
                              .revision = revision,
                              .end_ms = 1000 + revision,
                              .size = 10,
                              .length = 20,
                              .crc = UINT32_MAX,
                              .deflate = 15,
                              .etag = {.z = "abc"}};

    row.figures.context = STR_LIT("city");
    row.figures.start_us = 5;
    row.figures.end_us = TIME_NONE;
    row.figures.distance_miles = 1.25;
    row.figures.privacy_protected = true;
    return row;
}

static void merging(struct arena *a)
{
    struct summary s = {.n = 0};
    struct summary_row met, row;

    row = row_of("b", 2);
    CHECK(summary_merge(&s, &row, a, &met) == MERGED_NEW);
    row = row_of("a", 1);
    CHECK(summary_merge(&s, &row, a, &met) == MERGED_NEW);
    row = row_of("c", 1);
    CHECK(summary_merge(&s, &row, a, &met) == MERGED_NEW);
    CHECK(s.n == 3 && str_is(s.row[0].trip_id, "a") &&
          str_is(s.row[2].trip_id, "c"));

    row = row_of("b", 1);
    CHECK(summary_merge(&s, &row, a, &met) == MERGED_SUPERSEDED);
    CHECK(met.revision == 2 && summary_find(&s, row.trip_id)->revision == 2);
    row = row_of("b", 3);
    CHECK(summary_merge(&s, &row, a, &met) == MERGED_REPLACED);
    CHECK(met.revision == 2 && summary_find(&s, row.trip_id)->revision == 3);
    CHECK(s.n == 3 && !summary_find(&s, STR_LIT("bb")));
    row.size = 11; /* the same finalize once more */
    CHECK(summary_merge(&s, &row, a, &met) == MERGED_REPLACED);
    CHECK(met.size == 10 && summary_find(&s, row.trip_id)->size == 11);
}

static void ages(void)
{
    struct summary_row old = row_of("t", 0), late = row_of("t", 0);

    late.modified_us = 7;
    CHECK(summary_row_later(&late, &old) && !summary_row_later(&old, &late));
    old.modified_us = 7; /* then by key */
    CHECK(!summary_row_later(&late, &old) && !summary_row_later(&old, &late));
    late.end_ms++;
    CHECK(summary_row_later(&late, &old) && !summary_row_later(&old, &late));
    old.modified_us = 0;
    old.revision = 1;
    CHECK(summary_row_later(&old, &late)); /* the claim orders, not clocks */
}

static void text(struct arena *a)
{
    struct summary s = {.n = 0}, back = {.n = 0};
    struct summary_row met, row = row_of("trip_\xc3\xa4", 4);
    struct err err = ERR_NONE;
    struct buf b;

    buf_init(&b, 100000);
    CHECK(summary_merge(&s, &row, a, &met) == MERGED_NEW);
    row = row_of("zz", 1);
    CHECK(summary_merge(&s, &row, a, &met) == MERGED_NEW);
    summary_print(&s, STR_LIT("u"), 0, a, &b);
    CHECK(buf_ok(&b));
    CHECK(summary_parse(buf_str(&b), a, &back, &err) == ST_OK);
    CHECK(back.n == 2 && back.row[0].revision == 4 &&
          back.row[0].figures.distance_miles == 1.25 &&
          back.row[0].figures.end_us == TIME_NONE &&
          back.row[0].figures.privacy_protected &&
          str_is(back.row[0].figures.context, "city") &&
          strcmp(back.row[1].etag.z, "abc") == 0);
    buf_free(&b);
}

/* The columns by name are the wire between hosts; this is how we write them. */
static void columns(struct arena *a)
{
    static const char want[] =
        "\"columns\":["
        "\"trip_id\",\"end_ms\",\"etag\",\"size\",\"length\",\"crc\","
        "\"deflate\",\"revision\",\"modified_us\",\"pack\","
        "\"start_us\",\"end_us\",\"total_distance_miles\","
        "\"duration_minutes\",\"moving_time_minutes\","
        "\"stationary_time_minutes\",\"behavior_score\","
        "\"speed_consistency\",\"smoothness_score\","
        "\"frequency_score\",\"turn_safety_score\","
        "\"weighted_events_per_100_miles\",\"max_speed_mph\","
        "\"total_harsh_events\",\"total_dangerous_events\","
        "\"sudden_accelerations\",\"sudden_decelerations\","
        "\"hard_stops\",\"total_turns\",\"safe_turns\","
        "\"dangerous_turns\",\"context\",\"privacy_protected\","
        "\"scoring_version\""
        "],"
        "\"trips\":[],";
    struct summary none = {.n = 0};
    struct err err = ERR_NONE;
    struct buf b, text;

    buf_init(&b, 100000);
    buf_init(&text, 100000);
    summary_print(&none, STR_LIT("u"), 0, a, &b);
    CHECK(gzip_unpack(buf_str(&b), &text, &err) == ST_OK);
    buf_putc(&text, '\0');
    CHECK(strstr(text.p, want) != NULL);
    buf_free(&text);
    buf_free(&b);
}

/* ---- analyses within it ---- */

static void give_text(struct summary_row *row, struct arena *a)
{
    struct gzip_sum sum;
    struct buf b;

    buf_init(&b, 100000);
    gzip_fragment(
        arena_printf(a, "{\"trip_id\":\"%.*s\"}", STR_ARG(row->trip_id)), 6, &b,
        &sum);
    row->fragment = arena_copy(a, buf_str(&b));
    row->pack = PACK_NONE;
    summary_row_text(row, &sum, b.n);
    buf_free(&b);
}

static struct summary many(struct arena *a, size_t n)
{
    struct summary s = {.n = n};

    s.row = arena_alloc_n(a, n, sizeof *s.row);
    for (size_t i = 0; i < n; i++) {
        s.row[i] = row_of("", 1);
        s.row[i].trip_id = arena_printf(a, "trip_%04zu", i);
        s.row[i].end_ms = (int64_t)(n - i); /* the first are the latest */
        give_text(&s.row[i], a);
    }
    return s;
}

static void print(const struct summary *s, struct arena *a, struct buf *body)
{
    buf_init(body, (size_t)16 * 1024 * 1024);
    summary_print(s, STR_LIT("u"), 0, a, body);
}

static size_t fragments_in(const struct summary *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        n += s->row[i].fragment.n > 0;
    return n;
}

static void recent(struct arena *a)
{
    struct summary s = many(a, 5), back = {.n = 0};
    struct err err = ERR_NONE;
    struct buf body, text;

    s.row[1].pack = 7;                             /* need not be here, */
    s.row[2].fragment = STR_NONE;                  /* is not known, */
    s.row[3].fragment.n = SUMMARY_RECENT_TEXT + 1; /* is too large */
    print(&s, a, &body);
    CHECK(buf_ok(&body) && gzip_is_bundle(buf_str(&body)));
    CHECK(summary_parse(buf_str(&body), a, &back, &err) == ST_OK);
    CHECK(back.n == 5 && fragments_in(&back) == 2);
    CHECK(str_eq(back.row[0].fragment, s.row[0].fragment) &&
          str_eq(back.row[4].fragment, s.row[4].fragment));
    CHECK(back.row[0].pack == PACK_NONE && back.row[1].pack == 7);
    buf_init(&text, 100000);
    CHECK(gzip_unpack(buf_str(&body), &text, &err) == ST_OK &&
          str_ends(buf_str(&text),
                   STR_LIT("\"recent\":[{\"trip_id\":\"trip_0000\"},"
                           "{\"trip_id\":\"trip_0004\"}]}")));
    buf_free(&text);
    buf_free(&body);
}

static void most_recent(struct arena *a)
{
    struct summary s = many(a, SUMMARY_RECENT_MAX + 9), back = {.n = 0};
    struct buf body;

    print(&s, a, &body);
    CHECK(summary_parse(buf_str(&body), a, &back, NULL) == ST_OK);
    CHECK(back.n == s.n && fragments_in(&back) == SUMMARY_RECENT_MAX);
    CHECK(back.row[0].fragment.n && !back.row[s.n - 1].fragment.n);
    buf_free(&body);
}

/* As another writer would store it: the rows count, "here" means nothing. */
static void plain_gzip(struct arena *a)
{
    struct summary s = many(a, 3), back = {.n = 0};
    struct buf body, text, again;

    print(&s, a, &body);
    buf_init(&text, 100000);
    buf_init(&again, 100000);
    CHECK(gzip_unpack(buf_str(&body), &text, NULL) == ST_OK &&
          gzip_pack(buf_str(&text), 6, &again, NULL) == ST_OK);
    CHECK(summary_parse(buf_str(&again), a, &back, NULL) == ST_OK);
    CHECK(back.n == 3 && fragments_in(&back) == 0 &&
          back.row[2].pack == PACK_NONE);
    buf_free(&again);
    buf_free(&text);
    buf_free(&body);
}

/* The rows lie about what follows them, or a byte is another. */
static void wrong_analyses(struct arena *a)
{
    struct summary back = {.n = 0}, s = many(a, 3);
    size_t refused = 0;
    struct buf body;

    print(&s, a, &body);
    for (size_t n = 0; n < body.n; n++)
        refused += summary_parse((struct str){body.p, n}, a, &back, NULL) ==
                   ST_CORRUPT;
    CHECK(refused == body.n);
    buf_free(&body);
    s.row[1].crc ^= 1; /* the writer's mistake: for whoever unpacks it */
    print(&s, a, &body);
    CHECK(summary_parse(buf_str(&body), a, &back, NULL) == ST_OK &&
          fragments_in(&back) == 3);
    body.p[body.n - 5] ^= 1; /* its CRC */
    CHECK(summary_parse(buf_str(&body), a, &back, NULL) == ST_CORRUPT);
    buf_free(&body);
}

static enum status parse_packed(const char *json, struct arena *a,
                                struct summary *out)
{
    struct buf body;
    enum status st;

    buf_init(&body, 100000);
    CHECK(gzip_pack(str_of(json), 6, &body, NULL) == ST_OK);
    st = summary_parse(buf_str(&body), a, out, NULL);
    buf_free(&body);
    return st;
}

/* A row of another hand, one of whose values is beyond what its column means:
 * it would be summed, or be made room for. */
static void lying_rows(struct arena *a)
{
    static const struct {
        size_t at;
        int64_t bad;
    } whole[] = {
#define AT(member) offsetof(struct summary_row, member)
        {AT(size), -1},
        {AT(length), -1},
        {AT(length), (int64_t)TRIP_JSON_MAX + 1},
        {AT(crc), -1},
        {AT(crc), (int64_t)UINT32_MAX + 1},
        {AT(deflate), -1},
        {AT(deflate), TIME_NONE}, /* printed as null */
        {AT(revision), -1},
        {AT(revision), TIME_NONE},
        {AT(pack), PACK_HERE - 1},
        {AT(figures.turns), -1},
        {AT(figures.turns), TIME_NONE},
        {AT(figures.harsh_events), 1000000001},
        {AT(figures.dangerous_turns), -1},
    };
    static const size_t real[] = {AT(figures.distance_miles),
                                  AT(figures.duration_minutes),
                                  AT(figures.max_speed_mph)};
    struct summary s = many(a, 2), back = {.n = 0};
    struct summary_row good = s.row[1];

    for (size_t i = 0; i < sizeof whole / sizeof *whole + 6; i++) {
        struct buf body;

        s.row[1] = good;
        s.row[0].fragment = s.row[1].fragment = STR_NONE;
        if (i < 6)
            *(double *)((char *)&s.row[1] + real[i / 2]) =
                i % 2 ? -1.1e150 : 1.1e150;
        else
            *(int64_t *)((char *)&s.row[1] + whole[i - 6].at) =
                whole[i - 6].bad;
        print(&s, a, &body);
        tap_ok(summary_parse(buf_str(&body), a, &back, NULL) == ST_CORRUPT,
               "a row that lies, case %zu", i);
        buf_free(&body);
    }
}

static void strange_texts(struct arena *a)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"format\":1}",
        "{\"format\":1,\"columns\":[\"trip_id\"],\"trips\":[[\"t\"]]}",
        "{\"format\":1,\"columns\":[\"x\",\"x\"],\"trips\":[]}"};
    struct summary s = {.n = 0};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(parse_packed(bad[i], a, &s) == ST_CORRUPT);
    CHECK(summary_parse(STR_LIT("{}"), a, &s, NULL) == ST_CORRUPT);
    CHECK(parse_packed("{\"format\":2}", a, &s) == ST_OK &&
          s.state == SUMMARY_NEWER && !summary_is_ours(&s));
}

/* What a get of the summary's key gave, as what it is from then on. */
static void states(struct arena *a)
{
    struct err err = ERR_NONE, why = ERR_NONE;
    struct call c = {.user_id = STR_LIT("u"), .arena = a, .err = &err};
    struct object obj = {.body = STR_LIT("not gzip"), .etag = {"e"}};
    struct summary s = {.state = SUMMARY_NEWER};
    struct buf body;

    CHECK(summary_got(&c, ST_NOT_FOUND, NULL, &why, &s) == ST_OK);
    CHECK(s.state == SUMMARY_ABSENT && summary_is_ours(&s) && !s.etag.z[0]);
    log_open("/dev/null", LOG_WARN, "test");
    CHECK(summary_got(&c, ST_OK, &obj, &why, &s) == ST_OK);
    log_open("stderr", LOG_WARN, "test");
    CHECK(s.state == SUMMARY_UNREADABLE && summary_is_ours(&s) && s.n == 0 &&
          !strcmp(s.etag.z, "e") && err.st == ST_OK);
    print(&s, a, &body);
    obj.body = buf_str(&body);
    CHECK(summary_got(&c, ST_OK, &obj, &why, &s) == ST_OK);
    CHECK(s.state == SUMMARY_READ && summary_is_ours(&s));
    log_open("/dev/null", LOG_WARN, "test");
    (void)err_set(&why, ST_CORRUPT, "archived", "x");
    CHECK(summary_got(&c, ST_CORRUPT, NULL, &why, &s) == ST_OK &&
          s.state == SUMMARY_UNREADABLE && summary_is_ours(&s) && !s.etag.z[0]);
    CHECK(summary_got(&c, ST_TOO_LARGE, NULL, &why, &s) == ST_OK &&
          s.state == SUMMARY_UNREADABLE);
    CHECK(summary_got(&c, ST_DENIED, NULL, &why, &s) == ST_OK &&
          s.state == SUMMARY_REFUSED && !summary_is_ours(&s) && s.n == 0);
    CHECK(err.st == ST_OK);
    CHECK(summary_got(&c, ST_UNAVAILABLE, NULL, &why, &s) == ST_UNAVAILABLE &&
          err.st == ST_CORRUPT); /* as it was told */
    log_open("stderr", LOG_WARN, "test");
    err_clear(&err);
    CHECK(summary_got(&c, ST_OK, &obj, &why, &s) == ST_OK);
    /* The same version as before: what was known stays. */
    CHECK(summary_got(&c, ST_PRECONDITION, NULL, &why, &s) == ST_OK);
    CHECK(s.state == SUMMARY_READ && !strcmp(s.etag.z, "e"));
    buf_free(&body);
}

/* Of a table of another version: what it lacks, and what we do not know. */
static void other_columns(struct arena *a)
{
    static const char theirs[] =
        "{\"format\":1,\"columns\":[\"later\",\"trip_id\",\"end_ms\",\"etag\","
        "\"size\",\"length\",\"crc\",\"deflate\",\"revision\",\"modified_us\","
        "\"pack\",\"context\"],\"trips\":["
        "[{\"x\":1},\"a\",5,\"e\",10,20,3,4,1,null,7,\"city\"],"
        "[2,\"b\",6,\"f\",11,21,4,5,2,9,0,null]]}";
    struct trip_figures figures = {.context = STR_LIT("mixed"),
                                   .behavior_score = 90};
    struct summary s = {.n = 0}, back = {.n = 0};
    struct summary_row met, row = row_of("c", 3);
    struct buf b;

    CHECK(parse_packed(theirs, a, &s) == ST_OK && s.n == 2 && s.others == 1);
    CHECK(summary_row_lacks(&s.row[0]) && s.row[0].pack == 7 &&
          s.row[0].modified_us == TIME_NONE &&
          str_is(s.row[0].figures.context, "city"));
    summary_row_complete(&s.row[0], &figures, a);
    CHECK(!summary_row_lacks(&s.row[0]) &&
          s.row[0].figures.behavior_score == 90);
    CHECK(summary_merge(&s, &row, a, &met) == MERGED_NEW);
    buf_init(&b, 100000);
    summary_print(&s, STR_LIT("u"), 0, a, &b);
    CHECK(summary_parse(buf_str(&b), a, &back, NULL) == ST_OK);
    buf_free(&b);
    CHECK(back.n == 3 && back.others == 1 && str_is(back.other[0], "later"));
    CHECK(str_is(back.row[0].rest->other[0], "{\"x\":1}") &&
          str_is(back.row[1].rest->other[0], "2") &&
          str_is(back.row[2].rest->other[0], "null"));
    CHECK(!summary_row_lacks(&back.row[0]) && summary_row_lacks(&back.row[1]) &&
          !summary_row_lacks(&back.row[2]));
}

int main(void)
{
    struct arena *a = arena_new(4096);

    merging(a);
    ages();
    text(a);
    columns(a);
    recent(a);
    most_recent(a);
    plain_gzip(a);
    wrong_analyses(a);
    lying_rows(a);
    strange_texts(a);
    other_columns(a);
    states(a);
    arena_free(&a);
    return tap_end();
}
