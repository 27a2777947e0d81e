/*
 * records_sqlite_user_put.c - users of the SQLite record store, written.
 *
 * A row is read, changed in C and written back within a transaction. What
 * others put into a user is one text, foreign_members, in the form of
 * records_user_foreign: no value loses its type on a way back to DynamoDB.
 */
#include "store/records_sqlite.h"

#include <assert.h>
#include "base/json.h"

#define FOREIGN_TEXT_MAX ((size_t)4 * 1024 * 1024)

static void bind_user(struct sql_query *q, const struct user *u)
{
    sql_bind_str(q, u->user_id);
    sql_bind_str(q, u->email);
    sql_bind_str(q, u->name);
    sql_bind_str(q, u->role);
    sql_bind_str(q, u->zipcode);
    if (u->has_base_point) {
        sql_bind_double(q, u->latitude);
        sql_bind_double(q, u->longitude);
    } else {
        sql_bind_null(q);
        sql_bind_null(q);
    }
    sql_bind_str(q, u->city);
    sql_bind_str(q, u->state);
    sql_bind_str(q, u->source);
    sql_bind_str(q, u->base_zipcode);
    if (u->has_privacy) {
        sql_bind_int(q, u->anonymization_radius);
        sql_bind_int(q, u->retention_months);
    } else {
        sql_bind_null(q);
        sql_bind_null(q);
    }
    sql_bind_str(q, u->consent);
}

/* ---- what others put there ---- */

static enum status read_foreign_cell(struct sql *sql, struct str user_id,
                                     struct deadline d, struct arena *a,
                                     bool *there, struct str *out,
                                     struct err *err)
{
    struct sql_query q;
    enum status st = sql_query(sql, Q_USER_FOREIGN, d, &q, err);

    *there = false;
    *out = STR_NONE;
    if (st == ST_OK) {
        sql_bind_key(&q, user_id);
        st = sql_step(&q, there, err);
    }
    if (*there)
        *out = sql_str(&q, 0, a);
    sql_done(&q);
    return st;
}

enum status sqlite_user_foreign(struct records *r, struct str user_id,
                                struct deadline d, struct arena *a,
                                struct str *out, struct err *err)
{
    bool there;
    enum status st =
        read_foreign_cell(sql_of(r), user_id, d, a, &there, out, err);

    if (st == ST_OK && !there)
        return err_set(err, ST_NOT_FOUND, NULL, "no such user");
    if (out->n == 0)
        *out = STR_LIT("{}");
    return st;
}

static void foreign_member(struct buf *b, struct json key, struct json v)
{
    if (b->n > 1)
        buf_putc(b, ',');
    buf_put(b, key.raw);
    buf_putc(b, ':');
    buf_put(b, v.raw);
}

/* By the name itself: it may be escaped in one way here, in another there. */
static bool has_member(struct json object, struct json key, struct arena *a)
{
    struct str name = json_string(key, a);
    struct json_iter it = json_iter(object);
    struct json k, v;

    while (json_next(&it, &k, &v))
        if (str_eq(json_string(k, a), name))
            return true;
    return false;
}

/* A map of ours that is written anew takes with it what others had in it. */
static bool foreign_goes(const struct user *u, struct json key, struct arena *a)
{
    if (has_member(json_of(u->foreign), key, a))
        return true;
    return (!(u->keeps & USER_KEEPS_BASE_POINT) &&
            json_key_is(key, "base_point")) ||
           (!(u->keeps & USER_KEEPS_PRIVACY) &&
            json_key_is(key, "privacy_settings"));
}

/* The old members that stay, then the new ones. */
static enum status merge_foreign(const struct user *u, struct str old,
                                 struct arena *a, struct str *out,
                                 struct err *err)
{
    struct json_iter before = json_iter(json_of(old));
    struct json_iter given = json_iter(json_of(u->foreign));
    struct json key, v;
    struct buf b;
    enum status st = ST_OK;

    buf_init(&b, FOREIGN_TEXT_MAX);
    buf_putc(&b, '{');
    while (json_next(&before, &key, &v))
        if (!foreign_goes(u, key, a))
            foreign_member(&b, key, v);
    while (json_next(&given, &key, &v))
        if (v.type != JSON_NULL)
            foreign_member(&b, key, v);
    buf_putc(&b, '}');
    if (buf_ok(&b))
        *out = b.n > 2 ? arena_copy(a, buf_str(&b)) : STR_NONE;
    else
        st = err_set(err, ST_TOO_LARGE, NULL, "its members are over %zu bytes",
                     FOREIGN_TEXT_MAX);
    buf_free(&b);
    return st;
}

