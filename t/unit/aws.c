/* The request layer, against a server that misbehaves on demand. */
#include "store/aws.h"

#include "base/isotime.h"
#include "base/log.h"
#include "base/stats.h"
#include "store/http.h"
#include "t/unit/server.h"
#include "t/unit/tap.h"

static struct server srv;
static struct arena *arena;
static struct err err;
static struct aws_reply reply;

/* The server's modes: how many requests it fails, and how. */
static atomic_int *fails_left(struct server_seen *seen)
{
    return &seen->mode;
}

static const char *fault_xml(const char *code)
{
    static _Thread_local char text[200];

    snprintf(text, sizeof text,
             "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>said so"
             "</Message></Error>",
             code);
    return text;
}

static bool refuse(int fd, const char *request)
{
    if (strstr(request, "/503 "))
        server_reply(fd, 503, "", fault_xml("SlowDown"));
    else if (strstr(request, "/429 "))
        server_reply(fd, 429, "", "");
    else if (strstr(request, "/throttle "))
        server_reply(fd, 400, "",
                     "{\"__type\":\"com.amazonaws.dynamodb.v20120810#"
                     "ProvisionedThroughputExceededException\","
                     "\"message\":\"slow\"}");
    else if (strstr(request, "/cut "))
        server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    else if (strstr(request, "/gateway "))
        server_reply(fd, 200, "", "<html>Sign in</html>");
    else if (strstr(request, "/late "))
        sleep(1);
    else if (strstr(request, "/expired "))
        server_reply(fd, 400, "", fault_xml("ExpiredToken"));
    return strstr(request, "/cut ") == NULL;
}

