#include "store/cache_redis_conn.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <hiredis/hiredis.h>
#include "base/fault.h"

#define ARGS_MAX 16

struct redis_conn {
    int fd;
    pid_t owner;
    redisReader *reader;
    char name[300]; /* for error texts */
    char run_id[REDIS_RUN_ID_MAX + 1];
};

/* ---- bytes, each wait bounded ---- */

static enum status lost(const struct redis_conn *c, const char *doing,
                        struct err *err)
{
    return err_set(err, ST_UNAVAILABLE, "cache_down", "redis %s: %s: %s",
                   c->name, doing, strerror(errno));
}

static enum status wait_for(const struct redis_conn *c, short events,
                            struct deadline d, struct err *err)
{
    struct pollfd p = {.fd = c->fd, .events = events};

    for (;;) {
        int n = poll(&p, 1, (int)deadline_left_ms(d));

        if (n > 0)
            return ST_OK;
        if (n == 0)
            return err_set(err, ST_TIMEOUT, "cache_timeout",
                           "redis %s: no answer in time", c->name);
        if (errno != EINTR)
            return lost(c, "poll", err);
    }
}

static enum status send_all(struct redis_conn *c, const char *p, size_t n,
                            struct deadline d, struct err *err)
{
    while (n) {
        ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);

        if (sent > 0) {
            p += sent;
            n -= (size_t)sent;
        } else if (errno == EAGAIN) {
            enum status st = wait_for(c, POLLOUT, d, err);

            if (st)
                return st;
        } else if (errno != EINTR) {
            return lost(c, "send", err);
        }
    }
    return ST_OK;
}

static enum status recv_some(struct redis_conn *c, char *p, size_t n,
                             struct deadline d, size_t *got, struct err *err)
{
    for (;;) {
        enum status st = wait_for(c, POLLIN, d, err);
        ssize_t r;

        if (st)
            return st;
        r = recv(c->fd, p, n, 0);
        if (r > 0) {
            *got = (size_t)r;
            return ST_OK;
        }
        if (r == 0)
            return err_set(err, ST_UNAVAILABLE, "cache_down",
                           "redis %s: the server closed the connection",
                           c->name);
        if (errno != EAGAIN && errno != EINTR)
            return lost(c, "receive", err);
    }
}

static enum status recv_all(struct redis_conn *c, char *p, size_t n,
                            struct deadline d, struct err *err)
{
    while (n) {
        size_t got;
        enum status st = recv_some(c, p, n, d, &got, err);

        if (st)
            return st;
        p += got;
        n -= got;
    }
    return ST_OK;
}

/* ---- commands and replies ---- */

static enum status protocol_error(const struct redis_conn *c, const char *what,
                                  struct err *err)
{
    return err_set(err, ST_UNAVAILABLE, "cache_protocol",
                   "redis %s: not a reply that was expected: %s", c->name,
                   what);
}

static enum status send_command(struct redis_conn *c, const struct str *arg,
                                int n, struct deadline d, struct err *err)
{
    const char *argv[ARGS_MAX];
    size_t len[ARGS_MAX];
    enum status st;
    char *text;
    int size;

    assert(n > 0 && n <= ARGS_MAX);
    for (int i = 0; i < n; i++) {
        argv[i] = arg[i].p ? arg[i].p : "";
        len[i] = arg[i].n;
    }
    size = redisFormatCommandArgv(&text, n, argv, len);
    if (size < 0)
        return err_set(err, ST_INTERNAL, NULL, "redis: out of memory");
    st = send_all(c, text, (size_t)size, d, err);
    redisFreeCommand(text);
    return st;
}

static enum status recv_reply(struct redis_conn *c, struct deadline d,
                              redisReply **reply, struct err *err)
{
    char chunk[16384];

    for (;;) {
        void *r = NULL;
        size_t got;
        enum status st;

        if (redisReaderGetReply(c->reader, &r) != REDIS_OK)
            return protocol_error(c, c->reader->errstr, err);
        if (r) {
            *reply = r;
            return ST_OK;
        }
        st = recv_some(c, chunk, sizeof chunk, d, &got, err);
        if (st)
            return st;
        if (redisReaderFeed(c->reader, chunk, got) != REDIS_OK)
            return protocol_error(c, c->reader->errstr, err);
    }
}

