/* Scoring sections 2 to 6 on trips made by hand, and values no car sends. */
#include "score/score.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "score/context.h"
#include "score/figure.h"
#include "score/path.h"
#include "t/unit/tap.h"
#include "t/unit/trip.h"

static struct arena *a;

static struct score_input input(struct trip *t)
{
    return (struct score_input){
        .version = SCORE_3_1,
        .deltas = t->d,
        .n_deltas = t->n,
        .base = base_point_fallback,
    };
}

static struct analysis scored(struct trip *t)
{
    struct score_input in = input(t);
    struct analysis an = {0};

    CHECK(score_trip(&in, a, &an) == ST_OK);
    return an;
}

/* ---- 2 ---- */

static void input_rules(void)
{
    struct trip t = DRIVE(10, 10);
    struct score_input in = input(&t);
    struct analysis an;

    CHECK(score_trip(&in, a, &an) == ST_OK);
    in.n_deltas = 1;
    CHECK(score_trip(&in, a, &an) == ST_NOT_FOUND);
    in.n_deltas = 0;
    CHECK(score_trip(&in, a, &an) == ST_NOT_FOUND);
    /* 3.0 drops what stands longer than 3600 ms, 3.1 does not. */
    in.n_deltas = 2;
    t.d[1].dt_ms = 3600;
    in.version = SCORE_3_0;
    CHECK(score_trip(&in, a, &an) == ST_OK && an.duration_minutes == 1);
    t.d[1].dt_ms = 3601;
    CHECK(score_trip(&in, a, &an) == ST_NOT_FOUND);
    in.version = SCORE_3_1;
    CHECK(score_trip(&in, a, &an) == ST_OK);
}

static bool fixed(double first, double second, enum score_version v)
{
    struct trip t = DRIVE(10, 10);
    struct path p;

    t.d[0].lat = first;
    t.d[1].lat = second;
    path_walk(t.d, t.n, &base_point_fallback, v, a, &p);
    return p.fixed_point;
}

static void format(void)
{
    CHECK(!fixed(0.01, 0.01, SCORE_3_0) && fixed(0.0101, 0, SCORE_3_0));
    CHECK(fixed(-0.0101, 0, SCORE_3_0));
    CHECK(!fixed(0, 150, SCORE_3_0) && fixed(0, 150, SCORE_3_1));
    CHECK(!fixed(0.01, -0.01, SCORE_3_1) && fixed(0, -150, SCORE_3_1));
}

static struct path north_by(double degrees)
{
    struct delta d[] = {{.lat = degrees, .dt_ms = 1}, {.lat = 0, .dt_ms = 1}};
    const struct base_point equator = {0};
    struct path p;

    path_walk(d, 2, &equator, SCORE_3_1, a, &p);
    return p;
}

static void segments(void)
{
    double degree = 3959 * M_PI / 180; /* miles */
    struct path p = north_by(0.009);
    const double lat[] = {5000, 5000, 90000, 5000, 0, 0};
    struct delta d[6] = {[4] = {.lon = 5000}};
    size_t i;
    const struct base_point equator = {0};

    CHECK(fabs(p.distance_miles - 0.009 * degree) < 1e-12);
    CHECK(north_by(0.9e-6 / degree).distance_miles == 0);
    CHECK(north_by(1.1e-6 / degree).distance_miles > 1e-6);
    for (i = 0; i < 6; i++)
        d[i].lat = lat[i];
    path_walk(d, 6, &equator, SCORE_3_1, a, &p);
    /* The long one moves the position, and that is all. */
    CHECK(fabs(p.distance_miles - 4 * 0.005 * degree) < 1e-5);
    CHECK(p.n_bearings == 3 && fabs(p.change[0]) < 1e-6);
    CHECK(fabs(p.change[1] - 90) < 0.01 && p.raw_turns == 1);
}

/* From one heading to another, near the equator. */
static struct path turned(double from, double to)
{
    const struct base_point equator = {0};
    double heading[] = {0, from, to}; /* the first ends at the first point */
    struct delta d[3];
    struct path p;

    for (size_t i = 0; i < 3; i++)
        d[i] = (struct delta){.lat = 1000 * cos(heading[i] * M_PI / 180),
                              .lon = 1000 * sin(heading[i] * M_PI / 180)};
    path_walk(d, 3, &equator, SCORE_3_1, a, &p);
    return p;
}

