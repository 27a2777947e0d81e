/*
 * The cache's rules, each on a real Redis: what a reader may take, what a
 * filler may store, and when both are forgotten.
 */
#include "base/gzip_join.h"
#include "t/unit/redis.h"

#define D deadline_in(2000)
#define TTL 60000
#define LIMIT 1000

static struct arena *a;
static struct err err;
static const struct str U = {"driver@example.com", 18};

static int64_t now_ms(void)
{
    return clock_wall_us() / 1000;
}

static struct cache_entry look(struct cache *c, struct str user)
{
    struct cache_entry e;

    if (cache_lookup(c, user, CACHE_WHOLE, D, a, &e, &err) != ST_OK) {
        fprintf(stderr, "lookup: %s\n", err.text);
        abort();
    }
    return e;
}

static bool same_token(const struct cache_entry *x, const struct cache_entry *y)
{
    return x->token.z[0] && strcmp(x->token.z, y->token.z) == 0;
}

static enum status commit_as(struct cache *c, const struct cache_entry *e,
                             const char *head, const char *user, int64_t began)
{
    struct cache_fill f = {str_of(head), str_of(user), began, false};

    return cache_commit(c, U, CACHE_WHOLE, &e->token, &f, D, &err);
}

static enum status commit(struct cache *c, const struct cache_entry *e,
                          const char *head)
{
    return commit_as(c, e, head, "user1", now_ms());
}

/* A whole fill with one piece. */
static enum status fill(struct cache *c, const struct cache_entry *e,
                        const char *head, const char *piece, int64_t began)
{
    enum status st = cache_fill_begin(c, U, CACHE_WHOLE, &e->token, D, &err);

    if (!st)
        st = cache_piece_put(c, U, &e->token, 0, str_of(piece), D, &err);
    if (!st)
        st = commit_as(c, e, head, "user1", began);
    cache_fill_end(c, U, CACHE_WHOLE, &e->token, D);
    return st;
}

static bool piece_is(struct cache *c, const struct cache_entry *e,
                     const char *want)
{
    char got[64];

    return cache_piece(c, U, &e->token, 0, strlen(want), D, got, &err) ==
               ST_OK &&
           memcmp(got, want, strlen(want)) == 0;
}

static void fresh(void)
{
    freeReplyObject(redis_do("FLUSHALL"));
}

static void none(void)
{
    struct cache *c = cache_at("none", TTL, LIMIT);
    struct cache_entry e = look(c, U);
    struct str user_id;
    char byte;

    CHECK(!e.hit && !e.token.z[0]);
    CHECK(cache_fill_begin(c, U, CACHE_WHOLE, &e.token, D, &err) == ST_OK);
    CHECK(cache_piece_put(c, U, &e.token, 0, STR_LIT("x"), D, &err) == ST_OK);
    CHECK(commit(c, &e, "x") == ST_OK);
    CHECK(cache_user_seen(c, U, &e.token, STR_LIT("x"), 1, D, &err) == ST_OK);
    CHECK(cache_piece(c, U, &e.token, 0, 1, D, &byte, &err) == ST_NOT_FOUND);
    CHECK(cache_email_put(c, U, U, D, &err) == ST_OK);
    CHECK(cache_email_get(c, U, D, a, &user_id, &err) == ST_NOT_FOUND);
    CHECK(cache_replace_token(c, U, D, &err) == ST_OK);
    CHECK(cache_check(c, D, &err) == ST_OK);
    cache_close(&c);
    CHECK(!c);
}

static void hit(struct cache *c)
{
    struct cache_entry e = look(c, U), again = look(c, U), got;
    int64_t began = now_ms() - 5;

    CHECK(cache_check(c, D, &err) == ST_OK);
    CHECK(!e.hit && same_token(&e, &again));
    CHECK(fill(c, &e, "head\nwith lines\n", "piece", began) == ST_OK);
    got = look(c, U);
    CHECK(got.hit && same_token(&got, &e));
    CHECK(str_is(got.head, "head\nwith lines\n"));
    CHECK(got.read_began_ms == began && str_is(got.user, "user1"));
    CHECK(piece_is(c, &got, "piece"));
    again = look(c, STR_LIT("another"));
    CHECK(!again.hit && !same_token(&again, &got));
    CHECK(cache_replace_token(c, U, D, &err) == ST_OK);
    again = look(c, U);
    CHECK(!again.hit && !same_token(&again, &got));
}

