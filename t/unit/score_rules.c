/* Scoring sections 7 and 8 on trips made by hand. */
#include <math.h>
#include <string.h>
#include "score/consistency.h"
#include "score/events.h"
#include "score/frequency.h"
#include "score/turns.h"
#include "t/unit/tap.h"
#include "t/unit/trip.h"

static struct arena *a;

/* ---- 7 ---- */

static struct analysis events_of(struct trip *t, enum context context)
{
    struct motion m = motion_of(t, a);
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
    CHECK(one_step(10, 37.5, 2500).breakdown.harsh == 1); /* 4.92 */
    an = one_step(10, 39, 3000);                          /* 4.32 */
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

/* A mean at the threshold is not above it. */
static void at_the_threshold(void)
{
    struct trip t = DRIVE(0, 16, 16);
    struct motion m;
    struct analysis an = {.accel_threshold_ms2 = 16 / 2.0 * 0.44704};

    t.n = 2;
    t.d[0].dt_ms = 2000;
    m = motion_of(&t, a);
    events_find(&m, a, &an);
    CHECK(an.harsh_events == 0);
    an = (struct analysis){.accel_threshold_ms2 = 16 / 2.0 * 0.44704 - 1e-9};
    events_find(&m, a, &an);
    CHECK(an.harsh_events == 1);
}

/*
 * One step over x mph that takes so many ms, between two hard ones which make
 * its smoothed value large and are made small themselves by what is beside
 * them: only so has a small change a mean that is no noise.
 */
static int small_changes(double x, double ms)
{
    struct trip t = DRIVE(40, 27, 39, 39 + x, 51 + x, 38 + x);

    t.d[2].dt_ms = ms;
    return events_of(&t, CONTEXT_MIXED).harsh_events;
}

static void change_of_speed(void)
{
    /* Below a second the change has to be 3 mph, */
    CHECK(small_changes(2.875, 500) == 0 && small_changes(3, 500) == 1);
    CHECK(small_changes(2.875, 750) == 0 && small_changes(3, 750) == 1);
    CHECK(small_changes(2.875, 999) == 0 && small_changes(3, 999) == 1);
    /* from then on 2. */
    CHECK(small_changes(1.875, 1000) == 0 && small_changes(2, 1000) == 1);
}

static void no_long_steps(void)
{
    struct trip t = DRIVE(10, 39, 39, 39);

    t.d[0].dt_ms = 15000;
    CHECK(events_of(&t, CONTEXT_MIXED).segments == 3);
    /* 30 mph in 15 s still count: (0.89 + 6.2) / 2 is above 3.5. */
    t = DRIVE(10, 40, 53.87);
    t.d[0].dt_ms = 15000;
    CHECK(events_of(&t, CONTEXT_MIXED).harsh_events == 1);
    t.d[0].dt_ms = 15001;
    CHECK(events_of(&t, CONTEXT_MIXED).harsh_events == 0);
    t = DRIVE(10, 10, 10, 10);
    t.d[0].dt_ms = 1e308;
    t.d[1].dt_ms = -1e308;
    CHECK(events_of(&t, CONTEXT_MIXED).harsh_events == 0);
}

/* ---- 8 ---- */

static double consistency(struct trip *t, enum context c)
{
    struct motion m = motion_of(t, a);

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
    /* Windows of 33, 33, 53 and 33: their variance is 100, not below. */
    t = DRIVE(30, 46, 54, 46, 38, 54, 66, 72, 60, 70, 67, 73, 63, 47, 31);
    CHECK(consistency(&t, CONTEXT_MIXED) == 38);
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
    struct motion m = motion_of(&t, a);
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

/* 91 degrees in one turn: 15 mph are safe in a city. */
static const char *severity_at(double mph, double degrees)
{
    double change[] = {0, degrees, 0};
    struct path p = {.n_bearings = 4, .change = change};
    struct analysis an = turned(&p, mph);

    return an.n_turn_details == 1 ? an.turn_details[0].severity : "";
}

static double safe_speed_at(double degrees)
{
    double change[] = {0, degrees, 0};
    struct path p = {.n_bearings = 4, .change = change};

    return turned(&p, 10).turn_details[0].safe_speed_mph;
}

static void turn_borders(void)
{
    CHECK(!strcmp(severity_at(17.25, 91), "safe")); /* 1.15 */
    CHECK(!strcmp(severity_at(17.26, 91), "moderate"));
    CHECK(!strcmp(severity_at(21, 91), "moderate")); /* 1.4 */
    CHECK(!strcmp(severity_at(21.01, 91), "aggressive"));
    CHECK(!strcmp(severity_at(25.5, 91), "aggressive")); /* 1.7 */
    CHECK(!strcmp(severity_at(25.51, 91), "dangerous"));
    CHECK(safe_speed_at(60) == 28 && safe_speed_at(60.5) == 22);
    CHECK(safe_speed_at(40) == 35 && safe_speed_at(40.5) == 28);
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
    hard_stop();
    severities();
    at_the_threshold();
    noise();
    change_of_speed();
    no_long_steps();
    consistencies();
    frequencies();
    turns();
    turn_borders();
    labels();
    arena_free(&a);
    return tap_end();
}
