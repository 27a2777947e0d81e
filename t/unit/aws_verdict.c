/* What a reply means: by the service's words, by the number, by neither. */
#include "store/aws_verdict.h"

#include "t/unit/tap.h"

static struct arena *arena;
static struct http_call call;

static const struct {
    const char *fault;
    enum aws_next_step step;
    enum status st;
} faults[] = {
#define FAULT(name, next, status) {name, AWS_##next, ST_##status},
#include "store/aws_faults.def"
#undef FAULT
};
#define FAULTS (sizeof faults / sizeof *faults)

static bool never_own(int code, struct str head, struct str body)
{
    (void)code;
    (void)head;
    (void)body;
    return false;
}

/* A whole reply; head: its lines, each with a line end. */
static struct aws_verdict judge(const struct aws_request *r, int code,
                                const char *head, const char *body)
{
    buf_reset(&call.head);
    buf_reset(&call.body_in);
    buf_putz(&call.head, head);
    buf_putz(&call.body_in, body);
    call.st = ST_OK;
    call.code = code;
    return aws_judge(r, &call, 0, arena);
}

static struct aws_verdict named(const char *method, int code, const char *fault)
{
    struct aws_request r = {.method = method};
    char body[200];

    snprintf(body, sizeof body,
             "<Error><Code>%s</Code><Message>so</Message></Error>", fault);
    return judge(&r, code, "", body);
}

static bool is(struct aws_verdict v, enum aws_next_step step, enum status st)
{
    return v.step == step && v.st == st;
}

/* ---- the table ---- */

static void table(void)
{
    bool steps = true, single = true;

    for (size_t i = 0; i < FAULTS; i++) {
        steps =
            steps && faults[i].st != ST_OK &&
            (faults[i].step != AWS_AGAIN || faults[i].st == ST_UNAVAILABLE) &&
            strlen(faults[i].fault) < AWS_FAULT_MAX;
        for (size_t k = 0; k < i; k++)
            single = single && strcmp(faults[i].fault, faults[k].fault) != 0;
    }
    tap_ok(steps, "what is tried again is an outage if that is of no use");
    tap_ok(single, "no fault has two verdicts");
}

/* The name counts, whatever the number. */
static void names(void)
{
    static const int codes[] = {301, 400, 403, 404, 409, 500, 503};
    bool all = true;

    for (size_t i = 0; i < FAULTS; i++)
        for (size_t k = 0; k < sizeof codes / sizeof *codes; k++)
            all = all && is(named("GET", codes[k], faults[i].fault),
                            faults[i].step, faults[i].st);
    tap_ok(all, "a known name counts, whatever the number");
    CHECK(is(named("GET", 404, "NoSuchKey"), AWS_FINISH, ST_NOT_FOUND));
    CHECK(is(named("GET", 404, "NoSuchBucket"), AWS_FINISH, ST_UNAVAILABLE));
    CHECK(is(named("GET", 403, "InvalidObjectState"), AWS_FINISH, ST_DENIED));
    CHECK(
        is(named("PUT", 400, "KMS.DisabledException"), AWS_FINISH, ST_DENIED));
    CHECK(is(named("PUT", 400, "InvalidRequest"), AWS_FINISH, ST_UNAVAILABLE));
    CHECK(is(named("POST", 400, "ReplicatedWriteConflictException"), AWS_AGAIN,
             ST_UNAVAILABLE));
    CHECK(is(named("GET", 400, "ExpiredToken"), AWS_RENEW, ST_DENIED));
}

/* ---- numbers ---- */

/*
 * In nobody's words, or in unknown ones: an outage, tried again where that may
 * help. "Not found" is said by HEAD alone, which has no words; a condition that
 * does not hold, where there was one; another writer, to who writes.
 */
static void numbers(const char *body)
{
    static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE",
                                          "POST"};
    const struct sigv4_pair condition = {STR_LIT("if-match"), STR_LIT("e")};
    bool good = true;

    for (size_t m = 0; m < 5; m++)
        for (int code = 300; code < 600; code++)
            for (size_t conditions = 0; conditions < 2; conditions++) {
                struct aws_request r = {.method = methods[m],
                                        .header = &condition,
                                        .headers = conditions};
                struct aws_verdict v = judge(&r, code, "", body);
                bool put = m == 2 || m == 3, head = m == 1;
                enum status st = code == 401 || code == 403 ? ST_DENIED
                                 : (code == 412 || code == 304) && conditions
                                     ? ST_PRECONDITION
                                 : code == 404 && head ? ST_NOT_FOUND
                                 : code == 409 && put  ? ST_BUSY
                                                       : ST_UNAVAILABLE;
                bool again = code == 408 || code == 425 || code == 429 ||
                             (code >= 500 && code != 501);

                if (v.st != st || (v.step == AWS_AGAIN) != again)
                    tap_note("%s %d: %s", methods[m], code, status_name(v.st));
                good = good && v.st == st && (v.step == AWS_AGAIN) == again;
            }
    tap_ok(good, "by the number alone: \"%s\"", body);
}

