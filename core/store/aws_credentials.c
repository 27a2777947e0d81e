#include "store/aws_credentials.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "base/random.h"
#include "store/aws_sources.h"

#define FETCH_MS 5000
#define FAILURE_REMEMBERED_MS 1000
#define REFUSED_PAUSE_MS 1000
#define RETRY_REFRESH_MS 10000
#define REREAD_US (5 * 60 * 1000000LL)
#define MARGIN_US (10 * 60 * 1000000LL)
#define FILE_MAX (1024 * 1024)

static const struct {
    const char *name;
    aws_source from;
} sources[] = {
    {"environment", aws_from_environment},
    {"web identity", aws_from_web_identity},
    {"shared files", aws_from_files},
    {"container", aws_from_container},
    {"instance", aws_from_instance},
};

struct aws_credentials {
    struct http *http; /* of its own: a fetch may fall into a run of calls */
    char *region;
    struct arena *now, *spare; /* the texts of `found`; the next fetch's */
    bool have;
    struct aws_found found;
    const char *source;
    bool refused;
    int64_t refresh_us;   /* wall clock: fetch again from then on */
    int64_t fetched_ms;   /* monotonic: the last good fetch */
    int64_t not_until_ms; /* monotonic: no new try before, after a failure */
    struct err failure;
};

struct aws_credentials *aws_credentials_open(const char *region)
{
    struct aws_credentials *c = calloc(1, sizeof *c);

    assert(c);
    c->region = strdup(region);
    assert(c->region);
    c->now = arena_new(16384);
    c->spare = arena_new(16384);
    c->source = "none";
    return c;
}

void aws_credentials_close(struct aws_credentials **cp)
{
    struct aws_credentials *c = *cp;

    if (!c)
        return;
    http_close(&c->http);
    arena_free(&c->now);
    arena_free(&c->spare);
    free(c->region);
    free(c);
    *cp = NULL;
}

/* ---- the chain ---- */

static enum status ask_sources(const struct aws_asking *ask,
                               struct aws_found *out, const char **source,
                               struct err *err)
{
    char last[128];

    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        enum status st;

        *out = (struct aws_found){.expires_us = TIME_NONE};
        err_clear(err);
        st = sources[i].from(ask, out, err);
        if (st == ST_NOT_FOUND)
            continue;
        *source = sources[i].name;
        if (st != ST_OK)
            err_add(err, "AWS credentials (%s)", sources[i].name);
        return st;
    }
    snprintf(last, sizeof last, "%.120s", err->text); /* of the instance */
    return err_set(err, ST_DENIED, "no_credentials",
                   "no AWS credentials: not in the environment, no web "
                   "identity, no profile, no container endpoint, no instance "
                   "role (%s)",
                   last[0] ? last : "switched off");
}

/*
 * Well ahead of the end, and not all processes at the same moment. A short
 * life gives a short margin.
 */
static int64_t refresh_at(int64_t now_us, int64_t expires_us)
{
    int64_t margin, jitter;

    if (expires_us == TIME_NONE)
        return now_us + REREAD_US +
               (int64_t)random_below(REREAD_US / 1000 / 5) * 1000;
    margin = (expires_us - now_us) / 4;
    margin = margin < 0 ? 0 : margin < MARGIN_US ? margin : MARGIN_US;
    jitter = (int64_t)random_below((uint32_t)(margin / 2000) + 1) * 1000;
    return expires_us - margin - jitter;
}

static void credentials_adopt(struct aws_credentials *c,
                              const struct aws_found *found, const char *source)
{
    struct arena *old = c->now;
    int64_t now_us = clock_wall_us();

    c->now = c->spare;
    c->spare = old;
    c->found = *found;
    c->source = source;
    c->have = true;
    c->refused = false;
    c->fetched_ms = clock_mono_ms();
    c->refresh_us = refresh_at(now_us, found->expires_us);
    log_line(LOG_DEBUG, "aws_credentials", "source=\"%s\" lifetime_s=%lld",
             source,
             found->expires_us == TIME_NONE
                 ? -1LL
                 : (long long)(found->expires_us - now_us) / 1000000);
}

static enum status credentials_fetch(struct aws_credentials *c,
                                     struct deadline d, struct err *err)
{
    struct aws_found found;
    const char *source = "none";
    enum status st;

