#include "store/s3.h"

#include <assert.h>
#include <stdio.h>
#include "base/digest.h"
#include "store/http.h"
#include "store/refusals.h"

/* ---- refusals ---- */

/* Which of the service's rights that request needs; RIGHTS: none of them. */
static enum right request_right(const struct aws_request *r)
{
    bool agreed = str_ends(r->path, STR_LIT("/installation.json"));

    for (size_t i = 0; i < r->queries; i++)
        if (str_is(r->query[i].name, "list-type"))
            return RIGHT_LIST;
    if (r->queries) /* a setting, or a version */
        return RIGHTS;
    if (strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0)
        return agreed ? RIGHT_AGREED_GET : RIGHT_GET;
    if (strcmp(r->method, "PUT") == 0)
        return agreed ? RIGHT_AGREED_PUT : RIGHT_PUT;
    return strcmp(r->method, "DELETE") == 0 ? RIGHT_DELETE : RIGHTS;
}

static void s3_answered(const void *ctx, const struct aws_request *r,
                        enum status st, const struct aws_reply *reply)
{
    enum right right = request_right(r);

    (void)ctx;
    if (right != RIGHTS)
        refusal_note(right, st, reply);
}

/* ---- the address ---- */

static bool bucket_valid(struct str name)
{
    bool ok = name.n >= 3 && name.n <= S3_BUCKET_MAX && name.p[0] != '.' &&
              name.p[0] != '-' && name.p[name.n - 1] != '.' &&
              name.p[name.n - 1] != '-';

    for (size_t i = 0; ok && i < name.n; i++) {
        char c = name.p[i];

        ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
             (c == '.' && name.p[i - 1] != '.');
    }
    return ok;
}

static bool host_is_number(const char *endpoint)
{
    const char *host = strstr(endpoint, "://") + 3;

    return host[0] == '[' || strspn(host, "0123456789.") == strcspn(host, ":/");
}

/*
 * A number has no subdomains; and AWS's certificate covers one label before
 * the service's name only.
 */
static bool wants_path_style(const struct conf *c, const char *endpoint,
                             struct str bucket)
{
    return c->s3_path_style || host_is_number(endpoint) ||
           (memchr(bucket.p, '.', bucket.n) &&
            strncmp(endpoint, "https", 5) == 0);
}

enum status s3_open(struct s3 *s, const struct conf *c, struct str bucket,
                    struct err *err)
{
    bool china = str_starts(str_of(c->s3_region), STR_LIT("cn-"));
    char endpoint[256], prefix[S3_BUCKET_MAX + 2] = "";
    int n;

    *s = (struct s3){0};
    if (!bucket_valid(bucket))
        return err_set(err, ST_BAD_REQUEST, NULL,
                       "objects.url = s3://%.*s: no bucket can be called so",
                       bucket.n > 100 ? 100 : (int)bucket.n, bucket.p);
    n = c->s3_endpoint[0]
            ? snprintf(endpoint, sizeof endpoint, "%s", c->s3_endpoint)
            : snprintf(endpoint, sizeof endpoint,
                       "https://s3.%s.amazonaws.com%s", c->s3_region,
                       china ? ".cn" : "");
    if (n >= (int)sizeof endpoint || strlen(c->s3_region) >= sizeof s->region)
        return err_set(err, ST_BAD_REQUEST, NULL,
                       "s3.endpoint or s3.region is too long");
    if (endpoint[n - 1] == '/')
        endpoint[n - 1] = '\0';
    snprintf(s->bucket, sizeof s->bucket, "%.*s", STR_ARG(bucket));
    snprintf(s->region, sizeof s->region, "%s", c->s3_region);
    s->foreign = c->s3_endpoint[0] != '\0';
    s->path_style = wants_path_style(c, endpoint, bucket);
    if (!s->path_style)
        snprintf(prefix, sizeof prefix, "%s.", s->bucket);
    return aws_open(&(struct aws_options){"s3", c->s3_region, endpoint, prefix,
                                          c->s3_ca_file, (int)c->s3_connections,
                                          s3_answered, NULL},
                    &s->aws, err);
}

void s3_close(struct s3 *s)
{
    aws_close(&s->aws);
}

struct str s3_path(const struct s3 *s, struct str key, struct arena *a)
{
    struct buf b;
    struct str out;

    buf_init(&b, 3 * key.n + S3_BUCKET_MAX + 3);
    buf_putc(&b, '/');
    if (s->path_style)
        buf_printf(&b, "%s%s", s->bucket, key.n ? "/" : "");
    sigv4_encode_path(&b, key);
    assert(buf_ok(&b));
    out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return out;
}

/* ---- requests ---- */

enum status s3_call(const struct s3 *s, const struct s3_ask *ask,
                    struct deadline d, struct arena *a, struct aws_reply *out,
                    struct err *err)
{
    struct aws_request r = {
        .method = ask->method,
        .path = s3_path(s, ask->key, a),
        .query = ask->query,
        .queries = ask->queries,
        .header = ask->header,
        .headers = ask->headers,
        .body = ask->body,
        .max_body = ask->max,
        .asks_gzip = ask->asks_gzip,
        .own = ask->own,
    };

    return aws_call(s->aws, &r, d, a, out, err);
}

bool s3_etag(struct str quoted, struct etag *out)
{
    if (str_starts(quoted, STR_LIT("W/"))) {
        quoted.p += 2;
        quoted.n -= 2;
    }
    if (quoted.n >= 2 && quoted.p[0] == '"' && quoted.p[quoted.n - 1] == '"') {
        quoted.p++;
        quoted.n -= 2;
    }
    if (quoted.n == 0 || quoted.n > ETAG_MAX)
        return false;
    memcpy(out->z, quoted.p, quoted.n);
    out->z[quoted.n] = '\0';
    return true;
}

struct str s3_md5(struct str body, struct arena *a)
{
    unsigned char md[MD5_SIZE];
    char *out = arena_alloc(a, DIGEST_BASE64(sizeof md) + 1);

    digest_md5(body, md);
    digest_base64(md, sizeof md, out);
    return str_of(out);
}

bool s3_own_version(int code, struct str head, struct str body)
{
    struct etag etag;

    (void)code;
    (void)body;
    return s3_etag(http_header(head, "etag"), &etag);
}

bool s3_own_removal(int code, struct str head, struct str body)
{
    (void)head;
    return code == 204 || body.n == 0;
}

enum status s3_head(const struct s3 *s, struct str key, struct deadline d,
                    struct arena *a, struct etag *out, struct err *err)
{
    struct sigv4_pair first = {STR_LIT("range"), STR_LIT("bytes=0-0")};
    struct s3_ask ask = {.method = "HEAD",
                         .key = key,
                         .header = &first,
                         .max = S3_XML_MAX,
                         .own = s3_own_version};
    struct aws_reply reply;
    enum status st = s3_call(s, &ask, d, a, &reply, err);

    if (st == ST_NOT_FOUND) {
        ask.method = "GET";
        ask.headers = 1;
        st = s3_call(s, &ask, d, a, &reply, err);
    }
    if (st == ST_OK)
        (void)s3_etag(http_header(reply.head, "etag"), out);
    return st;
}
