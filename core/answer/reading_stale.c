/*
 * reading_stale.c - an aged copy, for when the stores cannot be reached.
 *
 * It counts under the driver's token as any copy does, so whatever replaces the
 * token makes an end of it, however the stores are. It is sent whole, says of
 * what time it is, and has an ETag of its own: who has it must not be told
 * later that it is unchanged, nor may who has its fresh twin be told so now.
 */
#include "answer/answer_stream.h"
#include "answer/reading.h"
#include "base/gzip.h"
#include "base/isotime.h"
#include "base/log.h"
#include "base/stats.h"

#define NOTICE_MAX 128
#define GZIP_LEVEL 6

static struct str notice_text(int64_t began_ms, struct arena *a)
{
    char time[TIME_TEXT_MAX];

    return arena_printf(a, "\"stale\":true,\"as_of\":\"%.*s\"",
                        STR_ARG(time_print(began_ms * 1000, time)));
}

static void stale_reply(struct reading *r, struct str etag,
                        const struct cache_entry *e)
{
    struct arena *a = r->call.arena;
    int64_t age_ms = clock_wall_us() / 1000 - e->read_began_ms;
    struct str state = arena_printf(a, "stale %lld %.*s",
                                    (long long)e->read_began_ms, STR_ARG(etag));

    (void)reading_reply_begin(r, variant_etag(&r->variant, state, a), "stale");
    r->reply.unchanged = false;
    r->reply.stale = true;
    r->reply.age_ms = age_ms > 0 ? age_ms : 0;
}

/* ---- bytes that were kept ---- */

/* The same object with the notice before all its members. */
static enum status put_noticed(struct str text, struct str notice,
                               struct buf *out, struct err *err)
{
    if (text.n < 2 || text.p[0] != '{')
        return err_set(err, ST_CORRUPT, NULL, "a kept answer is no object");
    buf_printf(out, "{%.*s%s", STR_ARG(notice), text.p[1] == '}' ? "" : ",");
    buf_put(out, (struct str){text.p + 1, text.n - 1});
    return ST_OK;
}

static enum status notice_gzip(struct str bytes, struct str notice,
                               struct buf *out, struct err *err)
{
    struct buf text, noticed;
    enum status st;

    buf_init(&text, ANSWER_COLLECTED);
    buf_init(&noticed, ANSWER_COLLECTED + NOTICE_MAX);
    st = gzip_unpack(bytes, &text, err);
    if (st == ST_OK)
        st = put_noticed(buf_str(&text), notice, &noticed, err);
    if (st == ST_OK)
        st = gzip_pack(buf_str(&noticed), GZIP_LEVEL, out, err);
    buf_free(&noticed);
    buf_free(&text);
    return st;
}

static enum status notice_bytes(struct reading *r, struct str bytes,
                                int64_t began_ms, struct err *err)
{
    struct arena *a = r->call.arena;
    struct str notice = notice_text(began_ms, a);
    struct buf out;
    enum status st;

    buf_init(&out, 2 * ANSWER_COLLECTED);
    st = r->variant.coding == CODING_GZIP
             ? notice_gzip(bytes, notice, &out, err)
             : put_noticed(bytes, notice, &out, err);
    if (st == ST_OK && !buf_ok(&out))
        st = err_set(err, ST_TOO_LARGE, NULL, "a kept answer is too large");
    if (st == ST_OK)
        reading_reply_body(
            r, (struct body){.front = arena_copy(a, buf_str(&out))});
    buf_free(&out);
    return st;
}

/* The body of a variant that lies in a file of this host. */
static enum status notice_file(struct reading *r, const struct cache_entry *e,
                               struct err *err)
{
    struct keeping k = reading_keeping(r, e->user, e->read_began_ms);
    struct file_name name;
    struct buf bytes;
    enum status st;

