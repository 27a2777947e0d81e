#include "store/cache_redis.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/fault.h"
#include "base/log.h"
#include "base/random.h"
#include "store/cache_redis_address.h"
#include "store/cache_redis_entry.h"
#include "store/cache_redis_link.h"
#include "store/keys.h"

/*
 * The life of an entry, in Redis commands:
 *
 *   lookup         MGET token head seen; none of this history: SET_TOKEN
 *   fill_begin     SET fill NX PX, the value names the fill
 *   piece_put      SET piece PX, under the fill's name
 *   commit         COMMIT: the head, if the token is the one looked up
 *   fill_end       RELEASE: only one's own lock
 *   piece          GET piece, named by the fill that the head names
 *   user_seen      SET seen PX; it names the token
 *   email_put/get  SET email PX; GET
 *   replace_token  DEL token head; what else names the token dies with it
 *
 * Scripts are sent whole: they are short, Redis finds the compiled one by its
 * hash, and there is no case of a script that the server has forgotten.
 */

/* KEYS token; ARGV seen (empty: none), new, ms. Returns the driver's token. */
static const char SET_TOKEN[] =
    "local t = redis.pcall('GET', KEYS[1])\n"
    "if type(t) == 'table' then\n" /* an error: it is no text */
    "  redis.call('DEL', KEYS[1])\n"
    "  t = false\n"
    "end\n"
    "if (t or '') == ARGV[1] then\n"
    "  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])\n"
    "  t = ARGV[2]\n"
    "end\n"
    "return t";

/*
 * KEYS token, head, views; ARGV token, head's text, its ms, the token's ms, the
 * variant, how many chosen ones are kept (0: it is none). Of those that have
 * expired the names stay until they are the oldest. The others' keys are the
 * head's with another name, so they lie in the same slot. The list first: a
 * head that stood in no list would count for nothing.
 */
static const char COMMIT[] =
    "if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end\n"
    "if ARGV[6] ~= '0' then\n"
    "  local was, names, n = redis.pcall('GET', KEYS[3]), {ARGV[5]}, 1\n"
    "  local front, over = string.sub(KEYS[2], 1, -1 - #ARGV[5]), {}\n"
    "  if type(was) ~= 'string' then was = '' end\n"
    "  for name in string.gmatch(was, '%w+') do\n"
    "    if name ~= ARGV[5] then\n"
    "      n = n + 1\n"
    "      if n <= tonumber(ARGV[6]) then\n"
    "        names[n] = name\n"
    "      else\n"
    "        over[#over + 1] = front .. name\n"
    "      end\n"
    "    end\n"
    "  end\n"
    "  redis.call('SET', KEYS[3], table.concat(names, ' '), 'PX', ARGV[4])\n"
    "  for _, key in ipairs(over) do redis.call('DEL', key) end\n"
    "end\n"
    "redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])\n"
    "redis.call('PEXPIRE', KEYS[1], ARGV[4])\n"
    "return 1";

/* KEYS fill; ARGV the fill's name. */
static const char RELEASE[] = "if redis.pcall('GET', KEYS[1]) == ARGV[1] then\n"
                              "  return redis.call('DEL', KEYS[1])\n"
                              "end\n"
                              "return 0";

/* A token outlives the entries under it; one that expires earlier than they
 * do would only forget them, as an eviction does. */
#define TOKEN_TTLS 4

static_assert(RANDOM_HEX == CACHE_FILL_ID, "a fill is named by random_hex");

struct cache_redis {
    struct redis_link link;
    struct redis_ages ages;
    int64_t views; /* chosen variants of a driver that are kept */
    char fill[CACHE_FILL_ID + 1]; /* the fill under way */
};

/* ---- words of a command ---- */

struct word {
    char z[ID_MAX + CACHE_TOKEN_MAX + CACHE_VARIANT_MAX + 32];
};

__attribute__((format(printf, 2, 3))) static struct str
word(struct word *w, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(w->z, sizeof w->z, fmt, ap);
    va_end(ap);
    assert(n > 0 && (size_t)n < sizeof w->z);
    return (struct str){w->z, (size_t)n};
}

static struct str token_key(struct word *w, struct str user_id)
{
    return word(w, "dg:{%.*s}:token", STR_ARG(user_id));
}

static struct str entry_key(struct word *w, struct str user_id,
                            struct str variant)
{
    if (!variant.n)
        return word(w, "dg:{%.*s}:head", STR_ARG(user_id));
    return word(w, "dg:{%.*s}:rep:%.*s", STR_ARG(user_id), STR_ARG(variant));
}

