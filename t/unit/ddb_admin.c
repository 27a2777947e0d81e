/* What an operator does to tables that are there, on a small server that plays
 * DynamoDB's part: dynalite makes no index of a table that is there. */
#include "store/ddb_admin.h"

#include "base/log.h"
#include "t/unit/server.h"
#include "t/unit/tap.h"

/* The server's modes: what DescribeTable says. */
enum {
    NO_INDEX,
    CREATING,
    FILLING,
    ACTIVE,
    UPDATING, /* the table; its index is ready */
    DELETING,
    OTHER_KEY,
    PROVISIONED /* and no index */
};

/* What it counts. */
enum { DESCRIBED };

static struct server srv;
static struct conf conf;
static struct arena *arena;
static struct err err;
static struct ddb db;
static struct ddb_table table[DDB_TABLES];

static const char *indexes(int mode, const char *key)
{
    const char *status = mode == CREATING || mode == FILLING ? "CREATING"
                         : mode == DELETING                  ? "DELETING"
                                                             : "ACTIVE";
    static char text[600];

    if (mode == NO_INDEX || mode == PROVISIONED)
        return "";
    snprintf(text, sizeof text,
             ",\"GlobalSecondaryIndexes\":[{\"IndexName\":\"another\","
             "\"IndexStatus\":\"ACTIVE\",\"KeySchema\":[]},{\"IndexName\":"
             "\"email-index\",\"IndexStatus\":\"%s\",\"Backfilling\":%s,"
             "\"KeySchema\":[{\"AttributeName\":\"%s\",\"KeyType\":\"HASH\"}"
             "]}]",
             status, mode == FILLING ? "true" : "false",
             mode == OTHER_KEY ? "role" : key);
    return text;
}

static bool answer(struct server_seen *seen, int fd, const char *request, int n)
{
    char text[1000];

    (void)n;
    if (strstr(request, "DescribeTable")) {
        seen->count[DESCRIBED]++;
        snprintf(text, sizeof text,
                 "{\"Table\":{\"TableStatus\":\"%s\","
                 "\"ProvisionedThroughput\":{\"ReadCapacityUnits\":%d,"
                 "\"WriteCapacityUnits\":%d}%s}}",
                 seen->mode == UPDATING ? "UPDATING" : "ACTIVE",
                 seen->mode == PROVISIONED ? 7 : 0,
                 seen->mode == PROVISIONED ? 3 : 0,
                 indexes(seen->mode, "email"));
        server_reply(fd, 200, "", text);
    } else if (strstr(request, "CreateTable")) {
        server_reply(fd, 400, "",
                     "{\"__type\":\"x#ResourceInUseException\",\"message\":"
                     "\"Table already exists\"}");
    } else {
        server_reply(fd, 200, "", "{\"TableDescription\":{}}");
    }
    return true;
}

static struct deadline soon(void)
{
    return deadline_in(5000);
}

static struct ddb_index look(int mode)
{
    struct ddb_index out;

    srv.seen->mode = mode;
    err_clear(&err);
    CHECK(ddb_index_look(&db, &table[0], soon(), &out, &err) == ST_OK);
    return out;
}

static void states(void)
{
    struct ddb_index out;

    CHECK(look(NO_INDEX).state == INDEX_MISSING);
    CHECK(look(CREATING).state == INDEX_MAKING && !look(CREATING).filling);
    CHECK(look(FILLING).state == INDEX_MAKING && look(FILLING).filling);
    CHECK(look(ACTIVE).state == INDEX_READY);
    CHECK(look(UPDATING).state == INDEX_READY);
    out = look(PROVISIONED);
    CHECK(out.state == INDEX_MISSING && out.reads == 7 && out.writes == 3);
    for (int mode = DELETING; mode <= OTHER_KEY; mode++) {
        srv.seen->mode = mode;
        CHECK(ddb_index_look(&db, &table[0], soon(), &out, &err) ==
              ST_PRECONDITION);
        CHECK(strstr(err.text, mode == DELETING ? "being removed"
                                                : "other keys than email"));
    }
    srv.seen->mode = ACTIVE;
    srv.seen->count[DESCRIBED] = 0;
    CHECK(ddb_index_look(&db, &table[1], soon(), &out, &err) == ST_OK &&
          out.state == INDEX_UNWANTED && srv.seen->count[DESCRIBED] == 0);
    CHECK(ddb_index_look(&db, &table[2], soon(), &out, &err) == ST_OK &&
          out.state == INDEX_MISSING);
    /* One key more is another index. */
    table[0].index_range = "role";
    CHECK(ddb_index_look(&db, &table[0], soon(), &out, &err) ==
          ST_PRECONDITION);
    table[0].index_range = NULL;
}

static bool asked(const char *text)
{
    return strstr(srv.seen->last, text) != NULL;
}

static void adding(void)
{
    struct ddb_index seen = look(NO_INDEX);

    CHECK(ddb_index_add(&db, &table[0], &seen, soon(), &err) == ST_OK);
    CHECK(asked("DynamoDB_20120810.UpdateTable") &&
          asked("{\"TableName\":\"Users-Neal\",\"AttributeDefinitions\":"
                "[{\"AttributeName\":\"email\",\"AttributeType\":\"S\"}],"
                "\"GlobalSecondaryIndexUpdates\":[{\"Create\":{\"IndexName\":"
                "\"email-index\",\"KeySchema\":[{\"AttributeName\":\"email\","
                "\"KeyType\":\"HASH\"}],\"Projection\":{\"ProjectionType\":"
                "\"KEYS_ONLY\"}}}]}"));
    CHECK(ddb_index_add(&db, &table[2], &seen, soon(), &err) == ST_OK);
    CHECK(asked("\"upload_timestamp\",\"KeyType\":\"RANGE\"}],\"Projection\":"
                "{\"ProjectionType\":\"INCLUDE\",\"NonKeyAttributes\":["
                "\"trip_id\"]}"));
    CHECK(!asked("ProvisionedThroughput"));
    seen = look(PROVISIONED);
    CHECK(ddb_index_add(&db, &table[0], &seen, soon(), &err) == ST_OK &&
          asked("\"ProvisionedThroughput\":{\"ReadCapacityUnits\":7,"
                "\"WriteCapacityUnits\":3}}}]}"));
}

/* Is there, also while an index is being made. */
static void there(void)
{
    bool made = true;

    srv.seen->mode = UPDATING;
    CHECK(ddb_table_make(&db, &table[0], soon(), &made, &err) == ST_OK &&
          !made);
}

int main(void)
{
    log_open("/dev/null", LOG_DEBUG, "test");
    srv = server_start(answer);
    arena = arena_new(4096);
    server_conf(&srv, arena, &conf);
    if (ddb_open(&db, &conf, &err) != ST_OK)
        abort();
    ddb_tables(&conf, table);
    states();
    adding();
    there();
    ddb_close(&db);
    arena_free(&arena);
    server_stop(&srv);
    return tap_end();
}
