/* The rules of the scoring description, one by one, on trips made by hand. */
#include "score/score.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "score/consistency.h"
#include "score/context.h"
#include "score/events.h"
#include "score/frequency.h"
#include "score/motion.h"
#include "score/path.h"
#include "score/turns.h"
#include "t/unit/tap.h"

#define POINTS_MAX 256

static struct arena *a;

/* ---- trips ---- */

struct trip {
    struct delta d[POINTS_MAX];
    size_t n;
};

/* n points a second apart at these speeds, each 0.01 miles north. */
static struct trip drive(const double *mph, size_t n)
{
    struct trip t = {.n = n};
    size_t i;

    for (i = 0; i < n; i++)
        t.d[i] = (struct delta){.lat = 145,
                                .dt_ms = 1000,
                                .speed_mph = mph[i],
                                .accuracy_m = 5,
                                .time_us = TIME_NONE};
    return t;
}
#define DRIVE(...)                                                             \
    drive((const double[]){__VA_ARGS__},                                       \
          sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

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

static struct motion motion_of(struct trip *t)
{
    struct motion m;

    motion_read(t->d, t->n, a, &m);
    return m;
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
    m = motion_of(&t);
    CHECK(fabs(m.speed[1] - 24.84) < 1e-9);
    CHECK(fabs(m.speed[2] - 24.84 * 0.777) < 1e-9);
    CHECK(m.speed[3] == 0 && m.speed[4] == 0 && m.speed[5] == 0);
    CHECK(m.lowest_mph == 0 && fabs(m.highest_mph - 24.84) < 1e-9);
    t.d[0].speed_mph = 120;
    t.d[1].lat = 1e300;
    CHECK(motion_of(&t).speed[1] == 120);
    t.d[1].lat = 1;
    t.d[1].dt_ms = 5e-324;
    CHECK(motion_of(&t).speed[1] == 120);
}

static void warm_up(void)
{
    struct trip t = DRIVE(31, 31, 31, 31, 31, 31);
    struct motion m;

    t.d[0].accuracy_m = 15;
    t.d[1].accuracy_m = 15.01;
    t.d[2].accuracy_m = NAN;
    t.d[5].accuracy_m = NAN;
    m = motion_of(&t);
    CHECK(m.speed[0] == 31 && m.speed[1] == 0 && m.speed[2] == 0);
    /* From 0 it may not jump; the sixth needs no accuracy. */
    CHECK(m.speed[3] == 30 && m.speed[4] == 31 && m.speed[5] == 31);
    t.d[1].speed_mph = t.d[2].speed_mph = 30;
    m = motion_of(&t);
    CHECK(m.speed[1] == 30 && m.speed[2] == 30);
}

static void plausibility(void)
{
    struct trip t = DRIVE(20, 50, 50.5, 90, 50, 81, 85, 10);
    struct motion m = motion_of(&t);

    CHECK(m.speed[1] == 50); /* a step of just 30 passes */
    CHECK(m.speed[3] == (50.5 + 50) / 2);
    CHECK(m.speed[5] == 80); /* no spike: the next goes on from it */
    CHECK(m.speed[7] == 10); /* not above 10: a real stop */
    t = DRIVE(20, 60, 100);
    m = motion_of(&t);
    CHECK(m.speed[1] == 50 && m.speed[2] == 80);
    t = DRIVE(60, 11, 11);
    m = motion_of(&t);
    CHECK(m.speed[1] == 30 && m.speed[2] == 11);
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
    m = motion_of(&t);
    motion_measure(&m, &an);
    CHECK(an.moving_minutes == 1 && an.stationary_minutes == 0.5);
    CHECK(an.moving_avg_speed_mph == 3 && an.moving_percentage == 66.7);
    t.d[0].dt_ms = 0;
    motion_measure(&m, &an);
    CHECK(an.moving_avg_speed_mph == 0 && an.moving_percentage == 0);
}

static struct analysis context_of(struct trip *t, size_t turns, double miles)
{
    struct motion m = motion_of(t);
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

/* ---- 7 ---- */

static struct analysis events_of(struct trip *t, enum context context)
{
    struct motion m = motion_of(t);
    struct analysis an = {
        .context = context,
        .accel_threshold_ms2 = 3.5,
        .decel_threshold_ms2 = -4.5,
        .distance_miles = 1,
    };

    events_find(&m, a, &an);
    an.smoothness = events_smoothness(&an);
    return an;
}

static void hard_stop(void)
{
    struct trip t = DRIVE(30, 30, 30, 16, 2, 2, 2);
    struct analysis an = events_of(&t, CONTEXT_CITY);
    const struct harsh_event *e = an.decelerations;

    /* Raw -6.26 twice: smoothed -2.09, -4.17, -4.17, -2.09 over 4 s. */
    CHECK(an.harsh_events == 0 && an.segments == 6);
    CHECK(an.breakdown.normal == 3 && an.breakdown.gentle == 3);
    CHECK(an.smoothness == 95);
    t = DRIVE(30, 30, 4, 4);
    t.d[0].dt_ms = t.d[1].dt_ms = t.d[2].dt_ms = 900;
    an = events_of(&t, CONTEXT_CITY);
    e = an.decelerations;
    if (!CHECK(an.n_decelerations == 1))
        return;
    CHECK(e->segment_start == 1 && e->segment_end == 3);
    CHECK(e->hard_stop && an.hard_stops == 1 && e->duration_s == 2.7);
    CHECK(e->speed_from == 30 && e->speed_to == 4 && e->speed_change == 26);
    CHECK(!e->dangerous && !strcmp(e->severity, "harsh"));
    CHECK(an.breakdown.harsh == 1 && an.breakdown.normal == 0);
    t.d[0].dt_ms = 1200; /* 3 s: no hard stop any more */
    CHECK(events_of(&t, CONTEXT_CITY).hard_stops == 0);
}

static struct analysis one_step(double from, double to, double ms)
{
    struct trip t = DRIVE(from, to);

    t.d[0].dt_ms = ms;
    return events_of(&t, CONTEXT_MIXED);
}

static void severities(void)
{
    struct analysis an = one_step(10, 38, 2500); /* 5.007 */

    CHECK(an.dangerous_events == 1 && an.breakdown.dangerous == 1);
    CHECK(an.accelerations[0].avg_ms2 == 5.01);
    CHECK(an.smoothness == 95 - 5 - 10);
    an = one_step(10, 39, 3000); /* 4.32 */
    CHECK(an.dangerous_events == 0 && an.breakdown.harsh == 1);
    an = one_step(70, 41, 2000); /* -6.48 */
    CHECK(an.breakdown.extreme == 1 && an.sudden_decelerations == 1);
    an = one_step(70, 41, 1999);
    CHECK(an.breakdown.dangerous == 1 && !an.decelerations[0].hard_stop);
    CHECK(one_step(0, 15.5, 2000).harsh_events == 0); /* 3.46: not harsh */
    CHECK(one_step(0, 15.7, 2000).harsh_events == 1); /* 3.51 */
    CHECK(one_step(60, 30, 15001).segments == 1);
}

static void noise(void)
{
    /* 0.5 s is the least a step is taken for. */
    CHECK(one_step(10, 15.5, 400).harsh_events == 0); /* 4.92, a blink */
    CHECK(one_step(10, 15.7, 400).harsh_events == 1); /* 5.10 */
    /* From 0.5 s to 1 s: 1.1 times the acceleration threshold, 3.85. */
    CHECK(one_step(10, 14.2, 500).harsh_events == 0); /* 3.76 */
    CHECK(one_step(10, 14.4, 500).harsh_events == 1); /* 3.93 */
    CHECK(one_step(10, 18, 1000).harsh_events == 1);  /* 3.58 */
    /* A change below 3 mph in less than 1 s. */
    CHECK(one_step(10, 12.9, 500).harsh_events == 0);
}

static void no_long_steps(void)
{
    struct trip t = DRIVE(10, 39, 39, 39);

    t.d[0].dt_ms = 15000;
    CHECK(events_of(&t, CONTEXT_MIXED).segments == 3);
    t = DRIVE(10, 10, 10, 10);
    t.d[0].dt_ms = 1e308;
    t.d[1].dt_ms = -1e308;
    CHECK(events_of(&t, CONTEXT_MIXED).harsh_events == 0);
}

/* ---- 8 ---- */

static double consistency(struct trip *t, enum context c)
{
    struct motion m = motion_of(t);

    return consistency_score(&m, c, a);
}

static void consistencies(void)
{
    struct trip t = DRIVE(20, 20, 20, 20, 20, 20, 20, 20, 20);

    CHECK(consistency(&t, CONTEXT_CITY) == 98); /* two windows, 95 + 3 */
    t.n = 8;
    CHECK(consistency(&t, CONTEXT_CITY) == 95);
    t.n = 5;
    CHECK(consistency(&t, CONTEXT_CITY) == 75);
    t = DRIVE(1, 1, 1, 1, 1, 1, 1);
    CHECK(consistency(&t, CONTEXT_MIXED) == 70);
    t = DRIVE(1, 1, 1, 1, 1, 1, 2);
    CHECK(consistency(&t, CONTEXT_MIXED) == 65);
    t = DRIVE(1, 1, 1, 1, 1, 1, 2, 1);
    CHECK(consistency(&t, CONTEXT_MIXED) == 95);
    /* Variance 12, mean step 4: limits at 8, 15 and 3, 6. */
    t = DRIVE(20, 24, 24, 20, 20, 28);
    CHECK(consistency(&t, CONTEXT_MIXED) == 0.6 * 65 + 0.4 * 80);
}

static struct analysis rated(int harsh, int dangerous, double miles)
{
    struct analysis an = {.harsh_events = harsh,
                          .dangerous_events = dangerous,
                          .distance_miles = miles,
                          .duration_minutes = 60,
                          .context = CONTEXT_HIGHWAY};

    frequency_rate(&an);
    return an;
}

static void frequencies(void)
{
    struct analysis an = rated(5, 0, 100);

    CHECK(!strcmp(an.industry_rating, "Exceptional"));
    CHECK(an.frequency_score == 95 && an.events_per_100 == 5);
    CHECK(an.harsh_per_hour == 5);
    CHECK(!strcmp(rated(6, 0, 100).industry_rating, "Excellent"));
    CHECK(!strcmp(rated(121, 0, 100).industry_rating, "Dangerous"));
    an = rated(5, 1, 100); /* not above 1 */
    CHECK(an.frequency_score == 95);
    an = rated(5, 2, 100); /* above 1, not above 2: the score alone */
    CHECK(an.frequency_score == 85 && an.risk_percentile == 95);
    CHECK(!strcmp(an.industry_rating, "Exceptional"));
    an = rated(5, 3, 100);
    CHECK(!strcmp(an.industry_rating, "Very Good"));
    CHECK(!strcmp(rated(5, 4, 100).industry_rating, "Very Good"));
    CHECK(!strcmp(rated(20, 3, 100).industry_rating, "Very Good"));
    CHECK(!strcmp(rated(20, 4, 100).industry_rating, "Good"));
    CHECK(rated(121, 121, 100).frequency_score == 20);
    CHECK(rated(0, 0, 0.5).context_weight == 0.5);
    CHECK(rated(0, 0, 1).context_weight == 0.7);
    CHECK(rated(0, 0, 2).context_weight == 0.85);
    CHECK(isfinite(rated(9, 9, 5e-324).dangerous_per_100));
}

static struct analysis turned(struct path *p, double mph)
{
    struct trip t = DRIVE(mph, mph, mph, mph, mph, mph, mph, mph);
    struct motion m = motion_of(&t);
    struct analysis an = {.context = CONTEXT_CITY};

    turns_judge(p, &m, a, &an);
    return an;
}

static void turns(void)
{
    double change[] = {8, 45, 45.5, 8, 10, 9.9, 0};
    struct path p = {.n_bearings = 8, .change = change};
    struct analysis an = turned(&p, 24);

    /* 10 + 9.9 is too small; 8 ends a turn. */
    CHECK(an.turns == 1 && an.dangerous_turns == 0 && an.moderate_turns == 0);
    CHECK(an.aggressive_turns == 1 && an.has_turn_details);
    CHECK(an.turn_details[0].angle == 90.5);
    CHECK(an.turn_details[0].safe_speed_mph == 15);
    CHECK(an.turn_details[0].speed_ratio == 1.6);
    CHECK(an.turn_details[0].duration_points == 2 && an.turn_safety == 30);
    change[2] = 45; /* 90 is not above 90; 10 + 10 is enough */
    change[5] = 10;
    an = turned(&p, 24);
    CHECK(an.turns == 2 && an.turn_details[0].safe_speed_mph == 22);
    CHECK(an.safe_turns == 2 && an.turn_safety == 100);
    CHECK(turned(&p, 100).turn_safety == 20);
    p.n_bearings = 3;
    change[1] = 7;
    an = turned(&p, 24);
    CHECK(an.turns == 0 && an.turn_safety == 95 && an.has_turn_details);
    p.n_bearings = 2;
    an = turned(&p, 24);
    CHECK(an.turn_safety == 95 && !an.has_turn_details);
    p.n_bearings = 0;
    CHECK(turned(&p, 24).turn_safety == 85);
}

/* ---- whatever comes in, what goes out is finite ---- */

static bool all_finite(const struct analysis *an)
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
        if (!isfinite(v[i]))
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
        CHECK(score_trip(&in, a, &an) == ST_OK && all_finite(&an));
    }
    in.totals = (struct client_totals){true, 5e-324, 5e-324, 1e308, -1e308};
    CHECK(score_trip(&in, a, &an) == ST_OK && all_finite(&an));
}

static void labels(void)
{
    CHECK(!strcmp(score_category(85), "Excellent"));
    CHECK(!strcmp(score_category(84.99), "Very Good"));
    CHECK(!strcmp(score_category(39.9), "Dangerous"));
    CHECK(!strcmp(score_industry_rating(120), "Poor"));
    CHECK(!strcmp(score_industry_rating(5.000001), "Excellent"));
}

int main(void)
{
    a = arena_new(1 << 20);
    input_rules();
    format();
    segments();
    durations();
    duration_texts();
    client_totals();
    sent_and_derived();
    warm_up();
    plausibility();
    moving();
    contexts();
    hard_stop();
    severities();
    noise();
    no_long_steps();
    consistencies();
    frequencies();
    turns();
    hostile();
    labels();
    arena_free(&a);
    return tap_end();
}
