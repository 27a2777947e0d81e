/*
 * credentials.c - any bytes as the shared files of AWS's tools, or as what the
 * services around a machine answer: credentials that are taken are whole.
 */
#include "store/aws_sources.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/log.h"
#include "t/fuzz/fuzz.h"
#include "t/fuzz/peer.h"

#define JSON                                                                   \
    "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s/+=\",\"Token\":\"t\","     \
    "\"Expiration\":\"2030-01-01T00:00:00Z\"}"
#define STS(inside)                                                            \
    "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>"     \
    "<Credentials>" inside "</Credentials></AssumeRoleWithWebIdentityResult>"  \
    "</AssumeRoleWithWebIdentityResponse>"
#define NEXT "\xff"

/*
 * "f": the credentials file, NEXT, the configuration file; "j": the container
 * endpoint's body; "x": that of STS; "m": the instance's three, NEXT between
 * them; "h": the container endpoint's whole reply.
 */
const struct fuzz_text fuzz_seeds[] = {
    FUZZ("f# c\n[default]\r\naws_access_key_id = D\n"
         "aws_secret_access_key=d=1\n[ work ]\naws_session_token = t\n"),
    FUZZ("f" NEXT "[profile work]\naws_access_key_id = W\n"
         "aws_secret_access_key = w\ns3 =\n  aws_access_key_id = nested\n"
         "[default]\nregion = x\n"),
    FUZZ("f[work]\naws_access_key_id = A\n" NEXT "[profile work]\n"
         "credential_process = /bin/x\nsso_session = s\n"),
    FUZZ("f" NEXT "[profile work]\nrole_arn = arn:aws:iam::1:role/x\n"
         "web_identity_token_file = /dev/null\nrole_session_name = n\n"),
    FUZZ("j" JSON),
    FUZZ("j{\"Code\":\"Failed\"}"),
    FUZZ("x" STS("<AccessKeyId>A</AccessKeyId><SecretAccessKey>s&amp;"
                 "</SecretAccessKey><SessionToken>t</SessionToken><Expiration>"
                 "2030-01-01T00:00:00Z</Expiration>")),
    FUZZ("x<ErrorResponse><Error/></ErrorResponse>"),
    FUZZ("mtoken" NEXT "role\n" NEXT JSON),
    FUZZ("hHTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
         "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    FUZZ("hHTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx"),
    FUZZ_END,
};
const struct fuzz_text fuzz_words[] = {
    FUZZ("[default]\n"),
    FUZZ("[profile work]\n"),
    FUZZ("[work]\n"),
    FUZZ("\n"),
    FUZZ("aws_access_key_id = "),
    FUZZ("aws_secret_access_key = "),
    FUZZ("aws_session_token = "),
    FUZZ("role_arn = "),
    FUZZ("source_profile = "),
    FUZZ("web_identity_token_file = /dev/null\n"),
    FUZZ("="),
    FUZZ("#"),
    FUZZ(";"),
    FUZZ("\r\n"),
    FUZZ(" "),
    FUZZ("\t"),
    FUZZ("]"),
    FUZZ("["),
    FUZZ(NEXT),
    FUZZ("\"AccessKeyId\":"),
    FUZZ("\"SecretAccessKey\":"),
    FUZZ("null"),
    FUZZ("<AccessKeyId>"),
    FUZZ("</AccessKeyId>"),
    FUZZ("Content-Length: "),
    FUZZ("HTTP/1.1 "),
    FUZZ("200"),
    FUZZ("403"),
    FUZZ("0\r\n\r\n"),
    FUZZ_END,
};

/* A file of that content, by a path that stays the same. */
static void put_file(int *fd, const char *variable, struct str text)
{
    char path[40];

    if (*fd < 0) {
        *fd = memfd_create(variable, 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", *fd);
        setenv(variable, path, 1);
    }
    assert(*fd >= 0 && ftruncate(*fd, 0) == 0);
    assert(pwrite(*fd, text.p ? text.p : "", text.n, 0) == (ssize_t)text.n);
}

/* Nobody else's settings, and no server but our own. */
static void alone(void)
{
    static int token = -1;

    log_open("/dev/null", LOG_ERROR, "fuzz");
    setenv("AWS_PROFILE", "work", 1);
    setenv("AWS_ROLE_ARN", "arn", 1);
    setenv("AWS_ENDPOINT_URL_STS", peer_http(), 1);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", peer_http(), 1);
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", peer_http(), 1);
    unsetenv("AWS_EC2_METADATA_DISABLED");
    unsetenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    unsetenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    unsetenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    unsetenv("AWS_ROLE_SESSION_NAME");
    put_file(&token, "AWS_WEB_IDENTITY_TOKEN_FILE", STR_LIT("token\n"));
}

static struct str until_next(struct str *rest)
{
    const char *end = rest->n ? memchr(rest->p, NEXT[0], rest->n) : NULL;
    struct str part = {rest->p, end ? (size_t)(end - rest->p) : rest->n};

    rest->p += part.n + (end != NULL);
    rest->n -= part.n + (end != NULL);
    return part;
}

static struct str http_ok(struct str body, struct arena *a)
{
    struct buf b;
    struct str out;

    buf_init(&b, 1 << 20);
    buf_printf(&b, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body.n);
    buf_put(&b, body);
    out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return out;
}

static aws_source source_of(char kind)
{
    return kind == 'f'   ? aws_from_files
           : kind == 'x' ? aws_from_web_identity
           : kind == 'm' ? aws_from_instance
                         : aws_from_container;
}

static void check_source(char kind, struct arena *a)
{
    const struct http_options o = {.connections = 1, .ca_file = ""};
    struct aws_asking ask = {.http = http_open(&o),
                             .region = "us-west-1",
                             .deadline = deadline_in(5000),
                             .arena = a};
    struct aws_found found = {.expires_us = TIME_NONE};
    struct err err = ERR_NONE;
    enum status st = source_of(kind)(&ask, &found, &err);

    if (st == ST_OK) {
        assert(found.key.id.n > 0 && found.key.secret.n > 0);
        assert(kind != 'f' || !memchr(found.key.id.p, '\n', found.key.id.n));
    } else {
        assert(st == ST_NOT_FOUND || (err.st != ST_OK && err.text[0]));
    }
    http_close(&ask.http);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int credentials = -1, config = -1;
    struct str rest = {(const char *)data + 1, size - 1};
    struct str answer[PEER_ANSWERS];
    struct arena *a;
    size_t n = 0;

    if (size == 0 || !strchr("fjxmh", data[0]) || !data[0])
        return 0;
    a = arena_new(65536);
    alone();
    put_file(&credentials, "AWS_SHARED_CREDENTIALS_FILE",
             data[0] == 'f' ? until_next(&rest) : STR_NONE);
    put_file(&config, "AWS_CONFIG_FILE", data[0] == 'f' ? rest : STR_NONE);
    if (data[0] == 'm')
        while (n < 3)
            answer[n++] = http_ok(until_next(&rest), a);
    else
        answer[n++] = data[0] == 'h' ? rest : http_ok(rest, a);
    peer_answers(answer, n);
    check_source((char)data[0], a);
    arena_free(&a);
    return 0;
}
