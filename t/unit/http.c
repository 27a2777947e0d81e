#include "store/http.h"
#include "t/unit/server.h"
#include "t/unit/tap.h"

static struct server srv;

static bool answer(struct server_seen *seen, int fd, const char *request, int n)
{
    char big[20001];

    (void)seen;
    (void)n;
    memset(big, 'x', 20000);
    big[20000] = '\0';
    if (strstr(request, "/slow")) {
        server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
        sleep(3);
        return false;
    }
    if (strstr(request, "/pause"))
        usleep(20000);
    if (strstr(request, "/cut")) {
        server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
        return false;
    }
    if (strstr(request, "/hangup"))
        return false;
    if (strstr(request, "/chunkcut")) {
        server_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3\r\nabc\r\n");
        return false;
    }
    if (strstr(request, "/moved"))
        server_reply(fd, 302, "Location: /other\r\n", "gone");
    else if (strstr(request, "/missing"))
        server_reply(fd, 404, "", "<Error/>");
    else if (strstr(request, "/big"))
        server_reply(fd, 200, "", big);
    else if (strncmp(request, "HEAD", 4) == 0)
        server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n");
    else
        server_reply(fd, 200,
                     "ETag: \"abc\"\r\ncontent-encoding: gzip\r\n"
                     "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                     "x-amz-meta-trip-id:   t 1 \r\nETagged: no\r\n",
                     "not gzip");
    return true;
}

static void ask(struct http_call *c, const char *method, const char *path)
{
    static char url[512];

    snprintf(url, sizeof url, "%s%s", srv.url, path);
    c->method = method;
    c->url = url;
    c->max_body = 10000;
    c->timeout_ms = 2000;
}

static enum status get(struct http *h, struct http_call *c, const char *path)
{
    ask(c, "GET", path);
    return http_do(h, c);
}

static void plain(struct http *h, struct http_call *c)
{
    int64_t us = 0;

    CHECK(get(h, c, "/a/../b//c%2Bd?x=%7e&y=a+b") == ST_OK && c->code == 200);
    CHECK(str_starts(str_of(srv.seen->last),
                     STR_LIT("GET /a/../b//c%2Bd?x=%7e&y=a+b HTTP/1.1\r\n")));
    CHECK(!strcasestr(srv.seen->last, "accept"));
    CHECK(str_is(buf_str(&c->body_in), "not gzip"));
    CHECK(str_is(http_header(buf_str(&c->head), "ETag"), "\"abc\""));
    CHECK(str_is(http_header(buf_str(&c->head), "X-Amz-Meta-Trip-Id"), "t 1"));
    CHECK(http_header(buf_str(&c->head), "etagge").n == 0 &&
          http_header(buf_str(&c->head), "none").n == 0);
    CHECK(http_date(http_header(buf_str(&c->head), "date"), &us) &&
          us == 784111777LL * 1000000);
    CHECK(!http_date(STR_LIT("yesterday"), &us) && !http_date(STR_NONE, &us));

    CHECK(c->sent == 1);

    CHECK(get(h, c, "/moved") == ST_OK && c->code == 302);
    CHECK(get(h, c, "/missing") == ST_OK && c->code == 404 &&
          str_is(buf_str(&c->body_in), "<Error/>"));
    CHECK(srv.seen->connections == 1);
    tap_note("%d requests over one connection", srv.seen->requests);
}

static void sending(struct http *h, struct http_call *c)
{
    static char body[3001];
    const char *header[] = {"Host: a.example", "x-amz-date: 20250101T000000Z",
                            "Content-Type: application/json"};

    memset(body, 'b', 3000);
    ask(c, "PUT", "/put");
    c->header = header;
    c->headers = 3;
    c->body = (struct str){body, 3000};
    CHECK(http_do(h, c) == ST_OK);
    CHECK(strstr(srv.seen->last, "PUT /put HTTP/1.1\r\nHost: a.example\r\n"));
    CHECK(strstr(srv.seen->last, "\r\nContent-Type: application/json\r\n"));
    CHECK(strstr(srv.seen->last, "\r\nContent-Length: 3000\r\n"));
    CHECK(strstr(srv.seen->last, body) && !strstr(srv.seen->last, "Expect"));
    c->headers = 0;
    c->body = STR_NONE;
    ask(c, "POST", "/post");
    CHECK(http_do(h, c) == ST_OK);
    CHECK(strstr(srv.seen->last, "POST /post ") &&
          strstr(srv.seen->last, "\r\nContent-Length: 0\r\n") &&
          !strstr(srv.seen->last, "Content-Type"));
    ask(c, "HEAD", "/head");
    CHECK(http_do(h, c) == ST_OK && c->body_in.n == 0 &&
          str_is(http_header(buf_str(&c->head), "content-length"), "77"));
    ask(c, "DELETE", "/gone");
    CHECK(http_do(h, c) == ST_OK &&
          str_starts(str_of(srv.seen->last), STR_LIT("DELETE /gone ")));
}

