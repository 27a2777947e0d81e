/* Scoring section 10, 3 to 6: which deltas are scored, and how they are read.
 */
#include "score/select.h"

#include <math.h>
#include "t/unit/tap.h"
#include "t/unit/trip.h"

#define SECOND INT64_C(1000000)
#define MANY 200000

static struct arena *a;

static struct selection selected(const struct trip *t, enum score_version v)
{
    struct trip before = *t, *own = arena_alloc(a, sizeof *own);
    struct score_input in = {.version = v, .deltas = own->d, .n_deltas = t->n};
    struct selection s;
    bool same = true;

    *own = *t;
    s = deltas_select(&in, a);
    for (size_t i = 0; i < t->n; i++)
        same = same && own->d[i].dt_ms == before.d[i].dt_ms &&
               own->d[i].accuracy_m == before.d[i].accuracy_m;
    CHECK(same); /* the caller's are his */
    return s;
}

/* Points at 0, 1, 2, ... seconds, `ms` apart as they say. */
static struct trip timed(size_t n, double ms)
{
    static const double mph[20] = {30};
    struct trip t = drive(mph, n);

    for (size_t i = 0; i < n; i++) {
        t.d[i].dt_ms = ms;
        t.d[i].time_us = (int64_t)i * SECOND;
        t.d[i].time_text = arena_printf(a, "%zu", i);
    }
    return t;
}

/* ---- 3 ---- */

static void too_long(void)
{
    struct trip t = timed(3, 1000);
    struct selection s;

    t.d[0].dt_ms = 3600;
    t.d[1].dt_ms = 3600.5;
    s = selected(&t, SCORE_3_0);
    CHECK(s.n == 2 && s.deltas[1].sequence == 2 && s.repeats == 0);
    CHECK(selected(&t, SCORE_3_1).n == 3);
}

/* ---- 4 ---- */

/* How many points are left out of two that are the same but for what `change`
 * does to the second. */
static size_t repeats(void (*change)(struct delta *d))
{
    struct trip t = timed(2, 1000);

    t.d[0].speed_mph = NAN;
    t.d[0].sequence = NAN;
    t.d[1] = t.d[0];
    change(&t.d[1]);
    return selected(&t, SCORE_3_1).repeats;
}

static void nothing(struct delta *d)
{
    (void)d;
}

static void identity(struct delta *d)
{
    d->accuracy_m = 9; /* no part of it */
    d->time_text = arena_copy(a, d->time_text);
}

static void zero(struct delta *d)
{
    d->lon = -0.0;
}

static void lat(struct delta *d)
{
    d->lat = 146;
}

static void lon(struct delta *d)
{
    d->lon = 1;
}

static void step(struct delta *d)
{
    d->dt_ms = 1001;
}

static void speed(struct delta *d)
{
    d->speed_mph = 0;
}

static void sequence(struct delta *d)
{
    d->sequence = 0;
}

static void text(struct delta *d)
{
    d->time_text = STR_LIT("00"); /* another text of the same time */
}

static void same_points(void)
{
    struct trip t = timed(4, 1000);

    CHECK(repeats(nothing) == 1 && repeats(identity) == 1);
    CHECK(repeats(zero) == 1);
    CHECK(repeats(lat) == 0 && repeats(lon) == 0 && repeats(step) == 0);
    CHECK(repeats(speed) == 0 && repeats(sequence) == 0 && repeats(text) == 0);
    /* A text that is no time is one, too; none, and an empty one, is not. */
    t.d[0].time_us = TIME_NONE;
    t.d[0].time_text = STR_LIT("soon");
    t.d[1] = t.d[0];
    t.d[2].time_us = TIME_NONE;
    t.d[2].time_text = STR_LIT("");
    t.d[3] = t.d[2];
    CHECK(selected(&t, SCORE_3_1).repeats == 1);
    t.d[0].time_text = t.d[1].time_text = STR_NONE;
    CHECK(selected(&t, SCORE_3_1).repeats == 0);
}

