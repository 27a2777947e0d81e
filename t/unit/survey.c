/*
 * What survey.h makes of DynamoDB's answers: indexes in every state, tables
 * that are not there, items of others. On a small server that says them.
 */
#include "store/survey.h"
#include "base/json.h"
#include "t/unit/server.h"
#include "t/unit/tap.h"

enum { THERE, CREATING, FILLING, DELETING, OTHER, NONE, NO_TABLE }; /* modes */

static struct server srv;
static struct conf conf;
static struct arena *arena;
static struct records *store;
static struct err err;

/* ---- the server ---- */

#define INDEX(name, status, more)                                              \
    "\"GlobalSecondaryIndexes\":[{\"IndexName\":\"" name                       \
    "\",\"IndexStatus\":\"" status "\"" more                                   \
    ",\"KeySchema\":[{\"AttributeName\":\"email\",\"KeyType\":\"HASH\"},"      \
    "{\"AttributeName\":\"x\",\"KeyType\":\"RANGE\"}]}],"

static void describe(int fd, int mode)
{
    static const char *const indexes[] = {
        [THERE] = INDEX("email-index", "ACTIVE", ",\"Backfilling\":false"),
        [CREATING] = INDEX("email-index", "CREATING", ""),
        [FILLING] = INDEX("email-index", "ACTIVE", ",\"Backfilling\":true"),
        [DELETING] = INDEX("email-index", "DELETING", ""),
        [OTHER] = INDEX("by-mail", "ACTIVE", ""),
        [NONE] = ""};
    char body[1000];

    if (mode == NO_TABLE) {
        server_reply(fd, 400, "",
                     "{\"__type\":\"x#ResourceNotFoundException\","
                     "\"message\":\"no\"}");
        return;
    }
    snprintf(body, sizeof body,
             "{\"Table\":{%s\"ItemCount\":41,\"ProvisionedThroughput\":"
             "{\"ReadCapacityUnits\":7}}}",
             indexes[mode]);
    server_reply(fd, 200, "", body);
}

static bool answer(struct server_seen *seen, int fd, const char *request, int n)
{
    (void)n;
    if (strstr(request, "DynamoDB_20120810.DescribeTable")) {
        describe(fd, seen->mode);
        return true;
    }
    server_reply(
        fd, 200, "",
        "{\"Items\":[{\"trip_id\":{\"S\":\"t\"},\"total_batches\":{\"S\":"
        "\"3.0\"},\"status\":{\"S\":\"active\"},\"start_timestamp\":{\"S\":"
        "\"2025-12-20T14:31:35.123456\"},\"end_timestamp\":{\"S\":"
        "\"2025-12-20T14:31:35-05:00\"},\"created_at\":{\"S\":\"2025-12-20\"},"
        "\"last_updated\":{\"S\":\"now\"},\"finalized_at\":{\"NULL\":true}},"
        "{\"trip_id\":{\"S\":\"u\"},\"revision\":{\"N\":\"1\"},\"user_id\":"
        "{\"BOOL\":true},\"start_timestamp\":{\"S\":\"2025-12-20T14:31:35Z\"}}"
        "]}");
    return true;
}

/* ---- the tests ---- */

static struct deadline soon(void)
{
    return deadline_in(4000);
}

static struct survey_state look(int mode)
{
    struct survey_state s;

    srv.seen->mode = mode;
    CHECK(survey_look(store, SURVEY_USERS, soon(), arena, &s, &err) == ST_OK);
    return s;
}

static void indexes(void)
{
    struct survey_state s = look(THERE);

    CHECK(s.there && s.items == 41 && s.read_units == 7);
    CHECK(s.index == INDEX_THERE && strcmp(s.index_name, "email-index") == 0);
    CHECK(look(CREATING).index == INDEX_MAKING);
    CHECK(look(FILLING).index == INDEX_MAKING);
    CHECK(look(DELETING).index == INDEX_MISSING);
    s = look(OTHER);
    CHECK(s.index == INDEX_MISSING && str_is(s.index_like, "by-mail"));
    s = look(NONE);
    CHECK(s.index == INDEX_MISSING && s.index_like.n == 0);
    CHECK(survey_look(store, SURVEY_TRIPS, soon(), arena, &s, &err) == ST_OK &&
          s.index == INDEX_NONE);
    s = look(NO_TABLE);
    CHECK(!s.there && strcmp(s.name, "Users-Neal") == 0);
}

static enum status take(void *ctx, const struct survey_item *i)
{
    int *n = ctx;

    if ((*n)++ == 0) {
        CHECK(str_is(i->key, "t") && i->batches == 3 && !i->ours);
        CHECK(i->time[0] == FORM_BARE && i->time[1] == FORM_ZONED);
        CHECK(i->time[2] == FORM_BARE && i->time[3] == FORM_NO_TIME &&
              i->time[4] == FORM_ABSENT);
        CHECK(i->end_us - i->start_us == INT64_C(5) * 3600 * 1000000 - 123456);
    } else {
        CHECK(str_is(i->key, "u") && i->ours && i->user_id.n == 0);
        CHECK(i->time[0] == FORM_ZONED && i->time[1] == FORM_ABSENT);
    }
    return ST_OK;
}

static void items(void)
{
    struct trip_walk *w = trip_walk_new(1);
    int n = 0;

    CHECK(survey_walk(store, SURVEY_TRIPS, w, soon(), take, &n, &err) == ST_OK);
    CHECK(n == 2 && trip_walk_over(w));
    CHECK(strstr(srv.seen->last, "\"TableName\":\"Trips-Neal\"") &&
          !strstr(srv.seen->last, "ConsistentRead"));
    trip_walk_free(&w);
}

int main(void)
{
    srv = server_start(answer);
    arena = arena_new(4096);
    server_conf(&srv, arena, &conf);
    conf.records_url = "dynamodb:";
    if (records_open(&conf, &store, &err) != ST_OK)
        abort();
    indexes();
    items();
    records_close(&store);
    arena_free(&arena);
    server_stop(&srv);
    return tap_end();
}