/* What is not there, or of another size, leaves the connection in step. */
static void lost_pieces(struct cache *c)
{
    struct cache_entry e = look(c, U);
    char got[64];

    CHECK(fill(c, &e, "h", "0123456789", now_ms()) == ST_OK);
    e = look(c, U);
    CHECK(cache_piece(c, U, &e.token, 0, 9, D, got, &err) == ST_NOT_FOUND);
    CHECK(cache_piece(c, U, &e.token, 0, 11, D, got, &err) == ST_NOT_FOUND);
    CHECK(cache_piece(c, U, &e.token, 0, 1, D, got, &err) == ST_NOT_FOUND);
    CHECK(cache_piece(c, U, &e.token, 1, 10, D, got, &err) == ST_NOT_FOUND);
    CHECK(piece_is(c, &e, "0123456789"));
    freeReplyObject(redis_do("DEL dg:{%s}:piece:%s:0", U.p, e.token.fill));
    CHECK(!piece_is(c, &e, "0123456789") && err.st == ST_NOT_FOUND);
    CHECK(look(c, U).hit);
}

static void large_pieces(struct cache *c)
{
    struct cache_entry e = look(c, U);
    char *in = malloc(CACHE_PIECE_MAX), *out = malloc(CACHE_PIECE_MAX);
    int same = 0;

    assert(in && out);
    for (size_t i = 0; i < CACHE_PIECE_MAX; i++)
        in[i] = (char)(i * 7 + i / 251);
    CHECK(cache_fill_begin(c, U, CACHE_WHOLE, &e.token, D, &err) == ST_OK);
    for (int i = 0; i < 4; i++) {
        struct str s = {in + i, CACHE_PIECE_MAX - (size_t)i};

        CHECK(cache_piece_put(c, U, &e.token, i, s, D, &err) == ST_OK);
    }
    CHECK(commit(c, &e, "h") == ST_OK);
    cache_fill_end(c, U, CACHE_WHOLE, &e.token, D);
    e = look(c, U);
    for (int i = 0; i < 4; i++) {
        size_t n = CACHE_PIECE_MAX - (size_t)i;

        memset(out, 0, n);
        if (cache_piece(c, U, &e.token, i, n, D, out, &err) == ST_OK)
            same += memcmp(out, in + i, n) == 0;
    }
    CHECK(same == 4);
    free(in);
    free(out);
}

/* Rule 5: a fill counts only if the token is the one read before the store. */
static void refused_fills(struct cache *c, struct cache *other)
{
    struct cache_entry e = look(c, U);

    CHECK(redis_number(redis_do("EXISTS dg:{%s}:token", U.p)) == 1);
    CHECK(cache_replace_token(other, U, D, &err) == ST_OK);
    CHECK(fill(c, &e, "old", "old", now_ms()) == ST_PRECONDITION);
    CHECK(!look(c, U).hit);

    e = look(c, U); /* evicted while the store is read */
    freeReplyObject(redis_do("DEL dg:{%s}:token", U.p));
    CHECK(fill(c, &e, "old", "old", now_ms()) == ST_PRECONDITION);

    e = look(c, U); /* evicted, and set anew by another reader */
    freeReplyObject(redis_do("DEL dg:{%s}:token", U.p));
    CHECK(!look(other, U).hit);
    CHECK(fill(c, &e, "old", "old", now_ms()) == ST_PRECONDITION);

    e = look(c, U); /* evicted with the entry left behind */
    CHECK(fill(c, &e, "old", "old", now_ms()) == ST_OK);
    CHECK(look(other, U).hit);
    freeReplyObject(redis_do("DEL dg:{%s}:token", U.p));
    CHECK(!look(other, U).hit); /* sets a token */
    CHECK(!look(other, U).hit); /* finds it, above the old entry */
}

