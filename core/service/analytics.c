/*
 * The life of a read: query -> whose answer (an id, an e-mail's hint or the
 * records, whatever the parameter is called)
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
#include "service/namesakes.h"
#include "store/keys.h"

/* ---- who is wanted ---- */

/* Either parameter may hold either; its name only says what is tried first. */
struct wanted {
    struct hint_key key; /* the text as it was given */
    struct str email;    /* the same, lowered */
    bool can_be_email, can_be_id;
};

/* Clients leave the `+` of an address unescaped, which then arrives as a blank;
 * neither an address nor an id has blanks. */
static struct str wanted_text(struct str value, struct arena *a)
{
    struct str text = str_trim(value);
    char *p;

    if (!text.n || !memchr(text.p, ' ', text.n))
        return text;
    p = arena_z(a, text);
    for (size_t i = 0; i < text.n; i++)
        if (p[i] == ' ')
            p[i] = '+';
    return (struct str){p, text.n};
}

static enum status read_wanted(struct reading *r, const struct query *q,
                               struct wanted *out)
{
    struct arena *a = r->call.arena;
    struct str text = STR_NONE;
    bool by_email = false;

    for (size_t i = 0; i < q->n && !text.n; i++) {
        by_email = str_is(q->at[i].name, "email");
        if (by_email || str_is(q->at[i].name, "user_id"))
            text = wanted_text(q->at[i].value, a);
    }
    if (!text.n)
        return err_set(r->call.err, ST_BAD_REQUEST, "missing_query",
                       "Either \"email\" or \"user_id\" parameter is required");
    *out = (struct wanted){.key = {text, by_email},
                           .email = driver_email_lower(text, a),
                           .can_be_email = driver_email_plausible(text),
                           .can_be_id = id_valid(text)};
    return ST_OK;
}

static enum status read_query(struct reading *r, struct wanted *out)
{
    struct arena *a = r->call.arena;
    struct query *q = arena_alloc(a, sizeof *q);
    enum status st = query_parse(r->request->query, a, q, r->call.err);

    if (st != ST_OK)
        return st;
    if (!q->n)
        return err_set(r->call.err, ST_BAD_REQUEST, "missing_query",
                       "Query parameters are required");
    if ((st = read_wanted(r, q, out)) != ST_OK ||
        (st = view_parse(q, r->call.stores->conf->answer_details, a,
                         &r->variant.view, r->call.err)) != ST_OK)
        return st;
    r->variant.coding = coding_accepted(r->request->accept_encoding);
    if (r->variant.coding == CODING_NONE)
        return err_set(r->call.err, ST_NOT_ACCEPTABLE, NULL,
                       "Answers are sent as they are or with gzip");
    return ST_OK;
}

/* ---- whose answer it is ---- */

/* The answer of that driver, if he is who is wanted: by his id, or by the
 * e-mail, which is then his. Else r->stranger, and nobody waits for us. */
static enum status read_as(struct reading *r, const struct wanted *w,
                           struct hint who)
{
    enum status st;

    r->email = who.by_id ? STR_NONE : w->email;
    r->variant.searched_by = who.by_id ? w->key.text : w->email;
    r->call.user_id = who.user_id;
    r->stranger = false;
    variant_name(&r->variant, r->call.arena);
    st = reading_answer(r);
    if (r->stranger) {
        /* The lock is that driver's and that variant's. */
        reading_end(r);
        err_clear(r->call.err);
    }
    return st;
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
static enum status answer_by_kept_email(struct reading *r,
                                        const struct wanted *w,
                                        int64_t began_ms)
{
    struct err *why = r->call.err, err = ERR_NONE;
    struct stores *s = r->call.stores;
    struct hint who = {.by_id = false};
    enum status st;

    if (!s->conf->cache_stale_if_error || !outage_is(why->st))
        return why->st;
    outage_met(&s->away, began_ms);
    r->call.err = &err;
    st = cache_email_get(s->cache, w->email, r->call.deadline, r->call.arena,
                         &who.user_id, &err);
    err_clear(&err);
    if (st == ST_OK)
        st = read_as(r, w, who);
    r->call.err = why;
    r->stranger = false; /* the records have not said so */
    if (st != ST_OK)
        return why->st;
    if (r->reply.stale && outage_tell(&s->away))
        log_err(LOG_WARN, "stale_answer", why);
    err_clear(why);
    return ST_OK;
}

/* What was found in the other way than the parameter's own is believed for a
 * while only: meanwhile somebody may come who is meant by its own. So is one of
 * several, who may not be the one with most trips for ever. */
static void hint_remember(struct email_hints *hints, const struct wanted *w,
                          struct hint who, bool several)
{
    email_hint_set(hints, w->key, who,
                   who.by_id == w->key.by_email ? HINT_SHORT_MS
                   : several                    ? HINT_LONG_MS
                                                : 0);
}

/* email: the one that is wanted, or the same in the letters that were given. */
static enum status id_from_records(struct reading *r, const struct wanted *w,
                                   struct str email, bool *several)
{
    struct log_value space;
    struct email_ids ids;
    enum status st =
        records_ids_by_email(r->call.stores->records, email, id_deadline(r),
                             r->call.arena, &ids, r->call.err);

