/*
 * The life of a packing: the plan -> numbers for the new packs, of which a
 * listing says that they are free -> pack after pack: its texts, PUT -> the
 * summary's rows name them. Until that last step nobody looks at what is new.
 */
#include "driver/packing.h"

#include <assert.h>
#include "base/fault.h"
#include "base/log.h"
#include "base/random.h"
#include "base/stats.h"
#include "driver/pack.h"
#include "driver/texts.h"
#include "store/keys.h"

/* A packer that was overtaken so often leaves it to the next run: its packs are
 * not named, so nobody misses them. */
#define SUMMARY_TRIES 5
#define FAILED_ROW 2

/* Until it is packed a text is had from the summary, so there must be room for
 * all that are loose when packing is due. */
static_assert(SUMMARY_RECENT_MAX >= PACKING_DUE, "loose texts fit the summary");
static_assert(2 * PACKING_BYTES < PACK_MAX, "a planned pack fits its object");

struct work {
    struct call run; /* its deadline is the packs' */
    struct call one; /* its arena is that of one pack, one summary */
    struct summary *sum;
    struct packing_plan plan;
    struct packs_here here;
    bool listed;     /* here is filled in */
    int64_t *before; /* in which pack each row was */
    size_t written;
    struct err err;
};

/* That others were quicker is nothing to warn of. */
static void packing_failed(struct work *w, const char *event, size_t packs)
{
    enum log_level level = summary_overtaken(w->err.st) ? LOG_INFO : LOG_WARN;

    stat_add(STAT_packs_failed, packs);
    log_err_of(level, event, "user_id", w->run.user_id, &w->err);
    err_clear(&w->err);
}

/* ---- numbers for new packs ---- */

/* Which numbers up to most are taken: a row names them, or whoever has just
 * written them may be about to say so. */
static const bool *taken_numbers(struct work *w, size_t most)
{
    bool *taken = arena_alloc_n(w->run.arena, most + 1, sizeof *taken);

    for (size_t i = 0; i < w->sum->n; i++) {
        int64_t number = w->sum->row[i].pack;

        assert(number >= PACK_NONE); /* PACK_HERE is in the bytes only */
        if (number <= (int64_t)most)
            taken[number] = true;
    }
    for (size_t i = 0; i < w->here.n; i++) {
        const struct pack_here *p = &w->here.pack[i];

        assert(p->number > PACK_NONE);
        if (p->number <= (int64_t)most &&
            !stores_quiet(w->run.stores, p->modified_us))
            taken[p->number] = true;
    }
    return taken;
}

static enum status list_packs(struct work *w)
{
    enum status st;

    if (w->listed)
        return ST_OK;
    st = packs_list(&w->run, &w->here);
    w->listed = st == ST_OK;
    return st;
}

static bool has_new_packs(const struct packing_plan *plan)
{
    size_t n = 0;

    for (size_t i = 0; i < plan->n; i++)
        n += plan->pack[i].number == PACK_NONE;
    return n > 0;
}

static enum status choose_numbers(struct work *w)
{
    const bool *taken;
    int64_t next = 1;
    size_t most;
    enum status st;

    if (!has_new_packs(&w->plan))
        return ST_OK;
    if ((st = list_packs(w)) != ST_OK)
        return st;
    /* Each row and each pack that is there takes one number at most, so there
     * is one for every new pack up to here. */
    most = w->sum->n + w->here.n + w->plan.n;
    taken = taken_numbers(w, most);
    for (size_t i = 0; i < w->plan.n; i++) {
        if (w->plan.pack[i].number != PACK_NONE)
            continue;
        while (taken[next])
            next++;
        assert(next <= (int64_t)most);
        w->plan.pack[i].number = next++;
    }
    return ST_OK;
}

/* ---- a pack ---- */

static size_t entries_of(const struct text_want *want, size_t rows,
                         struct pack_entry *out)
{
    size_t n = 0;

    for (size_t i = 0; i < rows; i++)
        if (want[i].text.deflate.n)
            out[n++] = (struct pack_entry){.trip_id = want[i].row->trip_id,
                                           .end_ms = want[i].row->end_ms,
                                           .etag = want[i].row->etag,
                                           .text = want[i].text};
    return n;
}

static enum status store_pack(struct work *w, const struct planned_pack *p,
                              const struct packing_texts *texts)
{
    struct pack_entry *entry = arena_alloc_n(w->one.arena, p->n, sizeof *entry);
    size_t n = entries_of(texts->want, p->n, entry);
    enum object_condition cond = texts->version.z[0] ? COND_MATCH : COND_ABSENT;
    struct etag written;
    struct buf body;
    enum status st;

    assert(p->number != PACK_NONE);
    /* None of its texts is to be had: an empty pack would be named by nobody.
     */
    if (!n)
        return ST_OK;
    if (fault_point("packing.before_pack"))
        return err_set(&w->err, ST_UNAVAILABLE, NULL, "fault point");
    buf_init(&body, PACK_MAX);
    pack_print(entry, n, w->run.user_id, &body);
    if (!buf_ok(&body))
        st = err_set(&w->err, ST_TOO_LARGE, NULL, "a pack of %zu trips", n);
    else
        st = objects_put_derived(
            w->run.stores->objects,
            key_pack(w->one.arena, w->run.user_id, p->number), buf_str(&body),
            cond, &texts->version, w->run.deadline, &written, &w->err);
    buf_free(&body);
    w->written += st == ST_OK;
    return st;
}

static void name_pack(const struct planned_pack *p,
                      const struct text_want *want)
{
    for (size_t i = 0; i < p->n; i++) {
        bool in = want[i].text.deflate.n > 0;

        assert(want[i].row == p->row[i]);
        p->row[i]->pack = in ? p->number : PACK_NONE;
        if (in) /* the summary need not hold it any more */
            p->row[i]->fragment = STR_NONE;
    }
}

