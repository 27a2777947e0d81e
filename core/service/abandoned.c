#include "service/abandoned.h"

#include "base/log.h"
#include "base/stats.h"
#include "service/finalize.h"

/* Looks fall due in so many steps of trips.abandoned_after: each step is one
 * file in the spool. */
#define STEPS 32

static int64_t after_ms(const struct conf *conf)
{
    return conf->trips_abandoned_after;
}

/* At the first step at which a trip of that last upload is abandoned. */
static int64_t look_due_ms(const struct conf *conf, int64_t updated_us)
{
    int64_t step = after_ms(conf) / STEPS;
    int64_t due = updated_us / 1000 + after_ms(conf) + 1;

    return step > 0 ? (due + step - 1) / step * step : due;
}

static struct debt look_owed(const struct call *c, struct str trip_id,
                             int64_t updated_us)
{
    return (struct debt){.kind = DEBT_open,
                         .trip_id = trip_id,
                         .due_ms = look_due_ms(c->stores->conf, updated_us)};
}

void abandoned_watch(const struct call *c, struct str trip_id,
                     int64_t created_us)
{
    struct debt owed = look_owed(c, trip_id, created_us);
    struct err err = ERR_NONE;

    if (after_ms(c->stores->conf) == 0 ||
        spool_add(c->stores->spool, &owed, &err) == ST_OK)
        return;
    log_err_of(LOG_WARN, "open_trip_unwatched", "trip_id", trip_id, &err);
}

void abandoned_forget(const struct call *c, const struct trip *t)
{
    struct debt owed;

    if (after_ms(c->stores->conf) == 0 || t->created_us == TIME_NONE ||
        t->created_us < 0)
        return;
    owed = look_owed(c, t->trip_id, t->created_us);
    spool_take_back(c->stores->spool, &owed);
}

bool abandoned_is(const struct conf *conf, enum trip_status status,
                  int64_t updated_us)
{
    return status == TRIP_ACTIVE && after_ms(conf) > 0 &&
           updated_us != TIME_NONE &&
           clock_wall_us() - updated_us > after_ms(conf) * 1000;
}

enum status abandoned_finalize(const struct call *c, const struct trip *t)
{
    struct trip_claim claim = {.user_id = t->user_id,
                               .trip_id = t->trip_id,
                               .abandoned = true,
                               .seen_us = t->updated_us,
                               .start_us = t->start_us,
                               .end_us = t->end_us,
                               .now_us = clock_wall_us()};

    if (claim.end_us == TIME_NONE)
        claim.end_us = t->updated_us;
    /* The app's first uploads have the two times swapped. */
    if (claim.start_us != TIME_NONE && claim.start_us > claim.end_us) {
        claim.start_us = claim.end_us;
        claim.end_us = t->start_us;
    }
    return finalize_abandoned(c, &claim);
}

/* The trip moved on while it was looked at, or the look came early: once more,
 * when it may be abandoned. */
static enum status look_later(const struct call *c, struct str trip_id,
                              int64_t updated_us)
{
    struct debt owed = look_owed(c, trip_id, updated_us);

    return spool_add(c->stores->spool, &owed, c->err);
}

static enum status look_at(const struct call *c, const struct trip *t)
{
    const struct conf *conf = c->stores->conf;
    struct call of = *c;
    enum status st;

    if (t->status != TRIP_ACTIVE || t->updated_us == TIME_NONE ||
        after_ms(conf) == 0 || !id_valid(t->user_id))
        return ST_OK;
    if (!abandoned_is(conf, t->status, t->updated_us))
        return look_later(c, t->trip_id, t->updated_us);
    of.user_id = t->user_id;
    st = abandoned_finalize(&of, t);
    if (st != ST_PRECONDITION)
        return st;
    err_clear(c->err);
    return look_later(c, t->trip_id, clock_wall_us());
}

enum status abandoned_look(const struct call *c, struct str trip_id)
{
    struct trip t;
    enum status st = records_trip(c->stores->records, trip_id, c->deadline,
                                  c->arena, &t, c->err);

    if (st == ST_NOT_FOUND) { /* removed by others */
        err_clear(c->err);
        return ST_OK;
    }
    return st == ST_OK ? look_at(c, &t) : st;
}
