/* cache_redis_probe.h - whether a server lets the cache do all that it does. */
#ifndef DG_STORE_CACHE_REDIS_PROBE_H
#define DG_STORE_CACHE_REDIS_PROBE_H

#include "base/clock.h"
#include "base/err.h"

struct redis_conn;

enum status redis_probe(struct redis_conn *conn, struct deadline d,
                        struct err *err) MUST_CHECK;
/*
    Each command of the cache once, on keys of its own (dg:{check:...}) that
    expire within a second, and in its scripts the commands that those call. The
    first that is refused is the status, as redis_refused has it. After any
    other status but ST_OK the connection must be closed.
 */

#endif
