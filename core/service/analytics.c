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

#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stats.h"
#include "service/answer_stream.h"
#include "service/driver.h"
#include "service/driver_look.h"
#include "service/query.h"
#include "service/representation.h"
#include "store/keys.h"

#define WAIT_STEP_MS 10

/* A share of the deadline for a waiter: it must still be able to help itself.
 */
#define WAIT_SHARE 4

struct reading {
    struct service *s;
    const struct call *c;
    const struct analytics_request *request;
    struct err *err;
    struct str email;   /* as looked up; empty when asked by id */
    struct str user_id; /* whose; by e-mail only a hint until proved */
    struct variant variant;
    bool stranger; /* user_id is nobody, or not who was asked for */
    struct cache_token token;
    struct reply reply;
    struct body body;
    struct answer *streamed; /* whose trips are read while they are sent */
    bool locked;             /* others wait for this fill */
};

/* ---- whose ---- */

static enum status driver_unknown(struct reading *r)
{
    struct buf b;
    struct json_out o = {.b = &b};

    r->stranger = true;
    buf_init(&b, 64 * 1024);
    json_put_str(&o, "searched_for", r->variant.searched_by);
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

static enum status read_whose(struct reading *r, const struct query *q)
{
    const struct query_param *email = query_find(q, "email");
    const struct query_param *id = query_find(q, "user_id");
    struct str *by = &r->variant.searched_by;

    if (email && id)
        return err_set(r->err, ST_BAD_REQUEST, "bad_query",
                       "Give \"email\" or \"user_id\", not both");
    if (email)
        r->email = *by =
            driver_email_lower(str_trim(email->value), r->c->arena);
    else if (id)
        r->user_id = *by = str_trim(id->value);
    if (!by->n)
        return err_set(r->err, ST_BAD_REQUEST, "missing_query",
                       "Either \"email\" or \"user_id\" parameter is required");
    return ST_OK;
}

static enum status read_query(struct reading *r)
{
    struct arena *a = r->c->arena;
    struct query *q = arena_alloc(a, sizeof *q);
    enum status st = query_parse(r->request->query, a, q, r->err);

    if (st != ST_OK)
        return st;
    if (!q->n)
        return err_set(r->err, ST_BAD_REQUEST, "missing_query",
                       "Query parameters are required");
    if ((st = read_whose(r, q)) != ST_OK ||
        (st = view_parse(q, a, &r->variant.view, r->err)) != ST_OK)
        return st;
    r->variant.coding = coding_accepted(r->request->accept_encoding);
    if (r->variant.coding == CODING_NONE)
        return err_set(r->err, ST_NOT_ACCEPTABLE, NULL,
                       "Answers are sent as they are or with gzip");
    variant_name(&r->variant, a);
    if (r->email.n ? !driver_email_plausible(r->email) : !id_valid(r->user_id))
        return driver_unknown(r);
    return ST_OK;
}

static enum status id_from_records(struct reading *r)
{
    struct log_value space;
    enum status st =
        records_id_by_email(r->s->records, r->email, r->c->deadline,
                            r->c->arena, &r->user_id, r->err);

