/*
 * What an operator does to a bucket:
 *
 *   t/unit/s3_admin            on a small server that plays AWS's part
 *   t/unit/s3_admin URL        versions in a real bucket that keeps them, with
 *                              S3_ENDPOINT and AWS_REGION of the environment
 */
#include "store/s3_admin.h"

#include "base/log.h"
#include "base/random.h"
#include "t/unit/real.h"
#include "t/unit/server.h"
#include "t/unit/tap.h"

/* What the server counts. */
enum { MADE, DELETES };

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

#define VERSION(kind, key, id)                                                 \
    "<" kind "><Key>" key "</Key><VersionId>" id "</VersionId></" kind ">"

static void versions(int fd, const char *request)
{
    if (strstr(request, "key-marker=a%2Fb&") &&
        strstr(request, "&version-id-marker=v%262"))
        server_reply(
            fd, 200, "",
            "<ListVersionsResult><IsTruncated>false</IsTruncated>" VERSION(
                "Version", "c", "null") "</ListVersionsResult>");
    else if (strstr(request, "marker"))
        server_reply(fd, 400, "", "");
    else
        server_reply(
            fd, 200, "",
            "<ListVersionsResult><IsTruncated>true</IsTruncated>"
            "<NextKeyMarker>a/b</NextKeyMarker><NextVersionIdMarker>"
            "v&amp;2</NextVersionIdMarker>" VERSION("Version", "a&amp;", "v1")
                VERSION("DeleteMarker", "a&amp;",
                        "v&amp;2") "</ListVersionsResult>");
}

static bool answer(struct server_seen *seen, int fd, const char *request, int n)
{
    (void)n;
    if (strstr(request, "versions= "))
        versions(fd, request);
    else if (strncmp(request, "POST", 4) == 0)
        server_reply(fd, 200, "",
                     seen->count[DELETES]++
                         ? "<DeleteResult><Error><Key>k</Key><Code>Locked"
                           "</Code></Error></DeleteResult>"
                         : "<DeleteResult/>");
    else if (strstr(request, "list-type=2") && !seen->count[MADE])
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

/* ---- versions ---- */

#define MOST 20
struct seen_versions {
    size_t n, markers;
    struct s3_version v[MOST];
};

static enum status note(void *ctx, const struct s3_version *v)
{
    struct seen_versions *s = ctx;

    s->markers += v->marker;
    if (s->n < MOST) {
        s->v[s->n] = *v;
        s->v[s->n].key = arena_copy(arena, v->key);
        s->v[s->n++].id = arena_copy(arena, v->id);
    }
    return ST_OK;
}

static struct seen_versions all(struct str prefix)
{
    struct seen_versions s = {0};

    CHECK(s3_versions(&s3, prefix, soon(), note, &s, &err) == ST_OK);
    return s;
}

static void paging(void)
{
    struct seen_versions s = all(STR_LIT("a"));

    CHECK(s.n == 3 && s.markers == 1 && str_is(s.v[0].key, "a&") &&
          s.v[1].marker && str_is(s.v[1].id, "v&2") && str_is(s.v[2].key, "c"));
    CHECK(s3_delete_versions(&s3, s.v, 3, soon(), &err) == ST_OK);
    CHECK(strstr(srv.seen->last, "<Object><Key>a&amp;</Key><VersionId>v&amp;2"
                                 "</VersionId></Object>") &&
          strstr(srv.seen->last, "POST /bucket-1?delete= HTTP"));
    CHECK(s3_delete_versions(&s3, s.v, 3, soon(), &err) == ST_DENIED &&
          strstr(err.text, "k: Locked"));
}

/* In a real bucket: two versions and a marker, then nothing. */
static void real_versions(void)
{
    char hex[RANDOM_HEX + 1];
    struct s3_ask ask = {.method = "PUT", .body = STR_LIT("1")};
    struct aws_reply reply;
    struct seen_versions s;

    random_hex(hex);
    ask.key = arena_printf(arena, "users/%s/a+b c", hex);
    CHECK(s3_call(&s3, &ask, soon(), arena, &reply, &err) == ST_OK);
    CHECK(s3_call(&s3, &ask, soon(), arena, &reply, &err) == ST_OK);
    ask.method = "DELETE";
    ask.body = STR_NONE;
    CHECK(s3_call(&s3, &ask, soon(), arena, &reply, &err) == ST_OK);
    s = all(ask.key);
    CHECK(s.n == 3 && s.markers == 1 && str_eq(s.v[2].key, ask.key));
    CHECK(s3_delete_versions(&s3, s.v, s.n, soon(), &err) == ST_OK);
    CHECK(all(ask.key).n == 0);
    CHECK(s3_delete_versions(&s3, s.v, s.n, soon(), &err) == ST_OK);
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
    paging();
    s3_close(&s3);
    server_stop(&srv);
}

static void on_real_server(const char *url)
{
    real_conf(arena, &conf);
    open_bucket(url + strlen("s3://"));
    real_versions();
    s3_close(&s3);
}

int main(int argc, char **argv)
{
    log_open("/dev/null", LOG_DEBUG, "test");
    arena = arena_new(65536);
    if (argc > 1)
        on_real_server(argv[1]);
    else
        on_small_server();
    arena_free(&arena);
    return tap_end();
}