static struct str seen_key(struct word *w, struct str user_id)
{
    return word(w, "dg:{%.*s}:seen", STR_ARG(user_id));
}

static struct str views_key(struct word *w, struct str user_id)
{
    return word(w, "dg:{%.*s}:views", STR_ARG(user_id));
}

static struct str fill_key(struct word *w, struct str user_id,
                           struct str variant, const struct cache_token *t)
{
    return word(w, "dg:{%.*s}:fill:%s:%.*s", STR_ARG(user_id), t->z,
                STR_ARG(variant));
}

static struct str piece_key(struct word *w, struct str user_id,
                            const char *fill, int index)
{
    return word(w, "dg:{%.*s}:piece:%s:%d", STR_ARG(user_id), fill, index);
}

static struct str email_key(struct word *w, struct str email)
{
    return word(w, "dg:email:%.*s", STR_ARG(email));
}

static struct str word_number(struct word *w, int64_t v)
{
    return word(w, "%lld", (long long)v);
}

/* ---- lookup ---- */

/* A token is the history of the data that it was set in, '-', and random_hex.
 * The caller's look was sure of that history (LINK_SURE). */
static bool token_counts(const struct cache_redis *c, struct str token)
{
    struct str home = str_of(redis_link_history(&c->link));

    return token.n > home.n && token.n <= CACHE_TOKEN_MAX &&
           str_starts(token, home) && token.p[home.n] == '-' &&
           redis_is_random(
               (struct str){token.p + home.n + 1, token.n - home.n - 1});
}

static void token_take(struct cache_token *t, struct str token)
{
    memcpy(t->z, token.p, token.n);
    t->z[token.n] = '\0';
}

static int64_t token_ms(const struct cache_redis *c)
{
    return c->ages.ttl_ms * TOKEN_TTLS + c->ages.stale_ms;
}

/* Sets a token where `seen` is: nothing, or one of another history. */
static enum status token_set(struct cache_redis *c, struct str key,
                             struct str seen, struct deadline d,
                             struct arena *a, struct cache_token *out,
                             struct err *err)
{
    struct word fresh, ms;
    char hex[RANDOM_HEX + 1];
    struct str now;
    enum status st;

    random_hex(hex);
    st = redis_link_texts(
        &c->link,
        LINK_COMMAND(LINK_PATIENT, LINK_ANY, STR_LIT("EVAL"),
                     STR_LIT(SET_TOKEN), STR_LIT("1"), key, seen,
                     word(&fresh, "%s-%s", redis_link_history(&c->link), hex),
                     word_number(&ms, token_ms(c))),
        d, a, &now, 1, err);
    if (st)
        return st;
    /* Only when the server was restarted between the two commands. */
    if (!token_counts(c, now))
        return err_set(err, ST_UNAVAILABLE, NULL,
                       "redis: the server is another than a moment ago");
    token_take(out, now);
    return ST_OK;
}

/* What somebody else put there, or what was damaged, costs a look each time. */
static void remove_strange(struct cache_redis *c, struct str key,
                           struct deadline d)
{
    struct err err = ERR_NONE;
    long long removed;

    log_line(LOG_WARN, "cache_strange", "key=%.*s", STR_ARG(key));
    /* If it fails, the next look finds it again. */
    if (redis_link_number(
            &c->link, LINK_COMMAND(LINK_PATIENT, LINK_ANY, STR_LIT("DEL"), key),
            d, &removed, &err) != ST_OK)
        log_err(LOG_DEBUG, "cache_strange_stays", &err);
}

enum status cache_redis_lookup(struct cache_redis *c, struct str user_id,
                               struct str variant, struct deadline d,
                               struct arena *a, struct cache_entry *out,
                               struct err *err)
{
    struct word tk, hk, sk;
    struct str key = token_key(&tk, user_id), text[3];
    enum status st = redis_link_texts(
        &c->link,
        LINK_COMMAND(LINK_PATIENT, LINK_SURE, STR_LIT("MGET"), key,
                     entry_key(&hk, user_id, variant), seen_key(&sk, user_id)),
        d, a, text, 3, err);

    if (st)
        return st;
    if (!token_counts(c, text[0]))
        return token_set(c, key, text[0], d, a, &out->token, err);
    token_take(&out->token, text[0]);
    if (text[1].n && !redis_entry_read(text[1], &c->ages, out))
        remove_strange(c, entry_key(&hk, user_id, variant), d);
    out->user_seen = redis_seen_is(text[2], out);
    return ST_OK;
}

