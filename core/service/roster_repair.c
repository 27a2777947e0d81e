/* The summary is written anew when it does not say what the roster says. */
#include <stdlib.h>
#include "base/fault.h"
#include "base/log.h"
#include "base/stats.h"
#include "service/roster.h"

static bool says_the_same(const struct summary *seen, const struct roster *r,
                          size_t readable)
{
    if (seen->n != readable)
        return false;
    for (size_t i = 0; i < r->n; i++) {
        const struct roster_trip *t = r->trip[i];
        const struct summary_row *row = summary_find(seen, t->row.trip_id);

        if (t->unreadable)
            continue;
        if (!row || row->end_ms != t->row.end_ms ||
            row->revision != t->row.revision || row->size != t->row.size ||
            t->restated || strcmp(row->etag.z, t->row.etag.z) != 0)
            return false;
    }
    return true;
}

static int row_by_trip(const void *a, const void *b)
{
    return str_cmp(((const struct summary_row *)a)->trip_id,
                   ((const struct summary_row *)b)->trip_id);
}

/* With the text, for the summary's own use or for a pack's. */
static struct summary_row row_of(const struct roster_trip *t)
{
    struct summary_row row = t->row;

    row.fragment = t->text.deflate;
    return row;
}

void roster_repair(struct service *s, struct str user_id,
                   const struct roster *r, struct deadline d, struct arena *a)
{
    struct summary sum = {.etag = r->seen.etag};
    struct err err = ERR_NONE;
    size_t readable = 0;
    enum status st;

    for (size_t i = 0; i < r->n; i++)
        readable += !r->trip[i]->unreadable;
    if (r->seen.newer || says_the_same(&r->seen, r, readable))
        return;
    sum.row = arena_alloc_n(a, readable + 1, sizeof *sum.row);
    for (size_t i = 0; i < r->n; i++)
        if (!r->trip[i]->unreadable)
            sum.row[sum.n++] = row_of(r->trip[i]);
    if (sum.n)
        qsort(sum.row, sum.n, sizeof *sum.row, row_by_trip);
    if (fault_point("roster.before_repair"))
        st = err_set(&err, ST_UNAVAILABLE, NULL, "fault point");
    else
        st = summary_write(s, user_id, &sum, d, a, &err);
    if (st == ST_OK)
        stat_add(STAT_summary_repairs, 1);
    else if (st == ST_PRECONDITION || st == ST_BUSY || st == ST_NOT_FOUND)
        stat_add(STAT_summary_conflicts, 1);
    else
        log_err(LOG_WARN, "summary_not_repaired", &err);
}

struct repair {
    struct service *s;
    struct arena *a;
    struct str user_id;
    struct roster roster;
};

static void repair_now(void *ctx, struct deadline d)
{
    struct repair *p = ctx;

    roster_repair(p->s, p->user_id, &p->roster, d, p->a);
}

void roster_repair_later(struct service *s, const struct call *c,
                         struct str user_id, const struct roster *r)
{
    struct repair *p = arena_alloc(c->arena, sizeof *p);

    *p = (struct repair){.s = s,
                         .a = c->arena,
                         .user_id = arena_copy(c->arena, user_id),
                         .roster = *r};
    call_later(c, repair_now, p);
}
