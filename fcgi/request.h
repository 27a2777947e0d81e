/*
 * request.h - one FastCGI request at a time, by libfcgi; nobody else sees it.
 *
 * The library is handed accepted connections and never accepts by itself:
 * a signal that arrives just before its accept() would be lost until the next
 * connection, and a signal in the middle of its reads (they do not repeat on
 * EINTR) would break a request that was already taken. So the worker waits by
 * epoll_pwait, the only place where signals get in, and the connection has
 * time limits of its own, which the library lacks.
 */
#ifndef DG_FCGI_REQUEST_H
#define DG_FCGI_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "fcgi/handover.h"

struct request;

struct request *request_new(void);
/*
    Initialises the library: install signal handlers after this.
 */
void request_free(struct request **r);

void request_hand_over(struct request *r, const struct handover_channel *c,
                       const char *folder);
/*
    From now on no answer waits for its client: what is not taken at once is
   kept in a file in the folder, and its rest goes into the channel. Both must
   outlive the request.
 */

void request_limits(int fd, int64_t timeout_ms);
/*
    Of a connection that is new to this process: longest wait for a write, and
    for reading when it is less than two seconds.
 */
bool request_take(struct request *r, int fd, int64_t timeout_ms);
/*
    Reads a request's parameters from a connection (now the request's own).
    False: the client left, sent not all of them within two seconds, or does not
    speak FastCGI; the connection is closed. timeout_ms: as above.
 */
int request_release(struct request *r);
/*
    After request_finish: the connection, when the web server asked to keep it
    and it is still here; the caller's from now on. Else -1.
 */
void request_keep_not(struct request *r);
/*
    For this answer the web server closes the connection whatever it asked: it
    is closed here, too, which is cheaper than to wait for that.
 */
void request_watched(struct request *r, int epoll_fd);
/*
    A connection may be watched there: that ends before it goes elsewhere.
 */

struct str request_param(const struct request *r, const char *name);
/*
    A FastCGI parameter; STR_NONE when it is not there. Valid until
    request_finish.
 */

enum status request_body(struct request *r, struct str declared, size_t limit,
                         struct deadline d, struct arena *a, struct str *out,
                         struct err *err) MUST_CHECK;
/*
    declared: CONTENT_LENGTH as sent. Reads that many bytes. ST_BAD_REQUEST:
    length_required (absent or no plain number), body_short (the client hung
    up or sent less), body_long; ST_TOO_LARGE: body_too_large, nothing is kept;
    ST_TIMEOUT: body_slow, nothing came for two seconds, or not all of it in
   time.
 */

enum status request_write(struct request *r, struct str bytes) MUST_CHECK;
/*
    Of the response, CGI headers first. ST_GONE_CLIENT when the client hung up
    (without request_hand_over: or took nothing for timeout_ms), or when what it
    did not take cannot be kept.
 */

enum status request_finish(struct request *r, struct str request_id,
                           size_t *unsent) MUST_CHECK;
/*
    Sends what is buffered and ends the request. ST_GONE_CLIENT as above.
    *unsent: bytes that were handed over, under that id. Where the web server
    keeps the connection, what it sent and nobody read is read first: a close
    could meet its next request.
 */
void request_abort(struct request *r);
/*
    Closes the connection in mid-answer, so that the web server knows that the
    answer is cut.
 */

void request_last_words(struct request *r, struct str answer);
/*
    The whole answer of a request whose process ends now, for want of memory:
    takes none. What was written before is forgotten.
 */

#endif
