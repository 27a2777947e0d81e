/*
 * The life of a read: query -> whose answer (an e-mail's hint or the records)
 * -> token and cache entry in one look -> hit: load, send.
 * Miss: the fill lock, or wait for whoever has it -> the driver's record and
 * roster, both read after the token -> answer -> fill (refused if the token
 * changed) -> send.
 */
#include "service/analytics.h"

#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stats.h"
#include "service/answer.h"
#include "service/driver.h"
#include "service/query.h"
#include "service/roster.h"
#include "store/keys.h"

#define WAIT_STEP_MS 10

/* A share of the deadline for a waiter: it must still be able to help itself.
 */
#define WAIT_SHARE 4

struct reading {
    struct service *s;
    const struct call *c;
    struct err *err;
    struct str email;   /* as looked up; empty when asked by id */
    struct str user_id; /* whose; by e-mail only a hint until proved */
    struct str searched_by;
    bool stranger; /* user_id is nobody, or not who was asked for */
    struct cache_token token;
    struct answer answer;
};

/* ---- whose ---- */

static enum status driver_unknown(struct reading *r)
{
    struct buf b;
    struct json_out o = {.b = &b};

    r->stranger = true;
    buf_init(&b, 64 * 1024);
    json_put_str(&o, "searched_for", r->searched_by);
    json_put_z(&o, "tip",
               "Make sure to use the driver's registered email address");
    err_set(r->err, ST_NOT_FOUND, "driver_not_found", "Driver not found");
    if (buf_ok(&b))
        r->err->extra = arena_copy(r->c->arena, buf_str(&b));
    buf_free(&b);
    return ST_NOT_FOUND;
}

static enum status no_trips(struct reading *r)
{
    struct buf b;
    struct json_out o = {.b = &b};

    buf_init(&b, 4096);
    json_put_str(&o, "user_id", r->user_id);
    json_put_str(&o, "searched_user", r->user_id);
    err_set(r->err, ST_NOT_FOUND, "no_trips", "No trips found for this user");
    if (buf_ok(&b))
        r->err->extra = arena_copy(r->c->arena, buf_str(&b));
    buf_free(&b);
    return ST_NOT_FOUND;
}

static enum status read_query(struct reading *r, struct str text)
{
    struct query *q = arena_alloc(r->c->arena, sizeof *q);
    const struct query_param *email, *id;
    enum status st = query_parse(text, r->c->arena, q, r->err);

    if (st != ST_OK)
        return st;
    if (!q->n)
        return err_set(r->err, ST_BAD_REQUEST, "missing_query",
                       "Query parameters are required");
    email = query_find(q, "email");
    id = query_find(q, "user_id");
    if (email && id)
        return err_set(r->err, ST_BAD_REQUEST, "bad_query",
                       "Give \"email\" or \"user_id\", not both");
    if (email)
        r->email = r->searched_by =
            driver_email_lower(str_trim(email->value), r->c->arena);
    else if (id)
        r->user_id = r->searched_by = str_trim(id->value);
    if (!r->searched_by.n)
        return err_set(r->err, ST_BAD_REQUEST, "missing_query",
                       "Either \"email\" or \"user_id\" parameter is required");
    if (email ? !driver_email_plausible(r->email) : !id_valid(r->user_id))
        return driver_unknown(r);
    return ST_OK;
}

static enum status id_from_records(struct reading *r)
{
    struct user u;
    struct log_value space;
    enum status st = records_user_by_email(
        r->s->records, r->email, r->c->deadline, r->c->arena, &u, r->err);

    if (st == ST_NOT_FOUND)
        return driver_unknown(r);
    if (st != ST_OK)
        return st;
    if (!id_valid(u.user_id)) {
        log_line(LOG_WARN, "strange_user_id", "user_id=%s",
                 log_quoted(u.user_id, &space));
        return driver_unknown(r);
    }
    r->user_id = u.user_id;
    driver_hint_set(r->s->hints, r->email, r->user_id);
    return ST_OK;
}

/* ---- the cache ---- */

/* ST_OK: r->answer is whole. ST_NOT_FOUND: a miss, r->token is set if there is
 * a cache to fill. */
static enum status from_cache(struct reading *r, struct deadline d)
{
    struct cache_entry e;
    enum status st;

    r->token = (struct cache_token){.z = ""};
    if (spool_token_waits(r->s->spool, r->user_id)) {
        stat_add(STAT_cache_bypassed, 1);
        return ST_NOT_FOUND;
    }
    st = cache_lookup(r->s->cache, r->user_id, d, r->c->arena, &e, r->err);
    if (st == ST_OK) {
        r->token = e.token;
        st = e.hit ? answer_load(r->s, r->user_id, &e, d, r->c->arena,
                                 &r->answer, r->err)
                   : ST_NOT_FOUND;
    }
    /* The entry of a hint's driver who has another e-mail by now is not what
     * was asked for. */
    if (st == ST_OK && r->email.n && !str_eq(r->email, r->answer.email))
        st = ST_NOT_FOUND;
    err_clear(r->err); /* the cache has counted what was an error */
    return st == ST_OK ? ST_OK : ST_NOT_FOUND;
}