static void two_fillers(struct cache *c, struct cache *other)
{
    struct cache_entry e = look(c, U), first, second;

    CHECK(cache_fill_begin(c, U, CACHE_WHOLE, &e.token, D, &err) == ST_OK);
    CHECK(cache_fill_begin(other, U, CACHE_WHOLE, &e.token, D, &err) ==
          ST_BUSY);
    cache_fill_end(other, U, CACHE_WHOLE, &e.token, D); /* not its own: stays */
    CHECK(cache_fill_begin(other, U, CACHE_WHOLE, &e.token, D, &err) ==
          ST_BUSY);
    CHECK(redis_number(redis_do("PTTL dg:{%s}:fill:%s:", U.p, e.token.z)) > 0);

    /* The first one is slow, its lock expires, and both go on. */
    freeReplyObject(redis_do("DEL dg:{%s}:fill:%s:", U.p, e.token.z));
    CHECK(cache_piece_put(c, U, &e.token, 0, STR_LIT("AAAA"), D, &err) ==
          ST_OK);
    CHECK(cache_fill_begin(other, U, CACHE_WHOLE, &e.token, D, &err) == ST_OK);
    CHECK(cache_piece_put(other, U, &e.token, 0, STR_LIT("BBBB"), D, &err) ==
          ST_OK);
    CHECK(commit(c, &e, "A") == ST_OK);
    first = look(c, U);
    CHECK(str_is(first.head, "A") && piece_is(c, &first, "AAAA"));
    cache_fill_end(c, U, CACHE_WHOLE, &e.token,
                   D); /* the lock is the other's by now */
    CHECK(redis_number(redis_do("EXISTS dg:{%s}:fill:%s:", U.p, e.token.z)) ==
          1);
    CHECK(commit(other, &e, "B") == ST_OK);
    second = look(c, U);
    CHECK(str_is(second.head, "B") && piece_is(c, &second, "BBBB"));
    CHECK(piece_is(c, &first, "AAAA"));
    cache_fill_end(other, U, CACHE_WHOLE, &e.token, D);
    CHECK(redis_number(redis_do("EXISTS dg:{%s}:fill:%s:", U.p, e.token.z)) ==
          0);
}

/* The age counts from the moment at which the store's read began. */
static void ages(void)
{
    struct cache *c = cache_at(NULL, 1000, LIMIT);
    struct cache_entry e = look(c, U);
    long long left;

    CHECK(fill(c, &e, "h", "p", now_ms() - 1000) == ST_PRECONDITION);
    CHECK(fill(c, &e, "h", "p", now_ms() - 600) == ST_OK);
    CHECK(look(c, U).hit);
    left = redis_number(redis_do("PTTL dg:{%s}:head", U.p));
    CHECK(left > 0 && left <= 400);
    left = redis_number(redis_do("PTTL dg:{%s}:token", U.p));
    CHECK(left > 2000 && left <= 4000);
    /* Redis's own expiry set aside, as with a clock that is behind ours. */
    freeReplyObject(redis_do("PERSIST dg:{%s}:head", U.p));
    clock_sleep_ms(420);
    CHECK(!look(c, U).hit);
    CHECK(redis_number(redis_do("EXISTS dg:{%s}:head", U.p)) == 1);
    cache_close(&c);
}

static bool seen(struct cache *c)
{
    struct cache_entry e = look(c, U);

    return e.hit && e.user_seen;
}

/* What is known of the user's record: under this token, of this fill's record,
 * on all hosts, for so long. */
static void users_seen(struct cache *c, struct cache *other)
{
    struct cache_entry e = look(c, U);
    long long left;

    CHECK(fill(c, &e, "h", "p", now_ms()) == ST_OK);
    CHECK(!seen(c));
    CHECK(cache_user_seen(c, U, &e.token, STR_LIT("user1"), 5000, D, &err) ==
          ST_OK);
    CHECK(seen(c) && seen(other));
    left = redis_number(redis_do("PTTL dg:{%s}:seen", U.p));
    CHECK(left > 4000 && left <= 5000);
    CHECK(cache_user_seen(c, U, &e.token, STR_LIT("user2"), 5000, D, &err) ==
          ST_OK);
    CHECK(!seen(c));
    CHECK(commit_as(c, &e, "h", "user2", now_ms()) == ST_OK);
    CHECK(seen(other));

    CHECK(cache_replace_token(c, U, D, &err) == ST_OK);
    e = look(c, U);
    CHECK(!e.user_seen);
    CHECK(commit_as(c, &e, "h", "user2", now_ms()) == ST_OK);
    CHECK(look(c, U).hit && !seen(c)); /* the old token's word */
    freeReplyObject(redis_do("SET dg:{%s}:seen %s", U.p, e.token.z));
    CHECK(!seen(c));
    freeReplyObject(redis_do("SET dg:{%s}:seen user2", U.p));
    CHECK(!seen(c));
}

