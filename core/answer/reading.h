/*
 * reading.h - one GET /analyze-driver on its way to a reader: from the cache,
 * from whoever fills it just now, or from the store; and out.
 */
#ifndef DG_ANSWER_READING_H
#define DG_ANSWER_READING_H

#include "answer/answer_cache.h"
#include "answer/reply.h"
#include "answer/representation.h"
#include "driver/call.h"

struct reading_request {
    struct str query;           /* raw */
    struct str accept_encoding; /* as sent; empty: not */
    struct str if_none_match;
    bool files; /* the web server can send a file of cache.files */
};

struct reading {
    struct call call; /* by e-mail its user_id is only a hint until proved */
    const struct reading_request *request;
    struct str email; /* as looked up; empty when asked by id */
    struct variant variant;
    bool stranger; /* user_id is nobody, or not who was asked for */
    struct cache_token token;
    bool aged;       /* there is a copy for when the stores are away */
    struct str user; /* user_state of the record, once that was read */
    struct reply reply;
    struct body body;
    struct answer *streamed; /* whose trips are read while they are sent */
    int64_t place_ms; /* since when it has a place of the share; 0: none */
    struct cache_token lock; /* under which others wait for this fill, if any */
};

enum status reading_unknown(struct reading *r) MUST_CHECK;
/*
    ST_NOT_FOUND, driver_not_found: nobody is who was looked for.
 */

enum status reading_answer(struct reading *r) MUST_CHECK;
/*
    Makes the reply for the call's user_id. A failure may be one of finding him
    (r->stranger): then whoever had only a hint tries again. Nothing was sent.
 */

enum status reading_send(struct reading *r, const struct sink *out) MUST_CHECK;
/*
    The reply, and what belongs to it. A large answer is read, filled and kept
    only now.
 */

void reading_end(struct reading *r);
/*
    After either of these: nobody waits any more for what this reader fills, and
    its place is free.
 */

/* ---- within: what reading*.c share ---- */

struct str reading_fill(const struct reading *r);
/*
    The entry that this reader would fill, which the fill lock is for: for whole
    answers the driver's, of which all of them are made, whatever is left out of
    their fronts; for any other the variant's own. One lock for all would let a
    reader of one page wait for another page, which is of no use to him.
 */

struct keeping reading_keeping(const struct reading *r, struct str user,
                               int64_t read_began_ms);

bool reading_reply_begin(struct reading *r, struct str etag,
                         const char *source);
/*
    Begins it. True if that is what the reader has already.
 */
void reading_reply_file(struct reading *r, const struct file_name *name,
                        const char *source);
void reading_reply_body(struct reading *r, struct body b);

enum status reading_from_cache(struct reading *r, struct deadline d) MUST_CHECK;
/*
    ST_OK: the reply is made. ST_NOT_FOUND: a miss, r->token is set if there is
    a cache to fill.
 */

bool reading_user_stands(struct reading *r, const struct cache_entry *e,
                         struct deadline d);
/*
    Before the entry, a hit or aged, is used: whether the user's record still
    says what it said to the fill. That was so cache.user_ttl ago at most, or
    the record is read again, within a second. One that cannot be read stands.
    False: others changed or removed him; what is cached of him is forgotten.
 */
void reading_forget(struct reading *r);
/*
    The user's record is another one, or gone, without a word to the cache: its
    token is replaced, as a change of ours does it, so that all hosts follow.
 */

enum status reading_lock_fill(struct reading *r, struct deadline d) MUST_CHECK;
/*
    ST_OK: it is this reader who fills, until reading_end. ST_BUSY: another
    does. Anything else: there is no cache just now.
 */

bool reading_wait_for_fill(struct reading *r);
/*
    Somebody else fills: waits for the entry. False: help yourself.
 */

bool reading_may_make(struct reading *r);
/*
    Whether this reader may be worked for: a page or chosen fields of a driver
    who is known to be dear only with a place of the share (store/share.h),
    which it has from now on, until reading_end.
 */
enum status reading_refuse(struct reading *r) MUST_CHECK;
/*
    It may not: ST_BUSY, too_many_dear.
 */
void reading_learn(struct reading *r, const struct roster_look *look);
/*
    Whether the driver is dear.
 */

enum status reading_load_trips(struct reading *r, struct answer_entry *e,
                               struct deadline d) MUST_CHECK;
/*
    Those of the driver's entry in the variant's coding, collected, or read
    while they are sent. ST_NOT_FOUND: a piece is gone.
 */

/* Of a deadline, for the stores, when an aged copy is at hand: apps give up
 * before request_timeout is over. */
#define STALE_SHARE 4
bool reading_stale(struct reading *r);
/*
    The stores cannot be reached (why is in the call's err, and is logged):
    makes the reply of a copy that is older than cache.ttl. False: there is none
    that may be given. Not one of before a change that this host knows of, nor
    of another record than the one that was read.
 */

enum status reading_from_store(struct reading *r) MUST_CHECK;
/*
    Fills and keeps what it made, unless it is `streamed`: then it is still to
    be read, by sending it.
 */

#endif
