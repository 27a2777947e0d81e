/*
 * http.h - HTTP requests over kept connections; the only file that knows
 * libcurl.
 *
 * A struct http belongs to one process (opened after the fork) and one thread.
 * Many calls can be under way at once: start them, then take them as they end.
 * Nothing is changed on the way: the URL, the headers and the body go out byte
 * for byte as given (they are signed), a compressed body comes in as it is,
 * redirects are not followed, no proxy is used. A connection on which anything
 * went wrong is dropped.
 */
#ifndef DG_STORE_HTTP_H
#define DG_STORE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct http;

struct http_options {
    int connections;     /* the most that are open at once */
    const char *ca_file; /* certificates to trust; empty: the system's */
};

struct http *http_open(const struct http_options *o);
/*
    Connects to nothing yet. Never NULL.
 */
void http_close(struct http **h);
/*
    Every call must have ended or been cancelled.
 */

struct http_call {
    /* The request. The memory stays the caller's, unchanged until the end. */
    const char *method;
    const char *url;           /* absolute, already encoded */
    const char *const *header; /* "Name: value" */
    size_t headers;
    struct str body;    /* sent for PUT and POST */
    size_t max_body;    /* of a good reply (2xx); others: cut at 64 KB */
    int64_t timeout_ms; /* of the whole call */
    void *user;

    /* The reply. */
    enum status st; /* ST_OK: a whole reply, whatever its code */
    struct err err;
    int code; /* 0: none came */
    int sent; /* how often the request went out: libcurl sends it again by
                 itself when a kept connection ends without an answer, so that
                 the server may have done twice what was asked */
    struct buf head; /* the header lines */
    struct buf body_in;

    void *under_way; /* http's own */
};

void http_call_init(struct http_call *c);
void http_call_free(struct http_call *c);
/*
    Frees the two buffers; not while the call is under way.
 */

void http_start(struct http *h, struct http_call *c);
/*
    Empties the reply's buffers and begins. The call ends with one of
      ST_OK           the reply is whole (Content-Length or the last chunk came)
      ST_TIMEOUT      timeout_ms is over; what the server did is unknown
      ST_UNAVAILABLE  no connection (code "unreachable"), the server's
                      certificate is not trusted ("tls_failed"), the
                      connection was lost ("connection_lost"), or the body
                      was cut short ("cut_short")
      ST_TOO_LARGE    a good reply's body is over max_body
 */
struct http_call *http_wait(struct http *h, struct deadline until);
/*
    The next call that ended. NULL: none ended until then, or none is under
    way (then at once).
 */
void http_cancel(struct http *h, struct http_call *c);
/*
    Ends a call without a reply; its connection is dropped.
 */

enum status http_do(struct http *h, struct http_call *c);
/*
    One call, waited for; no other may be under way. Returns c->st.
 */

struct str http_header(struct str head, const char *name);
/*
    head: a call's header lines. The value of the first header of that name, in
    whatever case, without blanks around it; STR_NONE without one.
 */

bool http_date(struct str value, int64_t *us);
/*
    A Date or Last-Modified header as microseconds since 1970.
 */

#endif