enum status redis_conn_call(struct redis_conn *c, const struct str *arg, int n,
                            struct deadline d, redisReply **reply,
                            struct err *err)
{
    enum status st;

    if (fault_point("cache.call"))
        return err_set(err, ST_UNAVAILABLE, NULL, "redis: fault point");
    st = send_command(c, arg, n, d, err);
    return st ? st : recv_reply(c, d, reply, err);
}

/*
 * hiredis would read the value in chunks of 16 KB into a buffer that grows by
 * copying, and copy it twice more. The expected length is known, so is the
 * reply's first line, to the byte: while that is what comes, the value is read
 * to where it belongs; as soon as it is not, hiredis gets what was read.
 */
enum status redis_conn_call_value(struct redis_conn *c, const struct str *arg,
                                  int n, char *out, size_t size,
                                  struct deadline d, redisReply **reply,
                                  struct err *err)
{
    char want[32], line[32], end[2];
    size_t len = (size_t)snprintf(want, sizeof want, "$%zu\r\n", size);
    enum status st = send_command(c, arg, n, d, err);

    *reply = NULL;
    for (size_t have = 0, got; !st && have < len; have += got) {
        st = recv_some(c, line + have, len - have, d, &got, err);
        if (!st && memcmp(line, want, have + got) != 0) {
            if (redisReaderFeed(c->reader, line, have + got) != REDIS_OK)
                return protocol_error(c, c->reader->errstr, err);
            return recv_reply(c, d, reply, err);
        }
    }
    if (!st)
        st = recv_all(c, out, size, d, err);
    if (!st)
        st = recv_all(c, end, sizeof end, d, err);
    if (!st && memcmp(end, "\r\n", sizeof end) != 0)
        st = protocol_error(c, "a value without an end", err);
    return st;
}

/* ---- connecting ---- */

static enum status connect_to(struct redis_conn *c, const struct sockaddr *sa,
                              socklen_t len, struct deadline d, struct err *err)
{
    int broken = 0, one = 1;
    socklen_t size = sizeof broken;
    enum status st;

    c->fd =
        socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        return lost(c, "socket", err);
    if (sa->sa_family != AF_UNIX)
        (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, sa, len) == 0)
        return ST_OK;
    if (errno != EINPROGRESS)
        return lost(c, "connect", err);
    st = wait_for(c, POLLOUT, d, err);
    if (st)
        return st;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &broken, &size) != 0)
        return lost(c, "connect", err);
    errno = broken;
    return broken ? lost(c, "connect", err) : ST_OK;
}

static enum status connect_unix(struct redis_conn *c, const char *path,
                                struct deadline d, struct err *err)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};

    assert(strlen(path) < sizeof sa.sun_path);
    memcpy(sa.sun_path, path, strlen(path));
    return connect_to(c, (struct sockaddr *)&sa, sizeof sa, d, err);
}

/* Each address gets its share of the time: one that swallows packets must not
 * keep us from the next. */
static enum status connect_tcp(struct redis_conn *c,
                               const struct redis_address *at,
                               struct deadline d, struct err *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found, *i;
    enum status st = ST_UNAVAILABLE;
    int left = 0, r = getaddrinfo(at->host, at->port, &hints, &found);

    if (r)
        return err_set(err, ST_UNAVAILABLE, "cache_down", "redis %s: %s",
                       c->name, gai_strerror(r));
    for (i = found; i; i = i->ai_next)
        left++;
    for (i = found; i; i = i->ai_next) {
        struct deadline share =
            deadline_sooner(d, deadline_left_ms(d) / left--);

        st = connect_to(c, i->ai_addr, i->ai_addrlen, share, err);
        if (!st)
            break;
        if (c->fd >= 0)
            close(c->fd);
        c->fd = -1;
    }
    freeaddrinfo(found);
    return st;
}

static enum status read_run_id(struct redis_conn *c, const redisReply *info,
                               struct err *err)
{
    static const char field[] = "\nrun_id:";
    const char *id = info->type == REDIS_REPLY_STRING && info->str
                         ? strstr(info->str, field)
                         : NULL;
    size_t n = 0;

