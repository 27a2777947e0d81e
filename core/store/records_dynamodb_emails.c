/*
 * records_dynamodb_emails.c - whose an e-mail is.
 *
 * By the index; where the table has none (yet), by this host's roll
 * (email_roll.h):
 *
 *   it names somebody, and his record agrees    he is it
 *   it is younger than ROLL_FRESH_US            nobody has it
 *   else one process of this host reads all users anew, the others wait
 */
#include "store/records_dynamodb.h"

#include <stdlib.h>
#include "base/log.h"
#include "base/stats.h"

/* So long somebody whom another program wrote may be unknown. */
#define ROLL_FRESH_US (INT64_C(60) * 1000000)

/* An index that is missing may have been made meanwhile. */
#define INDEX_AGAIN_MS 300000

/* After a reading that failed: a table that allows too few reads a second would
 * else be read in vain all the time, and every worker wait for it. */
#define READ_AGAIN_MS 60000

/* ---- ids ---- */

struct finding {
    struct email_ids *out;
    struct arena *arena;
};

static void ids_add(struct email_ids *out, struct str id, struct arena *a)
{
    size_t i = out->n;

    if (!id.n || out->n == EMAIL_IDS_MAX)
        return;
    for (; i > 0 && str_cmp(out->id[i - 1], id) > 0; i--)
        out->id[i] = out->id[i - 1];
    out->id[i] = arena_copy(a, id);
    out->n++;
}

static enum status email_of_nobody(struct err *err)
{
    return err_set(err, ST_NOT_FOUND, NULL, "nobody has that e-mail");
}

/* ---- by the index ---- */

static enum status note_id(void *ctx, struct json item, struct arena *a,
                           struct err *err)
{
    struct finding *f = ctx;

    (void)err;
    ids_add(f->out, ddb_str(item, "user_id", a), f->arena);
    return ST_OK;
}

enum status dynamodb_email_query(struct dynamodb *s, struct str email,
                                 struct deadline d, struct arena *a,
                                 struct email_ids *out, struct err *err)
{
    struct dynamodb_query q = {.table = s->db.users,
                               .index = s->db.email_index,
                               .where = "#e = :e",
                               .fields = "#i",
                               .names = "{\"#e\":\"email\",\"#i\":"
                                        "\"user_id\"}"};
    struct finding f = {out, a};
    struct buf values;
    struct json_out o = {.b = &values};

    buf_init(&values, 4096);
    json_begin_object(&o, NULL);
    ddb_put_s(&o, ":e", email);
    json_end_object(&o);
    if (!buf_ok(&values)) { /* nobody's e-mail is as long */
        buf_free(&values);
        return ST_OK;
    }
    q.values = arena_z(a, buf_str(&values));
    buf_free(&values);
    return dynamodb_query(s, &q, d, note_id, &f, err);
}

/* ---- by the roll ---- */

static struct email_roll *roll_of(struct dynamodb *s)
{
    struct arena *a;

    if (!s->roll) {
        a = arena_new(0);
        s->roll =
            email_roll_new(s->spool, arena_printf(a, "%s %s %s", s->endpoint,
                                                  s->db.region, s->db.users));
        arena_free(&a);
    }
    return s->roll;
}

static bool roll_is_fresh(int64_t read_us)
{
    int64_t age = clock_wall_us() - read_us;

    return age >= 0 && age < ROLL_FRESH_US;
}

/* Those whose records have that e-mail now. */
static enum status ids_prove(struct dynamodb *s, struct str email,
                             const struct email_ids *ids, struct deadline d,
                             struct arena *a, struct email_ids *out,
                             struct err *err)
{
    struct user u;

