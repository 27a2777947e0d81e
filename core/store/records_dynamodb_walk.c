/* records_dynamodb_walk.c - all trips once: a segmented Scan that can stop. */
#include "store/records_dynamodb.h"

/* A position is the id of the last item of the page before: the table's key has
 * nothing else, and what an operator hands in can so be no other JSON. */

struct walk {
    const struct dynamodb_query *q;
    const char *key;
    struct trip_walk *at;
    int next; /* segment to be asked for */
    struct json page[WALK_SEGMENTS_MAX];
    dynamodb_item each;
    void *ctx;
};

static struct str walk_start_key(const char *key, struct str id,
                                 struct arena *a)
{
    struct buf b;
    struct json_out o = {.b = &b};
    struct str out;

    buf_init(&b, 6 * WALK_POSITION_MAX + 64);
    json_begin_object(&o, NULL);
    ddb_put_s(&o, key, id);
    json_end_object(&o);
    out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return out;
}

static bool walk_next_page(void *ctx, struct arena *a, struct str *body,
                           void **user)
{
    struct walk *w = ctx;
    int n = trip_walk_segments(w->at);
    struct str last, start = STR_NONE;

    while (w->next < n && trip_walk_ended(w->at, w->next))
        w->next++;
    if (w->next == n)
        return false;
    last = trip_walk_position(w->at, w->next);
    if (last.n)
        start = walk_start_key(w->key, last, a);
    *body = dynamodb_scan_body(w->q, w->next, n, start, a);
    *user = &w->page[w->next++];
    return true;
}

static enum status walk_got_page(void *ctx, void *user, struct json root,
                                 struct arena *a, struct err *err)
{
    struct json *page = user;

    (void)ctx, (void)a, (void)err;
    *page = root;
    return ST_OK;
}

/* The callbacks of one segment's page; then the segment stands behind it. */
static enum status walk_pass_page(struct walk *w, int segment, struct arena *a,
                                  struct err *err)
{
    struct json page = w->page[segment], key, item;
    struct json last = json_member(page, "LastEvaluatedKey");
    struct str id = ddb_str(last, w->key, a);
    struct json_iter it = json_iter(json_member(page, "Items"));
    enum status st = ST_OK;
    int64_t n = 0;

    for (; st == ST_OK && json_next(&it, &key, &item); n++)
        st = w->each(w->ctx, item, a, err);
    if (st != ST_OK)
        return st;
    if (last.type == JSON_OBJECT && (id.n == 0 || id.n > WALK_POSITION_MAX))
        return err_set(err, ST_CORRUPT, NULL,
                       "Scan: the last key is not of this table: %.200s",
                       arena_z(a, last.raw));
    trip_walk_count(w->at, n);
    if (id.n)
        trip_walk_move(w->at, segment, id);
    else
        trip_walk_end(w->at, segment);
    return ST_OK;
}

static bool walk_is_ours(const struct trip_walk *w)
{
    for (int i = 0; i < trip_walk_segments(w); i++) {
        struct str at = trip_walk_position(w, i);

        if (at.n && memchr(at.p, '\0', at.n))
            return false;
    }
    return true;
}

enum status dynamodb_walk_table(struct dynamodb *s,
                                const struct dynamodb_query *q, const char *key,
                                struct trip_walk *at, struct deadline d,
                                dynamodb_item each, void *ctx, struct err *err)
{
    struct walk w = {.q = q, .key = key, .at = at, .each = each, .ctx = ctx};
    struct arena *pages;
    enum status st;

    if (!walk_is_ours(at))
        return walk_other_store(err);
    pages = arena_new(65536);
    st = ddb_run(&s->db, "Scan", walk_next_page, walk_got_page, &w, d, pages,
                 err);
    for (int i = 0; st == ST_OK && i < trip_walk_segments(at); i++)
        if (!trip_walk_ended(at, i))
            st = walk_pass_page(&w, i, pages, err);
    arena_free(&pages);
    return st;
}

/* ---- of trips ---- */

struct trips_walk {
    records_trip_seen each;
    void *ctx;
};

static enum status walk_item(void *ctx, struct json item, struct arena *a,
                             struct err *err)
{
    const struct trips_walk *w = ctx;
    struct trip_seen t = {.trip_id = ddb_str(item, "trip_id", a),
                          .user_id = ddb_str(item, "user_id", a),
                          .end_us = TIME_NONE,
                          .updated_us = TIME_NONE};
    struct err none = ERR_NONE;
    struct trip all;

    (void)err;
    if (dynamodb_read_trip(item, a, &all, &none) == ST_OK)
        trip_seen_of(&all, &t);
    return w->each(w->ctx, &t);
}

enum status dynamodb_walk(struct records *r, struct trip_walk *at,
                          struct deadline d, records_trip_seen each, void *ctx,
                          struct err *err)
{
    struct dynamodb *s = dynamodb_of(r);
    const struct dynamodb_query q = {
        .table = s->db.trips,
        .fields = "#t, #u, #s, #a, #e, #r, #l, #b, #c, #k",
        .names = "{\"#t\":\"trip_id\",\"#u\":\"user_id\",\"#s\":\"status\","
                 "\"#a\":\"analysis_status\",\"#e\":\"end_timestamp\","
                 "\"#r\":\"revision\",\"#l\":\"last_updated\","
                 "\"#b\":\"total_batches\",\"#c\":\"claimed_batches\","
                 "\"#k\":\"analysis_key\"}"};
    struct trips_walk w = {each, ctx};

    return dynamodb_walk_table(s, &q, "trip_id", at, d, walk_item, &w, err);
}
