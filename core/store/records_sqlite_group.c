/*
 * records_sqlite_group.c - a batch stored, alone or with those of other
 * workers.
 *
 * Who leads a group (group_commit.h) writes all of its batches in one
 * transaction, as records_sqlite_batches.c writes one.
 */
#include "store/records_sqlite.h"

#include <assert.h>
#include "base/stats.h"

_Static_assert(sizeof(struct batch_stored) <= GROUP_RESULT_MAX,
               "what came of a batch fits a row's result");

static enum status store_alone(struct sql *sql, const struct batch *b,
                               int64_t now_us, struct deadline d,
                               struct arena *a, struct batch_stored *out,
                               struct err *err)
{
    enum status st = sql_begin(sql, d, err);

    return st == ST_OK
               ? sql_end(sql,
                         sqlite_store_batch(sql, b, now_us, d, a, out, err),
                         err)
               : st;
}

/* ---- those of all workers, committed together ---- */

/* A turn that does not come in this time is answered "try again": whoever leads
 * hangs. */
#define TURN_WAIT_MS 10000

/* A batch as it lies in the group's memory: this, and the texts behind it. */
struct packed {
    struct batch batch; /* its texts' pointers mean nothing */
    int64_t now_us;
};

#define PACKED_TEXTS 7

static void texts_of(struct batch *b, struct str *text[PACKED_TEXTS])
{
    struct str *all[PACKED_TEXTS] = {&b->batch_id, &b->trip_id, &b->user_id,
                                     &b->deltas,   &b->metrics, &b->statistics,
                                     &b->issues};

    memcpy(text, all, sizeof all);
}

static void unpack(struct str request, struct packed *out)
{
    struct str *text[PACKED_TEXTS];
    const char *at = request.p + sizeof *out;

    assert(request.n >= sizeof *out);
    memcpy(out, request.p, sizeof *out);
    texts_of(&out->batch, text);
    for (size_t i = 0; i < PACKED_TEXTS; i++) {
        text[i]->p = at;
        at += text[i]->n;
    }
    assert(at == request.p + request.n);
}

struct uploads { /* what a leader writes with */
    struct sql *sql;
    struct deadline deadline;
    struct arena *arena;
};

static enum status store_row(struct uploads *u, struct group_row *r, bool alone)
{
    struct packed p;
    struct batch_stored stored = {.completed = false};

    unpack(r->request, &p);
    err_clear(&r->err);
    r->st = (alone ? store_alone : sqlite_store_batch)(
        u->sql, &p.batch, p.now_us, u->deadline, u->arena, &stored, &r->err);
    memcpy(r->result, &stored, sizeof stored);
    arena_reset(u->arena);
    return r->st;
}

/* The file's, or its disk's: what is true of one row is true of all. */
static bool is_of_all(enum status st)
{
    return st == ST_UNAVAILABLE || st == ST_TIMEOUT || st == ST_DENIED;
}

static void refuse_all(struct group_row *row, size_t n, enum status st,
                       const struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        row[i].st = st;
        row[i].err = *err;
    }
}

/* ST_OK: each row has its outcome. Who is not the trip's owner is told so
 * before anything of his is written, and spoils nothing. */
static enum status store_together(struct uploads *u, struct group_row *row,
                                  size_t n, struct err *err)
{
    enum status st = sql_begin(u->sql, u->deadline, err);

    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < n && (st == ST_OK || st == ST_NOT_OWNER); i++) {
        st = store_row(u, &row[i], false);
        if (st != ST_OK)
            *err = row[i].err;
    }
    if (st == ST_NOT_OWNER)
        st = ST_OK;
    return sql_end(u->sql, st, err);
}

static void store_rows(void *ctx, struct group_row *row, size_t n)
{
    struct uploads *u = ctx;
    struct err err = ERR_NONE;
    enum status st = store_together(u, row, n, &err);

    stat_add(STAT_batch_groups, 1);
    if (st == ST_OK)
        return;
    /* One bad row: the others are not to suffer from it. */
    if (!is_of_all(st) && n > 1)
        for (size_t i = 0; i < n; i++)
            (void)store_row(u, &row[i], true);
    else
        refuse_all(row, n, st, &err);
}

static enum status store_in_group(struct uploads *u, const struct batch *b,
                                  int64_t now_us, struct batch_stored *out,
                                  struct err *err)
{
    struct packed p = {.batch = *b, .now_us = now_us};
    struct str *text[PACKED_TEXTS], part[1 + PACKED_TEXTS];
    unsigned char result[GROUP_RESULT_MAX];
    enum status st;

    texts_of(&p.batch, text);
    part[0] = (struct str){(const char *)&p, sizeof p};
    for (size_t i = 0; i < PACKED_TEXTS; i++)
        part[1 + i] = *text[i];
    st = sql_group(u->sql, part, 1 + PACKED_TEXTS,
                   deadline_sooner(u->deadline, TURN_WAIT_MS), store_rows, u,
                   result, err);
    if (st == ST_OK)
        memcpy(out, result, sizeof *out);
    return st;
}

enum status sqlite_batch_store(struct records *r, const struct batch *b,
                               int64_t now_us, struct deadline d,
                               struct batch_stored *out, struct err *err)
{
    struct uploads u = {sql_of(r), d, arena_new(0)};
    enum status st = sql_shared(u.sql)
                         ? store_in_group(&u, b, now_us, out, err)
                         : store_alone(u.sql, b, now_us, d, u.arena, out, err);

    arena_free(&u.arena);
    return st;
}
