/*
 * objects.h - the object store's contract: S3, or a directory.
 *
 * Keys are those of keys.h. An ETag is an opaque token without quotes; equal
 * content has equal ETags in both implementations (MD5 of the body), and a
 * conditional call names exactly the version that was seen. A store belongs
 * to one process (opened after the fork, lazily) and one thread. Every call
 * ends by its deadline, and every failure has left the object as it was or
 * as it was asked to be (ST_TIMEOUT: one of the two, unknown).
 *
 * Results beside ST_OK, everywhere: ST_UNAVAILABLE, ST_TIMEOUT, ST_DENIED,
 * ST_CORRUPT (of this one object: what is stored cannot be as it is, or cannot
 * be had; the store itself is well), ST_INTERNAL. ST_DENIED leaves open whether
 * one object is refused or all are: who reads several can tell.
 */
#ifndef DG_STORE_OBJECTS_H
#define DG_STORE_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/str.h"
#include "store/rights.h"

#define ETAG_MAX 64
struct etag {
    char z[ETAG_MAX + 1]; /* empty: none */
};

/* The user metadata of a trip object (doc/storage.md, "Objects"); the summary
 * object has none. Every string empty: none is set. */
struct object_meta {
    struct str trip_id, user_id, behavior_score;
};

struct object {      /* what a get returns */
    struct str body; /* as stored: gzip. What came unpacked by something in
                        between is packed again, and may differ in size */
    struct etag etag;
    int64_t modified_us;
    struct object_meta meta;
};

struct object_entry { /* what a listing returns */
    struct str key;
    struct etag etag; /* empty: something lies there that is no object as it
                         should be (a "folder" of a console's, no regular file,
                         an entry without ETag, size or time) */
    int64_t size;     /* bytes as stored */
    int64_t modified_us;
};

enum object_condition {
    COND_NONE,
    COND_ABSENT, /* If-None-Match: * */
    COND_MATCH   /* If-Match: etag   */
};

struct objects; /* an open store */

enum status objects_open(const struct conf *c, struct objects **out,
                         struct err *err) MUST_CHECK;
/*
    By objects.url. Nothing is connected yet; a URL that cannot be is
    ST_BAD_REQUEST.
 */
void objects_close(struct objects **s);

uint64_t objects_mark(struct str installation_id);
/*
    A number for it that is not 0, and most likely no other id's.
 */
void objects_belong(struct objects *s, const _Atomic uint64_t *mark);
/*
    The objects are those of the installation with that mark, once it is not 0
    (it outlives s). From then on a folder that is not there is not made: it is
    an outage, and so is one with another installation.json or none.
 */

enum status objects_check(struct objects *s, struct deadline d,
                          struct err *err) MUST_CHECK;
/*
    Whether the store can be used now: whether it can be listed, and accepts
    objects. The text says exactly what is missing. For -t and /readyz, as
    often as anybody asks: a folder is written into and left as it was. A
    bucket gets one small object, probe/write, when a process first asks and
    after a failure; else nothing is written, and a good answer stands for 10 s.
 */
void objects_rights(struct objects *s, struct deadline d,
                    struct tried tried[RIGHTS]);
/*
    Tries the service's rights here that are not found yet; none where nobody
    grants any. Nothing is changed, and nothing left.
 */

enum status objects_put(struct objects *s, struct str key, struct str body,
                        const struct object_meta *meta,
                        enum object_condition cond, const struct etag *match,
                        struct deadline d, struct etag *out,
                        struct err *err) MUST_CHECK;
/*
    Content-Type application/json, Content-Encoding gzip unless the key ends in
    .json. Durable when ST_OK.
    ST_PRECONDITION: another version is (or, for COND_MATCH, none is) there.
    ST_BUSY: another writer interfered; try again (S3's 409).
 */

enum status objects_put_derived(struct objects *s, struct str key,
                                struct str body, enum object_condition cond,
                                const struct etag *match, struct deadline d,
                                struct etag *out, struct err *err) MUST_CHECK;
/*
    The same for what can be made again from other objects (the summary,
    packs): as durable as it comes without waiting. It appears whole and under
    its conditions as ever, but a power cut may take it, bring back the version
    before, or leave one that cannot be unpacked; whoever reads it must take
    that as "not there" and write it anew over the ETag it then has.
 */