    out->n = 0;
    for (size_t i = 0; i < ids->n; i++) {
        enum status st = dynamodb_user(&s->base, ids->id[i], d, a, &u, err);

        if (st == ST_OK && str_eq(u.email, email))
            ids_add(out, u.user_id, a);
        else if (st == ST_NOT_FOUND)
            err_clear(err);
        else if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* *known: the roll need not be read anew, whatever it has. */
static enum status roll_ask(struct dynamodb *s, struct str email,
                            struct deadline d, struct arena *a,
                            struct email_ids *out, bool *known, struct err *err)
{
    struct email_ids named;
    int64_t read_us;
    enum status st = ST_OK;

    out->n = 0;
    *known = false;
    if (!email_roll_find(roll_of(s), email, a, &named, &read_us))
        return ST_OK;
    st = ids_prove(s, email, &named, d, a, out, err);
    *known = out->n || roll_is_fresh(read_us);
    return st;
}

struct reading_all {
    struct roll_draft *draft;
    struct str email;
    struct finding found;
};

static enum status email_user(void *ctx, struct json item, struct arena *a,
                              struct err *err)
{
    struct reading_all *r = ctx;
    struct str email = arena_lower(a, ddb_str(item, "email", a));
    struct str id = ddb_str(item, "user_id", a);

    if (!email.n || !id.n)
        return ST_OK;
    if (str_eq(email, r->email))
        ids_add(r->found.out, id, r->found.arena);
    return roll_draft_add(r->draft, email, id, err);
}

/* The reading itself is what was asked for; that it cannot be kept is only
 * dear. */
static void roll_keep(struct dynamodb *s, struct roll_draft *draft,
                      int64_t began_ms)
{
    bool warn = email_roll_due_warning(s->roll);
    struct err err = ERR_NONE;

    if (warn)
        log_line(LOG_WARN, "no_email_index",
                 "table=%s text=\"it has no index by e-mail that can be used, "
                 "so all of it is read, a minute apart at least; to add one: "
                 "driveguardctl tables init\"",
                 s->db.users);
    log_line(LOG_INFO, "email_roll_made", "users=%zu ms=%lld",
             roll_draft_users(draft), (long long)(clock_mono_ms() - began_ms));
    if (email_roll_publish(s->roll, draft, warn, &err) != ST_OK)
        log_err(LOG_WARN, "email_roll_not_kept", &err);
}

static enum status roll_read(struct dynamodb *s, struct str email,
                             struct deadline d, struct arena *a,
                             struct email_ids *out, struct err *err)
{
    struct dynamodb_query q = {.table = s->db.users,
                               .lagging = true, /* at half the price */
                               .fields = "#e, #i",
                               .names = "{\"#e\":\"email\",\"#i\":"
                                        "\"user_id\"}"};
    struct reading_all r = {
        .draft = roll_draft_new(), .email = email, .found = {out, a}};
    int64_t began_ms = clock_mono_ms();
    enum status st;

    out->n = 0;
    stat_add(STAT_email_scans, 1);
    st = dynamodb_scan(s, &q, d, email_user, &r, err);
    if (st == ST_OK)
        roll_keep(s, r.draft, began_ms);
    else
        err_add(err,
                "%s has no index by e-mail (driveguardctl tables init "
                "adds it), and reading it whole failed",
                s->db.users);
    roll_draft_free(&r.draft);
    return st;
}

static enum status find_by_roll(struct dynamodb *s, struct str email,
                                struct deadline d, struct arena *a,
                                struct email_ids *out, struct err *err)
{
    struct err why = ERR_NONE;
    bool known;
    int lock;
    enum status st = roll_ask(s, email, d, a, out, &known, err);

    if (st != ST_OK || known)
        return st;
    if (clock_mono_ms() < s->roll_due_ms)
        return err_set(err, ST_UNAVAILABLE, "no_email_index",
                       "%s has no index by e-mail, and could not be read whole "
                       "a moment ago; to add one: driveguardctl tables init",
                       s->db.users);
    st = email_roll_lock(s->roll, d, &lock, &why);
    if (st == ST_TIMEOUT) {
        s->roll_due_ms = clock_mono_ms() + READ_AGAIN_MS;
        *err = why;
        return st;
    }
    /* Whoever had it until now has read for us. Without a folder there is no
     * lock, and each reads for himself. */
    st = roll_ask(s, email, d, a, out, &known, err);
    if (st == ST_OK && !known &&
        (st = roll_read(s, email, d, a, out, err)) != ST_OK)
        s->roll_due_ms = clock_mono_ms() + READ_AGAIN_MS;
    email_roll_unlock(&lock);
    return st;
}

/* ---- either ---- */

static enum status find_by_index(struct dynamodb *s, struct str email,
                                 struct deadline d, struct arena *a,
                                 struct email_ids *out, struct err *err)
{
    enum status st = dynamodb_email_query(s, email, d, a, out, err);

    if (st == ST_OK && s->email_index_due_ms) {
        log_line(LOG_INFO, "email_index_found", "table=%s index=%s",
                 s->db.users, s->db.email_index);
        s->email_index_due_ms = 0;
    }
    if (st == ST_NOT_FOUND) /* no such index, or not yet */
        s->email_index_due_ms = clock_mono_ms() + INDEX_AGAIN_MS;
    return st;
}

enum status dynamodb_ids_by_email(struct records *r, struct str email,
                                  struct deadline d, struct arena *a,
                                  struct email_ids *out, struct err *err)
{
    struct dynamodb *s = dynamodb_of(r);
    enum status st = ST_NOT_FOUND;

    out->n = 0;
    if (!email.n)
        return email_of_nobody(err);
    if (s->db.email_index[0] && clock_mono_ms() >= s->email_index_due_ms)
        st = find_by_index(s, email, d, a, out, err);
    if (st == ST_NOT_FOUND) {
        err_clear(err);
        st = find_by_roll(s, email, d, a, out, err);
    }
    return st == ST_OK && !out->n ? email_of_nobody(err) : st;
}

enum status dynamodb_user_by_email(struct records *r, struct str email,
                                   struct deadline d, struct arena *a,
                                   struct user *out, struct err *err)
{
    struct email_ids ids;
    enum status st = dynamodb_ids_by_email(r, email, d, a, &ids, err);

    /* An index may lag behind: what counts is the item. */
    for (size_t i = 0; st == ST_OK && i < ids.n; i++) {
        st = dynamodb_user(r, ids.id[i], d, a, out, err);
        if (st == ST_OK && str_eq(out->email, email))
            return ST_OK;
        if (st == ST_NOT_FOUND) {
            err_clear(err);
            st = ST_OK;
        }
    }
    return st == ST_OK ? email_of_nobody(err) : st;
}

/* A failure costs a minute: until the next reading. */
void dynamodb_email_given(struct dynamodb *s, struct str email,
                          struct str user_id)
{
    struct err err = ERR_NONE;

    if (!email.n || (s->db.email_index[0] && !s->email_index_due_ms))
        return;
    if (email_roll_add(roll_of(s), email, user_id, &err) != ST_OK)
        log_err(LOG_WARN, "email_roll_not_kept", &err);
}
