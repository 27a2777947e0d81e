/*
 * sigv4.h - AWS Signature Version 4, and the one place where paths and
 * queries are made canonical.
 *
 * What is signed is what is sent: the callers build path and query with the
 * functions below, give the same text to sigv4_authorization() and to http,
 * and send exactly the headers that they signed.
 *
 * Source: AWS General Reference, "Signature Version 4 signing process"; S3
 * API Reference, "Authenticating Requests: Using the Authorization Header".
 */
#ifndef DG_STORE_SIGV4_H
#define DG_STORE_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

struct sigv4_key {
    struct str id, secret;
    struct str token; /* of a session; empty: none. The caller sends it as
                         x-amz-security-token, among the signed headers */
};

struct sigv4_pair {
    struct str name, value; /* a header (name in lower case) or a parameter */
};

void sigv4_encode(struct buf *out, struct str s);
/*
    Appends s with every byte but `A-Z a-z 0-9 - _ . ~` as %XX, upper case.
 */
void sigv4_encode_path(struct buf *out, struct str s);
/*
    The same, keeping `/`. S3 encodes once and never normalises: a key with
    `..` or `//` is what it says.
 */
struct str sigv4_query(const struct sigv4_pair *param, size_t n,
                       struct arena *a);
/*
    `a=1&b=` from raw names and values: encoded, then sorted by name and value;
    a parameter without a value keeps its `=`.
 */

#define SIGV4_DATE_MAX 16
void sigv4_date(int64_t now_us, char out[SIGV4_DATE_MAX + 1]);
/*
    `20150830T123600Z`: the value of x-amz-date.
 */

struct sigv4_request {
    const char *method;
    struct str path, query;          /* as they are sent */
    const struct sigv4_pair *header; /* all of them signed; any order */
    size_t headers;
    const char *payload_sha256; /* of digest_sha256() */
    const char *region, *service;
    const char *date; /* of sigv4_date() */
};

struct str sigv4_authorization(const struct sigv4_request *r,
                               const struct sigv4_key *key, struct arena *a);
/*
    The value of the Authorization header. Header values are signed without
    blanks at their ends and with runs of blanks as one, as the server does.
 */

#endif