/* Of one that is new, or that could not be read, the listing knows which
 * version lies there, if any. */
static enum status see_version(struct work *w, int64_t number,
                               struct etag *version)
{
    const struct pack_here *there;
    enum status st;

    if (version->z[0])
        return ST_OK;
    if ((st = list_packs(w)) != ST_OK)
        return st;
    if ((there = packs_find(&w->here, number)) != NULL)
        *version = there->etag;
    return ST_OK;
}

static enum status write_pack(struct work *w, const struct planned_pack *p)
{
    struct packing_texts texts;
    enum status st;

    arena_reset(w->one.arena);
    if (fault_point("packing.before_texts"))
        return err_set(&w->err, ST_UNAVAILABLE, NULL, "fault point");
    st = packing_texts(&w->one, p, &texts);
    if (st != ST_OK ||
        (st = see_version(w, p->number, &texts.version)) != ST_OK ||
        (st = store_pack(w, p, &texts)) != ST_OK)
        return st;
    /* Only now: a row that names a pack which was not written costs its readers
     * a round. */
    name_pack(p, texts.want);
    return ST_OK;
}

/* One that cannot be written keeps no other: it would be the first in the next
 * run, too. So many in a row are the store's. When the time is over, which is
 * no failure, the next run does the rest. */
static void write_packs(struct work *w)
{
    int failed = 0; /* in a row */

    if (choose_numbers(w) != ST_OK) {
        packing_failed(w, "pack_not_written", 1);
        return;
    }
    for (size_t i = 0; i < w->plan.n && failed < FAILED_ROW &&
                       !deadline_over(w->run.deadline);
         i++) {
        if (write_pack(w, &w->plan.pack[i]) == ST_OK) {
            failed = 0;
            continue;
        }
        packing_failed(w, "pack_not_written", 1);
        failed++;
    }
}

/* ---- the summary ---- */

/* Into a summary that somebody else wrote meanwhile: rows that he has, too, and
 * that were in the same pack for him. True if there is any. */
static bool carry_over(const struct work *w, struct summary *now)
{
    bool any = false;

    for (size_t i = 0; i < w->sum->n; i++) {
        const struct summary_row *mine = &w->sum->row[i];
        struct summary_row *row;

        if (mine->pack == w->before[i])
            continue; /* this run has nothing to say of it */
        row = summary_find(now, mine->trip_id);
        /* He may have a later analysis of the trip, or a pack of his own. */
        if (!row || !summary_row_is_of(row, mine->end_ms, &mine->etag) ||
            row->pack != w->before[i])
            continue;
        row->pack = mine->pack;
        any = true;
    }
    return any;
}

static enum status name_in_summary(struct work *w, struct deadline d)
{
    struct call tell = w->one;
    struct summary now, *sum = w->sum;
    enum status st;

    assert(w->written);
    tell.deadline = d;
    if (fault_point("packing.before_summary"))
        return err_set(&w->err, ST_UNAVAILABLE, NULL, "fault point");
    for (uint32_t tries = 1;; tries++) {
        st = summary_write(&tell, sum);
        if (!summary_overtaken(st))
            return st;
        stat_add(STAT_summary_conflicts, 1);
        if (tries == SUMMARY_TRIES)
            return st;
        err_clear(&w->err);
        /* Up to 32 ms, so that two packers do not meet again and again. */
        clock_sleep_ms(random_below(8 * tries) + 1);
        arena_reset(w->one.arena);
        st = summary_read(&tell, &now);
        if (st != ST_OK)
            return st;
        if (!carry_over(w, &now))
            return err_set(&w->err, ST_BUSY, NULL,
                           "another packed these trips");
        sum = &now;
    }
}

/* ---- the run ---- */

static void pack_all(struct work *w, struct deadline d)
{
    for (size_t i = 0; i < w->sum->n; i++)
        w->before[i] = w->sum->row[i].pack;
    packing_plan(w->sum, w->run.arena, &w->plan);
    /* What was written before a failure is named all the same: it is whole. */
    write_packs(w);
    if (!w->written)
        return;
    if (name_in_summary(w, d) == ST_OK)
        stat_add(STAT_packs_written, w->written);
    else
        packing_failed(w, "packs_not_named", w->written);
}

void packing_run(const struct call *c, struct summary *sum)
{
    struct work w = {.sum = sum, .err = ERR_NONE};
    /* What is written must be named before it counts as quiet. */
    struct deadline d =
        deadline_sooner(c->deadline, c->stores->conf->server_request_timeout);

    if (!summary_is_ours(sum) || packing_loose(sum) < PACKING_DUE)
        return;
    assert(c->user_id.n && sum->etag.z[0]); /* rows come from an object */
    w.run = call_with(c, arena_new(0), &w.err);
    w.run.deadline = deadline_sooner(d, deadline_left_ms(d) * 2 / 3);
    w.one = call_with(&w.run, arena_new(0), &w.err);
    w.before = arena_alloc_n(w.run.arena, sum->n, sizeof *w.before);
    pack_all(&w, d);
    arena_free(&w.one.arena);
    arena_free(&w.run.arena);
}

static void run_now(void *ctx, const struct call *c)
{
    packing_run(c, ctx);
}

void packing_later(const struct call *c, const struct summary *sum)
{
    size_t loose = packing_loose(sum);
    struct summary *own;

    if (!loose || loose % PACKING_DUE)
        return;
    /* The caller's struct may be on his stack, which is gone by then. */
    own = arena_alloc(c->arena, sizeof *own);
    *own = *sum;
    call_later(c, run_now, own);
}