/* What is older is no hit, but there for who cannot get it anew. */
static void aged(void)
{
    struct cache *c = cache_stale_at(NULL, 1000, 600, LIMIT);
    struct cache_entry e = look(c, U);
    long long left;

    CHECK(fill(c, &e, "h", "p", now_ms() - 1000) == ST_PRECONDITION);
    CHECK(fill(c, &e, "h", "p", now_ms() - 600) == ST_OK);
    e = look(c, U);
    CHECK(e.hit && !e.aged);
    left = redis_number(redis_do("PTTL dg:{%s}:head", U.p));
    CHECK(left > 600 && left <= 1000);
    left = redis_number(redis_do("PTTL dg:{%s}:piece:%s:0", U.p, e.token.fill));
    CHECK(left > 1200 && left <= 1600);
    freeReplyObject(redis_do("PERSIST dg:{%s}:head", U.p));
    clock_sleep_ms(420);
    e = look(c, U);
    CHECK(!e.hit && e.aged && str_is(e.head, "h") && str_is(e.user, "user1"));
    CHECK(piece_is(c, &e, "p") && !e.user_seen);
    CHECK(cache_user_seen(c, U, &e.token, e.user, 5000, D, &err) == ST_OK);
    CHECK(look(c, U).user_seen);
    CHECK(cache_replace_token(c, U, D, &err) == ST_OK);
    CHECK(!look(c, U).aged);

    e = look(c, U);
    CHECK(fill(c, &e, "h", "p", now_ms() - 900) == ST_OK);
    freeReplyObject(redis_do("PERSIST dg:{%s}:head", U.p));
    clock_sleep_ms(720);
    e = look(c, U);
    CHECK(!e.hit && !e.aged);
    cache_close(&c);
}

static void emails(struct cache *c, struct cache *other)
{
    struct str e = STR_LIT("e@x"), id;
    long long left;

    CHECK(cache_email_get(c, e, D, a, &id, &err) == ST_NOT_FOUND);
    CHECK(cache_email_put(c, e, U, D, &err) == ST_OK);
    CHECK(cache_email_get(other, e, D, a, &id, &err) == ST_OK);
    CHECK(str_eq(id, U));
    left = redis_number(redis_do("PTTL dg:email:e@x"));
    CHECK(left > TTL - 10000 && left <= TTL);
    freeReplyObject(redis_do("SET dg:email:e@x %s", "../another"));
    CHECK(cache_email_get(c, e, D, a, &id, &err) == ST_NOT_FOUND);
}

/* Whether the token that is in Redis now was replaced by who looked. */
static bool token_replaced(struct cache *c, const char *byte_before_last)
{
    long long n = redis_number(redis_do("STRLEN dg:{%s}:token", U.p));
    struct cache_entry e = look(c, U);

    return n == (long long)strlen(e.token.z) &&
           e.token.z[n - 2] != byte_before_last[0] &&
           REDIS_SAYS(e.token.z, "GET dg:{%s}:token", U.p);
}

/* A token of this run, the byte before its last another. */
static bool refused_token(struct cache *c, const char *byte)
{
    struct cache_entry e = look(c, U);
    int n = (int)strlen(e.token.z);

    e.token.z[n - 2] = '\0';
    freeReplyObject(redis_do("SET dg:{%s}:token %s", U.p, e.token.z));
    if (byte[0])
        freeReplyObject(redis_do("APPEND dg:{%s}:token %s", U.p, byte));
    /* What is not there yet is filled up with zeros. */
    freeReplyObject(redis_do("SETRANGE dg:{%s}:token %d a", U.p, n - 1));
    return token_replaced(c, byte);
}

