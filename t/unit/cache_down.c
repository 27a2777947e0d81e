/*
 * The cache without a Redis that works: away, hung, restarted, full, a
 * replica, without rights, or something else altogether. Every call ends in
 * time and with ST_UNAVAILABLE or ST_TIMEOUT, and the cache comes back by
 * itself.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
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
static const struct str U = {"driver", 6}, OTHER = {"other", 5};

static enum status look_at(struct cache *c, struct str user,
                           struct cache_entry *e)
{
    struct cache_entry space;

    err_clear(&err);
    return cache_lookup(c, user, CACHE_WHOLE, D, a, e ? e : &space, &err);
}

static enum status look(struct cache *c, struct cache_entry *e)
{
    return look_at(c, U, e);
}

/* As look, after whatever pause is left. */
static enum status look_later(struct cache *c, struct cache_entry *e)
{
    enum status st = look(c, e);

    for (int i = 0; i < 1000 && st != ST_OK; i++) {
        clock_sleep_ms(10);
        st = look(c, e);
    }
    return st;
}

#define WITHIN(ms, expr) within(clock_mono_ms(), (expr), (ms))
static bool within(int64_t began, bool value, int64_t ms)
{
    int64_t took = clock_mono_ms() - began;

    if (took > ms)
        tap_note("took %lld ms", (long long)took);
    return value && took <= ms;
}

static bool left_alone(void)
{
    return strstr(err.text, "left alone") != NULL;
}

static void urls(void)
{
    static const char *const bad[] = {"",
                                      "redis",
                                      "redis://",
                                      "redis://:6379",
                                      "redis://h:0",
                                      "redis://h:65536",
                                      "redis://h:6379/x",
                                      "redis://h:6379/-1",
                                      "redis://[::1",
                                      "redis://u:p@h:1",
                                      "unix://relative",
                                      "unix:///s?db=x",
                                      "unix:///s?x=1",
                                      "http://h:1/"};
    static const char *const good[] = {"redis://h", "redis://[::1]:7/2",
                                       "redis://h:1/", "unix:///s?db=3"};
    struct conf conf = {
        .cache_password_file = "", .cache_ttl = TTL, .cache_timeout = LIMIT};
    struct cache *c;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        conf.cache_url = bad[i];
        CHECK(cache_open(&conf, &c, &err) == ST_BAD_REQUEST && !c);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        conf.cache_url = good[i];
        CHECK(cache_open(&conf, &c, &err) == ST_OK);
        cache_close(&c);
    }
    conf.cache_password_file = "/nowhere/password";
    CHECK(cache_open(&conf, &c, &err) == ST_BAD_REQUEST && !c);
}

/* ---- a real server in trouble ---- */

static void away(struct cache *c)
{
    struct cache_entry e, later;

    CHECK(look(c, &e) == ST_OK);
    redis_kill();
    CHECK(WITHIN(IN_TIME, look(c, NULL) == ST_UNAVAILABLE));
    CHECK(WITHIN(IN_TIME, cache_check(c, D, &err) == ST_UNAVAILABLE));
    redis_start();
    CHECK(look_later(c, &later) == ST_OK && !later.hit);
    CHECK(strcmp(later.token.z, e.token.z) != 0);
    CHECK(redis_logged("cache_down") == 1 && redis_logged("cache_up") == 1);

    /* Restarted between two requests: nobody notices. */
    redis_kill();
    redis_start();
    CHECK(look(c, &e) == ST_OK);
    CHECK(cache_replace_token(c, U, D, &err) == ST_OK);
    CHECK(redis_logged("cache_down") == 1);
}

/*
 * The pause after a failure: a lookup that does not wait for the server. Where
 * the machine was so busy that the pause was over, that lookup failed as the
 * one before it, and the next pause is twice as long, up to a second.
 */
static bool pauses(struct cache *c)
{
    for (int i = 0; i < 10; i++) {
        int64_t began = clock_mono_ms();
        enum status st = look_at(c, OTHER, NULL);

        if (st == ST_UNAVAILABLE && left_alone() &&
            clock_mono_ms() - began < LIMIT)
            return true;
    }
    return false;
}

/* The first lookup after the pause. */
static enum status look_again(struct cache *c)
{
    enum status st = look_at(c, OTHER, NULL);

    for (int i = 0; i < 1000 && st == ST_UNAVAILABLE && left_alone(); i++) {
        clock_sleep_ms(5);
        st = look_at(c, OTHER, NULL);
    }
    return st;
}

