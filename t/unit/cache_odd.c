/*
 * The cache with something else that answers, or takes connections only: every
 * call ends in time, and what is no reply of a master is none.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include "t/unit/redis.h"

#define D deadline_in(5000)
#define TTL 60000
/* How long a cache waits for a server: one that is silent, and one that
 * answers, if late, as anybody does on a busy machine. */
#define LIMIT 100
#define PATIENCE 5000
/* Generous for a busy machine, small beside a wait that has no bound. */
#define IN_TIME 3000

static struct arena *a;
static struct err err;
static const struct str U = {"driver", 6};

static enum status look(struct cache *c)
{
    struct cache_entry e;

    err_clear(&err);
    return cache_lookup(c, U, CACHE_WHOLE, D, a, &e, &err);
}

#define WITHIN(ms, expr) within(clock_mono_ms(), (expr), (ms))
static bool within(int64_t began, bool value, int64_t ms)
{
    int64_t took = clock_mono_ms() - began;

    if (took > ms)
        tap_note("took %lld ms", (long long)took);
    return value && took <= ms;
}

static struct {
    int fd;              /* listens */
    const char *command; /* what is answered with `reply` instead */
    const char *reply;   /* NULL: nothing, ever */
    const char *behind;  /* to an INFO behind another; NULL: as before it */
    bool then_close;
} odd;

#define INFO_OF(role, history)                                                 \
    "# Replication\r\nrole:" role "\r\nmaster_replid:" history "\r\n"
#define INFO INFO_OF("master", "0123456789abcdef0123456789abcdef01234567")

/* To one command. */
static const char *odd_answer(const char *command)
{
    static char info[128];

    if (strstr(command, odd.command))
        return odd.reply;
    snprintf(info, sizeof info, "$%zu\r\n" INFO "\r\n", sizeof INFO - 1);
    if (strstr(command, "INFO"))
        return info;
    if (strstr(command, "MGET"))
        return "*3\r\n$73\r\n0123456789abcdef0123456789abcdef01234567-"
               "fedcba98765432100123456789abcdef\r\n$-1\r\n$-1\r\n";
    return "+OK\r\n";
}

/* To one, or to one and the INFO behind it. */
static const char *odd_reply(char *command)
{
    static char both[512];
    char *behind = strstr(command, "\r\n*2\r\n$4\r\nINFO");
    const char *first, *second;

    if (!behind)
        return odd_answer(command);
    *behind = '\0';
    first = odd_answer(command);
    if (!first)
        return NULL;
    second = odd.behind ? odd.behind : odd_answer("INFO");
    snprintf(both, sizeof both, "%s%s", first, second);
    return both;
}

/* Takes connections one after the other and answers each command. */
static void *odd_server(void *unused)
{
    int fd;

    while ((fd = accept(odd.fd, NULL, NULL)) >= 0) {
        char text[4096];
        ssize_t n;

        while ((n = recv(fd, text, sizeof text - 1, 0)) > 0) {
            const char *reply;

            text[n] = '\0';
            reply = odd_reply(text);
            if (reply)
                (void)send(fd, reply, strlen(reply), MSG_NOSIGNAL);
            if (reply == odd.reply && odd.then_close)
                break;
        }
        close(fd);
    }
    return unused;
}

static void odd_case(const char *what, const char *command, const char *reply,
                     bool then_close, enum status want)
{
    char url[64], out[4];
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof sa;
    struct cache_entry e;
    struct cache *c;
    pthread_t server;
    enum status st;

    odd.fd = socket(AF_INET, SOCK_STREAM, 0);
    odd.command = command;
    odd.reply = reply;
    odd.then_close = then_close;
    assert(bind(odd.fd, (struct sockaddr *)&sa, len) == 0 &&
           listen(odd.fd, 5) == 0 &&
           getsockname(odd.fd, (struct sockaddr *)&sa, &len) == 0 &&
           pthread_create(&server, NULL, odd_server, NULL) == 0);
    snprintf(url, sizeof url, "redis://127.0.0.1:%d/0", ntohs(sa.sin_port));
    c = cache_at(url, TTL, want == ST_TIMEOUT ? LIMIT : PATIENCE);
    err_clear(&err);
    st = cache_lookup(c, U, CACHE_WHOLE, D, a, &e, &err);
    if (!st)
        st = cache_piece(c, U, &e.token, 0, sizeof out, D, out, &err);
    if (!tap_ok(st == want, "%s answered by %s", command, what))
        tap_note("%s: %s", status_name(st), err.text);
    cache_close(&c);
    shutdown(odd.fd, SHUT_RDWR);
    pthread_join(server, NULL);
    close(odd.fd);
}

