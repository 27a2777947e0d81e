/*
 * The cache without a Redis that works: away, hung, restarted, full, a
 * replica, without rights. Every call ends in time and with ST_UNAVAILABLE or
 * ST_TIMEOUT, and the cache comes back by itself.
 */
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
                                      "rediss://u:p@h:1",
                                      "rediss:/h",
                                      "unix://relative",
                                      "unix:///s?db=x",
                                      "unix:///s?x=1",
                                      "http://h:1/"};
    static const char *const good[] = {"redis://h", "redis://[::1]:7/2",
                                       "redis://h:1/", "rediss://h:1/2",
                                       "unix:///s?db=3"};
    struct conf conf = {.cache_user = "",
                        .cache_ca_file = "",
                        .cache_password_file = "",
                        .cache_ttl = TTL,
                        .cache_timeout = LIMIT};
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
                           clock_wall_us() / 1000, false};
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

/* ---- values that are not ours ---- */

static enum status commit(struct cache *c)
{
    struct cache_fill f = {STR_LIT("head"), STR_LIT("user"),
                           clock_wall_us() / 1000, false};
    struct cache_entry e;
    enum status st = look(c, &e);

    if (!st)
        st = cache_fill_begin(c, U, CACHE_WHOLE, &e.token, D, &err);
    if (!st)
        st = cache_commit(c, U, CACHE_WHOLE, &e.token, &f, D, &err);
    cache_fill_end(c, U, CACHE_WHOLE, &e.token, D);
    return st;
}

static bool hit(struct cache *c)
{
    struct cache_entry e;

    return look(c, &e) == ST_OK && e.hit;
}

/* What was damaged, or is somebody else's, is a miss and is removed. */
static void damaged(struct cache *c)
{
    static const char *const damage[] = {
        "'SETRANGE', 'dg:{driver}:head', 3, 'X'",
        "'SETRANGE', 'dg:{driver}:head', 140, 'X'",
        "'APPEND', 'dg:{driver}:head', 'X'", "'SET', 'dg:{driver}:head', 'x'"};
    int downs = redis_logged("cache_down");
    struct cache_entry e;
    struct str id;

    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        char script[128];

        snprintf(script, sizeof script, "return redis.call(%s)", damage[i]);
        CHECK(commit(c) == ST_OK && hit(c));
        freeReplyObject(redis_do("EVAL %s 0", script));
        CHECK(!hit(c));
        CHECK(redis_number(redis_do("EXISTS dg:{driver}:head")) == 0);
    }
    CHECK(redis_logged("cache_strange") ==
          (int)(sizeof damage / sizeof *damage));

    /* Of another type. */
    CHECK(look(c, &e) == ST_OK);
    freeReplyObject(redis_do("DEL dg:{driver}:token"));
    freeReplyObject(redis_do("RPUSH dg:{driver}:token x"));
    CHECK(cache_commit(c, U, CACHE_WHOLE, &e.token,
                       &(struct cache_fill){STR_LIT("h"), STR_LIT("user"),
                                            clock_wall_us() / 1000, false},
                       D, &err) == ST_PRECONDITION);
    CHECK(commit(c) == ST_OK && hit(c));
    freeReplyObject(redis_do("RPUSH dg:email:list x"));
    CHECK(cache_email_get(c, (struct str){"list", 4}, D, a, &id, &err) ==
          ST_NOT_FOUND);
    CHECK(redis_number(redis_do("EXISTS dg:email:list")) == 0);
    CHECK(redis_logged("cache_down") == downs);
}

/* ---- roles and rights ---- */

