/* aws_metadata.c - credentials from the services around a machine. */
#include "store/aws_sources.h"

#include <stdlib.h>
#include "base/json.h"
#include "store/xml.h"

#define REPLY_MAX (64 * 1024)
#define STS_MS 4000
#define CONTAINER_MS 2000
#define INSTANCE_MS 1000 /* elsewhere than on EC2 nobody answers there */

struct question {
    const char *what; /* for the error text */
    const char *method, *url;
    const char *header; /* NULL: none */
    struct str body;
    int64_t ms;
};

static enum status metadata_status(const struct http_call *c, const char *what,
                                   struct err *err)
{
    struct str said = buf_str(&c->body_in);

    if (c->st != ST_OK)
        return err_set(err, c->st == ST_TIMEOUT ? ST_TIMEOUT : ST_UNAVAILABLE,
                       c->err.code, "%s: %s", what, c->err.text);
    if (c->code / 100 == 2)
        return ST_OK;
    if (c->code == 404)
        return err_set(err, ST_NOT_FOUND, NULL, "%s: 404", what);
    if (c->code / 100 == 5 || c->code == 429)
        return err_set(err, ST_UNAVAILABLE, NULL, "%s: %d", what, c->code);
    said.n = said.n < 200 ? said.n : 200;
    return err_set(err, ST_DENIED, NULL, "%s: %d %.*s", what, c->code,
                   STR_ARG(said));
}

/* A good reply's body in the arena. */
static enum status ask_for(const struct aws_asking *ask,
                           const struct question *q, struct str *out,
                           struct err *err)
{
    int64_t left = deadline_left_ms(ask->deadline);
    struct http_call c;
    enum status st;

    http_call_init(&c);
    c.method = q->method;
    c.url = q->url;
    c.header = &q->header;
    c.headers = q->header != NULL;
    c.body = q->body;
    c.max_body = REPLY_MAX;
    c.timeout_ms = left < q->ms ? left : q->ms;
    (void)http_do(ask->http, &c); /* its status stands in the call, too */
    st = metadata_status(&c, q->what, err);
    *out = arena_copy(ask->arena, buf_str(&c.body_in));
    http_call_free(&c);
    return st;
}

static enum status metadata_whole(struct aws_found *out, struct str expires,
                                  const char *what, struct err *err)
{
    if (out->key.id.n == 0 || out->key.secret.n == 0)
        return err_set(err, ST_UNAVAILABLE, "no_credentials",
                       "%s: the reply has no key", what);
    if (!time_parse(expires, &out->expires_us))
        out->expires_us = TIME_NONE;
    return ST_OK;
}

static enum status from_json(const struct aws_asking *ask, struct str text,
                             const char *what, struct aws_found *out,
                             struct err *err)
{
    struct json root;
    enum status st = json_check(text, JSON_DEPTH, &root, err);

    if (st != ST_OK)
        return err_set(err, ST_UNAVAILABLE, NULL, "%s: the reply is no JSON",
                       what);
    out->key.id = json_string(json_member(root, "AccessKeyId"), ask->arena);
    out->key.secret =
        json_string(json_member(root, "SecretAccessKey"), ask->arena);
    out->key.token = json_string(json_member(root, "Token"), ask->arena);
    return metadata_whole(
        out, json_string(json_member(root, "Expiration"), ask->arena), what,
        err);
}

/* ---- web identity ---- */

static const char *sts_url(const struct aws_asking *ask)
{
    const char *url = aws_env("AWS_ENDPOINT_URL_STS");
    bool china = str_starts(str_of(ask->region), STR_LIT("cn-"));

    if (url)
        return url;
    return arena_printf(ask->arena, "https://sts.%s.amazonaws.com%s/",
                        ask->region, china ? ".cn" : "")
        .p;
}

static enum status sts_read(const struct aws_asking *ask, struct str reply,
                            struct aws_found *out, struct err *err)
{
    struct xml root, c;

    if (!xml_root(reply, "AssumeRoleWithWebIdentityResponse", &root))
        return err_set(err, ST_UNAVAILABLE, NULL, "STS: not the reply of STS");
    c = xml_child(xml_child(root, "AssumeRoleWithWebIdentityResult"),
                  "Credentials");
    out->key.id = xml_child_text(c, "AccessKeyId", ask->arena);
    out->key.secret = xml_child_text(c, "SecretAccessKey", ask->arena);
    out->key.token = xml_child_text(c, "SessionToken", ask->arena);
    return metadata_whole(out, xml_child_text(c, "Expiration", ask->arena),
                          "STS", err);
}

enum status aws_assume_with_token(const struct aws_asking *ask, struct str role,
                                  struct str session, const char *token_file,
                                  struct aws_found *out, struct err *err)
{
    struct sigv4_pair form[] = {
        {STR_LIT("Action"), STR_LIT("AssumeRoleWithWebIdentity")},
        {STR_LIT("Version"), STR_LIT("2011-06-15")},
        {STR_LIT("RoleArn"), role},
        {STR_LIT("RoleSessionName"),
         session.n ? session : STR_LIT("driveguard")},
        {STR_LIT("WebIdentityToken"), STR_NONE},
    };
    struct question q = {
        "STS",        "POST",
        sts_url(ask), "Content-Type: application/x-www-form-urlencoded",
        STR_NONE,     STS_MS};
    struct str token, reply;
    enum status st;