static void garbage(struct cache *c)
{
    static const char *const heads[] = {"",
                                        "x",
                                        "%s",
                                        "%s\n",
                                        "%s\nshort\n1\n",
                                        ("%s\n0123456789abcdef"
                                         "0123456789 \r\t:{g\n9999999999999\n"),
                                        ("%s\n0123456789abcdef"
                                         "0123456789abcdef\nsoon u\n"),
                                        ("%s\n0123456789abcdef"
                                         "0123456789abcdef\n"
                                         "9999999999999\n"),
                                        ("%s\n0123456789abcdef"
                                         "0123456789abcdef\n"
                                         "9999999999999 \n"),
                                        ("%s\n0123456789abcdef"
                                         "0123456789abcdef\n"
                                         "9999999999999 0123456789abcdef"
                                         "0123456789abcdef0123456789abcdef"
                                         "0123456789abcdef0\n")};
    struct cache_entry e = look(c, U);
    char text[512];

    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        const char *mark = strstr(heads[i], "%s");

        snprintf(text, sizeof text, "%s%s", mark ? e.token.z : heads[i],
                 mark ? mark + 2 : "");
        freeReplyObject(redis_do("SET dg:{%s}:head %s", U.p, text));
        CHECK(!look(c, U).hit);
        freeReplyObject(redis_do("SET dg:{%s}:head %08x%s%s", U.p,
                                 (unsigned)gzip_sum_of(str_of(text)).crc, " ",
                                 text));
        CHECK(!look(c, U).hit);
    }
    /* Of this run, but not such as random_hex writes. */
    CHECK(refused_token(c, "G") && refused_token(c, "\n") &&
          refused_token(c, ""));
    freeReplyObject(redis_do("SET dg:{%s}:token %s", U.p, "nonsense"));
    CHECK(!look(c, U).hit);
    CHECK(!REDIS_SAYS("nonsense", "GET dg:{%s}:token", U.p));
}

/* A restart from a snapshot brings back tokens and entries that were replaced
 * since; none of them may count. */
static void old_snapshot(struct cache *c, struct cache *other)
{
    struct cache_entry before = look(c, U), mine, theirs;

    CHECK(fill(c, &before, "old", "old", now_ms()) == ST_OK);
    CHECK(REDIS_SAYS("OK", "SAVE"));
    CHECK(cache_replace_token(c, U, D, &err) == ST_OK);
    redis_kill();
    redis_start();
    CHECK(REDIS_SAYS(before.token.z, "GET dg:{%s}:token", U.p));
    CHECK(redis_number(redis_do("EXISTS dg:{%s}:head", U.p)) == 1);

    mine = look(c, U);
    theirs = look(other, U);
    CHECK(!mine.hit && !theirs.hit);
    CHECK(!same_token(&mine, &before) && same_token(&mine, &theirs));
    /* A filler that read the store before the restart. */
    CHECK(fill(c, &before, "old", "old", now_ms()) == ST_PRECONDITION);
    CHECK(fill(c, &mine, "new", "new", now_ms()) == ST_OK);
    CHECK(look(other, U).hit);
}

/* Readers at the same moment set one token, where none or a stale one is. */
static void one_token(const char *stale)
{
    enum { READERS = 6 };
    char tokens[READERS][CACHE_TOKEN_MAX + 1] = {{0}};
    int in[2], out[2], same = 0;
    char go;

    if (stale)
        freeReplyObject(redis_do("SET dg:{%s}:token %s", U.p, stale));
    assert(pipe(in) == 0 && pipe(out) == 0);
    for (int i = 0; i < READERS; i++) {
        if (fork() == 0) {
            struct cache *c = cache_at(NULL, TTL, LIMIT);
            struct cache_entry e = look(c, STR_LIT("warm"));

            close(in[1]);
            if (read(in[0], &go, 1) != 0) /* until the parent closes it */
                _exit(1);
            e = look(c, U);
            _exit(write(out[1], e.token.z, sizeof tokens[i]) < 0);
        }
    }
    close(in[0]);
    clock_sleep_ms(50);
    close(in[1]);
    for (int i = 0; i < READERS; i++) {
        if (read(out[0], tokens[i], sizeof tokens[i]) > 0)
            same += tokens[i][0] && strcmp(tokens[i], tokens[0]) == 0;
        wait(NULL);
    }
    close(out[0]);
    close(out[1]);
    CHECK(same == READERS);
}

