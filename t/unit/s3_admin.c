/* What an operator does to a bucket, on a small server that plays AWS's part.
 */
#include "store/s3_admin.h"

#include "base/log.h"
#include "t/unit/server.h"
#include "t/unit/tap.h"

/* What the server counts. */
enum { MADE };

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

static bool answer(struct server_seen *seen, int fd, const char *request, int n)
{
    (void)n;
    if (strstr(request, "list-type=2") && !seen->count[MADE])
        not_there(fd, "NoSuchBucket");
    else {
        if (strncmp(request, "PUT /bucket-1 ", 14) == 0)
            seen->count[MADE] = 1;
        server_reply(fd, 200, "", "");
    }
    return true;
}

/* ---- the bucket ---- */

static struct deadline soon(void)
{
    return deadline_in(5000);
}

static int is_there(void)
{
    bool is = false;
    enum status st = s3_bucket_there(&s3, soon(), arena, &is, &err);

    return st == ST_OK ? is : -(int)st;
}

static void making(void)
{
    CHECK(is_there() == 0);
    CHECK(s3_bucket_make(&s3, soon(), arena, &err) == ST_OK && is_there() == 1);
    CHECK(s3_bucket_make(&s3, soon(), arena, &err) == ST_OK);
    CHECK(strstr(srv.seen->last, "<LocationConstraint>us-west-1<"));
}

int main(void)
{
    log_open("/dev/null", LOG_DEBUG, "test");
    arena = arena_new(65536);
    srv = server_start(answer);
    server_conf(&srv, arena, &conf);
    CHECK(s3_open(&s3, &conf, STR_LIT("bucket-1"), &err) == ST_OK);
    making();
    s3_close(&s3);
    server_stop(&srv);
    arena_free(&arena);
    return tap_end();
}
