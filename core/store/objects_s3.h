/*
 * objects_s3.h - what reading and writing of objects in a bucket share.
 *
 * Not every server keeps S3's promises about conditions; what this process
 * has found out about its own is kept in `trait` values, each found once:
 *
 *   absent  If-None-Match: * on PUT. Ceph's gateway ignores it in a bucket
 *           with versions. Tried by repeating the first such PUT that passed,
 *           and then by several at once, of which Ceph 20 (with versions) and
 *           Swift 2.38 let more than one pass.
 *   match   If-Match on PUT. Ceph's gateway refuses it in such a bucket even
 *           with the right ETag, which HEAD shows. moto 5.1.1, s3rver and
 *           fauxqs ignore it: so it is first tried with a wrong ETag, on an
 *           object of no use to anybody.
 *   remove  If-Match on DELETE. Ceph 16 and MinIO ignore it without a word.
 *           Tried on an object made for that, with a wrong ETag.
 *
 * One that is answered with 501 is missing as well (Swift). Where one is
 * missing, a condition is checked by HEAD just before, which
 * leaves a gap (one warning says so), and a removal is left to reconcile.
 */
#ifndef DG_STORE_OBJECTS_S3_H
#define DG_STORE_OBJECTS_S3_H

#include "store/objects_impl.h"
#include "store/s3.h"

enum s3_trait { TRAIT_UNKNOWN, TRAIT_KEPT, TRAIT_MISSING };

struct objects_s3 {
    struct objects base;
    struct s3 s3;
    struct arena *arena; /* for calls that return no memory */
    enum s3_trait absent, match, remove;
    bool match_refuses;  /* a wrong ETag was refused: the half of `match` */
    int64_t accepted_ms; /* clock_mono_ms() when a check found that objects are
                            accepted; 0: not yet, or the last one did not */
};

/* Of objects_ops, see objects_impl.h: what reads (objects_s3_read.c) ... */
enum status objects_s3_get(struct objects *base, struct str key,
                           const struct etag *match, size_t max,
                           struct deadline d, struct arena *a,
                           struct object *out, struct err *err);
enum status objects_s3_look(struct objects *base, struct object_range *range,
                            size_t ranges, const struct object_want *want,
                            size_t wants, size_t max, struct deadline d,
                            objects_got got, void *ctx, struct err *err);

/* ... what tries the rights (objects_s3_rights.c) ... */
void objects_s3_rights(struct objects *base, struct deadline d,
                       struct tried tried[RIGHTS]);

/* ... and what writes (objects_s3_write.c). Nothing is less durable than the
 * rest here: `derived` says nothing to it. */
enum status objects_s3_put(struct objects *base, struct str key,
                           struct str body, const struct object_meta *meta,
                           bool derived, enum object_condition cond,
                           const struct etag *match, struct deadline d,
                           struct etag *out, struct err *err);
enum status objects_s3_remove(struct objects *base, struct str key,
                              const struct etag *match, struct deadline d,
                              struct err *err);

#endif
