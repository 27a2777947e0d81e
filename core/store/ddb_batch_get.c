#include "store/ddb_batch_get.h"

#include <assert.h>
#include "base/random.h"
#include "store/ddb_item.h"

/*
 * DynamoDB takes 100 keys and answers at most 16 MB. Fewer keys a request, and
 * several requests at once, answer sooner and are seldom left unprocessed.
 */
#define KEYS_AT_ONCE 25
#define PAUSE_FIRST_MS 25
#define PAUSE_MOST_MS 1000

struct round {
    const struct ddb_batch_get *what;
    struct str *key; /* still to be asked for */
    size_t n, asked;
    struct str *left; /* unprocessed, for the next round */
    size_t lefts;
    ddb_item each;
    void *ctx;
};

static void put_table(struct json_out *o, const struct ddb_batch_get *w,
                      const struct str *key, size_t n)
{
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

static bool next_keys(void *ctx, struct arena *a, struct str *body, void **user)
{
    struct round *r = ctx;
    size_t n = r->n - r->asked < KEYS_AT_ONCE ? r->n - r->asked : KEYS_AT_ONCE;
    struct buf b;
    struct json_out o = {.b = &b};

    (void)user;
    if (n == 0)
        return false;
    buf_init(&b, DDB_REQUEST_MAX);
    json_begin_object(&o, NULL);
    json_begin_object(&o, "RequestItems");
    put_table(&o, r->what, r->key + r->asked, n);
    json_end_object(&o);
    json_end_object(&o);
    assert(buf_ok(&b));
    *body = arena_copy(a, buf_str(&b));
    buf_free(&b);
    r->asked += n;
    return true;
}

static enum status got_items(void *ctx, void *user, struct json root,
                             struct arena *a, struct err *err)
{
    struct round *r = ctx;
    struct json unprocessed =
        json_member(json_member(root, "UnprocessedKeys"), r->what->table);
    struct json_iter it = json_iter(json_member(unprocessed, "Keys"));
    struct json key, v;
    enum status st = ST_OK;

    (void)user;
    while (json_next(&it, &key, &v)) {
        if (r->lefts == r->n) /* more than we asked for */
            return err_set(err, ST_CORRUPT, NULL,
                           "BatchGetItem: too many unprocessed keys");
        r->left[r->lefts++] = ddb_str(v, r->what->key_name, a);
    }
    it = json_iter(json_member(json_member(root, "Responses"), r->what->table));
    while (st == ST_OK && json_next(&it, &key, &v))
        st = r->each(r->ctx, v, a, err);
    return st;
}

/* A round without any progress means that the table is throttled. */
enum status ddb_unprocessed_pause(const char *operation, struct deadline d,
                                  int idle, struct err *err)
{
    int64_t most = PAUSE_FIRST_MS << (idle < 8 ? idle : 8), wait;

    if (idle == 0)
        return ST_OK;
    most = most < PAUSE_MOST_MS ? most : PAUSE_MOST_MS;
    wait = random_below((uint32_t)most);
    if (wait >= deadline_left_ms(d))
        return err_set(err, ST_UNAVAILABLE, NULL,
                       "%s: left unprocessed until the end of the time",
                       operation);
    clock_sleep_ms(wait);
    return ST_OK;
}

enum status ddb_batch_get(struct ddb *db, const struct ddb_batch_get *what,
                          struct deadline d, struct arena *a, ddb_item each,
                          void *ctx, struct err *err)
{
    struct round r = {.what = what, .n = what->n, .each = each, .ctx = ctx};
    enum status st = ST_OK;
    int idle = 0;

    r.key = arena_alloc_n(a, what->n + 1, sizeof *r.key);
    r.left = arena_alloc_n(a, what->n + 1, sizeof *r.left);
    if (what->n)
        memcpy(r.key, what->key, what->n * sizeof *r.key);
    while (st == ST_OK && r.n > 0) {
        struct str *swap = r.key;

        r.asked = r.lefts = 0;
        st = ddb_run(db, "BatchGetItem", next_keys, got_items, &r, d, a, err);
        idle = r.lefts == r.n ? idle + 1 : 0;
        r.key = r.left;
        r.left = swap;
        r.n = r.lefts;
        if (st == ST_OK && r.n > 0)
            st = ddb_unprocessed_pause("BatchGetItem", d, idle, err);
    }
    return st;
}
