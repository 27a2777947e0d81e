/*
 * answer.h - what is said about a driver: made from the roster, kept in the
 * cache for all hosts.
 *
 * An answer's body is `{` + what only this reader knows (whom he looked for,
 * the time) + `front` (the driver, the aggregate) + `,"trips":[` + trips +
 * `]}`: representation.h puts it together. Front and trips are the same for
 * every reader and are what the cache holds.
 */
#ifndef DG_SERVICE_ANSWER_H
#define DG_SERVICE_ANSWER_H

#include "base/gzip_join.h"
#include "service/pieces.h"
#include "service/roster.h"
#include "service/service.h"
#include "service/view.h"

struct answer {
    struct str email;     /* the driver's own, lower case: whose answer it is */
    struct str state;     /* of the roster it was made from: roster_state */
    struct str front;     /* JSON members, no comma around */
    struct pieces *plain; /* trips: JSON objects with commas between them */
    struct pieces *gzip;  /* the same text as gzip fragments */
    struct gzip_sum sum;  /* of `gzip` */
    size_t n_trips;       /* readable ones in it */
    size_t unreadable;
    struct str next; /* cursor of what lies behind the last trip; empty: nothing
                        does */
    int64_t read_began_ms;
};

struct answer_wish {
    const struct view *view;
    bool plain, gzip; /* codings; NULL in the answer for what is not wished */
};

enum status answer_make(struct service *s, const struct user *u,
                        struct roster *r, const struct answer_wish *wish,
                        struct deadline d, struct arena *a, struct answer *out,
                        struct err *err) MUST_CHECK;
/*
    Reads what the roster did not keep of the trips that are wished for, and
   puts it together. ST_PRECONDITION: a trip's object went meanwhile, take the
    roster again. ST_CORRUPT when the driver has trips and none can be read.
 */

/* ---- the cache's entry (answer_cache.c) ---- */

struct answer_entry { /* as found; its pieces are still in the cache */
    struct answer answer;
    struct cache_token token;
    size_t *size; /* of the plain pieces, then of those of gzip */
    int n_plain, n_gzip;
};

enum status answer_found(const struct cache_entry *e, struct arena *a,
                         struct answer_entry *out, struct err *err) MUST_CHECK;
/*
    Out of a hit: all but the trips. ST_NOT_FOUND: it is of another format.
 */

enum status answer_load(struct service *s, struct str user_id,
                        struct answer_entry *e, bool gzip, struct deadline d,
                        struct arena *a, struct err *err) MUST_CHECK;
/*
    The trips in one coding. ST_NOT_FOUND: a piece is gone, it is a miss after
    all.
 */

bool answer_fill(struct service *s, struct str user_id,
                 const struct cache_token *t, struct answer *ans,
                 struct deadline d, struct arena *a);
/*
    Into the cache: a whole answer, in both codings. No failure matters to the
    reader; it is counted. False: the token is no longer the driver's, and
    nothing more need be tried.
 */

bool answer_cacheable(const struct service *s, const struct cache_token *t,
                      const struct answer *ans, size_t size);
/*
    Whether an answer, or a representation of it with so many bytes, may be
   kept: there is a token, nothing unreadable, and it is within
   cache.max_driver.
 */

#endif
