#include "service/maintenance.h"

#include <assert.h>
#include <stdio.h>
#include "base/log.h"
#include "base/pause.h"
#include "base/stats.h"
#include "driver/driver.h"
#include "service/abandoned.h"
#include "service/finalize.h"
#include "service/foreign.h"
#include "service/trouble.h"
#include "store/installation.h"
#include "store/outage.h"

/* Not a client's time: nobody waits but the rest of the spool. One that has
 * hung gets more the next time, for it may be large; and those that are tried
 * again share a second of a pass. What they take beyond that, nobody is tried
 * again for PAUSE_SHARE times as long. */
#define ENTRY_DEADLINE_MS 5000
#define AGAIN_DEADLINE_MS 30000
#define AGAIN_MS 1000

/* A temporary is left by a crash only: an hour of them is nothing. */
#define SWEEP_EVERY_MS 3600000
#define SWEEP_DEADLINE_MS 60000

#define AGREE_EVERY_MS 5000
#define AGREE_AGAIN_MS 60000
#define AGREE_DEADLINE_MS 5000

#define LOOKS_MS 1000 /* a pass, at trips that are under way */

struct left { /* debts that failed by themselves in a pass, and the first */
    int64_t n;
    char user_id[ID_MAX + 1], trip_id[ID_MAX + 1];
    struct err why;
};

struct pass {
    const struct call *c;
    struct service *s;
    struct trouble trouble;
    struct left left;
    enum status cache;  /* why it cannot take tokens; ST_OK: it can */
    int64_t again_took; /* what failed before, in this pass */
    int64_t looks;      /* at open trips */
    struct deadline looks_end;
};

/* ---- a debt ---- */

static struct call debt_call(const struct pass *p, const struct debt *debt)
{
    struct call c = *p->c;

    c.user_id = debt->user_id;
    c.deadline =
        deadline_in(debt->pause_ms > 0 ? AGAIN_DEADLINE_MS : ENTRY_DEADLINE_MS);
    err_clear(c.err); /* of the debt before */
    return c;
}

/* Whether it is to be tried in this pass: not when that would be in vain, or at
 * the cost of others. */
static bool debt_may(struct pass *p, const struct debt *debt)
{
    bool again = debt->pause_ms > 0;

    if (trouble_lasts(&p->trouble))
        return false;
    if (debt->user_id.n && pauses_last(p->s->drivers, debt->user_id))
        return false;
    return !again ||
           (p->again_took < AGAIN_MS && clock_mono_ms() >= p->s->again_due_ms);
}

static enum spool_end debt_failed(struct pass *p, const struct debt *debt)
{
    struct left *l = &p->left;

    if (l->n++ == 0) {
        snprintf(l->user_id, sizeof l->user_id, "%.*s", STR_ARG(debt->user_id));
        snprintf(l->trip_id, sizeof l->trip_id, "%.*s", STR_ARG(debt->trip_id));
        l->why = *p->c->err;
    }
    return SPOOL_FAILED;
}

/* Trying again changes nothing: a person has to look. The record stays pending,
 * so `driveguardctl status` counts the trip and reconcile tries it again; only
 * this host's spool is rid of it. */
static enum spool_end set_trip_aside(struct pass *p, struct str trip_id)
{
    struct log_value space, why;

    log_line(LOG_ERROR, "trip_cannot_be_scored", "trip_id=%s reason=%s",
             log_quoted(trip_id, &space),
             log_quoted(str_of(p->c->err->text), &why));
    return SPOOL_SETTLED;
}

static void debt_passed(struct pass *p, const struct debt *debt)
{
    trouble_passed(&p->trouble);
    if (debt->user_id.n)
        pauses_over(p->s->drivers, debt->user_id);
}

/* What becomes of a trip's debt that ended so after a time. */
static enum spool_end debt_judge(struct pass *p, const struct call *c,
                                 const struct debt *debt, enum status st,
                                 int64_t took_ms)
{
    if (debt->pause_ms > 0)
        p->again_took += took_ms;
    if (st == ST_OK || st == ST_CORRUPT || st == ST_TOO_LARGE) {
        debt_passed(p, debt);
        return st == ST_OK ? SPOOL_SETTLED : set_trip_aside(p, debt->trip_id);
    }
    if (st == ST_BUSY && !strcmp(c->err->code, FINALIZE_UPLOAD_UNDER_WAY)) {
        debt_passed(p, debt);
        return SPOOL_FAILED; /* not left: it is scored, and will be again */
    }
    if (trouble_met(&p->trouble, c, st, took_ms) == TROUBLE_ALL)
        return SPOOL_UNTRIED;
    if (debt->user_id.n && outage_is(st))
        pauses_failed(p->s->drivers, debt->user_id, debt->trip_id, took_ms);
    return debt_failed(p, debt);
}

