/*
 * A server that is one of a cluster's: what it refuses is said with what to
 * set, and what it holds alone it may hold for the cache.
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include "t/unit/redis.h"

#define D deadline_in(5000)
#define TTL 60000
#define PATIENCE 5000

static struct arena *a;
static struct err err;
static const struct str U = {"driver", 6};

/* For the bus, which a cluster's server opens even when it is alone. */
static int free_port(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert(fd >= 0 && bind(fd, (struct sockaddr *)&sa, len) == 0 &&
           getsockname(fd, (struct sockaddr *)&sa, &len) == 0);
    close(fd);
    return ntohs(sa.sin_port);
}

/* It has these slots, and knows another server that has those (or ""). */
static void cluster_start(const char *own, const char *others)
{
    char bus[12];
    const char *const more[] = {"--bind",
                                "127.0.0.1",
                                "--cluster-port",
                                bus,
                                "--cluster-enabled",
                                "yes",
                                "--cluster-require-full-coverage",
                                "no",
                                "--cluster-node-timeout",
                                "600000",
                                NULL};
    FILE *f = fopen(redis_file("nodes.conf"), "w");

    snprintf(bus, sizeof bus, "%d", free_port());
    assert(f);
    fprintf(f, "%040d 127.0.0.1:1@10001 myself,master - 0 0 1 connected %s\n",
            1, own);
    if (others[0])
        fprintf(f, "%040d 127.0.0.1:2@10002 master - 0 0 2 connected %s\n", 2,
                others);
    fprintf(f, "vars currentEpoch 2 lastVoteEpoch 0\n");
    assert(fclose(f) == 0);
    if (redis_pid)
        redis_kill();
    redis_start_with(more);
}

/* What the check says, once the server has looked round (two seconds). */
static bool cluster_says(const char *word)
{
    struct cache *c = cache_at(NULL, TTL, PATIENCE);
    bool said = false;

    for (int i = 0; i < 500 && !said; i++) {
        enum status st = cache_check(c, D, &err);

        said = st == ST_UNAVAILABLE && strstr(err.text, word) &&
               strstr(err.text, "cluster-enabled no");
        clock_sleep_ms(20);
    }
    if (!said)
        tap_note("%s", err.text);
    cache_close(&c);
    return said;
}

/* A server that has all slots is as good as any: what one command names of a
 * driver lies in one slot. */
static void whole(void)
{
    struct cache_fill f = {STR_LIT("head"), STR_LIT("user"),
                           clock_wall_us() / 1000, false};
    enum status st = ST_UNAVAILABLE;
    struct cache_entry e;
    struct cache *c;

    cluster_start("0-16383", "");
    c = cache_at(NULL, TTL, PATIENCE);
    for (int i = 0; i < 500 && st; i++) {
        st = cache_check(c, D, &err);
        clock_sleep_ms(20);
    }
    CHECK(st == ST_OK);
    CHECK(cache_lookup(c, U, CACHE_WHOLE, D, a, &e, &err) == ST_OK && !e.hit);
    CHECK(cache_fill_begin(c, U, CACHE_WHOLE, &e.token, D, &err) == ST_OK);
    CHECK(cache_commit(c, U, CACHE_WHOLE, &e.token, &f, D, &err) == ST_OK);
    cache_fill_end(c, U, CACHE_WHOLE, &e.token, D);
    CHECK(cache_lookup(c, U, CACHE_WHOLE, D, a, &e, &err) == ST_OK && e.hit);
    CHECK(cache_replace_token(c, U, D, &err) == ST_OK);
    CHECK(cache_lookup(c, U, CACHE_WHOLE, D, a, &e, &err) == ST_OK && !e.hit);
    cache_close(&c);
}

int main(void)
{
    if (!redis_begin())
        return 0;
    a = arena_new(65536);
    cluster_start("0-8191", "8192-16383");
    CHECK(cluster_says("MOVED"));
    cluster_start("", "");
    CHECK(cluster_says("CLUSTERDOWN"));
    whole();
    arena_free(&a);
    redis_end();
    return tap_end();
}
