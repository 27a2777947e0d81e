#include "store/aws_credentials.h"

#include <sys/stat.h>
#include "base/isotime.h"
#include "base/log.h"
#include "store/aws_sources.h"
#include "t/unit/server.h"
#include "t/unit/tap.h"

static const char *const variables[] = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_ENDPOINT_URL_STS",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
    "AWS_PROFILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"};

static struct server srv;
static char folder[] = "/tmp/dg-credentials-XXXXXX";

enum { FAST, BROKEN, REFUSES, SWITCHED_OFF }; /* the server's modes */

static void json_reply(int fd, const char *id, int n, int life_s)
{
    char text[600], when[TIME_TEXT_MAX];

    time_print(clock_wall_us() + life_s * 1000000LL, when);
    snprintf(text, sizeof text,
             "{\"Code\":\"Success\",\"AccessKeyId\":\"%s%d\","
             "\"SecretAccessKey\":\"s/+=\",\"Token\":\"tok\","
             "\"Expiration\":\"%s\"}",
             id, n, when);
    server_reply(fd, 200, "", text);
}

static void sts_reply(int fd, const char *request)
{
    bool right = strstr(request, "WebIdentityToken=jwt%3D%2F&") == NULL &&
                 strstr(request, "WebIdentityToken=jwt%3D%2F") &&
                 strstr(request, "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx");

    if (!right)
        server_reply(fd, 403, "", "<ErrorResponse/>");
    else
        server_reply(
            fd, 200, "",
            "<AssumeRoleWithWebIdentityResponse xmlns=\"x\">"
            "<AssumeRoleWithWebIdentityResult><Credentials>"
            "<AccessKeyId>STS</AccessKeyId><SecretAccessKey>a&amp;b"
            "</SecretAccessKey><SessionToken>st</SessionToken>"
            "<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
            "</AssumeRoleWithWebIdentityResult>"
            "</AssumeRoleWithWebIdentityResponse>");
}

static bool answer(struct server_seen *seen, int fd, const char *request, int n)
{
    if (seen->mode == BROKEN)
        server_reply(fd, 500, "", "broken");
    else if (seen->mode == SWITCHED_OFF)
        server_reply(fd, 403, "", "");
    else if (strncmp(request, "PUT /latest/api/token", 21) == 0)
        server_reply(fd, 200, "", "imds-token");
    else if (strncmp(request, "POST /sts", 9) == 0)
        sts_reply(fd, request);
    else if (strstr(request, "/short"))
        json_reply(fd, "SHORT", n, 30);
    else if (strstr(request, "/container"))
        strcasestr(request, "\r\nauthorization: Bearer x\r\n")
            ? json_reply(fd, "CONT", n, 3600)
            : server_reply(fd, 401, "", "no token");
    else if (!strcasestr(request, "\r\nx-aws-ec2-metadata-token: imds-token\r"))
        server_reply(fd, 401, "", "version 1");
    else if (strstr(request, "security-credentials/my-role "))
        json_reply(fd, "IMDS", n, 21600);
    else if (strstr(request, "security-credentials/ ") && seen->mode != REFUSES)
        server_reply(fd, 200, "", "my-role");
    else
        server_reply(fd, 404, "", "");
    return true;
}

/* ---- helpers ---- */

