/*
 * cache_redis_entry.h - an entry as it lies in Redis:
 *
 *   CRC T\nF\nBEGAN USER\nHEAD
 *
 * CRC (8 hexadecimal digits) is that of all behind its blank. What lies in
 * Redis anybody may have put there, or cut: what does not fit is no entry.
 */
#ifndef DG_STORE_CACHE_REDIS_ENTRY_H
#define DG_STORE_CACHE_REDIS_ENTRY_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/str.h"
#include "store/cache.h"

struct redis_ages {
    int64_t ttl_ms;
    int64_t stale_ms; /* what is older than ttl_ms is kept for so long */
};

bool redis_entry_read(struct str text, const struct redis_ages *ages,
                      struct cache_entry *out);
/*
    out->token is the driver's. An entry under it, young enough, is a hit or
    aged, its texts within `text`; one under another, or too old, is neither.
    False: it is no entry.
 */

#define REDIS_ENTRY_MORE 512 /* of an entry, beside its head, at most */
void redis_entry_write(const struct cache_token *t, const char *fill,
                       const struct cache_fill *f, struct buf *out);
/*
    Appends it.
 */

bool redis_is_random(struct str s);
/*
    As random_hex writes. It becomes part of keys.
 */

bool redis_seen_is(struct str seen, const struct cache_entry *e);
/*
    "T USER": under the entry's token, about the record that it was made of.
 */

#endif