    if (st == ST_NOT_FOUND)
        return driver_unknown(r);
    if (st != ST_OK)
        return st;
    if (!id_valid(r->user_id)) {
        log_line(LOG_WARN, "strange_user_id", "user_id=%s",
                 log_quoted(r->user_id, &space));
        return driver_unknown(r);
    }
    driver_hint_set(r->s->hints, r->email, r->user_id);
    return ST_OK;
}

/* ---- what comes of it ---- */

static struct keeping keeping_of(struct reading *r, int64_t read_began_ms)
{
    return (struct keeping){.s = r->s,
                            .user_id = r->user_id,
                            .variant = &r->variant,
                            .token = &r->token,
                            .read_began_ms = read_began_ms,
                            .d = r->c->deadline,
                            .a = r->c->arena};
}

/* True if that is what the reader has already. */
static bool reply_is(struct reading *r, struct str etag, const char *source)
{
    r->reply = (struct reply){.etag = arena_copy(r->c->arena, etag),
                              .gzip = r->variant.coding == CODING_GZIP,
                              .source = source};
    r->reply.unchanged = etag_listed(r->request->if_none_match, etag);
    return r->reply.unchanged;
}

static void reply_file(struct reading *r, const struct file_name *name,
                       const char *source)
{
    r->reply.file = arena_copy(r->c->arena, str_of(name->z));
    r->reply.source = source;
    stat_add(STAT_files_sent, 1);
}

static void reply_body(struct reading *r, struct body b)
{
    r->body = b;
    r->reply.length = body_length(&b);
}

/* ---- the cache ---- */

/* The variant's own entry. */
static bool from_kept(struct reading *r, const struct cache_entry *e)
{
    struct keeping k = keeping_of(r, e->read_began_ms);
    struct file_name name;
    struct kept kept;

    if (!e->hit || kept_read(e->head, &kept, r->err) != ST_OK)
        return false;
    if (reply_is(r, kept.etag, "cache"))
        return true;
    if (kept.here) {
        reply_body(r, (struct body){.front = kept.body});
        return true;
    }
    if (!kept.file || !r->request->files || !kept_in_file(&k, &name))
        return false;
    reply_file(r, &name, "file");
    return true;
}

/* The trips of the entry. */
static enum status load_trips(struct reading *r, struct answer_entry *e,
                              struct deadline d)
{
    enum coding coding = r->variant.coding;
    struct arena *a = r->c->arena;

    if (e->plain <= ANSWER_COLLECTED)
        return answer_load(r->s, r->user_id, e, coding, d, a, r->err);
    *(coding == CODING_GZIP ? &e->answer.gzip : &e->answer.plain) =
        answer_stream_kept(r->s, r->user_id, e, coding, a);
    return ST_OK;
}

/* The driver's entry, which has what whole answers are made of. */
static enum status from_entry(struct reading *r, const struct cache_entry *e,
                              struct deadline d)
{
    struct keeping k = keeping_of(r, e->read_began_ms);
    struct arena *a = r->c->arena;
    struct answer_entry found;
    struct file_name name;
    struct str etag;
    enum status st = answer_found(e, &found, r->err);

    if (st != ST_OK)
        return st;
    /* The entry of a hint's driver who has another e-mail by now is not what
     * was asked for. */
    if (r->email.n && !str_eq(r->email, found.answer.email))
        return ST_NOT_FOUND;
    etag = variant_etag(&r->variant, found.answer.state, a);
    if (reply_is(r, etag, "cache")) {
        keep_etag(&k, etag, true);
        return ST_OK;
    }
    if (r->request->files && kept_in_file(&k, &name)) {
        keep_etag(&k, etag, true);
        reply_file(r, &name, "file");
        return ST_OK;
    }
    if (!r->variant.view.summary && (st = load_trips(r, &found, d)) != ST_OK)
        return st;
    reply_body(r, body_make(&r->variant, &found.answer, a));
    if (keep_body(&k, etag, &r->body, &name) && r->request->files)
        reply_file(r, &name, "cache");
    return ST_OK;
}

/* ST_OK: the reply is made. ST_NOT_FOUND: a miss, r->token is set if there is
 * a cache to fill. */
static enum status from_cache(struct reading *r, struct deadline d)
{
    const struct view *v = &r->variant.view;
    struct cache *cache = r->s->cache;
    struct cache_entry e;
    enum status st;
    bool done = false;

