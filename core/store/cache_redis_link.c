#include "store/cache_redis_link.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <hiredis/hiredis.h>
#include "base/log.h"
#include "base/memory.h"
#include "store/cache_redis_conn.h"
#include "store/cache_redis_probe.h"
#include "store/cache_redis_refusal.h"

#define PAUSE_FIRST_MS 50
#define PAUSE_MAX_MS 1000
#define REFUSED_MS 30000

/* ---- what is not allowed on this host ---- */

static struct link_refusal *shared_refusal;

void redis_link_share(void)
{
    if (!shared_refusal)
        shared_refusal = memory_shared(sizeof *shared_refusal);
}

void redis_link_begin(struct redis_link *l)
{
    l->refusal = shared_refusal ? shared_refusal : &l->own_refusal;
}

/* ---- the connection: kept, dropped, spared ---- */

static void link_spare(struct redis_link *l, const struct err *err)
{
    redis_conn_close(&l->conn);
    l->pause_ms = l->pause_ms ? l->pause_ms * 2 : PAUSE_FIRST_MS;
    if (l->pause_ms > PAUSE_MAX_MS)
        l->pause_ms = PAUSE_MAX_MS;
    l->pause_until_ms = clock_mono_ms() + l->pause_ms;
    l->why = *err;
}

static enum status link_failed(struct redis_link *l, enum status st,
                               const struct err *err)
{
    link_spare(l, err);
    if (!l->down)
        log_err(LOG_WARN, "cache_down", err);
    l->down = true;
    return st;
}

static void link_worked(struct redis_link *l)
{
    l->pause_ms = 0;
    if (atomic_load(&l->refusal->refused))
        return; /* one command was allowed, which another was not */
    if (l->down)
        log_line(LOG_WARN, "cache_up", "history=%s",
                 redis_conn_history(l->conn));
    l->down = false;
}

static bool may_connect(struct redis_link *l, enum link_urgency u)
{
    int64_t now = clock_mono_ms();

    if (!l->pause_ms || now >= l->pause_until_ms || u == LINK_INSISTENT)
        return true;
    if (u == LINK_PATIENT ||
        (l->urgent_ms && now - l->urgent_ms < PAUSE_MAX_MS))
        return false;
    l->urgent_ms = now;
    return true;
}

/* Whoever was at the old master meanwhile has to be told that what he removed
 * there may live on here (doc/cache.md). */
static void note_history(struct redis_link *l)
{
    const char *now = redis_conn_history(l->conn);

    if (l->history[0] && strcmp(l->history, now) != 0)
        log_line(LOG_WARN, "cache_history",
                 "history=%s was=%s text=\"redis has another history of its "
                 "data, by a failover or a restart: nothing kept before counts "
                 "any more. If the old master went on alone for some hosts, "
                 "answers may lack their changes, and theirs those of others, "
                 "for up to cache.ttl\"",
                 now, l->history);
    snprintf(l->history, sizeof l->history, "%s", now);
}

static enum status link_open(struct redis_link *l, struct deadline d,
                             struct err *err)
{
    enum status st = redis_conn_open(&l->at, deadline_sooner(d, l->timeout_ms),
                                     &l->conn, err);

    if (st)
        return link_failed(l, st, err);
    note_history(l);
    return ST_OK;
}

static enum status link_connected(struct redis_link *l, enum link_urgency u,
                                  struct deadline d, struct err *err)
{
    /* The server was restarted, say, while nobody asked: no failure. */
    if (l->conn && !redis_conn_idle(l->conn))
        redis_conn_close(&l->conn);
    if (deadline_over(d))
        return err_set(err, ST_TIMEOUT, NULL, "no time left for the cache");
    if (l->conn)
        return ST_OK;
    if (!may_connect(l, u))
        return err_set(err, ST_UNAVAILABLE, NULL,
                       "the cache is left alone for a moment after: %s",
                       l->why.text);
    return link_open(l, d, err);
}

static bool code_is(const struct err *err, const char *code)
{
    return strcmp(err->code, code) == 0;
}

/* Whoever of the host meets it first says so. */
static enum status link_forbidden(struct redis_link *l, enum status st,
                                  const struct err *err)
{
    link_spare(l, err);
    atomic_store(&l->refusal->probe_at_ms, clock_mono_ms() + REFUSED_MS);
    if (!atomic_exchange(&l->refusal->refused, true))
        log_err(LOG_WARN, "cache_down", err);
    return st;
}