static void keep(struct cache *c, const struct cache_token *t, char letter,
                 bool chosen)
{
    struct cache_fill f = {STR_LIT("head"), STR_LIT("user1"), now_ms(), chosen};

    CHECK(cache_commit(c, U, (struct str){&letter, 1}, t, &f, D, &err) ==
          ST_OK);
}

/* A letter each, those that are there. */
static bool kept_are(struct cache *c, const char *want)
{
    struct cache_entry e;
    char got[32] = "";

    for (char letter[] = "a"; letter[0] <= 'z'; letter[0]++)
        if (cache_lookup(c, U, str_of(letter), D, a, &e, &err) == ST_OK &&
            e.hit)
            strcat(got, letter);
    return strcmp(got, want) == 0;
}

/* Of two owners of the cache, who share one list. */
static void chosen_ones(struct cache *c, struct cache *other)
{
    struct cache_token t = look(c, U).token;

    keep(c, &t, 'z', false);
    keep(c, &t, 'a', true);
    keep(other, &t, 'b', true);
    keep(c, &t, 'c', true);
    keep(other, &t, 'd', true);
    CHECK(kept_are(c, "abcdz"));
    keep(c, &t, 'a', true); /* again: the newest now */
    CHECK(kept_are(c, "abcdz"));
    keep(other, &t, 'e', true);
    CHECK(kept_are(c, "acdez"));
    keep(c, &t, 'y', false); /* of the others there is no bound */
    CHECK(kept_are(c, "acdeyz"));
    /* A new token makes no room: its old ones are still there. */
    CHECK(cache_replace_token(c, U, D, &err) == ST_OK);
    t = look(c, U).token;
    keep(c, &t, 'f', true);
    CHECK(kept_are(c, "f"));
    CHECK(redis_number(redis_do("EXISTS dg:{%s}:rep:c", U.p)) == 0);
    CHECK(redis_number(redis_do("EXISTS dg:{%s}:rep:d", U.p)) == 1);
    CHECK(redis_number(redis_do("PTTL dg:{%s}:views", U.p)) > TTL);
    /* What somebody else put there. */
    CHECK(redis_number(redis_do("DEL dg:{%s}:views", U.p)) == 1);
    CHECK(redis_number(redis_do("LPUSH dg:{%s}:views x", U.p)) == 1);
    keep(c, &t, 'g', true);
    CHECK(REDIS_SAYS("g", "GET dg:{%s}:views", U.p));
    /* An old token keeps nothing, and lists nothing. */
    CHECK(cache_replace_token(other, U, D, &err) == ST_OK);
    CHECK(cache_commit(c, U, STR_LIT("h"), &t,
                       &(struct cache_fill){STR_LIT("head"), STR_LIT("user1"),
                                            now_ms(), true},
                       D, &err) == ST_PRECONDITION);
    CHECK(REDIS_SAYS("g", "GET dg:{%s}:views", U.p));
}

int main(void)
{
    struct cache *c, *other;

    if (!redis_begin())
        return 0;
    a = arena_new(65536);
    c = cache_at(NULL, TTL, LIMIT);
    other = cache_at(NULL, TTL, LIMIT);
    none();
    hit(c);
    lost_pieces(c);
    fresh();
    large_pieces(c);
    fresh();
    refused_fills(c, other);
    fresh();
    two_fillers(c, other);
    fresh();
    users_seen(c, other);
    fresh();
    chosen_ones(c, other);
    fresh();
    emails(c, other);
    fresh();
    ages();
    fresh();
    aged();
    fresh();
    garbage(c);
    fresh();
    old_snapshot(c, other);
    fresh();
    one_token(NULL);
    one_token("0123456789abcdef-of-another-run");
    cache_close(&c);
    cache_close(&other);
    arena_free(&a);
    redis_end();
    return tap_end();
}