/* The connection stands when the server's role changes. */
static void replica(struct cache *c)
{
    struct cache_entry e, later;

    CHECK(look(c, &e) == ST_OK);
    freeReplyObject(redis_do("REPLICAOF 127.0.0.1 1"));
    CHECK(look(c, NULL) == ST_UNAVAILABLE);
    CHECK(strcmp(err.code, "cache_replica") == 0);
    CHECK(cache_replace_token(c, U, D, &err) == ST_UNAVAILABLE);
    CHECK(cache_check(c, D, &err) == ST_UNAVAILABLE);
    freeReplyObject(redis_do("REPLICAOF NO ONE"));
    CHECK(look_later(c, &later) == ST_OK);
    CHECK(strcmp(e.token.z, later.token.z) != 0);

    /* There and back between two looks: what was there does not count. */
    freeReplyObject(redis_do("REPLICAOF 127.0.0.1 1"));
    freeReplyObject(redis_do("REPLICAOF NO ONE"));
    CHECK(look(c, &e) == ST_OK);
    CHECK(strcmp(e.token.z, later.token.z) != 0);
    CHECK(redis_logged("cache_history") >= 2);

    /* A replica that takes writes would forget nothing at the master. */
    freeReplyObject(redis_do("CONFIG SET replica-read-only no"));
    freeReplyObject(redis_do("REPLICAOF 127.0.0.1 1"));
    CHECK(cache_replace_token(c, U, D, &err) == ST_UNAVAILABLE);
    freeReplyObject(redis_do("REPLICAOF NO ONE"));
    freeReplyObject(redis_do("CONFIG SET replica-read-only yes"));
    CHECK(look_later(c, NULL) == ST_OK);
}

static void rights(void)
{
    struct cache *c = cache_at(NULL, TTL, PATIENCE);

    freeReplyObject(redis_do("ACL SETUSER default -info"));
    CHECK(look(c, NULL) == ST_UNAVAILABLE);
    CHECK(strcmp(err.code, "cache_no_info") == 0);
    freeReplyObject(redis_do("ACL SETUSER default +info"));
    CHECK(look_later(c, NULL) == ST_OK);
    cache_close(&c);
}

/* Said once; then nothing is asked for a while, but what may be removed is. */
static void forbidden(const char *right)
{
    struct cache *c = cache_at(NULL, TTL, PATIENCE);
    int downs = redis_logged("cache_down"), ups = redis_logged("cache_up");
    bool removes = strcmp(right, "del") != 0 && right[0] != '~';
    struct cache_entry e;

    freeReplyObject(redis_do("FLUSHALL"));
    CHECK(look(c, &e) == ST_OK);
    if (right[0] == '~')
        freeReplyObject(redis_do("ACL SETUSER default resetkeys %s", right));
    else
        freeReplyObject(redis_do("ACL SETUSER default -%s", right));
    freeReplyObject(redis_do("DEL dg:{driver}:token"));
    CHECK(cache_check(c, D, &err) == ST_UNAVAILABLE);
    CHECK(strstr(err.text, "the user needs ~dg:*"));
    for (int i = 0; i < 5; i++) {
        clock_sleep_ms(60); /* longer than the first pauses */
        CHECK(look(c, NULL) == ST_UNAVAILABLE && left_alone());
    }
    clock_sleep_ms(1000);
    CHECK((cache_replace_token(c, U, D, &err) == ST_OK) == removes);
    CHECK(look(c, NULL) == ST_UNAVAILABLE);
    CHECK(redis_logged("cache_down") == downs + 1);
    CHECK(redis_logged("cache_up") == ups);
    freeReplyObject(redis_do("ACL SETUSER default allkeys +@all"));
    CHECK(cache_check(c, D, &err) == ST_OK);
    CHECK(look(c, NULL) == ST_OK);
    CHECK(redis_logged("cache_up") == ups + 1);
    cache_close(&c);
}

static void password(void)
{
    char file[96], url[128];
    struct conf conf = {.cache_url = url,
                        .cache_user = "",
                        .cache_ca_file = "",
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
    damaged(c);
    replica(c);
    rights();
    forbidden("@scripting");
    forbidden("del");
    forbidden("~app:*");
    password();
    cache_close(&c);
    arena_free(&a);
    redis_end();
    return tap_end();
}
