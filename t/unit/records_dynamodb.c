/*
 * What is asked of DynamoDB, and what is made of odd answers, on a small server
 * that says what the test wants. The contract is tried by t/dynamodb.t.
 */
#include "base/json.h"
#include "base/log.h"
#include "store/ddb_item.h"
#include "store/records.h"
#include "t/unit/server.h"
#include "t/unit/tap.h"

/* The server's modes. */
enum {
    PLAIN,
    UNPROCESSED,   /* BatchGetItem: one item, the others are left */
    THROTTLED,     /* BatchGetItem: all of them are left */
    NO_INDEX,      /* Query: there is no such index */
    ONLY_BY_INDEX, /* batch 2 has another id than its number says */
    TOO_LARGE,
    LOST_ANSWER, /* UpdateItem is done, but the connection ends */
    OLD_TRIP,    /* a record without the set of numbers */
    NO_TABLE,
    SHOW_UPDATE, /* the second UpdateItem is refused, and so the last request */
    SHOW_OLD_UPDATE,
    NOT_DYNAMODB /* 200, and JSON that is none of its replies */
};

/* What it counts. */
enum { GETS, BATCH_GETS, QUERIES, SCANS, UPDATES, PUTS, KEYS, CONSISTENT };

static struct server srv;
static struct conf conf;
static struct arena *arena;
static struct err err;
static struct records *store;

/* ---- the server ---- */

static void fault(int fd, const char *name, const char *text)
{
    char body[300];

    snprintf(body, sizeof body,
             "{\"__type\":\"com.amazonaws.dynamodb.v20120810#%s\","
             "\"message\":\"%s\"}",
             name, text);
    server_reply(fd, 400, "", body);
}

#define DELTAS                                                                 \
    "{\"L\":[{\"M\":{\"delta_lat\":{\"N\":\"0.123456789012345678901234567890"  \
    "12345678\"},\"is_stationary\":{\"N\":\"1\"},\"still\":{\"BOOL\":false},"  \
    "\"note\":{\"NULL\":true},\"name\":{\"S\":\"a\\\"b\\u00fc\"},\"tags\":"    \
    "{\"SS\":[\"x\",\"y\"]},\"set\":{\"NS\":[\"1\",\"2.5\"]}}}]}"

static void batch_item(char *out, size_t size, const char *id, int number)
{
    snprintf(out, size,
             "{\"batch_id\":{\"S\":\"%s\"},\"trip_id\":{\"S\":\"T\"},"
             "\"user_id\":{\"S\":\"U\"},\"batch_number\":{\"N\":\"%d.0\"},"
             "\"original_deltas_count\":{\"S\":\"4\"},\"deltas\":%s}",
             id, number, DELTAS);
}

/* The keys `T_batch_N` of a request, in order; up to 25. */
static int keys_of(const char *request, int number[32])
{
    int n = 0;

    while (n < 32 && (request = strstr(request, "T_batch_")))
        number[n++] = atoi(request += 8);
    return n;
}

static void do_batch_get(int fd, struct server_seen *seen, const char *request)
{
    char items[8000] = "", left[8000] = "", text[20000], item[600];
    int number[32], n = keys_of(request, number), given = 0;

    seen->count[KEYS] += n;
    seen->count[CONSISTENT] +=
        strstr(request, "\"ConsistentRead\":true") != NULL;
    for (int i = 0; i < n; i++) {
        char id[32];

        snprintf(id, sizeof id, "T_batch_%d", number[i]);
        if (number[i] > 3 || (seen->mode == ONLY_BY_INDEX && number[i] == 2))
            continue;
        if (seen->mode == THROTTLED ||
            (seen->mode == UNPROCESSED && given == 1)) {
            snprintf(left + strlen(left), sizeof left - strlen(left),
                     "%s{\"batch_id\":{\"S\":\"%s\"}}", left[0] ? "," : "", id);
            continue;
        }
        batch_item(item, sizeof item, id, number[i]);
        snprintf(items + strlen(items), sizeof items - strlen(items), "%s%s",
                 given++ ? "," : "", item);
    }
    if (strstr(request, "other-id")) {
        batch_item(items, sizeof items, "other-id", 2);
        seen->count[KEYS]++;
    }
    snprintf(text, sizeof text,
             "{\"Responses\":{\"TrajectoryBatches-Neal\":[%s]},"
             "\"UnprocessedKeys\":{%s%s%s}}",
             items, left[0] ? "\"TrajectoryBatches-Neal\":{\"Keys\":[" : "",
             left, left[0] ? "]}" : "");
    server_reply(fd, 200, "", text);
}