/* A reply that comes too late must not answer the next command. */
static void hung(struct cache *patient)
{
    struct cache *c = cache_at(NULL, TTL, LIMIT);
    struct cache_entry mine, again;

    CHECK(look(patient, &mine) == ST_OK);
    CHECK(look_at(patient, OTHER, NULL) == ST_OK);
    CHECK(look_later(c, NULL) == ST_OK); /* connected */
    kill(redis_pid, SIGSTOP);
    CHECK(WITHIN(IN_TIME, look_at(c, OTHER, NULL) == ST_TIMEOUT));
    CHECK(pauses(c));
    CHECK(WITHIN(IN_TIME, look_again(c) == ST_TIMEOUT)); /* connects anew */
    CHECK(WITHIN(IN_TIME, cache_check(c, D, &err) == ST_TIMEOUT));
    CHECK(WITHIN(IN_TIME,
                 cache_check(patient, deadline_in(20), &err) == ST_TIMEOUT));
    CHECK(cache_lookup(c, U, CACHE_WHOLE, deadline_in(0), a, &again, &err) ==
          ST_TIMEOUT);
    kill(redis_pid, SIGCONT);
    CHECK(look_later(c, &again) == ST_OK);
    CHECK(strcmp(again.token.z, mine.token.z) == 0);
    cache_close(&c);
}

static void redis_move(const char *from, const char *to)
{
    char path[96];

    snprintf(path, sizeof path, "%s", redis_file(from));
    assert(rename(path, redis_file(to)) == 0);
}

/* Away for all, until it is shown again: unlike a restart, in no time. */
static void redis_hide(void)
{
    freeReplyObject(redis_do("CLIENT KILL TYPE normal"));
    redis_move("redis.sock", "hidden");
}

static void redis_show(void)
{
    redis_move("hidden", "redis.sock");
}

/* replace_token does not wait for the pause to end, but once a second. */
static void urgent(struct cache *c)
{
    int tries = 0;
    int64_t began;

    clock_sleep_ms(1100); /* earlier attempts do not count */
    redis_hide();
    for (int i = 0; i < 6; i++) /* so that the pause is long */
        CHECK(cache_check(c, D, &err) == ST_UNAVAILABLE);
    redis_show();
    CHECK(look(c, NULL) == ST_UNAVAILABLE && left_alone());
    CHECK(cache_replace_token(c, U, D, &err) == ST_OK);
    CHECK(look(c, NULL) == ST_OK);

    redis_hide();
    for (int i = 0; i < 6; i++)
        CHECK(cache_check(c, D, &err) == ST_UNAVAILABLE);
    began = clock_mono_ms();
    for (int i = 0; i < 20; i++) {
        CHECK(cache_replace_token(c, U, D, &err) == ST_UNAVAILABLE);
        tries += !left_alone();
    }
    /* One a second, and one a second because the pause is over. */
    CHECK(tries <= 2 * (1 + (int)((clock_mono_ms() - began) / 1000)));
    redis_show();
    CHECK(look_later(c, NULL) == ST_OK);
}

static void full(struct cache *c)
{
    struct cache_fill f = {STR_LIT("h"), STR_LIT("user"),
                           clock_wall_us() / 1000};
    struct cache_entry e;

    CHECK(look(c, &e) == ST_OK);
    freeReplyObject(redis_do("CONFIG SET maxmemory 1"));
    CHECK(cache_fill_begin(c, U, CACHE_WHOLE, &e.token, D, &err) ==
          ST_UNAVAILABLE);
    CHECK(strcmp(err.code, "cache_full") == 0);
    CHECK(cache_commit(c, U, CACHE_WHOLE, &e.token, &f, D, &err) ==
          ST_UNAVAILABLE);
    CHECK(look(c, NULL) == ST_OK); /* it still serves, and forgets */
    CHECK(cache_replace_token(c, U, D, &err) == ST_OK);
    CHECK(look(c, NULL) == ST_UNAVAILABLE);
    CHECK(cache_check(c, D, &err) == ST_UNAVAILABLE);
    freeReplyObject(redis_do("CONFIG SET maxmemory 0"));
    CHECK(look(c, &e) == ST_OK);
    CHECK(cache_fill_begin(c, U, CACHE_WHOLE, &e.token, D, &err) == ST_OK);
    cache_fill_end(c, U, CACHE_WHOLE, &e.token, D);
}

