#include "store/cache_redis_conn.h"

#include <assert.h>
#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <hiredis/hiredis.h>
#include "base/fault.h"
#include "store/cache_redis_refusal.h"
#include "store/cache_redis_socket.h"

#define ARGS_MAX 16

struct redis_conn {
    struct redis_socket socket;
    pid_t owner;
    redisReader *reader;
    char history[REDIS_HISTORY_MAX + 1];
};

/* ---- commands and replies ---- */

static enum status protocol_error(const struct redis_conn *c, const char *what,
                                  struct err *err)
{
    return err_set(err, ST_UNAVAILABLE, "cache_protocol",
                   "redis %s: not a reply that was expected: %s",
                   c->socket.name, what);
}

/* `behind` (or NULL) is a whole command, as it is sent. */
static enum status send_command(struct redis_conn *c, const struct str *arg,
                                int n, const char *behind, struct deadline d,
                                struct err *err)
{
    char both[2048];
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
    /* In one send, which costs more than the copy. */
    if (behind && (size_t)size + strlen(behind) <= sizeof both) {
        memcpy(both, text, (size_t)size);
        memcpy(both + size, behind, strlen(behind));
        st = redis_socket_send(&c->socket, both, (size_t)size + strlen(behind),
                               d, err);
    } else {
        st = redis_socket_send(&c->socket, text, (size_t)size, d, err);
        if (!st && behind)
            st = redis_socket_send(&c->socket, behind, strlen(behind), d, err);
    }
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
        st = redis_socket_some(&c->socket, chunk, sizeof chunk, d, &got, err);
        if (st)
            return st;
        if (redisReaderFeed(c->reader, chunk, got) != REDIS_OK)
            return protocol_error(c, c->reader->errstr, err);
    }
}

/* ---- who the server is ---- */

/* The value of a line "NAME:VALUE" of INFO; STR_NONE where there is none. */
static struct str info_field(const redisReply *info, const char *name)
{
    struct str value = STR_NONE;
    const char *at = info->str, *end = info->str + info->len;
    size_t n = strlen(name);

    while ((at = memmem(at, (size_t)(end - at), name, n))) {
        at += n;
        if (at - n > info->str && at[-(ptrdiff_t)n - 1] == '\n' && at < end &&
            *at == ':') {
            value.p = at + 1;
            while (value.p + value.n < end && value.p[value.n] > ' ')
                value.n++;
            break;
        }
    }
    return value;
}

static bool is_history(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!isxdigit((unsigned char)s.p[i]))
            return false;
    return s.n > 0 && s.n <= REDIS_HISTORY_MAX;
}

/*
 * Whose history it is, out of INFO replication. Not the run_id: that one
 * survives a demotion, the copy of another's data, and a promotion. A master's
 * id of replication is new with each start and each promotion. A replica has
 * its master's id, and not yet what the master has done: it does not count.
 */
static enum status read_history(const struct redis_conn *c,
                                const redisReply *info, struct str *history,
                                struct err *err)
{
    struct str role;

    if (info->type != REDIS_REPLY_STRING || !info->str)
        return protocol_error(c, "INFO replication without text", err);
    role = info_field(info, "role");
    *history = info_field(info, "master_replid");
    if (role.n && !str_is(role, "master"))
        return err_set(err, ST_UNAVAILABLE, "cache_replica",
                       "redis %s is a replica, which is not read: cache.url "
                       "must lead to the master, also after a failover",
                       c->socket.name);
    if (!role.n || !is_history(*history))
        return protocol_error(c, "INFO replication without a master_replid",
                              err);
    return ST_OK;
}

/* ---- calls ---- */

enum status redis_conn_call(struct redis_conn *c, const struct str *arg, int n,
                            struct deadline d, redisReply **reply,
                            struct err *err)
{
    enum status st;

