#include "store/aws.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/stats.h"
#include "store/aws_credentials.h"
#include "store/aws_sign.h"
#include "store/aws_verdict.h"
#include "store/http.h"

#define TRIES_MAX 6
#define WAIT_FIRST_MS 50
#define WAIT_MOST_MS 2000
#define TRY_LEAST_MS 1000 /* a shorter try is not cut in two */

/* The budget: a retry costs, a good answer earns a little. */
#define BUDGET_MAX 500
#define BUDGET_RETRY 5
#define BUDGET_EARNED 1

#define SLOT_ARENA (16 * 1024)
#define SLOT_BUFFER (256 * 1024) /* what a finished call may keep */

/* A request under way. */
struct slot {
    struct http_call call;
    struct arena *arena;
    struct aws_request req;
    enum { SLOT_FREE, SLOT_WAITS, SLOT_RUNS } state;
    int tries;
    int64_t at_ms;       /* when a waiting one goes on */
    bool renewed, clock; /* each cure is tried once */
    bool unsure;
};

struct aws {
    struct http *http; /* opened on first use: after the fork */
    struct aws_credentials *credentials;
    void (*answered)(const void *ctx, const struct aws_request *r,
                     enum status st, const struct aws_reply *reply);
    const void *ctx; /* for it */
    char *service, *region, *base, *ca_file;
    const char *host; /* in base */
    int window;
    struct slot **slot; /* `window` of them, made when first needed */
    int budget;
    int64_t clock_off_us; /* to be added to our time */
    bool running;
};

struct run {
    struct aws *w;
    aws_next next;
    aws_done done;
    void *ctx;
    struct deadline d;
    enum status st; /* not ST_OK: what a callback ended the run with */
    bool no_more;   /* next gave none since the last one was done */
    int busy;       /* slots that are not free */
};

/* ---- opening ---- */

static enum status split_endpoint(const char *endpoint, const char **host,
                                  struct err *err)
{
    const char *p = strstr(endpoint, "://");

    if ((strncmp(endpoint, "https://", 8) && strncmp(endpoint, "http://", 7)) ||
        !p || !p[3] || strpbrk(p + 3, "/?#@ \t"))
        return err_set(err, ST_BAD_REQUEST, NULL,
                       "endpoint %s: not of the form https://host[:port]",
                       endpoint);
    *host = p + 3;
    return ST_OK;
}

__attribute__((format(printf, 1, 2))) static char *text(const char *fmt, ...)
{
    char *out;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&out, fmt, ap);
    va_end(ap);
    if (n < 0)
        memory_out();
    return out;
}

enum status aws_open(const struct aws_options *o, struct aws **out,
                     struct err *err)
{
    const char *host = NULL;
    enum status st = split_endpoint(o->endpoint, &host, err);
    bool tls = strncmp(o->endpoint, "https", 5) == 0;
    struct aws *w;

    *out = NULL;
    if (st != ST_OK)
        return st;
    w = calloc(1, sizeof *w);
    assert(w && o->connections > 0);
    w->slot = calloc((size_t)o->connections, sizeof(struct slot *));
    w->service = text("%s", o->service);
    w->region = text("%s", o->region);
    w->base = text("%s://%s%s", tls ? "https" : "http", o->host_prefix, host);
    w->host = strstr(w->base, "://") + 3;
    w->ca_file = text("%s", o->ca_file);
    w->window = o->connections;
    w->budget = BUDGET_MAX;
    w->answered = o->answered;
    w->ctx = o->ctx;
    w->credentials = aws_credentials_open(o->region);
    assert(w->slot);
    *out = w;
    return ST_OK;
}

void aws_close(struct aws **wp)
{
    struct aws *w = *wp;

    if (!w)
        return;
    assert(!w->running);
    for (int i = 0; i < w->window; i++)
        if (w->slot[i]) {
            http_call_free(&w->slot[i]->call);
            arena_free(&w->slot[i]->arena);
            free(w->slot[i]);
        }
    http_close(&w->http);
    aws_credentials_close(&w->credentials);
    free(w->slot);
    free(w->service);
    free(w->region);
    free(w->base);
    free(w->ca_file);
    free(w);
    *wp = NULL;
}

/* ---- a request's life ---- */

static void slot_finish(struct run *run, struct slot *s,
                        const struct aws_verdict *v, const struct err *err)
{
    struct aws_reply reply = {.code = s->call.code,
                              .head = buf_str(&s->call.head),
                              .body = buf_str(&s->call.body_in),
                              .unsure = s->unsure,
                              .refused = s->call.code / 100 == 4 &&
                                         v->step == AWS_FINISH};

    snprintf(reply.fault, sizeof reply.fault, "%s", v->fault);
    if (run->w->answered && reply.code)
        run->w->answered(run->w->ctx, &s->req, v->st, &reply);
    run->st = run->done(run->ctx, &s->req, v->st, &reply, err);
    if (s->call.body_in.cap > SLOT_BUFFER)
        buf_free(&s->call.body_in);
    arena_reset(s->arena);
    s->state = SLOT_FREE;
    run->busy--;
    run->no_more = false;
}