    if (!kept_in_file(&k, &name))
        return err_set(err, ST_NOT_FOUND, NULL, "the file is gone");
    buf_init(&bytes, ANSWER_COLLECTED);
    st = files_read(r->call.stores->files, &name, &bytes, err);
    if (st == ST_OK)
        st = notice_bytes(r, buf_str(&bytes), e->read_began_ms, err);
    buf_free(&bytes);
    return st;
}

/* ---- the two entries ---- */

/* Of the record that was read on the way here, or as it was a cache.user_ttl
 * ago at most, if it can be read at all. */
static bool stale_usable(struct reading *r, const struct cache_entry *e)
{
    if (!e->hit && !e->aged)
        return false;
    return r->user.n ? str_eq(r->user, e->user)
                     : reading_user_stands(r, e, r->call.deadline);
}

static enum status stale_look(struct reading *r, struct str entry,
                              struct cache_entry *out, struct err *err)
{
    enum status st = cache_lookup(r->call.stores->cache, r->call.user_id, entry,
                                  r->call.deadline, r->call.arena, out, err);

    r->token = out->token;
    if (st == ST_OK && !stale_usable(r, out))
        st = err_set(err, ST_NOT_FOUND, NULL, "there is no copy");
    return st;
}

static enum status stale_from_kept(struct reading *r, struct err *err)
{
    struct cache_entry e;
    struct kept kept;
    enum status st = stale_look(r, r->variant.name, &e, err);

    if (st != ST_OK || (st = kept_read(e.head, &kept, err)) != ST_OK)
        return st;
    stale_reply(r, kept.etag, &e);
    if (kept.here)
        return notice_bytes(r, kept.body, e.read_began_ms, err);
    /* What is put together of the driver's entry needs no file. */
    if (kept.file && !view_whole(&r->variant.view))
        return notice_file(r, &e, err);
    return err_set(err, ST_NOT_FOUND, NULL, "its body is not kept");
}

static enum status stale_from_entry(struct reading *r, struct err *err)
{
    struct answer_entry found;
    struct cache_entry e;
    struct body body;
    enum status st;

    if (!view_whole(&r->variant.view) && !r->variant.view.summary)
        return err_set(err, ST_NOT_FOUND, NULL, "it is not made of that");
    if ((st = stale_look(r, CACHE_WHOLE, &e, err)) != ST_OK ||
        (st = answer_found(&e, &found, err)) != ST_OK)
        return st;
    if (r->email.n && !str_eq(r->email, found.answer.email))
        return err_set(err, ST_NOT_FOUND, NULL, "it is another's e-mail");
    found.answer.notice = notice_text(e.read_began_ms, r->call.arena);
    if (!r->variant.view.summary &&
        (st = reading_load_trips(r, &found, r->call.deadline)) != ST_OK)
        return st;
    st = body_make(&r->variant, &found.answer, r->call.arena, &body, err);
    if (st != ST_OK)
        return st;
    stale_reply(r, variant_etag(&r->variant, found.answer.state, r->call.arena),
                &e);
    reading_reply_body(r, body);
    return ST_OK;
}

bool reading_stale(struct reading *r)
{
    struct stores *s = r->call.stores;
    struct err err = ERR_NONE;
    struct err *kept = r->call.err; /* what the store's failure said */
    enum status st;

    /* This host knows of a change that Redis has not heard of (rule 6). */
    if (spool_waits(s->spool, DEBT_token, r->call.user_id))
        return false;
    r->call.err = &err;
    st = stale_from_kept(r, &err);
    if (st != ST_OK) {
        err_clear(&err);
        st = stale_from_entry(r, &err);
    }
    r->call.err = kept;
    if (st != ST_OK) {
        log_err(LOG_DEBUG, "no_stale_answer", &err);
        return false;
    }
    stat_add(STAT_answers_stale, 1);
    if (kept->st != ST_OK && outage_tell(&s->away))
        log_err(LOG_WARN, "stale_answer", kept);
    err_clear(kept);
    return true;
}
