/* What an operator does to a bucket, on a small server that plays AWS's part.
 */
#include "store/s3_admin.h"

#include "base/log.h"
#include "t/unit/server.h"
#include "t/unit/tap.h"

/* The server's modes: how it takes the block of public access. */
enum { GOOD, SPOILED_BY_BLOCK, WITHOUT_BLOCK };
/* What it counts. */
enum { BLOCKED, MADE };

static struct server srv;
static struct conf conf;
static struct arena *arena;
static struct err err;
static struct s3 s3;

/* ---- the server ---- */

static void not_there(int fd, const char *name)
{
    char text[100];

    snprintf(text, sizeof text, "<Error><Code>%s</Code></Error>", name);
    server_reply(fd, 404, "", text);
}

static void block(int fd, struct server_seen *seen, const char *request)
{
    bool put = strncmp(request, "PUT", 3) == 0;

    if (seen->mode == WITHOUT_BLOCK) {
        server_reply(fd, 501, "", "");
    } else if (put || strncmp(request, "DELETE", 6) == 0) {
        seen->count[BLOCKED] = put;
        server_reply(fd, 200, "", "");
    } else if (seen->count[BLOCKED]) {
        server_reply(fd, 200, "",
                     "<PublicAccessBlockConfiguration><BlockPublicAcls>true"
                     "</BlockPublicAcls><IgnorePublicAcls>true"
                     "</IgnorePublicAcls><BlockPublicPolicy>true"
                     "</BlockPublicPolicy><RestrictPublicBuckets>true"
                     "</RestrictPublicBuckets>"
                     "</PublicAccessBlockConfiguration>");
    } else {
        not_there(fd, "NoSuchPublicAccessBlockConfiguration");
    }
}

static bool answer(struct server_seen *seen, int fd, const char *request, int n)
{
    (void)n;
    if (strstr(request, "?publicAccessBlock= "))
        block(fd, seen, request);
    else if (strstr(request, "/probe/") && seen->mode == SPOILED_BY_BLOCK &&
             seen->count[BLOCKED])
        server_reply(fd, 403, "", "");
    else if (strstr(request, "list-type=2") && !seen->count[MADE])
        not_there(fd, "NoSuchBucket");
    else {
        if (strncmp(request, "PUT /bucket-1 ", 14) == 0)
            seen->count[MADE] = 1;
        server_reply(fd, 200, "", "");
    }
    return true;
}

/* ---- settings ---- */

static struct deadline soon(void)
{
    return deadline_in(5000);
}

static const struct s3_setting *setting(const char *name)
{
    for (size_t i = 0; i < s3_settings_count; i++)
        if (strcmp(s3_settings[i].name, name) == 0)
            return &s3_settings[i];
    abort();
}

static int is_set(const char *name)
{
    bool is = false;
    enum status st = setting(name)->is_set(&s3, soon(), arena, &is, &err);

    return st == ST_OK ? is : -(int)st;
}

static enum status set(const char *name)
{
    err_clear(&err);
    return setting(name)->set(&s3, soon(), arena, &err);
}

static void making(void)
{
    CHECK(is_set("bucket") == 0);
    CHECK(set("bucket") == ST_OK && is_set("bucket") == 1);
    CHECK(set("bucket") == ST_OK);
    CHECK(strstr(srv.seen->last, "<LocationConstraint>us-west-1<"));
    CHECK(set("versioning") == ST_OK);
    CHECK(strstr(srv.seen->last, "PUT /bucket-1?versioning= HTTP/1.1\r\n"));
    CHECK(strstr(srv.seen->last,
                 "\r\ncontent-md5: QQFYoy/mRYV9PGZUfFi0Bw==\r\n"));
}

static void blocking(void)
{
    static const char name[] = "public access blocked";

    srv.seen->mode = GOOD;
    CHECK(is_set(name) == 0 && set(name) == ST_OK && is_set(name) == 1);
    srv.seen->count[BLOCKED] = 0;
    srv.seen->mode = SPOILED_BY_BLOCK;
    CHECK(set(name) == ST_NO_METHOD && strstr(err.text, "refuses every PUT"));
    CHECK(srv.seen->count[BLOCKED] == 0 && is_set(name) == 0);
    srv.seen->mode = WITHOUT_BLOCK;
    CHECK(is_set(name) == -(int)ST_NO_METHOD && set(name) == ST_NO_METHOD);
    srv.seen->mode = GOOD;
}

static void open_bucket(const char *bucket)
{
    if (s3_open(&s3, &conf, str_of(bucket), &err) != ST_OK) {
        printf("Bail out! %s\n", err.text);
        exit(EXIT_FAILURE);
    }
}

static void on_small_server(void)
{
    srv = server_start(answer);
    server_conf(&srv, arena, &conf);
    open_bucket("bucket-1");
    making();
    blocking();
    s3_close(&s3);
    server_stop(&srv);
}

int main(void)
{
    log_open("/dev/null", LOG_DEBUG, "test");
    arena = arena_new(65536);
    on_small_server();
    arena_free(&arena);
    return tap_end();
}
