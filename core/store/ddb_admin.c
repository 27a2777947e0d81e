#include "store/ddb_admin.h"

#include <assert.h>
#include "base/json.h"

#define LOOK_AGAIN_MS 500

void ddb_tables(const struct conf *c, struct ddb_table out[DDB_TABLES])
{
    out[0] = (struct ddb_table){c->dynamodb_users_table,
                                "user_id",
                                c->dynamodb_email_index,
                                "email",
                                NULL,
                                NULL};
    out[1] =
        (struct ddb_table){.name = c->dynamodb_trips_table, .key = "trip_id"};
    out[2] = (struct ddb_table){c->dynamodb_batches_table, "batch_id",
                                c->dynamodb_batches_index, "user_id",
                                "upload_timestamp",        "trip_id"};
    out[3] = (struct ddb_table){.name = c->dynamodb_summaries_table,
                                .key = "trip_id"};
}

/* ---- the request ---- */

static void table_key(struct json_out *o, const char *name, const char *kind)
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
    table_key(o, hash, "HASH");
    table_key(o, range, "RANGE");
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

/* No more than is asked for: the index of batches would else have every
 * delta, and cost as much as its table. */
static void put_index(struct json_out *o, const struct ddb_table *t)
{
    json_put_z(o, "IndexName", t->index);
    put_schema(o, t->index_key, t->index_range);
    json_begin_object(o, "Projection");
    json_put_z(o, "ProjectionType", t->index_with ? "INCLUDE" : "KEYS_ONLY");
    if (t->index_with) {
        json_begin_array(o, "NonKeyAttributes");
        json_put_z(o, NULL, t->index_with);
        json_end_array(o);
    }
    json_end_object(o);
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
    if (indexed) {
        json_begin_array(&o, "GlobalSecondaryIndexes");
        json_begin_object(&o, NULL);
        put_index(&o, t);
        json_end_object(&o);
        json_end_array(&o);
    }
    json_end_object(&o);
    assert(buf_ok(&b));
    out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return out;
}

/* ---- until it is there ---- */

static enum status table_describe(struct ddb *db, const char *table,
                                  struct deadline d, struct arena *a,
                                  struct json *out, struct err *err)
{
    struct str body = arena_printf(a, "{\"TableName\":\"%s\"}", table);
    struct ddb_reply reply;
    enum status st = ddb_call(db, "DescribeTable", body, d, a, &reply, err);

    if (st == ST_OK)
        *out = json_member(reply.root, "Table");
    return st;
}

static enum status is_active(struct ddb *db, const char *table,
                             struct deadline d, struct arena *a, bool *out,
                             struct err *err)
{
    struct json described;
    enum status st = table_describe(db, table, d, a, &described, err);

    if (st == ST_OK) {
        struct str status =
            json_string(json_member(described, "TableStatus"), a);

        /* Changed, an index of it perhaps, it can be used all the same. */
        *out = str_is(status, "ACTIVE") || str_is(status, "UPDATING");
    }
    return st;
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

/* ---- the index of a table that is there ---- */

static struct str add_body(const struct ddb_table *t,
                           const struct ddb_index *seen, struct arena *a)
{
    struct buf b;
    struct json_out o = {.b = &b};
    struct str out;

    buf_init(&b, 65536);
    json_begin_object(&o, NULL);
    json_put_z(&o, "TableName", t->name);
    json_begin_array(&o, "AttributeDefinitions");
    put_attribute(&o, t->index_key);
    put_attribute(&o, t->index_range);
    json_end_array(&o);
    json_begin_array(&o, "GlobalSecondaryIndexUpdates");
    json_begin_object(&o, NULL);
    json_begin_object(&o, "Create");
    put_index(&o, t);
    if (seen->reads) {
        json_begin_object(&o, "ProvisionedThroughput");
        json_put_int(&o, "ReadCapacityUnits", seen->reads);
        json_put_int(&o, "WriteCapacityUnits", seen->writes);
        json_end_object(&o);
    }
    json_end_object(&o);
    json_end_object(&o);
    json_end_array(&o);
    json_end_object(&o);
    assert(buf_ok(&b));
    out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return out;
}

enum status ddb_index_add(struct ddb *db, const struct ddb_table *t,
                          const struct ddb_index *seen, struct deadline d,
                          struct err *err)
{
    struct arena *a = arena_new(0);
    struct ddb_reply reply;
    enum status st;

    assert(seen->state == INDEX_MISSING);
    st = ddb_call(db, "UpdateTable", add_body(t, seen, a), d, a, &reply, err);
    arena_free(&a);
    return st;
}

/* Whether a key is by that attribute alone, or with that range. */
static bool schema_is(struct json schema, const struct ddb_table *t,
                      struct arena *a)
{
    const char *wanted[] = {t->index_key, t->index_range};
    struct json_iter it = json_iter(schema);
    struct json none, key;
    size_t n = 0;

    for (; json_next(&it, &none, &key); n++)
        if (n == 2 || !wanted[n] ||
            !str_is(json_string(json_member(key, "AttributeName"), a),
                    wanted[n]))
            return false;
    return n == (t->index_range ? 2 : 1);
}

static enum status index_judge(struct json index, const struct ddb_table *t,
                               struct arena *a, struct ddb_index *out,
                               struct err *err)
{
    struct str status = json_string(json_member(index, "IndexStatus"), a);

    if (!schema_is(json_member(index, "KeySchema"), t, a))
        return err_set(err, ST_PRECONDITION, "other_index",
                       "index %s of table %s has other keys than %s%s%s; name "
                       "another one in the settings",
                       t->index, t->name, t->index_key,
                       t->index_range ? " and " : "",
                       t->index_range ? t->index_range : "");
    if (str_is(status, "DELETING"))
        return err_set(err, ST_PRECONDITION, "other_index",
                       "index %s of table %s is being removed; try again when "
                       "it is gone",
                       t->index, t->name);
    out->state = str_is(status, "CREATING") ? INDEX_MAKING : INDEX_READY;
    out->filling = json_member(index, "Backfilling").type == JSON_TRUE;
    return ST_OK;
}

static enum status index_find(struct json table, const struct ddb_table *t,
                              struct arena *a, struct ddb_index *out,
                              struct err *err)
{
    struct json paid = json_member(table, "ProvisionedThroughput");
    struct json_iter it =
        json_iter(json_member(table, "GlobalSecondaryIndexes"));
    struct json none, index;

    (void)json_int(json_member(paid, "ReadCapacityUnits"), &out->reads);
    (void)json_int(json_member(paid, "WriteCapacityUnits"), &out->writes);
    out->state = INDEX_MISSING;
    while (json_next(&it, &none, &index))
        if (str_is(json_string(json_member(index, "IndexName"), a), t->index))
            return index_judge(index, t, a, out, err);
    return ST_OK;
}

enum status ddb_index_look(struct ddb *db, const struct ddb_table *t,
                           struct deadline d, struct ddb_index *out,
                           struct err *err)
{
    struct arena *a;
    struct json table;
    enum status st;

    *out = (struct ddb_index){.state = INDEX_UNWANTED};
    if (!t->index || !t->index[0])
        return ST_OK;
    a = arena_new(0);
    st = table_describe(db, t->name, d, a, &table, err);
    if (st == ST_OK)
        st = index_find(table, t, a, out, err);
    arena_free(&a);
    return st;
}