enum status cache_redis_piece(struct cache_redis *c, struct str user_id,
                              const struct cache_token *t, int index,
                              size_t size, struct deadline d, char *out,
                              struct err *err)
{
    struct word key;

    return redis_link_value(
        &c->link,
        LINK_COMMAND(LINK_PATIENT, LINK_ANY, STR_LIT("GET"),
                     piece_key(&key, user_id, t->fill, index)),
        d, out, size, err);
}

/* ---- whose an e-mail was ---- */

enum status cache_redis_email_put(struct cache_redis *c, struct str email,
                                  struct str user_id, struct deadline d,
                                  struct err *err)
{
    struct word key, ms;
    bool set;

    return redis_link_set(
        &c->link,
        LINK_COMMAND(LINK_PATIENT, LINK_ANY, STR_LIT("SET"),
                     email_key(&key, email), user_id, STR_LIT("PX"),
                     word_number(&ms, c->ages.ttl_ms + c->ages.stale_ms)),
        d, &set, err);
}

enum status cache_redis_email_get(struct cache_redis *c, struct str email,
                                  struct deadline d, struct arena *a,
                                  struct str *user_id, struct err *err)
{
    struct word key;
    enum status st =
        redis_link_texts(&c->link,
                         LINK_COMMAND(LINK_PATIENT, LINK_ANY, STR_LIT("GET"),
                                      email_key(&key, email)),
                         d, a, user_id, 1, err);

    if ((st && st != ST_NOT_FOUND) || (!st && id_valid(*user_id)))
        return st;
    if (st || user_id->n)
        remove_strange(c, email_key(&key, email), d);
    return err_set(err, ST_NOT_FOUND, NULL, "the cache has no such e-mail");
}

/* ---- filling ---- */

enum status cache_redis_fill_begin(struct cache_redis *c, struct str user_id,
                                   struct str variant,
                                   const struct cache_token *t,
                                   struct deadline d, struct err *err)
{
    struct word key, ms;
    bool set;
    enum status st;

    assert(t->z[0]);
    random_hex(c->fill);
    st = redis_link_set(&c->link,
                        LINK_COMMAND(LINK_PATIENT, LINK_ANY, STR_LIT("SET"),
                                     fill_key(&key, user_id, variant, t),
                                     str_of(c->fill), STR_LIT("NX"),
                                     STR_LIT("PX"),
                                     word_number(&ms, CACHE_FILL_MS)),
                        d, &set, err);
    if (!st && !set)
        st = err_set(err, ST_BUSY, NULL, "another reader fills the cache");
    return st;
}

enum status cache_redis_fill_end(struct cache_redis *c, struct str user_id,
                                 struct str variant,
                                 const struct cache_token *t, struct deadline d,
                                 struct err *err)
{
    struct word key;
    long long removed;

    return redis_link_number(
        &c->link,
        LINK_COMMAND(LINK_PATIENT, LINK_ANY, STR_LIT("EVAL"), STR_LIT(RELEASE),
                     STR_LIT("1"), fill_key(&key, user_id, variant, t),
                     str_of(c->fill)),
        d, &removed, err);
}

enum status cache_redis_piece_put(struct cache_redis *c, struct str user_id,
                                  int index, struct str bytes,
                                  struct deadline d, struct err *err)
{
    struct word key, ms;
    bool set;

    return redis_link_set(
        &c->link,
        LINK_COMMAND(LINK_PATIENT, LINK_ANY, STR_LIT("SET"),
                     piece_key(&key, user_id, c->fill, index), bytes,
                     STR_LIT("PX"),
                     word_number(&ms, c->ages.ttl_ms + c->ages.stale_ms)),
        d, &set, err);
}

static enum status store_head(struct cache_redis *c, struct str user_id,
                              struct str variant, const struct cache_token *t,
                              struct str text, bool chosen, int64_t left_ms,
                              struct deadline d, struct err *err)
{
    struct word tk, hk, vk, left, keep, views;
    long long stored;
    enum status st = redis_link_number(
        &c->link,
        LINK_COMMAND(LINK_PATIENT, LINK_ANY, STR_LIT("EVAL"), STR_LIT(COMMIT),
                     STR_LIT("3"), token_key(&tk, user_id),
                     entry_key(&hk, user_id, variant), views_key(&vk, user_id),
                     str_of(t->z), text, word_number(&left, left_ms),
                     word_number(&keep, token_ms(c)), variant,
                     word_number(&views, chosen ? c->views : 0)),
        d, &stored, err);

