#include "store/records_dynamodb.h"

#include <assert.h>
#include <stdlib.h>

struct dynamodb *dynamodb_of(struct records *r)
{
    return (struct dynamodb *)r;
}

static void dynamodb_close(struct records *r)
{
    struct dynamodb *s = dynamodb_of(r);

    ddb_close(&s->db);
    email_roll_free(&s->roll);
    arena_free(&s->arena);
    free(s);
}

/* ---- one item ---- */

static struct str get_body(const char *table, const char *key_name,
                           struct str key, struct arena *a)
{
    struct buf b;
    struct json_out o = {.b = &b};
    struct str out;

    buf_init(&b, 65536);
    json_begin_object(&o, NULL);
    json_put_z(&o, "TableName", table);
    json_put_bool(&o, "ConsistentRead", true);
    json_begin_object(&o, "Key");
    ddb_put_s(&o, key_name, key);
    json_end_object(&o);
    json_end_object(&o);
    assert(buf_ok(&b));
    out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return out;
}

enum status dynamodb_get(struct dynamodb *s, const char *table,
                         const char *key_name, struct str key,
                         struct deadline d, struct arena *a, struct json *item,
                         struct err *err)
{
    struct ddb_reply reply;
    enum status st =
        ddb_call(&s->db, "GetItem", get_body(table, key_name, key, a), d, a,
                 &reply, err);

    if (st != ST_OK)
        return st;
    *item = json_member(reply.root, "Item");
    if (item->type != JSON_OBJECT)
        return err_set(err, ST_NOT_FOUND, NULL, "%s has no %.*s", table,
                       STR_ARG(key));
    return ST_OK;
}

/* ---- check ---- */

/* An item that nobody has, in each table: says which one is missing. */
static enum status dynamodb_check(struct records *r, struct deadline d,
                                  struct err *err)
{
    struct dynamodb *s = dynamodb_of(r);
    const struct {
        const char *table, *key;
    } tables[] = {{s->db.users, "user_id"},
                  {s->db.trips, "trip_id"},
                  {s->db.batches, "batch_id"}};
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < 3; i++) {
        struct err why = ERR_NONE;
        struct json item;

        st = dynamodb_get(s, tables[i].table, tables[i].key, STR_LIT("check"),
                          d, s->arena, &item, &why);
        if (st == ST_NOT_FOUND)
            st = ST_OK;
        if (st != ST_OK)
            err_set(err, st, why.code, "table %s: %s", tables[i].table,
                    why.text);
    }
    arena_reset(s->arena);
    return st;
}

/* ---- indexes ---- */

struct index_wanted {
    const char *table, *name, *setting, *key;
    const char *without; /* what happens then */
};

static enum status item_passed(void *ctx, struct json item, struct arena *a,
                               struct err *err)
{
    (void)ctx, (void)item, (void)a, (void)err;
    return ST_OK;
}

/* What nobody has, by the index: DynamoDB says what is wrong with it. */
static enum status index_probe(struct dynamodb *s, const struct index_wanted *x,
                               struct deadline d, struct err *err)
{
    const struct dynamodb_query q = {
        .table = x->table,
        .index = x->name,
        .where = "#k = :k",
        .fields = "#k",
        .names = arena_printf(s->arena, "{\"#k\":\"%s\"}", x->key).p,
        .values = "{\":k\":{\"S\":\"check\"}}"};

    return dynamodb_query(s, &q, d, item_passed, NULL, err);
}

static enum status index_check(struct dynamodb *s, const struct index_wanted *x,
                               struct deadline d, struct err *err)
{
    struct err why = ERR_NONE;
    enum status st;

    if (!x->name[0])
        return err_set(err, ST_NOT_FOUND, "no_index",
                       "%s is empty, so %s; driveguardctl tables init adds the "
                       "index when the setting names one",
                       x->setting, x->without);
    st = index_probe(s, x, d, &why);
    if (st == ST_NOT_FOUND)
        return err_set(err, st, "no_index",
                       "table %s has no index %s, or it is still being made, "
                       "so %s; to add it: driveguardctl tables init",
                       x->table, x->name, x->without);
    return st == ST_OK ? ST_OK
                       : err_set(err, st, why.code, "index %s of table %s: %s",
                                 x->name, x->table, why.text);
}

static enum status dynamodb_indexes(struct records *r, struct deadline d,
                                    struct err *err)
{
    struct dynamodb *s = dynamodb_of(r);
    const struct index_wanted wanted[] = {
        {s->db.users, s->db.email_index, "dynamodb.email_index", "email",
         "all users are read for an e-mail, once a minute at most"},
        {s->db.batches, s->db.batches_index, "dynamodb.batches_index",
         "user_id", "batches that have no place by their number are not found"},
    };
    struct err users = ERR_NONE, batches = ERR_NONE;
    enum status st = index_check(s, &wanted[0], d, &users);
    enum status other = index_check(s, &wanted[1], d, &batches);

    arena_reset(s->arena);
    if (st != ST_OK && other != ST_OK)
        return err_set(err, st, users.code, "%.250s; %.250s", users.text,
                       batches.text);
    if (st != ST_OK || other != ST_OK)
        *err = st != ST_OK ? users : batches;
    return st != ST_OK ? st : other;
}

static enum status dynamodb_identity(struct records *r, struct deadline d,
                                     struct arena *a, struct str *out,
                                     struct err *err)
{
    const struct dynamodb *s = dynamodb_of(r);

    (void)d, (void)err;
    *out = arena_printf(a, "dynamodb:%s/%s", s->db.region, s->db.trips);
    return ST_OK;
}

static const struct records_ops ops = {
    .identity = dynamodb_identity,
    .close = dynamodb_close,
    .check = dynamodb_check,
    .rights = dynamodb_rights,
    .indexes = dynamodb_indexes,
    .user = dynamodb_user,
    .user_by_email = dynamodb_user_by_email,
    .ids_by_email = dynamodb_ids_by_email,
    .user_put = dynamodb_user_put,
    .users_put = dynamodb_users_put,
    .user_foreign = dynamodb_user_foreign,
    .user_remove = dynamodb_user_remove,
    .users = dynamodb_users,
    .batch_store = dynamodb_batch_store,
    .batches = dynamodb_batches,
    .trip = dynamodb_trip,
    .trip_claim = dynamodb_trip_claim,
    .trip_raise = dynamodb_trip_raise,
    .trip_stored = dynamodb_trip_stored,
    .trips_of = dynamodb_trips_of,
    .pending_count = dynamodb_pending_count,
    .walk = dynamodb_walk,
    .trip_forward = dynamodb_trip_forward,
    .survey_look = dynamodb_survey_look,
    .survey_walk = dynamodb_survey_walk,
};

enum status records_dynamodb_open(const struct conf *c, struct records **out,
                                  struct err *err)
{
    struct dynamodb *s = calloc(1, sizeof *s);
    enum status st;

    assert(s);
    st = ddb_open(&s->db, c, err);
    if (st != ST_OK) {
        free(s);
        return st;
    }
    s->base.ops = &ops;
    s->arena = arena_new(65536);
    s->spool = c->server_spool;
    s->endpoint = c->dynamodb_endpoint;
    *out = &s->base;
    return ST_OK;
}