/*
 * The server answered with an error. Full memory refuses what needs some and
 * serves the rest, so the connection stays; whatever else it is (loading, a
 * replica, no rights) may be over, or another server, after the pause.
 */
static enum status link_refused(struct redis_link *l, enum status st,
                                const struct err *err)
{
    if (code_is(err, "cache_full")) {
        if (!l->full)
            log_err(LOG_WARN, "cache_full", err);
        l->full = true;
        return st;
    }
    if (code_is(err, "cache_forbidden"))
        return link_forbidden(l, st, err);
    return link_failed(l, st, err);
}

enum status redis_link_probe(struct redis_link *l, struct deadline d,
                             struct err *err)
{
    enum status st = link_connected(l, LINK_INSISTENT, d, err);

    if (st)
        return st;
    st = redis_probe(l->conn, deadline_sooner(d, l->timeout_ms), err);
    if (st == ST_UNAVAILABLE)
        return link_refused(l, st, err);
    if (st)
        return link_failed(l, st, err);
    if (atomic_exchange(&l->refusal->refused, false) && !l->down)
        log_line(LOG_WARN, "cache_up", "history=%s",
                 redis_conn_history(l->conn));
    link_worked(l);
    return ST_OK;
}

/* One of the host's processes, once in a while. */
static bool probe_is_mine(struct redis_link *l)
{
    int64_t now = clock_mono_ms();
    int64_t due = atomic_load(&l->refusal->probe_at_ms);

    return now >= due && atomic_compare_exchange_strong(
                             &l->refusal->probe_at_ms, &due, now + REFUSED_MS);
}

/* While something is refused, only a removal goes on as if nothing were. */
static enum status link_permitted(struct redis_link *l, enum link_urgency u,
                                  struct deadline d, struct err *err)
{
    if (!atomic_load(&l->refusal->refused) || u != LINK_PATIENT)
        return ST_OK;
    if (!probe_is_mine(l))
        return err_set(err, ST_UNAVAILABLE, NULL,
                       "the cache is left alone for a while after: %s",
                       l->why.text[0] ? l->why.text
                                      : "a refusal that the log names");
    return redis_link_probe(l, d, err);
}

const char *redis_link_history(const struct redis_link *l)
{
    return redis_conn_history(l->conn);
}

void redis_link_close(struct redis_link *l)
{
    redis_conn_close(&l->conn);
}

/* ---- asking ---- */

static enum status link_surprised(struct redis_link *l, struct err *err)
{
    (void)err_set(err, ST_UNAVAILABLE, "cache_protocol",
                  "redis: a reply of another type than the command's");
    return link_failed(l, ST_UNAVAILABLE, err);
}

/* Of a value that is no string: somebody else's, and no failure of the server.
 */
static bool is_wrong_type(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR &&
           strncmp(reply->str, "WRONGTYPE", 9) == 0;
}

/* What came of a command; *reply is then NULL or one that is no error. */
static enum status reply_judged(struct redis_link *l, const char *command,
                                enum status st, redisReply **reply,
                                struct err *err)
{
    if (st)
        return link_failed(l, st, err);
    if (*reply && is_wrong_type(*reply)) {
        freeReplyObject(*reply);
        *reply = NULL;
        return err_set(err, ST_NOT_FOUND, NULL,
                       "redis: under that key lies something else");
    }
    if (*reply && (*reply)->type == REDIS_REPLY_ERROR) {
        st = link_refused(l, redis_refused(command, (*reply)->str, err), err);
        freeReplyObject(*reply);
        *reply = NULL;
        return st;
    }
    link_worked(l);
    return ST_OK;
}

/*
 * Whether the server is there, and is not, or not now, the one that the cache
 * wants. Only of a connection that had been made for an earlier command: a
 * fresh one that says so has been where the name leads.
 */
static bool answered_elsewhere(enum status st, const redisReply *reply,
                               const struct err *err)
{
    static const char *const says[] = {"READONLY", "LOADING", "MASTERDOWN"};

    if (st)
        return code_is(err, "cache_replica") || code_is(err, "cache_history");
    for (size_t i = 0; i < sizeof says / sizeof *says; i++)
        if (reply->type == REDIS_REPLY_ERROR &&
            strncmp(reply->str, says[i], strlen(says[i])) == 0)
            return true;
    return false;
}

