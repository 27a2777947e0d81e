#include "store/ddb_batch_get.h"

#include "store/ddb_item.h"
#include "store/ddb_rounds.h"

/*
 * DynamoDB takes 100 keys and answers at most 16 MB. Fewer keys a request, and
 * several requests at once, answer sooner and are seldom left unprocessed.
 */
#define KEYS_AT_ONCE 25

struct reading {
    const struct ddb_batch_get *what;
    ddb_item each;
    void *ctx;
};

static size_t keys_fitting(const struct str *key, size_t n)
{
    (void)key;
    return n < KEYS_AT_ONCE ? n : KEYS_AT_ONCE;
}

static void keys_request(void *ctx, struct json_out *o, const struct str *key,
                         size_t n)
{
    const struct ddb_batch_get *w = ((struct reading *)ctx)->what;

    json_begin_object(o, w->table);
    json_put_bool(o, "ConsistentRead", true);
    if (w->fields)
        json_put_z(o, "ProjectionExpression", w->fields);
    json_begin_array(o, "Keys");
    for (size_t i = 0; i < n; i++) {
        json_begin_object(o, NULL);
        ddb_put_s(o, w->key_name, key[i]);
        json_end_object(o);
    }
    json_end_array(o);
    json_end_object(o);
}

static struct json keys_unprocessed(void *ctx, struct json reply)
{
    struct reading *r = ctx;

    return json_member(
        json_member(json_member(reply, "UnprocessedKeys"), r->what->table),
        "Keys");
}

static struct str key_again(void *ctx, struct json v, struct arena *a)
{
    struct reading *r = ctx;

    return ddb_str(v, r->what->key_name, a);
}

static enum status got_items(void *ctx, struct json reply, struct arena *a,
                             struct err *err)
{
    struct reading *r = ctx;
    struct json_iter it =
        json_iter(json_member(json_member(reply, "Responses"), r->what->table));
    struct json key, v;
    enum status st = ST_OK;

    while (st == ST_OK && json_next(&it, &key, &v))
        st = r->each(r->ctx, v, a, err);
    return st;
}

enum status ddb_batch_get(struct ddb *db, const struct ddb_batch_get *what,
                          struct deadline d, struct arena *a, ddb_item each,
                          void *ctx, struct err *err)
{
    struct reading r = {what, each, ctx};
    const struct ddb_rounds rounds = {.operation = "BatchGetItem",
                                      .item = what->key,
                                      .n = what->n,
                                      .fitting = keys_fitting,
                                      .ask = keys_request,
                                      .unprocessed = keys_unprocessed,
                                      .again = key_again,
                                      .got = got_items,
                                      .ctx = &r};

    return ddb_rounds(db, &rounds, d, a, err);
}
