/*
 * answer.h - a driver's analytics answer: made from the roster, kept in the
 * cache, sent.
 *
 * An answer is `{` + what only this request knows (searched_by, the time) +
 * `front` (the driver, the aggregate) + `,"trips":[` + pieces + `]}`. Front
 * and pieces are the same for every reader and are what the cache holds.
 */
#ifndef DG_SERVICE_ANSWER_H
#define DG_SERVICE_ANSWER_H

#include "service/pieces.h"
#include "service/roster.h"
#include "service/service.h"

struct answer {
    struct str email;     /* the driver's own, lower case: whose answer it is */
    struct str front;     /* JSON members, no comma around */
    struct pieces *trips; /* JSON objects with commas between them */
    size_t n_trips, unreadable;
    int64_t read_began_ms;
};

enum status answer_make(struct service *s, const struct user *u,
                        struct roster *r, struct deadline d, struct arena *a,
                        struct answer *out, struct err *err) MUST_CHECK;
/*
    Reads what the roster did not keep and puts it together; n_trips 0 when no
    trip could be read. ST_PRECONDITION: a trip's object went meanwhile, take
    the roster again.
 */

enum status answer_send(const struct answer *ans, struct str searched_by,
                        struct arena *a, struct sink *out,
                        struct err *err) MUST_CHECK;

/* ---- the cache's entry (answer_cache.c) ---- */

enum status answer_load(struct service *s, struct str user_id,
                        const struct cache_entry *e, struct deadline d,
                        struct arena *a, struct answer *out,
                        struct err *err) MUST_CHECK;
/*
    Out of a hit. ST_NOT_FOUND: a piece is gone, it is a miss after all.
 */

void answer_fill(struct service *s, struct str user_id,
                 const struct cache_token *t, struct answer *ans,
                 struct deadline d, struct arena *a);
/*
    Into the cache, if the token is still the driver's. No failure matters to
    the reader; it is counted.
 */

#endif
