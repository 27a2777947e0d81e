/* records_dynamodb_users.c - the users of the DynamoDB record store: reading;
 * records_dynamodb_user_put.c writes them. */
#include "store/records_dynamodb.h"

static void read_user_item(struct json item, struct arena *a, struct user *out)
{
    struct json base = ddb_map(item, "base_point");
    struct json privacy = ddb_map(item, "privacy_settings");

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
        read_user_item(item, a, out);
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
    read_user_item(item, a, &u);
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
