/* Deltas, totals and figures out of JSON, and an aggregate of figures. */
#include "score/trip_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "score/aggregate.h"
#include "score/analysis_json.h"
#include "t/unit/tap.h"

static struct arena *a;

static struct json parsed(const char *text)
{
    struct json root = JSON_ABSENT;
    struct err err = ERR_NONE;

    if (json_check(str_of(text), JSON_DEPTH, &root, &err) != ST_OK)
        tap_ok(false, "%s in %s", err.text, text);
    return root;
}

static struct delta_list deltas(const char *text)
{
    struct delta_list list = {0};

    CHECK(deltas_read(str_of(text), a, &list, NULL) == ST_OK);
    return list;
}

static void one_delta(void)
{
    struct delta_list l = deltas(
        "[{\"delta_lat\":\" 120 \",\"delta_l\\u006fng\":-3e2,"
        "\"delta_time\":2000,\"speed_mph\":\"34.5\",\"gps_accuracy\":\"9.5\","
        "\"timestamp\":\"2025-12-20T14:31:34+01:00\",\"other\":[1,{}]}]");

    CHECK(l.n == 1 && l.deltas[0].lat == 120 && l.deltas[0].lon == -300);
    CHECK(l.deltas[0].dt_ms == 2000 && l.deltas[0].speed_mph == 34.5);
    CHECK(l.deltas[0].accuracy_m == 9.5);
    CHECK(l.deltas[0].time_us == INT64_C(1766237494000000));
    CHECK(str_is(l.deltas[0].time_text, "2025-12-20T14:31:34+01:00"));
    CHECK(l.counts.accurate == 1 && l.counts.moved == 1);
    CHECK(l.counts.enhanced == 0 && l.counts.stationary == 0);
}

static void absent_and_unreadable(void)
{
    struct delta_list l =
        deltas("[{\"delta_lat\":0,\"delta_long\":0,\"delta_time\":1,"
               "\"speed_mph\":null,\"gps_accuracy\":\"bad\","
               "\"timestamp\":\"soon\",\"sequence\":null},"
               "{\"delta_lat\":0,\"delta_long\":0,\"delta_time\":1,"
               "\"speed_mph\":true,\"gps_accuracy\":\"nan\","
               "\"timestamp\":12}]");
    size_t i;

    CHECK(l.n == 2 && l.counts.speed.n == 0 && l.counts.moved == 0);
    for (i = 0; i < l.n; i++)
        CHECK(isnan(l.deltas[i].speed_mph) && isnan(l.deltas[i].accuracy_m) &&
              isnan(l.deltas[i].sequence) && l.deltas[i].time_us == TIME_NONE);
    CHECK(str_is(l.deltas[0].time_text, "soon") && !l.deltas[1].time_text.n);
    CHECK(l.counts.bad_times == 2 && str_is(l.counts.bad_time.raw, "\"soon\""));
    l = deltas("[{\"delta_lat\":0,\"delta_long\":0,\"delta_time\":1,"
               "\"timestamp\":1766241094000},"
               "{\"delta_lat\":0,\"delta_long\":0,\"delta_time\":1,"
               "\"timestamp\":null}]");
    CHECK(l.counts.bad_times == 0 && l.deltas[1].time_us == TIME_NONE);
    CHECK(l.deltas[0].time_us == INT64_C(1766241094000000));
    CHECK(delta_average(l.counts.accuracy) == 0);
}

static void unusable(void)
{
    struct delta_list l =
        deltas("[5,null,[],{},{\"delta_lat\":1,\"delta_long\":1},"
               "{\"delta_lat\":\"x\",\"delta_long\":1,\"delta_time\":1},"
               "{\"delta_lat\":true,\"delta_long\":1,\"delta_time\":1},"
               "{\"delta_lat\":1,\"delta_long\":1,\"delta_time\":1}]");

    CHECK(l.n == 1 && l.counts.deltas == 1 && l.counts.unusable == 7);
    CHECK(deltas_read(STR_LIT("{}"), a, &l, NULL) == ST_CORRUPT);
    CHECK(deltas_read(STR_NONE, a, &l, NULL) == ST_CORRUPT && l.n == 1);
}