/* Somebody else fills: wait for the entry. Each look reads token and entry
 * together, so that an entry counts only under the token of that look. False:
 * help yourself. */
static bool wait_for_fill(struct reading *r)
{
    struct cache_token first = r->token;
    int64_t wait = r->s->conf->cache_fill_wait;
    int64_t share = deadline_left_ms(r->c->deadline) / WAIT_SHARE;
    struct deadline until = deadline_in(wait < share ? wait : share);

    stat_add(STAT_cache_waits, 1);
    while (!deadline_over(until)) {
        enum status st;

        clock_sleep_ms(WAIT_STEP_MS);
        if (from_cache(r, until) == ST_OK)
            return true;
        if (strcmp(r->token.z, first.z) != 0)
            return false; /* the driver changed: that fill will be refused */
        st =
            cache_fill_begin(r->s->cache, r->user_id, &r->token, until, r->err);
        err_clear(r->err);
        if (st != ST_BUSY)
            return false; /* the filler gave up */
    }
    return false;
}

/* ---- the store ---- */

static enum status the_driver(struct reading *r, struct user *u)
{
    enum status st = records_user(r->s->records, r->user_id, r->c->deadline,
                                  r->c->arena, u, r->err);

    if (st == ST_NOT_FOUND)
        return driver_unknown(r);
    /* An e-mail that moved to another user since the hint. */
    if (st == ST_OK && r->email.n && !str_eq(u->email, r->email))
        return driver_unknown(r);
    return st;
}

static enum status from_store(struct reading *r)
{
    struct arena *a = r->c->arena;
    struct roster roster;
    struct user u;
    enum status st = the_driver(r, &u);

    for (int tries = 0; st == ST_OK && tries < ROSTER_TRIES; tries++) {
        st = roster_take(r->s, r->user_id, r->c->deadline, a, &roster, r->err);
        if (st != ST_OK)
            return st;
        if (!roster.n && roster.unreadable)
            return err_set(r->err, ST_CORRUPT, "trips_unreadable",
                           "None of the driver's %zu trips can be read",
                           roster.unreadable);
        st = answer_make(r->s, &u, &roster, r->c->deadline, a, &r->answer,
                         r->err);
        if (st == ST_PRECONDITION) { /* changed under our hands */
            stat_add(STAT_listings_retaken, 1);
            err_clear(r->err);
            st = ST_OK;
            continue;
        }
        if (st != ST_OK)
            return st;
        roster_repair(r->s, r->user_id, &roster, r->c->deadline, a);
        return r->answer.n_trips ? ST_OK : no_trips(r);
    }
    return st != ST_OK ? st
                       : err_set(r->err, ST_UNAVAILABLE, "changing_too_fast",
                                 "The driver's trips change too fast to be "
                                 "read; try again");
}

static enum status cold(struct reading *r)
{
    bool locked = false;
    enum status st;

    stat_add(STAT_cache_misses, 1);
    if (r->token.z[0]) {
        st = cache_fill_begin(r->s->cache, r->user_id, &r->token,
                              r->c->deadline, r->err);
        err_clear(r->err);
        if (st == ST_BUSY && wait_for_fill(r))
            return ST_OK;
        locked = st == ST_OK || st == ST_BUSY;
    }
    if (fault_point("analytics.before_store"))
        return err_set(r->err, ST_UNAVAILABLE, NULL, "fault point");
    st = from_store(r);
    if (fault_point("analytics.before_fill"))
        return err_set(r->err, ST_UNAVAILABLE, NULL, "fault point");
    if (st == ST_OK)
        answer_fill(r->s, r->user_id, &r->token, &r->answer, r->c->deadline,
                    r->c->arena);
    if (locked)
        cache_fill_end(r->s->cache, r->user_id, &r->token, r->c->deadline);
    return st;
}

static enum status answer_for_id(struct reading *r)
{
    enum status st = from_cache(r, r->c->deadline);

    if (st != ST_OK)
        return cold(r);
    stat_add(STAT_cache_hits, 1);
    return ST_OK;
}

/* A hint may be wrong (the e-mail went to another user, the user was removed):
 * what it leads to is not found, and then the records decide. */
static enum status answer_for(struct reading *r)
{
    enum status st;

    if (!r->email.n)
        return answer_for_id(r);
    if (driver_hint(r->s->hints, r->email, r->c->arena, &r->user_id)) {
        st = answer_for_id(r);
        if (!r->stranger)
            return st;
        r->stranger = false;
        driver_hint_drop(r->s->hints, r->email);
        err_clear(r->err);
    }
    st = id_from_records(r);
    return st == ST_OK ? answer_for_id(r) : st;
}

enum status analytics_answer(struct service *s, const struct call *c,
                             struct str query, struct sink *out,
                             struct err *err)
{
    struct reading r = {.s = s, .c = c, .err = err};
    enum status st;

    if ((st = read_query(&r, query)) != ST_OK || (st = answer_for(&r)) != ST_OK)
        return st;
    return answer_send(&r.answer, r.searched_by, c->arena, out, err);
}
