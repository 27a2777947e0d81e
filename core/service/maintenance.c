#include "service/maintenance.h"

#include <assert.h>
#include "base/log.h"
#include "driver/driver.h"
#include "service/finalize.h"

/* Not a client's time: nobody waits, but a hung store must not hold the rest
 * of the spool for ever. */
#define ENTRY_DEADLINE_MS 30000

/* A temporary is left by a crash only: an hour of them is nothing. */
#define SWEEP_EVERY_MS 3600000
#define SWEEP_DEADLINE_MS 60000

struct pass {
    const struct call *c;
    enum status worst;
};

static struct call entry_call(const struct pass *p, struct str user_id)
{
    struct call c = *p->c;

    assert(user_id.n);
    c.user_id = user_id;
    c.deadline = deadline_in(ENTRY_DEADLINE_MS);
    return c;
}

static enum status leave_for_later(struct pass *p, const char *event,
                                   enum status st)
{
    if (st != ST_OK) {
        log_err(LOG_WARN, event, p->c->err);
        p->worst = st;
    }
    return st;
}

/* The store is away: what comes next in this pass would only wait as well. */
static bool is_outage(enum status st)
{
    return st == ST_UNAVAILABLE || st == ST_TIMEOUT || st == ST_DENIED;
}

/* Trying again changes nothing: a person has to look. The record stays pending,
 * so `driveguardctl status` counts the trip and reconcile tries it again; only
 * this host's spool is rid of it. */
static enum status set_trip_aside(struct pass *p, struct str trip_id)
{
    struct log_value space, why;

    log_line(LOG_ERROR, "trip_cannot_be_scored", "trip_id=%s reason=%s",
             log_quoted(trip_id, &space),
             log_quoted(str_of(p->c->err->text), &why));
    err_clear(p->c->err);
    return ST_OK;
}

static enum status trip_entry(void *ctx, struct str user_id, struct str trip_id)
{
    struct pass *p = ctx;
    struct call c = entry_call(p, user_id);
    enum status st;

    if (is_outage(p->worst))
        return p->worst;
    err_clear(p->c->err); /* of the entry before, which was logged */
    st = finalize_pending(&c, trip_id);
    /* Each trip may be large, and there may be thousands after an outage. */
    arena_reset(p->c->arena);
    if (st == ST_CORRUPT || st == ST_TOO_LARGE)
        return set_trip_aside(p, trip_id);
    return leave_for_later(p, "trip_still_pending", st);
}

static enum status token_entry(void *ctx, struct str user_id)
{
    struct pass *p = ctx;
    struct call c = entry_call(p, user_id);
    enum status st;

    err_clear(c.err);
    st = cache_replace_token(c.stores->cache, user_id, c.deadline, c.err);
    if (st != ST_OK)
        p->worst = st; /* the cache logs that it is away */
    return st;
}

/* What crashed writers left in the object store; other hosts look as well, so
 * that it does not matter when this one does. */
static enum status sweep_sometimes(struct service *s, const struct call *c)
{
    int64_t now = clock_mono_ms();

    if (now < s->sweep_due_ms)
        return ST_OK;
    /* Also when it fails: the next pass is in seconds, and would fail as well.
     */
    s->sweep_due_ms = now + SWEEP_EVERY_MS;
    return objects_sweep(c->stores->objects, deadline_in(SWEEP_DEADLINE_MS),
                         c->err);
}

enum status maintenance_pass(struct service *s, const struct call *c)
{
    struct pass p = {.c = c, .worst = ST_OK};
    struct stores *to = c->stores;
    enum status st;

    /* Trips first: each replaces its token itself, or owes it. */
    if ((st = spool_trips(to->spool, trip_entry, &p, c->err)) != ST_OK ||
        (st = spool_tokens(to->spool, token_entry, &p, c->err)) != ST_OK ||
        (to->files && (st = files_evict(to->files, c->err)) != ST_OK) ||
        (st = sweep_sometimes(s, c)) != ST_OK)
        return st;
    return p.worst;
}
