/* records_dynamodb_survey.c - DynamoDB's tables as others left them. */
#include "store/records_dynamodb.h"

#include "base/isotime.h"

static const char *const keys[SURVEY_TABLES] = {[SURVEY_USERS] = "user_id",
                                                [SURVEY_TRIPS] = "trip_id",
                                                [SURVEY_BATCHES] = "batch_id",
                                                [SURVEY_SUMMARIES] = "trip_id"};

static const char *table_name(const struct ddb *db, enum survey_table table)
{
    switch (table) {
    case SURVEY_USERS:
        return db->users;
    case SURVEY_TRIPS:
        return db->trips;
    case SURVEY_BATCHES:
        return db->batches;
    case SURVEY_SUMMARIES:
    case SURVEY_TABLES:
        break;
    }
    return db->summaries;
}

/* ---- what DynamoDB says of a table ---- */

static int64_t estimate_of(struct json object, const char *name)
{
    int64_t n = 0;

    (void)json_int(json_member(object, name), &n);
    return n;
}

/* Whether it is looked up by that attribute. */
static bool index_by(struct json index, const char *attribute, struct arena *a)
{
    struct json_iter it = json_iter(json_member(index, "KeySchema"));
    struct json none, part;

    while (json_next(&it, &none, &part))
        if (str_is(json_string(json_member(part, "KeyType"), a), "HASH"))
            return str_is(json_string(json_member(part, "AttributeName"), a),
                          attribute);
    return false;
}

static enum survey_index index_state(struct json index, struct arena *a)
{
    struct str status = json_string(json_member(index, "IndexStatus"), a);

    if (str_is(status, "DELETING"))
        return INDEX_MISSING;
    if (str_is(status, "CREATING") ||
        json_member(index, "Backfilling").type == JSON_TRUE)
        return INDEX_MAKING;
    return INDEX_THERE;
}

static void look_at_indexes(struct json table, const char *attribute,
                            struct arena *a, struct survey_state *out)
{
    struct json_iter it =
        json_iter(json_member(table, "GlobalSecondaryIndexes"));
    struct json none, index;

    out->index = INDEX_MISSING;
    while (json_next(&it, &none, &index)) {
        struct str name = json_string(json_member(index, "IndexName"), a);

        if (str_is(name, out->index_name))
            out->index = index_state(index, a);
        else if (index_by(index, attribute, a))
            out->index_like = arena_copy(a, name);
    }
}

enum status dynamodb_survey_look(struct records *r, enum survey_table table,
                                 struct deadline d, struct arena *a,
                                 struct survey_state *out, struct err *err)
{
    struct dynamodb *s = dynamodb_of(r);
    struct err why = ERR_NONE;
    struct ddb_reply reply;
    struct json t;
    enum status st;

    out->name = table_name(&s->db, table);
    st = ddb_call(&s->db, "DescribeTable",
                  arena_printf(a, "{\"TableName\":\"%s\"}", out->name), d, a,
                  &reply, &why);
    if (st != ST_OK && reply.no_table)
        return ST_OK;
    if (st != ST_OK) {
        *err = why;
        return st;
    }
    t = json_member(reply.root, "Table");
    out->there = true;
    out->items = estimate_of(t, "ItemCount");
    out->read_units = estimate_of(json_member(t, "ProvisionedThroughput"),
                                  "ReadCapacityUnits");
    if (table == SURVEY_USERS) {
        out->index_name = s->db.email_index;
        look_at_indexes(t, "email", a, out);
    } else if (table == SURVEY_BATCHES) {
        out->index_name = s->db.batches_index;
        look_at_indexes(t, "user_id", a, out);
    }
    return ST_OK;
}

/* ---- its items ---- */

/* By what stands behind the date: time_parse has seen that it is a time. */
static bool time_has_zone(struct str text)
{
    for (size_t i = 10; i < text.n; i++)
        if (strchr("Zz+-", text.p[i]))
            return true;
    return false;
}

static enum time_form time_form(struct json item, const char *name,
                                struct arena *a)
{
    struct str text = ddb_str(item, name, a);
    int64_t us;

    if (text.n == 0)
        return FORM_ABSENT;
    if (!time_parse(text, &us))
        return FORM_NO_TIME;
    return time_has_zone(text) ? FORM_ZONED : FORM_BARE;
}

struct survey {
    enum survey_table table;
    survey_each each;
    void *ctx;
};

static enum status survey_item(void *ctx, struct json item, struct arena *a,
                               struct err *err)
{
    const struct survey *s = ctx;
    const char *name;
    struct survey_item i = {.key = ddb_str(item, keys[s->table], a),
                            .user_id = ddb_str(item, "user_id", a),
                            .email = ddb_str(item, "email", a),
                            .status = ddb_str(item, "status", a),
                            .size = ddb_item_size(item),
                            .ours =
                                json_member(item, "revision").type != JSON_NONE,
                            .start_us = ddb_time(item, "start_timestamp", a),
                            .end_us = ddb_time(item, "end_timestamp", a)};

    (void)err;
    (void)ddb_int(item, "total_batches", &i.batches);
    for (int t = 0; (name = survey_time_name(s->table, t)); t++)
        i.time[t] = time_form(item, name, a);
    return s->each(s->ctx, &i);
}

enum status dynamodb_survey_walk(struct records *r, enum survey_table table,
                                 struct trip_walk *w, struct deadline d,
                                 survey_each each, void *ctx, struct err *err)
{
    struct dynamodb *s = dynamodb_of(r);
    const struct dynamodb_query q = {.table = table_name(&s->db, table),
                                     .lagging = true};
    struct survey survey = {table, each, ctx};

    return dynamodb_walk_table(s, &q, keys[table], w, d, survey_item, &survey,
                               err);
}
