/*
 * A walk over DynamoDB's trips: what is asked for, that it stands still where a
 * page fails, and what is made of records that nobody can read.
 */
#include "base/json.h"
#include "base/log.h"
#include "store/records.h"
#include "t/unit/server.h"
#include "t/unit/tap.h"

/* Modes. */
enum {
    PLAIN,
    THROTTLED, /* each page's first try */
    REFUSED,   /* the second pages */
    ODD_KEY    /* a page ends at what is no trip's id */
};
enum { FIRSTS, SECONDS, SCANS, PROJECTED }; /* counts */

static struct server srv;
static struct conf conf;
static struct arena *arena;
static struct records *store;
static struct err err;

/* Each segment has two pages; the last trip of the first one has a quote. */
static void page(int fd, const char *request, bool second, int mode)
{
    int segment = strstr(request, "\"Segment\":1,") != NULL;
    char body[1000];

    snprintf(
        body, sizeof body,
        "{\"Items\":[{\"trip_id\":{\"S\":\"t%d\\\"%d\"},\"user_id\":"
        "{\"S\":\"U\"},\"status\":{\"S\":\"completed\"},\"revision\":{\"N\":"
        "\"%s\"},\"analysis_status\":{\"S\":\"pending\"}}]%s%d%s}",
        segment, second, second ? "9007199254740993" : "3",
        second            ? ",\"Count\":"
        : mode == ODD_KEY ? ",\"LastEvaluatedKey\":{\"id\":{\"S\":\"t"
                          : ",\"LastEvaluatedKey\":{\"trip_id\":"
                            "{\"S\":\"t",
        segment, second ? "" : "\\\"0\"}}");
    server_reply(fd, 200, "", body);
}

static bool answer(struct server_seen *seen, int fd, const char *request, int n)
{
    bool second = strstr(request, "\"ExclusiveStartKey\":") != NULL;
    int mode = seen->mode;

    (void)n;
    if (!strstr(request, "DynamoDB_20120810.Scan") ||
        !strstr(request, "\"TotalSegments\":2"))
        return false;
    seen->count[SCANS]++;
    seen->count[PROJECTED] +=
        strstr(request, "\"ProjectionExpression\":\"#t, #u, ") != NULL &&
        strstr(request, "\"ConsistentRead\":true") != NULL;
    seen->count[second ? SECONDS : FIRSTS] +=
        !second || strstr(request, "{\"trip_id\":{\"S\":\"t0\\\"0\"}}") ||
        strstr(request, "{\"trip_id\":{\"S\":\"t1\\\"0\"}}");
    if (mode == THROTTLED && seen->count[SCANS] % 2 == 1)
        server_reply(fd, 400, "",
                     "{\"__type\":\"x#ProvisionedThroughputExceededException\","
                     "\"message\":\"slower\"}");
    else if (mode == REFUSED && second)
        server_reply(fd, 400, "",
                     "{\"__type\":\"x#AccessDeniedException\","
                     "\"message\":\"no\"}");
    else
        page(fd, request, second, mode);
    return true;
}

static void store_open(void)
{
    srv = server_start(answer);
    server_conf(&srv, arena, &conf);
    conf.records_url = "dynamodb:";
    if (records_open(&conf, &store, &err) != ST_OK)
        abort();
}

static void store_close(void)
{
    records_close(&store);
    server_stop(&srv);
}

/* A server of its own for each: a Scan that a refusal cut off may still come.
 */
static void mode(int m)
{
    store_close();
    store_open();
    srv.seen->mode = m;
    err_clear(&err);
}

static int count(int what)
{
    return srv.seen->count[what];
}

struct passed {
    int readable, unreadable;
};

static enum status pass(void *ctx, const struct trip_seen *t)
{
    struct passed *p = ctx;

    p->readable += t->readable && t->revision == 3 &&
                   t->status == TRIP_COMPLETED &&
                   t->analysis_status == ANALYSIS_PENDING &&
                   t->end_us == TIME_NONE && str_is(t->user_id, "U");
    p->unreadable +=
        !t->readable && t->trip_id.n == 4 && str_is(t->user_id, "U");
    return ST_OK;
}

static enum status walk_on(struct trip_walk *w, struct passed *p)
{
    return records_walk(store, w, deadline_in(4000), pass, p, &err);
}

static void two_pages(int m)
{
    struct trip_walk *w = trip_walk_new(2);
    struct passed p = {0};

    mode(m);
    CHECK(walk_on(w, &p) == ST_OK && p.readable == 2 && p.unreadable == 0);
    CHECK(str_is(trip_walk_print(w, arena), "@t0%220,@t1%220,"));
    CHECK(walk_on(w, &p) == ST_OK && p.readable == 2 && p.unreadable == 2);
    CHECK(trip_walk_over(w) && trip_walk_progress(w).pages == 4);
    trip_walk_free(&w);
}

static void as_asked(void)
{
    two_pages(PLAIN);
    CHECK(count(SCANS) == 4 && count(PROJECTED) == 4);
    CHECK(count(FIRSTS) == 2 && count(SECONDS) == 2);
    two_pages(THROTTLED);
    CHECK(count(SCANS) > 4);
}

static void stands_still(void)
{
    struct trip_walk *w = trip_walk_new(2);
    struct passed p = {0};

    mode(REFUSED);
    CHECK(walk_on(w, &p) == ST_OK);
    CHECK(walk_on(w, &p) == ST_DENIED);
    CHECK(str_is(trip_walk_print(w, arena), "@t0%220,@t1%220,"));
    mode(PLAIN);
    CHECK(walk_on(w, &p) == ST_OK && trip_walk_over(w));
    CHECK(count(SCANS) == 2 && count(SECONDS) == 2 && p.unreadable == 2);
    trip_walk_free(&w);
}

static void odd_key(void)
{
    struct trip_walk *w = trip_walk_new(2);
    struct passed p = {0};

    mode(ODD_KEY);
    CHECK(walk_on(w, &p) == ST_CORRUPT && strstr(err.text, "\"id\""));
    CHECK(str_is(trip_walk_print(w, arena), "-,-,"));
    trip_walk_free(&w);
}

int main(void)
{
    log_open("/dev/null", LOG_DEBUG, "test");
    arena = arena_new(4096);
    store_open();
    as_asked();
    stands_still();
    odd_key();
    store_close();
    arena_free(&arena);
    return tap_end();
}