    if (fault_point("cache.call"))
        return err_set(err, ST_UNAVAILABLE, NULL, "redis: fault point");
    st = send_command(c, arg, n, NULL, d, err);
    return st ? st : recv_reply(c, d, reply, err);
}

/*
 * Asked behind the command, not before it: histories never come back, so a
 * master that has the history now had it when it did the command.
 */
static enum status still_same(const struct redis_conn *c,
                              const redisReply *info, struct err *err)
{
    struct str history;
    enum status st;

    if (info->type == REDIS_REPLY_ERROR)
        return err_set(err, ST_UNAVAILABLE, "cache_refused",
                       "redis %s refuses INFO: %s", c->socket.name, info->str);
    st = read_history(c, info, &history, err);
    if (!st && !str_is(history, c->history))
        st = err_set(err, ST_UNAVAILABLE, "cache_history",
                     "redis %s: its data have another history than when it was "
                     "connected to",
                     c->socket.name);
    return st;
}

enum status redis_conn_call_sure(struct redis_conn *c, const struct str *arg,
                                 int n, struct deadline d, redisReply **reply,
                                 struct err *err)
{
    static const char info[] = "*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n";
    redisReply *who = NULL;
    enum status st;

    *reply = NULL;
    if (fault_point("cache.call"))
        return err_set(err, ST_UNAVAILABLE, NULL, "redis: fault point");
    st = send_command(c, arg, n, info, d, err);
    if (!st)
        st = recv_reply(c, d, reply, err);
    if (!st)
        st = recv_reply(c, d, &who, err);
    if (!st)
        st = still_same(c, who, err);
    freeReplyObject(who);
    if (st) {
        freeReplyObject(*reply);
        *reply = NULL;
    }
    return st;
}

enum status redis_conn_do(struct redis_conn *c, const struct str *arg, int n,
                          struct deadline d, struct err *err)
{
    redisReply *reply;
    enum status st = redis_conn_call_sure(c, arg, n, d, &reply, err);

    if (!st && reply->type == REDIS_REPLY_ERROR)
        st = redis_refused(arg[0].p, reply->str, err);
    freeReplyObject(reply);
    return st;
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
    enum status st = send_command(c, arg, n, NULL, d, err);

    *reply = NULL;
    for (size_t have = 0, got; !st && have < len; have += got) {
        st = redis_socket_some(&c->socket, line + have, len - have, d, &got,
                               err);
        if (!st && memcmp(line, want, have + got) != 0) {
            if (redisReaderFeed(c->reader, line, have + got) != REDIS_OK)
                return protocol_error(c, c->reader->errstr, err);
            return recv_reply(c, d, reply, err);
        }
    }
    if (!st)
        st = redis_socket_all(&c->socket, out, size, d, err);
    if (!st)
        st = redis_socket_all(&c->socket, end, sizeof end, d, err);
    if (!st && memcmp(end, "\r\n", sizeof end) != 0)
        st = protocol_error(c, "a value without an end", err);
    return st;
}

/* ---- connecting ---- */

static enum status reply_refused(const struct redis_conn *c,
                                 const char *command, const redisReply *reply,
                                 struct err *err)
{
    bool no_info = strcmp(command, "INFO") == 0 &&
                   (strncmp(reply->str, "NOPERM", 6) == 0 ||
                    strstr(reply->str, "unknown command"));

    return err_set(
        err, ST_UNAVAILABLE, no_info ? "cache_no_info" : "cache_refused",
        "redis %s refuses %s: %s%s", c->socket.name, command, reply->str,
        no_info ? "; without the master_replid that INFO tells, a "
                  "failover could bring old answers back: the cache "
                  "is unused"
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
        st = reply_refused(c, arg[0].p, *reply, err);
        freeReplyObject(*reply);
        *reply = NULL;
    }
    return st;
}

static enum status conn_greet(struct redis_conn *c,
                              const struct redis_address *at, struct deadline d,
                              struct err *err)
{
    char password[REDIS_PASSWORD_MAX], db[12];
    redisReply *reply = NULL;
    enum status st = ST_OK;

