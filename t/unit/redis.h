/*
 * redis.h - a Redis server of a unit test's own, on a unix socket in a
 * temporary folder, and a cache opened on it. Ends with the test, whatever
 * happens to it.
 */
#ifndef DG_T_REDIS_H
#define DG_T_REDIS_H

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <hiredis/hiredis.h>
#include "base/clock.h"
#include "base/log.h"
#include "store/cache.h"
#include "t/unit/tap.h"

#define REDIS_VIEWS 4

static char redis_dir[64];
static pid_t redis_pid;

/* Another server of Redis' family, to be tried (t/README). */
static const char *redis_server(void)
{
    const char *other = getenv("DG_REDIS");

    return other && *other ? other : "redis-server";
}

static const char *redis_file(const char *name)
{
    static char z[96];

    snprintf(z, sizeof z, "%s/%s", redis_dir, name);
    return z;
}

__attribute__((unused)) static const char *redis_socket(void)
{
    return redis_file("redis.sock");
}

/* How many lines with that event the cache has logged so far. */
__attribute__((unused)) static int redis_logged(const char *event)
{
    FILE *f = fopen(redis_file("cache.log"), "r");
    char line[4096], want[64];
    int n = 0;

    snprintf(want, sizeof want, "event=%s ", event);
    while (f && fgets(line, sizeof line, f))
        n += strstr(line, want) != NULL;
    if (f)
        fclose(f);
    return n;
}

/* The test's own connection, for a look behind the cache's back. */
__attribute__((format(printf, 1, 2), unused)) static redisReply *
redis_do(const char *fmt, ...)
{
    redisContext *c = redisConnectUnix(redis_socket());
    redisReply *r = NULL;
    va_list ap;

    assert(c);
    va_start(ap, fmt);
    if (!c->err)
        r = redisvCommand(c, fmt, ap);
    va_end(ap);
    redisFree(c);
    return r;
}

/* Whether the command was answered with that word or number. */
#define REDIS_SAYS(want, ...) redis_says(redis_do(__VA_ARGS__), want)
__attribute__((unused)) static bool redis_says(redisReply *r, const char *want)
{
    char z[256] = "(no reply)";
    bool same;

    if (r && r->type == REDIS_REPLY_INTEGER)
        snprintf(z, sizeof z, "%lld", r->integer);
    else if (r)
        snprintf(z, sizeof z, "%.250s", r->str ? r->str : "(nil)");
    same = strcmp(z, want) == 0;
    if (!same)
        tap_note("redis says %s, not %s", z, want);
    freeReplyObject(r);
    return same;
}

__attribute__((unused)) static long long redis_number(redisReply *r)
{
    long long v = r && r->type == REDIS_REPLY_INTEGER ? r->integer : -99;

    freeReplyObject(r);
    return v;
}

static bool redis_answers(void)
{
    redisReply *r = redis_do("PING");
    bool up = r && r->type == REDIS_REPLY_STATUS;

    freeReplyObject(r);
    return up;
}

/* In redis_dir, so that a second start finds the first one's dump. With these
 * options, too (up to a NULL), or NULL. */
__attribute__((unused)) static void redis_start_with(const char *const *more)
{
    redis_pid = fork();
    assert(redis_pid >= 0);
    if (redis_pid == 0) {
        const char *argv[24] = {
            "redis-server", "--port", "0", "--unixsocket",
            "redis.sock",   "--save", "",  "--enable-debug-command",
            "yes"};
        int log, n = 9;

        while (more && *more && n < 23)
            argv[n++] = *more++;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (chdir(redis_dir) != 0)
            _exit(126);
        log = open("log", O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(log, 1);
        dup2(log, 2);
        execvp(redis_server(), (char *const *)argv);
        _exit(127);
    }
    for (int i = 0; i < 500 && !redis_answers(); i++)
        clock_sleep_ms(10);
    assert(redis_answers());
}

__attribute__((unused)) static void redis_start(void)
{
    redis_start_with(NULL);
}

__attribute__((unused)) static void redis_kill(void)
{
    kill(redis_pid, SIGCONT);
    kill(redis_pid, SIGKILL);
    waitpid(redis_pid, NULL, 0);
    unlink(redis_socket());
    redis_pid = 0;
}

static bool redis_installed(void)
{
    char command[512];

    snprintf(command, sizeof command, "'%s' --version >/dev/null 2>&1",
             redis_server());
    return system(command) == 0;
}

/* False, with the plan said, when there is no redis-server to test with. */
__attribute__((unused)) static bool redis_begin(void)
{
    if (!redis_installed()) {
        tap_skip_all("redis-server is not installed");
        return false;
    }
    signal(SIGPIPE, SIG_IGN); /* for the test's own connection */
    snprintf(redis_dir, sizeof redis_dir, "/tmp/dg-redis-XXXXXX");
    assert(mkdtemp(redis_dir));
    log_open(redis_file("cache.log"), LOG_WARN, "test");
    redis_start();
    return true;
}

__attribute__((unused)) static void redis_end(void)
{
    static const char *const files[] = {
        "redis.sock", "dump.rdb", "log", "password", "cache.log", "nodes.conf"};

    if (redis_pid)
        redis_kill();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlink(redis_file(files[i]));
    rmdir(redis_dir);
}

/* A cache at url (NULL: the test's server). */
static struct cache *cache_stale_at(const char *url, int64_t ttl_ms,
                                    int64_t stale_ms, int64_t timeout_ms)
{
    char space[128];
    struct conf conf = {.cache_url = url,
                        .cache_user = "",
                        .cache_ca_file = "",
                        .cache_password_file = "",
                        .cache_ttl = ttl_ms,
                        .cache_stale_if_error = stale_ms,
                        .cache_views = REDIS_VIEWS,
                        .cache_timeout = timeout_ms};
    struct err err = ERR_NONE;
    struct cache *c;

    snprintf(space, sizeof space, "unix://%s", redis_socket());
    if (!url)
        conf.cache_url = space;
    if (cache_open(&conf, &c, &err) != ST_OK) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return c;
}

__attribute__((unused)) static struct cache *
cache_at(const char *url, int64_t ttl_ms, int64_t timeout_ms)
{
    return cache_stale_at(url, ttl_ms, 0, timeout_ms);
}

#endif
