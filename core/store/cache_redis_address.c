#include "store/cache_redis_address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include "base/str.h"

static enum status bad_url(const char *url, const char *why, struct err *err)
{
    return err_set(err, ST_BAD_REQUEST, "bad_cache_url",
                   "cache.url %s: %s; allowed are redis://host:port/db, "
                   "rediss://host:port/db, unix:///path?db=N and none",
                   url, why);
}

static bool db_parse(struct str s, int *db)
{
    int64_t v;

    if (!str_to_i64(s, &v) || v < 0 || v > 65535)
        return false;
    *db = (int)v;
    return true;
}

static enum status parse_unix(const char *url, const char *path,
                              struct redis_address *out, struct err *err)
{
    const char *query = strchr(path, '?');
    size_t n = query ? (size_t)(query - path) : strlen(path);

    if (path[0] != '/' || n < 2)
        return bad_url(url, "the socket's path must be absolute", err);
    if (n >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return bad_url(url, "the socket's path is over 107 bytes", err);
    if (query && (strncmp(query, "?db=", 4) != 0 ||
                  !db_parse(str_of(query + 4), &out->db)))
        return bad_url(url, "after ? comes db=N", err);
    out->local = true;
    memcpy(out->host, path, n);
    return ST_OK;
}

/* host, host:port, [v6], [v6]:port */
static bool parse_host(struct str s, struct redis_address *out)
{
    const char *close = s.n && s.p[0] == '[' ? memchr(s.p, ']', s.n) : NULL;
    struct str host, rest;
    int64_t port = 6379;

    if (close) {
        host = (struct str){s.p + 1, (size_t)(close - s.p) - 1};
        rest = (struct str){close + 1, s.n - host.n - 2};
    } else {
        const char *colon = s.n ? memchr(s.p, ':', s.n) : NULL;

        host = (struct str){s.p, colon ? (size_t)(colon - s.p) : s.n};
        rest = (struct str){s.p + host.n, s.n - host.n};
    }
    if (rest.n) {
        if (rest.p[0] != ':' ||
            !str_to_i64((struct str){rest.p + 1, rest.n - 1}, &port))
            return false;
    }
    if (host.n == 0 || host.n >= sizeof out->host || port < 1 || port > 65535)
        return false;
    memcpy(out->host, host.p, host.n);
    snprintf(out->port, sizeof out->port, "%d", (int)port);
    return true;
}

static enum status parse_tcp(const char *url, const char *rest,
                             struct redis_address *out, struct err *err)
{
    const char *slash = strchr(rest, '/');
    struct str host = {rest, slash ? (size_t)(slash - rest) : strlen(rest)};

    if (strchr(rest, '@'))
        return bad_url(url,
                       "the user comes from cache.user, the password from "
                       "cache.password_file",
                       err);
    if (!parse_host(host, out))
        return bad_url(url, "host or port is wrong", err);
    if (slash && slash[1] && !db_parse(str_of(slash + 1), &out->db))
        return bad_url(url, "the database is a number", err);
    return ST_OK;
}

enum status redis_address_parse(const char *url, struct redis_address *out,
                                struct err *err)
{
    static const char tcp[] = "redis://", tls[] = "rediss://",
                      local[] = "unix://";

    *out = (struct redis_address){.user = out->user,
                                  .password_file = out->password_file,
                                  .ca_file = out->ca_file};
    if (strncmp(url, tcp, strlen(tcp)) == 0)
        return parse_tcp(url, url + strlen(tcp), out, err);
    out->tls = strncmp(url, tls, strlen(tls)) == 0;
    if (out->tls)
        return parse_tcp(url, url + strlen(tls), out, err);
    if (strncmp(url, local, strlen(local)) == 0)
        return parse_unix(url, url + strlen(local), out, err);
    return bad_url(url, "unknown kind", err);
}

enum status redis_password(const char *file, char *out, size_t cap,
                           struct err *err)
{
    FILE *f = fopen(file, "re");
    bool whole;

    if (!f)
        return err_set(err, ST_BAD_REQUEST, "bad_password_file",
                       "cache.password_file %s: %s", file, strerror(errno));
    if (!fgets(out, (int)cap, f))
        out[0] = '\0';
    whole = strlen(out) < cap - 1;
    fclose(f);
    out[strcspn(out, "\r\n")] = '\0';
    if (!out[0] || !whole)
        return err_set(err, ST_BAD_REQUEST, "bad_password_file",
                       "cache.password_file %s: its first line must be the "
                       "password, of 1 to %zu bytes",
                       file, cap - 2);
    return ST_OK;
}