/* Whatever the stores give back, it is read or refused. */
static void spoilt(void)
{
    static const char *const bad[] = {
        "",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[{}",
        "[{}}",
        "[{]",
        "[]x",
        "{}",
        "5",
        "[{\"delta_lat\":1,\"delta_lat\":1}]",
        "[{\"delta_lat\":1,\"delta\\u005flat\":1}]",
        "[{\"delta_lat\":01}]",
        "[{\"delta_lat\":1e999}]",
        "[{\"delta_lat\":\"\xff\"}]",
        "[{\"delta_lat\"}]",
        "{\"deltas\":[{\"delta_lat\":1}]}"};
    static const char whole[] =
        "[{\"delta_lat\":1,\"delta_long\":\"\\u0032\",\"delta_time\":3e0,"
        "\"timestamp\":\"2025-12-20T14:31:34Z\",\"x\":{\"y\":[1]}}]";
    struct err err = ERR_NONE;
    size_t i;

    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct delta_list l = {0};

        CHECK(deltas_read(str_of(bad[i]), a, &l, &err) == ST_CORRUPT);
    }
    for (i = 0; i < sizeof whole - 1; i++) {
        struct delta_list l = {0};
        char *cut = malloc(i + 1); /* so that a sanitizer sees its end */

        memcpy(cut, whole, i);
        if (deltas_read((struct str){cut, i}, a, &l, NULL) != ST_CORRUPT)
            CHECK(!"refused");
        free(cut);
    }
    CHECK(deltas(whole).n == 1);
}

/* Only a row's own members are its. */
static void nested(void)
{
    struct delta_list l =
        deltas("[{\"delta_lat\":1,\"delta_long\":2,"
               "\"x\":{\"delta_lat\":7,\"delta_time\":7},"
               "\"y\":[{\"delta_time\":7}],\"delta_time\":3},"
               "[{\"delta_lat\":1,\"delta_long\":2,\"delta_time\":3}],"
               "{\"delta_lat\":4,\"delta_long\":5},{\"delta_time\":6}]");

    CHECK(l.n == 1 && l.counts.unusable == 3);
    CHECK(l.deltas[0].lat == 1 && l.deltas[0].lon == 2);
    CHECK(l.deltas[0].dt_ms == 3);
}

#define POINT "\"delta_lat\":1,\"delta_long\":0,\"delta_time\":1000,"

static void counts(void)
{
    struct delta_list l =
        deltas("[{" POINT "\"speed_mph\":10,\"speed_confidence\":0.5,"
               "\"gps_accuracy\":10,\"is_stationary\":true},"
               "{" POINT "\"speed_mph\":20,\"speed_confidence\":1,"
               "\"gps_accuracy\":4,\"data_quality\":\"high\"},"
               "{" POINT "\"data_quality\":\"low\",\"sequence\":3,"
               "\"timestamp\":\"x\",\"speed_mph\":null},"
               "{" POINT "\"gps_accuracy\":-1}]");

    CHECK(l.counts.deltas == 4 && l.counts.moved == 4);
    CHECK(l.deltas[2].sequence == 3 && isnan(l.deltas[3].sequence));
    CHECK(l.deltas[3].accuracy_m == -1 && l.counts.accuracy.n == 2);
    CHECK(l.counts.stationary == 1 && l.counts.high_quality == 1);
    CHECK(l.counts.accurate == 1 && l.counts.speed.n == 2);
    CHECK(delta_average(l.counts.speed) == 15);
    CHECK(delta_average(l.counts.confidence) == 0.75);
    CHECK(delta_average(l.counts.accuracy) == 7);
    /* Four of seven are more than half, three are not; null is not there. */
    CHECK(l.counts.enhanced == 2);
}

static void many_and_large(void)
{
    struct delta_list l = {0};
    struct str batch = STR_LIT("[{" POINT "\"speed_mph\":\"1e308\"},{" POINT
                               "\"sequence\":1}]");
    int i;

    deltas_reserve(&l, 3, a);
    CHECK(l.cap == 3);
    for (i = 0; i < 500; i++)
        if (deltas_read(batch, a, &l, NULL) != ST_OK)
            CHECK(!"read");
    CHECK(l.n == 1000 && l.counts.deltas == 1000 && l.cap >= 1000);
    CHECK(l.deltas[998].speed_mph == 1e308 && isnan(l.deltas[999].speed_mph));
    CHECK(isfinite(delta_average(l.counts.speed)));
}

static void totals(void)
{
    struct client_totals t = client_totals_read(parsed(
        "{\"use_gps_metrics\":true,\"actual_distance_miles\":6.75,"
        "\"actual_duration_minutes\":null,\"gps_max_speed_mph\":\"61\"}"));

    CHECK(t.use && t.distance_miles == 6.75 && isnan(t.duration_minutes));
    CHECK(isnan(t.max_speed_mph) && isnan(t.avg_speed_mph));
    CHECK(!client_totals_read(parsed("{\"use_gps_metrics\":1}")).use);
    CHECK(!client_totals_read(parsed("null")).use);
    CHECK(!client_totals_read(JSON_ABSENT).use);
}

/* ---- figures ---- */

static enum status figures(const char *text, struct trip_figures *f,
                           int64_t *revision)
{
    struct analysis_names named;

    return analysis_figures(parsed(text), a, f, &named, revision, NULL);
}

