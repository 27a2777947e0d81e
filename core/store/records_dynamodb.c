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
    .user = dynamodb_user,
    .user_by_email = dynamodb_user_by_email,
    .id_by_email = dynamodb_id_by_email,
    .user_put = dynamodb_user_put,
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
    *out = &s->base;
    return ST_OK;
}
