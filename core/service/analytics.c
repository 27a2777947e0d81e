/*
 * The life of a read: query -> whose answer (an e-mail's hint or the records)
 * -> token and the variant's entry in one look -> the reader has it already, or
 * the bytes are in the entry or in a file of this host: send.
 * Else the driver's entry -> its front and trips, as they are -> keep -> send.
 * Else the fill lock, or wait for whoever has it -> the driver's record and
 * roster, both read after the token -> answer -> fill and keep (refused if the
 * token changed) -> send. A large answer is read, filled, kept and sent at
 * once.
 */
#include "service/analytics.h"

#include "answer/answer_stream.h"
#include "answer/query.h"
#include "answer/reading.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/stats.h"
#include "driver/driver.h"
#include "store/keys.h"

/* ---- whose ---- */

static enum status read_whose(struct reading *r, const struct query *q)
{
    const struct query_param *email = query_find(q, "email");
    const struct query_param *id = query_find(q, "user_id");
    struct str *by = &r->variant.searched_by;

    if (email && id)
        return err_set(r->call.err, ST_BAD_REQUEST, "bad_query",
                       "Give \"email\" or \"user_id\", not both");
    if (email)
        r->email = *by =
            driver_email_lower(str_trim(email->value), r->call.arena);
    else if (id)
        r->call.user_id = *by = str_trim(id->value);
    if (!by->n)
        return err_set(r->call.err, ST_BAD_REQUEST, "missing_query",
                       "Either \"email\" or \"user_id\" parameter is required");
    return ST_OK;
}

static enum status read_query(struct reading *r)
{
    struct arena *a = r->call.arena;
    struct query *q = arena_alloc(a, sizeof *q);
    enum status st = query_parse(r->request->query, a, q, r->call.err);

    if (st != ST_OK)
        return st;
    if (!q->n)
        return err_set(r->call.err, ST_BAD_REQUEST, "missing_query",
                       "Query parameters are required");
    if ((st = read_whose(r, q)) != ST_OK ||
        (st = view_parse(q, a, &r->variant.view, r->call.err)) != ST_OK)
        return st;
    r->variant.coding = coding_accepted(r->request->accept_encoding);
    if (r->variant.coding == CODING_NONE)
        return err_set(r->call.err, ST_NOT_ACCEPTABLE, NULL,
                       "Answers are sent as they are or with gzip");
    variant_name(&r->variant, a);
    if (r->email.n ? !driver_email_plausible(r->email)
                   : !id_valid(r->call.user_id))
        return reading_unknown(r);
    return ST_OK;
}

static enum status id_from_records(struct reading *r, struct email_hints *hints)
{
    struct log_value space;
    enum status st =
        records_id_by_email(r->call.stores->records, r->email, r->call.deadline,
                            r->call.arena, &r->call.user_id, r->call.err);

    if (st == ST_NOT_FOUND)
        return reading_unknown(r);
    if (st != ST_OK)
        return st;
    if (!id_valid(r->call.user_id)) {
        log_line(LOG_WARN, "strange_user_id", "user_id=%s",
                 log_quoted(r->call.user_id, &space));
        return reading_unknown(r);
    }
    email_hint_set(hints, r->email, r->call.user_id);
    return ST_OK;
}

static void fill_over(struct reading *r)
{
    if (r->locked)
        cache_fill_end(r->call.stores->cache, r->call.user_id, reading_fill(r),
                       &r->token,
                       deadline_in(r->call.stores->conf->cache_timeout));
    r->locked = false;
}

static enum status cold(struct reading *r)
{
    enum status st;

    stat_add(STAT_cache_misses, 1);
    if (r->token.z[0]) {
        st = cache_fill_begin(r->call.stores->cache, r->call.user_id,
                              reading_fill(r), &r->token, r->call.deadline,
                              r->call.err);
        err_clear(r->call.err);
        if (st == ST_BUSY && reading_wait_for_fill(r))
            return ST_OK;
        r->locked = st == ST_OK || st == ST_BUSY;
    }
    if (fault_point("analytics.before_store"))
        return err_set(r->call.err, ST_UNAVAILABLE, NULL, "fault point");
    return reading_from_store(r);
}

static enum status answer_for_id(struct reading *r)
{
    enum status st = reading_from_cache(r, r->call.deadline);

    if (st != ST_OK)
        return cold(r);
    stat_add(STAT_cache_hits, 1);
    return ST_OK;
}

/* A hint may be wrong (the e-mail went to another user, the user was removed):
 * what it leads to is not found, and then the records decide. */
static enum status answer_for(struct reading *r, struct email_hints *hints)
{
    enum status st;

    if (!r->email.n)
        return answer_for_id(r);
    if (email_hint(hints, r->email, r->call.arena, &r->call.user_id)) {
        st = answer_for_id(r);
        if (!r->stranger)
            return st;
        r->stranger = false;
        fill_over(r);
        email_hint_drop(hints, r->email);
        err_clear(r->call.err);
    }
    st = id_from_records(r, hints);
    if (st == ST_OK)
        st = answer_for_id(r);
    if (r->stranger)
        email_hint_drop(hints, r->email);
    return st;
}

/* ---- the answer goes out ---- */

/* Its trips are on their way to the reader, so they go into the cache and this
 * host's file now or never. */
static enum status send_and_keep(struct reading *r, const struct sink *out)
{
    struct answer *ans = r->streamed;
    struct keeping k = reading_keeping(r, ans->read_began_ms);

    stat_add(STAT_answers_streamed, 1);
    if (view_whole(&r->variant.view) && ans->plain.each && ans->gzip.each)
        answer_stream_fill(ans, answer_filling_new(&r->call, &r->token, ans));
    if (answer_cacheable(&r->call, &r->token, ans, r->reply.length))
        return keep_while_sent(&k, r->reply.etag, &r->body, out->write,
                               out->ctx);
    return body_each(&r->body, out->write, out->ctx, r->call.err);
}

static enum status send_reply(struct reading *r, const struct sink *out)
{
    enum status st = out->begin(out->ctx, &r->reply);

    if (st != ST_OK || r->reply.unchanged || r->reply.file.n || out->head)
        return st;
    return r->streamed ? send_and_keep(r, out)
                       : body_each(&r->body, out->write, out->ctx, r->call.err);
}

enum status analytics_answer(struct service *s, const struct call *c,
                             const struct reading_request *request,
                             struct sink *out)
{
    int64_t began_us = clock_mono_us();
    struct reading r = {.call = *c, .request = request};
    enum status st;

    if ((st = read_query(&r)) == ST_OK &&
        (st = answer_for(&r, s->hints)) == ST_OK) {
        r.reply.took_us = clock_mono_us() - began_us;
        st = send_reply(&r, out);
    }
    fill_over(&r);
    return st;
}
