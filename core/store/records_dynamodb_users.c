/* records_dynamodb_users.c - the users of the DynamoDB record store: reading;
 * records_dynamodb_user_put.c writes them. */
#include "store/records_dynamodb.h"

#include <assert.h>
#include "base/log.h"

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
        .email = ddb_str(item, "email", a),
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
    if (out->has_privacy)
        out->anonymization_radius = out->retention_months = -1;
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

/* ---- by e-mail ---- */

struct found {
    struct arena *arena;
    struct str user_id; /* empty: none */
};

static enum status note_id(void *ctx, struct json item, struct arena *a,
                           struct err *err)
{
    struct found *f = ctx;

    (void)err;
    if (f->user_id.n == 0)
        f->user_id = arena_copy(f->arena, ddb_str(item, "user_id", a));
    return ST_OK;
}

static enum status find_email(struct dynamodb *s, struct str email,
                              struct deadline d, struct found *f,
                              struct err *err)
{
    bool by_index = s->db.email_index[0] != '\0';
    struct dynamodb_query q = {.table = s->db.users,
                               .index = by_index ? s->db.email_index : NULL,
                               .where = "#e = :e",
                               .filter = by_index ? NULL : "#e = :e",
                               .fields = "#i",
                               .names = "{\"#e\":\"email\",\"#i\":"
                                        "\"user_id\"}"};
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
    q.values = arena_z(f->arena, buf_str(&values));
    buf_free(&values);
    if (by_index)
        return dynamodb_query(s, &q, d, note_id, f, err);
    if (!s->scan_warned)
        log_line(LOG_WARN, "email_by_scan",
                 "table=%s text=\"dynamodb.email_index is empty: the whole "
                 "table is read for an e-mail\"",
                 s->db.users);
    s->scan_warned = true;
    return dynamodb_scan(s, &q, d, note_id, f, err);
}

enum status dynamodb_id_by_email(struct records *r, struct str email,
                                 struct deadline d, struct arena *a,
                                 struct str *user_id, struct err *err)
{
    struct found f = {.arena = a};
    enum status st = ST_OK;

    if (email.n)
        st = find_email(dynamodb_of(r), email, d, &f, err);
    if (st == ST_OK && f.user_id.n == 0)
        st = err_set(err, ST_NOT_FOUND, NULL, "nobody has that e-mail");
    *user_id = f.user_id;
    return st;
}

enum status dynamodb_user_by_email(struct records *r, struct str email,
                                   struct deadline d, struct arena *a,
                                   struct user *out, struct err *err)
{
    struct str user_id;
    enum status st = dynamodb_id_by_email(r, email, d, a, &user_id, err);

    /* An index may lag behind: what counts is the item. */
    if (st == ST_OK)
        st = dynamodb_user(r, user_id, d, a, out, err);
    if (st == ST_OK && !str_eq(out->email, email))
        return err_set(err, ST_NOT_FOUND, NULL, "nobody has that e-mail");
    return st;
}

/* ---- removing ---- */

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