static void alone(void)
{
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    setenv("HOME", "/nonexistent", 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    srv.seen->mode = FAST;
}

static const char *in_folder(const char *name)
{
    static char path[4][128];
    static int turn;

    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static const char *file(const char *name, const char *text)
{
    const char *path = in_folder(name);
    FILE *f = fopen(path, "w");

    assert(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static void set_url(const char *variable, const char *path)
{
    char url[128];

    snprintf(url, sizeof url, "%s%s", srv.url, path);
    setenv(variable, url, 1);
}

static enum status ask(struct aws_credentials *c, struct sigv4_key *key,
                       struct err *err)
{
    *err = ERR_NONE;
    return aws_credentials_get(c, deadline_in(3000), key, err);
}

/* Opens, asks once, compares with `id secret token`, closes. */
static bool gives(const char *source, const char *expected)
{
    struct aws_credentials *c = aws_credentials_open("us-west-1");
    struct sigv4_key k;
    struct err err;
    char got[256] = "";
    bool ok = ask(c, &k, &err) == ST_OK;

    if (ok)
        snprintf(got, sizeof got, "%.*s %.*s %.*s", STR_ARG(k.id),
                 STR_ARG(k.secret), STR_ARG(k.token));
    ok = ok && strncmp(got, expected, strlen(expected)) == 0 &&
         strcmp(aws_credentials_source(c), source) == 0;
    if (!ok)
        tap_note("%s: got \"%s\" %s", aws_credentials_source(c), got, err.text);
    aws_credentials_close(&c);
    return ok;
}

static bool fails(const char *text)
{
    struct aws_credentials *c = aws_credentials_open("us-west-1");
    struct sigv4_key k;
    struct err err;
    bool ok = ask(c, &k, &err) != ST_OK && strstr(err.text, text);

    tap_note("%s %s", err.code, err.text);
    aws_credentials_close(&c);
    return ok;
}

/* ---- the sources ---- */

static void environment(void)
{
    alone();
    CHECK(fails("no AWS credentials"));
    setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
    CHECK(fails("AWS_SECRET_ACCESS_KEY is not set"));
    setenv("AWS_SECRET_ACCESS_KEY", "sec", 1);
    CHECK(gives("environment", "ENV sec "));
    setenv("AWS_SESSION_TOKEN", "tok", 1);
    setenv("AWS_PROFILE", "absent", 1); /* later in the chain: not asked */
    CHECK(gives("environment", "ENV sec tok"));
}

static void files(void)
{
    alone();
    setenv("HOME", folder, 1);
    mkdir(in_folder(".aws"), 0700);
    file(".aws/credentials",
         "# comment\n[default]\r\naws_access_key_id = DEF\r\n"
         "aws_secret_access_key=d=1\r\n\n[ work ]\naws_access_key_id=W\n"
         "aws_secret_access_key=w\naws_session_token = wt\n[half]\n"
         "aws_access_key_id=H\n");
    file(".aws/config",
         "[default]\nregion = x\naws_access_key_id = LATER\n"
         "s3 =\n  aws_access_key_id = nested\n[profile conf]\n"
         "aws_access_key_id = C\naws_secret_access_key = c\n"
         "[profile proc]\ncredential_process = /bin/x\n"
         "[bare]\naws_access_key_id = B\naws_secret_access_key = b\n"
         "[profile web]\nrole_arn = arn:aws:iam::1:role/x\n");
    CHECK(gives("shared files", "DEF d=1 "));
    setenv("AWS_PROFILE", "work", 1);
    CHECK(gives("shared files", "W w wt"));
    setenv("AWS_PROFILE", "conf", 1);
    CHECK(gives("shared files", "C c "));
    setenv("AWS_PROFILE", "half", 1);
    CHECK(fails("profile half has no aws_secret_access_key"));
    setenv("AWS_PROFILE", "proc", 1);
    CHECK(fails("credential_process is not supported"));
    setenv("AWS_PROFILE", "bare", 1);
    CHECK(fails("profile bare is in neither file"));
    unsetenv("AWS_PROFILE");
    setenv("AWS_SHARED_CREDENTIALS_FILE",
           file("other", "[default]\naws_access_key_id=O\n"
                         "aws_secret_access_key=o"),
           1);
    CHECK(gives("shared files", "O o "));
    setenv("AWS_SHARED_CREDENTIALS_FILE", folder, 1);
    CHECK(fails("Is a directory"));
}

static void web_identity(void)
{
    char text[400];

    alone();
    set_url("AWS_ENDPOINT_URL_STS", "/sts");
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", in_folder("jwt"), 1);
    CHECK(fails("AWS_ROLE_ARN is not set"));
    setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/x", 1);
    CHECK(fails("the token cannot be read"));
    file("jwt", "jwt=/\n");
    CHECK(gives("web identity", "STS a&b st"));
    file("jwt", "another");
    CHECK(fails("STS: 403"));
    alone();
    set_url("AWS_ENDPOINT_URL_STS", "/sts");
    snprintf(text, sizeof text,
             "[profile irsa]\nrole_arn=arn:aws:iam::1:role/x\n"
             "web_identity_token_file=%s\n",
             file("jwt", "jwt=/\n"));
    setenv("AWS_CONFIG_FILE", file("config2", text), 1);
    setenv("AWS_PROFILE", "irsa", 1);
    CHECK(gives("shared files", "STS a&b st"));
}

static void container(void)
{
    alone();
    set_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", "/container?x=1");
    CHECK(fails("401 no token"));
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file("tok", "Bearer x\n"),
           1);
    CHECK(gives("container", "CONT"));
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file("tok", "a\nb"), 1);
    CHECK(fails("line break"));
    unsetenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer x", 1);
    CHECK(gives("container", "CONT"));
    srv.seen->mode = BROKEN;
    CHECK(fails("500"));
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://192.0.2.1/x", 1);
    CHECK(fails("plain http only to this machine"));
    CHECK(aws_container_host_allowed(STR_LIT("https://a.example/x")));
    CHECK(aws_container_host_allowed(STR_LIT("http://169.254.170.23/v1")));
    CHECK(aws_container_host_allowed(STR_LIT("http://[::1]:80/v1")));
    CHECK(!aws_container_host_allowed(STR_LIT("http://127.0.0.1.example/")));
    CHECK(!aws_container_host_allowed(STR_LIT("http://localhost@evil/")));
}

static void instance(void)
{
    alone();
    unsetenv("AWS_EC2_METADATA_DISABLED");
    set_url("AWS_EC2_METADATA_SERVICE_ENDPOINT", "/");
    CHECK(gives("instance", "IMDS"));
    srv.seen->mode = REFUSES;
    CHECK(fails("no AWS credentials"));
    srv.seen->mode = SWITCHED_OFF;
    CHECK(fails("no instance role (instance metadata: 403"));
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1", 1);
    CHECK(fails("no AWS credentials"));
}

/* ---- the cache ---- */

static void caching(void)
{
    struct aws_credentials *c = aws_credentials_open("us-west-1");
    struct sigv4_key k;
    struct err err;
    char first[64];
    int before;

    alone();
    set_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", "/short");
    before = srv.seen->requests;
    CHECK(ask(c, &k, &err) == ST_OK && ask(c, &k, &err) == ST_OK);
    CHECK(srv.seen->requests == before + 1);
    snprintf(first, sizeof first, "%.*s", STR_ARG(k.id));

    aws_credentials_refused(c);
    CHECK(ask(c, &k, &err) == ST_OK && str_is(k.id, first));
    tap_note("refused within a second of the fetch: not asked again");
    clock_sleep_ms(1050);
    CHECK(ask(c, &k, &err) == ST_OK && !str_is(k.id, first));
    CHECK(srv.seen->requests == before + 2);

    snprintf(first, sizeof first, "%.*s", STR_ARG(k.id));
    srv.seen->mode = BROKEN;
    clock_sleep_ms(1050);
    aws_credentials_refused(c);
    CHECK(ask(c, &k, &err) == ST_OK && str_is(k.id, first));
    CHECK(srv.seen->requests == before + 3);
    tap_note("the source is broken: the old ones serve until they end");
    CHECK(ask(c, &k, &err) == ST_OK && srv.seen->requests == before + 3);
    aws_credentials_close(&c);
}

static void failing(void)
{
    struct aws_credentials *c = aws_credentials_open("us-west-1");
    struct sigv4_key k;
    struct err err;
    int before = srv.seen->requests;

    alone();
    set_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", "/short");
    srv.seen->mode = BROKEN;
    CHECK(ask(c, &k, &err) == ST_UNAVAILABLE);
    CHECK(ask(c, &k, &err) == ST_UNAVAILABLE && strstr(err.text, "500"));
    CHECK(srv.seen->requests == before + 1);
    srv.seen->mode = FAST;
    clock_sleep_ms(1050);
    CHECK(ask(c, &k, &err) == ST_OK);
    aws_credentials_close(&c);
}

int main(void)
{
    char rm[64];

    assert(mkdtemp(folder));
    log_open(in_folder("log"), LOG_DEBUG, "test");
    srv = server_start(answer);
    environment();
    files();
    web_identity();
    container();
    instance();
    caching();
    failing();
    server_stop(&srv);
    snprintf(rm, sizeof rm, "rm -r %s", folder);
    CHECK(system(rm) == 0);
    return tap_end();
}
