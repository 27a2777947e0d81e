#include "fcgi/request.h"

#include <assert.h>
#include <errno.h>
#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define READ_PIECE 65536
struct request {
    FCGX_Request fcgx;
    bool keep_conn;
};

struct request *request_new(bool keep_conn)
{
    struct request *r = calloc(1, sizeof *r);
    int rc;

    assert(r);
    r->keep_conn = keep_conn;
    /* After an answer the library waits so many ms (2,000 by default) for the
     * web server to close first; a web server that does not would hold the
     * worker. */
    rc = setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "200", 0);
    assert(rc == 0);
    rc = FCGX_Init();
    assert(rc == 0);
    rc = FCGX_InitRequest(&r->fcgx, -1, FCGI_FAIL_ACCEPT_ON_INTR);
    assert(rc == 0);
    return r;
}

void request_free(struct request **rp)
{
    FCGX_Free(&(*rp)->fcgx, 1);
    free(*rp);
    *rp = NULL;
}

static void socket_timeouts(int fd, int64_t ms)
{
    struct timeval t = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    int rc;

    rc = setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    assert(rc == 0);
    rc = setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
    assert(rc == 0);
}

bool request_take(struct request *r, int fd, int64_t timeout_ms)
{
    if (fd >= 0) {
        assert(r->fcgx.ipcFd < 0);
        socket_timeouts(fd, timeout_ms);
        /*
         * Two members that the header calls private; its ABI has not changed
         * since 2.4.0. FCGX_Accept_r reads on from a kept connection, so ours
         * is given to it as one (else it would close it first). When that
         * fails it turns to accept() on our -1 and so comes back.
         */
        r->fcgx.ipcFd = fd;
        r->fcgx.keepConnection = 1;
    }
    return FCGX_Accept_r(&r->fcgx) == 0;
}

int request_kept(const struct request *r)
{
    return r->fcgx.ipcFd;
}

struct str request_param(const struct request *r, const char *name)
{
    return str_of(FCGX_GetParam(name, r->fcgx.envp));
}

/* Digits only: no sign, no blanks, nothing that overflows. */
static bool length_parse(struct str s, int64_t *out)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return str_to_i64(s, out);
}

static enum status body_read(struct request *r, char *p, size_t n,
                             struct deadline d, struct err *err)
{
    size_t at = 0;

    while (at < n) {
        size_t want = n - at < READ_PIECE ? n - at : READ_PIECE;
        int got = FCGX_GetStr(p + at, (int)want, r->fcgx.in);

        at += (size_t)got;
        if ((size_t)got < want)
            return err_set(err, ST_BAD_REQUEST, "body_short",
                           "The body ended after %zu of %zu bytes", at, n);
        if (at < n && deadline_over(d))
            return err_set(err, ST_TIMEOUT, "body_slow",
                           "The body did not arrive in time");
    }
    if (FCGX_GetChar(r->fcgx.in) >= 0)
        return err_set(err, ST_BAD_REQUEST, "body_long",
                       "The body is longer than its Content-Length");
    return ST_OK;
}

enum status request_body(struct request *r, struct str declared, size_t limit,
                         struct deadline d, struct arena *a, struct str *out,
                         struct err *err)
{
    int64_t n;
    char *p;

    /* What is left unread here is read and dropped by the library's close: a
     * unix socket closed with unread bytes is reset, and the web server would
     * not see the answer. */
    if (!length_parse(declared, &n))
        return err_set(err, ST_BAD_REQUEST, "length_required",
                       "A Content-Length is required");
    if ((uint64_t)n > limit)
        return err_set(err, ST_TOO_LARGE, "body_too_large",
                       "The body is larger than %zu bytes", limit);
    p = arena_alloc(a, (size_t)n + 1);
    *out = (struct str){p, (size_t)n};
    return body_read(r, p, (size_t)n, d, err);
}

enum status request_write(struct request *r, struct str bytes)
{
    assert(bytes.n <= INT32_MAX);
    if (bytes.n == 0)
        return ST_OK;
    return FCGX_PutStr(bytes.p, (int)bytes.n, r->fcgx.out) == (int)bytes.n
               ? ST_OK
               : ST_GONE_CLIENT;
}

/*
 * A client may ask to keep the connection at any time; it is ours to refuse,
 * for while it is idle it has a worker to itself. And the next request must
 * not begin in the middle of this one's body.
 */
static bool keep_wanted(struct request *r)
{
    return r->keep_conn && FCGX_GetChar(r->fcgx.in) < 0 &&
           FCGX_GetError(r->fcgx.in) == 0;
}

enum status request_finish(struct request *r)
{
    bool gone;

    if (r->fcgx.keepConnection && !keep_wanted(r))
        r->fcgx.keepConnection = 0;
    /* In the library's own order, because FCGX_Finish_r does not tell. */
    gone = FCGX_FClose(r->fcgx.err) != 0;
    gone = FCGX_FClose(r->fcgx.out) != 0 || gone;
    FCGX_Finish_r(&r->fcgx);
    return gone ? ST_GONE_CLIENT : ST_OK;
}

void request_abort(struct request *r)
{
    FCGX_Free(&r->fcgx, 1);
}