static void foreign_analysis(void)
{
    struct trip_figures f;
    int64_t revision = 7;

    CHECK(figures(" { \"behavior_score\" : 8.55e1, \"unknown\": [{}],\n"
                  "\"total_turns\": 3.0, \"trip\\u005fid\": \"t\","
                  "\"driving_context\": {\"context\": \"r\\u0061lly\"},"
                  "\"privacy_protected\": true, \"hard_stops\": null,"
                  "\"scoring_version\": \"3.\\u0031\","
                  "\"start_timestamp\": \"2025-12-20T14:31:34Z\","
                  "\"end_timestamp\": \"later\"}",
                  &f, &revision) == ST_OK);
    CHECK(f.behavior_score == 85.5 && f.turns == 3 && f.hard_stops == 0);
    CHECK(str_is(f.context, "rally") && f.privacy_protected);
    CHECK(str_is(f.version, "3.1"));
    CHECK(f.start_us == INT64_C(1766241094000000) && f.end_us == TIME_NONE);
    CHECK(revision == 0 && f.distance_miles == 0);
    CHECK(figures("{\"trip_id\":\"t\",\"revision\":4,"
                  "\"driving_context\":null}",
                  &f, &revision) == ST_OK);
    CHECK(revision == 4 && str_is(f.context, "mixed") && f.version.n == 0);
    CHECK(figures("{\"trip_id\":\"t\",\"scoring_version\":3.1}", &f,
                  &revision) == ST_OK &&
          f.version.n == 0);
    CHECK(figures("{\"trip_id\":\"t\",\"scoring_version\":"
                  "\"a name of 17 byte\"}",
                  &f, &revision) == ST_OK &&
          f.version.n == 0);
    CHECK(f.start_us == TIME_NONE);
}

static void corrupt_analyses(void)
{
    static const char *const texts[] = {
        "[]",
        "{}",
        "{\"trip_id\":5}",
        "{\"trip_id\":\"t\",\"behavior_score\":\"85\"}",
        "{\"trip_id\":\"t\",\"behavior_score\":1e151}",
        "{\"trip_id\":\"t\",\"total_turns\":1.5}",
        "{\"trip_id\":\"t\",\"total_turns\":-1}",
        "{\"trip_id\":\"t\",\"total_turns\":1000000001}",
        "{\"trip_id\":\"t\",\"privacy_protected\":1}",
        "{\"trip_id\":\"t\",\"start_timestamp\":0}",
        "{\"trip_id\":\"t\",\"driving_context\":\"city\"}",
        "{\"trip_id\":\"t\",\"driving_context\":{\"context\":1}}",
        "{\"trip_id\":\"t\",\"revision\":-1}",
        "{\"trip_id\":\"t\",\"revision\":\"1\"}",
    };
    struct trip_figures f;
    int64_t revision;
    size_t i;

    for (i = 0; i < sizeof texts / sizeof *texts; i++)
        tap_ok(figures(texts[i], &f, &revision) == ST_CORRUPT, "%s", texts[i]);
}

/* ---- the aggregate ---- */

static void aggregate_rules(void)
{
    struct trip_figures city = {.distance_miles = 3,
                                .duration_minutes = 50,
                                .moving_minutes = 30,
                                .behavior_score = 90,
                                .weighted_per_100 = 4,
                                .harsh_events = 2,
                                .turns = 4,
                                .safe_turns = 1,
                                .context = STR_LIT("city")};
    struct trip_figures mixed = {.distance_miles = 3,
                                 .duration_minutes = 10,
                                 .behavior_score = 69.8,
                                 .weighted_per_100 = 8,
                                 .max_speed_mph = 61.5,
                                 .privacy_protected = true,
                                 .context = STR_LIT("mixed")};
    const struct trip_figures *both[] = {&mixed, &city};
    struct aggregate g = aggregate_of(both, 2, a);

    CHECK(g.trips == 2 && g.distance_miles == 6 && g.driving_hours == 1);
    CHECK(g.behavior_score == 79.9 && !strcmp(g.risk_level, "Low Risk"));
    CHECK(!strcmp(g.behavior_category, "Very Good"));
    CHECK(str_is(g.dominant_context, "mixed") && g.context_confidence == 0.5);
    CHECK(g.events_per_100 == 33.33 && g.weighted_per_100 == 6);
    CHECK(!strcmp(g.industry_rating, "Excellent"));
    CHECK(g.avg_speed_mph == 6 && g.moving_avg_speed_mph == 12);
    CHECK(g.moving_percentage == 50 && g.max_speed_mph == 61.5);
    CHECK(g.safe_turns_percentage == 25 && g.privacy_percentage == 50);
    /* Weighted by distance, and with none all the same. */
    city.distance_miles = 9;
    CHECK(aggregate_of(both, 2, a).behavior_score == 85);
    city.distance_miles = mixed.distance_miles = 0;
    g = aggregate_of(both, 2, a);
    CHECK(g.behavior_score == 79.9 && g.events_per_100 == 0);
    CHECK(str_is(g.dominant_context, "stationary"));
    CHECK(g.context_confidence == 1 && g.avg_speed_mph == 0);
    /* Points that came again moved for longer than the trip lasted. */
    city.moving_minutes = 61;
    city.safe_turns = 5;
    g = aggregate_of(both, 2, a);
    CHECK(g.moving_percentage == 100 && g.safe_turns_percentage == 100);
    CHECK(g.moving_hours == 1.02);
}

