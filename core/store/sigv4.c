#include "store/sigv4.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define SHA256_SIZE 32
#define CANONICAL_MAX (1 << 20)

/* ---- hashes ---- */

static void hex_of(const unsigned char *p, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * n] = '\0';
}

void sigv4_sha256(struct str s, char hex[SHA256_HEX + 1])
{
    unsigned char md[SHA256_SIZE];
    int ok = EVP_Digest(s.p ? s.p : "", s.n, md, NULL, EVP_sha256(), NULL);

    assert(ok == 1);
    hex_of(md, sizeof md, hex);
}

static void hmac(const void *key, size_t n, struct str s,
                 unsigned char out[SHA256_SIZE])
{
    unsigned int len = SHA256_SIZE;
    const void *ok = HMAC(EVP_sha256(), key, (int)n, (const unsigned char *)s.p,
                          s.n, out, &len);

    assert(ok && len == SHA256_SIZE);
}

/* ---- canonical forms ---- */

static bool unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
           c == '~';
}

static void encode(struct buf *out, struct str s, char keep)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (unreserved(c) || (keep && c == keep))
            buf_putc(out, c);
        else
            buf_printf(out, "%%%02X", (unsigned char)c);
    }
}

void sigv4_encode(struct buf *out, struct str s)
{
    encode(out, s, '\0');
}

void sigv4_encode_path(struct buf *out, struct str s)
{
    encode(out, s, '/');
}

static int pair_cmp(const void *x, const void *y)
{
    const struct sigv4_pair *a = x, *b = y;
    int c = str_cmp(a->name, b->name);

    return c ? c : str_cmp(a->value, b->value);
}

static struct str encoded(struct str s, struct arena *a)
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
        p[i].name = encoded(param[i].name, a);
        p[i].value = encoded(param[i].value, a);
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
    sigv4_sha256(buf_str(&b), hex);
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

    hmac(first.p, first.n, (struct str){r->date, 8}, key);
    hmac(key, SHA256_SIZE, str_of(r->region), key);
    hmac(key, SHA256_SIZE, str_of(r->service), key);
    hmac(key, SHA256_SIZE, STR_LIT("aws4_request"), key);
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
    hmac(derived, sizeof derived, text, mac);
    hex_of(mac, sizeof mac, signature);
    return arena_printf(a,
                        "AWS4-HMAC-SHA256 Credential=%.*s/%.*s, "
                        "SignedHeaders=%.*s, Signature=%s",
                        STR_ARG(key->id), STR_ARG(scope), STR_ARG(names),
                        signature);
}
