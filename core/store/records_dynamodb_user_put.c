/*
 * records_dynamodb_user_put.c - users of the DynamoDB record store, written:
 * what is ours is set, what others put there stays.
 */
#include "store/records_dynamodb.h"

#include <assert.h>

/* ---- what others put there ---- */

static const char *const ours[] = {
    "user_id",          "email", "name", "role", "zipcode", "base_point",
    "privacy_settings", NULL};
static const char *const ours_base[] = {
    "latitude", "longitude", "city", "state", "source", "zipcode", NULL};
static const char *const ours_privacy[] = {
    "anonymizationRadius", "dataRetentionPeriod", "consentLevel", NULL};

static bool is_one_of(struct json key, const char *const *names)
{
    while (*names && !json_key_is(key, *names))
        names++;
    return *names != NULL;
}

static void put_others(struct json_out *o, struct json map,
                       const char *const *names)
{
    struct json_iter it = json_iter(map);
    struct json key, v;

    while (json_next(&it, &key, &v)) {
        if (is_one_of(key, names))
            continue;
        if (o->comma)
            buf_putc(o->b, ',');
        buf_put(o->b, key.raw);
        buf_putc(o->b, ':');
        buf_put(o->b, v.raw);
        o->comma = true;
    }
}

static void put_others_of_map(struct json_out *o, struct json item,
                              const char *name, const char *const *names)
{
    struct json map = ddb_map(item, name), key, v;
    struct json_iter it = json_iter(map);
    bool any = false;

    while (!any && json_next(&it, &key, &v))
        any = !is_one_of(key, names);
    if (!any)
        return;
    json_begin_object(o, name);
    json_begin_object(o, "M");
    put_others(o, map, names);
    json_end_object(o);
    json_end_object(o);
}

enum status dynamodb_user_foreign(struct records *r, struct str user_id,
                                  struct deadline d, struct arena *a,
                                  struct str *out, struct err *err)
{
    struct dynamodb *s = dynamodb_of(r);
    struct buf b;
    struct json_out o = {.b = &b};
    struct json item;
    enum status st =
        dynamodb_get(s, s->db.users, "user_id", user_id, d, a, &item, err);

    if (st != ST_OK)
        return st;
    buf_init(&b, DDB_REPLY_MAX);
    json_begin_object(&o, NULL);
    put_others(&o, item, ours);
    put_others_of_map(&o, item, "base_point", ours_base);
    put_others_of_map(&o, item, "privacy_settings", ours_privacy);
    json_end_object(&o);
    assert(buf_ok(&b));
    *out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return ST_OK;
}

/* ---- writing ---- */

static void put_real(struct json_out *o, const char *key, double v)
{
    struct buf text;
    struct json_out number = {.b = &text};

    buf_init(&text, 64);
    json_put_double(&number, NULL, v);
    json_begin_object(o, key);
    json_put_str(o, "N", buf_str(&text));
    json_end_object(o);
    buf_free(&text);
}

static void put_text(struct json_out *o, const char *key, struct str v)
{
    if (v.n)
        ddb_put_s(o, key, v);
}

static void put_base_map(struct json_out *o, const struct user *u)
{
    put_real(o, "latitude", u->latitude);
    put_real(o, "longitude", u->longitude);
    put_text(o, "city", u->city);
    put_text(o, "state", u->state);
    put_text(o, "source", u->source);
    put_text(o, "zipcode", u->base_zipcode);
}

static void put_privacy(struct json_out *o, const struct user *u)
{
    if (u->anonymization_radius >= 0)
        ddb_put_n(o, "anonymizationRadius", u->anonymization_radius);
    if (u->retention_months >= 0)
        ddb_put_n(o, "dataRetentionPeriod", u->retention_months);
    put_text(o, "consentLevel", u->consent);
}

/* A map of ours, and behind our members those of others in it. */
static void set_map(struct ddb_expr *e, const char *name, bool has,
                    void (*put)(struct json_out *o, const struct user *u),
                    const struct user *u)
{
    struct json others = ddb_map(json_of(u->foreign), name);
    struct buf b;
    struct json_out o = {.b = &b};

    if (!has && others.type == JSON_NONE) {
        ddb_remove(e, name);
        return;
    }
    buf_init(&b, DDB_REQUEST_MAX);
    json_begin_object(&o, NULL);
    json_begin_object(&o, "M");
    if (has)
        put(&o, u);
    if (others.raw.n > 2) { /* without its braces */
        if (o.comma)
            buf_putc(&b, ',');
        buf_put(&b, (struct str){others.raw.p + 1, others.raw.n - 2});
    }
    json_end_object(&o);
    json_end_object(&o);
    assert(buf_ok(&b));
    ddb_set_raw(e, name, buf_str(&b));
    buf_free(&b);
}

