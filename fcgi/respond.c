#include "fcgi/respond.h"

#include <assert.h>
#include <stdio.h>
#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "fcgi/request_out.h"

#define HEAD_MAX 4096
#define ANSWER_MAX (4 * 1024 * 1024)
/* Each piece is progress: see sink_write. */
#define WRITE_PIECE 65536

/*
 * What a status is in HTTP. `again`: worth another try, with Retry-After.
 * `text` takes the place of the error's own, which is about our inside.
 */
static const struct answer {
    int http;
    bool again;
    const char *reason, *text;
} answers[ST_COUNT] = {
    [ST_OK] = {200, false, "OK", NULL},
    [ST_BAD_REQUEST] = {400, false, "Bad Request", NULL},
    [ST_NOT_FOUND] = {404, false, "Not Found", NULL},
    [ST_NO_METHOD] = {405, false, "Method Not Allowed", NULL},
    [ST_NOT_ACCEPTABLE] = {406, false, "Not Acceptable", NULL},
    [ST_NOT_OWNER] = {409, false, "Conflict", NULL},
    [ST_TOO_LARGE] = {413, false, "Content Too Large", NULL},
    [ST_PRECONDITION] = {503, true, "Service Unavailable",
                         "Another request changed the same data; try again"},
    [ST_BUSY] = {503, true, "Service Unavailable",
                 "Another request works on the same data; try again"},
    [ST_UNAVAILABLE] = {503, true, "Service Unavailable",
                        "The service cannot do this now; try again"},
    [ST_TIMEOUT] = {503, true, "Service Unavailable",
                    "The service took too long; try again"},
    [ST_DENIED] = {503, true, "Service Unavailable",
                   "The service cannot do this now; try again"},
    [ST_CORRUPT] = {500, false, "Internal Server Error",
                    "Stored data cannot be read"},
    [ST_GONE_CLIENT] = {0, false, NULL, NULL},
    [ST_INTERNAL] = {500, false, "Internal Server Error", "The service failed"},
};

static void count_answer(int http)
{
    stat_add(STAT_requests, 1);
    if (http >= 500)
        stat_add(STAT_answers_5xx, 1);
    else if (http >= 400)
        stat_add(STAT_answers_4xx, 1);
    else if (http >= 300)
        stat_add(STAT_answers_3xx, 1);
    else
        stat_add(STAT_answers_2xx, 1);
}

static void send_bytes(struct exchange *x, struct str bytes)
{
    if (!x->gone)
        x->gone = request_write(x->request, bytes) == ST_GONE_CLIENT;
}

static void head_begin(struct exchange *x, struct buf *h, int http,
                       const char *reason)
{
    const char *origin = x->process->conf->server_allow_origin;

    assert(x->http == 0);
    x->http = http;
    buf_printf(h, "Status: %d %s\r\nX-Request-Id: %.*s\r\n", http, reason,
               STR_ARG(x->call.request_id));
    buf_printf(h,
               "Access-Control-Allow-Origin: %s\r\n"
               "Access-Control-Expose-Headers: ETag, Retry-After, "
               "Server-Timing, X-Request-Id\r\n",
               origin);
}

/* One line: nginx 1.22 hands no second one on with a file. */
static void head_vary(struct exchange *x, struct buf *h, bool coding)
{
    bool origin = strcmp(x->process->conf->server_allow_origin, "*") != 0;

    if (coding || origin)
        buf_printf(h, "Vary: %s%s%s\r\n", coding ? "Accept-Encoding" : "",
                   coding && origin ? ", " : "", origin ? "Origin" : "");
}

static void head_send(struct exchange *x, struct buf *h)
{
    buf_putz(h, "\r\n");
    assert(buf_ok(h)); /* all parts have bounds; the conf's are below 199 */
    count_answer(x->http);
    send_bytes(x, buf_str(h));
}

static void head_body(struct exchange *x, struct buf *h, size_t length)
{
    x->length = length;
    buf_printf(h,
               "Content-Type: application/json\r\n"
               "Content-Length: %zu\r\n",
               length);
}

static void body_send(struct exchange *x, struct str body)
{
    x->sent += body.n;
    if (!x->head)
        send_bytes(x, body);
}

