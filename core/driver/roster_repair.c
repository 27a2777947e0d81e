/* The summary is written anew when it does not say what the roster says; then
 * what is loose is packed. */
#include <stdlib.h>
#include "base/fault.h"
#include "base/log.h"
#include "base/stats.h"
#include "driver/packing.h"
#include "driver/roster.h"

/* a: as seen. A text in it that the reading did not accept is to go. */
static bool is_same_row(const struct summary_row *a,
                        const struct summary_row *b)
{
    return str_eq(a->trip_id, b->trip_id) &&
           summary_row_is_of(a, b->end_ms, &b->etag) &&
           (!a->fragment.n || b->fragment.n) && a->revision == b->revision &&
           a->size == b->size && a->length == b->length && a->crc == b->crc &&
           a->deflate == b->deflate && a->pack == b->pack &&
           summary_row_lacks(a) == summary_row_lacks(b);
}

static bool says_the_same(const struct summary *seen, const struct summary *now)
{
    if (seen->n != now->n)
        return false;
    /* Place by place: both are sorted by trip, and no trip is in one twice. */
    for (size_t i = 0; i < now->n; i++)
        if (!is_same_row(&seen->row[i], &now->row[i]))
            return false;
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

    /* Not one that the reading has found to be another's. */
    row.fragment =
        (int64_t)t->text.deflate.n == row.deflate ? t->text.deflate : STR_NONE;
    return row;
}

static struct summary summary_of(const struct roster *r, struct arena *a)
{
    struct summary sum = {.state = r->seen.state,
                          .etag = r->seen.etag,
                          .other = r->seen.other,
                          .others = r->seen.others};

    sum.row = arena_alloc_n(a, r->n + 1, sizeof *sum.row);
    for (size_t i = 0; i < r->n; i++)
        /* A row for what cannot be read would stand for it: nobody would look
         * again when it is mended. */
        if (!r->trip[i]->unreadable)
            sum.row[sum.n++] = row_of(r->trip[i]);
    if (sum.n)
        qsort(sum.row, sum.n, sizeof *sum.row, row_by_trip);
    return sum;
}

static bool write_repaired(const struct call *c, struct summary *sum)
{
    struct err err = ERR_NONE;
    struct call writing = call_with(c, c->arena, &err);
    enum status st;

    if (fault_point("roster.before_repair"))
        st = err_set(&err, ST_UNAVAILABLE, NULL, "fault point");
    else
        st = summary_write(&writing, sum);
    if (st == ST_OK)
        stat_add(STAT_summary_repairs, 1);
    /* No second try: whoever wrote meanwhile knew more, and the next read
     * compares anew. */
    else if (summary_overtaken(st))
        stat_add(STAT_summary_conflicts, 1);
    else
        log_err(LOG_WARN, "summary_not_repaired", &err);
    return st == ST_OK;
}

/* A slow client's answer was long under way: others may have packed since. */
static bool is_fresh(const struct call *c, const struct roster *r)
{
    return clock_wall_us() / 1000 - r->read_began_ms <
           c->stores->conf->server_request_timeout;
}

void roster_repair(const struct call *c, const struct roster *r)
{
    struct summary sum = summary_of(r, c->arena);
    bool now;

    /* What it says cannot be read, so not compared either. */
    if (!summary_is_ours(&r->seen))
        return;
    now = says_the_same(&r->seen, &sum) ? is_fresh(c, r)
                                        : write_repaired(c, &sum);
    if (now)
        packing_run(c, &sum);
}

static void repair_now(void *ctx, const struct call *c)
{
    roster_repair(c, ctx);
}

void roster_repair_later(const struct call *c, const struct roster *r)
{
    struct roster *own = arena_alloc(c->arena, sizeof *own);

    *own = *r;
    call_later(c, repair_now, own);
}