static void set_foreign(struct ddb_expr *e, const struct user *u)
{
    struct json_iter it = json_iter(json_of(u->foreign));
    struct json key, v;

    while (json_next(&it, &key, &v)) {
        if (json_key_is(key, "base_point") ||
            json_key_is(key, "privacy_settings"))
            continue; /* set_map */
        if (v.type == JSON_NULL)
            ddb_remove_other(e, key);
        else
            ddb_set_other(e, key, v.raw);
    }
}

/* What is not named stays as it is: so an update, not a put. */
static enum status update_user(struct dynamodb *s, const struct user *u,
                               struct deadline d, struct err *err)
{
    struct ddb_expr e;
    struct ddb_reply reply;
    struct err why = ERR_NONE;
    enum status st;

    ddb_expr_begin(&e, s->db.users, "user_id", u->user_id);
    if (!(u->keeps & USER_KEEPS_EMAIL))
        ddb_set_or_remove(&e, "email", u->email);
    if (!(u->keeps & USER_KEEPS_NAME))
        ddb_set_or_remove(&e, "name", u->name);
    if (!(u->keeps & USER_KEEPS_ROLE))
        ddb_set_or_remove(&e, "role", u->role);
    if (!(u->keeps & USER_KEEPS_ZIPCODE))
        ddb_set_or_remove(&e, "zipcode", u->zipcode);
    if (!(u->keeps & USER_KEEPS_BASE_POINT))
        set_map(&e, "base_point", u->has_base_point, put_base_map, u);
    if (!(u->keeps & USER_KEEPS_PRIVACY))
        set_map(&e, "privacy_settings", u->has_privacy, put_privacy, u);
    set_foreign(&e, u);
    st = ddb_call(&s->db, "UpdateItem", ddb_expr_end(&e, s->arena), d, s->arena,
                  &reply, &why);
    /* A set with a value twice, bytes that are none. */
    if (st != ST_OK && reply.invalid)
        return err_set(err, ST_BAD_REQUEST, "bad_user", "%s", why.text);
    if (st != ST_OK)
        *err = why;
    return st;
}

/* Who has it already keeps it, whoever else has it, too. */
static enum status check_email_ids(struct dynamodb *s, const struct user *u,
                                   struct deadline d, struct err *err)
{
    struct email_ids ids = {.n = 0};
    struct err none = ERR_NONE;
    struct user other;
    enum status st;

    if (u->email.n == 0 || u->shares_email || u->keeps & USER_KEEPS_EMAIL)
        return ST_OK;
    st = dynamodb_ids_by_email(&s->base, u->email, d, s->arena, &ids, &none);
    for (size_t i = 0; i < ids.n; i++)
        if (str_eq(ids.id[i], u->user_id))
            return ST_OK;
    if (st == ST_OK)
        st = dynamodb_user_by_email(&s->base, u->email, d, s->arena, &other,
                                    &none);
    if (st == ST_OK)
        return err_set(err, ST_PRECONDITION, "email_taken",
                       "user %.*s has that e-mail", STR_ARG(other.user_id));
    if (st == ST_NOT_FOUND)
        return ST_OK;
    *err = none;
    return st;
}

enum status dynamodb_user_put(struct records *r, const struct user *u,
                              struct deadline d, struct err *err)
{
    struct dynamodb *s = dynamodb_of(r);
    enum status st = check_email_ids(s, u, d, err);

    if (st == ST_OK)
        st = update_user(s, u, d, err);
    if (st == ST_OK && !(u->keeps & USER_KEEPS_EMAIL))
        dynamodb_email_given(s, u->email, u->user_id);
    arena_reset(s->arena);
    return st;
}

#define FAILED_ROW 3

enum status dynamodb_users_put(struct records *r, const struct user *u,
                               size_t n, struct deadline d,
                               records_user_ended ended, void *ctx,
                               struct err *err)
{
    int row = 0;

    for (size_t i = 0; i < n; i++) {
        struct err why = ERR_NONE;
        enum status st = dynamodb_user_put(r, &u[i], d, &why);

        row = st == ST_OK || records_user_refused(st) ? 0 : row + 1;
        /* One may be his own affair; so many are the table's. */
        if (row == FAILED_ROW || (row > 0 && deadline_over(d))) {
            *err = why;
            return st;
        }
        ended(ctx, i, st, &why);
    }
    return ST_OK;
}
