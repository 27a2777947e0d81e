/*
 * cache_redis_conn.h - one connection to one Redis server.
 *
 * hiredis formats commands and parses replies; the socket is ours, so that
 * every wait ends by a deadline, no write raises SIGPIPE, and a large value
 * goes from the kernel into the caller's memory without a copy in between.
 *
 * After any status but ST_OK the connection must be closed: a reply may still
 * be on its way and would answer the next command. A connection belongs to
 * the process that opened it.
 */
#ifndef DG_STORE_CACHE_REDIS_CONN_H
#define DG_STORE_CACHE_REDIS_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "store/cache_redis_address.h"

struct redisReply; /* hiredis.h */

#define REDIS_HISTORY_MAX 40
struct redis_conn;

enum status redis_conn_open(const struct redis_address *at, struct deadline d,
                            struct redis_conn **out,
                            struct err *err) MUST_CHECK;
/*
    Connects, sends the password (read anew each time, so that it can be
    changed), chooses the database and asks for the history of the server's
    data. A replica is ST_UNAVAILABLE. *out is NULL unless ST_OK.
    ST_UNAVAILABLE, ST_TIMEOUT. A host given by name is resolved first, by the
    system's resolver, whose time no deadline bounds; of several addresses the
    first is taken that is a master's.
 */
void redis_conn_close(struct redis_conn **c);

const char *redis_conn_history(const struct redis_conn *c);
/*
    Names the history of the server's data (its master_replid): new after each
    restart and each promotion, and never one that was before.
 */

bool redis_conn_idle(const struct redis_conn *c);
/*
    Whether the connection still stands and nothing waits to be read: then the
    next reply answers the next command. Never waits.
 */

enum status redis_conn_call(struct redis_conn *c, const struct str *arg, int n,
                            struct deadline d, struct redisReply **reply,
                            struct err *err) MUST_CHECK;
/*
    Sends a command of n words and waits for its reply, which may be the
    server's error reply. The caller frees it (freeReplyObject).
 */

enum status redis_conn_call_sure(struct redis_conn *c, const struct str *arg,
                                 int n, struct deadline d,
                                 struct redisReply **reply,
                                 struct err *err) MUST_CHECK;
/*
    As redis_conn_call; behind the command, in the same send, the server is
    asked who it is. ST_OK only if it still was the master, with the history
    that it had when this connection was made, after it had done the command:
    roles change while a connection stands. Else ST_UNAVAILABLE.
 */

enum status redis_conn_do(struct redis_conn *c, const struct str *arg, int n,
                          struct deadline d, struct err *err) MUST_CHECK;
/*
    As redis_conn_call_sure, for who wants to know no more than whether it is
    done: the server's error is the status, as redis_refused has it.
 */

enum status redis_conn_call_value(struct redis_conn *c, const struct str *arg,
                                  int n, char *out, size_t size,
                                  struct deadline d, struct redisReply **reply,
                                  struct err *err) MUST_CHECK;
/*
    As redis_conn_call, for a command that is expected to return a string of
    exactly `size` bytes: then they are in out and *reply is NULL. Any other
    reply comes in *reply, and out holds nothing of use.
 */

#endif
