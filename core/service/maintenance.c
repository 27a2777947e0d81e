#include "service/maintenance.h"

#include <assert.h>
#include "base/log.h"
#include "driver/driver.h"
#include "service/abandoned.h"
#include "service/finalize.h"
#include "service/foreign.h"
#include "store/installation.h"
#include "store/outage.h"

/* Not a client's time: nobody waits, but a hung store must not hold the rest
 * of the spool for ever. */
#define ENTRY_DEADLINE_MS 30000

/* A temporary is left by a crash only: an hour of them is nothing. */
#define SWEEP_EVERY_MS 3600000
#define SWEEP_DEADLINE_MS 60000

#define AGREE_EVERY_MS 5000
#define AGREE_AGAIN_MS 60000
#define AGREE_DEADLINE_MS 5000

#define LOOKS_MS 1000 /* a pass, at trips that are under way */

struct pass {
    const struct call *c;
    enum status worst;
    int64_t looks; /* at open trips */
    struct deadline looks_end;
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

static enum status trip_entry(void *ctx, const struct debt *debt)
{
    struct pass *p = ctx;
    struct call c = entry_call(p, debt->user_id);
    enum status st;

    /* What comes next in this pass would only wait as well. */
    if (outage_is(p->worst))
        return p->worst;
    err_clear(p->c->err); /* of the entry before, which was logged */
    st = finalize_pending(&c, debt->trip_id);
    /* Each trip may be large, and there may be thousands after an outage. */
    arena_reset(p->c->arena);
    if (st == ST_CORRUPT || st == ST_TOO_LARGE)
        return set_trip_aside(p, debt->trip_id);
    return leave_for_later(p, "trip_still_pending", st);
}

/* Looks that are due may be thousands: the rest of a pass must not wait for
 * them, nor the debts that came meanwhile. */
static enum status open_entry(void *ctx, const struct debt *debt)
{
    struct pass *p = ctx;
    struct call c = *p->c;
    enum status st;

    if (outage_is(p->worst))
        return p->worst;
    if (p->looks++ == 0)
        p->looks_end = deadline_in(LOOKS_MS);
    if (deadline_over(p->looks_end))
        return ST_BUSY;
    c.deadline = deadline_in(ENTRY_DEADLINE_MS);
    err_clear(p->c->err);
    st = abandoned_look(&c, debt->trip_id);
    arena_reset(p->c->arena);
    if (st == ST_CORRUPT || st == ST_TOO_LARGE)
        return set_trip_aside(p, debt->trip_id);
    return leave_for_later(p, "open_trip_not_looked_at", st);
}

static enum status token_entry(void *ctx, const struct debt *debt)
{
    struct pass *p = ctx;
    struct call c = entry_call(p, debt->user_id);
    enum status st;

    err_clear(c.err);
    st = cache_replace_token(c.stores->cache, c.user_id, c.deadline, c.err);
    if (st != ST_OK)
        p->worst = st; /* the cache logs that it is away */
    return st;
}

/* Who works off what this host owes; each kind has somebody. */
static const spool_each entry_of[DEBT_KINDS] = {
    [DEBT_trip] = trip_entry,
    [DEBT_token] = token_entry,
    [DEBT_open] = open_entry,
};

static enum status work_off(struct pass *p)
{
    enum status st = ST_OK;

    for (enum debt_kind k = 0; st == ST_OK && k < DEBT_KINDS; k++) {
        assert(entry_of[k]);
        st = spool_work(p->c->stores->spool, k, entry_of[k], p, p->c->err);
    }
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

/* What other hosts say may have changed, or this host could not ask when it
 * started. A failure is no pass's: only that what they wrote is left alone. */
static void agree_sometimes(struct service *s, const struct call *c)
{
    int64_t now = clock_mono_ms();
    struct err err = ERR_NONE;
    struct installation is;

    /* The start has just asked. */
    if (s->agree_due_ms == 0 && agreed_known(c->stores->agreed))
        s->agree_due_ms = now + AGREE_EVERY_MS;
    if (now < s->agree_due_ms)
        return;
    s->agree_due_ms = now + AGREE_EVERY_MS;
    if (installation_agree(c->stores, INSTALLATION_HOST,
                           deadline_in(AGREE_DEADLINE_MS), c->arena, &is,
                           &err) == ST_OK)
        return;
    s->agree_due_ms = now + AGREE_AGAIN_MS;
    log_err(LOG_WARN, "installation_unknown", &err);
}

/* Also when an entry of the spool waits: that may be for Redis alone. What is
 * told is the first that went wrong. */
static void look_for_foreign(struct pass *p, struct service *s)
{
    struct err err = ERR_NONE;
    struct call c = call_with(p->c, p->c->arena, &err);
    enum status st = foreign_step(s->foreign, &c);

    if (st == ST_OK || p->worst != ST_OK)
        return;
    p->worst = st;
    *p->c->err = err;
}

/* A failure here is no pass's: whatever is owed does not wait for it, and the
 * folder is looked at again soon. */
void maintenance_tidy(struct stores *to)
{
    struct err err = ERR_NONE;

    if (to->files && files_evict(to->files, &err) != ST_OK)
        log_err(LOG_DEBUG, "files_not_tidied", &err);
}

enum status maintenance_pass(struct service *s, const struct call *c)
{
    struct pass p = {.c = c, .worst = ST_OK};
    enum status st;

    maintenance_tidy(c->stores);
    agree_sometimes(s, c);
    if ((st = work_off(&p)) != ST_OK || (st = sweep_sometimes(s, c)) != ST_OK)
        return st;
    if (c->stores->conf->migration_foreign_writers)
        look_for_foreign(&p, s);
    return p.worst;
}
