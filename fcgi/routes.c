#include "config.h"
#include "fcgi/routes.h"

#include <stdio.h>
#include <unistd.h>
#include "base/fault.h"
#include "base/isotime.h"
#include "base/json.h"
#include "base/log.h"
#include "fcgi/respond.h"
#include "host/report.h"
#include "service/analytics.h"
#include "service/batch.h"
#include "service/finalize.h"
#include "store/refusals.h"

#define ANSWER_MAX (4 * 1024 * 1024)
#define READY_MS 3000
/* Less than a stopped worker is left before it is replaced (crew.c): else
 * nobody would see that there was none. A worker that waits says so once a
 * second. */
#define TAKES_MS 2000
#define READY_PARTS (STORES_CHECKED + 1) /* the stores, and the workers */
#define COUNT_MS 1000

typedef enum status (*use_case)(const struct call *, struct str, struct buf *);

static enum status answer_buf(struct exchange *x, struct buf *answer)
{
    if (!buf_ok(answer))
        return err_set(x->call.err, ST_INTERNAL, NULL,
                       "the answer is over %d bytes", ANSWER_MAX);
    respond_json(x, buf_str(answer));
    return ST_OK;
}

/* The two calls that take a body and answer from memory. */
static enum status answer_body(struct exchange *x, use_case run)
{
    const struct conf *c = x->process->conf;
    struct buf answer;
    struct str body;
    enum status st;

    st = request_body(x->request, request_param(x->request, "CONTENT_LENGTH"),
                      (size_t)c->server_body_limit, x->call.deadline,
                      x->call.arena, &body, x->call.err);
    if (st != ST_OK)
        return st;
    buf_init(&answer, ANSWER_MAX);
    st = run(&x->call, body, &answer);
    if (st == ST_OK)
        st = answer_buf(x, &answer);
    buf_free(&answer);
    return st;
}

static enum status route_batch(struct exchange *x)
{
    return answer_body(x, batch_store);
}

static enum status route_finalize(struct exchange *x)
{
    return answer_body(x, finalize_trip);
}

static enum status route_analytics(struct exchange *x)
{
    struct reading_request request = {
        .query = x->query,
        .accept_encoding = request_param(x->request, "HTTP_ACCEPT_ENCODING"),
        .if_none_match = request_param(x->request, "HTTP_IF_NONE_MATCH"),
    };
    struct sink sink = respond_sink(x);

    x->files = request_param(x->request, "DRIVEGUARD_FILES");
    /* nginx would compare these with an ETag and a date of its own. */
    request.files = x->files.n &&
                    !request_param(x->request, "HTTP_IF_MATCH").n &&
                    !request_param(x->request, "HTTP_IF_UNMODIFIED_SINCE").n;
    return analytics_answer(x->service, &x->call, &request, &sink);
}

static enum status route_healthz(struct exchange *x)
{
    /* A process that gets here is healthy. */
    respond_json(x, arena_printf(x->call.arena,
                                 "{\"status\":\"ok\",\"version\":\"%s\","
                                 "\"pid\":%d}",
                                 PACKAGE_VERSION, (int)getpid()));
    return ST_OK;
}

/* What real calls met, tried or not. */
static void put_refusals(struct json_out *o)
{
    json_begin_array(o, "refusals");
    for (int r = 0; r < RIGHTS; r++) {
        const struct right_text *x = right_text((enum right)r);
        char at[TIME_TEXT_MAX], call[96];
        struct refusal last;

        if (!refusal_last((enum right)r, &last))
            continue;
        snprintf(call, sizeof call, "%s on %s", x->action,
                 right_place_text(x->place));
        json_begin_object(o, NULL);
        json_put_z(o, "call", call);
        json_put_z(o, "code", last.code);
        json_put_str(o, "at", time_print(last.at_us, at));
        json_end_object(o);
    }
    json_end_array(o);
}

/* `"ready":...,"backends":[...]`, a piece of either answer. */
static void put_backends(struct json_out *o, bool ready,
                         const struct store_state *state)
{
    json_put_bool(o, "ready", ready);
    json_begin_array(o, "backends");
    for (int i = 0; i < READY_PARTS; i++) {
        json_begin_object(o, NULL);
        json_put_z(o, "name", state[i].name);
        json_put_z(o, "state",
                   !state[i].ok                   ? "failed"
                   : state[i].warning.st != ST_OK ? "warning"
                                                  : "ok");
        json_put_bool(o, "required", state[i].required);
        json_put_z(o, "message",
                   state[i].ok ? state[i].warning.text : state[i].err.text);
        json_end_object(o);
    }
    json_end_array(o);
    put_refusals(o);
}

