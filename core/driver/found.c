#include "driver/found.h"

#include <assert.h>
#include <stdlib.h>
#include "base/log.h"
#include "base/stats.h"

int found_by_trip(const void *pa, const void *pb)
{
    const struct found *a = *(struct found *const *)pa;
    const struct found *b = *(struct found *const *)pb;
    int c = str_cmp(a->trip_id, b->trip_id);

    return c ? c : (a->end_ms > b->end_ms) - (a->end_ms < b->end_ms);
}

void found_report(struct str key, const struct err *why)
{
    stat_add(STAT_unreadable_trips, 1);
    log_err_of(LOG_ERROR, "trip_unreadable", "key", key, why);
}

/* ---- what was refused ---- */

/* The summary was had, whatever is in it. */
static bool summary_passed(const struct summary *s)
{
    switch (s->state) {
    case SUMMARY_READ:
    case SUMMARY_NEWER:
        return true;
    case SUMMARY_UNREADABLE:
        return s->etag.z[0] != '\0';
    case SUMMARY_ABSENT:
    case SUMMARY_REFUSED:
        break;
    }
    return false;
}

enum status found_judge_refused(struct roster_look *t)
{
    if (t->refusal.st == ST_OK && t->seen.state != SUMMARY_REFUSED)
        return ST_OK;
    if (!t->passed && !summary_passed(&t->seen)) {
        if (t->refusal.st == ST_OK)
            return err_set(t->call.err, ST_DENIED, "summary_refused",
                           "nothing of this driver may be read");
        *t->call.err = t->refusal;
        return t->refusal.st;
    }
    for (size_t i = 0; i < t->n; i++)
        if (t->found[i]->refused.n) {
            struct err why = ERR_NONE;

            (void)err_set(&why, t->refusal.st, t->refusal.code, "%.*s",
                          STR_ARG(t->found[i]->refused));
            found_report(t->found[i]->entry.key, &why);
        }
    if (t->seen.state == SUMMARY_REFUSED)
        t->seen.state = SUMMARY_UNREADABLE;
    return ST_OK;
}

/* ---- one object a trip ---- */

static int newest_end_first(const void *pa, const void *pb)
{
    const struct roster_trip *a = *(struct roster_trip *const *)pa;
    const struct roster_trip *b = *(struct roster_trip *const *)pb;
    int64_t ea = a->row.figures.end_us, eb = b->row.figures.end_us;

    if (ea != eb)
        return ea > eb ? -1 : 1;
    return str_cmp(a->row.trip_id, b->row.trip_id);
}

/* The latest readable one of the objects [from, to), all of one trip. */
static struct roster_trip *latest_of(struct found **found, size_t from,
                                     size_t to)
{
    struct roster_trip *latest = NULL;

    for (size_t i = from; i < to; i++) {
        struct roster_trip *trip = &found[i]->trip;

        assert(found[i]->counts);
        if (!trip->unreadable &&
            (!latest || summary_row_later(&trip->row, &latest->row)))
            latest = trip;
    }
    return latest;
}

void found_choose(struct roster_look *t, struct roster *out)
{
    /* Once more: rows that were not listed came behind the others. */
    if (t->n)
        qsort(t->found, t->n, sizeof *t->found, found_by_trip);
    out->trip = arena_alloc_n(t->call.arena, t->n + 1, sizeof *out->trip);
    for (size_t from = 0, to; from < t->n; from = to) {
        struct roster_trip *latest;

        for (to = from + 1; to < t->n && str_eq(t->found[to]->trip_id,
                                                t->found[from]->trip_id);)
            to++;
        latest = latest_of(t->found, from, to);
        if (latest)
            out->trip[out->n++] = latest;
        else
            out->unreadable++;
    }
    if (out->n)
        qsort(out->trip, out->n, sizeof *out->trip, newest_end_first);
    out->seen = t->seen;
}
