#include "store/ddb_batch_write.h"

#include <assert.h>
#include "store/ddb_batch_get.h"
#include "store/ddb_item.h"

#define WRITES_AT_ONCE 25 /* DynamoDB's limit */

struct round {
    const char *table;
    struct str *request; /* still to be done */
    size_t n, asked;
    struct str *left; /* unprocessed, for the next round */
    size_t lefts;
};

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
static size_t fitting(const struct round *r)
{
    size_t bytes = 0, n = 0;

    while (n < WRITES_AT_ONCE && r->asked + n < r->n) {
        bytes += r->request[r->asked + n].n + 1;
        if (n > 0 && bytes > DDB_REQUEST_MAX / 2)
            break;
        n++;
    }
    return n;
}

static bool next_writes(void *ctx, struct arena *a, struct str *body,
                        void **user)
{
    struct round *r = ctx;
    size_t n = fitting(r);
    struct buf b;
    struct json_out o = {.b = &b};

    (void)user;
    if (n == 0)
        return false;
    buf_init(&b, DDB_REQUEST_MAX);
    json_begin_object(&o, NULL);
    json_begin_object(&o, "RequestItems");
    json_begin_array(&o, r->table);
    for (size_t i = 0; i < n; i++)
        json_put_raw(&o, NULL, r->request[r->asked + i]);
    json_end_array(&o);
    json_end_object(&o);
    json_end_object(&o);
    assert(buf_ok(&b));
    *body = arena_copy(a, buf_str(&b));
    buf_free(&b);
    r->asked += n;
    return true;
}

static enum status got_rest(void *ctx, void *user, struct json root,
                            struct arena *a, struct err *err)
{
    struct round *r = ctx;
    struct json rest =
        json_member(json_member(root, "UnprocessedItems"), r->table);
    struct json_iter it = json_iter(rest);
    struct json key, v;

    (void)user;
    (void)a;
    while (json_next(&it, &key, &v)) {
        if (r->lefts == r->n || v.type != JSON_OBJECT)
            return err_set(err, ST_CORRUPT, NULL,
                           "BatchWriteItem: unprocessed items that were not "
                           "asked for");
        r->left[r->lefts++] = v.raw;
    }
    return ST_OK;
}

enum status ddb_batch_write(struct ddb *db, const char *table,
                            const struct str *request, size_t n,
                            struct deadline d, struct arena *a, struct err *err)
{
    struct round r = {.table = table, .n = n};
    enum status st = ST_OK;
    int idle = 0;

    r.request = arena_alloc_n(a, n + 1, sizeof *r.request);
    r.left = arena_alloc_n(a, n + 1, sizeof *r.left);
    if (n)
        memcpy(r.request, request, n * sizeof *r.request);
    while (st == ST_OK && r.n > 0) {
        struct str *swap = r.request;

        r.asked = r.lefts = 0;
        st =
            ddb_run(db, "BatchWriteItem", next_writes, got_rest, &r, d, a, err);
        idle = r.lefts == r.n ? idle + 1 : 0;
        r.request = r.left;
        r.left = swap;
        r.n = r.lefts;
        if (st == ST_OK && r.n > 0)
            st = ddb_unprocessed_pause("BatchWriteItem", d, idle, err);
    }
    return st;
}
