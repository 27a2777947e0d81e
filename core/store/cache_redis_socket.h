/*
 * cache_redis_socket.h - the bytes to and from a Redis server: our own socket,
 * where every wait ends by a deadline and no write raises SIGPIPE.
 *
 * After any status but ST_OK it must be closed.
 */
#ifndef DG_STORE_CACHE_REDIS_SOCKET_H
#define DG_STORE_CACHE_REDIS_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "base/err.h"
#include "store/cache_redis_address.h"

struct redis_tls;

struct redis_socket {
    int fd;                /* -1: closed */
    char name[300];        /* for error texts */
    struct redis_tls *tls; /* NULL: none */
};

enum status redis_socket_open(struct redis_socket *s, const struct sockaddr *sa,
                              socklen_t len, struct deadline d,
                              struct err *err) MUST_CHECK;
/*
    Connects; the name is the caller's. ST_UNAVAILABLE, ST_TIMEOUT.
 */
enum status redis_socket_secure(struct redis_socket *s, const char *host,
                                const char *ca_file, struct deadline d,
                                struct err *err) MUST_CHECK;
/*
    TLS from here on (cache_redis_tls.h). ST_UNAVAILABLE, ST_TIMEOUT.
 */
void redis_socket_close(struct redis_socket *s);

enum status redis_socket_send(struct redis_socket *s, const char *p, size_t n,
                              struct deadline d, struct err *err) MUST_CHECK;
enum status redis_socket_some(struct redis_socket *s, char *p, size_t n,
                              struct deadline d, size_t *got,
                              struct err *err) MUST_CHECK;
/*
    What is there, at least one byte and at most n.
 */
enum status redis_socket_all(struct redis_socket *s, char *p, size_t n,
                             struct deadline d, struct err *err) MUST_CHECK;

bool redis_socket_idle(const struct redis_socket *s);
/*
    Whether it still stands and nothing waits to be read. Never waits.
 */

#endif