    r->token = (struct cache_token){.z = ""};
    if (spool_token_waits(r->s->spool, r->user_id)) {
        stat_add(STAT_cache_bypassed, 1);
        return ST_NOT_FOUND;
    }
    st = cache_lookup(cache, r->user_id, r->variant.name, d, r->c->arena, &e,
                      r->err);
    if (st == ST_OK) {
        r->token = e.token;
        done = from_kept(r, &e);
    }
    if (st == ST_OK && !done && r->token.z[0] &&
        (view_whole(v) || v->summary)) {
        st = cache_lookup(cache, r->user_id, CACHE_WHOLE, d, r->c->arena, &e,
                          r->err);
        r->token = e.token;
        done = st == ST_OK && e.hit && from_entry(r, &e, d) == ST_OK;
    }
    err_clear(r->err); /* the cache has counted what was an error */
    return done ? ST_OK : ST_NOT_FOUND;
}

/* Whole answers fill the driver's entry, of which all of them are made. */
static struct str fill_of(const struct reading *r)
{
    return view_whole(&r->variant.view) ? CACHE_WHOLE : r->variant.name;
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
        st = cache_fill_begin(r->s->cache, r->user_id, fill_of(r), &r->token,
                              until, r->err);
        err_clear(r->err);
        if (st != ST_BUSY)
            return false; /* the filler gave up */
    }
    return false;
}

/* ---- the store ---- */

static enum status the_driver(struct reading *r, struct user *u,
                              struct roster_look **look)
{
    enum status st =
        driver_look(r->s, r->c, r->user_id, r->email, u, look, r->err);

    return st == ST_NOT_FOUND ? driver_unknown(r) : st;
}

/* Nothing but the listing says that the reader has it: no object is read. */
static bool unchanged(struct reading *r, const struct user *u,
                      const struct roster *roster)
{
    struct keeping k = keeping_of(r, roster->read_began_ms);
    char state[ROSTER_STATE + 1];
    struct str etag;

    roster_state(roster, u, state);
    etag = variant_etag(&r->variant, str_of(state), r->c->arena);
    if (!reply_is(r, etag, "store"))
        return false;
    if (r->token.z[0] && !roster->unreadable)
        keep_etag(&k, etag, true);
    return true;
}

static enum status make(struct reading *r, const struct user *u,
                        struct roster *roster, struct answer *out)
{
    bool gzip = r->variant.coding == CODING_GZIP;
    /* Whole answers are kept in both codings, for whoever comes next. */
    bool both = r->token.z[0] && view_whole(&r->variant.view);
    struct answer_wish wish = {
        .view = &r->variant.view, .plain = !gzip || both, .gzip = gzip || both};

    return answer_make(r->s, u, roster, &wish, r->c->deadline, r->c->arena, out,
                       r->err);
}

static enum status look_and_make(struct reading *r, const struct user *u,
                                 struct roster_look *look, struct answer *out)
{
    struct roster *roster = arena_alloc(r->c->arena, sizeof *roster);
    enum status st = roster_take(r->s, r->user_id, look, r->c->deadline,
                                 r->c->arena, roster, r->err);

    if (st != ST_OK)
        return st;
    if (!roster->n && !roster->unreadable) {
        roster_repair_later(r->s, r->c, r->user_id, roster);
        return no_trips(r);
    }
    if (!unchanged(r, u, roster) && (st = make(r, u, roster, out)) != ST_OK)
        return st;
    roster_repair_later(r->s, r->c, r->user_id, roster);
    return ST_OK;
}

static void fill_and_keep(struct reading *r, struct answer *ans)
{
    struct keeping k = keeping_of(r, ans->read_began_ms);
    struct arena *a = r->c->arena;
    struct file_name name;

    (void)reply_is(r, variant_etag(&r->variant, ans->state, a), "store");
    r->reply.unchanged = false; /* that was asked before its trips were read */
    reply_body(r, body_make(&r->variant, ans, a));
    if (ans->streamed) {
        r->streamed = ans;
        return; /* until it is sent: send_and_keep */
    }
    if (!answer_cacheable(r->s, &r->token, ans, r->reply.length))
        return;
    if (view_whole(&r->variant.view) &&
        !answer_fill(r->s, r->user_id, &r->token, ans, a))
        return;
    if (keep_body(&k, r->reply.etag, &r->body, &name) && r->request->files)
        reply_file(r, &name, "store");
}