static void give_up(struct run *run, struct slot *s,
                    const struct aws_verdict *v, const char *why)
{
    struct str path = s->req.path;
    struct err err = ERR_NONE;
    char number[16] = "";

    if (s->call.code && s->call.st == ST_OK)
        snprintf(number, sizeof number, "%d ", s->call.code);
    err_set(&err, v->st, v->code, "%s %s%.*s: %s%s%s%.*s%s", s->req.method,
            run->w->base, (int)(path.n < 160 ? path.n : 160), path.p, number,
            v->fault, v->fault[0] && v->message.n ? ": " : "",
            (int)(v->message.n < 160 ? v->message.n : 160),
            v->message.n ? v->message.p : "", why);
    slot_finish(run, s, v, &err);
}

static enum status key_for(const struct run *run, const struct slot *s,
                           struct sigv4_key *key, struct err *err)
{
    if (deadline_over(run->d))
        return err_set(err, ST_TIMEOUT, NULL, "%s %s: no time left",
                       s->req.method, run->w->base);
    return aws_credentials_get(run->w->credentials, run->d, key, err);
}

static void slot_launch(struct run *run, struct slot *s)
{
    struct err err = ERR_NONE;
    struct sigv4_key key;
    int64_t left;

    /* What the last try met says more than that the time is over. */
    if (s->tries > 0 && deadline_over(run->d)) {
        struct aws_verdict v =
            aws_judge(&s->req, &s->call, clock_wall_us() + run->w->clock_off_us,
                      s->arena);

        give_up(run, s, &v, "");
        return;
    }
    if (key_for(run, s, &key, &err) != ST_OK) {
        s->call.code = 0;
        buf_reset(&s->call.head);
        buf_reset(&s->call.body_in);
        slot_finish(run, s, &(struct aws_verdict){.st = err.st}, &err);
        return;
    }
    left = deadline_left_ms(run->d);
    aws_sign(&(struct aws_signer){run->w->service, run->w->region, run->w->base,
                                  run->w->host,
                                  clock_wall_us() + run->w->clock_off_us},
             &s->req, &key, s->arena, &s->call);
    /* One that hangs leaves time for another try. */
    s->call.timeout_ms = left / 2 > TRY_LEAST_MS ? left / 2 : left;
    s->call.user = s;
    s->tries++;
    s->state = SLOT_RUNS;
    http_start(run->w->http, &s->call);
}

static void again_at_once(struct slot *s)
{
    stat_add(STAT_store_retries, 1);
    s->state = SLOT_WAITS;
    s->at_ms = clock_mono_ms();
}

static void again_later(struct run *run, struct slot *s,
                        const struct aws_verdict *v)
{
    int64_t most = WAIT_FIRST_MS << (s->tries < 10 ? s->tries : 10), wait;

    most = most < WAIT_MOST_MS ? most : WAIT_MOST_MS;
    wait = random_below((uint32_t)most);
    if (s->tries >= TRIES_MAX)
        give_up(run, s, v, " (every try)");
    else if (run->w->budget < BUDGET_RETRY)
        give_up(run, s, v, " (too many failures to try again)");
    else if (wait >= deadline_left_ms(run->d))
        give_up(run, s, v, "");
    else {
        run->w->budget -= BUDGET_RETRY;
        again_at_once(s);
        s->at_ms += wait;
    }
}

static void correct_clock(struct aws *w, const struct aws_verdict *v)
{
    w->clock_off_us += v->clock_off_us;
    log_line(LOG_WARN, "clock_skewed",
             "service=%s seconds=%lld text=\"this machine's clock is wrong; "
             "signing with the service's time\"",
             w->service, (long long)(w->clock_off_us / 1000000));
}

