/*
 * Every golden trip, scored by both versions, against what the reference gave,
 * and every driver's aggregate.
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "score/aggregate.h"
#include "score/analysis_json.h"
#include "t/unit/golden.h"
#include "t/unit/tap.h"

#define TOLERANCE 1e-9
#define TRIPS_MAX 10000
#define TRIPS_LEAST 40 /* as many as t/golden has */
#define CLIENTS_LEAST 4

/* Those that the scoring description does not round. */
static const char *const unrounded[] = {
    "duration_minutes", "total_distance_miles", "stationary_time_minutes",
    "city_probability", "confidence",           "avg_speed",
    "speed_variance",   "stops_per_mile",       "turns_per_mile",
    "frequency_score",  "context_weight",
};
/* What the service adds to the reference's analysis. */
static const char *const added[] = {
    "scoring_version",    "revision",         "user_timezone",
    "start_time_display", "end_time_display", "duplicate_points",
};
/* What the reference's aggregate lacks. */
static const char *const new_in_aggregate[] = {
    "avg_gentle_acceleration_score",
    "avg_acceleration_consistency",
    "avg_turn_speed_score",
    "total_sudden_accelerations",
    "total_sudden_decelerations",
    "total_hard_stops",
    "smoothness_score",
    "frequency_score",
    "turn_safety_score",
};
#define AMONG(key, list) among(key, list, sizeof list / sizeof *list)

static bool among(struct json key, const char *const *list, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++)
        if (json_key_is(key, list[i]))
            return true;
    return false;
}

static bool same(struct json key, struct json got, struct json want);

static bool same_number(struct json key, struct json got, struct json want)
{
    double g, w;

    if (!json_double(got, &g) || !json_double(want, &w))
        return false;
    return g == w || (AMONG(key, unrounded) &&
                      fabs(g - w) <= TOLERANCE * fmax(fabs(g), fabs(w)));
}

static bool same_members(struct json got, struct json want)
{
    struct json_iter it = json_iter(want);
    struct json key, value;
    char name[64];
    size_t n = 0;

    while (json_next(&it, &key, &value)) {
        snprintf(name, sizeof name, "%.*s", (int)key.raw.n - 2, key.raw.p + 1);
        if (!same(key, json_member(got, name), value))
            return false;
        n += !AMONG(key, added);
    }
    it = json_iter(got);
    while (json_next(&it, &key, &value))
        n -= !AMONG(key, added);
    return n == 0;
}

static bool same_items(struct json key, struct json got, struct json want)
{
    struct json_iter g = json_iter(got), w = json_iter(want);
    struct json none, x, y;

    if (json_count(got) != json_count(want))
        return false;
    while (json_next(&g, &none, &x) && json_next(&w, &none, &y))
        if (!same(key, x, y))
            return false;
    return true;
}

static bool same_of_type(struct json key, struct json got, struct json want)
{
    switch (want.type) {
    case JSON_OBJECT:
        return same_members(got, want);
    case JSON_ARRAY:
        return same_items(key, got, want);
    case JSON_NUMBER:
        return same_number(key, got, want);
    case JSON_STRING:
        return str_eq(got.raw, want.raw);
    case JSON_NONE:
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        break;
    }
    return true;
}

static bool same(struct json key, struct json got, struct json want)
{
    bool alike = got.type == want.type && same_of_type(key, got, want);

    if (!alike && want.type != JSON_OBJECT && want.type != JSON_ARRAY)
        tap_note("%.*s: got %.*s, want %.*s", STR_ARG(key.raw),
                 STR_ARG(got.raw), STR_ARG(want.raw));
    return alike;
}

/* ---- trips ---- */

struct scored {
    struct str user_id, trip_id;
    struct trip_figures figures[2]; /* by version */
    bool there[2];
};

static struct json check_text(struct buf *b, struct arena *a)
{
    struct json root = JSON_ABSENT;
    struct err err = ERR_NONE;

    CHECK(buf_ok(b));
    if (json_check(arena_copy(a, buf_str(b)), JSON_DEPTH, &root, &err) != ST_OK)
        CHECK(!"what was written is JSON");
    return root;
}

static struct json write_analysis(struct analysis_head *h,
                                  const struct analysis *an, struct arena *a)
{
    struct buf b;
    struct json_out o = {&b, false};
    struct json written;

    buf_init(&b, 64 << 20);
    analysis_write(h, an, a, &o);
    written = check_text(&b, a);
    buf_free(&b);
    return written;
}

/* What 3.1 alone says; of most trips nothing is expected there, and so 0. */
static bool repeats_as_expected(struct json got, struct json expected,
                                enum score_version v)
{
    int64_t said = -1, want = 0;

    (void)json_int(json_member(expected, "duplicate_points_3_1"), &want);
    (void)json_int(json_member(got, "duplicate_points"), &said);
    return said == (v == SCORE_3_0 ? -1 : want);
}

static void score_one(const char *name, struct score_input *in,
                      struct analysis_head *h, struct json want,
                      struct json expected, struct scored *out, struct arena *a)
{
    static const char *const names[] = {"3.0", "3.1"};
    enum score_version v = in->version;
    struct analysis an;
    struct json got;
    struct err err = ERR_NONE;
    int64_t revision;
    struct analysis_names named;

    h->version = v;
    out->there[v] = score_trip(in, a, &an) == ST_OK;
    if (want.type == JSON_NULL) {
        tap_ok(!out->there[v], "%s %s: no analysis", name, names[v]);
        return;
    }
    if (!tap_ok(out->there[v], "%s %s: analysed", name, names[v]))
        return;
    got = write_analysis(h, &an, a);
    tap_ok(same(got, got, want), "%s %s: every field", name, names[v]);
    tap_ok(repeats_as_expected(got, expected, v), "%s %s: repeats", name,
           names[v]);
    if (analysis_figures(got, a, &out->figures[v], &named, &revision, &err) !=
            ST_OK ||
        revision != 1 || named.user_id.n)
        tap_ok(false, "%s: read back: %s", name, err.text);
}

