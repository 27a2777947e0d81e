/* records_dynamodb_users.c - the users of the DynamoDB record store. */
#include "store/records_dynamodb.h"

#include <assert.h>

/* The content of a map attribute, itself a set of attributes. */
static struct json map_of(struct json item, const char *name)
{
    struct json v;

    return ddb_is(item, name, "M", &v) ? v : (struct json){.type = JSON_NONE};
}

static void read_user(struct json item, struct arena *a, struct user *out)
{
    struct json base = map_of(item, "base_point");
    struct json privacy = map_of(item, "privacy_settings");

    *out = (struct user){
        .user_id = ddb_str(item, "user_id", a),
        .email = arena_lower(a, ddb_str(item, "email", a)),
        .name = ddb_str(item, "name", a),
        .role = ddb_str(item, "role", a),
        .zipcode = ddb_str(item, "zipcode", a),
        .city = ddb_str(base, "city", a),
        .state = ddb_str(base, "state", a),
        .source = ddb_str(base, "source", a),
        .base_zipcode = ddb_str(base, "zipcode", a),
        .has_privacy = privacy.type == JSON_OBJECT,
        .consent = ddb_str(privacy, "consentLevel", a),
    };
    out->has_base_point = ddb_double(base, "latitude", &out->latitude) &&
                          ddb_double(base, "longitude", &out->longitude);
    (void)ddb_int(privacy, "anonymizationRadius", &out->anonymization_radius);
    (void)ddb_int(privacy, "dataRetentionPeriod", &out->retention_months);
}

enum status dynamodb_user(struct records *r, struct str user_id,
                          struct deadline d, struct arena *a, struct user *out,
                          struct err *err)
{
    struct dynamodb *s = dynamodb_of(r);
    struct json item;
    enum status st =
        dynamodb_get(s, s->db.users, "user_id", user_id, d, a, &item, err);

    if (st == ST_OK)
        read_user(item, a, out);
    return st;
}

/* ---- writing ---- */

static struct str base_point_text(const struct user *u, struct arena *a)
{
    struct buf b;
    struct json_out o = {.b = &b};
    struct str out;

    buf_init(&b, 65536);
    json_begin_object(&o, NULL);
    json_put_double(&o, "latitude", u->latitude);
    json_put_double(&o, "longitude", u->longitude);
    if (u->city.n)
        json_put_str(&o, "city", u->city);
    if (u->state.n)
        json_put_str(&o, "state", u->state);
    if (u->source.n)
        json_put_str(&o, "source", u->source);
    if (u->base_zipcode.n)
        json_put_str(&o, "zipcode", u->base_zipcode);
    json_end_object(&o);
    assert(buf_ok(&b));
    out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return out;
}

static struct str privacy_text(const struct user *u, struct arena *a)
{
    struct buf b;
    struct json_out o = {.b = &b};
    struct str out;

    buf_init(&b, 65536);
    json_begin_object(&o, NULL);
    json_put_int(&o, "anonymizationRadius", u->anonymization_radius);
    json_put_int(&o, "dataRetentionPeriod", u->retention_months);
    json_put_str(&o, "consentLevel", u->consent);
    json_end_object(&o);
    assert(buf_ok(&b));
    out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return out;
}

static enum status set_map(struct ddb_expr *e, const char *name, bool has,
                           struct str text, struct err *err)
{
    struct json v;
    enum status st;

    if (!has) {
        ddb_remove(e, name);
        return ST_OK;
    }
    st = json_check(text, JSON_DEPTH, &v, err);
    if (st == ST_OK)
        ddb_set_json(e, name, v);
    return st;
}

/* Attributes that are not ours stay as they are: so an update, not a put. */
static enum status put_user(struct dynamodb *s, const struct user *u,
                            struct deadline d, struct err *err)
{
    struct ddb_expr e;
    struct ddb_reply reply;
    struct str body;
    enum status st;

    ddb_expr_begin(&e, s->db.users, "user_id", u->user_id);
    ddb_set_or_remove(&e, "email", u->email);
    ddb_set_or_remove(&e, "name", u->name);
    ddb_set_or_remove(&e, "role", u->role);
    ddb_set_or_remove(&e, "zipcode", u->zipcode);
    st = set_map(&e, "base_point", u->has_base_point,
                 base_point_text(u, s->arena), err);
    if (st == ST_OK)
        st = set_map(&e, "privacy_settings", u->has_privacy,
                     privacy_text(u, s->arena), err);
    body = ddb_expr_end(&e, s->arena);
    return st == ST_OK
               ? ddb_call(&s->db, "UpdateItem", body, d, s->arena, &reply, err)
               : st;
}

/* Who has it already keeps it, whoever else has it, too. */
static enum status email_free(struct dynamodb *s, const struct user *u,
                              struct deadline d, struct err *err)
{
    struct email_ids ids;
    struct err none = ERR_NONE;
    struct user other;
    enum status st =
        dynamodb_ids_by_email(&s->base, u->email, d, s->arena, &ids, &none);

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
    enum status st = email_free(s, u, d, err);

    if (st == ST_OK)
        st = put_user(s, u, d, err);
    if (st == ST_OK)
        dynamodb_email_given(s, u->email, u->user_id);
    arena_reset(s->arena);
    return st;
}

enum status dynamodb_user_remove(struct records *r, struct str user_id,
                                 struct deadline d, struct err *err)
{
    struct dynamodb *s = dynamodb_of(r);
    struct ddb_expr e;
    struct ddb_reply reply;
    enum status st;

    ddb_expr_begin(&e, s->db.users, "user_id", user_id);
    ddb_if(&e, "attribute_exists(#user_id)");
    st = ddb_call(&s->db, "DeleteItem", ddb_expr_end(&e, s->arena), d, s->arena,
                  &reply, err);
    if (st == ST_PRECONDITION)
        st = reply.unsure ? ST_OK
                          : err_set(err, ST_NOT_FOUND, NULL, "no user %.*s",
                                    STR_ARG(user_id));
    arena_reset(s->arena);
    return st;
}

/* ---- all ---- */

struct users {
    records_user_each each;
    void *ctx;
};

static enum status one_user(void *ctx, struct json item, struct arena *a,
                            struct err *err)
{
    struct users *users = ctx;
    struct user u;

    (void)err;
    read_user(item, a, &u);
    return users->each(users->ctx, &u);
}

enum status dynamodb_users(struct records *r, struct deadline d,
                           records_user_each each, void *ctx, struct err *err)
{
    struct dynamodb *s = dynamodb_of(r);
    struct dynamodb_query q = {.table = s->db.users};
    struct users users = {each, ctx};

    return dynamodb_scan(s, &q, d, one_user, &users, err);
}