static bool changes_by(double from, double to, double want, size_t raw_turns)
{
    struct path p = turned(from, to);

    return p.n_bearings == 2 && fabs(p.change[0] - want) < 0.01 &&
           p.raw_turns == raw_turns;
}

static void bearings(void)
{
    CHECK(changes_by(10, 29.9, 19.9, 0) && changes_by(10, 30.1, 20.1, 1));
    CHECK(changes_by(355, 170, 175, 1) && changes_by(170, 355, 175, 1));
    CHECK(changes_by(355, 177, 178, 1) && changes_by(351, 10, 19, 0));
}

static double minutes_of(int64_t first, int64_t second)
{
    struct trip t = DRIVE(10, 10);

    t.d[0].dt_ms = 90000;
    t.d[0].time_us = first;
    t.d[1].time_us = second;
    return scored(&t).duration_minutes;
}

static void durations(void)
{
    CHECK(minutes_of(0, 150000000) == 2.5);
    CHECK(minutes_of(150000000, 0) == 2.5);
    CHECK(minutes_of(0, 59000000) == 1);
    CHECK(minutes_of(0, TIME_NONE) == 91000 / 60000.0);
    CHECK(minutes_of(TIME_NONE, TIME_NONE) == 91000 / 60000.0);
}

static bool duration_is(double minutes, const char *text)
{
    return str_is(score_duration_text(minutes, a), text);
}

static void duration_texts(void)
{
    CHECK(duration_is(8.37, "8m") && duration_is(0, "0m"));
    CHECK(duration_is(0.5, "0m") && duration_is(1.5, "2m"));
    CHECK(duration_is(59.5, "1h") && duration_is(59.4, "59m"));
    CHECK(duration_is(60.5, "1h") && duration_is(61.5, "1h 2m"));
    CHECK(duration_is(71, "1h 11m") && duration_is(600, "10h"));
    CHECK(duration_is(-0.2, "0m") && duration_is(-75, "-75m"));
    CHECK(duration_is(1e20, "1666666666666666666h 40m"));
    CHECK(score_duration_text(1e150, a).n > 140);
}

static void client_totals(void)
{
    struct trip t = DRIVE(10, 20);
    struct score_input in = input(&t);
    struct analysis an;

    in.totals = (struct client_totals){true, 3, -2, NAN, 7.25};
    CHECK(score_trip(&in, a, &an) == ST_OK && !an.stationary);
    CHECK(an.distance_miles == 3 && an.duration_minutes == -2);
    CHECK(an.max_speed_mph == 20 && an.avg_speed_mph == 7.2);
    CHECK(!an.has_per_hour && !strcmp(an.data_quality, "high"));
    in.totals = (struct client_totals){true, NAN, NAN, 61.234, 3};
    CHECK(score_trip(&in, a, &an) == ST_OK && an.stationary);
    CHECK(an.duration_minutes == 1 && an.stationary_minutes == 1);
    CHECK(an.max_speed_mph == 61.234 && an.avg_speed_mph == 0);
    CHECK(an.context == CONTEXT_STATIONARY && an.confidence == 1);
    in.totals.use = false;
    CHECK(score_trip(&in, a, &an) == ST_OK && !an.stationary);
    CHECK(!strcmp(an.data_source, "delta_coordinates"));
}

/* ---- 3 ---- */

static void sent_and_derived(void)
{
    struct trip t = DRIVE(150, NAN, NAN, 150.01, -0.5, NAN);
    struct motion m;

    t.d[0].speed_mph = 0;
    t.d[1].lat = 100; /* 0.0069 miles */
    t.d[2].lat = 0;
    t.d[2].lon = 100;
    t.d[3].lat = 0;
    t.d[4].lat = 0;
    t.d[5].dt_ms = -1;
    m = motion_of(&t, a);
    CHECK(fabs(m.speed[1] - 24.84) < 1e-9);
    CHECK(fabs(m.speed[2] - 24.84 * 0.777) < 1e-9);
    CHECK(m.speed[3] == 0 && m.speed[4] == 0 && m.speed[5] == 0);
    CHECK(m.lowest_mph == 0 && fabs(m.highest_mph - 24.84) < 1e-9);
    t.d[0].speed_mph = 120;
    t.d[1].lat = 1e300;
    CHECK(motion_of(&t, a).speed[1] == 120);
    t.d[1].lat = 1;
    t.d[1].dt_ms = 5e-324;
    CHECK(motion_of(&t, a).speed[1] == 120);
}

