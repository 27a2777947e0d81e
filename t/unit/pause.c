/* What fails is left alone for a while, longer each time. */
#include "base/pause.h"

#include <stdio.h>
#include "base/clock.h"
#include "t/unit/tap.h"

#define A STR_LIT("driver-a")
#define B STR_LIT("driver-b")
#define ONE STR_LIT("trip-1")
#define TWO STR_LIT("trip-2")

static void doubled(void)
{
    int64_t ms = 0, sum = 0;

    CHECK(pause_next(0, 0) == PAUSE_FIRST_MS);
    CHECK(pause_next(PAUSE_FIRST_MS, 0) == 2 * PAUSE_FIRST_MS);
    for (int i = 0; i < 100; i++) {
        int64_t next = pause_next(ms, 0);

        CHECK(next > ms || next == PAUSE_MAX_MS);
        ms = next;
        sum += ms >= PAUSE_FIRST_MS && ms <= PAUSE_MAX_MS;
    }
    CHECK(ms == PAUSE_MAX_MS && sum == 100);
    CHECK(pause_next(INT64_MAX, 0) == PAUSE_MAX_MS);
}

/* What hangs has a small share of the time. */
static void by_what_it_took(void)
{
    CHECK(pause_next(0, 5000) == PAUSE_SHARE * 5000);
    CHECK(pause_next(PAUSE_SHARE * 5000, 5000) == 2 * PAUSE_SHARE * 5000);
    CHECK(pause_next(0, PAUSE_MAX_MS) == PAUSE_MAX_MS);
    CHECK(pause_next(0, INT64_MAX) == PAUSE_MAX_MS);
}

static void by_key(void)
{
    struct pauses *p = pauses_new(4);

    CHECK(!pauses_last(p, A));
    pauses_failed(p, A, STR_NONE, 0);
    CHECK(pauses_last(p, A) && !pauses_last(p, B));
    pauses_over(p, B);
    CHECK(pauses_last(p, A));
    pauses_over(p, A);
    CHECK(!pauses_last(p, A));
    pauses_free(&p);
    CHECK(!p);
}

/* One trip that always fails leaves the driver's others alone; two are his. */
static void by_part(void)
{
    struct pauses *p = pauses_new(4);

    pauses_failed(p, A, ONE, 0);
    CHECK(!pauses_last(p, A));
    pauses_failed(p, A, ONE, 0);
    CHECK(!pauses_last(p, A));
    pauses_failed(p, A, TWO, 0);
    CHECK(pauses_last(p, A));
    pauses_over(p, A);
    pauses_failed(p, A, TWO, 0);
    CHECK(!pauses_last(p, A)); /* what went well between them counts */
    pauses_free(&p);
}

static void ends(void)
{
    struct pauses *p = pauses_new(1);
    int64_t until = clock_mono_ms() + PAUSE_FIRST_MS;

    pauses_failed(p, A, STR_NONE, 0);
    CHECK(pauses_last(p, A));
    clock_sleep_ms(until - clock_mono_ms() + 5);
    CHECK(!pauses_last(p, A));
    pauses_failed(p, A, STR_NONE, 0); /* the second is twice as long */
    clock_sleep_ms(PAUSE_FIRST_MS + 5);
    CHECK(pauses_last(p, A));
    pauses_free(&p);
}

/* Of more keys than it holds, those with the shortest pauses are forgotten. */
static void bounded(void)
{
    struct pauses *p = pauses_new(8);
    char key[20];

    pauses_failed(p, A, STR_NONE, 60000);
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "other-%d", i);
        pauses_failed(p, str_of(key), STR_NONE, 0);
        CHECK(pauses_last(p, str_of(key)));
    }
    CHECK(pauses_last(p, A));
    pauses_free(&p);
}

int main(void)
{
    doubled();
    by_what_it_took();
    by_key();
    by_part();
    ends();
    bounded();
    return tap_end();
}