#define TRIP(more)                                                             \
    "{\"trip_id\":{\"S\":\"T\"},\"user_id\":{\"S\":\"U\"},\"status\":{\"S\":"  \
    "\"active\"},\"start_timestamp\":{\"S\":\"2025-12-20T14:31:34.000Z\"},"    \
    "\"total_batches\":{\"N\":\"3\"}" more "}"

static void do_get(int fd, struct server_seen *seen, const char *request)
{
    bool old = seen->mode == OLD_TRIP || seen->mode == SHOW_OLD_UPDATE;

    if (strstr(request, "\"Trips-Neal\"") && old)
        server_reply(fd, 200, "", "{\"Item\":" TRIP("") "}");
    else if (strstr(request, "\"Trips-Neal\"") && seen->mode != NO_TABLE)
        server_reply(fd, 200, "",
                     "{\"Item\":" TRIP(",\"revision\":{\"N\":\"7\"},"
                                       "\"analysis_status\":{\"S\":\"stored\"},"
                                       "\"analysis_key\":{\"S\":\"k\"},"
                                       "\"batch_numbers\":{\"NS\":[\"1\",\"2\","
                                       "\"3\"]}") "}");
    else if (strstr(request, "\"Trips-Neal\""))
        fault(fd, "ResourceNotFoundException", "Requested resource not found");
    else
        server_reply(fd, 200, "", "{}");
}

static bool do_update(int fd, struct server_seen *seen)
{
    int n = ++seen->count[UPDATES];
    bool show = seen->mode == SHOW_UPDATE || seen->mode == SHOW_OLD_UPDATE;
    bool looks = show || seen->mode == OLD_TRIP;

    if (show && n == 2) {
        /* Refused for good, so that it stays the last request. */
        fault(fd, "AccessDeniedException", "seen");
        return true;
    }

    if (seen->mode == LOST_ANSWER && n == 1)
        return false;
    if (seen->mode == LOST_ANSWER || (looks && n == 1))
        fault(fd, "ConditionalCheckFailedException", "no");
    else
        server_reply(fd, 200, "", "{}");
    return true;
}

static void do_query(int fd, struct server_seen *seen)
{
    seen->count[QUERIES]++;
    if (seen->mode == NO_INDEX)
        fault(fd, "ValidationException",
              "The table does not have the specified index");
    else
        server_reply(fd, 200, "",
                     seen->mode == ONLY_BY_INDEX
                         ? "{\"Items\":[{\"batch_id\":{\"S\":\"T_batch_1\"}},"
                           "{\"batch_id\":{\"S\":\"other-id\"}}]}"
                         : "{\"Items\":[]}");
}

static bool answer(struct server_seen *seen, int fd, const char *request, int n)
{
    const char *target = strstr(request, "DynamoDB_20120810.");

    (void)n;
    if (!target)
        return false;
    target += 18;
    if (seen->mode == NOT_DYNAMODB) {
        server_reply(fd, 200, "",
                     target[0] == 'B' || target[0] == 'Q' || target[0] == 'S'
                         ? "{}" /* else: one that has nothing */
                         : "{\"message\":\"hello\"}");
        return true;
    }
    if (strncmp(target, "UpdateItem", 10) == 0)
        return do_update(fd, seen);
    if (strncmp(target, "BatchGetItem", 12) == 0) {
        seen->count[BATCH_GETS]++;
        do_batch_get(fd, seen, request);
    } else if (strncmp(target, "GetItem", 7) == 0) {
        seen->count[GETS]++;
        do_get(fd, seen, request);
    } else if (strncmp(target, "Query", 5) == 0) {
        do_query(fd, seen);
    } else if (strncmp(target, "Scan", 4) == 0) {
        seen->count[SCANS]++;
        server_reply(fd, 200, "", "{\"Items\":[]}");
    } else {
        seen->count[PUTS]++;
        if (seen->mode == TOO_LARGE)
            fault(fd, "ValidationException",
                  "Item size to update has exceeded the maximum allowed size");
        else
            server_reply(fd, 200, "", "{}");
    }
    return true;
}

