/*
 * redis.c - any bytes as what Redis answers to a look-up: taken for a hit only
 * with the token, a fill's name and an age within bounds; what an entry says of
 * an answer or of a variant lies within it.
 */
#include "store/cache_redis.h"

#include <assert.h>
#include "answer/answer_cache.h"
#include "answer/representation.h"
#include "base/gzip_join.h"
#include "base/log.h"
#include "base/random.h"
#include "t/fuzz/fuzz.h"
#include "t/fuzz/peer.h"

#define TTL_MS 300000
#define USER STR_LIT("u")
#define VARIANT STR_LIT("0123abcd")
#define RUN "0123456789abcdef0123456789abcdef01234567"
#define HEX "00112233445566778899aabbccddeeff"
#define TOKEN RUN "-" HEX
#define INFO                                                                   \
    "$84\r\n# Replication\r\nrole:master\r\nmaster_replid:" RUN "\r\n\r\n"

/*
 * "e": what follows is the text of an entry, after its token, fill and time;
 * "r": what follows are replies, with \xff between them: to INFO (none: a right
 * one), to the look-up with the INFO behind it, and to what comes after it.
 */
#define NEXT "\xff"
const struct fuzz_text fuzz_seeds[] = {
    FUZZ("e1 h W/\"abc\"\nbody"),
    FUZZ("e1 f W/\"abc\"\n"),
    FUZZ("e4 5 3 9 1444654255 100 80\na@b.cxyz\"user\":1"),
    FUZZ("e4 0 0 0 0 0 0\n"),
    FUZZ("r" NEXT "*3\r\n$73\r\n" TOKEN "\r\n$-1\r\n$-1\r\n" INFO),
    FUZZ("r" NEXT "*3\r\n$-1\r\n$-1\r\n$-1\r\n" INFO NEXT "$73\r\n" TOKEN
         "\r\n"),
    FUZZ("r" NEXT "*3\r\n$-1\r\n$-1\r\n$-1\r\n$25\r\n# Replication\r\n"
         "role:slave\r\n"),
    FUZZ("r" NEXT "*3\r\n$73\r\n" TOKEN "\r\n$116\r\n" TOKEN "\n" HEX
         "\n1 record\n\r\n$80\r\n" TOKEN " record\r\n" INFO NEXT
         "$4\r\nabcd\r\n"),
    FUZZ("r" NEXT "-OOM command not allowed\r\n" INFO),
    FUZZ("r$29\r\n\nrole:master\r\nmaster_replid:a\r\n" NEXT
         "*3\r\n$-1\r\n:1\r\n$-1\r\n"),
    FUZZ("r-NOPERM no\r\n"),
    FUZZ_END,
};
const struct fuzz_text fuzz_words[] = {
    FUZZ("\r\n"),
    FUZZ(NEXT),
    FUZZ("*3\r\n"),
    FUZZ("$-1\r\n"),
    FUZZ("*-1"),
    FUZZ(":1"),
    FUZZ("+OK"),
    FUZZ("-ERR "),
    FUZZ(TOKEN),
    FUZZ(HEX),
    FUZZ("\n"),
    FUZZ(" "),
    FUZZ("%1"),
    FUZZ("_\r\n"),
    FUZZ("#t"),
    FUZZ(",1.5"),
    FUZZ("1 h "),
    FUZZ("4 "),
    FUZZ("$4"),
    FUZZ("2147483647"),
    FUZZ("role:"),
    FUZZ("slave"),
    FUZZ("master_replid:"),
    FUZZ(">1"),
    FUZZ_END,
};

static void check_within(struct str part, struct str whole)
{
    assert(!part.n || (part.p >= whole.p && part.n <= whole.n &&
                       part.p + part.n <= whole.p + whole.n));
}