/* The log's line names the first that fails; the answer shows all. */
static enum status not_ready(const struct store_state *state, struct err *err)
{
    while (state->ok || !state->required)
        state++;
    return err_set(err, ST_UNAVAILABLE, "not_ready", "%s: %s", state->name,
                   state->err.text);
}

/* Stores that answer are of no use when nobody takes the calls. */
static bool all_ready(struct exchange *x, struct store_state state[READY_PARTS])
{
    struct tried tried[RIGHTS];
    bool ready =
        stores_ready(x->call.stores,
                     deadline_sooner(x->call.deadline, READY_MS), state, tried);
    struct store_state *workers = &state[STORES_CHECKED];

    *workers = (struct store_state){.name = "workers", .required = true};
    workers->ok = scoreboard_takes(x->process->board, TAKES_MS, &workers->err);
    return ready && workers->ok;
}

static enum status route_readyz(struct exchange *x)
{
    struct store_state state[READY_PARTS];
    bool ready = all_ready(x, state);
    struct buf answer;
    struct json_out o = {.b = &answer};
    enum status st;

    buf_init(&answer, ANSWER_MAX);
    if (ready) {
        json_begin_object(&o, NULL);
        put_backends(&o, ready, state);
        json_end_object(&o);
        st = answer_buf(x, &answer);
    } else {
        put_backends(&o, ready, state);
        st = not_ready(state, x->call.err);
        x->call.err->extra = arena_copy(x->call.arena, buf_str(&answer));
    }
    buf_free(&answer);
    return st;
}

static enum status route_stats(struct exchange *x)
{
    struct board_view view;
    struct pending pending;
    struct buf answer;
    enum status st;

    scoreboard_view(x->process->board, x->call.arena, &view);
    pending_count(x->call.stores, deadline_sooner(x->call.deadline, COUNT_MS),
                  &pending);
    buf_init(&answer, ANSWER_MAX);
    report_json(&view, &pending, &answer);
    st = answer_buf(x, &answer);
    buf_free(&answer);
    return st;
}

static const struct route routes[] = {
#define ROUTE(method, path, handler, where) {#method, path, handler, where},
#include "fcgi/routes.def"
#undef ROUTE
};
#define ROUTES (sizeof routes / sizeof *routes)

static bool method_fits(const struct route *r, struct str method)
{
    return str_is(method, r->method) ||
           (str_is(method, "HEAD") && str_is(STR_LIT("GET"), r->method));
}

/* Notes the methods of the path, and finds the route of the method. */
static const struct route *route_find(struct exchange *x)
{
    unsigned here = x->process->role == ROLE_MONITOR ? AT_MONITOR : AT_SERVICE;
    const struct route *found = NULL;
    struct arena *a = x->call.arena;

    for (const struct route *r = routes; r < routes + ROUTES; r++) {
        if (!(r->where & here) || !str_is(x->path, r->path))
            continue;
        x->methods =
            arena_printf(a, "%.*s%s%s, ", STR_ARG(x->methods), r->method,
                         str_is(STR_LIT("GET"), r->method) ? ", HEAD" : "");
        if (method_fits(r, x->method))
            found = r;
    }
    if (x->methods.n > 0)
        x->methods = arena_printf(a, "%.*sOPTIONS", STR_ARG(x->methods));
    return found;
}

static enum status route_call(struct exchange *x, const struct route *r)
{
    struct log_value quoted;
    const struct process *p = x->process;

    if (x->methods.n == 0)
        return err_set(x->call.err, ST_NOT_FOUND, "no_such_path",
                       "There is nothing at this path");
    if (str_is(x->method, "OPTIONS")) {
        respond_preflight(x);
        return ST_OK;
    }
    if (!r)
        return err_set(x->call.err, ST_NO_METHOD, NULL,
                       "Method %s is not allowed here",
                       log_quoted(x->method, &quoted));
    scoreboard_request(p->board, p->slot, str_of(r->path), x->call.request_id);
    if (p->role == ROLE_WORKER && fault_point("worker.request"))
        return err_set(x->call.err, ST_INTERNAL, NULL, "fault worker.request");
    return r->handler(x);
}

void routes_serve(struct exchange *x)
{
    struct err err = ERR_NONE;
    enum status st;

    x->call.err = &err;
    x->head = str_is(x->method, "HEAD");
    st = route_call(x, route_find(x));
    if (st == ST_OK)
        return;
    if (err.st == ST_OK)
        err_set(&err, st, NULL, "%s", status_name(st));
    if (x->http == 0)
        respond_error(x, &err);
    else
        log_err(st == ST_GONE_CLIENT ? LOG_INFO : LOG_ERROR, "answer_cut",
                &err);
}
