#include "store/cache_redis_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include "store/cache_redis_tls.h"

static enum status socket_lost(const struct redis_socket *s, const char *doing,
                               struct err *err)
{
    return err_set(err, ST_UNAVAILABLE, "cache_down", "redis %s: %s: %s",
                   s->name, doing, strerror(errno));
}

static enum status socket_wait(const struct redis_socket *s, short events,
                               struct deadline d, struct err *err)
{
    struct pollfd p = {.fd = s->fd, .events = events};

    for (;;) {
        int n = poll(&p, 1, (int)deadline_left_ms(d));

        if (n > 0)
            return ST_OK;
        if (n == 0)
            return err_set(err, ST_TIMEOUT, "cache_timeout",
                           "redis %s: no answer in time", s->name);
        if (errno != EINTR)
            return socket_lost(s, "poll", err);
    }
}

static enum status socket_ended(const struct redis_socket *s, struct err *err)
{
    return err_set(err, ST_UNAVAILABLE, "cache_down",
                   "redis %s: the server closed the connection", s->name);
}

/* ---- with TLS ---- */

/* What a step of TLS asks for; after ST_OK it is made again. */
static enum status tls_wait(const struct redis_socket *s, enum tls_step step,
                            struct deadline d, struct err *err)
{
    char why[128];

    if (step == TLS_READABLE)
        return socket_wait(s, POLLIN, d, err);
    if (step == TLS_WRITABLE)
        return socket_wait(s, POLLOUT, d, err);
    if (step == TLS_ENDED)
        return socket_ended(s, err);
    return err_set(err, ST_UNAVAILABLE, "cache_tls", "redis %s: TLS: %s",
                   s->name, redis_tls_why(s->tls, why, sizeof why));
}

enum status redis_socket_secure(struct redis_socket *s, const char *host,
                                const char *ca_file, struct deadline d,
                                struct err *err)
{
    enum status st = redis_tls_new(s->fd, host, ca_file, &s->tls, err);
    enum tls_step step;

    while (!st && (step = redis_tls_shake(s->tls)) != TLS_DONE)
        st = tls_wait(s, step, d, err);
    return st;
}

static enum status tls_send_all(struct redis_socket *s, const char *p, size_t n,
                                struct deadline d, struct err *err)
{
    while (n) {
        size_t sent = 0;
        enum tls_step step = redis_tls_send(s->tls, p, n, &sent);
        enum status st = step == TLS_DONE ? ST_OK : tls_wait(s, step, d, err);

        if (st)
            return st;
        p += sent;
        n -= sent;
    }
    return ST_OK;
}

/* TLS may hold what no poll shows: it is asked before anybody waits. */
static enum status tls_recv_some(struct redis_socket *s, char *p, size_t n,
                                 struct deadline d, size_t *got,
                                 struct err *err)
{
    enum status st = ST_OK;
    enum tls_step step;

    while (!st && (step = redis_tls_recv(s->tls, p, n, got)) != TLS_DONE)
        st = tls_wait(s, step, d, err);
    return st;
}

/* ---- bytes ---- */

enum status redis_socket_send(struct redis_socket *s, const char *p, size_t n,
                              struct deadline d, struct err *err)
{
    if (s->tls)
        return tls_send_all(s, p, n, d, err);
    while (n) {
        ssize_t sent = send(s->fd, p, n, MSG_NOSIGNAL);

        if (sent > 0) {
            p += sent;
            n -= (size_t)sent;
        } else if (errno == EAGAIN) {
            enum status st = socket_wait(s, POLLOUT, d, err);

            if (st)
                return st;
        } else if (errno != EINTR) {
            return socket_lost(s, "send", err);
        }
    }
    return ST_OK;
}

enum status redis_socket_some(struct redis_socket *s, char *p, size_t n,
                              struct deadline d, size_t *got, struct err *err)
{
    if (s->tls)
        return tls_recv_some(s, p, n, d, got, err);
    for (;;) {
        enum status st = socket_wait(s, POLLIN, d, err);
        ssize_t r;

        if (st)
            return st;
        r = recv(s->fd, p, n, 0);
        if (r > 0) {
            *got = (size_t)r;
            return ST_OK;
        }
        if (r == 0)
            return socket_ended(s, err);
        if (errno != EAGAIN && errno != EINTR)
            return socket_lost(s, "receive", err);
    }
}

enum status redis_socket_all(struct redis_socket *s, char *p, size_t n,
                             struct deadline d, struct err *err)
{
    while (n) {
        size_t got;
        enum status st = redis_socket_some(s, p, n, d, &got, err);

        if (st)
            return st;
        p += got;
        n -= got;
    }
    return ST_OK;
}

enum status redis_socket_open(struct redis_socket *s, const struct sockaddr *sa,
                              socklen_t len, struct deadline d, struct err *err)
{
    int broken = 0, one = 1;
    socklen_t size = sizeof broken;
    enum status st;

    s->fd =
        socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0)
        return socket_lost(s, "socket", err);
    if (sa->sa_family != AF_UNIX)
        (void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(s->fd, sa, len) == 0)
        return ST_OK;
    if (errno != EINPROGRESS)
        return socket_lost(s, "connect", err);
    st = socket_wait(s, POLLOUT, d, err);
    if (st)
        return st;
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &broken, &size) != 0)
        return socket_lost(s, "connect", err);
    errno = broken;
    return broken ? socket_lost(s, "connect", err) : ST_OK;
}

void redis_socket_close(struct redis_socket *s)
{
    redis_tls_free(&s->tls);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

bool redis_socket_idle(const struct redis_socket *s)
{
    char byte;

    return !(s->tls && redis_tls_pending(s->tls)) &&
           recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           errno == EAGAIN;
}
