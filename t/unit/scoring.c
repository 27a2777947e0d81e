#include "service/scoring.h"

#include <stdlib.h>
#include <string.h>
#include "base/gzip.h"

#include "t/unit/tap.h"

#define DELTA(lat, dt)                                                         \
    "{\"delta_lat\":" #lat ",\"delta_long\":0,\"delta_time\":" #dt             \
    ",\"speed_mph\":30}"

static struct arena *arena;
static struct err err;
static struct batch batch[2];
static struct trip_batches batches = {batch, 2};
static struct user nobody;
static struct trip trip;

static void input_reset(void)
{
    err_clear(&err);
    batch[0] = (struct batch){.number = 1,
                              .deltas = STR_LIT("[" DELTA(120, 1000) "]"),
                              .deltas_count = 1,
                              .original_count = 2};
    batch[1] = (struct batch){
        .number = 2,
        .deltas = STR_LIT("[" DELTA(130, 1000) "," DELTA(110, 1000) "]"),
        .deltas_count = 2,
        .original_count = 2};
    trip = (struct trip){.trip_id = STR_LIT("t1"),
                         .user_id = STR_LIT("u1"),
                         .start_us = TIME_NONE,
                         .end_us = 1766244754000000,
                         .revision = 7};
}

static enum status scored_by(const char *version, struct scored *out)
{
    struct scoring_input in = {.trip = &trip,
                               .user = &nobody,
                               .batches = &batches,
                               .rules = score_rules_named(version)};

    enum status st;

    *out = (struct scored){.has_counts = false};
    st = scoring_analyse(&in, arena, out, &err);
    return st == ST_OK && !out->insufficient
               ? scoring_write(&in, arena, out, &err)
               : st;
}

static void versions(void)
{
    CHECK(score_rules_named("3.0") == score_rules_of(SCORE_3_0));
    CHECK(score_rules_named("3.1") == score_rules_of(SCORE_3_1));
    CHECK(score_rules_named("3.2") == NULL && score_rules_named("") == NULL);
    for (int v = 0; v < SCORE_VERSIONS; v++)
        CHECK(score_rules_of((enum score_version)v)->version ==
              (enum score_version)v);
}

/* As a batch of another writer says it. */
static void fewer_sent_than_there(void)
{
    struct scored out;

    input_reset();
    batch[1].original_count = 0;
    CHECK(scored_by("3.1", &out) == ST_OK && out.counts.deltas == 3);
    CHECK(out.original_deltas == 3);
}

/* Gone since the start: a local time would be UTC, and stay so. */
static void no_zone_data(void)
{
    struct scored out;

    input_reset();
    setenv("TZDIR", "/nowhere", 1);
    CHECK(scored_by("3.1", &out) == ST_UNAVAILABLE);
    CHECK(!strcmp(err.code, "no_zone_data") && !out.object.key.n);
    unsetenv("TZDIR");
    err_clear(&err);
    CHECK(scored_by("3.1", &out) == ST_OK);
}

static void stored(const char *version)
{
    struct scored out;
    struct buf text;
    char says[40];

    input_reset();
    if (!CHECK(scored_by(version, &out) == ST_OK && !out.insufficient))
        tap_note("%s", err.text);
    CHECK(out.has_counts && out.batches == 2 && out.original_deltas == 4 &&
          out.counts.deltas == 3);
    CHECK(str_is(out.object.key, "users/u1/trips/t1_1766244754000.json.gz"));
    CHECK(out.object.row.revision == 7 &&
          str_is(out.object.row.trip_id, "t1") &&
          str_is(out.object.row.figures.version, version) &&
          out.object.row.figures.distance_miles == out.analysis.distance_miles);
    CHECK(out.object.row.size == (int64_t)out.object.body.n &&
          out.object.row.fragment.n == (size_t)out.object.row.deflate);
    snprintf(says, sizeof says, "\"scoring_version\":\"%s\"", version);
    buf_init(&text, 1 << 20);
    CHECK(gzip_unpack(out.object.body, &text, &err) == ST_OK &&
          memmem(text.p, text.n, says, strlen(says)));
    buf_free(&text);
}

static void not_stored(void)
{
    struct scored out;

    input_reset();
    batches.n = 1;
    CHECK(scored_by("3.1", &out) == ST_OK && out.insufficient &&
          out.has_counts && out.batches == 1 && out.object.body.n == 0);
    batches.n = 0;
    CHECK(scored_by("3.1", &out) == ST_OK && out.insufficient);
    batches.n = 2;
    batch[1].deltas = STR_LIT("[{]");
    CHECK(scored_by("3.1", &out) == ST_CORRUPT && !out.has_counts &&
          strcmp(err.code, "batch_corrupt") == 0 &&
          strstr(err.text, "batch 2"));
    input_reset();
    trip.trip_quality = STR_LIT("{");
    CHECK(scored_by("3.1", &out) == ST_CORRUPT && out.has_counts &&
          strcmp(err.code, "trip_corrupt") == 0);
}

int main(void)
{
    arena = arena_new(1 << 16);
    versions();
    fewer_sent_than_there();
    no_zone_data();
    stored("3.0");
    stored("3.1");
    not_stored();
    arena_free(&arena);
    return tap_end();
}
