#include "store/ddb_rounds.h"

#include <assert.h>
#include "base/random.h"

#define PAUSE_FIRST_MS 25
#define PAUSE_MOST_MS 1000

struct round {
    const struct ddb_rounds *what;
    struct str *item; /* still to be asked for */
    size_t n, asked;
    struct str *left; /* unprocessed, for the next round */
    size_t lefts;
};

static bool next_items(void *ctx, struct arena *a, struct str *body,
                       void **user)
{
    struct round *r = ctx;
    const struct ddb_rounds *w = r->what;
    struct buf b;
    struct json_out o = {.b = &b};
    size_t n;

    (void)user;
    if (r->asked == r->n)
        return false;
    n = w->fitting(r->item + r->asked, r->n - r->asked);
    buf_init(&b, DDB_REQUEST_MAX);
    json_begin_object(&o, NULL);
    json_begin_object(&o, "RequestItems");
    w->ask(w->ctx, &o, r->item + r->asked, n);
    json_end_object(&o);
    json_end_object(&o);
    assert(buf_ok(&b));
    *body = arena_copy(a, buf_str(&b));
    buf_free(&b);
    r->asked += n;
    return true;
}

static enum status got_reply(void *ctx, void *user, struct json reply,
                             struct arena *a, struct err *err)
{
    struct round *r = ctx;
    const struct ddb_rounds *w = r->what;
    struct json_iter it = json_iter(w->unprocessed(w->ctx, reply));
    struct json key, v;

    (void)user;
    while (json_next(&it, &key, &v)) {
        struct str item = w->again(w->ctx, v, a);

        if (r->lefts == r->n || item.n == 0)
            return err_set(err, ST_CORRUPT, NULL,
                           "%s: unprocessed is what was not asked for",
                           w->operation);
        r->left[r->lefts++] = item;
    }
    return w->got(w->ctx, reply, a, err);
}

static enum status pause_after(const char *operation, int idle,
                               struct deadline d, struct err *err)
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

enum status ddb_rounds(struct ddb *db, const struct ddb_rounds *what,
                       struct deadline d, struct arena *a, struct err *err)
{
    struct round r = {.what = what, .n = what->n};
    enum status st = ST_OK;
    int idle = 0;

    r.item = arena_alloc_n(a, what->n + 1, sizeof *r.item);
    r.left = arena_alloc_n(a, what->n + 1, sizeof *r.left);
    if (what->n)
        memcpy(r.item, what->item, what->n * sizeof *r.item);
    while (st == ST_OK && r.n > 0) {
        struct str *swap = r.item;

        r.asked = r.lefts = 0;
        st = ddb_run(db, what->operation, next_items, got_reply, &r, d, a, err);
        idle = r.lefts == r.n ? idle + 1 : 0;
        r.item = r.left;
        r.left = swap;
        r.n = r.lefts;
        if (st == ST_OK && r.n > 0)
            st = pause_after(what->operation, idle, d, err);
    }
    return st;
}
