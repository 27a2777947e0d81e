/*
 * records_sqlite_group.c - batches stored, trips claimed and their claims
 * ended, alone or with those of other workers.
 *
 * Who leads a group (group_commit.h) does all of its writes in one
 * transaction, each as records_sqlite_{batches,trips}.c does one. What is
 * done twice comes to the same: a batch is a repeat, a claim is another claim
 * of the same client, and a claim that has ended ends so again.
 */
#include "store/records_sqlite.h"

#include <assert.h>
#include "base/fault.h"
#include "base/stats.h"
#include "store/outage.h"

/* A turn that does not come in this time is answered "try again": whoever leads
 * hangs. */
#define TURN_WAIT_MS 10000

/* ---- a write, and what comes of it ---- */

struct batch_write {
    struct batch batch;
    int64_t now_us;
};

struct claim_end {
    struct str trip_id, key;
    int64_t revision;
    enum analysis_status as;
};

struct row_write {
    enum { WRITE_BATCH, WRITE_CLAIM, WRITE_END } kind;
    union {
        struct batch_write store;
        struct trip_claim claim;
        struct claim_end end;
    };
};

#define ANALYSIS_KEY_MAX 480 /* of a claimed trip, which had one before */

struct claimed {
    struct trip trip; /* its texts' pointers mean nothing */
    char key[ANALYSIS_KEY_MAX];
};

union row_result {
    struct batch_stored stored;
    struct claimed claimed;
    unsigned char bytes[GROUP_RESULT_MAX];
};
_Static_assert(sizeof(union row_result) == GROUP_RESULT_MAX,
               "what came of a write fits a row's result");

/* ---- a write as it lies in the group's memory: it, and its texts ---- */

#define WRITE_TEXTS 7 /* at most */

static size_t texts_of(struct row_write *w, struct str *text[WRITE_TEXTS])
{
    size_t n = 0;

    switch (w->kind) {
    case WRITE_BATCH:
        text[n++] = &w->store.batch.batch_id;
        text[n++] = &w->store.batch.trip_id;
        text[n++] = &w->store.batch.user_id;
        text[n++] = &w->store.batch.deltas;
        text[n++] = &w->store.batch.metrics;
        text[n++] = &w->store.batch.statistics;
        text[n++] = &w->store.batch.issues;
        break;
    case WRITE_CLAIM:
        text[n++] = &w->claim.trip_id;
        text[n++] = &w->claim.user_id;
        text[n++] = &w->claim.trip_quality;
        break;
    case WRITE_END:
        text[n++] = &w->end.trip_id;
        text[n++] = &w->end.key;
        break;
    }
    return n;
}

static void row_unpack(struct str request, struct row_write *out)
{
    struct str *text[WRITE_TEXTS];
    const char *at = request.p + sizeof *out;
    size_t n;

    assert(request.n >= sizeof *out);
    memcpy(out, request.p, sizeof *out);
    n = texts_of(out, text);
    for (size_t i = 0; i < n; i++) {
        text[i]->p = at;
        at += text[i]->n;
    }
    assert(at == request.p + request.n);
}

/* ---- what a leader does ---- */

struct writing { /* what a leader writes with */
    struct sql *sql;
    struct deadline deadline;
    struct arena *arena;
};

/* In a transaction. A key that has no room in the answer is told after the
 * claim: who asked then claims once more, alone. */
static enum status claim_row(struct writing *u, const struct trip_claim *c,
                             struct claimed *out, struct err *err)
{
    struct trip trip;
    enum status st = sqlite_claim(u->sql, c, u->deadline, u->arena, &trip, err);

    if (st != ST_OK)
        return st;
    if (trip.analysis_key.n > sizeof out->key)
        return err_set(err, ST_TOO_LARGE, NULL,
                       "the trip's analysis_key is too long");
    out->trip = trip;
    if (trip.analysis_key.n)
        memcpy(out->key, trip.analysis_key.p, trip.analysis_key.n);
    return ST_OK;
}

static enum status write_row(struct writing *u, const struct row_write *w,
                             union row_result *out, struct err *err)
{
    switch (w->kind) {
    case WRITE_BATCH:
        return sqlite_store_batch(u->sql, &w->store.batch, w->store.now_us,
                                  u->deadline, u->arena, &out->stored, err);
    case WRITE_CLAIM:
        return claim_row(u, &w->claim, &out->claimed, err);
    case WRITE_END:
        break;
    }
    return sqlite_settle(u->sql, w->end.trip_id, w->end.revision,
                         w->end.revision, w->end.as, w->end.key, TIME_NONE,
                         u->deadline, err);
}

static enum status write_alone(struct writing *u, const struct row_write *w,
                               union row_result *out, struct err *err)
{
    enum status st = sql_begin(u->sql, u->deadline, err);

    return st == ST_OK ? sql_end(u->sql, write_row(u, w, out, err), err) : st;
}

static enum status do_row(struct writing *u, struct group_row *r, bool alone)
{
    union row_result result = {.bytes = {0}};
    struct row_write w;

    row_unpack(r->request, &w);
    err_clear(&r->err);
    r->st = (alone ? write_alone : write_row)(u, &w, &result, &r->err);
    memcpy(r->result, &result, sizeof result);
    arena_reset(u->arena);
    return r->st;
}

static void refuse_all(struct group_row *row, size_t n, enum status st,
                       const struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        row[i].st = st;
        row[i].err = *err;
    }
}

/* What is told before anything of the row is written spoils nothing. (A claim
 * of which ST_TOO_LARGE is told was written: claim_row.) */