    if (at->password_file[0]) {
        if (redis_password(at->password_file, password, sizeof password, err))
            return err_set(err, ST_UNAVAILABLE, "cache_denied",
                           "cache.password_file %s cannot be read",
                           at->password_file);
        st = at->user[0]
                 ? greet_with(c,
                              (struct str[]){STR_LIT("AUTH"), str_of(at->user),
                                             str_of(password)},
                              3, d, &reply, err)
                 : greet_with(c,
                              (struct str[]){STR_LIT("AUTH"), str_of(password)},
                              2, d, &reply, err);
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
        st = greet_with(c,
                        (struct str[]){STR_LIT("INFO"), STR_LIT("replication")},
                        2, d, &reply, err);
    if (!st) {
        struct str history;

        st = read_history(c, reply, &history, err);
        if (!st)
            memcpy(c->history, history.p, history.n);
        freeReplyObject(reply);
    }
    return st;
}

static enum status conn_try(struct redis_conn *c,
                            const struct redis_address *at,
                            const struct sockaddr *sa, socklen_t len,
                            struct deadline d, struct err *err)
{
    enum status st = redis_socket_open(&c->socket, sa, len, d, err);

    if (!st && at->tls)
        st = redis_socket_secure(&c->socket, at->host, at->ca_file, d, err);
    return st ? st : conn_greet(c, at, d, err);
}

static enum status conn_unix(struct redis_conn *c,
                             const struct redis_address *at, struct deadline d,
                             struct err *err)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};

    assert(strlen(at->host) < sizeof sa.sun_path);
    memcpy(sa.sun_path, at->host, strlen(at->host));
    return conn_try(c, at, (struct sockaddr *)&sa, sizeof sa, d, err);
}

/* Each address gets its share of the time: one that swallows packets must not
 * keep us from the next. Nor must a replica: a name may have all servers. */
static enum status conn_tcp(struct redis_conn *c,
                            const struct redis_address *at, struct deadline d,
                            struct err *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found, *i;
    enum status st = ST_UNAVAILABLE;
    int left = 0, r = getaddrinfo(at->host, at->port, &hints, &found);

    if (r)
        return err_set(err, ST_UNAVAILABLE, "cache_down", "redis %s: %s",
                       c->socket.name, gai_strerror(r));
    for (i = found; i; i = i->ai_next)
        left++;
    for (i = found; i; i = i->ai_next) {
        struct deadline share =
            deadline_sooner(d, deadline_left_ms(d) / left--);

        st = conn_try(c, at, i->ai_addr, i->ai_addrlen, share, err);
        if (!st)
            break;
        redis_socket_close(&c->socket);
        redisReaderFree(c->reader); /* what it has read is another's */
        c->reader = redisReaderCreate();
        assert(c->reader);
    }
    freeaddrinfo(found);
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
        .socket.fd = -1, .owner = getpid(), .reader = redisReaderCreate()};
    assert(c->reader);
    snprintf(c->socket.name, sizeof c->socket.name, "%s%s%s", at->host,
             at->local ? "" : ":", at->port);
    if (fault_point("cache.connect"))
        st = err_set(err, ST_UNAVAILABLE, NULL, "redis: fault point");
    else if (at->local)
        st = conn_unix(c, at, d, err);
    else
        st = conn_tcp(c, at, d, err);
    if (st)
        redis_conn_close(&c);
    *out = c;
    return st;
}

void redis_conn_close(struct redis_conn **c)
{
    if (!*c)
        return;
    redis_socket_close(&(*c)->socket);
    redisReaderFree((*c)->reader);
    free(*c);
    *c = NULL;
}

const char *redis_conn_history(const struct redis_conn *c)
{
    return c->history;
}

bool redis_conn_idle(const struct redis_conn *c)
{
    assert(c->owner == getpid());
    return redis_socket_idle(&c->socket);
}