static void earlier_stay(void)
{
    struct trip t = timed(6, 1000);
    struct selection s;

    t.d[3] = t.d[0]; /* 0 1 2 0 1 5 */
    t.d[4] = t.d[1];
    t.d[3].accuracy_m = 99;
    s = selected(&t, SCORE_3_1);
    CHECK(s.n == 4 && s.repeats == 2);
    CHECK(s.deltas[0].sequence == 0 && s.deltas[0].accuracy_m == 5);
    CHECK(s.deltas[2].sequence == 2 && s.deltas[3].sequence == 5);
    CHECK(selected(&t, SCORE_3_0).n == 6 && !selected(&t, SCORE_3_0).repeats);
    /* Back in time, and none the same. */
    t = timed(3, 1000);
    t.d[2].time_us = 0;
    s = selected(&t, SCORE_3_1);
    CHECK(s.n == 3 && s.repeats == 0);
}

/* All at one moment, which no table of times tells apart; the last of them
 * comes again. Comparing each with each would take minutes. */
static void many_at_once(void)
{
    struct delta *d = arena_alloc_n(a, MANY, sizeof *d);
    struct score_input in = {
        .version = SCORE_3_1, .deltas = d, .n_deltas = MANY};
    struct selection s;

    for (size_t i = 0; i < MANY; i++)
        d[i] = (struct delta){
            .dt_ms = 1000, .sequence = (double)i, .time_text = STR_LIT("t")};
    d[MANY - 1].sequence = MANY - 2;
    s = deltas_select(&in, a);
    CHECK(s.n == MANY - 1 && s.repeats == 1);
}

/* ---- 5 ---- */

static bool in_seconds(const struct trip *t)
{
    struct selection s = selected(t, SCORE_3_1);
    bool times_1000 = true, as_sent = true;

    CHECK(selected(t, SCORE_3_0).deltas[0].dt_ms == t->d[0].dt_ms);
    for (size_t i = 0; i < s.n; i++) {
        times_1000 = times_1000 && s.deltas[i].dt_ms == 1000 * t->d[i].dt_ms;
        as_sent = as_sent && s.deltas[i].dt_ms == t->d[i].dt_ms;
    }
    CHECK(times_1000 != as_sent);
    return times_1000;
}

static void seconds(void)
{
    struct trip t = timed(11, 1);

    CHECK(in_seconds(&t)); /* 10 s, which are their sum */
    t.d[10].time_us--;
    CHECK(!in_seconds(&t));
    t = timed(11, 0.5); /* half */
    CHECK(in_seconds(&t));
    t.d[5].dt_ms -= 0.001;
    CHECK(!in_seconds(&t));
    t = timed(11, 2); /* twice */
    CHECK(in_seconds(&t));
    t.d[5].dt_ms += 0.001;
    CHECK(!in_seconds(&t));
    t = timed(11, 1); /* the first says how long before the first time */
    t.d[0].dt_ms = 300;
    CHECK(in_seconds(&t));
    t.d[0].dt_ms = 300.5;
    CHECK(!in_seconds(&t));
    t = timed(11, 1000);
    CHECK(!in_seconds(&t));
}

static void seconds_by_times(void)
{
    struct trip t = timed(3, 5);

    t.d[1].time_us = 5 * SECOND;
    t.d[2].time_us = 10 * SECOND;
    CHECK(in_seconds(&t));
    t.d[1].time_us = TIME_NONE;
    CHECK(!in_seconds(&t)); /* two are too few */
    /* Points that come again are gone before they are added. */
    t = timed(20, 1);
    for (size_t i = 11; i < 20; i++) {
        t.d[i] = t.d[10];
        t.d[i].sequence = (double)i;
        t.d[i].dt_ms = 3;
    }
    CHECK(!in_seconds(&t)); /* 37 s in 10 */
    for (size_t i = 12; i < 20; i++)
        t.d[i] = t.d[11];
    CHECK(selected(&t, SCORE_3_1).deltas[0].dt_ms == 1000); /* 13 s */
}

/* ---- 6 ---- */

static void accuracies(void)
{
    struct trip t = timed(3, 1000);
    struct selection s;

    t.d[0].accuracy_m = 0;
    t.d[1].accuracy_m = -1;
    s = selected(&t, SCORE_3_1);
    CHECK(s.deltas[0].accuracy_m == 0 && isnan(s.deltas[1].accuracy_m));
    CHECK(s.deltas[2].accuracy_m == 5);
    CHECK(selected(&t, SCORE_3_0).deltas[1].accuracy_m == -1);
}

int main(void)
{
    a = arena_new(1 << 20);
    too_long();
    same_points();
    earlier_stay();
    many_at_once();
    seconds();
    seconds_by_times();
    accuracies();
    arena_free(&a);
    return tap_end();
}