/* ---- 200 ---- */

static void not_its_own(void)
{
    struct aws_request r = {.method = "GET", .own = never_own};
    struct aws_verdict v;

    CHECK(is(judge(&(struct aws_request){.method = "GET"}, 200, "", "<html>"),
             AWS_FINISH, ST_OK));
    v = judge(&r, 200, "Content-Type: text/html\r\n", "<html>Sign in</html>");
    CHECK(is(v, AWS_AGAIN, ST_UNAVAILABLE) && !v.fault[0]);
    CHECK(memmem(v.message.p, v.message.n, "\"text/html\"", 11));
    v = judge(&r, 200, "",
              "<Error><Code>SlowDown</Code><Message>m</Message></Error>");
    CHECK(is(v, AWS_AGAIN, ST_UNAVAILABLE) &&
          strcmp(v.fault, "SlowDown") == 0 && str_is(v.message, "m"));
    /* Said behind a 200 it is no verdict about the thing. */
    v = judge(&r, 200, "", "<Error><Code>NoSuchKey</Code></Error>");
    CHECK(is(v, AWS_AGAIN, ST_UNAVAILABLE));
    CHECK(is(judge(&r, 204, "", ""), AWS_AGAIN, ST_UNAVAILABLE));
}

/* ---- where the bucket is ---- */

static bool says(struct aws_verdict v, const char *words)
{
    bool there =
        v.message.n && memmem(v.message.p, v.message.n, words, strlen(words));

    if (!there)
        tap_note("%.*s", STR_ARG(v.message));
    return there;
}

static void regions(void)
{
    struct aws_request r = {.method = "GET"};
    struct aws_verdict v;

    v = judge(&r, 301, "x-amz-bucket-region: eu-west-3\r\n", "");
    CHECK(v.st == ST_UNAVAILABLE && says(v, "in region eu-west-3, which"));
    v = judge(&r, 400, "",
              "<Error><Code>AuthorizationHeaderMalformed</Code><Message>no"
              "</Message><Region>eu-west-1</Region></Error>");
    CHECK(v.st == ST_DENIED && says(v, "in region eu-west-1, which") &&
          says(v, "; no"));
    v = judge(&r, 307, "",
              "<Error><Code>TemporaryRedirect</Code><Endpoint>b.s3.x.y"
              "</Endpoint></Error>");
    CHECK(v.st == ST_UNAVAILABLE && says(v, "at b.s3.x.y"));
    /* It comes with other refusals, too, and is no reason for them. */
    v = judge(&r, 403, "x-amz-bucket-region: us-west-1\r\n",
              "<Error><Code>AccessDenied</Code><Message>no</Message></Error>");
    CHECK(v.st == ST_DENIED && str_is(v.message, "no"));
}

/* ---- no reply ---- */

static void no_reply(void)
{
    struct aws_request r = {.method = "GET"};
    struct aws_verdict v;

    call.st = err_set(&call.err, ST_TOO_LARGE, NULL, "over");
    v = aws_judge(&r, &call, 0, arena);
    CHECK(is(v, AWS_FINISH, ST_UNAVAILABLE) &&
          strcmp(v.code, "reply_too_large") == 0);
    call.st = err_set(&call.err, ST_UNAVAILABLE, "unreachable", "gone");
    v = aws_judge(&r, &call, 0, arena);
    CHECK(is(v, AWS_AGAIN, ST_UNAVAILABLE) &&
          strcmp(v.code, "unreachable") == 0 && str_is(v.message, "gone"));
}

int main(void)
{
    arena = arena_new(65536);
    http_call_init(&call);
    table();
    names();
    numbers("");
    numbers("<html><title>413 Request Entity Too Large</title></html>");
    numbers("<Error><Code>BrandNewCode</Code></Error>");
    numbers("{\"__type\":\"x#BrandNewException\",\"message\":\"m\"}");
    not_its_own();
    regions();
    no_reply();
    http_call_free(&call);
    arena_free(&arena);
    return tap_end();
}