static void try_trip(const char *path, const char *name, struct json users,
                     struct scored *out, struct arena *a)
{
    struct json trip = golden_read(path, a);
    struct json expected = json_member(trip, "expected");
    struct json want = json_member(expected, "analysis");
    struct json want_3_1 = json_member(expected, "analysis_3_1");
    struct score_input in = golden_trip(trip, users, a);
    struct analysis_head h = golden_head(trip, a);
    bool failed = json_member(expected, "reference_error").type == JSON_STRING;

    out->user_id = json_string(json_member(trip, "user_id"), a);
    if (want_3_1.type == JSON_NULL)
        want_3_1 = want;
    score_one(name, &in, &h, want_3_1, expected, out, a);
    in.version = SCORE_3_0;
    /* Where the reference failed there is nothing to compare 3.0 with. */
    if (!(failed && want.type == JSON_NULL))
        score_one(name, &in, &h, want, expected, out, a);
}

/* ---- drivers ---- */

static int newest_first(const void *a, const void *b)
{
    const struct trip_figures *x = *(const struct trip_figures *const *)a;
    const struct trip_figures *y = *(const struct trip_figures *const *)b;

    return x->start_us > y->start_us ? -1 : x->start_us < y->start_us;
}

static struct json aggregate_json(const struct scored *trips, size_t n,
                                  struct str user_id, enum score_version v,
                                  struct arena *a)
{
    const struct trip_figures **list = arena_alloc_n(a, n, sizeof *list);
    struct aggregate g;
    struct buf b;
    struct json_out o = {&b, false};
    struct json written;
    size_t i, kept = 0;

    for (i = 0; i < n; i++)
        if (trips[i].there[v] && str_eq(trips[i].user_id, user_id))
            list[kept++] = &trips[i].figures[v];
    if (kept == 0)
        return JSON_ABSENT;
    qsort(list, kept, sizeof *list, newest_first);
    g = aggregate_of(list, kept, a);
    buf_init(&b, 1 << 20);
    json_begin_object(&o, NULL);
    aggregate_write(&g, a, &o);
    json_end_object(&o);
    written = check_text(&b, a);
    buf_free(&b);
    return written;
}

static void try_driver(struct json who, struct json body,
                       const struct scored *trips, size_t n, struct arena *a)
{
    bool mended = str_starts(who.raw, STR_LIT("\"3.1 "));
    struct json got =
        aggregate_json(trips, n, json_string(json_member(body, "user_id"), a),
                       mended ? SCORE_3_1 : SCORE_3_0, a);
    struct json_iter it = json_iter(got);
    struct json key, value;
    char name[64];
    int members = 0;
    bool alike = true;
    double miles = 0;
    bool somewhere =
        json_double(json_member(got, "total_distance_miles"), &miles) &&
        miles > 0;

    while (json_next(&it, &key, &value)) {
        snprintf(name, sizeof name, "%.*s", (int)key.raw.n - 2, key.raw.p + 1);
        if (AMONG(key, new_in_aggregate))
            alike = alike && (value.type == JSON_NUMBER ||
                              (value.type == JSON_NULL && !somewhere));
        else
            alike = same(key, value, json_member(body, name)) && alike;
        members++;
    }
    tap_ok(alike && members == 37, "aggregate of %.*s: %d fields",
           STR_ARG(who.raw), members);
}

static void try_drivers(const char *folder, const struct scored *trips,
                        size_t n, struct arena *a)
{
    char path[4200];
    struct json_iter it;
    struct json who, answer, body;
    int64_t status;

    snprintf(path, sizeof path, "%s/analyze-driver.json.gz", folder);
    it = json_iter(golden_read(path, a));
    while (json_next(&it, &who, &answer)) {
        body = json_member(answer, "body");
        /* Answers to odd queries repeat those by e-mail. */
        if (json_int(json_member(answer, "status"), &status) && status == 200 &&
            json_member(body, "trips").type == JSON_ARRAY)
            try_driver(who, body, trips, n, a);
    }
}

/* All trips of a folder, behind the n that there are; how many there are then.
 */
static size_t try_trips(const char *folder, const char *users_file,
                        struct scored *trips, size_t n, struct arena *a)
{
    struct json users = golden_read(users_file, a);
    struct dirent *e;
    char path[4600];
    DIR *d = opendir(folder);

    if (!CHECK(d))
        return n;
    while ((e = readdir(d)) && n < TRIPS_MAX) {
        if (!str_ends(str_of(e->d_name), STR_LIT(".json.gz")))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        try_trip(path, e->d_name, users, &trips[n++], a);
    }
    closedir(d);
    tap_note("%zu trips with those of %s", n, folder);
    return n;
}

int main(void)
{
    static struct scored trips[TRIPS_MAX];
    const char *folder = golden_folder(TOP_SRCDIR);
    struct arena *a = arena_new(1 << 20);
    char in[4200], users[4200];
    size_t n, all;

    snprintf(in, sizeof in, "%s/trips", folder);
    snprintf(users, sizeof users, "%s/users.json", folder);
    n = try_trips(in, users, trips, 0, a);
    CHECK(n >= TRIPS_LEAST);
    snprintf(in, sizeof in, "%s/clients", folder);
    snprintf(users, sizeof users, "%s/clients/users.json", folder);
    all = try_trips(in, users, trips, n, a);
    CHECK(all - n >= CLIENTS_LEAST);
    try_drivers(folder, trips, n, a);
    arena_free(&a);
    return tap_end();
}
