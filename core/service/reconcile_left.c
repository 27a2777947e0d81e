#include "service/reconcile_impl.h"

#include <stdio.h>
#include "base/log.h"

static void reconcile_leave(struct reconcile_report *r, struct str user_id,
                            const struct err *why)
{
    struct reconcile_left *l;

    if (r->drivers_left++ >= RECONCILE_LEFT)
        return;
    l = &r->left[r->drivers_left - 1];
    snprintf(l->user_id, sizeof l->user_id, "%.*s", STR_ARG(user_id));
    snprintf(l->why, sizeof l->why, "%.*s", (int)sizeof l->why - 1, why->text);
}

bool reconcile_is_over(const struct work *w)
{
    return w->trouble.away ||
           (w->trouble.row > 1 && w->trouble.row_ms >= TROUBLE_ROW_MS);
}

static int64_t reconcile_took(struct work *w)
{
    int64_t now = clock_mono_ms(), took = now - w->step_ms;

    w->step_ms = now;
    return took;
}

void reconcile_passed(struct work *w)
{
    w->step_ms = clock_mono_ms();
    trouble_passed(&w->trouble);
}

void reconcile_failed(struct work *w, const char *what, struct str trip_id)
{
    (void)trouble_met(&w->trouble, &w->call, w->call.err->st,
                      reconcile_took(w));
    w->report->failures++;
    err_add(w->call.err, "%s", what);
    if (w->why.st == ST_OK)
        w->why = *w->call.err;
    log_err_of(LOG_WARN, "reconcile_failed", "trip_id", trip_id, w->call.err);
    err_clear(w->call.err);
}

void reconcile_early(struct work *w, const char *what, struct str trip_id,
                     int64_t in_ms)
{
    struct reconcile_report *r = w->report;

    r->early++;
    if (in_ms > r->early_ms)
        r->early_ms = in_ms;
    err_add(w->call.err, "%s, too early", what);
    log_err_of(LOG_INFO, "reconcile_too_early", "trip_id", trip_id,
               w->call.err);
    err_clear(w->call.err);
}

enum status reconcile_ended(struct work *w, enum status st)
{
    struct reconcile_report *r = w->report;

    if (st != ST_OK && !w->trouble.away)
        (void)trouble_met(&w->trouble, &w->call, st, reconcile_took(w));
    if (w->trouble.away) {
        r->away = true;
        *w->call.err = w->trouble.why;
        st = w->trouble.why.st;
    }
    if (w->why.st == ST_OK && st != ST_OK)
        w->why = *w->call.err;
    if (w->why.st != ST_OK && !r->away)
        reconcile_leave(r, w->call.user_id, &w->why);
    return st;
}
