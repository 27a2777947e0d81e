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

#include <assert.h>
#include "answer/query.h"
#include "answer/reading.h"
#include "base/log.h"
#include "driver/driver.h"
#include "store/keys.h"

/* ---- whose ---- */

static enum status read_whose(struct reading *r, const struct query *q)
{
    const struct query_param *email = query_find(q, "email");
    const struct query_param *id = query_find(q, "user_id");
    struct str *by = &r->variant.searched_by;

    /* Whose answer would it be, if they are two drivers'? */
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
    /* After all that is 400: whoever asks wrongly is told so. What no driver
     * can have is not looked for in the stores, but answered as they would. */
    if (r->email.n ? !driver_email_plausible(r->email)
                   : !id_valid(r->call.user_id))
        return reading_unknown(r);
    return ST_OK;
}

/* Whoever may give an aged copy must have time to. */
static struct deadline id_deadline(const struct reading *r)
{
    struct deadline d = r->call.deadline;

    if (!r->call.stores->conf->cache_stale_if_error)
        return d;
    return deadline_sooner(d, deadline_left_ms(d) / STALE_SHARE);
}

/* The records cannot say whose the e-mail is. Whose it was at a fill, on
 * whichever host, leads to what is cached, which says whether it is still his.
 */
static enum status answer_by_kept_email(struct reading *r, int64_t began_ms)
{
    struct err *why = r->call.err, err = ERR_NONE;
    struct stores *s = r->call.stores;
    enum status st;

    if (!s->conf->cache_stale_if_error || !outage_is(why->st))
        return why->st;
    outage_met(&s->away, began_ms);
    r->call.err = &err;
    st = cache_email_get(s->cache, r->email, r->call.deadline, r->call.arena,
                         &r->call.user_id, &err);
    err_clear(&err);
    if (st == ST_OK)
        st = reading_answer(r);
    r->call.err = why;
    r->stranger = false; /* the records have not said so */
    if (st != ST_OK)
        return why->st;
    if (r->reply.stale && outage_tell(&s->away))
        log_err(LOG_WARN, "stale_answer", why);
    err_clear(why);
    return ST_OK;
}

static enum status id_from_records(struct reading *r, struct email_hints *hints)
{
    struct log_value space;
    enum status st;

    assert(r->email.n && hints);
    st = records_id_by_email(r->call.stores->records, r->email, id_deadline(r),
                             r->call.arena, &r->call.user_id, r->call.err);

    if (st == ST_NOT_FOUND)
        return reading_unknown(r);
    if (st != ST_OK)
        return st;
    /* It would go into keys of the object store: ".." is another folder. */
    if (!id_valid(r->call.user_id)) {
        log_line(LOG_WARN, "strange_user_id", "user_id=%s",
                 log_quoted(r->call.user_id, &space));
        return reading_unknown(r);
    }
    email_hint_set(hints, r->email, r->call.user_id);
    return ST_OK;
}

/* A hint may be wrong (the e-mail went to another user, the user was removed):
 * what it leads to is not found, and then the records decide. */
static enum status answer_for(struct reading *r, struct email_hints *hints)
{
    int64_t began_ms;
    enum status st;

    if (!r->email.n)
        return reading_answer(r);
    if (email_hint(hints, r->email, r->call.arena, &r->call.user_id)) {
        st = reading_answer(r);
        if (!r->stranger)
            return st;
        r->stranger = false;
        /* The lock is the hinted driver's, and so is the token it names. */
        reading_end(r);
        email_hint_drop(hints, r->email);
        err_clear(r->call.err);
    }
    began_ms = clock_mono_ms();
    st = id_from_records(r, hints);
    if (st != ST_OK && !r->stranger)
        return answer_by_kept_email(r, began_ms);
    if (st == ST_OK)
        st = reading_answer(r);
    /* The index named a user whose record has another e-mail by now. */
    if (r->stranger)
        email_hint_drop(hints, r->email);
    return st;
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
        st = reading_send(&r, out);
    }
    reading_end(&r); /* however it went: others wait */
    return st;
}
