/*
 * cache_redis_tls.h - TLS over a socket of cache_redis_socket.h, which waits.
 *
 * The server's certificate is always verified: against ca_file or, where that
 * is empty, the system's authorities, and for the name or number that was asked
 * for.
 */
#ifndef DG_STORE_CACHE_REDIS_TLS_H
#define DG_STORE_CACHE_REDIS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/err.h"

struct redis_tls;

enum status redis_tls_new(int fd, const char *host, const char *ca_file,
                          struct redis_tls **out, struct err *err) MUST_CHECK;
/*
    Nothing is sent yet; the fd stays the caller's, and does not block.
    ST_UNAVAILABLE, with *out NULL, where ca_file cannot be used.
 */
void redis_tls_free(struct redis_tls **t);

/* What has to come before a call is made again. */
enum tls_step { TLS_DONE, TLS_READABLE, TLS_WRITABLE, TLS_ENDED, TLS_BROKEN };

enum tls_step redis_tls_shake(struct redis_tls *t);
enum tls_step redis_tls_send(struct redis_tls *t, const char *p, size_t n,
                             size_t *sent);
enum tls_step redis_tls_recv(struct redis_tls *t, char *p, size_t n,
                             size_t *got);
/*
    None waits. TLS_DONE: at least one byte. TLS_ENDED: the server closed the
    connection.
 */

const char *redis_tls_why(const struct redis_tls *t, char *out, size_t size);
/*
    After TLS_BROKEN, in words.
 */

bool redis_tls_pending(const struct redis_tls *t);
/*
    Whether there are bytes that no poll would show.
 */

#endif
