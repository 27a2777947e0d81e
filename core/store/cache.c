#include "store/cache.h"

#include <assert.h>
#include <stdlib.h>
#include "base/stats.h"
#include "store/cache_redis.h"

struct cache {
    struct cache_redis *redis; /* NULL: none */
};

/* Every failed call is counted; what is no failure passes unchanged. */
static enum status status_counted(enum status st)
{
    if (st == ST_UNAVAILABLE || st == ST_TIMEOUT)
        stat_add(STAT_cache_errors, 1);
    return st;
}

enum status cache_open(const struct conf *c, struct cache **out,
                       struct err *err)
{
    struct cache_redis *redis = NULL;

    *out = NULL;
    if (!str_is(str_of(c->cache_url), "none")) {
        enum status st = cache_redis_open(c, &redis, err);

        if (st)
            return st;
    }
    *out = malloc(sizeof **out);
    assert(*out);
    (*out)->redis = redis;
    return ST_OK;
}

void cache_share(void)
{
    cache_redis_share();
}

void cache_close(struct cache **c)
{
    if (!*c)
        return;
    cache_redis_close(&(*c)->redis);
    free(*c);
    *c = NULL;
}

enum status cache_check(struct cache *c, struct deadline d, struct err *err)
{
    return c->redis ? cache_redis_check(c->redis, d, err) : ST_OK;
}

enum status cache_lookup(struct cache *c, struct str user_id,
                         struct str variant, struct deadline d, struct arena *a,
                         struct cache_entry *out, struct err *err)
{
    *out = (struct cache_entry){.hit = false};
    if (!c->redis)
        return ST_OK;
    return status_counted(
        cache_redis_lookup(c->redis, user_id, variant, d, a, out, err));
}

enum status cache_piece(struct cache *c, struct str user_id,
                        const struct cache_token *t, int index, size_t size,
                        struct deadline d, char *out, struct err *err)
{
    if (!c->redis)
        return err_set(err, ST_NOT_FOUND, NULL, "there is no cache");
    return status_counted(
        cache_redis_piece(c->redis, user_id, t, index, size, d, out, err));
}

enum status cache_fill_begin(struct cache *c, struct str user_id,
                             struct str variant, const struct cache_token *t,
                             struct deadline d, struct err *err)
{
    if (!c->redis)
        return ST_OK;
    return status_counted(
        cache_redis_fill_begin(c->redis, user_id, variant, t, d, err));
}

void cache_fill_end(struct cache *c, struct str user_id, struct str variant,
                    const struct cache_token *t, struct deadline d)
{
    struct err err = ERR_NONE;

    /* A lock that cannot be given back expires by itself. */
    if (c->redis)
        (void)status_counted(
            cache_redis_fill_end(c->redis, user_id, variant, t, d, &err));
}

enum status cache_piece_put(struct cache *c, struct str user_id,
                            const struct cache_token *t, int index,
                            struct str bytes, struct deadline d,
                            struct err *err)
{
    (void)t; /* the fill names the piece, and the fill's head the token */
    assert(bytes.n <= CACHE_PIECE_MAX);
    if (!c->redis)
        return ST_OK;
    return status_counted(
        cache_redis_piece_put(c->redis, user_id, index, bytes, d, err));
}

enum status cache_commit(struct cache *c, struct str user_id,
                         struct str variant, const struct cache_token *t,
                         const struct cache_fill *f, struct deadline d,
                         struct err *err)
{
    enum status st;

    if (!c->redis)
        return ST_OK;
    st = cache_redis_commit(c->redis, user_id, variant, t, f, d, err);
    if (st == ST_OK)
        stat_add(variant.n ? STAT_variants_kept : STAT_cache_fills, 1);
    if (st == ST_PRECONDITION)
        stat_add(STAT_cache_fills_refused, 1);
    return status_counted(st);
}

enum status cache_user_seen(struct cache *c, struct str user_id,
                            const struct cache_token *t, struct str user,
                            int64_t ms, struct deadline d, struct err *err)
{
    if (!c->redis)
        return ST_OK;
    return status_counted(
        cache_redis_user_seen(c->redis, user_id, t, user, ms, d, err));
}

enum status cache_email_put(struct cache *c, struct str email,
                            struct str user_id, struct deadline d,
                            struct err *err)
{
    if (!c->redis)
        return ST_OK;
    return status_counted(
        cache_redis_email_put(c->redis, email, user_id, d, err));
}

enum status cache_email_get(struct cache *c, struct str email,
                            struct deadline d, struct arena *a,
                            struct str *user_id, struct err *err)
{
    if (!c->redis)
        return err_set(err, ST_NOT_FOUND, NULL, "there is no cache");
    return status_counted(
        cache_redis_email_get(c->redis, email, d, a, user_id, err));
}

enum status cache_replace_token(struct cache *c, struct str user_id,
                                struct deadline d, struct err *err)
{
    enum status st;

    if (!c->redis)
        return ST_OK;
    st = cache_redis_replace_token(c->redis, user_id, d, err);
    if (st == ST_OK)
        stat_add(STAT_tokens_replaced, 1);
    return status_counted(st);
}
