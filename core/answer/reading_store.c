/* reading_store.c - the answer that has to be made. */
#include "answer/answer_stream.h"
#include "answer/reading.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stats.h"
#include "driver/driver.h"
#include "driver/driver_look.h"

static enum status no_trips(struct reading *r)
{
    struct buf b;
    struct json_out o = {.b = &b};

    buf_init(&b, 4096);
    json_put_str(&o, "user_id", r->call.user_id);
    json_put_str(&o, "searched_user", r->call.user_id);
    err_set(r->call.err, ST_NOT_FOUND, "no_trips",
            "No trips found for this user");
    if (buf_ok(&b))
        r->call.err->extra = arena_copy(r->call.arena, buf_str(&b));
    buf_free(&b);
    return ST_NOT_FOUND;
}

static enum status look_at_driver(struct reading *r, struct user *u,
                                  struct roster_look **look)
{
    enum status st = driver_look(&r->call, r->email, u, look);
    char state[USER_STATE + 1];

    if (u->user_id.n) {
        user_state(u, state);
        r->user = arena_copy(r->call.arena, str_of(state));
    }
    if (st != ST_NOT_FOUND)
        return st;
    /* Others may have removed him: what is cached in another variant would be
     * given for cache.user_ttl. */
    if (!u->user_id.n)
        reading_forget(r);
    return reading_unknown(r);
}

/* Nothing but the listing says that the reader has it: no object is read. */
static bool reply_unchanged(struct reading *r, const struct user *u,
                            const struct roster *roster)
{
    char state[ROSTER_STATE + 1];
    struct keeping k;
    struct str etag;

    roster_state(roster, u, state);
    etag = variant_etag(&r->variant, str_of(state), r->call.arena);
    if (!reading_reply_begin(r, etag, "store"))
        return false;
    /* So that the next one who has it is told by one look into the cache. */
    if (r->token.z[0] && !roster->unreadable) {
        k = reading_keeping(r, r->user, roster->read_began_ms);
        keep_etag(&k, etag, true);
    }
    return true;
}

static enum status make_answer(struct reading *r, const struct user *u,
                               struct roster *roster, struct answer *out)
{
    bool gzip = r->variant.coding == CODING_GZIP;
    /* Whole answers are kept in both codings, for whoever comes next. */
    bool both = r->token.z[0] && view_whole(&r->variant.view);
    struct answer_wish wish = {
        .view = &r->variant.view, .plain = !gzip || both, .gzip = gzip || both};

    return answer_make(&r->call, u, roster, &wish, out);
}

static enum status read_and_make(struct reading *r, const struct user *u,
                                 struct roster_look *look, struct answer *out)
{
    struct roster *roster = arena_alloc(r->call.arena, sizeof *roster);
    enum status st = roster_read(&r->call, look, roster);

    if (st != ST_OK)
        return st;
    if (!roster->n && !roster->unreadable) {
        /* Rows whose objects are gone go, too. */
        roster_repair_later(&r->call, roster);
        return no_trips(r);
    }
    if (!reply_unchanged(r, u, roster) &&
        (st = make_answer(r, u, roster, out)) != ST_OK)
        return st;
    roster_repair_later(&r->call, roster);
    return ST_OK;
}

/* So that a worker who has not seen the e-mail finds its aged copies while the
 * records are away. */
static void keep_email(const struct reading *r, struct str email)
{
    struct stores *s = r->call.stores;
    struct err err = ERR_NONE;

    if (s->conf->cache_stale_if_error && email.n && email.n <= EMAIL_MAX &&
        cache_email_put(s->cache, email, r->call.user_id, r->call.deadline,
                        &err) != ST_OK)
        log_err(LOG_DEBUG, "email_not_kept", &err);
}

static enum status fill_and_keep(struct reading *r, struct answer *ans)
{
    struct keeping k = reading_keeping(r, ans->user, ans->read_began_ms);
    struct arena *a = r->call.arena;
    struct file_name name;
    struct body body;
    enum status st = body_make(&r->variant, ans, a, &body, r->call.err);

    if (st != ST_OK)
        return st;
    (void)reading_reply_begin(r, variant_etag(&r->variant, ans->state, a),
                              "store");
    r->reply.unchanged = false; /* that was asked before its trips were read */
    reading_reply_body(r, body);
    if (r->token.z[0])
        keep_email(r, ans->email);
    if (ans->streamed) {
        r->streamed = ans;
        return ST_OK; /* until it is sent: send_and_keep */
    }
    if (!answer_cacheable(&r->call, &r->token, ans, r->reply.length))
        return ST_OK;
    /* Refused: the token is not the driver's any more, nor would the variant's
     * entry be taken (rule 5). */
    if (view_whole(&r->variant.view) && !answer_fill(&r->call, &r->token, ans))
        return ST_OK;
    if (keep_body(&k, r->reply.etag, &r->body, &name) && r->request->files)
        reading_reply_file(r, &name, "store");
    return ST_OK;
}

enum status reading_from_store(struct reading *r)
{
    struct answer *answer = arena_alloc(r->call.arena, sizeof *answer);
    struct roster_look *look;
    struct user u;
    enum status st;

    for (int tries = 0; tries < ROSTER_TRIES; tries++) {
        /* The record each time, too: the answer is as old as all that it is
         * made of (rule 5). */
        if (!reading_may_make(r))
            return reading_refuse(r);
        if ((st = look_at_driver(r, &u, &look)) != ST_OK)
            return st;
        reading_learn(r, look);
        if (!reading_may_make(r))
            return reading_refuse(r);
        st = read_and_make(r, &u, look, answer);
        if (st == ST_PRECONDITION) { /* changed under our hands */
            stat_add(STAT_listings_retaken, 1);
            err_clear(r->call.err);
            continue;
        }
        if (st != ST_OK || r->reply.unchanged)
            return st;
        if (fault_point("analytics.before_fill"))
            return err_set(r->call.err, ST_UNAVAILABLE, NULL, "fault point");
        return fill_and_keep(r, answer);
    }
    return err_set(r->call.err, ST_UNAVAILABLE, "changing_too_fast",
                   "The driver's trips change too fast to be read; try again");
}
