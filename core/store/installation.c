#include "store/installation.h"

#include <assert.h>
#include <stdatomic.h>
#include "base/isotime.h"
#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "store/keys.h"

#define FORMAT 1
#define BODY_MAX 65536
#define TIMEOUT "request_timeout_ms"
#define TRIES 8 /* against hosts that start in the same moment */

struct found {
    struct installation *is;
    struct json root;
    struct etag etag;
};

/* ---- the text ---- */

static enum status installation_parse(struct str body, struct arena *a,
                                      struct found *out, struct err *err)
{
    struct installation *is = out->is;
    struct err why = ERR_NONE;
    int64_t format = 0;

    if (json_check(body, JSON_DEPTH, &out->root, &why) == ST_OK &&
        json_int(json_member(out->root, "format"), &format) && format > 0 &&
        json_int(json_member(out->root, TIMEOUT), &is->timeout_ms) &&
        is->timeout_ms > 0) {
        is->id = json_string(json_member(out->root, "installation_id"), a);
        is->records = json_string(json_member(out->root, "records"), a);
        is->newer = format > FORMAT;
    }
    if (is->id.n)
        return ST_OK;
    return err_set(err, ST_CORRUPT, "installation_corrupt",
                   "%.*s in the object store cannot be used (%s); remove it, "
                   "and it is made anew",
                   STR_ARG(key_installation()),
                   why.text[0] ? why.text : "a member is missing");
}

/* Ends the object and its buf. */
static struct str document_end(struct json_out *o, struct arena *a)
{
    struct str out;

    json_end_object(o);
    buf_putc(o->b, '\n');
    assert(buf_ok(o->b));
    out = arena_copy(a, buf_str(o->b));
    buf_free(o->b);
    return out;
}

static struct str installation_new(const struct stores *s, struct str records,
                                   struct arena *a)
{
    char id[RANDOM_HEX + 1], now[TIME_TEXT_MAX];
    struct buf b;
    struct json_out o = {.b = &b};

    random_hex(id);
    buf_init(&b, BODY_MAX);
    json_begin_object(&o, NULL);
    json_put_int(&o, "format", FORMAT);
    json_put_z(&o, "installation_id", id);
    json_put_str(&o, "created", time_print(clock_wall_us(), now));
    json_put_str(&o, "records", records);
    json_put_int(&o, TIMEOUT, s->conf->server_request_timeout);
    return document_end(&o, a);
}

/* Only the figure changes: later versions may say more in there. */
static struct str installation_raised(const struct found *f, int64_t timeout_ms,
                                      struct arena *a)
{
    struct json_iter it = json_iter(f->root);
    struct json key, value;
    struct buf b;
    struct json_out o = {.b = &b};

    buf_init(&b, 2 * BODY_MAX);
    json_begin_object(&o, NULL);
    while (json_next(&it, &key, &value)) {
        const char *name = arena_z(a, json_string(key, a));

        if (json_key_is(key, TIMEOUT))
            json_put_int(&o, name, timeout_ms);
        else
            json_put_raw(&o, name, value.raw);
    }
    return document_end(&o, a);
}

/* ---- the object ---- */

static enum status installation_read(struct stores *s, struct deadline d,
                                     struct arena *a, struct found *out,
                                     struct err *err)
{
    struct object obj;
    enum status st = objects_get(s->objects, key_installation(), NULL, BODY_MAX,
                                 d, a, &obj, err);

    if (st != ST_OK)
        return st;
    out->etag = obj.etag;
    return installation_parse(obj.body, a, out, err);
}

static enum status installation_make(struct stores *s, struct deadline d,
                                     struct arena *a, struct found *f,
                                     struct err *err)
{
    struct str records, body;
    enum status st = records_identity(s->records, d, a, &records, err);

    if (st != ST_OK)
        return st;
    body = installation_new(s, records, a);
    st = objects_put(s->objects, key_installation(), body, NULL, COND_ABSENT,
                     NULL, d, &f->etag, err);
    if (st == ST_OK)
        st = installation_parse(body, a, f, err);
    f->is->made = st == ST_OK;
    return st;
}

static enum status installation_raise(struct stores *s, struct deadline d,
                                      struct arena *a, struct found *f,
                                      struct err *err)
{
    int64_t ms = s->conf->server_request_timeout;
    struct str body = installation_raised(f, ms, a);
    struct etag now;
    enum status st = objects_put(s->objects, key_installation(), body, NULL,
                                 COND_MATCH, &f->etag, d, &now, err);

