#include "base/digest.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

void digest_hex(const unsigned char *p, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * n] = '\0';
}

void digest_base64(const unsigned char *p, size_t n, char *out)
{
    (void)EVP_EncodeBlock((unsigned char *)out, p, (int)n);
}

static void digest(const EVP_MD *kind, struct str s, unsigned char *out)
{
    int ok = EVP_Digest(s.p ? s.p : "", s.n, out, NULL, kind, NULL);

    assert(ok == 1);
}

void digest_sha256(struct str s, char hex[SHA256_HEX + 1])
{
    unsigned char md[SHA256_SIZE];

    digest(EVP_sha256(), s, md);
    digest_hex(md, sizeof md, hex);
}

void digest_md5(struct str s, unsigned char out[MD5_SIZE])
{
    digest(EVP_md5(), s, out);
}

void digest_hmac_sha256(const void *key, size_t n, struct str s,
                        unsigned char out[SHA256_SIZE])
{
    unsigned int len = SHA256_SIZE;
    const void *ok = HMAC(EVP_sha256(), key, (int)n, (const unsigned char *)s.p,
                          s.n, out, &len);

    assert(ok && len == SHA256_SIZE);
}