static void oddities(void)
{
    odd_case("a string for a list", "GET", "$4\r\nwell\r\n", false,
             ST_UNAVAILABLE);
    odd_case("what was asked for", "piece", "$4\r\nwell\r\n", false, ST_OK);
    odd_case("what was asked for, and an end", "piece", "$4\r\nwell\r\n", true,
             ST_OK);
    odd_case("a value without its end", "piece", "$4\r\nwellXX", false,
             ST_UNAVAILABLE);
    odd_case("half a value", "piece", "$4\r\nwe", false, ST_TIMEOUT);
    odd_case("half a value, and an end", "piece", "$4\r\nwe", true,
             ST_UNAVAILABLE);
    odd_case("half a length", "piece", "$4", false, ST_TIMEOUT);
    odd_case("another length", "piece", "$5\r\nother\r\n", false, ST_NOT_FOUND);
    odd_case("nothing there", "piece", "$-1\r\n", false, ST_NOT_FOUND);
    odd_case("loading", "piece", "-LOADING the dataset\r\n", false,
             ST_UNAVAILABLE);
    odd_case("a web server", "piece", "HTTP/1.1 400\r\n\r\n", false,
             ST_UNAVAILABLE);
    odd_case("a list too short", "MGET", "*1\r\n$-1\r\n", false,
             ST_UNAVAILABLE);
    odd_case("a number in a list", "MGET", "*3\r\n$-1\r\n:5\r\n$-1\r\n", false,
             ST_UNAVAILABLE);
    odd_case("loading", "MGET", "-LOADING the dataset\r\n", false,
             ST_UNAVAILABLE);
    odd_case("silence", "MGET", NULL, false, ST_TIMEOUT);
    odd_case("loading", "INFO", "-LOADING the dataset\r\n", false,
             ST_UNAVAILABLE);
    odd_case("no history", "INFO", "$4\r\nnone\r\n", false, ST_UNAVAILABLE);
    odd_case("another type", "INFO", "+OK\r\n", true, ST_UNAVAILABLE);
    odd_case("silence", "INFO", NULL, false, ST_TIMEOUT);
    odd_case("a slot of another", "MGET", "-MOVED 9 10.0.0.1:6379\r\n", false,
             ST_UNAVAILABLE);
    CHECK(strstr(err.text, "cluster-enabled no"));
    odd_case("a cluster that is not whole", "MGET",
             "-CLUSTERDOWN Hash slot not served\r\n", false, ST_UNAVAILABLE);
    CHECK(strstr(err.text, "cluster-enabled no"));
}

/* What INFO says behind a look. */
static void behind(const char *role, const char *history, const char *code)
{
    char reply[160], info[128];
    int n = snprintf(info, sizeof info,
                     "# Replication\r\nrole:%s\r\nmaster_replid:%s\r\n", role,
                     history);

    snprintf(reply, sizeof reply, "$%d\r\n%s\r\n", n, info);
    odd.behind = reply;
    odd_case(code, "nothing", "", false, ST_UNAVAILABLE);
    CHECK(strcmp(err.code, code) == 0);
    odd.behind = NULL;
}

/* A port that takes connections and nothing else, its queue full: a
 * connection to it is neither made nor refused. */
static void swallowed(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), fill[8];
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof sa;
    char url[64];
    struct cache *c;

    assert(bind(fd, (struct sockaddr *)&sa, len) == 0 && listen(fd, 0) == 0 &&
           getsockname(fd, (struct sockaddr *)&sa, &len) == 0);
    for (int i = 0; i < 8; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fill[i], (struct sockaddr *)&sa, len);
    }
    snprintf(url, sizeof url, "redis://127.0.0.1:%d", ntohs(sa.sin_port));
    c = cache_at(url, TTL, LIMIT);
    CHECK(WITHIN(IN_TIME, look(c) == ST_TIMEOUT));
    cache_close(&c);
    for (int i = 0; i < 8; i++)
        close(fill[i]);
    close(fd); /* now refused */
    c = cache_at(url, TTL, LIMIT);
    CHECK(WITHIN(IN_TIME, look(c) == ST_UNAVAILABLE));
    cache_close(&c);
}

int main(void)
{
    log_open("/dev/null", LOG_WARN, "test");
    a = arena_new(65536);
    oddities();
    behind("slave", "0123456789abcdef0123456789abcdef01234567",
           "cache_replica");
    behind("master", "ffff456789abcdef0123456789abcdef01234567",
           "cache_history");
    behind("master", "", "cache_protocol");
    behind("master", "g123", "cache_protocol");
    swallowed();
    arena_free(&a);
    return tap_end();
}
