#include "answer/reading.h"

#include <assert.h>
#include "answer/answer_stream.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/stats.h"

enum status reading_unknown(struct reading *r)
{
    struct buf b;
    struct json_out o = {.b = &b};

    r->stranger = true;
    buf_init(&b, 64 * 1024);
    json_put_str(&o, "searched_for", r->variant.searched_by);
    json_put_z(&o, "tip",
               "Make sure to use the driver's registered email address");
    err_set(r->call.err, ST_NOT_FOUND, "driver_not_found", "Driver not found");
    if (buf_ok(&b))
        r->call.err->extra = arena_copy(r->call.arena, buf_str(&b));
    buf_free(&b);
    return ST_NOT_FOUND;
}

struct str reading_fill(const struct reading *r)
{
    return view_whole(&r->variant.view) ? CACHE_WHOLE : r->variant.name;
}

struct keeping reading_keeping(const struct reading *r, struct str user,
                               int64_t read_began_ms)
{
    return (struct keeping){.c = &r->call,
                            .variant = &r->variant,
                            .token = &r->token,
                            .user = user,
                            .read_began_ms = read_began_ms};
}

bool reading_reply_begin(struct reading *r, struct str etag, const char *source)
{
    r->reply = (struct reply){.etag = arena_copy(r->call.arena, etag),
                              .gzip = r->variant.coding == CODING_GZIP,
                              .source = source};
    r->reply.unchanged = etag_listed(r->request->if_none_match, etag);
    return r->reply.unchanged;
}

void reading_reply_file(struct reading *r, const struct file_name *name,
                        const char *source)
{
    assert(name->z[0]);
    r->reply.file = arena_copy(r->call.arena, str_of(name->z));
    r->reply.source = source;
    stat_add(STAT_files_sent, 1);
}

void reading_reply_body(struct reading *r, struct body b)
{
    r->body = b;
    r->reply.length = body_length(&b);
}

/* ---- the way ---- */

enum status reading_lock_fill(struct reading *r, struct deadline d)
{
    enum status st =
        cache_fill_begin(r->call.stores->cache, r->call.user_id,
                         reading_fill(r), &r->token, d, r->call.err);

    err_clear(r->call.err); /* the cache has counted what was an error */
    if (st == ST_OK)
        r->lock = r->token;
    return st;
}

static enum status answer_from_store(struct reading *r)
{
    struct deadline whole = r->call.deadline;
    enum status st;

    if (fault_point("analytics.before_store"))
        return err_set(r->call.err, ST_UNAVAILABLE, NULL, "fault point");
    if (r->aged)
        r->call.deadline =
            deadline_sooner(whole, deadline_left_ms(whole) / STALE_SHARE);
    st = reading_from_store(r);
    r->call.deadline = whole;
    return st;
}

static enum status answer_cold(struct reading *r)
{
    stat_add(STAT_cache_misses, 1);
    /* Before the lock: a waiter holds a worker as well. */
    if (!reading_may_make(r))
        return reading_refuse(r);
    /* Without a lock it is read all the same: Redis being down means "no
     * cache" (rule 7). */
    if (r->token.z[0] && reading_lock_fill(r, r->call.deadline) == ST_BUSY &&
        reading_wait_for_fill(r))
        return ST_OK;
    return answer_from_store(r);
}

/* Trips that will not hold still are no outage: somebody changes them. */
static bool stores_are_away(enum status st, const struct err *err)
{
    return outage_is(st) && !str_is(str_of(err->code), "changing_too_fast");
}

static enum status answer_missed(struct reading *r)
{
    struct outage *away = &r->call.stores->away;
    int64_t began_ms = clock_mono_ms();
    enum status st;

    if (r->aged && outage_lasts(away) && reading_stale(r))
        return ST_OK;
    st = answer_cold(r);
    if (!r->aged || !stores_are_away(st, r->call.err))
        return st;
    outage_met(away, began_ms);
    return reading_stale(r) ? ST_OK : st;
}

enum status reading_answer(struct reading *r)
{
    enum status st;

    assert(r->call.user_id.n && r->variant.name.n && !r->lock.z[0]);
    assert(!r->place_ms);
    r->aged = false; /* not of whom a wrong hint led to */
    r->user = STR_NONE;
    st = reading_from_cache(r, r->call.deadline);
    if (st != ST_OK)
        return answer_missed(r);
    stat_add(STAT_cache_hits, 1);
    return ST_OK;
}

void reading_end(struct reading *r)
{
    if (r->lock.z[0])
        cache_fill_end(r->call.stores->cache, r->call.user_id, reading_fill(r),
                       &r->lock,
                       /* not the call's: that may be over, and others wait */
                       deadline_in(r->call.stores->conf->cache_timeout));
    r->lock = (struct cache_token){.z = ""};
    if (r->place_ms)
        share_give(&r->call.stores->sharer, r->place_ms);
    r->place_ms = 0;
}

/* ---- the answer goes out ---- */

/* Its trips are on their way to the reader, so they go into the cache and this
 * host's file now or never. */
static enum status send_and_keep(struct reading *r, const struct sink *out)
{
    struct answer *ans = r->streamed;
    struct keeping k = reading_keeping(r, ans->user, ans->read_began_ms);

    assert(ans->streamed);
    stat_add(STAT_answers_streamed, 1);
    if (view_whole(&r->variant.view) && ans->plain.each && ans->gzip.each)
        answer_stream_fill(ans, answer_filling_new(&r->call, &r->token, ans));
    if (answer_cacheable(&r->call, &r->token, ans, r->reply.length))
        return keep_while_sent(&k, r->reply.etag, &r->body, out->write,
                               out->ctx);
    return body_each(&r->body, out->write, out->ctx, r->call.err);
}

enum status reading_send(struct reading *r, const struct sink *out)
{
    enum status st = out->begin(out->ctx, &r->reply);

    /* The web server sends a file itself; and what is read only to be sent is
     * not read for a HEAD. */
    if (st != ST_OK || r->reply.unchanged || r->reply.file.n || out->head)
        return st;
    return r->streamed ? send_and_keep(r, out)
                       : body_each(&r->body, out->write, out->ctx, r->call.err);
}