/* ---- helpers ---- */

static struct deadline soon(void)
{
    return deadline_in(4000);
}

static void mode(int m)
{
    srv.seen->mode = m;
    for (int i = 0; i < 8; i++)
        srv.seen->count[i] = 0;
    err_clear(&err);
}

static int count(int what)
{
    return srv.seen->count[what];
}

static struct trip_batches batches(int64_t total, int64_t highest)
{
    const struct trip t = {.trip_id = STR_LIT("T"),
                           .user_id = STR_LIT("U"),
                           .total_batches = total,
                           .highest_batch = highest};
    struct trip_batches out;

    CHECK(records_batches(store, &t, soon(), arena, &out, &err) == ST_OK);
    return out;
}

/* ---- batches ---- */

static const char DELTAS_JSON[] =
    "[{\"delta_lat\":0.12345678901234567890123456789012345678,"
    "\"is_stationary\":1,\"still\":false,\"note\":null,"
    "\"name\":\"a\\\"b\\u00fc\",\"tags\":[\"x\",\"y\"],\"set\":[1,2.5]}]";

static void by_key(void)
{
    struct trip_batches b;

    mode(PLAIN);
    b = batches(3, 60);
    CHECK(b.n == 3 && b.batch[0].number == 1 && b.batch[2].number == 3);
    CHECK(count(BATCH_GETS) == 3 && count(KEYS) == 60 &&
          count(CONSISTENT) == 3);
    CHECK(count(QUERIES) == 0);
    CHECK(str_is(b.batch[0].deltas, DELTAS_JSON));
    CHECK(b.batch[0].deltas_count == 1 && b.batch[0].original_count == 4);
    mode(PLAIN);
    CHECK(batches(3, 0).n == 3 && count(KEYS) == 3); /* an old record */
    mode(PLAIN);
    CHECK(batches(3, 90000).n == 0); /* hardly any of them are there */
    CHECK(count(BATCH_GETS) == 0 && count(QUERIES) == 1);
}

static void left_over(void)
{
    mode(UNPROCESSED);
    CHECK(batches(3, 3).n == 3);
    CHECK(count(BATCH_GETS) == 3 && count(KEYS) == 3 + 2 + 1);
}

/* Rounds without progress have pauses between them, and an end. */
static void throttled(void)
{
    const struct trip t = {.trip_id = STR_LIT("T"),
                           .user_id = STR_LIT("U"),
                           .total_batches = 3,
                           .highest_batch = 3};
    struct trip_batches out;

    mode(THROTTLED);
    CHECK(records_batches(store, &t, deadline_in(1500), arena, &out, &err) ==
          ST_UNAVAILABLE);
    CHECK(count(BATCH_GETS) > 1 && count(BATCH_GETS) < 60);
}

static void by_index(void)
{
    struct trip_batches b;

    mode(ONLY_BY_INDEX);
    b = batches(3, 3);
    CHECK(b.n == 3 && b.batch[1].number == 2 &&
          str_is(b.batch[1].batch_id, "other-id"));
    /* Whether others stand beside those that are there, then the index. */
    CHECK(count(QUERIES) == 1 && count(KEYS) == 3 + 2 + 1);
    CHECK(strstr(srv.seen->last, "other-id") &&
          !strstr(srv.seen->last, "T_batch_1"));
    mode(NO_INDEX);
    CHECK(batches(4, 4).n == 3 && count(QUERIES) == 1);
    /* Others wrote number 3, and the record does not know how high they are. */
    mode(NO_INDEX);
    CHECK(batches(3, 2).n == 3 && count(QUERIES) == 0 && count(KEYS) == 3);
    /* One is missing: whether others stand beside the three, then beyond. */
    mode(NO_INDEX);
    CHECK(batches(4, 2).n == 3 && count(QUERIES) == 1 &&
          count(KEYS) == 4 + 3 + 4 + 100);
    mode(NO_INDEX);
    CHECK(batches(0, 0).n == 3 && count(KEYS) == 100);
    mode(PLAIN);
    CHECK(batches(0, 0).n == 0 && count(QUERIES) == 1);
}