    if (id) {
        id += strlen(field);
        while (isxdigit((unsigned char)id[n]))
            n++;
    }
    if (n == 0 || n > REDIS_RUN_ID_MAX)
        return protocol_error(c, "INFO server without a run_id", err);
    memcpy(c->run_id, id, n);
    c->run_id[n] = '\0';
    return ST_OK;
}

static enum status refused(const struct redis_conn *c, const char *command,
                           const redisReply *reply, struct err *err)
{
    bool no_info = strcmp(command, "INFO") == 0 &&
                   (strncmp(reply->str, "NOPERM", 6) == 0 ||
                    strstr(reply->str, "unknown command"));

    return err_set(err, ST_UNAVAILABLE,
                   no_info ? "cache_no_info" : "cache_refused",
                   "redis %s refuses %s: %s%s", c->name, command, reply->str,
                   no_info ? "; without the run_id that INFO tells, a restart "
                             "could bring old answers back: the cache is unused"
                           : "");
}

/* One command of the greeting; *reply is set only when it is no error. */
static enum status greet_with(struct redis_conn *c, const struct str *arg,
                              int n, struct deadline d, redisReply **reply,
                              struct err *err)
{
    enum status st;

    *reply = NULL;
    st = redis_conn_call(c, arg, n, d, reply, err);
    if (!st && (*reply)->type == REDIS_REPLY_ERROR) {
        st = refused(c, arg[0].p, *reply, err);
        freeReplyObject(*reply);
        *reply = NULL;
    }
    return st;
}

static enum status greet(struct redis_conn *c, const struct redis_address *at,
                         struct deadline d, struct err *err)
{
    char password[REDIS_PASSWORD_MAX], db[12];
    redisReply *reply = NULL;
    enum status st = ST_OK;

    if (at->password_file[0]) {
        if (redis_password(at->password_file, password, sizeof password, err))
            return err_set(err, ST_UNAVAILABLE, "cache_denied",
                           "cache.password_file %s cannot be read",
                           at->password_file);
        st = greet_with(c, (struct str[]){STR_LIT("AUTH"), str_of(password)}, 2,
                        d, &reply, err);
        explicit_bzero(password, sizeof password);
        freeReplyObject(reply);
    }
    if (!st && at->db) {
        snprintf(db, sizeof db, "%d", at->db);
        st = greet_with(c, (struct str[]){STR_LIT("SELECT"), str_of(db)}, 2, d,
                        &reply, err);
        freeReplyObject(reply);
    }
    if (!st)
        st = greet_with(c, (struct str[]){STR_LIT("INFO"), STR_LIT("server")},
                        2, d, &reply, err);
    if (!st) {
        st = read_run_id(c, reply, err);
        freeReplyObject(reply);
    }
    return st;
}

enum status redis_conn_open(const struct redis_address *at, struct deadline d,
                            struct redis_conn **out, struct err *err)
{
    struct redis_conn *c = calloc(1, sizeof *c);
    enum status st;

    *out = NULL;
    assert(c);
    *c = (struct redis_conn){
        .fd = -1, .owner = getpid(), .reader = redisReaderCreate()};
    assert(c->reader);
    snprintf(c->name, sizeof c->name, "%s%s%s", at->host, at->local ? "" : ":",
             at->port);
    if (fault_point("cache.connect"))
        st = err_set(err, ST_UNAVAILABLE, NULL, "redis: fault point");
    else if (at->local)
        st = connect_unix(c, at->host, d, err);
    else
        st = connect_tcp(c, at, d, err);
    if (!st)
        st = greet(c, at, d, err);
    if (st)
        redis_conn_close(&c);
    *out = c;
    return st;
}

void redis_conn_close(struct redis_conn **c)
{
    if (!*c)
        return;
    if ((*c)->fd >= 0)
        close((*c)->fd);
    redisReaderFree((*c)->reader);
    free(*c);
    *c = NULL;
}

const char *redis_conn_run_id(const struct redis_conn *c)
{
    return c->run_id;
}

bool redis_conn_idle(const struct redis_conn *c)
{
    char byte;

    assert(c->owner == getpid());
    return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           errno == EAGAIN;
}