static enum spool_end trip_entry(void *ctx, const struct debt *debt)
{
    struct pass *p = ctx;
    int64_t began = clock_mono_ms();
    struct call c;
    enum status st;

    assert(debt->user_id.n);
    if (!debt_may(p, debt))
        return SPOOL_UNTRIED;
    c = debt_call(p, debt);
    st = finalize_pending(&c, debt->trip_id);
    /* Each trip may be large, and there may be thousands after an outage. */
    arena_reset(p->c->arena);
    return debt_judge(p, &c, debt, st, clock_mono_ms() - began);
}

/* Looks that are due may be thousands: the rest of a pass must not wait for
 * them, nor the debts that came meanwhile. */
static enum spool_end open_entry(void *ctx, const struct debt *debt)
{
    struct pass *p = ctx;
    int64_t began = clock_mono_ms();
    struct call c;
    enum status st;

    if (p->looks++ == 0)
        p->looks_end = deadline_in(LOOKS_MS);
    if (deadline_over(p->looks_end) || !debt_may(p, debt))
        return SPOOL_UNTRIED;
    c = debt_call(p, debt);
    st = abandoned_look(&c, debt->trip_id);
    arena_reset(p->c->arena);
    return debt_judge(p, &c, debt, st, clock_mono_ms() - began);
}

/* There is one cache: when it is away, it is so for all drivers. It says so in
 * the log itself. */
static enum spool_end token_entry(void *ctx, const struct debt *debt)
{
    struct pass *p = ctx;
    struct call c = debt_call(p, debt);
    struct err away = ERR_NONE;
    enum status st;

    if (p->cache != ST_OK)
        return SPOOL_UNTRIED;
    st = cache_replace_token(c.stores->cache, c.user_id, c.deadline, c.err);
    if (st == ST_OK)
        return SPOOL_SETTLED;
    p->cache = cache_check(c.stores->cache, c.deadline, &away);
    return p->cache == ST_OK ? debt_failed(p, debt) : SPOOL_UNTRIED;
}

/* Who works off what this host owes; each kind has somebody. */
static const spool_each entry_of[DEBT_KINDS] = {
    [DEBT_trip] = trip_entry,
    [DEBT_token] = token_entry,
    [DEBT_open] = open_entry,
};

/* ---- all of them ---- */

static void tell_left(const struct left *l)
{
    struct log_value user, trip, why;

    if (l->n)
        log_line(LOG_WARN, "debts_left",
                 "count=%lld user_id=%s trip_id=%s status=%s error=%s",
                 (long long)l->n, log_quoted(str_of(l->user_id), &user),
                 log_quoted(str_of(l->trip_id), &trip), status_name(l->why.st),
                 log_quoted(str_of(l->why.text), &why));
}

/* What a kind cannot do is no other's affair. */
static enum status work_off(struct pass *p)
{
    struct spool *spool = p->c->stores->spool;
    struct err why = ERR_NONE, *first = &why;

    for (enum debt_kind k = 0; k < DEBT_KINDS; k++) {
        assert(entry_of[k]);
        if (spool_work(spool, k, entry_of[k], p, first) != ST_OK)
            first = NULL;
    }
    if (p->again_took > AGAIN_MS)
        p->s->again_due_ms = clock_mono_ms() + PAUSE_SHARE * p->again_took;
    gauge_set(GAUGE_debts_failing, spool_failing(spool));
    tell_left(&p->left);
    *p->c->err = why;
    return why.st;
}

/* What the next pass has to wait for, if anything: not for single debts. */
static enum status pass_state(const struct pass *p)
{
    const struct trouble *t = &p->trouble;

    if (t->away) {
        *p->c->err = t->why;
        return t->why.st;
    }
    if (trouble_lasts(t) && t->passed == 0) {
        *p->c->err = p->left.why;
        return p->left.why.st;
    }
    return p->cache;
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

/* Also when something of the spool waits: that may be for Redis alone. What is
 * told is the first that went wrong. */
static enum status look_for_foreign(struct pass *p, enum status so_far)
{
    struct err err = ERR_NONE;
    struct call c = call_with(p->c, p->c->arena, &err);
    enum status st = foreign_step(p->s->foreign, &c);

    if (st == ST_OK || so_far != ST_OK)
        return so_far;
    *p->c->err = err;
    return st;
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
    struct pass p = {.c = c, .s = s};
    enum status st;

    maintenance_tidy(c->stores);
    agree_sometimes(s, c);
    st = work_off(&p);
    if (st == ST_OK)
        st = pass_state(&p);
    if (st == ST_OK)
        st = sweep_sometimes(s, c);
    if (c->stores->conf->migration_foreign_writers)
        st = look_for_foreign(&p, st);
    return st;
}
