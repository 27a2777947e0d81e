#include "store/aws_sign.h"

#include "base/digest.h"

#define OWN_HEADERS 4 /* host, date, content hash, token */

struct signing {
    struct sigv4_pair *header;
    size_t n;
};

static void sign_also(struct signing *s, const char *name, struct str value)
{
    s->header[s->n++] = (struct sigv4_pair){str_of(name), value};
}

static void put_signed_headers(struct http_call *call, const struct signing *s,
                               struct str authorization, bool asks_gzip,
                               struct arena *a)
{
    const char **line = arena_alloc_n(a, s->n + 2, sizeof(const char *));

    for (size_t i = 0; i < s->n; i++)
        line[i] = arena_printf(a, "%.*s: %.*s", STR_ARG(s->header[i].name),
                               STR_ARG(s->header[i].value))
                      .p;
    line[s->n] =
        arena_printf(a, "authorization: %.*s", STR_ARG(authorization)).p;
    call->header = line;
    if (asks_gzip)
        line[s->n + 1] = "accept-encoding: gzip";
    call->headers = s->n + 1 + asks_gzip;
}

void aws_sign(const struct aws_signer *who, const struct aws_request *r,
              const struct sigv4_key *key, struct arena *a,
              struct http_call *call)
{
    struct signing s = {
        arena_alloc_n(a, r->headers + OWN_HEADERS, sizeof *s.header),
        r->headers};
    struct str query = sigv4_query(r->query, r->queries, a);
    char *sha = arena_alloc(a, SHA256_HEX + 1);
    char *date = arena_alloc(a, SIGV4_DATE_MAX + 1);

    if (r->headers)
        memcpy(s.header, r->header, r->headers * sizeof *s.header);
    digest_sha256(r->body, sha);
    sigv4_date(who->now_us, date);
    sign_also(&s, "host", str_of(who->host));
    sign_also(&s, "x-amz-date", str_of(date));
    if (strcmp(who->service, "s3") == 0)
        sign_also(&s, "x-amz-content-sha256", str_of(sha));
    if (key->token.n)
        sign_also(&s, "x-amz-security-token", key->token);
    put_signed_headers(
        call, &s,
        sigv4_authorization(
            &(struct sigv4_request){r->method, r->path, query, s.header, s.n,
                                    sha, who->region, who->service, date},
            key, a),
        r->asks_gzip, a);
    call->method = r->method;
    call->url = arena_printf(a, "%s%.*s%s%.*s", who->base, STR_ARG(r->path),
                             query.n ? "?" : "", STR_ARG(query))
                    .p;
    call->body = r->body;
    call->max_body = r->max_body;
}