    if (!st && !stored)
        st = err_set(err, ST_PRECONDITION, NULL,
                     "the driver's token was replaced meanwhile");
    return st;
}

enum status cache_redis_commit(struct cache_redis *c, struct str user_id,
                               struct str variant, const struct cache_token *t,
                               const struct cache_fill *f, struct deadline d,
                               struct err *err)
{
    int64_t left = f->read_began_ms + c->ages.ttl_ms - clock_wall_us() / 1000;
    struct buf text;
    enum status st;

    assert(t->z[0] && f->user.n && f->user.n <= CACHE_USER_MAX);
    if (left <= 0)
        return err_set(err, ST_PRECONDITION, NULL,
                       "the read took longer than cache.ttl");
    if (fault_point("cache.commit"))
        return err_set(err, ST_UNAVAILABLE, NULL, "fault point cache.commit");
    buf_init(&text, f->head.n + REDIS_ENTRY_MORE);
    redis_entry_write(t, c->fill, f, &text);
    assert(buf_ok(&text));
    assert(!f->chosen || variant.n);
    st = store_head(c, user_id, variant, t, buf_str(&text), f->chosen,
                    left + c->ages.stale_ms, d, err);
    buf_free(&text);
    return st;
}

enum status cache_redis_user_seen(struct cache_redis *c, struct str user_id,
                                  const struct cache_token *t, struct str user,
                                  int64_t ms, struct deadline d,
                                  struct err *err)
{
    struct word key, value, px;
    bool set;

    assert(t->z[0] && user.n <= CACHE_USER_MAX && ms > 0);
    return redis_link_set(
        &c->link,
        LINK_COMMAND(LINK_PATIENT, LINK_ANY, STR_LIT("SET"),
                     seen_key(&key, user_id),
                     word(&value, "%s %.*s", t->z, STR_ARG(user)),
                     STR_LIT("PX"), word_number(&px, ms)),
        d, &set, err);
}

enum status cache_redis_replace_token(struct cache_redis *c, struct str user_id,
                                      struct deadline d, struct err *err)
{
    struct word tk, hk;
    long long removed;

    if (fault_point("cache.replace_token"))
        return err_set(err, ST_UNAVAILABLE, NULL,
                       "fault point cache.replace_token");
    return redis_link_number(&c->link,
                             LINK_COMMAND(LINK_URGENT, LINK_SURE,
                                          STR_LIT("DEL"),
                                          token_key(&tk, user_id),
                                          entry_key(&hk, user_id, CACHE_WHOLE)),
                             d, &removed, err);
}

/* ---- open and check ---- */

enum status cache_redis_open(const struct conf *conf, struct cache_redis **out,
                             struct err *err)
{
    struct redis_address at = {.user = conf->cache_user,
                               .password_file = conf->cache_password_file,
                               .ca_file = conf->cache_ca_file};
    char password[REDIS_PASSWORD_MAX];
    enum status st = redis_address_parse(conf->cache_url, &at, err);

    *out = NULL;
    if (!st && at.user[0] && !at.password_file[0])
        st = err_set(err, ST_BAD_REQUEST, "bad_password_file",
                     "cache.user needs cache.password_file");
    if (!st && at.password_file[0]) {
        st = redis_password(at.password_file, password, sizeof password, err);
        explicit_bzero(password, sizeof password);
    }
    if (st)
        return st;
    *out = calloc(1, sizeof **out);
    assert(*out);
    redis_link_begin(&(*out)->link);
    (*out)->link.at = at;
    (*out)->link.timeout_ms = conf->cache_timeout;
    (*out)->ages.ttl_ms = conf->cache_ttl;
    (*out)->ages.stale_ms = conf->cache_stale_if_error;
    (*out)->views = conf->cache_views;
    random_hex((*out)->fill);
    return ST_OK;
}

void cache_redis_share(void)
{
    redis_link_share();
}

void cache_redis_close(struct cache_redis **c)
{
    if (!*c)
        return;
    redis_link_close(&(*c)->link);
    free(*c);
    *c = NULL;
}

/* Writes, too: a full memory or a server that lost its disk answers a PING all
 * the same. */
enum status cache_redis_check(struct cache_redis *c, struct deadline d,
                              struct err *err)
{
    return redis_link_probe(&c->link, d, err);
}
