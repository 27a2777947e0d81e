#include "store/aws_verdict.h"

#include <stdio.h>
#include "base/json.h"
#include "store/xml.h"

/* Where the fault's name says more than the HTTP number does. */
static const struct {
    const char *fault;
    enum aws_next_step step;
    enum status st;
} faults[] = {
    {"NoSuchKey", AWS_FINISH, ST_NOT_FOUND},
    {"NoSuchVersion", AWS_FINISH, ST_NOT_FOUND},
    {"NoSuchBucket", AWS_FINISH, ST_UNAVAILABLE},
    {"ResourceNotFoundException", AWS_FINISH, ST_UNAVAILABLE},
    {"PreconditionFailed", AWS_FINISH, ST_PRECONDITION},
    {"ConditionalCheckFailedException", AWS_FINISH, ST_PRECONDITION},
    {"ConditionalRequestConflict", AWS_FINISH, ST_BUSY},
    {"OperationAborted", AWS_FINISH, ST_BUSY},
    {"ResourceInUseException", AWS_FINISH, ST_BUSY},
    {"TransactionConflictException", AWS_AGAIN, ST_BUSY},
    {"AccessDeniedException", AWS_FINISH, ST_DENIED},
    {"UnrecognizedClientException", AWS_FINISH, ST_DENIED},
    {"InvalidSignatureException", AWS_FINISH, ST_DENIED},
    {"IncompleteSignatureException", AWS_FINISH, ST_DENIED},
    {"MissingAuthenticationTokenException", AWS_FINISH, ST_DENIED},
    {"MissingAuthenticationToken", AWS_FINISH, ST_DENIED},
    {"InvalidToken", AWS_FINISH, ST_DENIED},
    {"AuthorizationHeaderMalformed", AWS_FINISH, ST_DENIED},
    {"EntityTooLarge", AWS_FINISH, ST_TOO_LARGE},
    {"RequestTimeout", AWS_AGAIN, ST_UNAVAILABLE},
    {"SlowDown", AWS_AGAIN, ST_UNAVAILABLE},
    {"BandwidthLimitExceeded", AWS_AGAIN, ST_UNAVAILABLE},
    {"Throttling", AWS_AGAIN, ST_UNAVAILABLE},
    {"ThrottlingException", AWS_AGAIN, ST_UNAVAILABLE},
    {"ThrottledException", AWS_AGAIN, ST_UNAVAILABLE},
    {"RequestThrottled", AWS_AGAIN, ST_UNAVAILABLE},
    {"RequestLimitExceeded", AWS_AGAIN, ST_UNAVAILABLE},
    {"ProvisionedThroughputExceededException", AWS_AGAIN, ST_UNAVAILABLE},
    {"ExpiredToken", AWS_RENEW, ST_DENIED},
    {"ExpiredTokenException", AWS_RENEW, ST_DENIED},
    {"TokenRefreshRequired", AWS_RENEW, ST_DENIED},
};

static void by_number(int code, struct aws_verdict *v)
{
    v->step = AWS_FINISH;
    switch (code) {
    case 401:
    case 403:
        v->st = ST_DENIED;
        break;
    case 404:
        v->st = ST_NOT_FOUND;
        break;
    case 409:
        v->st = ST_BUSY;
        break;
    case 304: /* If-None-Match on a GET */
    case 412:
        v->st = ST_PRECONDITION;
        break;
    case 413:
        v->st = ST_TOO_LARGE;
        break;
    case 301: /* the bucket is in another region */
    case 307:
    case 501:
        v->st = ST_UNAVAILABLE;
        break;
    default:
        v->st = ST_INTERNAL;
        if (code / 100 == 5 || code == 429) {
            v->step = AWS_AGAIN;
            v->st = ST_UNAVAILABLE;
        }
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

static void read_json(struct str body, struct arena *a, struct str *fault,
                      struct str *message)
{
    struct json root;

    if (json_check(body, JSON_DEPTH, &root, NULL) != ST_OK)
        return;
    *fault = shape_name(json_string(json_member(root, "__type"), a));
    *message = json_string(json_member(root, "message"), a);
    if (message->n == 0)
        *message = json_string(json_member(root, "Message"), a);
}

static void read_xml(struct str body, struct arena *a, struct str *fault,
                     struct str *message)
{
    struct xml root;

    if (!xml_root(body, "Error", &root))
        return;
    *fault = xml_child_text(root, "Code", a);
    *message = xml_child_text(root, "Message", a);
}

static void read_words(const struct http_call *c, struct arena *a,
                       struct aws_verdict *v)
{
    struct str body = str_trim(buf_str(&c->body_in)), fault = STR_NONE;
    struct str head = buf_str(&c->head);

    if (body.n && body.p[0] == '{')
        read_json(body, a, &fault, &v->message);
    else if (body.n && body.p[0] == '<')
        read_xml(body, a, &fault, &v->message);
    if (fault.n == 0)
        fault = shape_name(http_header(head, "x-amzn-errortype"));
    if (v->message.n == 0 && (c->code == 301 || c->code == 307))
        v->message =
            arena_printf(a, "the bucket is in region %.*s",
                         STR_ARG(http_header(head, "x-amz-bucket-region")));
    snprintf(v->fault, sizeof v->fault, "%.*s", STR_ARG(fault));
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
    struct aws_verdict v = {.step = AWS_AGAIN, .st = c->st};

    v.message = str_of(c->err.text);
    if (c->st == ST_TOO_LARGE)
        v.step = AWS_FINISH;
    return v;
}

struct aws_verdict aws_judge(const struct http_call *c, int64_t our_time_us,
                             struct arena *a)
{
    struct aws_verdict v = {.step = AWS_FINISH, .st = ST_OK};

    if (c->st != ST_OK)
        return no_reply(c);
    if (c->code / 100 == 2)
        return v;
    read_words(c, a, &v);
    by_number(c->code, &v);
    by_fault(&v);
    look_at_clock(c, our_time_us, &v);
    return v;
}