static struct aggregate habits_of(double miles, int64_t accelerations,
                                  int64_t decelerations, int64_t stops)
{
    struct trip_figures t = {.distance_miles = miles,
                             .sudden_accelerations = accelerations,
                             .sudden_decelerations = decelerations,
                             .hard_stops = stops,
                             .turn_safety = 81.5,
                             .context = STR_LIT("city")};
    const struct trip_figures *one = &t;

    return aggregate_of(&one, 1, a);
}

/* So many accelerations in 1,000 miles, and as many brakings. */
static bool habit_is(int64_t events, double want)
{
    struct aggregate g =
        habits_of(1000, events, events - events / 3, events / 3);

    return g.has_habits && g.gentle_acceleration == want &&
           g.gentle_braking == want && g.turn_speed == 81.5;
}

static void habits(void)
{
    struct aggregate g = habits_of(0, 3, 3, 3);
    struct buf b;
    struct json_out o = {&b, false};

    CHECK(habit_is(0, 100) && habit_is(10, 95) && habit_is(30, 85));
    CHECK(habit_is(60, 70) && habit_is(100, 50) && habit_is(200, 20));
    CHECK(habit_is(5, 97.5) && habit_is(20, 90) && habit_is(45, 77.5));
    CHECK(habit_is(80, 60) && habit_is(150, 35) && habit_is(199, 20.3));
    CHECK(habit_is(1000000000, 20));
    CHECK(habits_of(1e-300, 1, 0, 0).gentle_acceleration == 20);
    CHECK(!g.has_habits);
    buf_init(&b, 10000);
    aggregate_write(&g, a, &o);
    CHECK(
        str_ends(buf_str(&b), STR_LIT("\"avg_gentle_acceleration_score\":null,"
                                      "\"avg_acceleration_consistency\":null,"
                                      "\"avg_turn_speed_score\":null")));
    buf_free(&b);
}

static bool risk_is(double behavior, const char *want)
{
    struct trip_figures t = {.distance_miles = 1,
                             .behavior_score = behavior,
                             .context = STR_LIT("city")};
    const struct trip_figures *one[] = {&t};

    return !strcmp(aggregate_of(one, 1, a).risk_level, want);
}

static void risk_levels(void)
{
    CHECK(risk_is(80, "Very Low Risk") && risk_is(79.99, "Low Risk"));
    CHECK(risk_is(70, "Low Risk") && risk_is(69.99, "Medium Risk"));
    CHECK(risk_is(50, "Medium Risk") && risk_is(49.99, "High Risk"));
    CHECK(risk_is(40, "High Risk") && risk_is(39.99, "Very High Risk"));
}

static void aggregate_of_the_largest(void)
{
    struct trip_figures huge = {.distance_miles = 1e150,
                                .duration_minutes = 5e-324,
                                .moving_minutes = 1e150,
                                .behavior_score = 1e150,
                                .weighted_per_100 = -1e150,
                                .max_speed_mph = 1e150,
                                .context = STR_LIT("city")};
    const struct trip_figures *many[] = {&huge, &huge, &huge};
    struct aggregate g = aggregate_of(many, 3, a);
    struct buf b;
    struct json_out o = {&b, false};

    buf_init(&b, 1 << 20);
    json_begin_object(&o, NULL);
    aggregate_write(&g, a, &o); /* asserts that all is finite */
    json_end_object(&o);
    CHECK(buf_ok(&b) && json_count(json_of(buf_str(&b))) == 37);
    buf_free(&b);
}

int main(void)
{
    a = arena_new(1 << 16);
    one_delta();
    absent_and_unreadable();
    unusable();
    spoilt();
    nested();
    counts();
    many_and_large();
    totals();
    foreign_analysis();
    corrupt_analyses();
    aggregate_rules();
    habits();
    risk_levels();
    aggregate_of_the_largest();
    arena_free(&a);
    return tap_end();
}
