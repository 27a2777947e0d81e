/* reading_cache.c - the answer that is in the cache, or soon will be. */
#include <assert.h>
#include <string.h>
#include "answer/answer_stream.h"
#include "answer/reading.h"
#include "base/fault.h"
#include "base/stats.h"

/* One look is a round trip to Redis; a fill takes several. */
#define WAIT_STEP_MS 10

/* A share of the deadline for a waiter: it must still be able to help itself.
 */
#define WAIT_SHARE 4

/* The variant's own entry. */
static bool from_kept(struct reading *r, const struct cache_entry *e)
{
    struct keeping k = reading_keeping(r, e->user, e->read_began_ms);
    struct file_name name;
    struct kept kept;

    if (kept_read(e->head, &kept, r->call.err) != ST_OK)
        return false;
    if (reading_reply_begin(r, kept.etag, "cache"))
        return true;
    /* The ETag first: a reader who has it needs no body, wherever it is. */
    if (kept.here) {
        reading_reply_body(r, (struct body){.front = kept.body});
        return true;
    }
    if (!kept.file || !r->request->files || !kept_in_file(&k, &name))
        return false;
    reading_reply_file(r, &name, "file");
    return true;
}

/* The trips of the entry. */
enum status reading_load_trips(struct reading *r, struct answer_entry *e,
                               struct deadline d)
{
    enum coding coding = r->variant.coding;
    struct call c = r->call;

    c.deadline = d;
    /* What the cache loses meanwhile can be replaced for whole trips alone. */
    if (e->plain <= ANSWER_COLLECTED || !fields_is_all(r->variant.view.trips))
        return answer_load(&c, e, coding);
    *(coding == CODING_GZIP ? &e->answer.gzip : &e->answer.plain) =
        answer_stream_kept(&r->call, e, coding);
    return ST_OK;
}

/* Whether the entry's trips have what this reader may see of them, and no more:
 * a host whose answer.details is (or was) another fills the same entry. */
static bool shows_same(const struct reading *r, const struct answer *ans)
{
    char space[FIELDS_TEXT_MAX];

    return str_eq(ans->members, fields_text(r->variant.view.trips, space));
}

/* The driver's entry, which has what whole answers are made of. */
static enum status from_entry(struct reading *r, const struct cache_entry *e,
                              struct deadline d)
{
    struct keeping k = reading_keeping(r, e->user, e->read_began_ms);
    struct arena *a = r->call.arena;
    struct answer_entry found;
    struct file_name name;
    struct body body;
    struct str etag;
    enum status st = answer_found(e, &found, r->call.err);

    if (st != ST_OK)
        return st;
    /* The entry of a hint's driver who has another e-mail by now is not what
     * was asked for. */
    if (r->email.n && !str_eq(r->email, found.answer.email))
        return ST_NOT_FOUND;
    if (!r->variant.view.summary && !shows_same(r, &found.answer))
        return ST_NOT_FOUND;
    etag = variant_etag(&r->variant, found.answer.state, a);
    if (reading_reply_begin(r, etag, "cache")) {
        keep_etag(&k, etag, true);
        return ST_OK;
    }
    if (r->request->files && kept_in_file(&k, &name)) {
        keep_etag(&k, etag, true);
        reading_reply_file(r, &name, "file");
        return ST_OK;
    }
    if (!r->variant.view.summary &&
        (st = reading_load_trips(r, &found, d)) != ST_OK)
        return st;
    st = body_make(&r->variant, &found.answer, a, &body, r->call.err);
    if (st != ST_OK)
        return st;
    reading_reply_body(r, body);
    if (keep_body(&k, etag, &r->body, &name) && r->request->files)
        reading_reply_file(r, &name, "cache");
    return ST_OK;
}

/* ST_OK: there is an entry that may be used, under r->token, which is that of
 * this look (the one before may be gone). ST_PRECONDITION: there was, but the
 * user is another by now. ST_NOT_FOUND: there is none. */
static enum status look_for(struct reading *r, struct str entry,
                            struct deadline d, struct cache_entry *out)
{
    enum status st = cache_lookup(r->call.stores->cache, r->call.user_id, entry,
                                  d, r->call.arena, out, r->call.err);

    r->token = out->token;
    r->aged = r->aged || out->aged;
    if (st != ST_OK || !out->hit)
        return st == ST_OK ? ST_NOT_FOUND : st;
    assert(r->token.z[0]);
    return reading_user_stands(r, out, d) ? ST_OK : ST_PRECONDITION;
}

static enum status from_entries(struct reading *r, struct deadline d)
{
    const struct view *v = &r->variant.view;
    struct cache_entry e;
    enum status st = look_for(r, r->variant.name, d, &e);

    if (st == ST_OK && from_kept(r, &e))
        return ST_OK;
    /* Pages and chosen fields are not made of the driver's entry: to find them
     * in it, all trips would have to be unpacked. */
    if ((st != ST_OK && st != ST_NOT_FOUND) || !r->token.z[0] ||
        (!view_whole(v) && !v->summary))
        return st == ST_OK ? ST_NOT_FOUND : st;
    st = look_for(r, CACHE_WHOLE, d, &e);
    return st == ST_OK ? from_entry(r, &e, d) : st;
}

enum status reading_from_cache(struct reading *r, struct deadline d)
{
    enum status st;

    /* Without a token nothing is filled: an answer read now may be from before
     * a change that Redis has not heard of (rule 6). */
    r->token = (struct cache_token){.z = ""};
    if (spool_waits(r->call.stores->spool, DEBT_token, r->call.user_id)) {
        stat_add(STAT_cache_bypassed, 1);
        return ST_NOT_FOUND;
    }
    st = from_entries(r, d);
    if (st == ST_PRECONDITION) /* all is forgotten: a new token */
        st = from_entries(r, d);
    err_clear(r->call.err);    /* the cache has counted what was an error */
    if (st == ST_PRECONDITION) /* it could not be: fill nothing under the old */
        r->token = (struct cache_token){.z = ""};
    return st == ST_OK ? ST_OK : ST_NOT_FOUND;
}

/* Each look reads token and entry together, so that an entry counts only under
 * the token of that look. */
bool reading_wait_for_fill(struct reading *r)
{
    struct cache_token first = r->token;
    int64_t wait = r->call.stores->conf->cache_fill_wait;
    int64_t share = deadline_left_ms(r->call.deadline) / WAIT_SHARE;
    struct deadline until = deadline_in(wait < share ? wait : share);

    assert(first.z[0]);
    stat_add(STAT_cache_waits, 1);
    while (!deadline_over(until)) {
        enum status st;

        clock_sleep_ms(WAIT_STEP_MS);
        if (reading_from_cache(r, until) == ST_OK)
            return true;
        if (strcmp(r->token.z, first.z) != 0)
            return false; /* the driver changed: that fill will be refused */
        /* The filler has found out that the driver is dear. */
        if (!reading_may_make(r))
            return false;
        if (fault_point("analytics.before_lock"))
            return false;
        st = reading_lock_fill(r, until);
        /* The filler gave up, or was done between our look and the lock. */
        if (st == ST_OK)
            return reading_from_cache(r, until) == ST_OK;
        if (st != ST_BUSY)
            return false;
    }
    return false;
}
