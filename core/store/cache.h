/*
 * cache.h - the cache's contract: Redis, or none.
 *
 * The cache is never the truth. Per driver: a token, and under the token
 * entries: each a head (small), and pieces if it has any (each at most
 * CACHE_PIECE_MAX bytes). An entry counts only while its token is the driver's
 * token, so taking the token away forgets everything at once.
 *
 * Tokens are fresh random texts, never counters (an evicted counter starts
 * again and would match an old entry), and carry the name of the history of the
 * data that they were set in (Redis' master_replid, new with each start and
 * each promotion): those of another do not count, so that a restart from an old
 * snapshot, or a replica that took over, brings nothing back, also when the
 * roles change back. A replica is not read, and behind each look and each
 * removal the server says that it still is who it was.
 *
 * Pieces are named by the fill that made them: two fills under one token (a
 * lock that expired, two readers after each other) never mix their pieces.
 *
 * Any error or timeout drops the connection (a late reply would answer the next
 * command). ST_UNAVAILABLE and ST_TIMEOUT mean "no cache now"; the caller goes
 * on without. After a failure the next attempts are spared for a moment (a
 * short, growing pause, at most one second; half a minute where a command is
 * not allowed, but for removals). No wait is longer than cache.timeout, or than
 * what is left of the caller's deadline.
 *
 * Redis keys (U the user_id, T a token, F a fill):
 *   dg:{U}:token      the token
 *   dg:{U}:head       an entry (cache_redis_entry.h): a CRC, T, F, read-began
 *                     (ms since 1970) and user, head
 *   dg:{U}:rep:V      the same, of a variant of the driver's answer
 *   dg:{U}:views      names of chosen variants, newest first; blanks between
 *   dg:{U}:piece:F:N  piece N
 *   dg:{U}:fill:T:V   the fill under way
 *   dg:{U}:seen       T and a text, a blank between: see cache_user_seen
 *   dg:email:E        the user_id whose e-mail E was
 * The braces keep a driver on one cluster slot. All of them expire.
 *
 * Counted here: cache_errors, cache_fills, variants_kept,
 * cache_fills_refused, tokens_replaced. A change between usable and not is
 * logged, once.
 */
#ifndef DG_STORE_CACHE_H
#define DG_STORE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/str.h"

#define CACHE_PIECE_MAX (1024 * 1024)
#define CACHE_TOKEN_MAX 96

#define CACHE_FILL_ID 32

/* Which of a driver's entries: the one that all hosts make their answers of, or
 * a variant (a short text of letters and digits). */
#define CACHE_WHOLE STR_NONE
#define CACHE_VARIANT_MAX 64

struct cache_token {
    char z[CACHE_TOKEN_MAX + 1];  /* empty: none */
    char fill[CACHE_FILL_ID + 1]; /* of a hit: whose pieces it has */
};

struct cache;

enum status cache_open(const struct conf *c, struct cache **out,
                       struct err *err) MUST_CHECK;
/*
    By cache.url, after the fork: one owner, one request at a time. Nothing is
    connected yet; a URL or password file that cannot be used is
    ST_BAD_REQUEST.
 */
void cache_share(void);
/*
    Before the forks: what the server does not allow is then said, and looked at
    again, once a host and not once a process.
 */
void cache_close(struct cache **c);
enum status cache_check(struct cache *c, struct deadline d,
                        struct err *err) MUST_CHECK;
/*
    Whether all that the cache does is possible and allowed now, pause or not;
    the text says what is wrong. For -t and /readyz.
 */

struct cache_entry {
    struct cache_token token; /* the driver's token now (set if there was
                                 none); empty with the `none` cache */
    bool hit;  /* head is valid, tagged with token, younger than cache.ttl */
    bool aged; /* the same, but older, by less than cache.stale_if_error */
    bool user_seen;        /* of either: see cache_user_seen */
    struct str head, user; /* of either, as they were committed; in the
                              arena */
    int64_t read_began_ms; /* wall clock of the filler's store read */
};

