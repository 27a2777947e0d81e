/* cache_redis_address.h - where the Redis server is, as cache.url says it. */
#ifndef DG_STORE_CACHE_REDIS_ADDRESS_H
#define DG_STORE_CACHE_REDIS_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

struct redis_address {
    bool local; /* host is the path of a unix socket */
    bool tls;
    char host[256]; /* name or number */
    char port[8];
    int db;
    /* Not owned; empty: the default user, no password, the system's. */
    const char *user, *password_file, *ca_file;
};

enum status redis_address_parse(const char *url, struct redis_address *out,
                                struct err *err) MUST_CHECK;
/*
    redis://host[:port][/db] (an IPv6 host in brackets), rediss:// the same with
    TLS, or unix:///path[?db=N]. ST_BAD_REQUEST says what is wrong. Leaves user
    and files alone.
 */

#define REDIS_PASSWORD_MAX 512
enum status redis_password(const char *file, char *out, size_t cap,
                           struct err *err) MUST_CHECK;
/*
    The first line of the file. ST_BAD_REQUEST when it cannot be read, is
    empty, or does not fit.
 */

#endif
