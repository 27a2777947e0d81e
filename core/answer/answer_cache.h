/*
 * answer_cache.h - whole answers in the cache, for all hosts.
 *
 * A driver's entry (cache.h) is a head, with all but the trips, and the trips
 * in both codings as pieces of CACHE_PIECE_MAX bytes, of which only the last
 * is shorter.
 */
#ifndef DG_ANSWER_ANSWER_CACHE_H
#define DG_ANSWER_ANSWER_CACHE_H

#include "answer/answer.h"
#include "answer/negotiate.h"

/* ---- found ---- */

struct answer_entry { /* its pieces are still in the cache */
    struct answer answer;
    struct cache_token token;
    size_t plain, gzip; /* bytes of the trips in either coding */
};

enum status answer_found(const struct cache_entry *e, struct answer_entry *out,
                         struct err *err) MUST_CHECK;
/*
    Out of a hit: all but the trips. ST_NOT_FOUND: it is of another format.
 */

int answer_pieces(size_t length);
enum status answer_piece(const struct call *c, const struct answer_entry *e,
                         enum coding coding, int index, char *out,
                         size_t *size) MUST_CHECK;
/*
    How many pieces a list of that length has, and one of them: up to
    CACHE_PIECE_MAX bytes into out. ST_NOT_FOUND: it is gone.
 */

enum status answer_load(const struct call *c, struct answer_entry *e,
                        enum coding coding) MUST_CHECK;
/*
    Collects the trips in one coding. ST_NOT_FOUND: a piece is gone, it is a
    miss after all.
 */

/* ---- filled ---- */

bool answer_cacheable(const struct call *c, const struct cache_token *t,
                      const struct answer *ans, size_t size);
/*
    Whether an answer, or a representation of it with so many bytes, may be
    kept: there is a token, nothing unreadable, and it is within
    cache.max_driver.
 */

struct answer_filling; /* a whole answer on its way into the cache */

struct answer_filling *answer_filling_new(const struct call *c,
                                          const struct cache_token *t,
                                          const struct answer *ans);
/*
    NULL: it may not be kept. Lives until the arena is reset; its call must live
    as long as it is filled.
 */
void answer_filling_put(struct answer_filling *f, enum coding coding,
                        struct str bytes);
/*
    The next bytes of the trips in that coding. No failure matters to the
    reader; it is counted, and the filling is over.
 */
bool answer_filling_end(struct answer_filling *f);
/*
    All was put: the entry counts from now on. False: the token is no longer
    the driver's, and nothing more need be tried.
 */

bool answer_fill(const struct call *c, const struct cache_token *t,
                 const struct answer *ans);
/*
    The whole of it, for an answer that was collected in both codings.
 */

#endif
