#include "store/http.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>
#include <curl/curl.h>
#include "base/memory.h"

#define HEAD_MAX (64 * 1024)
#define ERROR_BODY_MAX (64 * 1024)
#define CONNECT_MS 3000

/*
 * Names are looked up again after a minute and no connection lives longer than
 * five: an endpoint that moves to other addresses is followed.
 */
#define DNS_SECONDS 60L
#define CONNECTION_SECONDS 300L

/* An easy handle and what it needs for one call; used again for the next. */
struct line {
    CURL *easy;
    struct curl_slist *headers;
    struct http_call *call;
    char why[CURL_ERROR_SIZE];
    struct line *next;
};

struct http {
    CURLM *multi;
    struct line *idle;
    int connections;
    char *ca_file;
    int running;
    pid_t owner;
};

static void easy_ok(CURLcode rc)
{
    assert(rc == CURLE_OK);
}

static void multi_ok(CURLMcode rc)
{
    assert(rc == CURLM_OK);
}

struct http *http_open(const struct http_options *o)
{
    struct http *h = calloc(1, sizeof *h);

    assert(h && o->connections > 0);
    easy_ok(curl_global_init(CURL_GLOBAL_DEFAULT));
    h->multi = curl_multi_init();
    h->connections = o->connections;
    h->ca_file = strdup(o->ca_file ? o->ca_file : "");
    h->owner = getpid();
    assert(h->multi && h->ca_file);
    /* Without it libcurl closes kept connections when fewer calls are under
     * way than connections are open. */
    multi_ok(curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS,
                               (long)o->connections));
    multi_ok(curl_multi_setopt(h->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                               (long)o->connections));
    multi_ok(
        curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING));
    return h;
}

void http_close(struct http **hp)
{
    struct http *h = *hp;

    if (!h)
        return;
    assert(h->running == 0);
    while (h->idle) {
        struct line *l = h->idle;

        h->idle = l->next;
        curl_easy_cleanup(l->easy);
        free(l);
    }
    curl_multi_cleanup(h->multi);
    curl_global_cleanup();
    free(h->ca_file);
    free(h);
    *hp = NULL;
}

void http_call_init(struct http_call *c)
{
    memset(c, 0, sizeof *c);
    buf_init(&c->head, HEAD_MAX);
    buf_init(&c->body_in, ERROR_BODY_MAX);
}

void http_call_free(struct http_call *c)
{
    assert(!c->under_way);
    buf_free(&c->head);
    buf_free(&c->body_in);
}

/* ---- what libcurl calls ---- */

static size_t on_header(char *p, size_t size, size_t n, void *user)
{
    struct http_call *c = user;
    struct str line = {p, size * n};

    /* A new status line begins a new reply: what came before was a 1xx. */
    if (str_starts(line, STR_LIT("HTTP/")))
        buf_reset(&c->head);
    buf_put(&c->head, line);
    return buf_ok(&c->head) ? line.n : 0;
}

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
    struct http_call *c = user;
    struct line *l = c->under_way;
    struct str part = {p, size * n};
    long code = 0;

    easy_ok(curl_easy_getinfo(l->easy, CURLINFO_RESPONSE_CODE, &code));
    c->body_in.max = code / 100 == 2 ? c->max_body : ERROR_BODY_MAX;
    /* Of a gateway's long page the beginning will do: its code is what counts.
     */
    if (code / 100 != 2 && part.n > ERROR_BODY_MAX - c->body_in.n)
        part.n = ERROR_BODY_MAX - c->body_in.n;
    buf_put(&c->body_in, part);
    return buf_ok(&c->body_in) ? size * n : 0;
}

static int on_send(void *user, char *to, char *from, int to_port, int from_port)
{
    struct http_call *c = user;

    (void)to;
    (void)from;
    (void)to_port;
    (void)from_port;
    c->sent++;
    return CURL_PREREQFUNC_OK;
}

/* ---- one call ---- */

static struct line *line_take(struct http *h)
{
    struct line *l = h->idle;