static bool is_refusal(enum status st, const struct group_row *r)
{
    struct row_write w;

    row_unpack(r->request, &w);
    return st == ST_NOT_OWNER || st == ST_NOT_FOUND || st == ST_PRECONDITION ||
           (st == ST_TOO_LARGE && w.kind == WRITE_BATCH);
}

/* ST_OK: each row has its outcome. */
static enum status write_together(struct writing *u, struct group_row *row,
                                  size_t n, struct err *err)
{
    enum status st = sql_begin(u->sql, u->deadline, err);

    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        st = do_row(u, &row[i], false);
        if (st == ST_OK)
            continue;
        *err = row[i].err;
        if (is_refusal(st, &row[i]))
            st = ST_OK;
    }
    return sql_end(u->sql, st, err);
}

static bool has_batch(const struct group_row *row, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct row_write w;

        row_unpack(row[i].request, &w);
        if (w.kind == WRITE_BATCH)
            return true;
    }
    return false;
}

static void write_rows(void *ctx, struct group_row *row, size_t n)
{
    struct writing *u = ctx;
    struct err err = ERR_NONE;
    enum status st = write_together(u, row, n, &err);

    if (has_batch(row, n))
        stat_add(STAT_batch_groups, 1);
    if (st == ST_OK)
        return;
    /* One bad row: the others are not to suffer from it. An outage is the
     * file's, or its disk's: what is true of one row is true of all. */
    if (!outage_is(st) && n > 1)
        for (size_t i = 0; i < n; i++)
            (void)do_row(u, &row[i], true);
    else
        refuse_all(row, n, st, &err);
}

/* ---- what a worker asks for ---- */

static enum status write_in_group(struct writing *u, struct row_write *w,
                                  union row_result *out, struct err *err)
{
    struct str *text[WRITE_TEXTS], part[1 + WRITE_TEXTS];
    size_t n = texts_of(w, text);

    part[0] = (struct str){(const char *)w, sizeof *w};
    for (size_t i = 0; i < n; i++)
        part[1 + i] = *text[i];
    return sql_group(u->sql, part, 1 + n,
                     deadline_sooner(u->deadline, TURN_WAIT_MS), write_rows, u,
                     out->bytes, err);
}

static enum status write_for(struct records *r, struct row_write *w,
                             struct deadline d, union row_result *out,
                             struct err *err)
{
    struct writing u = {sql_of(r), d, arena_new(0)};
    enum status st = sql_shared(u.sql) ? write_in_group(&u, w, out, err)
                                       : write_alone(&u, w, out, err);

    arena_free(&u.arena);
    return st;
}

enum status sqlite_batch_store(struct records *r, const struct batch *b,
                               int64_t now_us, struct deadline d,
                               struct batch_stored *out, struct err *err)
{
    struct row_write w = {.kind = WRITE_BATCH,
                          .store = {.batch = *b, .now_us = now_us}};
    union row_result result;
    enum status st = write_for(r, &w, d, &result, err);

    if (st == ST_OK)
        *out = result.stored;
    return st;
}

static enum status claim_alone(struct sql *sql, const struct trip_claim *c,
                               struct deadline d, struct arena *a,
                               struct trip *out, struct err *err)
{
    enum status st = sql_begin(sql, d, err);

    return st == ST_OK ? sql_end(sql, sqlite_claim(sql, c, d, a, out, err), err)
                       : st;
}

/* A client's: only such a claim may be made once more when its leader has
 * died, because it holds whatever the record says by then. */
static bool may_repeat(const struct trip_claim *c)
{
    return !c->rescore && !c->abandoned && !c->unclaimed_to;
}

static enum status claim_in_group(struct records *r, const struct trip_claim *c,
                                  struct deadline d, struct arena *a,
                                  struct trip *out, struct err *err)
{
    struct row_write w = {.kind = WRITE_CLAIM, .claim = *c};
    union row_result result;
    const struct claimed *got = &result.claimed;
    enum status st = write_for(r, &w, d, &result, err);

    if (st != ST_OK)
        return st;
    *out = got->trip;
    out->trip_id = arena_copy(a, c->trip_id);
    out->user_id = arena_copy(a, c->user_id);
    out->trip_quality = arena_copy(a, c->trip_quality);
    out->analysis_key =
        arena_copy(a, (struct str){got->key, got->trip.analysis_key.n});
    return ST_OK;
}

enum status sqlite_trip_claim(struct records *r, const struct trip_claim *c,
                              struct deadline d, struct arena *a,
                              struct trip *out, struct err *err)
{
    bool group = sql_shared(sql_of(r)) && may_repeat(c);
    enum status st = group ? claim_in_group(r, c, d, a, out, err) : ST_OK;

    /* The record is to be in *out, or the trip has more than a row holds. */
    if (st == ST_PRECONDITION || st == ST_TOO_LARGE) {
        err_clear(err);
        group = false;
    }
    if (!group)
        st = claim_alone(sql_of(r), c, d, a, out, err);
    if (st == ST_OK)
        fault_point("sqlite.claim.after");
    return st;
}

enum status sqlite_trip_stored(struct records *r, struct str trip_id,
                               int64_t revision, enum analysis_status as,
                               struct str key, struct deadline d,
                               struct err *err)
{
    struct row_write w = {
        .kind = WRITE_END,
        .end = {
            .trip_id = trip_id, .key = key, .revision = revision, .as = as}};
    union row_result none;

    return write_for(r, &w, d, &none, err);
}