enum status objects_get(struct objects *s, struct str key,
                        const struct etag *match, size_t max, struct deadline d,
                        struct arena *a, struct object *out,
                        struct err *err) MUST_CHECK;
/*
    match NULL or the version wanted. ST_NOT_FOUND, ST_PRECONDITION (another
    version), ST_TOO_LARGE over max bytes. All memory from the arena.
 */

enum status objects_version(struct objects *s, struct str key,
                            struct deadline d, struct etag *out,
                            struct err *err) MUST_CHECK;
/*
    The ETag of what lies there, also of what cannot be read; empty when nothing
    does that has one. By a listing, so it costs what one costs.
 */

struct object_want {
    struct str key;
    struct etag match;  /* empty: any version */
    struct etag unless; /* ST_PRECONDITION if this is the version; or empty */
    void *user;         /* the caller's own */
};

typedef enum status (*objects_got)(void *ctx, const struct object_want *want,
                                   enum status st, const struct object *obj,
                                   const struct err *err);
/*
    Called once a wanted object, in any order. st and err as objects_get would
    return them; obj only with ST_OK, and only valid during the call. Whatever
    it returns other than ST_OK ends the run with that status; the run's err
    keeps what the callback has put there.
 */

typedef enum status (*objects_listed)(void *ctx,
                                      const struct object_entry *entry);
/*
    The entry is valid during the call only. Whatever it returns other than
    ST_OK ends the run with that status. Must not use the store (nor must
    objects_got).
 */

struct object_range {
    struct str prefix;       /* a driver's: users/U/... */
    struct str after, until; /* keys in (after, until]; need not be keys of
                                anything; empty: from the start, to the end */
    bool one_page;           /* the first page only */
    objects_listed listed;
    void *ctx;
    int pages; /* out: requests it took */
    bool more; /* out: with one_page, keys may follow the last one listed */
};

enum status objects_look(struct objects *s, struct object_range *range,
                         size_t ranges, const struct object_want *want,
                         size_t wants, size_t max, struct deadline d,
                         objects_got got, void *ctx,
                         struct err *err) MUST_CHECK;
/*
    Lists ranges and gets objects, all at once over a bounded number of
    connections; memory does not grow with their number. Each range comes in
    key order (bytes), page after page while others write: no snapshot. The
    ranges among themselves and the gets come in any order. Temporaries and
    lock files are never listed. A range that cannot be listed ends the run.

    A page shows one moment, and a range of one page is one moment of the
    store. A folder has no pages: each range is one, whole, but not one
    moment; there every range is listed before the first get, so that what was
    got is never older than what was listed.
 */

enum status objects_get_many(struct objects *s, const struct object_want *want,
                             size_t n, size_t max, struct deadline d,
                             objects_got got, void *ctx,
                             struct err *err) MUST_CHECK;
/*
    objects_look without ranges.
 */

enum status objects_delete(struct objects *s, struct str key,
                           const struct etag *match, struct deadline d,
                           struct err *err) MUST_CHECK;
/*
    Removes the very version named by match (required). ST_OK also when the
    key is not there; ST_PRECONDITION when another version is.
    ST_BUSY when this store cannot delete conditionally: then reconcile does it
    (objects_delete_unwatched), once no finalize of that trip can be running.
 */

enum status objects_delete_unwatched(struct objects *s, struct str key,
                                     struct deadline d,
                                     struct err *err) MUST_CHECK;

enum status objects_list(struct objects *s, struct str prefix,
                         struct deadline d, objects_listed listed, void *ctx,
                         int *pages, struct err *err) MUST_CHECK;
/*
    objects_look with one range and no gets: every object whose key starts with
    prefix. *pages: how many requests it took.
 */

enum status objects_drivers(struct objects *s, struct deadline d,
                            enum status (*each)(void *ctx, struct str user_id),
                            void *ctx, struct err *err) MUST_CHECK;
/*
    Every user_id that has anything under users/. For reconcile.
 */

enum status objects_sweep(struct objects *s, struct deadline d,
                          struct err *err) MUST_CHECK;
/*
    Removes what crashed writers left (temporaries older than an hour).
 */

#endif
