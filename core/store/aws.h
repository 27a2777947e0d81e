/*
 * aws.h - signed requests to one AWS service: what S3 and DynamoDB share.
 *
 *   request -> sign -> http -> verdict -> answer
 *                ^                |
 *                +-- wait a bit --+   5xx, 429, throttled, timeout, lost
 *                +-- new key -----+   ExpiredToken, once a request
 *                +-- new clock ---+   time skewed, once a request
 *
 * Tries again with full jitter, never on 403 or 404 (but for the two cases
 * above), at most a few times, never past the deadline, and only while the
 * service's budget of retries lasts: good answers fill it, so that an outage
 * is not answered with a multiple of the load.
 */
#ifndef DG_STORE_AWS_H
#define DG_STORE_AWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "store/sigv4.h"

struct aws;

struct aws_request;
struct aws_reply;

struct aws_options {
    const char *service; /* "s3", "dynamodb" */
    const char *region;
    const char *endpoint;    /* http[s]://host[:port], nothing behind it */
    const char *host_prefix; /* "bucket." in front of the host, or "" */
    const char *ca_file;     /* as of http.h */
    int connections;         /* calls at once */
    /* Of each request that the service answered; NULL: nobody wants to know. */
    void (*answered)(const void *ctx, const struct aws_request *r,
                     enum status st, const struct aws_reply *reply);
    const void *ctx;
};

enum status aws_open(const struct aws_options *o, struct aws **out,
                     struct err *err) MUST_CHECK;
/*
    ST_BAD_REQUEST for an endpoint of another form. Connects to nothing yet.
 */
void aws_close(struct aws **w);

struct aws_request {
    const char *method;
    struct str path; /* of sigv4_encode_path(), starting with a slash */
    const struct sigv4_pair *query; /* raw */
    size_t queries;
    const struct sigv4_pair *header; /* names in lower case; all are signed */
    size_t headers;
    bool asks_gzip; /* Accept-Encoding: gzip, not signed: proxies change it */
    struct str body;
    size_t max_body; /* of a good reply */
    /* Whether a 2xx is the service's own answer to this, not the page of
     * something in between; NULL: any is. */
    bool (*own)(int code, struct str head, struct str body);
    void *user;
};

#define AWS_FAULT_MAX 64
struct aws_reply {
    int code;        /* HTTP's; 0: none came */
    struct str head; /* for http_header() */
    struct str body;
    char fault[AWS_FAULT_MAX]; /* "NoSuchKey", ...; empty without one */
    /*
     * An earlier try of this request failed in a way that leaves open whether
     * it was carried out: a 412 may be the answer to our own success.
     */
    bool unsure;
    bool refused; /* the service will not have it (4xx), now or later */
};

enum status aws_call(struct aws *w, const struct aws_request *r,
                     struct deadline d, struct arena *a, struct aws_reply *out,
                     struct err *err) MUST_CHECK;
/*
    One request; the reply's texts in the arena. Results:
      ST_OK           2xx
      ST_NOT_FOUND    the thing is not there, in the service's own words
      ST_PRECONDITION a condition did not hold (304 is one of them)
      ST_BUSY         409: another writer interfered
      ST_DENIED       refused: credentials or rights, or there are none
      ST_UNAVAILABLE  all else: not reached, refused for now after all tries,
                      the bucket or table is missing or in another region, an
                      answer that is not understood. Code "cut_short": each
                      ended too early; "reply_too_large": over max_body
      ST_TIMEOUT      the deadline is over; the outcome is unknown
    What the service says of its own state is never the client's mistake.
 */

typedef bool (*aws_next)(void *ctx, struct arena *a, struct aws_request *out);
/*
    Fills in the next request, with texts that may lie in the arena (they live
    until it is done); false: there are no more for now. It is asked again
    whenever a request is done, which may have made another one possible.
 */
typedef enum status (*aws_done)(void *ctx, const struct aws_request *r,
                                enum status st, const struct aws_reply *reply,
                                const struct err *err);
/*
    How one ended, as aws_call would return it; the texts live during the call.
    Anything but ST_OK ends the run with that status. Must not use the same
    struct aws.
 */

enum status aws_run(struct aws *w, aws_next next, aws_done done, void *ctx,
                    struct deadline d) MUST_CHECK;
/*
    All requests that next gives, `connections` at once, in any order, until
    none is under way and next has no more. Returns
    what a callback ended it with; the error's text is the callback's business.
 */

#endif