    if (st == ST_OK)
        f->is->timeout_ms = ms;
    f->is->raised = st == ST_OK;
    return st;
}

/*
    A store that was this installation's, and has none or another now, is
    another store: nothing is made in it, or raised.
 */
static enum status installation_still(const struct stores *s,
                                      const struct installation *is,
                                      enum status st, struct err *err)
{
    uint64_t mark = atomic_load(&s->agreed->objects);

    if (!mark || (st == ST_OK && objects_mark(is->id) == mark))
        return st;
    err_clear(err);
    if (st == ST_NOT_FOUND)
        return err_set(err, ST_UNAVAILABLE, "objects_gone",
                       "%s has no %.*s any more: is it the right one?",
                       s->conf->objects_url, STR_ARG(key_installation()));
    return err_set(err, ST_UNAVAILABLE, "objects_other",
                   "%s is now that of the installation %.*s",
                   s->conf->objects_url, STR_ARG(is->id));
}

static enum status installation_step(struct stores *s,
                                     enum installation_role role,
                                     struct deadline d, struct arena *a,
                                     struct found *f, struct err *err)
{
    bool host = role == INSTALLATION_HOST;
    enum status st = installation_read(s, d, a, f, err);

    if (st == ST_OK || st == ST_NOT_FOUND)
        st = installation_still(s, f->is, st, err);
    if (st == ST_NOT_FOUND && host) {
        err_clear(err);
        st = installation_make(s, d, a, f, err);
    } else if (st == ST_OK && host && !f->is->newer &&
               f->is->timeout_ms < s->conf->server_request_timeout) {
        st = installation_raise(s, d, a, f, err);
    }
    return st;
}

enum status installation_agree(struct stores *s, enum installation_role role,
                               struct deadline d, struct arena *a,
                               struct installation *out, struct err *err)
{
    int64_t began_us = 0;
    enum status st = ST_BUSY;

    for (uint32_t i = 1; i <= TRIES && (st == ST_BUSY || st == ST_PRECONDITION);
         i++) {
        struct found f = {.is = out};

        if (i > 1)
            clock_sleep_ms(1 + random_below(8 * i));
        err_clear(err);
        *out = (struct installation){.timeout_ms = 0};
        began_us = clock_wall_us();
        st = installation_step(s, role, d, a, &f, err);
    }
    if (st == ST_NOT_FOUND) { /* an operator's look at what no host has made */
        err_clear(err);
        return ST_OK;
    }
    if (st == ST_OK) {
        agreed_tell(s->agreed, out->timeout_ms, began_us);
        atomic_store(&s->agreed->objects, objects_mark(out->id));
    }
    return st;
}

/* ---- and what a person should know ---- */

static void installation_say(const struct stores *s,
                             enum installation_role role,
                             const struct installation *is)
{
    int64_t own = s->conf->server_request_timeout;

    if (is->made)
        log_line(LOG_INFO, "installation_made", "id=%.*s", STR_ARG(is->id));
    if (is->raised)
        log_line(LOG_INFO, "request_timeout_agreed",
                 "ms=%lld text=\"raised to this host's for all\"",
                 (long long)own);
    if (role == INSTALLATION_HOST && own < is->timeout_ms)
        log_line(LOG_WARN, "request_timeout_differs",
                 "own_ms=%lld agreed_ms=%lld text=\"another host's is longer; "
                 "what others wrote is judged by that one\"",
                 (long long)own, (long long)is->timeout_ms);
}

static void installation_compare(const struct stores *s,
                                 const struct installation *is,
                                 struct str records)
{
    struct log_value ours, theirs;

    if (!is->records.n || str_eq(is->records, records))
        atomic_store(&s->agreed->records, objects_mark(records));
    else
        log_line(LOG_WARN, "installation_of_other_records",
                 "id=%.*s its_records=%s records=%s text=\"objects.url and "
                 "records.url do not belong together\"",
                 STR_ARG(is->id), log_quoted(is->records, &theirs),
                 log_quoted(records, &ours));
}

enum status installation_start(struct stores *s, enum installation_role role,
                               struct deadline d, struct err *err)
{
    struct arena *a = arena_new(BODY_MAX);
    struct installation is;
    struct str records;
    enum status st = installation_agree(s, role, d, a, &is, err);

    if (st == ST_OK)
        installation_say(s, role, &is);
    if (st == ST_OK && is.id.n)
        st = records_identity(s->records, d, a, &records, err);
    if (st == ST_OK && is.id.n)
        installation_compare(s, &is, records);
    arena_free(&a);
    return st;
}