    *several = false;
    if (st == ST_OK)
        r->call.user_id = ids.id[0];
    if (st == ST_OK && ids.n > 1)
        st = namesake_choose(&r->call, w->email, &ids, &r->call.user_id,
                             several);
    /* It would go into keys of the object store: ".." is another folder. */
    if (st == ST_OK && !id_valid(r->call.user_id)) {
        log_line(LOG_WARN, "strange_user_id", "user_id=%s",
                 log_quoted(r->call.user_id, &space));
        return ST_NOT_FOUND;
    }
    return st;
}

static enum status try_email(struct reading *r, const struct wanted *w,
                             struct email_hints *hints)
{
    struct hint who = {.by_id = false};
    int64_t began_ms = clock_mono_ms();
    enum status st = ST_NOT_FOUND;
    bool several = false;

    r->stranger = true;
    if (w->can_be_email)
        st = id_from_records(r, w, w->email, &several);
    /* Others may have written it as he writes it. */
    if (st == ST_NOT_FOUND && w->can_be_email &&
        !str_eq(w->email, w->key.text)) {
        err_clear(r->call.err);
        st = id_from_records(r, w, w->key.text, &several);
    }
    if (st == ST_NOT_FOUND) {
        err_clear(r->call.err);
        return st;
    }
    r->stranger = false;
    if (st != ST_OK)
        return answer_by_kept_email(r, w, began_ms);
    who.user_id = r->call.user_id;
    st = read_as(r, w, who);
    /* An index may name a user whose record has another e-mail by now. */
    if (!r->stranger)
        hint_remember(hints, w, who, several);
    return st;
}

static enum status try_id(struct reading *r, const struct wanted *w,
                          struct email_hints *hints)
{
    struct hint who = {.user_id = w->key.text, .by_id = true};
    enum status st = ST_NOT_FOUND;
    struct user u;

    r->stranger = true;
    if (!w->can_be_id)
        return st;
    /* Most that is no known e-mail is no id either: the record alone says so
     * for less than a look at a driver. */
    if (w->key.by_email && w->can_be_email) {
        st = records_user(r->call.stores->records, who.user_id,
                          r->call.deadline, r->call.arena, &u, r->call.err);
        r->stranger = st == ST_NOT_FOUND;
        if (r->stranger)
            err_clear(r->call.err);
        if (st != ST_OK)
            return st;
    }
    st = read_as(r, w, who);
    if (!r->stranger && w->key.by_email && w->can_be_email)
        hint_remember(hints, w, who, false);
    return st;
}

/* A hint may be wrong (the e-mail went to another user, the user was removed):
 * what it leads to is a stranger, and then the records decide. */
static enum status try_hint(struct reading *r, const struct wanted *w,
                            struct email_hints *hints)
{
    struct hint who;
    enum status st;

    r->stranger = true;
    if (!w->can_be_email || !email_hint(hints, w->key, r->call.arena, &who))
        return ST_NOT_FOUND;
    st = read_as(r, w, who);
    if (r->stranger)
        email_hint_drop(hints, w->key);
    return st;
}

static enum status answer_for(struct reading *r, const struct wanted *w,
                              struct email_hints *hints)
{
    enum status st = try_hint(r, w, hints);

    if (r->stranger)
        st = w->key.by_email ? try_email(r, w, hints) : try_id(r, w, hints);
    if (r->stranger)
        st = w->key.by_email ? try_id(r, w, hints) : try_email(r, w, hints);
    if (!r->stranger)
        return st;
    r->variant.searched_by = w->key.by_email ? w->email : w->key.text;
    return reading_unknown(r);
}

enum status analytics_answer(struct service *s, const struct call *c,
                             const struct reading_request *request,
                             struct sink *out)
{
    int64_t began_us = clock_mono_us();
    struct reading r = {.call = *c, .request = request};
    struct wanted w;
    enum status st;

    if ((st = read_query(&r, &w)) == ST_OK &&
        (st = answer_for(&r, &w, s->hints)) == ST_OK) {
        r.reply.took_us = clock_mono_us() - began_us;
        st = reading_send(&r, out);
    }
    reading_end(&r); /* however it went: others wait */
    return st;
}
