/*
 * BatchWriteItem: split at 25, all said once, what is left unprocessed said
 * again exactly as it came back.
 */
#include "base/json.h"
#include "base/log.h"
#include "store/ddb_batch_write.h"
#include "store/ddb_item.h"
#include "t/unit/server.h"
#include "t/unit/tap.h"

enum { ALL, HALF, NOTHING };  /* modes: what a request gets done */
enum { CALLS, WRITES, MOST }; /* counts */

static struct server srv;
static struct arena *arena;
static struct ddb db;
static struct err err;

static int writes_of(const char *request)
{
    int n = 0;

    while ((request = strstr(request, "Request\":{\""))) {
        request++;
        n++;
    }
    return n;
}

/* Of the deletes k1, k2, ... the second half comes back. */
static void half(int fd, const char *request, int n)
{
    char left[8000] = "", text[9000];
    const char *at = request;

    for (int i = 0; i < n && (at = strstr(at, "\"k")); i++, at += 2)
        if (i >= (n + 1) / 2)
            snprintf(left + strlen(left), sizeof left - strlen(left),
                     "%s{\"DeleteRequest\":{\"Key\":{\"id\":{\"S\":\"k%d\"}}}}",
                     left[0] ? "," : "", atoi(at + 2));
    snprintf(text, sizeof text, "{\"UnprocessedItems\":{%s%s%s}}",
             left[0] ? "\"T\":[" : "", left, left[0] ? "]" : "");
    server_reply(fd, 200, "", text);
}

static bool answer(struct server_seen *seen, int fd, const char *request, int n)
{
    int writes = writes_of(request);

    (void)n;
    if (!strstr(request, "BatchWriteItem"))
        return false;
    seen->count[CALLS]++;
    seen->count[WRITES] += writes;
    if (writes > seen->count[MOST])
        seen->count[MOST] = writes;
    if (seen->mode == ALL)
        server_reply(fd, 200, "", "{\"UnprocessedItems\":{}}");
    else if (seen->mode == HALF)
        half(fd, request, writes);
    else
        server_reply(fd, 200, "",
                     "{\"UnprocessedItems\":{\"T\":[{\"DeleteRequest\":"
                     "{\"Key\":{\"id\":{\"S\":\"k0\"}}}}]}}");
    return true;
}

static enum status delete_some(int mode, int n, int64_t ms)
{
    struct str request[64];

    srv.seen->mode = mode;
    for (int i = 0; i < 8; i++)
        srv.seen->count[i] = 0;
    for (int i = 0; i < n; i++)
        request[i] =
            ddb_delete_request("id", arena_printf(arena, "k%d", i), arena);
    return ddb_batch_write(&db, "T", request, (size_t)n, deadline_in(ms), arena,
                           &err);
}

static void requests(void)
{
    struct json item;

    CHECK(str_is(ddb_delete_request("id", STR_LIT("a\"b"), arena),
                 "{\"DeleteRequest\":{\"Key\":{\"id\":{\"S\":"
                 "\"a\\\"b\"}}}}"));
    CHECK(json_check(STR_LIT("{\"id\":{\"N\":\"1\"}}"), 9, &item, &err) ==
          ST_OK);
    CHECK(str_is(ddb_put_request(item, arena),
                 "{\"PutRequest\":{\"Item\":{\"id\":{\"N\":\"1\"}}}}"));
}

static void splitting(void)
{
    CHECK(delete_some(ALL, 0, 4000) == ST_OK && srv.seen->count[CALLS] == 0);
    CHECK(delete_some(ALL, 60, 4000) == ST_OK);
    CHECK(srv.seen->count[CALLS] == 3 && srv.seen->count[WRITES] == 60);
    CHECK(srv.seen->count[MOST] == 25);
}

static void left_over(void)
{
    CHECK(delete_some(HALF, 8, 4000) == ST_OK);
    CHECK(srv.seen->count[WRITES] == 8 + 4 + 2 + 1);
}

static void throttled(void)
{
    err_clear(&err);
    CHECK(delete_some(NOTHING, 1, 400) != ST_OK);
    CHECK(srv.seen->count[CALLS] > 1 && srv.seen->count[CALLS] < 60);
}

int main(void)
{
    struct conf conf;

    log_open("/dev/null", LOG_DEBUG, "test");
    srv = server_start(answer);
    arena = arena_new(4096);
    server_conf(&srv, arena, &conf);
    if (ddb_open(&db, &conf, &err) != ST_OK)
        abort();
    requests();
    splitting();
    left_over();
    throttled();
    ddb_close(&db);
    arena_free(&arena);
    server_stop(&srv);
    return tap_end();
}
