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

#define REDIS_RUN_ID_MAX 40
struct redis_conn;

enum status redis_conn_open(const struct redis_address *at, struct deadline d,
                            struct redis_conn **out,
                            struct err *err) MUST_CHECK;
/*
    Connects, sends the password (read anew each time, so that it can be
    changed), chooses the database and asks for the server's run_id. *out is
    NULL unless ST_OK. ST_UNAVAILABLE, ST_TIMEOUT. A host given by name is
    resolved first, by the system's resolver, whose time no deadline bounds.
 */
void redis_conn_close(struct redis_conn **c);

const char *redis_conn_run_id(const struct redis_conn *c);
/*
    Names this run of the server: differs after each restart and on every
    replica.
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