static bool skewed(int fd, const char *request)
{
    char head[100], when[SIGV4_DATE_MAX + 1];
    time_t t = time(NULL) + 7200;
    struct tm tm;
    const char *date = strcasestr(request, "\r\nx-amz-date: ");

    gmtime_r(&t, &tm);
    strftime(head, sizeof head, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
    sigv4_date((int64_t)t * 1000000, when);
    if (date && strncmp(date + 14, when, 11) == 0) /* to the hour */
        server_reply(fd, 200, head, "in time");
    else
        server_reply(fd, 403, head, fault_xml("RequestTimeTooSkewed"));
    return true;
}

/* More than is kept of an error. */
static void say_page(int fd, const char *status)
{
    char page[100001];

    memset(page, 'p', sizeof page - 1);
    page[sizeof page - 1] = '\0';
    server_say(fd, status);
    server_say(fd, "Content-Length: 100000\r\n\r\n");
    server_say(fd, page);
}

static bool answer(struct server_seen *seen, int fd, const char *request, int n)
{
    (void)n;
    if (strstr(request, "/container"))
        server_reply(fd, 200, "",
                     "{\"AccessKeyId\":\"C\",\"SecretAccessKey\":\"s\","
                     "\"Token\":\"T\"}");
    else if (strstr(request, "/skewed"))
        return skewed(fd, request);
    else if (strstr(request, "/404"))
        server_reply(fd, 404, "", fault_xml("NoSuchKey"));
    else if (strstr(request, "/nobucket"))
        server_reply(fd, 404, "", fault_xml("NoSuchBucket"));
    else if (strstr(request, "/403"))
        server_reply(fd, 403, "", fault_xml("AccessDenied"));
    else if (strstr(request, "/409"))
        server_reply(fd, 409, "", fault_xml("ConditionalRequestConflict"));
    else if (strstr(request, "/condition"))
        server_reply(fd, 400, "",
                     "{\"__type\":\"x#ConditionalCheckFailedException\"}");
    else if (strstr(request, "/moved"))
        server_reply(fd, 301, "x-amz-bucket-region: eu-west-3\r\n", "");
    else if (strstr(request, "/missing"))
        server_reply(fd, 404, "", "<html>No such page</html>");
    else if (strstr(request, "/page"))
        say_page(fd, "HTTP/1.1 413 X\r\n");
    else if (strstr(request, "/redirect"))
        server_reply(fd, 302, "Location: http://127.0.0.1:1/\r\n", "");
    else if (strstr(request, "/long"))
        say_page(fd, "HTTP/1.1 200 OK\r\n");
    else if (strstr(request, "/teapot"))
        server_reply(fd, 418, "", "not XML <");
    else if (atomic_fetch_sub(fails_left(seen), 1) > 0)
        return refuse(fd, request);
    else
        server_reply(fd, 200, "ETag: \"e\"\r\n", "fine");
    return true;
}

/* ---- helpers ---- */

static struct aws *open_service(const char *service, int connections)
{
    struct aws *w = NULL;

    if (aws_open(&(struct aws_options){service, "us-west-1", srv.url, "", "",
                                       connections, NULL, NULL},
                 &w, &err) != ST_OK)
        printf("Bail out! %s\n", err.text);
    return w;
}

static bool not_html(int code, struct str head, struct str body)
{
    (void)code;
    (void)head;
    return !str_starts(body, STR_LIT("<html>"));
}

static enum status ask_in(struct aws *w, const char *path, int fails,
                          int64_t ms)
{
    struct aws_request r = {.method = "GET",
                            .path = str_of(path),
                            .max_body = 100,
                            .own = not_html};
    enum status st;

    *fails_left(srv.seen) = fails;
    srv.seen->requests = 0;
    err = ERR_NONE;
    st = aws_call(w, &r, deadline_in(ms), arena, &reply, &err);
    if (st != ST_OK)
        tap_note("%s: %s (%d requests)", err.code, err.text,
                 srv.seen->requests);
    return st;
}

static enum status ask(struct aws *w, const char *path, int fails)
{
    return ask_in(w, path, fails, 4000);
}

static int requests(void)
{
    return srv.seen->requests;
}

/* ---- verdicts ---- */

static void final_answers(struct aws *w)
{
    CHECK(ask(w, "/fine", 0) == ST_OK && reply.code == 200 && !reply.unsure);
    CHECK(str_is(reply.body, "fine") &&
          str_is(http_header(reply.head, "etag"), "\"e\""));
    CHECK(ask(w, "/404", 0) == ST_NOT_FOUND && requests() == 1);
    CHECK(strcmp(reply.fault, "NoSuchKey") == 0);
    CHECK(ask(w, "/nobucket", 0) == ST_UNAVAILABLE && requests() == 1);
    CHECK(ask(w, "/403", 0) == ST_DENIED && requests() == 1);
    CHECK(strstr(err.text, "/403: 403 AccessDenied: said so"));
    CHECK(ask(w, "/409", 0) == ST_BUSY && requests() == 1);
    CHECK(ask(w, "/condition", 0) == ST_PRECONDITION && requests() == 1);
    CHECK(ask(w, "/moved", 0) == ST_UNAVAILABLE && requests() == 1 &&
          strstr(err.text, "eu-west-3"));
    /* Nobody's words: never "not found", "too large", or our own mistake. */
    CHECK(ask(w, "/teapot", 0) == ST_UNAVAILABLE && requests() == 1);
    CHECK(ask(w, "/missing", 0) == ST_UNAVAILABLE && requests() == 1);
    CHECK(ask(w, "/page", 0) == ST_UNAVAILABLE && reply.code == 413);
    CHECK(reply.refused && reply.body.n == 64 * 1024);
    CHECK(ask(w, "/redirect", 0) == ST_UNAVAILABLE && !reply.refused);
    CHECK(ask(w, "/long", 0) == ST_UNAVAILABLE && requests() == 1 &&
          strcmp(err.code, "reply_too_large") == 0);
}

static void tries_again(struct aws *w)
{
    static const char *const paths[] = {"/503", "/429", "/throttle", "/cut",
                                        "/gateway"};

    for (int i = 0; i < 5; i++) {
        CHECK(ask(w, paths[i], 2) == ST_OK && requests() == 3);
        CHECK(reply.unsure && str_is(reply.body, "fine"));
    }
    CHECK(ask_in(w, "/late", 1, 2200) == ST_OK && requests() == 2);
    CHECK(ask(w, "/503", 100) == ST_UNAVAILABLE && requests() == 6);
    CHECK(strcmp(reply.fault, "SlowDown") == 0 && reply.code == 503);
    CHECK(ask(w, "/cut", 100) == ST_UNAVAILABLE && requests() == 6 &&
          strcmp(err.code, "cut_short") == 0);
}

static void deadlines(struct aws *w)
{
    int64_t began = clock_mono_ms();
    enum status st;

    CHECK(ask_in(w, "/late", 100, 300) == ST_TIMEOUT);
    CHECK(clock_mono_ms() - began < 1000);
    CHECK(ask_in(w, "/fine", 0, 0) == ST_TIMEOUT && requests() == 0);
    began = clock_mono_ms();
    st = ask_in(w, "/503", 100, 150);
    CHECK(st == ST_UNAVAILABLE || st == ST_TIMEOUT); /* it may end in a try */
    CHECK(clock_mono_ms() - began < 1000);
}

static void unreachable(void)
{
    struct aws *w = NULL;

    CHECK(aws_open(&(struct aws_options){"s3", "r", "http://127.0.0.1:1", "",
                                         "", 2, NULL, NULL},
                   &w, &err) == ST_OK);
    srv.seen->requests = 0;
    CHECK(ask_in(w, "/x", 0, 4000) == ST_UNAVAILABLE && !reply.unsure);
    CHECK(strcmp(err.code, "unreachable") == 0);
    aws_close(&w);
    CHECK(w == NULL);
}

static void endpoints(void)
{
    static const char *const bad[] = {
        "",           "127.0.0.1:80", "ftp://x",    "http://", "https://x/y",
        "http://u@x", "https://x?y",  "https://x y"};
    struct aws *w;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(aws_open(&(struct aws_options){"s3", "r", bad[i], "", "", 2, NULL,
                                             NULL},
                       &w, &err) == ST_BAD_REQUEST &&
              !w);
}

/* ---- key and clock ---- */

static void expired(void)
{
    struct aws *w;
    char url[64];

    snprintf(url, sizeof url, "%s/container", srv.url);
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    w = open_service("s3", 1);
    CHECK(ask(w, "/fine", 0) == ST_OK && requests() == 2);
    CHECK(strcasestr(srv.seen->last, "\r\nx-amz-security-token: T\r\n") &&
          strstr(srv.seen->last, "x-amz-security-token, Signature="));
    clock_sleep_ms(1050);
    CHECK(ask(w, "/expired", 1) == ST_OK && requests() == 3);
    tap_note("refused, fetched new ones, tried again");
    CHECK(ask(w, "/expired", 9) == ST_DENIED && requests() == 2);
    aws_close(&w);
    unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    w = open_service("s3", 1);
    CHECK(ask(w, "/fine", 0) == ST_DENIED && requests() == 0);
    CHECK(strcmp(err.code, "no_credentials") == 0);
    aws_close(&w);
    server_credentials();
}

static void clock_corrected(void)
{
    struct aws *w = open_service("dynamodb", 1);

    CHECK(ask(w, "/skewed", 0) == ST_OK && requests() == 2);
    CHECK(ask(w, "/skewed", 0) == ST_OK && requests() == 1);
    CHECK(!strstr(srv.seen->last, "x-amz-content-sha256"));
    aws_close(&w);
}

/* ---- many at once ---- */

struct many {
    int given, wanted, ok, absent, failed, stop_at;
};

static bool many_next(void *ctx, struct arena *a, struct aws_request *out)
{
    struct many *m = ctx;

    if (m->given == m->wanted)
        return false;
    out->method = "GET";
    out->path = arena_copy(a, str_of(m->given % 10 == 3 ? "/404" : "/503"));
    out->max_body = 100;
    m->given++;
    return true;
}

static enum status many_done(void *ctx, const struct aws_request *r,
                             enum status st, const struct aws_reply *got,
                             const struct err *why)
{
    struct many *m = ctx;

    (void)r;
    m->ok += st == ST_OK && str_is(got->body, "fine") && why->st == ST_OK;
    m->absent += st == ST_NOT_FOUND && why->st == ST_NOT_FOUND;
    m->failed += st == ST_UNAVAILABLE && why->st == ST_UNAVAILABLE;
    return m->ok == m->stop_at ? ST_GONE_CLIENT : ST_OK;
}

static void many(void)
{
    struct aws *w = open_service("s3", 8);
    struct many m = {.wanted = 200, .stop_at = -1};

    *fails_left(srv.seen) = 20;
    srv.seen->connections = 0;
    CHECK(aws_run(w, many_next, many_done, &m, deadline_in(5000)) == ST_OK);
    CHECK(m.ok == 180 && m.absent == 20);
    CHECK(srv.seen->connections <= 8);
    m = (struct many){.wanted = 200, .stop_at = 5};
    CHECK(aws_run(w, many_next, many_done, &m, deadline_in(5000)) ==
          ST_GONE_CLIENT);
    CHECK(m.ok == 5 && m.given <= 5 + 8 + 5);
    m = (struct many){.wanted = 0};
    CHECK(aws_run(w, many_next, many_done, &m, deadline_in(5000)) == ST_OK);
    CHECK(ask(w, "/fine", 0) == ST_OK);
    aws_close(&w);
}

/* An outage: so many retries, and no more, however many calls there are. */
static void budget(void)
{
    struct aws *w = open_service("s3", 40);
    struct many m = {.wanted = 400, .stop_at = -1};

    *fails_left(srv.seen) = 100000;
    srv.seen->requests = 0;
    CHECK(aws_run(w, many_next, many_done, &m, deadline_in(5000)) == ST_OK);
    CHECK(m.failed == 360 && m.absent == 40);
    tap_note("%d requests for 400 calls in an outage", requests());
    CHECK(requests() > 450 && requests() <= 400 + 500 / 5);
    aws_close(&w);
}

int main(void)
{
    struct aws *w;

    log_open("/dev/null", LOG_DEBUG, "test");
    server_credentials();
    srv = server_start(answer);
    arena = arena_new(4096);
    w = open_service("s3", 2);
    final_answers(w);
    tries_again(w);
    deadlines(w);
    aws_close(&w);
    unreachable();
    endpoints();
    expired();
    clock_corrected();
    budget();
    many(); /* last: what it cancels still changes the server's count */
    arena_free(&arena);
    server_stop(&srv);
    return tap_end();
}
