#include "store/cache_redis_tls.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

struct redis_tls {
    SSL_CTX *ctx;
    SSL *ssl;
    int broken; /* errno of the call that failed; 0: not the socket's */
};

/* ---- OpenSSL's way to the socket: its own would raise SIGPIPE ---- */

static int bio_fd(BIO *b)
{
    return (int)(intptr_t)BIO_get_data(b);
}

static int bio_write(BIO *b, const char *p, int n)
{
    ssize_t sent = send(bio_fd(b), p, (size_t)n, MSG_NOSIGNAL);

    BIO_clear_retry_flags(b);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(b);
    return (int)sent;
}

static int bio_read(BIO *b, char *p, int n)
{
    ssize_t got = recv(bio_fd(b), p, (size_t)n, 0);

    BIO_clear_retry_flags(b);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(b);
    return (int)got;
}

static long bio_ctrl(BIO *b, int command, long number, void *p)
{
    (void)b;
    (void)number;
    (void)p;
    return command == BIO_CTRL_FLUSH; /* nothing is held back */
}

static BIO *bio_of(int fd)
{
    static BIO_METHOD *method; /* one a process, for its life */
    BIO *b;

    if (!method) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK,
                              "redis socket");
        assert(method && BIO_meth_set_write(method, bio_write) &&
               BIO_meth_set_read(method, bio_read) &&
               BIO_meth_set_ctrl(method, bio_ctrl));
    }
    b = BIO_new(method);
    assert(b && "out of memory");
    BIO_set_data(b, (void *)(intptr_t)fd);
    BIO_set_init(b, 1);
    return b;
}

/* ---- whom to believe ---- */

static bool is_number(const char *host)
{
    unsigned char z[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, z) == 1 ||
           inet_pton(AF_INET6, host, z) == 1;
}

static bool tls_name(SSL *ssl, const char *host)
{
    if (is_number(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set1_host(ssl, host) == 1 &&
           SSL_set_tlsext_host_name(ssl, host) == 1;
}

static bool tls_authorities(SSL_CTX *ctx, const char *ca_file)
{
    return ca_file[0] ? SSL_CTX_load_verify_file(ctx, ca_file) == 1
                      : SSL_CTX_set_default_verify_paths(ctx) == 1;
}

enum status redis_tls_new(int fd, const char *host, const char *ca_file,
                          struct redis_tls **out, struct err *err)
{
    struct redis_tls *t = calloc(1, sizeof *t);
    BIO *b;

    *out = NULL;
    assert(t && "out of memory");
    t->ctx = SSL_CTX_new(TLS_client_method());
    assert(t->ctx && "out of memory");
    SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
    SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    t->ssl = SSL_new(t->ctx);
    assert(t->ssl && "out of memory");
    if (!tls_authorities(t->ctx, ca_file) || !tls_name(t->ssl, host)) {
        ERR_clear_error();
        redis_tls_free(&t);
        return err_set(err, ST_UNAVAILABLE, "cache_tls",
                       "redis %s: no certificates can be read from "
                       "cache.ca_file %s",
                       host, ca_file);
    }
    b = bio_of(fd);
    SSL_set_bio(t->ssl, b, b);
    SSL_set_connect_state(t->ssl);
    *out = t;
    return ST_OK;
}

void redis_tls_free(struct redis_tls **t)
{
    if (!*t)
        return;
    SSL_free((*t)->ssl);
    SSL_CTX_free((*t)->ctx);
    free(*t);
    *t = NULL;
}

/* ---- steps ---- */

static enum tls_step tls_step(struct redis_tls *t, int result)
{
    int broken = errno;

    if (result > 0)
        return TLS_DONE;
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return TLS_READABLE;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WRITABLE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_ENDED;
    case SSL_ERROR_SYSCALL:
        t->broken = broken;
        return TLS_BROKEN;
    default:
        t->broken = 0;
        return TLS_BROKEN;
    }
}

enum tls_step redis_tls_shake(struct redis_tls *t)
{
    ERR_clear_error(); /* another library's must not be taken for ours */
    errno = 0;
    return tls_step(t, SSL_do_handshake(t->ssl));
}

enum tls_step redis_tls_send(struct redis_tls *t, const char *p, size_t n,
                             size_t *sent)
{
    ERR_clear_error();
    errno = 0;
    return tls_step(t, SSL_write_ex(t->ssl, p, n, sent));
}

enum tls_step redis_tls_recv(struct redis_tls *t, char *p, size_t n,
                             size_t *got)
{
    ERR_clear_error();
    errno = 0;
    return tls_step(t, SSL_read_ex(t->ssl, p, n, got));
}

const char *redis_tls_why(const struct redis_tls *t, char *out, size_t size)
{
    long verdict = SSL_get_verify_result(t->ssl);
    unsigned long code = ERR_get_error();

    if (verdict != X509_V_OK)
        snprintf(out, size, "its certificate is not accepted: %s",
                 X509_verify_cert_error_string(verdict));
    else if (code)
        snprintf(out, size, "%s", ERR_reason_error_string(code));
    else
        snprintf(out, size, "%s",
                 t->broken ? strerror(t->broken) : "it hung up");
    ERR_clear_error();
    return out;
}

bool redis_tls_pending(const struct redis_tls *t)
{
    return SSL_has_pending(t->ssl);
}
