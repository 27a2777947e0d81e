#include "store/aws_verdict.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "store/xml.h"

/* Where the fault's name says more than the HTTP number does. */
static const struct {
    const char *fault;
    enum aws_next_step step;
    enum status st;
} faults[] = {
#define FAULT(name, next, status) {name, AWS_##next, ST_##status},
#include "store/aws_faults.def"
#undef FAULT
};

int aws_fault_number(const char *fault)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (strcmp(faults[i].fault, fault) == 0)
            return (int)i + 1;
    return 0;
}

const char *aws_fault_name(int number)
{
    assert(number > 0 && (size_t)number <= sizeof faults / sizeof *faults);
    return faults[number - 1].fault;
}

/* ---- without a name that is known ---- */

static bool is_method(const struct aws_request *r, const char *name)
{
    return strcmp(r->method, name) == 0;
}

static bool is_conditional(const struct aws_request *r)
{
    for (size_t i = 0; i < r->headers; i++)
        if (str_starts(r->header[i].name, STR_LIT("if-")))
            return true;
    return false;
}

/*
 * Who stands between us and the service answers with numbers, too: they count
 * as the service's word only where its own would come without one. Any other
 * is an outage: it is never "not found", nor our caller's mistake.
 */
static void verdict_by_number(const struct aws_request *r, int code,
                              struct aws_verdict *v)
{
    *v = (struct aws_verdict){.step = AWS_FINISH, .st = ST_UNAVAILABLE};
    switch (code) {
    case 401:
    case 403:
        v->st = ST_DENIED;
        break;
    case 404: /* HEAD has no body to say it in; s3_head asks once more */
        if (is_method(r, "HEAD"))
            v->st = ST_NOT_FOUND;
        break;
    case 409:
        if (is_method(r, "PUT") || is_method(r, "DELETE"))
            v->st = ST_BUSY;
        break;
    case 304:
    case 412:
        if (is_conditional(r))
            v->st = ST_PRECONDITION;
        break;
    case 408:
    case 425:
    case 429:
        v->step = AWS_AGAIN;
        break;
    case 501: /* no such thing there, now or later */
        break;
    default:
        if (code / 100 == 5)
            v->step = AWS_AGAIN;
    }
}

static void by_fault(struct aws_verdict *v)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (strcmp(faults[i].fault, v->fault) == 0) {
            v->step = faults[i].step;
            v->st = faults[i].st;
        }
}

/* ---- the service's words ---- */

struct words {
    struct str fault, message;
    struct str region, endpoint; /* where the bucket is, if not here */
};

static struct str shape_name(struct str type)
{
    /* "com.amazonaws.dynamodb.v20120810#Name", "Name:http://..." */
    const char *hash = type.n ? memrchr(type.p, '#', type.n) : NULL;
    const char *colon;

    if (hash) {
        type.n -= (size_t)(hash - type.p) + 1;
        type.p = hash + 1;
    }
    colon = type.n ? memchr(type.p, ':', type.n) : NULL;
    if (colon)
        type.n = (size_t)(colon - type.p);
    return type;
}

static void read_json(struct str body, struct arena *a, struct words *w)
{
    struct json root;

    if (json_check(body, JSON_DEPTH, &root, NULL) != ST_OK)
        return;
    w->fault = shape_name(json_string(json_member(root, "__type"), a));
    w->message = json_string(json_member(root, "message"), a);
    if (w->message.n == 0)
        w->message = json_string(json_member(root, "Message"), a);
}

static void read_xml(struct str body, struct arena *a, struct words *w)
{
    struct xml root;

    if (!xml_root(body, "Error", &root))
        return;
    w->fault = xml_child_text(root, "Code", a);
    w->message = xml_child_text(root, "Message", a);
    w->region = xml_child_text(root, "Region", a);
    w->endpoint = xml_child_text(root, "Endpoint", a);
}

static struct words read_words(const struct http_call *c, struct arena *a)
{
    struct str body = str_trim(buf_str(&c->body_in));
    struct str head = buf_str(&c->head);
    struct words w = {.fault = STR_NONE};

    if (body.n && body.p[0] == '{')
        read_json(body, a, &w);
    else if (body.n && body.p[0] == '<')
        read_xml(body, a, &w);
    if (w.fault.n == 0)
        w.fault = shape_name(http_header(head, "x-amzn-errortype"));
    if (w.region.n == 0 && c->code / 100 == 3)
        w.region = http_header(head, "x-amz-bucket-region");
    return w;
}

/* An operator has to know where it is, in front of what may be cut off. */
static struct str name_place(const struct words *w, struct arena *a)
{
    const char *colon = w->message.n ? "; " : "";

    if (w->region.n)
        return arena_printf(
            a, "the bucket is in region %.*s, which s3.region has to say%s%.*s",
            STR_ARG(w->region), colon, STR_ARG(w->message));
    if (w->endpoint.n)
        return arena_printf(a, "the bucket is at %.*s%s%.*s",
                            STR_ARG(w->endpoint), colon, STR_ARG(w->message));
    return w->message;
}

static void take_words(const struct words *w, struct arena *a,
                       struct aws_verdict *v)
{
    snprintf(v->fault, sizeof v->fault, "%.*s", STR_ARG(w->fault));
    v->message = name_place(w, a);
}

/* ---- the verdict ---- */

static void look_at_clock(const struct http_call *c, int64_t our_time_us,
                          struct aws_verdict *v)
{
    int64_t date;

    if ((c->code != 400 && c->code != 403) ||
        !http_date(http_header(buf_str(&c->head), "date"), &date))
        return;
    v->clock_off_us = date - our_time_us;
    if (v->clock_off_us > AWS_SKEW_US || v->clock_off_us < -AWS_SKEW_US)
        v->step = AWS_CLOCK;
}

static struct aws_verdict no_reply(const struct http_call *c)
{
    struct aws_verdict v = {
        .step = AWS_AGAIN, .st = c->st, .code = c->err.code};

    v.message = str_of(c->err.text);
    /* Not ST_TOO_LARGE: it is nothing that our caller has sent. */
    if (c->st == ST_TOO_LARGE) {
        v.step = AWS_FINISH;
        v.st = ST_UNAVAILABLE;
        v.code = "reply_too_large";
    }
    return v;
}

/*
 * A 200 without what the service would say with it: S3 fails so behind its
 * head, and gateways answer so with a page of their own. Whatever it says is
 * said of this moment only.
 */
static struct aws_verdict not_its_own(const struct http_call *c,
                                      struct arena *a)
{
    struct aws_verdict v = {.step = AWS_AGAIN, .st = ST_UNAVAILABLE};
    struct words w = read_words(c, a);

    if (!w.fault.n)
        w.message = arena_printf(
            a, "not the service's own answer (%zu bytes of \"%.*s\")",
            c->body_in.n,
            STR_ARG(http_header(buf_str(&c->head), "content-type")));
    take_words(&w, a, &v);
    return v;
}

struct aws_verdict aws_judge(const struct aws_request *r,
                             const struct http_call *c, int64_t our_time_us,
                             struct arena *a)
{
    struct aws_verdict v = {.step = AWS_FINISH, .st = ST_OK};
    struct words w;

    if (c->st != ST_OK)
        return no_reply(c);
    if (c->code / 100 == 2)
        return !r->own ||
                       r->own(c->code, buf_str(&c->head), buf_str(&c->body_in))
                   ? v
                   : not_its_own(c, a);
    w = read_words(c, a);
    verdict_by_number(r, c->code, &v);
    take_words(&w, a, &v);
    by_fault(&v);
    look_at_clock(c, our_time_us, &v);
    return v;
}
