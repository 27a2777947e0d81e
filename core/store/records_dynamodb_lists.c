/* records_dynamodb_lists.c - Query and Scan, page by page. */
#include "store/records_dynamodb.h"

#include <assert.h>

#define SEGMENTS 4

static void put_common(struct json_out *o, const struct dynamodb_query *q)
{
    json_put_z(o, "TableName", q->table);
    if (q->index)
        json_put_z(o, "IndexName", q->index);
    else if (!q->lagging)
        json_put_bool(o, "ConsistentRead", true);
    if (q->filter)
        json_put_z(o, "FilterExpression", q->filter);
    if (q->fields)
        json_put_z(o, "ProjectionExpression", q->fields);
    if (q->names)
        json_put_raw(o, "ExpressionAttributeNames", str_of(q->names));
    if (q->values)
        json_put_raw(o, "ExpressionAttributeValues", str_of(q->values));
}

/* segment < 0: a Query. start: where the page before ended, or empty. */
static struct str page_body(const struct dynamodb_query *q, int segment,
                            int segments, struct str start, struct arena *a)
{
    struct buf b;
    struct json_out o = {.b = &b};
    struct str out;

    buf_init(&b, 65536);
    json_begin_object(&o, NULL);
    put_common(&o, q);
    if (segment < 0) {
        json_put_z(&o, "KeyConditionExpression", q->where);
    } else {
        json_put_int(&o, "Segment", segment);
        json_put_int(&o, "TotalSegments", segments);
    }
    if (start.n)
        json_put_raw(&o, "ExclusiveStartKey", start);
    json_end_object(&o);
    assert(buf_ok(&b));
    out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return out;
}

static enum status each_item(struct json root, dynamodb_item each, void *ctx,
                             struct arena *a, struct err *err)
{
    struct json_iter it = json_iter(json_member(root, "Items"));
    struct json key, item;
    enum status st = ST_OK;

    while (st == ST_OK && json_next(&it, &key, &item))
        st = each(ctx, item, a, err);
    return st;
}

enum status dynamodb_query(struct dynamodb *s, const struct dynamodb_query *q,
                           struct deadline d, dynamodb_item each, void *ctx,
                           struct err *err)
{
    struct arena *page = arena_new(65536), *keys = arena_new(1024);
    struct str start = STR_NONE;
    enum status st;

    do {
        struct ddb_reply reply;

        arena_reset(page);
        st = ddb_call(&s->db, "Query", page_body(q, -1, 0, start, page), d,
                      page, &reply, err);
        if (st != ST_OK)
            break;
        st = each_item(reply.root, each, ctx, page, err);
        arena_reset(keys);
        start =
            arena_copy(keys, json_member(reply.root, "LastEvaluatedKey").raw);
    } while (st == ST_OK && start.n);
    arena_free(&page);
    arena_free(&keys);
    return st;
}

struct str dynamodb_scan_body(const struct dynamodb_query *q, int segment,
                              int segments, struct str start, struct arena *a)
{
    assert(segment >= 0 && segment < segments);
    return page_body(q, segment, segments, start, a);
}

/* ---- scan: a page of each segment at once, then their items ---- */

struct segment {
    bool over;
    struct str start;
    struct json page;
};

struct scan {
    const struct dynamodb_query *q;
    struct segment segment[SEGMENTS];
    int next;
};

static bool next_segment(void *ctx, struct arena *a, struct str *body,
                         void **user)
{
    struct scan *scan = ctx;

    while (scan->next < SEGMENTS && scan->segment[scan->next].over)
        scan->next++;
    if (scan->next == SEGMENTS)
        return false;
    *user = &scan->segment[scan->next];
    *body = dynamodb_scan_body(scan->q, scan->next, SEGMENTS,
                               scan->segment[scan->next].start, a);
    scan->next++;
    return true;
}

static enum status got_segment(void *ctx, void *user, struct json root,
                               struct arena *a, struct err *err)
{
    struct segment *segment = user;

    (void)ctx;
    (void)a;
    (void)err;
    segment->page = root;
    return ST_OK;
}

/* Keeps where each segment goes on beyond the pages' arena. */
static bool go_on(struct scan *scan, struct arena *keys)
{
    bool more = false;

    scan->next = 0;
    for (int i = 0; i < SEGMENTS; i++) {
        struct segment *g = &scan->segment[i];

        if (g->over)
            continue;
        g->start =
            arena_copy(keys, json_member(g->page, "LastEvaluatedKey").raw);
        g->over = g->start.n == 0;
        more = more || !g->over;
    }
    return more;
}

enum status dynamodb_scan(struct dynamodb *s, const struct dynamodb_query *q,
                          struct deadline d, dynamodb_item each, void *ctx,
                          struct err *err)
{
    struct arena *pages = arena_new(65536), *keys = arena_new(4096);
    struct scan scan = {.q = q};
    enum status st;

    do {
        bool was_over[SEGMENTS];

        for (int i = 0; i < SEGMENTS; i++)
            was_over[i] = scan.segment[i].over;
        arena_reset(pages);
        st = ddb_run(&s->db, "Scan", next_segment, got_segment, &scan, d, pages,
                     err);
        for (int i = 0; st == ST_OK && i < SEGMENTS; i++)
            if (!was_over[i])
                st = each_item(scan.segment[i].page, each, ctx, pages, err);
    } while (st == ST_OK && go_on(&scan, keys));
    arena_free(&pages);
    arena_free(&keys);
    return st;
}