static void failures(struct http *h, struct http_call *c)
{
    int64_t began = clock_mono_ms();
    int before = srv.seen->connections;

    CHECK(get(h, c, "/big") == ST_TOO_LARGE);
    CHECK(get(h, c, "/cut") == ST_UNAVAILABLE &&
          strcmp(c->err.code, "cut_short") == 0);
    CHECK(get(h, c, "/chunkcut") != ST_OK);
    CHECK(get(h, c, "/kept") == ST_OK && get(h, c, "/hangup") != ST_OK);
    CHECK(c->sent == 2); /* once more, over a new connection */
    CHECK(get(h, c, "/hangup") == ST_UNAVAILABLE && c->sent == 1 &&
          strstr(srv.seen->last, "/hangup"));
    CHECK(get(h, c, "/hangup") == ST_UNAVAILABLE &&
          strcmp(c->err.code, "connection_lost") == 0);
    tap_note("%s", c->err.text);
    ask(c, "GET", "/slow");
    c->timeout_ms = 200;
    CHECK(http_do(h, c) == ST_TIMEOUT && clock_mono_ms() - began < 1500);
    /* The late rest of that reply must not answer the next call. */
    CHECK(get(h, c, "/after") == ST_OK &&
          str_is(buf_str(&c->body_in), "not gzip"));
    CHECK(srv.seen->connections - before >= 4);
    ask(c, "GET", "/");
    c->url = "http://127.0.0.1:1/";
    CHECK(http_do(h, c) == ST_UNAVAILABLE &&
          strcmp(c->err.code, "unreachable") == 0);
    c->url = "file:///etc/passwd";
    CHECK(http_do(h, c) == ST_UNAVAILABLE);
}

#define MANY 40

static void many(void)
{
    struct http *h =
        http_open(&(struct http_options){.connections = 8, .ca_file = ""});
    struct http_call c[MANY], *got;
    int before = srv.seen->connections, ended = 0;
    bool right = true;
    static char url[64];

    /* Who has answered just before may not have counted itself out yet. */
    for (struct deadline d = deadline_in(10000);
         srv.seen->at_once > 0 && !deadline_over(d);)
        clock_sleep_ms(1);
    snprintf(url, sizeof url, "%s/pause", srv.url);
    srv.seen->most_at_once = 0;
    for (int i = 0; i < MANY; i++) {
        http_call_init(&c[i]);
        c[i].method = "GET";
        c[i].url = url;
        c[i].max_body = 100;
        c[i].timeout_ms = 5000;
        http_start(h, &c[i]);
    }
    http_cancel(h, &c[MANY - 1]);
    CHECK(http_wait(h, deadline_in(0)) == NULL);
    while ((got = http_wait(h, deadline_in(5000)))) {
        right = right && got->st == ST_OK && got->body_in.n == 8;
        ended++;
    }
    CHECK(ended == MANY - 1 && right);
    CHECK(srv.seen->connections - before == 8);
    CHECK(srv.seen->most_at_once > 1 && srv.seen->most_at_once <= 8);
    for (int i = 0; i < MANY; i++)
        http_call_free(&c[i]);
    http_close(&h);
    CHECK(h == NULL);
}

int main(void)
{
    struct http *h;
    struct http_call c;

    /* As a machine with a proxy would have it: requests go past it. */
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    srv = server_start(answer);
    h = http_open(&(struct http_options){.connections = 2, .ca_file = ""});
    http_call_init(&c);
    plain(h, &c);
    sending(h, &c);
    many();
    failures(h, &c);
    http_call_free(&c);
    http_close(&h);
    server_stop(&srv);
    return tap_end();
}