static enum status from_store(struct reading *r)
{
    struct answer *answer = arena_alloc(r->c->arena, sizeof *answer);
    struct roster_look *look;
    struct user u;
    enum status st = the_driver(r, &u, &look);

    for (int tries = 0; st == ST_OK && tries < ROSTER_TRIES; tries++) {
        st = look_and_make(r, &u, tries ? NULL : look, answer);
        if (st == ST_PRECONDITION) { /* changed under our hands */
            stat_add(STAT_listings_retaken, 1);
            err_clear(r->err);
            st = ST_OK;
            continue;
        }
        if (st != ST_OK || r->reply.unchanged)
            return st;
        if (fault_point("analytics.before_fill"))
            return err_set(r->err, ST_UNAVAILABLE, NULL, "fault point");
        fill_and_keep(r, answer);
        return ST_OK;
    }
    return st != ST_OK ? st
                       : err_set(r->err, ST_UNAVAILABLE, "changing_too_fast",
                                 "The driver's trips change too fast to be "
                                 "read; try again");
}

static void fill_over(struct reading *r)
{
    if (r->locked)
        cache_fill_end(r->s->cache, r->user_id, fill_of(r), &r->token,
                       deadline_in(r->s->conf->cache_timeout));
    r->locked = false;
}

static enum status cold(struct reading *r)
{
    enum status st;

    stat_add(STAT_cache_misses, 1);
    if (r->token.z[0]) {
        st = cache_fill_begin(r->s->cache, r->user_id, fill_of(r), &r->token,
                              r->c->deadline, r->err);
        err_clear(r->err);
        if (st == ST_BUSY && wait_for_fill(r))
            return ST_OK;
        r->locked = st == ST_OK || st == ST_BUSY;
    }
    if (fault_point("analytics.before_store"))
        return err_set(r->err, ST_UNAVAILABLE, NULL, "fault point");
    return from_store(r);
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
        fill_over(r);
        driver_hint_drop(r->s->hints, r->email);
        err_clear(r->err);
    }
    st = id_from_records(r);
    if (st == ST_OK)
        st = answer_for_id(r);
    if (r->stranger)
        driver_hint_drop(r->s->hints, r->email);
    return st;
}

/* ---- the answer goes out ---- */

/* Its trips are on their way to the reader, so they go into the cache and this
 * host's file now or never. */
static enum status send_and_keep(struct reading *r, const struct sink *out)
{
    struct answer *ans = r->streamed;
    struct keeping k = keeping_of(r, ans->read_began_ms);
    struct arena *a = r->c->arena;

    stat_add(STAT_answers_streamed, 1);
    if (view_whole(&r->variant.view) && ans->plain.each && ans->gzip.each)
        answer_stream_fill(
            ans, answer_filling_new(r->s, r->user_id, &r->token, ans, a));
    if (answer_cacheable(r->s, &r->token, ans, r->reply.length))
        return keep_while_sent(&k, r->reply.etag, &r->body, out->write,
                               out->ctx, r->err);
    return body_each(&r->body, out->write, out->ctx, r->err);
}

static enum status send_reply(struct reading *r, const struct sink *out)
{
    enum status st = out->begin(out->ctx, &r->reply);

    if (st != ST_OK || r->reply.unchanged || r->reply.file.n || out->head)
        return st;
    return r->streamed ? send_and_keep(r, out)
                       : body_each(&r->body, out->write, out->ctx, r->err);
}

enum status analytics_answer(struct service *s, const struct call *c,
                             const struct analytics_request *request,
                             struct sink *out, struct err *err)
{
    int64_t began_us = clock_mono_us();
    struct reading r = {.s = s, .c = c, .request = request, .err = err};
    enum status st;

    if ((st = read_query(&r)) == ST_OK && (st = answer_for(&r)) == ST_OK) {
        r.reply.took_us = clock_mono_us() - began_us;
        st = send_reply(&r, out);
    }
    fill_over(&r);
    return st;
}