    if (aws_read_file(token_file, ask->arena, &token, err) != ST_OK)
        return err_set(err, ST_DENIED, "no_credentials",
                       "%s: the token cannot be read", token_file);
    form[4].value = str_trim(token);
    q.body = sigv4_query(form, 5, ask->arena);
    st = ask_for(ask, &q, &reply, err);
    if (st == ST_NOT_FOUND) /* set up, so the chain does not go on */
        return err_set(err, ST_DENIED, NULL, "%s: 404", q.url);
    return st == ST_OK ? sts_read(ask, reply, out, err) : st;
}

enum status aws_from_web_identity(const struct aws_asking *ask,
                                  struct aws_found *out, struct err *err)
{
    const char *file = aws_env("AWS_WEB_IDENTITY_TOKEN_FILE");
    const char *role = aws_env("AWS_ROLE_ARN");

    if (!file)
        return ST_NOT_FOUND;
    if (!role)
        return err_set(err, ST_DENIED, "no_credentials",
                       "AWS_ROLE_ARN is not set");
    return aws_assume_with_token(ask, str_of(role),
                                 str_of(aws_env("AWS_ROLE_SESSION_NAME")), file,
                                 out, err);
}

/* ---- container ---- */

bool aws_container_host_allowed(struct str url)
{
    static const char *const hosts[] = {"127.0.0.1",      "localhost",
                                        "[::1]",          "169.254.170.2",
                                        "169.254.170.23", "[fd00:ec2::23]"};

    if (str_starts(url, STR_LIT("https://")))
        return true;
    if (!str_starts(url, STR_LIT("http://")))
        return false;
    url.p += 7;
    url.n -= 7;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        size_t n = strlen(hosts[i]);

        if (str_starts(url, str_of(hosts[i])) &&
            (url.n == n || url.p[n] == ':' || url.p[n] == '/'))
            return true;
    }
    return false;
}

/* *header stays NULL when no token is set up. */
static enum status container_token(const struct aws_asking *ask,
                                   const char **header, struct err *err)
{
    const char *file = aws_env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    struct str token = str_of(aws_env("AWS_CONTAINER_AUTHORIZATION_TOKEN"));

    if (file && aws_read_file(file, ask->arena, &token, err) != ST_OK)
        return err_set(err, ST_DENIED, "no_credentials",
                       "%s: the token cannot be read", file);
    token = str_trim(token);
    if (token.n && memchr(token.p, '\n', token.n))
        return err_set(err, ST_DENIED, NULL, "the token has a line break");
    if (token.n)
        *header =
            arena_printf(ask->arena, "Authorization: %.*s", STR_ARG(token)).p;
    return ST_OK;
}

enum status aws_from_container(const struct aws_asking *ask,
                               struct aws_found *out, struct err *err)
{
    const char *tail = aws_env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = aws_env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    struct question q = {"container endpoint", "GET", full, NULL, STR_NONE,
                         CONTAINER_MS};
    struct str reply;
    enum status st;

    if (!tail && !full)
        return ST_NOT_FOUND;
    if (tail)
        q.url = arena_printf(ask->arena, "http://169.254.170.2%s", tail).p;
    if (!aws_container_host_allowed(str_of(q.url)))
        return err_set(err, ST_DENIED, "no_credentials",
                       "%s: plain http only to this machine", q.url);
    st = container_token(ask, &q.header, err);
    if (st == ST_OK)
        st = ask_for(ask, &q, &reply, err);
    if (st == ST_NOT_FOUND)
        return err_set(err, ST_DENIED, NULL, "%s: 404", q.url);
    return st == ST_OK ? from_json(ask, reply, q.what, out, err) : st;
}

/* ---- instance ---- */

static enum status instance_ask(const struct aws_asking *ask,
                                const char *method, const char *path,
                                const char *header, struct str *out,
                                struct err *err)
{
    const char *at = aws_env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    struct str base = str_of(at ? at : "http://169.254.169.254");

    if (str_ends(base, STR_LIT("/")))
        base.n--;
    return ask_for(
        ask,
        &(struct question){
            "instance metadata", method,
            arena_printf(ask->arena, "%.*s%s", STR_ARG(base), path).p, header,
            STR_NONE, INSTANCE_MS},
        out, err);
}

#define ROLES "/latest/meta-data/iam/security-credentials/"

enum status aws_from_instance(const struct aws_asking *ask,
                              struct aws_found *out, struct err *err)
{
    const char *off = aws_env("AWS_EC2_METADATA_DISABLED"), *header;
    struct str text;
    enum status st;

    if (off && strcasecmp(off, "true") == 0)
        return ST_NOT_FOUND;
    st = instance_ask(ask, "PUT", "/latest/api/token",
                      "X-aws-ec2-metadata-token-ttl-seconds: 300", &text, err);
    if (st != ST_OK) /* not on EC2, or switched off there (403) */
        return ST_NOT_FOUND;
    header = arena_printf(ask->arena, "X-aws-ec2-metadata-token: %.*s",
                          STR_ARG(str_trim(text)))
                 .p;
    st = instance_ask(ask, "GET", ROLES, header, &text, err);
    if (st != ST_OK) /* 404: the instance has no role */
        return st;
    text = str_trim(text);
    if (text.n == 0 || memchr(text.p, '\n', text.n))
        return err_set(err, ST_UNAVAILABLE, NULL,
                       "instance metadata: no role's name");
    st = instance_ask(ask, "GET",
                      arena_printf(ask->arena, ROLES "%.*s", STR_ARG(text)).p,
                      header, &text, err);
    return st == ST_OK ? from_json(ask, text, "instance metadata", out, err)
                       : st;
}