enum status cache_lookup(struct cache *c, struct str user_id,
                         struct str variant, struct deadline d, struct arena *a,
                         struct cache_entry *out, struct err *err) MUST_CHECK;
/*
    One round trip when a token is there, two when it has to be set. It is set
    only where none is, or in place of the very one of another history that was
    seen, so readers at the same moment get the same. `none` returns ST_OK with
    no hit and an empty token. A miss may be `aged`: for who cannot get it anew.
 */

enum status cache_piece(struct cache *c, struct str user_id,
                        const struct cache_token *t, int index, size_t size,
                        struct deadline d, char *out,
                        struct err *err) MUST_CHECK;
/*
    Exactly `size` bytes of piece `index`, copied once into out; t is the token
    of the hit. ST_NOT_FOUND when it is gone or has another size; what is in
    out is then undefined.
 */

enum status cache_fill_begin(struct cache *c, struct str user_id,
                             struct str variant, const struct cache_token *t,
                             struct deadline d, struct err *err) MUST_CHECK;
/*
    ST_OK: the caller fills (for at most CACHE_FILL_MS, then the lock expires);
    ST_BUSY: another does. Also names the fill: the pieces and the head put
    from now on belong together, until the next cache_fill_begin.
 */
#define CACHE_FILL_MS 5000
void cache_fill_end(struct cache *c, struct str user_id, struct str variant,
                    const struct cache_token *t, struct deadline d);
/*
    Gives the lock back (only one's own).
 */

enum status cache_piece_put(struct cache *c, struct str user_id,
                            const struct cache_token *t, int index,
                            struct str bytes, struct deadline d,
                            struct err *err) MUST_CHECK;
struct cache_fill {
    struct str head;
    struct str user; /* CACHE_USER_MAX letters and digits at most, not empty:
                        what the user's record said to this fill */
    int64_t read_began_ms;
    bool chosen; /* a variant of any number: of a driver cache.views are kept */
};
#define CACHE_USER_MAX 64
enum status cache_commit(struct cache *c, struct str user_id,
                         struct str variant, const struct cache_token *t,
                         const struct cache_fill *f, struct deadline d,
                         struct err *err) MUST_CHECK;
/*
    Stores the head in one atomic script, only if the token is still the
    driver's: ST_PRECONDITION else. A hit until read_began_ms + cache.ttl, and
    aged for cache.stale_if_error more. ST_PRECONDITION also when it would never
    be a hit. With a chosen one the oldest chosen ones beyond cache.views go, in
    the same script.
 */

enum status cache_user_seen(struct cache *c, struct str user_id,
                            const struct cache_token *t, struct str user,
                            int64_t ms, struct deadline d,
                            struct err *err) MUST_CHECK;
/*
    The user's record says the same as it did to the fills with that `user`: for
    so many ms from now on, hits of them are user_seen, on all hosts, unless the
    token is replaced. Only the last one that was seen is remembered.
 */

enum status cache_email_put(struct cache *c, struct str email,
                            struct str user_id, struct deadline d,
                            struct err *err) MUST_CHECK;
enum status cache_email_get(struct cache *c, struct str email,
                            struct deadline d, struct arena *a,
                            struct str *user_id, struct err *err) MUST_CHECK;
/*
    Whose an e-mail was at a fill, for as long as the fill's copies are kept: a
    hint for when the records cannot be asked. An id_valid user_id, or
    ST_NOT_FOUND.
 */

enum status cache_replace_token(struct cache *c, struct str user_id,
                                struct deadline d, struct err *err) MUST_CHECK;
/*
    After this every entry of the driver is forgotten: the token is removed,
    and the next reader sets a new one. (Removing needs no memory: a Redis that
    is full refuses to set one, and an evicted token means the same.) Tries to
    connect even within the pause after a failure, once a second at most.
 */

#endif