static void replica(struct cache *c)
{
    CHECK(look(c, NULL) == ST_OK);
    freeReplyObject(redis_do("REPLICAOF 127.0.0.1 1"));
    CHECK(cache_replace_token(c, U, D, &err) == ST_UNAVAILABLE);
    CHECK(strstr(err.text, "READONLY"));
    CHECK(cache_check(c, D, &err) == ST_UNAVAILABLE);
    freeReplyObject(redis_do("REPLICAOF NO ONE"));
    CHECK(look_later(c, NULL) == ST_OK);
}

static void rights(void)
{
    struct cache *c = cache_at(NULL, TTL, PATIENCE);

    freeReplyObject(redis_do("ACL SETUSER default -info"));
    CHECK(look(c, NULL) == ST_UNAVAILABLE);
    CHECK(strcmp(err.code, "cache_no_info") == 0);
    freeReplyObject(redis_do("ACL SETUSER default +info -set"));
    CHECK(cache_check(c, D, &err) == ST_UNAVAILABLE);
    freeReplyObject(redis_do("ACL SETUSER default +set"));
    CHECK(look_later(c, NULL) == ST_OK);
    cache_close(&c);
}

static void password(void)
{
    char file[96], url[128];
    struct conf conf = {.cache_url = url,
                        .cache_password_file = file,
                        .cache_ttl = TTL,
                        .cache_timeout = PATIENCE};
    struct cache *c, *without = cache_at(NULL, TTL, PATIENCE);
    FILE *f;

    snprintf(url, sizeof url, "unix://%s?db=1", redis_socket());
    snprintf(file, sizeof file, "%s/password", redis_dir);
    f = fopen(file, "w");
    assert(f && fputs("wrong\n", f) >= 0 && fclose(f) == 0);
    freeReplyObject(redis_do("CONFIG SET requirepass secret"));
    CHECK(look(without, NULL) == ST_UNAVAILABLE);
    CHECK(cache_open(&conf, &c, &err) == ST_OK);
    CHECK(cache_check(c, D, &err) == ST_UNAVAILABLE);
    CHECK(!strstr(err.text, "wrong") || strstr(err.text, "WRONGPASS"));
    f = fopen(file, "w");
    assert(f && fputs("secret\n", f) >= 0 && fclose(f) == 0);
    CHECK(look_later(c, NULL) == ST_OK);
    unlink(file);
    cache_close(&c);
    cache_close(&without);
    redis_kill(); /* and with it the password */
    redis_start();
}

/* ---- something else that answers ---- */

static struct {
    int fd;              /* listens */
    const char *command; /* what is answered with `reply` instead */
    const char *reply;   /* NULL: nothing, ever */
    bool then_close;
} odd;

#define INFO "# Server\r\nrun_id:0123456789abcdef0123456789abcdef01234567\r\n"

static const char *odd_reply(const char *command)
{
    if (strstr(command, odd.command))
        return odd.reply;
    if (strstr(command, "INFO"))
        return "$59\r\n" INFO "\r\n";
    if (strstr(command, "MGET"))
        return "*3\r\n$73\r\n0123456789abcdef0123456789abcdef01234567-"
               "fedcba98765432100123456789abcdef\r\n$-1\r\n$-1\r\n";
    return "+OK\r\n";
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
    odd_case("no run_id", "INFO", "$4\r\nnone\r\n", false, ST_UNAVAILABLE);
    odd_case("another type", "INFO", "+OK\r\n", true, ST_UNAVAILABLE);
    odd_case("silence", "INFO", NULL, false, ST_TIMEOUT);
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
    CHECK(WITHIN(IN_TIME, look(c, NULL) == ST_TIMEOUT));
    cache_close(&c);
    for (int i = 0; i < 8; i++)
        close(fill[i]);
    close(fd); /* now refused */
    c = cache_at(url, TTL, LIMIT);
    CHECK(WITHIN(IN_TIME, look(c, NULL) == ST_UNAVAILABLE));
    cache_close(&c);
}

int main(void)
{
    struct cache *c;

    if (!redis_begin())
        return 0;
    a = arena_new(65536);
    c = cache_at(NULL, TTL, PATIENCE);
    urls();
    away(c);
    hung(c);
    urgent(c);
    full(c);
    replica(c);
    rights();
    password();
    oddities();
    swallowed();
    cache_close(&c);
    arena_free(&a);
    redis_end();
    return tap_end();
}
