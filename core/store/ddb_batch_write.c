#include "store/ddb_batch_write.h"

#include <assert.h>
#include "store/ddb_item.h"
#include "store/ddb_rounds.h"

#define WRITES_AT_ONCE 25 /* DynamoDB's limit */

static struct str one_member(struct arena *a, const char *outer,
                             const char *inner, struct str object)
{
    return arena_printf(a, "{\"%s\":{\"%s\":%.*s}}", outer, inner,
                        STR_ARG(object));
}

struct str ddb_put_request(struct json item, struct arena *a)
{
    assert(item.type == JSON_OBJECT);
    return one_member(a, "PutRequest", "Item", item.raw);
}

struct str ddb_delete_request(const char *key_name, struct str key,
                              struct arena *a)
{
    struct buf b;
    struct json_out o = {.b = &b};
    struct str request;

    buf_init(&b, 8192);
    json_begin_object(&o, NULL);
    ddb_put_s(&o, key_name, key);
    json_end_object(&o);
    assert(buf_ok(&b)); /* a key has at most 2 KB */
    request = one_member(a, "DeleteRequest", "Key", buf_str(&b));
    buf_free(&b);
    return request;
}

/* 25 items of 400 KB are more than a request may hold; DynamoDB would refuse
 * it too (16 MB), so a request ends before that. */
static size_t fitting(const struct str *request, size_t all)
{
    size_t bytes = 0, n = 0;

    while (n < WRITES_AT_ONCE && n < all) {
        bytes += request[n].n + 1;
        if (n > 0 && bytes > DDB_REQUEST_MAX / 2)
            break;
        n++;
    }
    return n;
}

static void ask(void *table, struct json_out *o, const struct str *request,
                size_t n)
{
    json_begin_array(o, table);
    for (size_t i = 0; i < n; i++)
        json_put_raw(o, NULL, request[i]);
    json_end_array(o);
}

static struct json unprocessed(void *table, struct json reply)
{
    return json_member(json_member(reply, "UnprocessedItems"), table);
}

static struct str write_again(void *table, struct json v, struct arena *a)
{
    (void)table;
    (void)a;
    return v.type == JSON_OBJECT ? v.raw : STR_NONE;
}

enum status ddb_batch_write(struct ddb *db, const char *table,
                            const struct str *request, size_t n,
                            struct deadline d, struct arena *a, struct err *err)
{
    const struct ddb_rounds rounds = {.operation = "BatchWriteItem",
                                      .item = request,
                                      .n = n,
                                      .fitting = fitting,
                                      .ask = ask,
                                      .unprocessed = unprocessed,
                                      .again = write_again,
                                      .ctx = (void *)(uintptr_t)table};

    return ddb_rounds(db, &rounds, d, a, err);
}