    if (l) {
        h->idle = l->next;
        curl_easy_reset(l->easy); /* keeps connections, DNS and TLS sessions */
    } else {
        l = calloc(1, sizeof *l);
        memory_check(l);
        l->easy = curl_easy_init();
        memory_check(l->easy);
    }
    l->next = NULL;
    l->why[0] = '\0';
    return l;
}

static void add_header(struct line *l, const char *header)
{
    struct curl_slist *more = curl_slist_append(l->headers, header);

    assert(more);
    l->headers = more;
}

static void set_headers(struct line *l, const struct http_call *c)
{
    /* What libcurl would add by itself: Expect costs a round trip. */
    add_header(l, "Expect:");
    add_header(l, "Accept:");
    add_header(l, "Content-Type:");
    for (size_t i = 0; i < c->headers; i++)
        add_header(l, c->header[i]);
    easy_ok(curl_easy_setopt(l->easy, CURLOPT_HTTPHEADER, l->headers));
    easy_ok(curl_easy_setopt(l->easy, CURLOPT_USERAGENT, "driveguard"));
}

static void set_method(CURL *e, const struct http_call *c)
{
    bool sends =
        strcmp(c->method, "PUT") == 0 || strcmp(c->method, "POST") == 0;

    if (strcmp(c->method, "HEAD") == 0) {
        easy_ok(curl_easy_setopt(e, CURLOPT_NOBODY, 1L));
        return;
    }
    if (sends) {
        easy_ok(curl_easy_setopt(e, CURLOPT_POST, 1L));
        easy_ok(curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
                                 (curl_off_t)c->body.n));
        easy_ok(curl_easy_setopt(e, CURLOPT_POSTFIELDS,
                                 c->body.p ? c->body.p : ""));
    }
    easy_ok(curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, c->method));
}

static void set_connection(CURL *e, const struct http *h, int64_t timeout_ms)
{
    long connect = timeout_ms / 2 < CONNECT_MS ? timeout_ms / 2 : CONNECT_MS;

    easy_ok(curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L));
    easy_ok(curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)timeout_ms));
    easy_ok(curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, connect + 1));
    easy_ok(curl_easy_setopt(e, CURLOPT_DNS_CACHE_TIMEOUT, DNS_SECONDS));
    easy_ok(curl_easy_setopt(e, CURLOPT_MAXLIFETIME_CONN, CONNECTION_SECONDS));
    easy_ok(curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L));
    easy_ok(curl_easy_setopt(e, CURLOPT_PROXY, ""));
    easy_ok(curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https"));
    easy_ok(
        curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1));
    easy_ok(curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L));
    easy_ok(curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L));
    if (h->ca_file[0])
        easy_ok(curl_easy_setopt(e, CURLOPT_CAINFO, h->ca_file));
}

void http_start(struct http *h, struct http_call *c)
{
    struct line *l = line_take(h);
    int64_t timeout = c->timeout_ms > 0 ? c->timeout_ms : 1;

    assert(!c->under_way && h->owner == getpid());
    buf_reset(&c->head);
    buf_reset(&c->body_in);
    err_clear(&c->err);
    c->st = ST_OK;
    c->code = 0;
    c->sent = 0;
    c->under_way = l;
    l->call = c;
    easy_ok(curl_easy_setopt(l->easy, CURLOPT_PRIVATE, l));
    easy_ok(curl_easy_setopt(l->easy, CURLOPT_ERRORBUFFER, l->why));
    /* libcurl squashes "/../" otherwise, and the signature no longer fits. */
    easy_ok(curl_easy_setopt(l->easy, CURLOPT_PATH_AS_IS, 1L));
    easy_ok(curl_easy_setopt(l->easy, CURLOPT_URL, c->url));
    easy_ok(curl_easy_setopt(l->easy, CURLOPT_PREREQFUNCTION, on_send));
    easy_ok(curl_easy_setopt(l->easy, CURLOPT_PREREQDATA, c));
    easy_ok(curl_easy_setopt(l->easy, CURLOPT_HEADERFUNCTION, on_header));
    easy_ok(curl_easy_setopt(l->easy, CURLOPT_HEADERDATA, c));
    easy_ok(curl_easy_setopt(l->easy, CURLOPT_WRITEFUNCTION, on_body));
    easy_ok(curl_easy_setopt(l->easy, CURLOPT_WRITEDATA, c));
    set_headers(l, c);
    set_method(l->easy, c);
    set_connection(l->easy, h, timeout);
    multi_ok(curl_multi_add_handle(h->multi, l->easy));
    h->running++;
}