/* ---- one user, inside a transaction ---- */

static enum status check_email(struct sql *sql, const struct user *u,
                               struct deadline d, struct arena *a,
                               struct err *err)
{
    struct sql_query q;
    struct str other = STR_NONE;
    bool row = false;
    enum status st = ST_OK;

    if (u->email.n == 0 || u->shares_email || u->keeps & USER_KEEPS_EMAIL)
        return ST_OK;
    st = sql_query(sql, Q_USER_OTHER, d, &q, err);
    if (st == ST_OK) {
        sql_bind_key(&q, u->email);
        sql_bind_key(&q, u->user_id);
        st = sql_step(&q, &row, err);
    }
    if (row)
        other = sql_str(&q, 0, a);
    sql_done(&q);
    return row ? err_set(err, ST_PRECONDITION, "email_taken",
                         "user %.*s has that e-mail", STR_ARG(other))
               : st;
}

static void keep_members(struct user *u, const struct user *old)
{
    const struct user given = *u;

    if (given.keeps & USER_KEEPS_EMAIL)
        u->email = old->email;
    if (given.keeps & USER_KEEPS_NAME)
        u->name = old->name;
    if (given.keeps & USER_KEEPS_ROLE)
        u->role = old->role;
    if (given.keeps & USER_KEEPS_ZIPCODE)
        u->zipcode = old->zipcode;
    if (given.keeps & USER_KEEPS_BASE_POINT) {
        u->has_base_point = old->has_base_point;
        u->latitude = old->latitude;
        u->longitude = old->longitude;
        u->city = old->city;
        u->state = old->state;
        u->source = old->source;
        u->base_zipcode = old->base_zipcode;
    }
    if (given.keeps & USER_KEEPS_PRIVACY) {
        u->has_privacy = old->has_privacy;
        u->anonymization_radius = old->anonymization_radius;
        u->retention_months = old->retention_months;
        u->consent = old->consent;
    }
}

static enum status put_user(struct sql *sql, const struct user *given,
                            struct deadline d, struct arena *a, struct err *err)
{
    struct user u = *given, old = {.user_id = STR_NONE};
    struct str foreign = STR_NONE;
    struct sql_query q;
    bool there;
    enum status st = check_email(sql, given, d, a, err);

    if (st == ST_OK)
        st = read_foreign_cell(sql, u.user_id, d, a, &there, &foreign, err);
    if (st == ST_OK && there && u.keeps)
        st = sqlite_find_user(sql, u.user_id, d, a, &old, err);
    if (st == ST_OK)
        st = merge_foreign(given, foreign, a, &foreign, err);
    if (st != ST_OK)
        return st;
    keep_members(&u, &old);
    st = sql_query(sql, Q_USER_PUT, d, &q, err);
    if (st != ST_OK)
        return st;
    bind_user(&q, &u);
    sql_bind_str(&q, foreign);
    return sql_run(&q, err);
}

enum status sqlite_user_put(struct records *r, const struct user *u,
                            struct deadline d, struct err *err)
{
    struct sql *sql = sql_of(r);
    struct arena *a = arena_new(0);
    enum status st = sql_begin(sql, d, err);

    if (st == ST_OK)
        st = sql_end(sql, put_user(sql, u, d, a, err), err);
    arena_free(&a);
    return st;
}

/* ---- many, in one transaction ---- */

struct user_end {
    enum status st;
    struct err err;
};

static enum status put_all(struct sql *sql, const struct user *u, size_t n,
                           struct deadline d, struct arena *a,
                           struct user_end *end, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct arena_mark mark = arena_mark(a);

        end[i].err = ERR_NONE;
        end[i].st = put_user(sql, &u[i], d, a, &end[i].err);
        arena_release(a, mark);
        if (end[i].st != ST_OK && !records_user_refused(end[i].st)) {
            *err = end[i].err;
            return end[i].st;
        }
    }
    return ST_OK;
}

enum status sqlite_users_put(struct records *r, const struct user *u, size_t n,
                             struct deadline d, records_user_ended ended,
                             void *ctx, struct err *err)
{
    struct sql *sql = sql_of(r);
    struct arena *a = arena_new(0);
    struct user_end *end = arena_alloc_n(a, n, sizeof *end);
    enum status st = sql_begin(sql, d, err);

    if (st == ST_OK)
        st = sql_end(sql, put_all(sql, u, n, d, a, end, err), err);
    for (size_t i = 0; st == ST_OK && i < n; i++)
        ended(ctx, i, end[i].st, &end[i].err);
    arena_free(&a);
    return st;
}