    if (!c->http)
        c->http = http_open(&(struct http_options){.connections = 1});
    arena_reset(c->spare);
    st = ask_sources(&(struct aws_asking){c->http, c->region,
                                          deadline_sooner(d, FETCH_MS),
                                          c->spare},
                     &found, &source, err);
    if (st == ST_OK)
        credentials_adopt(c, &found, source);
    return st;
}

/* ---- the cache ---- */

static bool credentials_due(const struct aws_credentials *c)
{
    int64_t mono = clock_mono_ms();

    if (!c->have)
        return true;
    if (c->refused)
        return mono >= c->fetched_ms + REFUSED_PAUSE_MS;
    /* The pause counts when our clock is so wrong that fresh ones look old. */
    return clock_wall_us() >= c->refresh_us && mono >= c->not_until_ms &&
           mono >= c->fetched_ms + RETRY_REFRESH_MS;
}

static bool still_good(const struct aws_credentials *c)
{
    return c->have && (c->found.expires_us == TIME_NONE ||
                       clock_wall_us() < c->found.expires_us);
}

static enum status credentials_failed(struct aws_credentials *c,
                                      struct err *err)
{
    if (still_good(c)) {
        c->not_until_ms =
            clock_mono_ms() + RETRY_REFRESH_MS + random_below(RETRY_REFRESH_MS);
        c->refused = false;
        log_err(LOG_WARN, "aws_credentials_not_refreshed", err);
        err_clear(err);
        return ST_OK;
    }
    c->have = false;
    c->failure = *err;
    c->not_until_ms = clock_mono_ms() + FAILURE_REMEMBERED_MS;
    return err->st;
}

enum status aws_credentials_get(struct aws_credentials *c, struct deadline d,
                                struct sigv4_key *out, struct err *err)
{
    struct err why = ERR_NONE;

    if (!c->have && clock_mono_ms() < c->not_until_ms) {
        *err = c->failure;
        return err->st;
    }
    if (credentials_due(c) && credentials_fetch(c, d, &why) != ST_OK &&
        credentials_failed(c, &why) != ST_OK) {
        *err = why;
        return why.st;
    }
    *out = c->found.key;
    return ST_OK;
}

void aws_credentials_refused(struct aws_credentials *c)
{
    c->refused = true;
}

const char *aws_credentials_source(const struct aws_credentials *c)
{
    return c->source;
}

/* ---- for the sources ---- */

const char *aws_env(const char *name)
{
    const char *v = getenv(name);

    return v && *v ? v : NULL;
}

enum status aws_from_environment(const struct aws_asking *ask,
                                 struct aws_found *out, struct err *err)
{
    const char *id = aws_env("AWS_ACCESS_KEY_ID");
    const char *secret = aws_env("AWS_SECRET_ACCESS_KEY");

    (void)ask;
    if (!id && !secret)
        return ST_NOT_FOUND;
    if (!id || !secret)
        return err_set(err, ST_DENIED, "no_credentials", "%s is not set",
                       id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    out->key.id = str_of(id);
    out->key.secret = str_of(secret);
    out->key.token = str_of(aws_env("AWS_SESSION_TOKEN"));
    return ST_OK;
}

static enum status read_all(int fd, const char *path, struct arena *a,
                            struct str *out, struct err *err)
{
    enum status st = ST_OK;
    struct buf b;
    ssize_t n = 1;

    buf_init(&b, FILE_MAX);
    while (n > 0) {
        char *room = buf_room(&b, 4096);

        if (!room)
            break;
        n = read(fd, room, 4096);
        if (n > 0)
            buf_grown(&b, (size_t)n);
    }
    *out = arena_copy(a, buf_str(&b));
    if (n < 0)
        st = err_set(err, ST_DENIED, NULL, "%s: %s", path, strerror(errno));
    else if (!buf_ok(&b))
        st = err_set(err, ST_DENIED, NULL, "%s: over %d bytes", path, FILE_MAX);
    buf_free(&b);
    return st;
}

enum status aws_read_file(const char *path, struct arena *a, struct str *out,
                          struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum status st;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return err_set(err, ST_NOT_FOUND, NULL, "%s: no such file", path);
    if (fd < 0)
        return err_set(err, ST_DENIED, NULL, "%s: %s", path, strerror(errno));
    st = read_all(fd, path, a, out, err);
    close(fd);
    return st;
}