static void line_back(struct http *h, struct line *l)
{
    /* libcurl drops the connection of a transfer that is removed unfinished. */
    multi_ok(curl_multi_remove_handle(h->multi, l->easy));
    curl_slist_free_all(l->headers);
    l->headers = NULL;
    l->call->under_way = NULL;
    l->call = NULL;
    l->next = h->idle;
    h->idle = l;
    h->running--;
}

void http_cancel(struct http *h, struct http_call *c)
{
    if (c->under_way)
        line_back(h, c->under_way);
}

/* ---- how it ended ---- */

static enum status transfer_status(struct http_call *c, CURLcode rc,
                                   const char *why)
{
    const char *text = why[0] ? why : curl_easy_strerror(rc);

    switch ((int)rc) {
    case CURLE_OK:
        return ST_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(&c->err, ST_TIMEOUT, NULL, "%s", text);
    case CURLE_PARTIAL_FILE:
        return err_set(&c->err, ST_UNAVAILABLE, "cut_short", "%s", text);
    case CURLE_WRITE_ERROR:
        if (!buf_ok(&c->body_in))
            return err_set(&c->err, ST_TOO_LARGE, NULL,
                           "the reply is over %zu bytes", c->body_in.max);
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
        return err_set(&c->err, ST_UNAVAILABLE, "unreachable", "%s", text);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return err_set(&c->err, ST_UNAVAILABLE, "tls_failed", "%s", text);
    }
    return err_set(&c->err, ST_UNAVAILABLE, "connection_lost", "%s", text);
}

static struct http_call *take_ended(struct http *h)
{
    int left;
    CURLMsg *m = curl_multi_info_read(h->multi, &left);
    struct http_call *c;
    struct line *l = NULL;
    long code = 0;

    if (!m)
        return NULL;
    assert(m->msg == CURLMSG_DONE);
    easy_ok(curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &l));
    easy_ok(curl_easy_getinfo(l->easy, CURLINFO_RESPONSE_CODE, &code));
    c = l->call;
    c->code = (int)code;
    c->st = transfer_status(c, m->data.result, l->why);
    line_back(h, l);
    return c;
}

struct http_call *http_wait(struct http *h, struct deadline until)
{
    struct http_call *c = take_ended(h);
    int running;

    while (!c && h->running > 0) {
        int64_t left = deadline_left_ms(until);

        multi_ok(curl_multi_perform(h->multi, &running));
        c = take_ended(h);
        if (c || left == 0)
            break;
        /* A signal ends the wait early; that is no failure. */
        (void)curl_multi_poll(h->multi, NULL, 0, left < 1000 ? (int)left : 1000,
                              NULL);
    }
    return c;
}

enum status http_do(struct http *h, struct http_call *c)
{
    assert(h->running == 0);
    http_start(h, c);
    while (c->under_way)
        (void)http_wait(h, deadline_in(c->timeout_ms));
    return c->st;
}

/* ---- headers ---- */

struct str http_header(struct str head, const char *name)
{
    size_t len = strlen(name);
    struct str rest = head;

    while (rest.n) {
        const char *eol = memchr(rest.p, '\n', rest.n);
        size_t n = eol ? (size_t)(eol - rest.p) + 1 : rest.n;

        if (n > len && rest.p[len] == ':' &&
            strncasecmp(rest.p, name, len) == 0)
            return str_trim((struct str){rest.p + len + 1, n - len - 1});
        rest.p += n;
        rest.n -= n;
    }
    return STR_NONE;
}

bool http_date(struct str value, int64_t *us)
{
    char z[64];
    time_t t;

    if (value.n == 0 || value.n >= sizeof z)
        return false;
    memcpy(z, value.p, value.n);
    z[value.n] = '\0';
    t = curl_getdate(z, NULL);
    if (t == (time_t)-1)
        return false;
    *us = (int64_t)t * 1000000;
    return true;
}
