/* What fails has a pause of its own, and lets those go first that never did. */
#include "t/unit/spool.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/pause.h"
#include "store/keys.h"

/* In which order trips were given out, and which of them fail. */
struct order {
    char trips[200];
    const char *fails;
    enum spool_end end; /* of those */
    int64_t pause_ms;   /* of the last that fails, as it was told */
};

static enum spool_end order_note(void *ctx, const struct debt *d)
{
    struct order *o = ctx;
    char trip[40];

    snprintf(trip, sizeof trip, "%.*s ",
             STR_ARG(d->trip_id.n ? d->trip_id : d->user_id));
    strcat(o->trips, trip);
    if (!strstr(o->fails, trip))
        return SPOOL_SETTLED;
    o->pause_ms = d->pause_ms;
    return o->end;
}

static struct order o;

static const char *round_of(struct spool *s, enum debt_kind kind,
                            const char *fails, enum spool_end end)
{
    o = (struct order){.fails = fails, .end = end};
    CHECK(spool_work(s, kind, order_note, &o, &err) == ST_OK);
    return o.trips;
}

/* In the order of their names. */
static void owe(const char *name, const char *trip)
{
    char path[99], text[99];

    snprintf(path, sizeof path, "trips/%s", name);
    snprintf(text, sizeof text, "driver-1\n%s", trip);
    put_file(path, text, 0);
}

static void over(int64_t ms)
{
    clock_sleep_ms(ms + 50);
}

static void others_first(void)
{
    owe("1", "bad");
    owe("2", "fine");
    CHECK(
        !strcmp(round_of(spool, DEBT_trip, "bad ", SPOOL_FAILED), "bad fine "));
    CHECK(o.pause_ms == 0 && owed(DEBT_trip) == 1);
    CHECK(spool_failing(spool) == 1);
    CHECK(!strcmp(round_of(spool, DEBT_trip, "bad ", SPOOL_FAILED), ""));
    CHECK(spool_failing(spool) == 1); /* it waits */
    over(PAUSE_FIRST_MS);
    owe("3", "late");
    CHECK(
        !strcmp(round_of(spool, DEBT_trip, "bad ", SPOOL_FAILED), "late bad "));
    CHECK(o.pause_ms >= PAUSE_FIRST_MS && o.pause_ms < 2 * PAUSE_FIRST_MS);
    over(PAUSE_FIRST_MS);
    CHECK(!strcmp(round_of(spool, DEBT_trip, "", SPOOL_FAILED), ""));
}

/* The second pause is twice as long, also for a process that comes after. */
static void outlives_the_process(void)
{
    struct spool *other = own_spool();

    CHECK(!strcmp(round_of(other, DEBT_trip, "", SPOOL_FAILED), ""));
    CHECK(spool_failing(other) == 1);
    over(PAUSE_FIRST_MS);
    CHECK(!strcmp(round_of(other, DEBT_trip, "bad ", SPOOL_UNTRIED), "bad "));
    CHECK(o.pause_ms >= 2 * PAUSE_FIRST_MS && o.pause_ms < 3 * PAUSE_FIRST_MS);
    CHECK(spool_failing(other) == 1);
    CHECK(!strcmp(round_of(other, DEBT_trip, "", SPOOL_FAILED), "bad "));
    CHECK(owed(DEBT_trip) == 0 && spool_failing(other) == 0);
    spool_close(&other);
}

static void untried(void)
{
    owe("1", "a");
    owe("2", "b");
    for (int i = 0; i < 2; i++)
        CHECK(
            !strcmp(round_of(spool, DEBT_trip, "a b ", SPOOL_UNTRIED), "a b "));
    CHECK(spool_failing(spool) == 0);
    CHECK(!strcmp(round_of(spool, DEBT_trip, "", SPOOL_FAILED), "a b "));
}

/* A clock that was set back by a year makes no pause of a year. */
static void wrong_clock(void)
{
    struct utimbuf far_away = {time(NULL) + 31536000, time(NULL) + 31536000};

    owe("1", "a");
    CHECK(utime(path_of("trips/1"), &far_away) == 0);
    CHECK(!strcmp(round_of(spool, DEBT_trip, "", SPOOL_FAILED), "a "));
}

static void of_a_driver(void)
{
    const struct debt other = {.kind = DEBT_token,
                               .user_id = STR_LIT("driver-2")};

    CHECK(spool_add(spool, &token_debt, &err) == ST_OK &&
          spool_add(spool, &other, &err) == ST_OK);
    CHECK(!strcmp(round_of(spool, DEBT_token, "driver-1 ", SPOOL_FAILED),
                  "driver-1 driver-2 "));
    CHECK(!strcmp(round_of(spool, DEBT_token, "", SPOOL_FAILED), ""));
    CHECK(token_waits(USER) && spool_failing(spool) == 1);
    /* It has changed once more. */
    CHECK(spool_add(spool, &token_debt, &err) == ST_OK);
    CHECK(!strcmp(round_of(spool, DEBT_token, "", SPOOL_FAILED), "driver-1 "));
    CHECK(!token_waits(USER) && spool_failing(spool) == 0);
}

static bool look_at(const char *trip)
{
    const struct debt look = {.kind = DEBT_open,
                              .trip_id = str_of(trip),
                              .due_ms = clock_wall_us() / 1000 - 5000};

    return spool_add(spool, &look, &err) == ST_OK;
}

static void of_a_look(void)
{
    CHECK(look_at("bad") && look_at("fine"));
    CHECK(strstr(round_of(spool, DEBT_open, "bad ", SPOOL_FAILED), "fine "));
    CHECK(strstr(o.trips, "bad ") && owed(DEBT_open) == 1 && o.pause_ms == 0);
    CHECK(!strcmp(round_of(spool, DEBT_open, "", SPOOL_FAILED), ""));
    over(2 * PAUSE_FIRST_MS);
    CHECK(!strcmp(round_of(spool, DEBT_open, "bad ", SPOOL_FAILED), "bad "));
    CHECK(o.pause_ms == PAUSE_FIRST_MS && owed(DEBT_open) == 1);
    over(3 * PAUSE_FIRST_MS);
    CHECK(!strcmp(round_of(spool, DEBT_open, "bad ", SPOOL_UNTRIED), "bad "));
    CHECK(o.pause_ms == 2 * PAUSE_FIRST_MS);
    CHECK(!strcmp(round_of(spool, DEBT_open, "", SPOOL_FAILED), "bad "));
    CHECK(owed(DEBT_open) == 0);
}

/* One that cannot even be opened is told once, and not at each look. */
static void that_cannot_be_read(void)
{
    struct seen s = {.answer = SPOOL_SETTLED};

    CHECK(symlink("nowhere", path_of("trips/0")) == 0);
    CHECK(spool_work(spool, DEBT_trip, see, &s, &err) != ST_OK);
    CHECK(spool_failing(spool) == 1);
    CHECK(spool_work(spool, DEBT_trip, see, &s, &err) == ST_OK);
    CHECK(spool_failing(spool) == 1);
    over(PAUSE_FIRST_MS);
    CHECK(spool_work(spool, DEBT_trip, see, &s, &err) != ST_OK);
    CHECK(unlink(path_of("trips/0")) == 0);
    CHECK(spool_work(spool, DEBT_trip, see, &s, &err) == ST_OK);
    CHECK(spool_failing(spool) == 0);
}

int main(void)
{
    const char *top = spool_begin();

    others_first();
    outlives_the_process();
    untried();
    wrong_clock();
    of_a_driver();
    of_a_look();
    that_cannot_be_read();
    return spool_end(top);
}