static void check_entry(const struct cache_entry *e)
{
    int64_t age = clock_wall_us() / 1000 - e->read_began_ms;
    struct answer_entry found;
    struct err err = ERR_NONE;
    struct kept kept;
    enum status st;

    assert(strlen(e->token.fill) == CACHE_FILL_ID && age < TTL_MS + 1000);
    assert(e->user.n > 0);
    st = kept_read(e->head, &kept, &err);
    assert(st == ST_OK || st == ST_NOT_FOUND);
    if (st == ST_OK) {
        assert(kept.etag.n > 0 && !(kept.file && kept.here));
        check_within(kept.etag, e->head);
        check_within(kept.body, e->head);
    }
    st = answer_found(e, &found, &err);
    assert(st == ST_OK || st == ST_NOT_FOUND);
    if (st == ST_OK) {
        check_within(found.answer.email, e->head);
        check_within(found.answer.state, e->head);
        check_within(found.answer.front, e->head);
        assert(answer_pieces(found.plain) >= 0 && found.gzip < SIZE_MAX / 2);
    }
}

static void check_lookup(struct arena *a)
{
    struct conf conf;
    struct cache_redis *c;
    struct cache_entry e = {.hit = false};
    struct err err = ERR_NONE;
    enum status st = conf_load(NULL, a, &conf, &err);
    char value[4];

    assert(st == ST_OK);
    conf.cache_url = arena_printf(a, "unix://%s", peer_unix()).p;
    conf.cache_timeout = 5000;
    conf.cache_ttl = TTL_MS;
    st = cache_redis_open(&conf, &c, &err);
    assert(st == ST_OK);
    st = cache_redis_lookup(c, USER, VARIANT, deadline_in(5000), a, &e, &err);
    assert(st == err.st &&
           (st == ST_OK || st == ST_UNAVAILABLE || st == ST_TIMEOUT));
    if (st == ST_OK) {
        size_t n = strlen(e.token.z);

        assert(n > RANDOM_HEX + 1 && e.token.z[n - RANDOM_HEX - 1] == '-');
        if (e.hit)
            check_entry(&e);
        st = cache_redis_piece(c, USER, &e.token, 0, sizeof value,
                               deadline_in(5000), value, &err);
        assert(st == ST_OK || st == ST_UNAVAILABLE || st == ST_TIMEOUT ||
               st == ST_NOT_FOUND);
    }
    cache_redis_close(&c);
}

/* The look-up's reply with a token and that text under it. */
static struct str entry_reply(struct str text, struct arena *a)
{
    struct str value = arena_printf(a, "%s\n%s\n%lld record\n", TOKEN, HEX,
                                    (long long)(clock_wall_us() / 1000 - 1000));
    struct buf b;
    struct str out;

    buf_init(&b, 1 << 20);
    buf_put(&b, value);
    buf_put(&b, text);
    value = arena_copy(a, buf_str(&b));
    buf_reset(&b);
    buf_printf(&b, "*3\r\n$%zu\r\n%s\r\n$%zu\r\n%08x ", sizeof TOKEN - 1, TOKEN,
               value.n + 9, (unsigned)gzip_sum_of(value).crc);
    buf_put(&b, value);
    buf_printf(&b, "\r\n$%zu\r\n%s record\r\n%s", sizeof TOKEN + 6, TOKEN,
               INFO);
    out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return out;
}

/* Counts of at most four digits after a '*': what the library does for longer
 * lists than any of ours is its own affair. */
static bool for_us(struct str in)
{
    size_t digits = 0;
    bool list = false;

    for (size_t i = 0; i < in.n; i++) {
        bool digit = in.p[i] >= '0' && in.p[i] <= '9';

        digits = digit ? digits + 1 : 0;
        list = in.p[i] == '*' || (list && digit);
        if (list && digits > 4)
            return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data + 1, size - 1};
    struct str answer[PEER_ANSWERS] = {STR_LIT(INFO)};
    struct arena *a;
    size_t n = 1;

    log_open("/dev/null", LOG_ERROR, "fuzz");
    if (size == 0 || (data[0] != 'e' && data[0] != 'r') || !for_us(rest))
        return 0;
    a = arena_new(65536);
    if (data[0] == 'e') {
        answer[n++] = entry_reply(rest, a);
    } else {
        for (n = 0; n < PEER_ANSWERS - 1; n++) {
            const char *end = rest.n ? memchr(rest.p, NEXT[0], rest.n) : NULL;
            size_t len = end ? (size_t)(end - rest.p) : rest.n;

            if (n || len)
                answer[n] = (struct str){rest.p, len};
            rest.p += len + (end != NULL);
            rest.n -= len + (end != NULL);
        }
    }
    peer_answers(answer, n);
    check_lookup(a);
    arena_free(&a);
    return 0;
}