static void warm_up(void)
{
    struct trip t = DRIVE(31, 31, 31, 31, 31, 31);
    struct motion m;

    t.d[0].accuracy_m = 15;
    t.d[1].accuracy_m = 15.01;
    t.d[2].accuracy_m = NAN;
    t.d[4].accuracy_m = t.d[5].accuracy_m = NAN;
    m = motion_of(&t, a);
    CHECK(m.speed[0] == 31 && m.speed[1] == 0 && m.speed[2] == 0);
    /* The fourth is a spike then; the sixth needs no accuracy. */
    CHECK(m.speed[3] == 0 && m.speed[4] == 0 && m.speed[5] == 30);
    t.d[1].speed_mph = t.d[2].speed_mph = 30;
    m = motion_of(&t, a);
    CHECK(m.speed[1] == 30 && m.speed[2] == 30);
}

static void plausibility(void)
{
    struct trip t = DRIVE(20, 50, 50.5, 90, 50, 81, 85, 10);
    struct motion m = motion_of(&t, a);

    CHECK(m.speed[1] == 50); /* a step of just 30 passes */
    CHECK(m.speed[3] == (50.5 + 50) / 2);
    CHECK(m.speed[5] == 80); /* no spike: the next goes on from it */
    CHECK(m.speed[7] == 10); /* not above 10: a real stop */
    t = DRIVE(20, 60, 100);
    m = motion_of(&t, a);
    CHECK(m.speed[1] == 50 && m.speed[2] == 80);
    t = DRIVE(60, 11, 11);
    m = motion_of(&t, a);
    CHECK(m.speed[1] == 30 && m.speed[2] == 11);
    t = DRIVE(10, 50, 30); /* the next is as near to either: no spike */
    CHECK(motion_of(&t, a).speed[1] == 40);
}

/* ---- 5 and 6 ---- */

static void moving(void)
{
    struct trip t = DRIVE(3, 3, 2.99, 2.99, 10, 10);
    struct analysis an = {0};
    struct motion m;

    t.d[0].dt_ms = 60000;
    t.d[1].dt_ms = -1000;
    t.d[2].dt_ms = 30000;
    t.d[3].dt_ms = 60000.5;
    t.d[4].dt_ms = 0;
    m = motion_of(&t, a);
    motion_measure(&m, &an);
    CHECK(an.moving_minutes == 1 && an.stationary_minutes == 0.5);
    CHECK(an.moving_avg_speed_mph == 3 && an.moving_percentage == 66.7);
    t.d[0].dt_ms = 0;
    motion_measure(&m, &an);
    CHECK(an.moving_avg_speed_mph == 0 && an.moving_percentage == 0);
}

static struct analysis context_of(struct trip *t, size_t turns, double miles)
{
    struct motion m = motion_of(t, a);
    struct path p = {.raw_turns = turns};
    struct analysis an = {0};

    context_judge(&m, &p, miles, &an);
    return an;
}

static void contexts(void)
{
    struct trip slow = DRIVE(10, 10, 10, 10, 10), fast = slow, few = slow;
    struct analysis an = context_of(&slow, 0, 1);
    size_t i;

    few.n = 4;
    for (i = 0; i < 5; i++)
        fast.d[i].speed_mph = 60;
    /* 0.8, 0.3, 0.1, 0.2, 0.9 */
    CHECK(an.context == CONTEXT_MIXED && !an.context_short);
    CHECK(fabs(an.city_probability - 0.46) < 1e-15);
    CHECK(an.accel_threshold_ms2 == 3.25 && an.decel_threshold_ms2 == -4.25);
    an = context_of(&slow, 3, 1);
    CHECK(an.turns_per_mile == 3 && an.context == CONTEXT_MIXED);
    slow.d[0].speed_mph = slow.d[1].speed_mph = 4.9;
    an = context_of(&slow, 3, 1);
    CHECK(an.stops_per_mile == 2 && an.context == CONTEXT_CITY);
    CHECK(an.accel_threshold_ms2 == 3.5 && an.decel_threshold_ms2 == -4.5);
    an = context_of(&fast, 0, 1);
    CHECK(an.context == CONTEXT_HIGHWAY && an.speed_deviation == 0);
    CHECK(an.accel_threshold_ms2 == 3 && an.decel_threshold_ms2 == -4);
    an = context_of(&few, 0, 1);
    CHECK(an.context_short && an.context == CONTEXT_MIXED);
    CHECK(an.accel_threshold_ms2 == 3.2 && an.confidence == 0);
    an = context_of(&slow, 3, 5e-324);
    CHECK(isfinite(an.stops_per_mile) && isfinite(an.turns_per_mile));
}

