/*
 * records_dynamodb_rights.c - the rights in the tables, tried one by one.
 *
 * Reads are of what nobody has. Writes have a condition that holds for no item,
 * there or not: DynamoDB looks at rights before conditions.
 */
#include "store/records_dynamodb.h"

#include <assert.h>

#define KEY "check"

struct ddb_trying {
    struct dynamodb *s;
    struct tried *tried;
    struct deadline d;
};

/* A write of an item whose own key is not its key. */
static void put_never(struct json_out *o, const char *key_name)
{
    json_put_z(o, "ConditionExpression", "#k = :never");
    json_begin_object(o, "ExpressionAttributeNames");
    json_put_z(o, "#k", key_name);
    json_end_object(o);
    json_begin_object(o, "ExpressionAttributeValues");
    ddb_put_s(o, ":never", STR_LIT(KEY " never"));
    json_end_object(o);
}

static void tried_key(struct json_out *o, const char *member, const char *name)
{
    json_begin_object(o, member);
    ddb_put_s(o, name, STR_LIT(KEY));
    json_end_object(o);
}

static void put_batch_get(struct json_out *o, const char *table,
                          const char *key_name)
{
    json_begin_object(o, "RequestItems");
    json_begin_object(o, table);
    json_begin_array(o, "Keys");
    tried_key(o, NULL, key_name);
    json_end_array(o);
    json_end_object(o);
    json_end_object(o);
}

static void put_query(struct json_out *o, const char *index, const char *key)
{
    json_put_z(o, "IndexName", index);
    json_put_z(o, "KeyConditionExpression", "#k = :k");
    json_begin_object(o, "ExpressionAttributeNames");
    json_put_z(o, "#k", key);
    json_end_object(o);
    json_begin_object(o, "ExpressionAttributeValues");
    ddb_put_s(o, ":k", STR_LIT(KEY));
    json_end_object(o);
}

struct ddb_try {
    enum right right;
    const char *operation, *table, *key_name;
    const char *index; /* of a Query; empty: the settings name none */
};

static struct str try_body(const struct ddb_try *x, struct arena *a)
{
    const char *op = x->operation;
    struct buf b;
    struct json_out o = {.b = &b};
    struct str out;

    buf_init(&b, 4096);
    json_begin_object(&o, NULL);
    if (strcmp(op, "BatchGetItem") == 0)
        put_batch_get(&o, x->table, x->key_name);
    else
        json_put_z(&o, "TableName", x->table);
    if (strcmp(op, "Query") == 0)
        put_query(&o, x->index, x->key_name);
    if (strcmp(op, "Scan") == 0)
        json_put_int(&o, "Limit", 1);
    if (strcmp(op, "GetItem") == 0 || strcmp(op, "UpdateItem") == 0)
        tried_key(&o, "Key", x->key_name);
    if (strcmp(op, "PutItem") == 0)
        tried_key(&o, "Item", x->key_name);
    if (strcmp(op, "UpdateItem") == 0 || strcmp(op, "PutItem") == 0)
        put_never(&o, x->key_name);
    json_end_object(&o);
    assert(buf_ok(&b));
    out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return out;
}

static void try_one(struct ddb_trying *t, const struct ddb_try *x)
{
    struct arena *a = t->s->arena;
    struct ddb_reply reply;
    struct err why = ERR_NONE, err = ERR_NONE;
    enum status st;

    if (t->tried[x->right].found != FOUND_UNTRIED || !(x->index && x->index[0]))
        return;
    st = ddb_call(&t->s->db, x->operation, try_body(x, a), t->d, a, &reply,
                  &why);
    /* No index: it is a warning of its own (dynamodb_indexes). */
    if (st == ST_NOT_FOUND && strcmp(why.code, "no_index") == 0)
        return;
    if (st != ST_OK)
        err_set(&err, st, why.code, "table %s: %s", x->table, why.text);
    tried_end(&t->tried[x->right], st, &err);
    arena_reset(a);
}

void dynamodb_rights(struct records *r, struct deadline d,
                     struct tried tried[RIGHTS])
{
    struct ddb_trying t = {dynamodb_of(r), tried, d};
    const struct ddb *db = &t.s->db;
    /* Those first that the service cannot do without. */
    const struct ddb_try tries[] = {
        {RIGHT_USER_GET, "GetItem", db->users, "user_id", "-"},
        {RIGHT_TRIP_GET, "GetItem", db->trips, "trip_id", "-"},
        {RIGHT_BATCH_GET, "GetItem", db->batches, "batch_id", "-"},
        {RIGHT_TRIP_UPDATE, "UpdateItem", db->trips, "trip_id", "-"},
        {RIGHT_BATCH_PUT, "PutItem", db->batches, "batch_id", "-"},
        {RIGHT_BATCHES_GET, "BatchGetItem", db->batches, "batch_id", "-"},
        {RIGHT_EMAIL_QUERY, "Query", db->users, "email", db->email_index},
        {RIGHT_BATCHES_QUERY, "Query", db->batches, "user_id",
         db->batches_index},
        {RIGHT_TRIPS_SCAN, "Scan", db->trips, "trip_id", "-"},
        {RIGHT_USERS_SCAN, "Scan", db->users, "user_id", "-"},
    };

    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
        try_one(&t, &tries[i]);
}