static enum status ask_once(struct redis_link *l,
                            const struct link_command *cmd, struct deadline d,
                            redisReply **reply, struct err *err)
{
    d = deadline_sooner(d, l->timeout_ms);
    return cmd->doubt == LINK_SURE
               ? redis_conn_call_sure(l->conn, cmd->arg, cmd->n, d, reply, err)
               : redis_conn_call(l->conn, cmd->arg, cmd->n, d, reply, err);
}

static enum status link_try(struct redis_link *l,
                            const struct link_command *cmd, struct deadline d,
                            redisReply **reply, struct err *err)
{
    bool fresh;
    enum status st = link_permitted(l, cmd->urgency, d, err);

    *reply = NULL;
    fresh = !l->conn;
    if (!st)
        st = link_connected(l, cmd->urgency, d, err);
    if (st)
        return st;
    st = ask_once(l, cmd, d, reply, err);
    if (!fresh && answered_elsewhere(st, *reply, err)) {
        freeReplyObject(*reply);
        *reply = NULL;
        redis_conn_close(&l->conn);
        err_clear(err);
        st = link_open(l, d, err);
        if (st)
            return st;
        st = ask_once(l, cmd, d, reply, err);
    }
    return reply_judged(l, cmd->arg[0].p, st, reply, err);
}

enum status redis_link_number(struct redis_link *l,
                              const struct link_command *cmd, struct deadline d,
                              long long *out, struct err *err)
{
    redisReply *reply;
    enum status st = link_try(l, cmd, d, &reply, err);

    if (st)
        return st;
    if (reply->type == REDIS_REPLY_INTEGER)
        *out = reply->integer;
    else
        st = link_surprised(l, err);
    freeReplyObject(reply);
    return st;
}

enum status redis_link_set(struct redis_link *l, const struct link_command *cmd,
                           struct deadline d, bool *set, struct err *err)
{
    redisReply *reply;
    enum status st = link_try(l, cmd, d, &reply, err);

    if (st)
        return st;
    *set = reply->type == REDIS_REPLY_STATUS;
    if (!*set && reply->type != REDIS_REPLY_NIL)
        st = link_surprised(l, err);
    freeReplyObject(reply);
    if (*set && l->full) {
        log_line(LOG_WARN, "cache_not_full", "history=%s",
                 redis_link_history(l));
        l->full = false;
    }
    return st;
}

static bool take_text(const redisReply *r, struct str *out)
{
    *out = STR_NONE;
    if (r->type == REDIS_REPLY_STRING)
        *out = (struct str){r->str, r->len};
    return r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_NIL;
}

enum status redis_link_texts(struct redis_link *l,
                             const struct link_command *cmd, struct deadline d,
                             struct arena *a, struct str *out, size_t n,
                             struct err *err)
{
    redisReply *reply;
    enum status st = link_try(l, cmd, d, &reply, err);

    if (st)
        return st;
    arena_defer(a, freeReplyObject, reply);
    if (n == 1)
        return take_text(reply, out) ? ST_OK : link_surprised(l, err);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != n)
        return link_surprised(l, err);
    for (size_t i = 0; i < n; i++)
        if (!take_text(reply->element[i], out + i))
            return link_surprised(l, err);
    return ST_OK;
}

enum status redis_link_value(struct redis_link *l,
                             const struct link_command *cmd, struct deadline d,
                             char *out, size_t size, struct err *err)
{
    redisReply *reply = NULL;
    enum status st = link_permitted(l, cmd->urgency, d, err);

    if (!st)
        st = link_connected(l, cmd->urgency, d, err);
    if (st)
        return st;
    st = redis_conn_call_value(l->conn, cmd->arg, cmd->n, out, size,
                               deadline_sooner(d, l->timeout_ms), &reply, err);
    st = reply_judged(l, cmd->arg[0].p, st, &reply, err);
    if (!st && reply)
        st = err_set(err, ST_NOT_FOUND, NULL,
                     "the value is gone from the cache");
    freeReplyObject(reply);
    return st;
}
