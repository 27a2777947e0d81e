#include "fcgi/request.h"

#include <assert.h>
#include <errno.h>
#include <fcgiapp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "base/log.h"
#include "base/stats.h"
#include "fcgi/request_out.h"

#define READ_PIECE 65536
/* A web server sends a request in one go. Whoever connects and says nothing, or
 * not all, has a worker to itself for so long. */
#define SILENT_MS 2000
/* When the time for reading is over, each further read ends at once, too. */
#define AGAIN_MS 50
#define LAST_MS 200 /* for the web server to close first */

struct request {
    FCGX_Request fcgx;
    int epoll_fd; /* where its connection may be watched, or -1 */
    const struct handover_channel *channel;
    struct request_out out;
};

/* ---- time limits ---- */

static void on_alarm(int number)
{
    (void)number; /* that it interrupts a read is enough */
}

/*
 * For all reads until reading_over() together: the connection's own limit is
 * one for each read, and a byte now and then would keep within that for ever.
 * The library does not repeat a read that was interrupted: it fails.
 */
static void reading_within(int64_t ms)
{
    struct itimerval t = {
        .it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000},
        .it_interval = {.tv_usec = AGAIN_MS * 1000},
    };
    int rc = setitimer(ITIMER_REAL, &t, NULL);

    assert(ms > 0 && rc == 0);
}

static void reading_over(void)
{
    const struct itimerval none = {{0}, {0}};
    int rc = setitimer(ITIMER_REAL, &none, NULL);

    assert(rc == 0);
}

/* It reads what still comes, so that the web server sees the answer. */
static void library_close(struct request *r)
{
    reading_within(SILENT_MS);
    FCGX_Free(&r->fcgx, 1);
    reading_over();
}

struct request *request_new(void)
{
    const struct sigaction alarm_only = {.sa_handler = on_alarm};
    struct request *r = calloc(1, sizeof *r);
    int rc;

    assert(r);
    request_out_open(&r->out, NULL);
    r->epoll_fd = -1;
    /* After an answer the library waits so many ms (2,000 by default) for the
     * web server to close first; a web server that does not would hold the
     * worker. */
    rc = setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "200", 0);
    assert(rc == 0);
    rc = FCGX_Init();
    assert(rc == 0);
    rc = FCGX_InitRequest(&r->fcgx, -1, FCGI_FAIL_ACCEPT_ON_INTR);
    assert(rc == 0);
    rc = sigaction(SIGALRM, &alarm_only, NULL); /* without SA_RESTART */
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

static void socket_timeout(int fd, int which, int64_t ms)
{
    struct timeval t = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    int rc = setsockopt(fd, SOL_SOCKET, which, &t, sizeof t);

    assert(rc == 0);
}

