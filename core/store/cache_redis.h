/*
 * cache_redis.h - the cache of cache.h in a Redis server.
 *
 * Each function does what its namesake there says; cache.c calls them when
 * cache.url names a server.
 */
#ifndef DG_STORE_CACHE_REDIS_H
#define DG_STORE_CACHE_REDIS_H

#include "store/cache.h"

struct cache_redis;

enum status cache_redis_open(const struct conf *c, struct cache_redis **out,
                             struct err *err) MUST_CHECK;
void cache_redis_share(void);
void cache_redis_close(struct cache_redis **c);
enum status cache_redis_check(struct cache_redis *c, struct deadline d,
                              struct err *err) MUST_CHECK;
enum status cache_redis_lookup(struct cache_redis *c, struct str user_id,
                               struct str variant, struct deadline d,
                               struct arena *a, struct cache_entry *out,
                               struct err *err) MUST_CHECK;
enum status cache_redis_piece(struct cache_redis *c, struct str user_id,
                              const struct cache_token *t, int index,
                              size_t size, struct deadline d, char *out,
                              struct err *err) MUST_CHECK;
enum status cache_redis_fill_begin(struct cache_redis *c, struct str user_id,
                                   struct str variant,
                                   const struct cache_token *t,
                                   struct deadline d,
                                   struct err *err) MUST_CHECK;
enum status cache_redis_fill_end(struct cache_redis *c, struct str user_id,
                                 struct str variant,
                                 const struct cache_token *t, struct deadline d,
                                 struct err *err) MUST_CHECK;
enum status cache_redis_piece_put(struct cache_redis *c, struct str user_id,
                                  int index, struct str bytes,
                                  struct deadline d,
                                  struct err *err) MUST_CHECK;
enum status cache_redis_commit(struct cache_redis *c, struct str user_id,
                               struct str variant, const struct cache_token *t,
                               const struct cache_fill *f, struct deadline d,
                               struct err *err) MUST_CHECK;
enum status cache_redis_user_seen(struct cache_redis *c, struct str user_id,
                                  const struct cache_token *t, struct str user,
                                  int64_t ms, struct deadline d,
                                  struct err *err) MUST_CHECK;
enum status cache_redis_email_put(struct cache_redis *c, struct str email,
                                  struct str user_id, struct deadline d,
                                  struct err *err) MUST_CHECK;
enum status cache_redis_email_get(struct cache_redis *c, struct str email,
                                  struct deadline d, struct arena *a,
                                  struct str *user_id,
                                  struct err *err) MUST_CHECK;
enum status cache_redis_replace_token(struct cache_redis *c, struct str user_id,
                                      struct deadline d,
                                      struct err *err) MUST_CHECK;

#endif