void respond_json(struct exchange *x, struct str body)
{
    struct buf h;

    buf_init(&h, HEAD_MAX);
    head_begin(x, &h, answers[ST_OK].http, answers[ST_OK].reason);
    head_vary(x, &h, false);
    buf_putz(&h, "Cache-Control: no-store\r\n");
    head_body(x, &h, body.n);
    head_send(x, &h);
    body_send(x, body);
    buf_free(&h);
}

static void error_body(struct exchange *x, const struct err *err,
                       struct buf *out)
{
    const char *text = answers[err->st].text;
    struct json_out o = {.b = out};

    json_begin_object(&o, NULL);
    json_put_z(&o, "error", text ? text : err->text);
    json_put_z(&o, "code", err->code);
    json_put_str(&o, "request_id", x->call.request_id);
    if (err->extra.n > 0) {
        buf_putc(out, ',');
        buf_put(out, err->extra);
    }
    json_end_object(&o);
}

/* One line for whoever looks for the reason; a client's mistake is no alarm. */
static void log_failure(struct exchange *x, const struct err *err)
{
    if (err->st == ST_GONE_CLIENT)
        log_err(LOG_INFO, "client_gone", err);
    else if (answers[err->st].http >= 500)
        log_err(LOG_ERROR, "request_failed", err);
    else
        log_err(LOG_INFO, "request_refused", err);
    x->gone = x->gone || err->st == ST_GONE_CLIENT;
}

void respond_error(struct exchange *x, const struct err *err)
{
    const struct answer *a = &answers[err->st];
    struct buf h, body;

    log_failure(x, err);
    if (err->st == ST_GONE_CLIENT)
        return;
    buf_init(&h, HEAD_MAX);
    buf_init(&body, ANSWER_MAX);
    error_body(x, err, &body);
    assert(buf_ok(&body));
    head_begin(x, &h, a->http, a->reason);
    head_vary(x, &h, false);
    buf_putz(&h, "Cache-Control: no-store\r\n");
    if (a->again)
        buf_printf(&h, "Retry-After: %u\r\n",
                   err->again_s ? err->again_s : 1 + random_below(2));
    if (err->st == ST_NO_METHOD)
        buf_printf(&h, "Allow: %.*s\r\n", STR_ARG(x->methods));
    head_body(x, &h, buf_str(&body).n);
    head_send(x, &h);
    body_send(x, buf_str(&body));
    buf_free(&body);
    buf_free(&h);
}

void respond_preflight(struct exchange *x)
{
    struct buf h;

    buf_init(&h, HEAD_MAX);
    head_begin(x, &h, 204, "No Content");
    head_vary(x, &h, false);
    buf_printf(&h,
               "Allow: %.*s\r\n"
               "Access-Control-Allow-Methods: %.*s\r\n"
               "Access-Control-Allow-Headers: Content-Type, If-None-Match, "
               "Authorization\r\n"
               "Access-Control-Max-Age: 7200\r\n",
               STR_ARG(x->methods), STR_ARG(x->methods));
    head_send(x, &h);
    buf_free(&h);
}

/* ---- streamed ---- */

/* Content-Length is nginx's own when it sends the file. */
static void head_file(struct exchange *x, struct buf *h, struct str name)
{
    /* nginx turns to the file at the head, and never reads to the end. */
    request_keep_not(x->request);
    buf_printf(h,
               "Content-Type: application/json\r\n"
               "X-Accel-Redirect: %.*s%.*s\r\n",
               STR_ARG(x->files), STR_ARG(name));
}

/* RFC 9111 has no word for it any more; 5.5 of RFC 7234 has, and RFC 5861 says
 * that it should be said. */
static void head_stale(struct buf *h, int64_t age_ms)
{
    buf_printf(h,
               "Age: %lld\r\n"
               "Warning: 110 - \"Response is Stale\"\r\n"
               "Access-Control-Expose-Headers: Age, Warning\r\n",
               (long long)(age_ms / 1000));
}

/*
 * What slow clients have not taken lies on our disk, so all of it together has
 * a bound. Beyond it nothing large is begun; that the client might be a quick
 * one cannot be known before.
 */
static enum status room_for(struct exchange *x, const struct reply *reply)
{
    const struct process *p = x->process;
    int64_t unsent;