/* ---- uploads ---- */

static struct batch batch_of(int64_t number)
{
    return (struct batch){
        .batch_id = arena_printf(arena, "T_batch_%lld", (long long)number),
        .trip_id = STR_LIT("T"),
        .user_id = STR_LIT("U"),
        .number = number,
        .batch_size = -1,
        .first_us = TIME_NONE,
        .last_us = TIME_NONE,
        .uploaded_us = 1766241265000000,
        .deltas = STR_LIT("[{\"x\":1.50,\"y\":-1e2}]"),
        .statistics = STR_LIT("{}"),
        .issues = STR_LIT("[]")};
}

static enum status upload(int64_t number)
{
    struct batch b = batch_of(number);
    struct batch_stored out;

    return records_batch_store(store, &b, 1766241265000000, soon(), &out, &err);
}

static void uploads(void)
{
    mode(PLAIN);
    CHECK(upload(4) == ST_OK && count(UPDATES) == 1 && count(PUTS) == 1 &&
          count(GETS) == 0);
    CHECK(strstr(srv.seen->last,
                 "\"deltas\":{\"L\":[{\"M\":{\"x\":{\"N\":\"1.50\"},"
                 "\"y\":{\"N\":\"-1e2\"}}}]}"));
    CHECK(strstr(srv.seen->last, "\"processed\":{\"BOOL\":false}") &&
          strstr(srv.seen->last, "\"upload_timestamp\":{\"S\":\"2025-12-20T") &&
          !strstr(srv.seen->last, "first_point") &&
          !strstr(srv.seen->last, "batch_size") &&
          !strstr(srv.seen->last, "quality_metrics"));
    /* Nothing was there: if something is by then, it must not go. */
    CHECK(strstr(srv.seen->last, "\"ConditionExpression\":"
                                 "\"attribute_not_exists(batch_id)\""));
    mode(OLD_TRIP);
    CHECK(upload(4) == ST_OK && count(KEYS) == 3 && count(GETS) == 2);
    mode(TOO_LARGE);
    CHECK(upload(4) == ST_TOO_LARGE && !strcmp(err.code, "trip_too_large") &&
          strstr(err.text, "DynamoDB"));
}

/* The update of the trip, as it was sent. */
static void counting(void)
{
    const struct {
        int mode;
        int64_t number;
        const char *total, *set;
    } cases[] = {
        {SHOW_UPDATE, 4, "\":total_batches\":{\"N\":\"4\"}",
         "{\"NS\":[\"4\"]}"},
        {SHOW_UPDATE, 2, "\":total_batches\":{\"N\":\"3\"}",
         "{\"NS\":[\"2\"]}"},
        {SHOW_OLD_UPDATE, 4, "\":total_batches\":{\"N\":\"4\"}",
         "{\"NS\":[\"4\",\"1\",\"2\",\"3\"]}"},
        {SHOW_OLD_UPDATE, 2, "\":total_batches\":{\"N\":\"3\"}",
         "{\"NS\":[\"2\",\"1\",\"3\"]}"},
    };

    for (size_t i = 0; i < 4; i++) {
        mode(cases[i].mode);
        CHECK(upload(cases[i].number) == ST_DENIED && count(PUTS) == 0);
        CHECK(strstr(srv.seen->last, cases[i].total) &&
              strstr(srv.seen->last, cases[i].set) &&
              strstr(srv.seen->last, "\":seen_total_batches\":{\"N\":\"3\"}"));
    }
}

