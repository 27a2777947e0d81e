#include "store/ddb_admin.h"

#include <assert.h>
#include "base/json.h"

#define LOOK_AGAIN_MS 500

void ddb_tables(const struct conf *c, struct ddb_table out[DDB_TABLES])
{
    out[0] = (struct ddb_table){c->dynamodb_users_table, "user_id",
                                c->dynamodb_email_index, "email", NULL};
    out[1] =
        (struct ddb_table){.name = c->dynamodb_trips_table, .key = "trip_id"};
    out[2] = (struct ddb_table){c->dynamodb_batches_table, "batch_id",
                                c->dynamodb_batches_index, "user_id",
                                "upload_timestamp"};
    out[3] = (struct ddb_table){.name = c->dynamodb_summaries_table,
                                .key = "trip_id"};
}

/* ---- the request ---- */

static void put_key(struct json_out *o, const char *name, const char *kind)
{
    if (!name)
        return;
    json_begin_object(o, NULL);
    json_put_z(o, "AttributeName", name);
    json_put_z(o, "KeyType", kind);
    json_end_object(o);
}

static void put_schema(struct json_out *o, const char *hash, const char *range)
{
    json_begin_array(o, "KeySchema");
    put_key(o, hash, "HASH");
    put_key(o, range, "RANGE");
    json_end_array(o);
}

static void put_attribute(struct json_out *o, const char *name)
{
    if (!name)
        return;
    json_begin_object(o, NULL);
    json_put_z(o, "AttributeName", name);
    json_put_z(o, "AttributeType", "S");
    json_end_object(o);
}

static void put_index(struct json_out *o, const struct ddb_table *t)
{
    json_begin_array(o, "GlobalSecondaryIndexes");
    json_begin_object(o, NULL);
    json_put_z(o, "IndexName", t->index);
    put_schema(o, t->index_key, t->index_range);
    json_begin_object(o, "Projection");
    json_put_z(o, "ProjectionType", "ALL");
    json_end_object(o);
    json_end_object(o);
    json_end_array(o);
}

static struct str create_body(const struct ddb_table *t, struct arena *a)
{
    bool indexed = t->index && t->index[0];
    struct buf b;
    struct json_out o = {.b = &b};
    struct str out;

    buf_init(&b, 65536);
    json_begin_object(&o, NULL);
    json_put_z(&o, "TableName", t->name);
    json_put_z(&o, "BillingMode", "PAY_PER_REQUEST");
    put_schema(&o, t->key, NULL);
    json_begin_array(&o, "AttributeDefinitions");
    put_attribute(&o, t->key);
    if (indexed) {
        put_attribute(&o, t->index_key);
        put_attribute(&o, t->index_range);
    }
    json_end_array(&o);
    if (indexed)
        put_index(&o, t);
    json_end_object(&o);
    assert(buf_ok(&b));
    out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return out;
}

/* ---- until it is there ---- */

static enum status is_active(struct ddb *db, const char *table,
                             struct deadline d, struct arena *a, bool *out,
                             struct err *err)
{
    struct str body = arena_printf(a, "{\"TableName\":\"%s\"}", table);
    struct ddb_reply reply;
    enum status st = ddb_call(db, "DescribeTable", body, d, a, &reply, err);
    struct json described;

    if (st != ST_OK)
        return st;
    described = json_member(reply.root, "Table");
    *out =
        str_is(json_string(json_member(described, "TableStatus"), a), "ACTIVE");
    return ST_OK;
}

static enum status wait_for(struct ddb *db, const char *table,
                            struct deadline d, struct arena *a, struct err *err)
{
    bool active = false;
    enum status st = is_active(db, table, d, a, &active, err);

    while (st == ST_OK && !active) {
        if (deadline_left_ms(d) <= LOOK_AGAIN_MS)
            return err_set(err, ST_TIMEOUT, NULL,
                           "table %s is still being made", table);
        clock_sleep_ms(LOOK_AGAIN_MS);
        st = is_active(db, table, d, a, &active, err);
    }
    return st;
}

enum status ddb_table_make(struct ddb *db, const struct ddb_table *t,
                           struct deadline d, bool *made, struct err *err)
{
    struct arena *a = arena_new(0);
    struct ddb_reply reply;
    struct err why = ERR_NONE;
    enum status st =
        ddb_call(db, "CreateTable", create_body(t, a), d, a, &reply, &why);

    *made = st == ST_OK;
    if (st == ST_OK || st == ST_BUSY) /* ResourceInUse: it is there */
        st = wait_for(db, t->name, d, a, err);
    else
        *err = why;
    arena_free(&a);
    return st;
}
