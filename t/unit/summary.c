/* Rows of the summary: their order, merging by revision, and the text. */
#include "service/summary.h"
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
}

static void ages(void)
{
    struct summary_row old = row_of("t", 0), late = row_of("t", 0);

    late.modified_us = 7;
    CHECK(summary_row_later(&late, &old) && !summary_row_later(&old, &late));
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

static void strange_texts(struct arena *a)
{
    static const char *const bad[] = {
        "", "[]", "{}", "{\"format\":1}",
        "{\"format\":1,\"columns\":[\"trip_id\"],\"trips\":[]}"};
    struct summary s = {.n = 0};
    struct err err = ERR_NONE;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(summary_parse(str_of(bad[i]), a, &s, &err) == ST_CORRUPT);
    CHECK(summary_parse(STR_LIT("{\"format\":2}"), a, &s, &err) == ST_OK &&
          s.newer);
}

int main(void)
{
    struct arena *a = arena_new(4096);

    merging(a);
    ages();
    text(a);
    strange_texts(a);
    arena_free(&a);
    return tap_end();
}
