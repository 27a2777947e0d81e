#include "service/maintenance.h"

#include "base/log.h"
#include "driver/driver.h"
#include "service/finalize.h"

/* Not a client's time: nobody waits, but a hung store must not hold the rest
 * of the spool for ever. */
#define ENTRY_DEADLINE_MS 30000

#define SWEEP_EVERY_MS 3600000
#define SWEEP_DEADLINE_MS 60000

struct pass {
    struct service *s;
    struct arena *a;
    struct err *err;
    enum status worst;
};

static struct call call_of(const struct pass *p)
{
    return (struct call){.arena = p->a,
                         .deadline = deadline_in(ENTRY_DEADLINE_MS),
                         .request_id = STR_LIT("maintenance")};
}

static enum status keep_for_later(struct pass *p, const char *event,
                                  enum status st)
{
    if (st != ST_OK) {
        log_err(LOG_WARN, event, p->err);
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
static enum status set_aside(struct pass *p, struct str trip_id)
{
    struct log_value space, why;

    log_line(LOG_ERROR, "trip_cannot_be_scored", "trip_id=%s reason=%s",
             log_quoted(trip_id, &space),
             log_quoted(str_of(p->err->text), &why));
    err_clear(p->err);
    return ST_OK;
}

static enum status trip_entry(void *ctx, struct str user_id, struct str trip_id)
{
    struct pass *p = ctx;
    struct call c = call_of(p);
    enum status st;

    if (is_outage(p->worst))
        return p->worst;
    err_clear(p->err);
    st = finalize_pending(p->s, &c, user_id, trip_id, p->err);
    arena_reset(p->a);
    if (st == ST_CORRUPT || st == ST_TOO_LARGE)
        return set_aside(p, trip_id);
    return keep_for_later(p, "trip_still_pending", st);
}

static enum status token_entry(void *ctx, struct str user_id)
{
    struct pass *p = ctx;
    enum status st;

    err_clear(p->err);
    st = cache_replace_token(p->s->stores->cache, user_id,
                             deadline_in(ENTRY_DEADLINE_MS), p->err);
    if (st != ST_OK)
        p->worst = st; /* the cache logs that it is away */
    return st;
}

/* What crashed writers left in the object store; other hosts look as well, so
 * that it does not matter when this one does. */
static enum status sweep_sometimes(struct service *s, struct err *err)
{
    int64_t now = clock_mono_ms();

    if (now < s->sweep_due_ms)
        return ST_OK;
    s->sweep_due_ms = now + SWEEP_EVERY_MS;
    return objects_sweep(s->stores->objects, deadline_in(SWEEP_DEADLINE_MS),
                         err);
}

enum status maintenance_pass(struct service *s, struct arena *a,
                             struct err *err)
{
    struct pass p = {.s = s, .a = a, .err = err, .worst = ST_OK};
    enum status st;

    if ((st = spool_trips(s->stores->spool, trip_entry, &p, err)) != ST_OK ||
        (st = spool_tokens(s->stores->spool, token_entry, &p, err)) != ST_OK ||
        (s->stores->files &&
         (st = files_evict(s->stores->files, err)) != ST_OK) ||
        (st = sweep_sometimes(s, err)) != ST_OK)
        return st;
    return p.worst;
}