static void slot_settle(struct run *run, struct slot *s)
{
    struct aws *w = run->w;
    struct aws_verdict v = aws_judge(
        &s->req, &s->call, clock_wall_us() + w->clock_off_us, s->arena);

    s->unsure = s->unsure || s->call.sent > 1;
    switch (v.step) {
    case AWS_FINISH:
        if (v.st != ST_OK) {
            give_up(run, s, &v, "");
            break;
        }
        if (w->budget < BUDGET_MAX)
            w->budget += BUDGET_EARNED;
        slot_finish(run, s, &v, &ERR_NONE);
        break;
    case AWS_AGAIN:
        s->unsure = s->unsure || s->call.code || /* else it did not arrive */
                    strcmp(s->call.err.code, "unreachable") != 0;
        again_later(run, s, &v);
        break;
    case AWS_RENEW:
        aws_credentials_refused(w->credentials);
        if (s->renewed) {
            give_up(run, s, &v, "");
            break;
        }
        s->renewed = true;
        again_at_once(s);
        break;
    case AWS_CLOCK:
        if (s->clock) {
            give_up(run, s, &v, "");
            break;
        }
        correct_clock(w, &v);
        s->clock = true;
        again_at_once(s);
        break;
    }
}

/* ---- many at once ---- */

static struct slot *slot_of(struct aws *w, int i)
{
    if (!w->slot[i]) {
        w->slot[i] = calloc(1, sizeof *w->slot[i]);
        assert(w->slot[i]);
        w->slot[i]->arena = arena_new(SLOT_ARENA);
        http_call_init(&w->slot[i]->call);
    }
    return w->slot[i];
}

static void slot_begin(struct run *run, struct slot *s)
{
    s->req = (struct aws_request){0};
    if (!run->next(run->ctx, s->arena, &s->req)) {
        run->no_more = true;
        return;
    }
    s->tries = 0;
    s->renewed = s->clock = s->unsure = false;
    s->state = SLOT_WAITS;
    s->at_ms = 0;
    run->busy++;
}

/* Starts what can start; the time until which nothing else is due. */
static struct deadline start_due(struct run *run)
{
    struct deadline next = run->d;

    for (int i = 0; i < run->w->window && run->st == ST_OK; i++) {
        struct slot *s = slot_of(run->w, i);

        if (s->state == SLOT_FREE && !run->no_more)
            slot_begin(run, s);
        if (s->state == SLOT_WAITS && s->at_ms <= clock_mono_ms())
            slot_launch(run, s);
        else if (s->state == SLOT_WAITS && s->at_ms < next.at_ms)
            next.at_ms = s->at_ms;
        if (run->no_more && run->busy == 0)
            break; /* do not make slots that nobody needs */
    }
    return next;
}

static void run_stop(struct run *run)
{
    for (int i = 0; i < run->w->window; i++) {
        struct slot *s = run->w->slot[i];

        if (!s || s->state == SLOT_FREE)
            continue;
        http_cancel(run->w->http, &s->call);
        arena_reset(s->arena);
        s->state = SLOT_FREE;
    }
}

static void run_turn(struct run *run)
{
    struct deadline next = start_due(run);
    struct http_call *ended;

    if (run->st != ST_OK || run->busy == 0)
        return;
    ended = http_wait(run->w->http, next);
    if (ended)
        slot_settle(run, ended->user);
    else
        clock_sleep_ms(deadline_left_ms(next)); /* all wait for their turn */
}

enum status aws_run(struct aws *w, aws_next next, aws_done done, void *ctx,
                    struct deadline d)
{
    struct run run = {
        .w = w, .next = next, .done = done, .ctx = ctx, .d = d, .st = ST_OK};

    assert(!w->running);
    if (!w->http)
        w->http = http_open(&(struct http_options){.connections = w->window,
                                                   .ca_file = w->ca_file});
    w->running = true;
    do
        run_turn(&run);
    while (run.st == ST_OK && (run.busy > 0 || !run.no_more));
    run_stop(&run);
    w->running = false;
    return run.st;
}

/* ---- one ---- */

struct one {
    const struct aws_request *req;
    bool given;
    struct arena *arena;
    struct aws_reply *reply;
    struct err *err;
    enum status st;
};

static bool one_next(void *ctx, struct arena *a, struct aws_request *out)
{
    struct one *o = ctx;

    (void)a;
    if (o->given)
        return false;
    o->given = true;
    *out = *o->req;
    return true;
}

static enum status one_done(void *ctx, const struct aws_request *r,
                            enum status st, const struct aws_reply *reply,
                            const struct err *err)
{
    struct one *o = ctx;

    (void)r;
    *o->reply = *reply;
    o->reply->head = arena_copy(o->arena, reply->head);
    o->reply->body = arena_copy(o->arena, reply->body);
    if (st != ST_OK && o->err)
        *o->err = *err;
    o->st = st;
    return ST_OK;
}

enum status aws_call(struct aws *w, const struct aws_request *r,
                     struct deadline d, struct arena *a, struct aws_reply *out,
                     struct err *err)
{
    struct one o = {r, false, a, out, err, ST_INTERNAL};
    enum status st = aws_run(w, one_next, one_done, &o, d);

    assert(st == ST_OK);
    return o.st;
}