static void not_json(void)
{
    struct batch b = batch_of(1);
    struct batch_stored out;

    mode(PLAIN);
    b.deltas = STR_LIT("not JSON"); /* found out before anything is changed */
    CHECK(records_batch_store(store, &b, 0, soon(), &out, &err) ==
              ST_INTERNAL &&
          count(UPDATES) == 0);
}

/* ---- trips ---- */

static void echo(void)
{
    mode(LOST_ANSWER);
    CHECK(records_trip_stored(store, STR_LIT("T"), 7, ANALYSIS_STORED,
                              STR_LIT("k"), soon(), &err) == ST_OK);
    CHECK(count(UPDATES) == 2 && count(GETS) == 1);
    mode(LOST_ANSWER);
    CHECK(records_trip_stored(store, STR_LIT("T"), 6, ANALYSIS_STORED,
                              STR_LIT("k"), soon(), &err) == ST_PRECONDITION);
}

static void missing(void)
{
    struct user u;

    mode(NO_TABLE);
    CHECK(records_check(store, soon(), &err) == ST_UNAVAILABLE);
    CHECK(strstr(err.text, "table Trips-Neal: ") &&
          strstr(err.text, "ResourceNotFoundException"));
    mode(PLAIN);
    CHECK(records_check(store, soon(), &err) == ST_OK && count(GETS) == 3);
    CHECK(records_user_by_email(store, STR_LIT("a@b"), soon(), arena, &u,
                                &err) == ST_NOT_FOUND &&
          count(QUERIES) == 1 && count(SCANS) == 0);
    CHECK(strstr(srv.seen->last, "\"IndexName\":\"email-index\""));
    records_close(&store);
    conf.dynamodb_email_index = "";
    CHECK(records_open(&conf, &store, &err) == ST_OK);
    CHECK(records_user_by_email(store, STR_LIT("a@b"), soon(), arena, &u,
                                &err) == ST_NOT_FOUND &&
          count(QUERIES) == 1 && count(SCANS) == 4);
}

/* ---- values ---- */

/* "No such item" and "no batches" are DynamoDB's to say. */
static void strangers(void)
{
    const struct trip t = {.trip_id = STR_LIT("T"),
                           .user_id = STR_LIT("U"),
                           .total_batches = 3,
                           .highest_batch = 3};
    struct trip_batches none;
    struct trip read;
    struct user u;

    mode(NOT_DYNAMODB);
    CHECK(records_trip(store, STR_LIT("T"), soon(), arena, &read, &err) ==
              ST_UNAVAILABLE &&
          strstr(err.text, "hello"));
    CHECK(records_user(store, STR_LIT("U"), soon(), arena, &u, &err) ==
          ST_UNAVAILABLE);
    CHECK(records_batches(store, &t, soon(), arena, &none, &err) ==
          ST_UNAVAILABLE);
    CHECK(records_user_by_email(store, STR_LIT("a@b"), soon(), arena, &u,
                                &err) == ST_UNAVAILABLE);
    CHECK(upload(4) == ST_UNAVAILABLE);
}

static void values(void)
{
    static const char *const bad[] = {
        "{\"B\":\"AAE=\"}", "{}",         "{\"N\":\"x\"}",
        "{\"N\":1}",        "{\"L\":{}}", "[]",
        "{\"S\":1}",        "{\"M\":[]}", "{\"L\":[{\"B\":\"\"}]}"};
    struct json v;
    struct buf b;

    buf_init(&b, 1000);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(json_check(str_of(bad[i]), 9, &v, &err) == ST_OK &&
              ddb_to_json(v, &b, &err) == ST_CORRUPT);
    buf_free(&b);
}

int main(void)
{
    log_open("/dev/null", LOG_DEBUG, "test");
    srv = server_start(answer);
    arena = arena_new(4096);
    server_conf(&srv, arena, &conf);
    conf.records_url = "dynamodb:";
    if (records_open(&conf, &store, &err) != ST_OK)
        abort();
    by_key();
    left_over();
    throttled();
    by_index();
    uploads();
    counting();
    not_json();
    echo();
    missing();
    strangers();
    values();
    records_close(&store);
    arena_free(&arena);
    server_stop(&srv);
    return tap_end();
}
