/*
 * An upload to DynamoDB whose record nobody has looked at: what it asks, and
 * what it takes back, on a small server that says what the test wants. Which
 * uploads go so, t/aws_calls.t tries.
 */
#include "base/log.h"
#include "store/records.h"
#include "t/unit/server.h"
#include "t/unit/tap.h"

/* The server's modes. */
enum {
    SHOW,        /* UpdateItem is refused, and so the last request */
    TAKEN,       /* the batch is there, and another user's */
    TAKEN_NEW,   /* and the trip was not there */
    TAKEN_MOVED, /* and another upload came since */
    TAKEN_AWAY   /* and the records may not be written then */
};

/* What it counts. */
enum { GETS, UPDATES, PUTS };

static struct server srv;
static struct conf conf;
static struct arena *arena;
static struct err err;
static struct records *store;

/* ---- the server ---- */

static void fault(int fd, const char *name)
{
    char body[200];

    snprintf(body, sizeof body,
             "{\"__type\":\"com.amazonaws.dynamodb.v20120810#%s\","
             "\"message\":\"by the test\"}",
             name);
    server_reply(fd, 400, "", body);
}

#define TRIP                                                                   \
    "\"user_id\":{\"S\":\"U\"},\"total_batches\":{\"N\":\"3\"},"               \
    "\"highest_batch\":{\"N\":\"3\"},\"last_updated\":{\"S\":\"then\"},"       \
    "\"end_timestamp\":{\"S\":\"its end\"}"

static void do_get(int fd, struct server_seen *seen, const char *request)
{
    seen->count[GETS]++;
    server_reply(fd, 200, "",
                 strstr(request, "\"Trips-Neal\"")
                     ? "{\"Item\":{" TRIP ",\"status\":{\"S\":\"active\"}}}"
                     : "{\"Item\":{\"user_id\":{\"S\":\"V\"}}}");
}

static void do_update(int fd, struct server_seen *seen)
{
    bool second = ++seen->count[UPDATES] == 2;

    if (seen->mode == SHOW || (second && seen->mode == TAKEN_AWAY))
        fault(fd, "AccessDeniedException");
    else if (second && seen->mode == TAKEN_MOVED)
        fault(fd, "ConditionalCheckFailedException");
    else
        server_reply(fd, 200, "",
                     seen->mode == TAKEN_NEW ? "{}"
                                             : "{\"Attributes\":{" TRIP "}}");
}

static bool answer(struct server_seen *seen, int fd, const char *request, int n)
{
    const char *target = strstr(request, "DynamoDB_20120810.");

    (void)n;
    if (!target)
        return false;
    target += 18;
    if (strncmp(target, "UpdateItem", 10) == 0) {
        do_update(fd, seen);
    } else if (strncmp(target, "GetItem", 7) == 0) {
        do_get(fd, seen, request);
    } else {
        seen->count[PUTS]++;
        fault(fd, "ConditionalCheckFailedException");
    }
    return true;
}

/* ---- helpers ---- */

static void mode(int m)
{
    srv.seen->mode = m;
    for (int i = 0; i < 3; i++)
        srv.seen->count[i] = 0;
    err_clear(&err);
}

static int count(int what)
{
    return srv.seen->count[what];
}

#define NOW INT64_C(1766241265000000)

static enum status upload(int64_t first_us, int64_t last_us)
{
    const struct batch b = {.batch_id = STR_LIT("T_batch_4"),
                            .trip_id = STR_LIT("T"),
                            .user_id = STR_LIT("U"),
                            .number = 4,
                            .batch_size = -1,
                            .first_us = first_us,
                            .last_us = last_us,
                            .uploaded_us = NOW,
                            .deltas = STR_LIT("[]"),
                            .statistics = STR_LIT("{}"),
                            .issues = STR_LIT("[]")};
    struct batch_stored out;

    return records_batch_store(store, &b, NOW, deadline_in(4000), &out, &err);
}

static bool asked(const char *text)
{
    return strstr(srv.seen->last, text) != NULL;
}

/* ---- the tests ---- */

static void unseen(void)
{
    static const char *const parts[] = {
        "\"ConditionExpression\":\"(attribute_not_exists(#trip_id) OR "
        "#user_id = :user_id AND #status = :status AND "
        "attribute_type(#batch_numbers, :set) AND ",
        "NOT contains(#batch_numbers, :number) AND "
        "size(#batch_numbers) >= #total_batches AND "
        "#highest_batch < :highest_batch AND ",
        "contains(#start_timestamp, :utc) AND ",
        "#start_timestamp <= :start_timestamp AND ",
        "#end_timestamp <= :end_timestamp)\"",
        "#start_timestamp = if_not_exists(#start_timestamp, :start_timestamp)",
        ("#total_batches = if_not_exists(#total_batches, :total_batches_0) + "
         ":total_batches_1"),
        "\"ReturnValues\":\"UPDATED_OLD\"",
    };

    mode(SHOW);
    CHECK(upload(NOW, NOW + 1500000) == ST_DENIED && count(GETS) == 0 &&
          count(PUTS) == 0);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        CHECK(asked(parts[i]));
    /* A time that the batch does not have is no reason to refuse. */
    mode(SHOW);
    CHECK(upload(TIME_NONE, TIME_NONE) == ST_DENIED && !asked("_timestamp"));
}

static void taken_back(void)
{
    mode(TAKEN);
    CHECK(upload(TIME_NONE, NOW) == ST_NOT_OWNER && count(UPDATES) == 2 &&
          count(PUTS) == 1 && count(GETS) == 2);
    CHECK(asked("DELETE #batch_numbers :batch_numbers") &&
          asked("\":total_batches\":{\"N\":\"3\"}") &&
          asked("\":highest_batch\":{\"N\":\"3\"}") &&
          asked("\":end_timestamp\":{\"S\":\"its end\"}") &&
          asked("\":last_updated\":{\"S\":\"then\"}"));
    CHECK(asked("#last_updated = :now AND ") &&
          asked("\":now\":{\"S\":\"2025-12-20T14:34:25+00:00\"}"));
    mode(TAKEN_NEW);
    CHECK(upload(TIME_NONE, NOW) == ST_NOT_OWNER && count(UPDATES) == 2);
    CHECK(asked("\":total_batches\":{\"N\":\"0\"}") &&
          asked("\":highest_batch\":{\"N\":\"0\"}"));
    /* What another upload has computed from stays. */
    mode(TAKEN_MOVED);
    CHECK(upload(TIME_NONE, NOW) == ST_NOT_OWNER && count(UPDATES) == 2);
    mode(TAKEN_AWAY);
    CHECK(upload(TIME_NONE, NOW) == ST_DENIED && count(UPDATES) == 2);
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
    unseen();
    taken_back();
    records_close(&store);
    arena_free(&arena);
    server_stop(&srv);
    return tap_end();
}
