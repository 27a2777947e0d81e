/* digest.h - the hashes that S3 and its signatures are made of. */
#ifndef DG_BASE_DIGEST_H
#define DG_BASE_DIGEST_H

#include <stddef.h>
#include "base/str.h"

#define SHA256_SIZE 32
#define SHA256_HEX 64
#define MD5_SIZE 16

void digest_sha256(struct str s, char hex[SHA256_HEX + 1]);
void digest_hmac_sha256(const void *key, size_t n, struct str s,
                        unsigned char out[SHA256_SIZE]);
void digest_md5(struct str s, unsigned char out[MD5_SIZE]);
/*
    Against damage, not against forgers: it is what an ETag is.
 */
#define DIGEST_BASE64(n) (((n) + 2) / 3 * 4)
void digest_base64(const unsigned char *p, size_t n, char *out);
/*
    Writes DIGEST_BASE64(n) characters, and a NUL.
 */
void digest_hex(const unsigned char *p, size_t n, char *out);
/*
    Writes 2 * n digits, lower case, and a NUL.
 */

#endif