    if (x->head || reply->unchanged || reply->file.n ||
        reply->length <= REQUEST_OUT_ROOM)
        return ST_OK;
    unsent = scoreboard_gauge(p->board, GAUGE_unsent_bytes);
    /* One that is larger than the bound by itself has its turn, too. */
    if (unsent == 0 ||
        unsent + (int64_t)reply->length <= p->conf->server_unsent_max)
        return ST_OK;
    stat_add(STAT_unsent_refused, 1);
    return err_set(x->call.err, ST_UNAVAILABLE, "too_much_unsent",
                   "slow clients have %lld bytes still to take; with these %zu "
                   "it would be more than server.unsent_max",
                   (long long)unsent, reply->length);
}

static enum status sink_begin(void *ctx, const struct reply *reply)
{
    struct exchange *x = ctx;
    const struct answer *a = &answers[ST_OK];
    enum status st = room_for(x, reply);
    struct buf h;

    if (st != ST_OK)
        return st;
    buf_init(&h, HEAD_MAX);
    if (reply->unchanged)
        head_begin(x, &h, 304, "Not Modified");
    else
        head_begin(x, &h, a->http, a->reason);
    head_vary(x, &h, true);
    buf_printf(&h,
               "Cache-Control: private, no-cache\r\n"
               "ETag: %.*s\r\n"
               "Server-Timing: %s;dur=%.3f\r\n",
               STR_ARG(reply->etag), reply->source,
               (double)reply->took_us / 1000);
    if (reply->stale)
        head_stale(&h, reply->age_ms);
    if (reply->gzip && !reply->unchanged)
        buf_putz(&h, "Content-Encoding: gzip\r\n");
    if (reply->file.n)
        head_file(x, &h, reply->file);
    else if (!reply->unchanged)
        head_body(x, &h, reply->length);
    head_send(x, &h);
    buf_free(&h);
    return x->gone ? ST_GONE_CLIENT : ST_OK;
}

/* Whatever the client's speed, it is taken from us at once (request_out.h):
 * what takes time is the reading of a long answer, piece by piece. */
static enum status sink_write(void *ctx, struct str bytes)
{
    struct exchange *x = ctx;
    const struct process *p = x->process;

    assert(x->http != 0 && bytes.n <= x->length - x->sent);
    while (bytes.n > 0 && !x->gone) {
        size_t n = bytes.n < WRITE_PIECE ? bytes.n : WRITE_PIECE;

        body_send(x, (struct str){bytes.p, n});
        bytes = (struct str){bytes.p + n, bytes.n - n};
        scoreboard_extend(p->board, p->slot,
                          deadline_in(p->conf->server_request_timeout));
    }
    return x->gone ? ST_GONE_CLIENT : ST_OK;
}

struct sink respond_sink(struct exchange *x)
{
    return (struct sink){
        .head = x->head, .begin = sink_begin, .write = sink_write, .ctx = x};
}

void respond_out_of_memory(struct exchange *x)
{
    static char text[HEAD_MAX], body[512];
    const struct answer *a = &answers[ST_UNAVAILABLE];
    int length, n;

    if (x->http != 0)
        return;
    count_answer(a->http);
    length = snprintf(body, sizeof body,
                      "{\"error\":\"%s\",\"code\":\"out_of_memory\","
                      "\"request_id\":\"%.*s\"}",
                      a->text, STR_ARG(x->call.request_id));
    n = snprintf(text, sizeof text,
                 "Status: %d %s\r\nX-Request-Id: %.*s\r\n"
                 "Access-Control-Allow-Origin: %s\r\n"
                 "Cache-Control: no-store\r\nRetry-After: 2\r\n"
                 "Content-Type: application/json\r\n"
                 "Content-Length: %d\r\n\r\n%s",
                 a->http, a->reason, STR_ARG(x->call.request_id),
                 x->process->conf->server_allow_origin, length,
                 x->head ? "" : body);
    assert(length > 0 && (size_t)length < sizeof body);
    assert(n > 0 && (size_t)n < sizeof text);
    request_last_words(x->request, (struct str){text, (size_t)n});
}

bool respond_end(struct exchange *x)
{
    bool whole = x->http != 0 && (x->head || x->sent == x->length) && !x->gone;

    if (whole)
        x->gone = request_finish(x->request, x->call.request_id, &x->unsent) ==
                  ST_GONE_CLIENT;
    else
        request_abort(x->request);
    if (x->gone)
        stat_add(STAT_clients_gone, 1);
    return whole && !x->gone;
}