static int64_t shorter(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void request_limits(int fd, int64_t timeout_ms)
{
    socket_timeout(fd, SO_RCVTIMEO, shorter(timeout_ms, SILENT_MS));
    socket_timeout(fd, SO_SNDTIMEO, timeout_ms);
}

void request_keep_not(struct request *r)
{
    r->fcgx.keepConnection = 0;
}

void request_watched(struct request *r, int epoll_fd)
{
    r->epoll_fd = epoll_fd;
}

bool request_take(struct request *r, int fd, int64_t timeout_ms)
{
    int rc;

    assert(r->fcgx.ipcFd < 0);
    /*
     * Two members that the header calls private; its ABI has not changed since
     * 2.4.0. FCGX_Accept_r reads on from a kept connection, so ours is given to
     * it as one (else it would close it first). When that fails it turns to
     * accept() on our -1 and so comes back.
     */
    r->fcgx.ipcFd = fd;
    r->fcgx.keepConnection = 1;
    reading_within(shorter(timeout_ms, SILENT_MS));
    rc = FCGX_Accept_r(&r->fcgx);
    reading_over();
    if (rc != 0)
        return false;
    request_out_begin(&r->out, r->fcgx.ipcFd, (unsigned)r->fcgx.requestId);
    return true;
}

int request_release(struct request *r)
{
    int fd = r->fcgx.ipcFd;

    r->fcgx.ipcFd = -1;
    return fd;
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

/* A time limit ended the last read, and not the other side. */
static bool read_late(const struct request *r)
{
    int failure = FCGX_GetError(r->fcgx.in);

    return failure == EAGAIN || failure == EINTR;
}

static enum status body_slow(struct err *err)
{
    return err_set(err, ST_TIMEOUT, "body_slow",
                   "The body did not arrive in time");
}

static enum status body_read(struct request *r, char *p, size_t n,
                             struct deadline d, struct err *err)
{
    size_t at = 0;

    while (at < n) {
        size_t want = n - at < READ_PIECE ? n - at : READ_PIECE;
        int got = FCGX_GetStr(p + at, (int)want, r->fcgx.in);

        at += (size_t)got;
        if (at < n && (read_late(r) || deadline_over(d)))
            return body_slow(err);
        if ((size_t)got < want)
            return err_set(err, ST_BAD_REQUEST, "body_short",
                           "The body ended after %zu of %zu bytes", at, n);
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
    enum status st;
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
    reading_within(deadline_left_ms(d) + 1);
    st = body_read(r, p, (size_t)n, d, err);
    reading_over();
    return st;
}

enum status request_write(struct request *r, struct str bytes)
{
    return request_out_write(&r->out, bytes) ? ST_OK : ST_GONE_CLIENT;
}

/* The web server has sent all of the request, and we have read it. drop: what
 * is still to be read. */
static bool input_over(struct request *r, bool drop)
{
    char unread[4096];
    bool over;

    reading_within(SILENT_MS);
    while (drop && FCGX_GetStr(unread, sizeof unread, r->fcgx.in) > 0)
        continue;
    over = FCGX_GetChar(r->fcgx.in) < 0 && FCGX_GetError(r->fcgx.in) == 0;
    reading_over();
    return over;
}

/* The connection is the sender's from here on, or cut. */
static bool give_rest(struct request *r, struct str request_id, bool keep,
                      size_t *unsent)
{
    struct handover h = {.conn = r->out.fd, .rest = r->out.rest, .keep = keep};
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
static void connection_close(struct request *r, bool elsewhere)
{
    int fd = r->fcgx.ipcFd;

    FCGX_Free(&r->fcgx, 0);
    r->fcgx.ipcFd = -1;
    if (elsewhere) /* else closing it is enough; it may not be watched */
        (void)epoll_ctl(r->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    close(fd);
}

/*
 * The next request must not begin in the middle of this one's body.
 *
 * The library's close says that it will write no more, waits until the web
 * server closes, and reads what still comes: a unix socket closed with unread
 * bytes is reset, and the web server would not see the answer. Where nothing
 * can come any more, the wait is not needed.
 */
enum status request_finish(struct request *r, struct str request_id,
                           size_t *unsent)
{
    bool keep = r->fcgx.keepConnection;
    /* While the answer is not over, what comes is of this request. Looked for
     * later, its end could come together with the next request, which the
     * library would have read then, and forget. */
    bool over = keep && input_over(r, true);
    bool gone = !request_out_end(&r->out);
    bool rest = !gone && unsent_size(&r->out.rest);

    *unsent = 0;
    if (!keep)
        over = input_over(r, false);
    if (rest)
        gone = !give_rest(r, request_id, over && keep, unsent);
    if (over && keep && !gone && !rest)
        FCGX_Free(&r->fcgx, 0);
    else if (over || rest)
        connection_close(r, rest);
    else
        library_close(r);
    request_out_done(&r->out);
    return gone ? ST_GONE_CLIENT : ST_OK;
}

void request_abort(struct request *r)
{
    request_out_done(&r->out);
    library_close(r);
}

/* The library's buffers may be what no memory is left for. */
void request_last_words(struct request *r, struct str answer)
{
    int fd = r->out.fd;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char drop[4096];

    r->out.n = 0;
    if (!request_out_write(&r->out, answer) || !request_out_end(&r->out))
        return;
    (void)shutdown(fd, SHUT_WR);
    reading_within(SILENT_MS); /* the process ends behind it */
    while (poll(&p, 1, LAST_MS) > 0 && read(fd, drop, sizeof drop) > 0)
        continue;
}
