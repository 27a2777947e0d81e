/*
 * records_sqlite_walk.c - all trips once, by ranges of their ids.
 *
 * A position is "AFTER NUL UNTIL": the range (AFTER, UNTIL] is left, UNTIL
 * empty being the end of the table. Where the ranges part is decided at the
 * first step, from the ids that are there; whatever these are, the ranges have
 * no gap.
 */
#include "store/records_sqlite.h"

#define PAGE 200

struct walk_page {
    struct trip_seen trip[PAGE];
    size_t n;
};

static enum status walk_trip_count(struct sql *sql, struct deadline d,
                                   int64_t *out, struct err *err)
{
    struct sql_query q;
    bool row = false;
    enum status st = sql_query(sql, Q_TRIP_COUNT, d, &q, err);

    if (st == ST_OK)
        st = sql_step(&q, &row, err);
    *out = row ? sql_int(&q, 0) : 0;
    sql_done(&q);
    return st;
}

/* The id of that trip of the table, or an empty one when it has fewer. */
static enum status walk_trip_at(struct sql *sql, int64_t offset,
                                struct deadline d, struct arena *a,
                                struct str *out, struct err *err)
{
    struct sql_query q;
    bool row = false;
    enum status st = sql_query(sql, Q_TRIP_AT, d, &q, err);

    if (st == ST_OK) {
        sql_bind_int(&q, offset);
        st = sql_step(&q, &row, err);
    }
    *out = row ? sql_str(&q, 0, a) : STR_NONE;
    sql_done(&q);
    return st;
}

static void walk_move(struct trip_walk *w, int segment, struct str after,
                      struct str until, struct arena *a)
{
    char *at = arena_alloc(a, after.n + 1 + until.n);

    if (after.n)
        memcpy(at, after.p, after.n);
    if (until.n)
        memcpy(at + after.n + 1, until.p, until.n);
    trip_walk_move(w, segment, (struct str){at, after.n + 1 + until.n});
}

/* Where the segments begin and end. Of a small table the first has it all. */
static enum status walk_begin(struct sql *sql, struct trip_walk *w,
                              struct deadline d, struct arena *a,
                              struct err *err)
{
    int n = trip_walk_segments(w);
    struct str bound[WALK_SEGMENTS_MAX + 1] = {STR_NONE};
    int64_t count = 0;
    enum status st = walk_trip_count(sql, d, &count, err);

    for (int i = 1; st == ST_OK && i < n && count > PAGE; i++)
        st = walk_trip_at(sql, count / n * i, d, a, &bound[i], err);
    if (st != ST_OK)
        return st;
    for (int i = 0; i < n; i++)
        if (i == 0 || bound[i].n)
            walk_move(w, i, bound[i], bound[i + 1], a);
        else
            trip_walk_end(w, i);
    return ST_OK;
}

/* All segments or none: a position of ours names every range. */
static enum status walk_begin_once(struct sql *sql, struct trip_walk *w,
                                   struct deadline d, struct arena *a,
                                   struct err *err)
{
    int n = trip_walk_segments(w), begun = 0;

    for (int i = 0; i < n; i++) {
        struct str at = trip_walk_position(w, i);

        begun += trip_walk_begun(w, i);
        if (at.n && !memchr(at.p, '\0', at.n))
            return walk_other_store(err);
    }
    if (begun == 0)
        return walk_begin(sql, w, d, a, err);
    return begun == n ? ST_OK : walk_other_store(err);
}

static void walk_read_trip(const struct sql_query *q, struct arena *a,
                           struct trip_seen *t)
{
    struct trip all = {.end_us = TIME_NONE};

    *t = (struct trip_seen){.trip_id = sql_str(q, 0, a),
                            .user_id = sql_str(q, 1, a),
                            .end_us = TIME_NONE,
                            .updated_us = TIME_NONE};
    t->readable = trip_status_parse(sql_str(q, 2, a), &all.status) &&
                  analysis_status_parse(sql_str(q, 3, a), &all.analysis_status);
    if (!t->readable)
        return;
    all.end_us = sql_time(q, 4);
    all.revision = sql_int(q, 5);
    all.total_batches = sql_int(q, 6);
    all.claimed_batches = sql_int(q, 7);
    all.analysis_key = sql_str(q, 8, a);
    all.updated_us = sql_time(q, 9);
    trip_seen_of(&all, t);
}

static enum status walk_read_page(struct sql *sql, struct str after,
                                  struct str until, struct deadline d,
                                  struct arena *a, struct walk_page *out,
                                  struct err *err)
{
    struct sql_query q;
    bool row = true;
    enum status st = sql_query(sql, Q_WALK_AFTER, d, &q, err);

    out->n = 0;
    if (st == ST_OK) {
        sql_bind_key(&q, after);
        sql_bind_key(&q, until);
        sql_bind_int(&q, PAGE);
    }
    while (st == ST_OK && row) {
        st = sql_step(&q, &row, err);
        if (st == ST_OK && row)
            walk_read_trip(&q, a, &out->trip[out->n++]);
    }
    sql_done(&q);
    return st;
}

static enum status segment_walk(struct records *r, struct trip_walk *w,
                                int segment, struct deadline d, struct arena *a,
                                records_trip_seen each, void *ctx,
                                struct err *err)
{
    struct walk_page *page = arena_alloc(a, sizeof *page);
    struct str after = arena_copy(a, trip_walk_position(w, segment)), until;
    enum status st;

    until = after;
    after.n = strnlen(after.p, after.n);
    until.p += after.n + 1;
    until.n -= after.n + 1;
    st = walk_read_page(sql_of(r), after, until, d, a, page, err);
    for (size_t i = 0; st == ST_OK && i < page->n; i++)
        st = each(ctx, &page->trip[i]);
    if (st != ST_OK)
        return st;
    trip_walk_count(w, (int64_t)page->n);
    if (page->n < PAGE)
        trip_walk_end(w, segment);
    else
        walk_move(w, segment, page->trip[PAGE - 1].trip_id, until, a);
    return ST_OK;
}

enum status sqlite_walk(struct records *r, struct trip_walk *w,
                        struct deadline d, records_trip_seen each, void *ctx,
                        struct err *err)
{
    struct arena *a = arena_new(256 * 1024);
    enum status st = walk_begin_once(sql_of(r), w, d, a, err);

    for (int i = 0; st == ST_OK && i < trip_walk_segments(w); i++) {
        if (trip_walk_ended(w, i))
            continue;
        arena_reset(a);
        st = segment_walk(r, w, i, d, a, each, ctx, err);
    }
    arena_free(&a);
    return st;
}
