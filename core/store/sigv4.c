#include "store/sigv4.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>
#include "base/digest.h"

#define CANONICAL_MAX (1 << 20)

/* ---- canonical forms ---- */

static bool char_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
           c == '~';
}

static void uri_encode(struct buf *out, struct str s, char keep)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (char_unreserved(c) || (keep && c == keep))
            buf_putc(out, c);
        else
            buf_printf(out, "%%%02X", (unsigned char)c);
    }
}

void sigv4_encode(struct buf *out, struct str s)
{
    uri_encode(out, s, '\0');
}

void sigv4_encode_path(struct buf *out, struct str s)
{
    uri_encode(out, s, '/');
}

static int pair_cmp(const void *x, const void *y)
{
    const struct sigv4_pair *a = x, *b = y;
    int c = str_cmp(a->name, b->name);

    return c ? c : str_cmp(a->value, b->value);
}

static struct str uri_encoded(struct str s, struct arena *a)
{
    struct buf b;
    struct str out;

    buf_init(&b, 3 * s.n + 1);
    sigv4_encode(&b, s);
    assert(buf_ok(&b));
    out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return out;
}

struct str sigv4_query(const struct sigv4_pair *param, size_t n,
                       struct arena *a)
{
    struct sigv4_pair *p = arena_alloc_n(a, n ? n : 1, sizeof *p);
    struct buf b;
    struct str out;

    for (size_t i = 0; i < n; i++) {
        p[i].name = uri_encoded(param[i].name, a);
        p[i].value = uri_encoded(param[i].value, a);
    }
    if (n)
        qsort(p, n, sizeof *p, pair_cmp); /* by the encoded text */
    buf_init(&b, CANONICAL_MAX);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s%.*s=%.*s", i ? "&" : "", STR_ARG(p[i].name),
                   STR_ARG(p[i].value));
    assert(buf_ok(&b));
    out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return out;
}

static void put_folded(struct buf *out, struct str value)
{
    value = str_trim(value);
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] != ' ' || value.p[i - 1] != ' ')
            buf_putc(out, value.p[i]);
}

static struct str signed_headers(const struct sigv4_pair *h, size_t n,
                                 struct arena *a)
{
    struct buf b;
    struct str out;

    buf_init(&b, CANONICAL_MAX);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_putc(&b, ';');
        buf_put(&b, h[i].name);
    }
    assert(buf_ok(&b));
    out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return out;
}

static void canonical_hash(const struct sigv4_request *r,
                           const struct sigv4_pair *h, struct str names,
                           char hex[SHA256_HEX + 1])
{
    struct buf b;

    buf_init(&b, CANONICAL_MAX);
    buf_printf(&b, "%s\n%.*s\n%.*s\n", r->method, STR_ARG(r->path),
               STR_ARG(r->query));
    for (size_t i = 0; i < r->headers; i++) {
        buf_put(&b, h[i].name);
        buf_putc(&b, ':');
        put_folded(&b, h[i].value);
        buf_putc(&b, '\n');
    }
    buf_printf(&b, "\n%.*s\n%s", STR_ARG(names), r->payload_sha256);
    assert(buf_ok(&b));
    digest_sha256(buf_str(&b), hex);
    buf_free(&b);
}

/* ---- the signature ---- */

void sigv4_date(int64_t now_us, char out[SIGV4_DATE_MAX + 1])
{
    time_t t = (time_t)(now_us / 1000000);
    struct tm tm;
    size_t n;

    gmtime_r(&t, &tm);
    n = strftime(out, SIGV4_DATE_MAX + 1, "%Y%m%dT%H%M%SZ", &tm);
    assert(n == SIGV4_DATE_MAX);
}

static void signing_key(const struct sigv4_request *r, struct str secret,
                        struct arena *a, unsigned char key[SHA256_SIZE])
{
    struct str first = arena_printf(a, "AWS4%.*s", STR_ARG(secret));

    digest_hmac_sha256(first.p, first.n, (struct str){r->date, 8}, key);
    digest_hmac_sha256(key, SHA256_SIZE, str_of(r->region), key);
    digest_hmac_sha256(key, SHA256_SIZE, str_of(r->service), key);
    digest_hmac_sha256(key, SHA256_SIZE, STR_LIT("aws4_request"), key);
}

struct str sigv4_authorization(const struct sigv4_request *r,
                               const struct sigv4_key *key, struct arena *a)
{
    struct sigv4_pair *h = arena_alloc_n(a, r->headers, sizeof *h);
    unsigned char derived[SHA256_SIZE], mac[SHA256_SIZE];
    char hash[SHA256_HEX + 1], signature[SHA256_HEX + 1];
    struct str names, scope, text;

    assert(strlen(r->date) == SIGV4_DATE_MAX && r->headers > 0);
    memcpy(h, r->header, r->headers * sizeof *h);
    qsort(h, r->headers, sizeof *h, pair_cmp);
    names = signed_headers(h, r->headers, a);
    canonical_hash(r, h, names, hash);
    scope = arena_printf(a, "%.8s/%s/%s/aws4_request", r->date, r->region,
                         r->service);
    text = arena_printf(a, "AWS4-HMAC-SHA256\n%s\n%.*s\n%s", r->date,
                        STR_ARG(scope), hash);
    signing_key(r, key->secret, a, derived);
    digest_hmac_sha256(derived, sizeof derived, text, mac);
    digest_hex(mac, sizeof mac, signature);
    return arena_printf(a,
                        "AWS4-HMAC-SHA256 Credential=%.*s/%.*s, "
                        "SignedHeaders=%.*s, Signature=%s",
                        STR_ARG(key->id), STR_ARG(scope), STR_ARG(names),
                        signature);
}
