#include "store/stores.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "store/refusals.h"

enum status stores_open(const struct conf *c, struct stores **out,
                        struct err *err)
{
    struct stores *s = calloc(1, sizeof *s);
    enum status st;

    assert(s);
    s->conf = c;
    if ((st = objects_open(c, &s->objects, err)) != ST_OK ||
        (st = records_open(c, &s->records, err)) != ST_OK ||
        (st = cache_open(c, &s->cache, err)) != ST_OK ||
        (st = spool_open(c->server_spool, &s->spool, err)) != ST_OK) {
        stores_close(&s);
        return st;
    }
    stores_know(s, &s->own_agreed);
    /* What may be done without stops nobody; /readyz and -t say it. */
    if (files_open(c, &s->files, &s->no_files) != ST_OK)
        assert(!s->files);
    *out = s;
    return ST_OK;
}

void stores_close(struct stores **sp)
{
    struct stores *s = *sp;

    if (!s)
        return;
    files_close(&s->files);
    if (s->spool)
        spool_close(&s->spool);
    if (s->cache)
        cache_close(&s->cache);
    if (s->records)
        records_close(&s->records);
    if (s->objects)
        objects_close(&s->objects);
    free(s);
    *sp = NULL;
}

void stores_know(struct stores *s, struct agreed *agreed)
{
    s->agreed = agreed;
    objects_belong(s->objects, &agreed->objects);
    records_belong(s->records, &agreed->records);
}

/* In this order, and read in the other: who finds the new time finds the new
 * value. */
void agreed_tell(struct agreed *g, int64_t timeout_ms, int64_t read_us)
{
    atomic_store(&g->timeout_ms, timeout_ms);
    atomic_store(&g->read_us, read_us);
}

bool agreed_known(const struct agreed *g)
{
    return atomic_load(&g->read_us) != 0;
}

/* The longest that a request of any host may take. */
static int64_t stores_timeout_ms(const struct stores *s)
{
    int64_t own = s->conf->server_request_timeout;
    int64_t ms = atomic_load(&s->agreed->timeout_ms);

    if (!atomic_load(&s->agreed->read_us))
        return REQUEST_TIMEOUT_MAX_MS;
    return ms < own ? own : ms;
}

bool stores_past(const struct stores *s, int64_t at_us, int timeouts)
{
    int64_t read_us = atomic_load(&s->agreed->read_us);

    return clock_wall_us() - at_us > timeouts * 1000 * stores_timeout_ms(s) &&
           (!read_us || at_us < read_us);
}

int64_t stores_past_ms(const struct stores *s, int64_t at_us, int timeouts)
{
    int64_t gone_ms = (clock_wall_us() - at_us) / 1000;
    int64_t left_ms = timeouts * stores_timeout_ms(s) - gone_ms;

    return left_ms < 1 ? 1 : left_ms;
}

bool stores_quiet(const struct stores *s, int64_t modified_us)
{
    return stores_past(s, modified_us, STORES_QUIET);
}

enum status stores_answer(struct stores *s, struct deadline d, struct err *err)
{
    enum status st = objects_check(s->objects, d, err);

    return st == ST_OK ? records_check(s->records, d, err) : st;
}

static void right_refused(struct err *err, enum right r, const struct tried *t)
{
    const struct right_text *x = right_text(r);

    err_clear(err);
    err_set(err, ST_DENIED, "no_right", "%s on %s is refused: %s", x->action,
            right_place_text(x->place), t->err.text);
}

/* Nothing more is asked of a store that does not answer; one that refuses may
 * refuse only some. */
static bool may_try(const struct store_state *s)
{
    return s->ok || s->err.st == ST_DENIED;
}

/* What lacks among the rights at these places decides for a store that else is
 * well, and says which it is for one whose own check was refused. */
static void state_by_rights(struct store_state *s, const struct tried *tried,
                            enum right_place from, enum right_place to)
{
    enum right r;
    const struct tried *t = tried_worst(tried, from, to, WEIGHT_NEEDED, &r);

    if (t && may_try(s)) {
        s->ok = false;
        right_refused(&s->err, r, t);
    }
    t = tried_worst(tried, from, to, WEIGHT_PARTLY, &r);
    if (t && s->ok)
        right_refused(&s->warning, r, t);
}

/* A real call may be refused where a try is not: by its key, or its tags. */
static void state_by_refusals(struct store_state *s, enum right_place from,
                              enum right_place to)
{
    for (int r = 0; r < RIGHTS && s->ok && s->warning.st == ST_OK; r++) {
        const struct right_text *x = right_text((enum right)r);
        struct refusal last;

        if (x->place >= from && x->place <= to &&
            refusal_last((enum right)r, &last))
            err_set(&s->warning, ST_DENIED, "refused",
                    "the last %s on %s was refused: %s", x->action,
                    right_place_text(x->place), last.code);
    }
}

static void objects_state(struct stores *s, struct deadline d,
                          struct store_state *out, struct tried *tried)
{
    *out = (struct store_state){.name = "objects", .required = true};
    out->ok = objects_check(s->objects, d, &out->err) == ST_OK;
    if (out->ok)
        tried[RIGHT_LIST].found = tried[RIGHT_PUT].found = FOUND_THERE;
    if (may_try(out))
        objects_rights(s->objects, d, tried);
    state_by_rights(out, tried, PLACE_BUCKET, PLACE_INSTALLATION);
    state_by_refusals(out, PLACE_BUCKET, PLACE_INSTALLATION);
}

/* The indexes have a share of their own. Their lack is no failure: nothing but
 * look-ups depends on one. */
static void records_state(struct stores *s, struct deadline d, int64_t share_ms,
                          struct store_state *out, struct tried *tried)
{
    struct deadline mine = deadline_sooner(d, share_ms);

    *out = (struct store_state){.name = "records", .required = true};
    out->ok = records_check(s->records, mine, &out->err) == ST_OK;
    if (out->ok)
        tried[RIGHT_USER_GET].found = tried[RIGHT_TRIP_GET].found =
            tried[RIGHT_BATCH_GET].found = FOUND_THERE;
    if (out->ok && records_indexes(s->records, deadline_sooner(d, share_ms),
                                   &out->warning) == ST_OK)
        err_clear(&out->warning);
    if (may_try(out))
        records_rights(s->records, deadline_sooner(d, share_ms), tried);
    state_by_rights(out, tried, PLACE_USERS, PLACE_SUMMARIES);
    state_by_refusals(out, PLACE_USERS, PLACE_SUMMARIES);
}

bool stores_ready(struct stores *s, struct deadline d,
                  struct store_state out[STORES_CHECKED],
                  struct tried tried[RIGHTS])
{
    /* One that is away must not use up the time of the others. */
    int64_t share_ms = deadline_left_ms(d) / 3;
    bool ready = true;

    memset(tried, 0, RIGHTS * sizeof *tried); /* FOUND_UNTRIED */
    refusals_trying(true);
    objects_state(s, deadline_sooner(d, share_ms), &out[0], tried);
    records_state(s, d, share_ms, &out[1], tried);
    refusals_trying(false);
    out[2] = (struct store_state){.name = "spool", .required = true};
    out[2].ok = spool_check(s->spool, &out[2].err) == ST_OK;
    out[3] = (struct store_state){.name = "cache", .required = false};
    out[3].ok = cache_check(s->cache, d, &out[3].err) == ST_OK;
    out[4] = (struct store_state){
        .name = "files", .ok = s->no_files.st == ST_OK, .err = s->no_files};
    for (int i = 0; i < STORES_CHECKED; i++)
        ready = ready && (out[i].ok || !out[i].required);
    return ready;
}
