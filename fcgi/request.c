#include "fcgi/request.h"

#include <assert.h>
#include <errno.h>
#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "base/log.h"
#include "base/stats.h"
#include "fcgi/request_out.h"

#define READ_PIECE 65536
struct request {
    FCGX_Request fcgx;
    bool keep_conn;
    const struct handover_channel *channel;
    struct request_out out;
};

struct request *request_new(bool keep_conn)
{
    struct request *r = calloc(1, sizeof *r);
    int rc;

    assert(r);
    request_out_open(&r->out, NULL);
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

void request_hand_over(struct request *r, const struct handover_channel *c,
                       const char *folder)
{
    assert(c->give >= 0 && folder[0]);
    r->channel = c;
    request_out_open(&r->out, folder);
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
    if (FCGX_Accept_r(&r->fcgx) != 0)
        return false;
    request_out_begin(&r->out, r->fcgx.ipcFd, (unsigned)r->fcgx.requestId);
    return true;
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
    return request_out_write(&r->out, bytes) ? ST_OK : ST_GONE_CLIENT;
}

/* The web server has sent all of the request, and we have read it. */
static bool input_over(struct request *r)
{
    return FCGX_GetChar(r->fcgx.in) < 0 && FCGX_GetError(r->fcgx.in) == 0;
}

/* The connection is the sender's from here on, or cut. */
static bool give_rest(struct request *r, struct str request_id, size_t *unsent)
{
    struct handover h = {.conn = r->out.fd, .rest = r->out.rest};
    struct err err = ERR_NONE;

    assert(r->channel);
    snprintf(h.request_id, sizeof h.request_id, "%.*s", STR_ARG(request_id));
    *unsent = (size_t)unsent_size(&h.rest);
    if (handover_give(r->channel, &h, &err) == ST_OK)
        return true;
    log_err(LOG_ERROR, "answer_cut", &err);
    stat_add(STAT_answers_cut, 1);
    return false;
}

/* Our own descriptor of it, without the library's ceremony. */
static void connection_close(struct request *r)
{
    int fd = r->fcgx.ipcFd;

    FCGX_Free(&r->fcgx, 0);
    r->fcgx.ipcFd = -1;
    close(fd);
}

/*
 * A client may ask to keep the connection at any time; it is ours to refuse,
 * for while it is idle it has a worker to itself. And the next request must
 * not begin in the middle of this one's body.
 *
 * The library's close says that it will write no more, waits until the web
 * server closes, and reads what still comes: a unix socket closed with unread
 * bytes is reset, and the web server would not see the answer. Where nothing
 * can come any more, the wait is not needed.
 */
enum status request_finish(struct request *r, struct str request_id,
                           size_t *unsent)
{
    bool keep = r->fcgx.keepConnection && r->keep_conn;
    /* While the answer is not over, what comes is of this request. Looked for
     * later, its end could come together with the next request, which the
     * library would have read then, and forget. */
    bool over = keep && input_over(r);
    bool gone = !request_out_end(&r->out);
    bool rest = !gone && unsent_size(&r->out.rest);

    *unsent = 0;
    if (!keep)
        over = input_over(r);
    if (rest)
        gone = !give_rest(r, request_id, unsent);
    if (over && keep && !gone && !rest)
        FCGX_Free(&r->fcgx, 0);
    else if (over || rest)
        connection_close(r);
    else
        FCGX_Free(&r->fcgx, 1);
    request_out_done(&r->out);
    return gone ? ST_GONE_CLIENT : ST_OK;
}

void request_abort(struct request *r)
{
    request_out_done(&r->out);
    FCGX_Free(&r->fcgx, 1);
}