/* What each indicator says on its border: neither side. */
static void context_borders(void)
{
    struct trip t = DRIVE(30, 30, 30, 30, 30);
    struct trip quick = DRIVE(45, 45, 45, 45, 45);
    /* Mean 40, sample deviation 10. */
    struct trip uneven = DRIVE(30, 50, 30, 50, 40);
    struct trip mostly = DRIVE(50, 40, 40, 40, 40, 40, 40, 40, 40, 40);
    double one_in_ten, none;

    /* 0.5, 0.3, 0.1, 0.2, 0.9; then the first is 0.8 or 0.2. */
    CHECK(fabs(context_of(&t, 0, 1).city_probability - 0.4) < 1e-12);
    t.d[0].speed_mph = 29.9;
    CHECK(fabs(context_of(&t, 0, 1).city_probability - 0.46) < 1e-12);
    CHECK(fabs(context_of(&quick, 0, 1).city_probability - 0.4) < 1e-12);
    quick.d[0].speed_mph = 45.1;
    CHECK(fabs(context_of(&quick, 0, 1).city_probability - 0.34) < 1e-12);
    CHECK(context_of(&uneven, 0, 1).speed_deviation == 10);
    /* 0.5, 0.5, 0.1, 0.2, 0.9: 50 is not above 50. */
    CHECK(fabs(context_of(&uneven, 0, 1).city_probability - 0.44) < 1e-12);
    /* One of ten is not below a tenth. */
    none = context_of(&mostly, 0, 1).city_probability;
    mostly.d[0].speed_mph = 50.5;
    one_in_ten = context_of(&mostly, 0, 1).city_probability;
    CHECK(fabs(none - one_in_ten - 0.08) < 1e-12);
}

/* ---- whatever comes in, what goes out is bounded ---- */

static bool all_bounded(const struct analysis *an)
{
    const double v[] = {
        an->duration_minutes,     an->distance_miles,     an->avg_speed_mph,
        an->moving_avg_speed_mph, an->max_speed_mph,      an->min_speed_mph,
        an->moving_minutes,       an->stationary_minutes, an->moving_percentage,
        an->city_probability,     an->confidence,         an->context_avg_speed,
        an->speed_deviation,      an->stops_per_mile,     an->turns_per_mile,
        an->events_per_100,       an->weighted_per_100,   an->dangerous_per_100,
        an->frequency_score,      an->harsh_per_hour,     an->behavior_score,
    };
    size_t i;

    for (i = 0; i < sizeof v / sizeof *v; i++)
        if (!(fabs(v[i]) <= FIGURE_MAX))
            return false;
    return true;
}

static void hostile(void)
{
    static const double worst[] = {1e308, -1e308, 1e300, 5e-324, 0, 1e-130};
    struct trip t = DRIVE(0, 60, 0, 60, 0, 60, 0, 60);
    struct score_input in = input(&t);
    struct analysis an;
    size_t i, k;

    for (i = 0; i < 6; i++) {
        for (k = 0; k < t.n; k++) {
            t.d[k].lat = worst[(i + k) % 6];
            t.d[k].lon = worst[(i + k / 2) % 6];
            t.d[k].dt_ms = worst[(i + k / 3) % 6];
        }
        in.totals = (struct client_totals){i & 1, worst[i], worst[5 - i],
                                           worst[i], worst[5 - i]};
        CHECK(score_trip(&in, a, &an) == ST_OK && all_bounded(&an));
    }
    in.totals = (struct client_totals){true, 5e-324, 5e-324, 1e308, -1e308};
    CHECK(score_trip(&in, a, &an) == ST_OK && all_bounded(&an));
}

int main(void)
{
    a = arena_new(1 << 20);
    input_rules();
    format();
    segments();
    bearings();
    durations();
    duration_texts();
    client_totals();
    sent_and_derived();
    warm_up();
    plausibility();
    moving();
    contexts();
    context_borders();
    hostile();
    arena_free(&a);
    return tap_end();
}
