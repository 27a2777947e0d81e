/*
 * objects_s3.h - what reading and writing of objects in a bucket share.
 *
 * Not every server keeps S3's promises about conditions; what this process
 * has found out about its own is kept in `trait` values, each found once:
 *
 *   absent  If-None-Match: * on PUT. Ceph's gateway ignores it in a bucket
 *           with versions. Tried by repeating the first such PUT that passed.
 *   match   If-Match on PUT. Ceph's gateway refuses it in such a bucket even
 *           with the right ETag, which HEAD shows.
 *   remove  If-Match on DELETE. Ceph 16 and MinIO ignore it without a word.
 *           Tried on an object made for that, with a wrong ETag.
 *
 * Where one is missing, a condition is checked by HEAD just before, which
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
};

/* The two of objects_ops that write; see objects_impl.h. */
enum status objects_s3_put(struct objects *base, struct str key,
                           struct str body, const struct object_meta *meta,
                           enum object_condition cond, const struct etag *match,
                           struct deadline d, struct etag *out,
                           struct err *err);
enum status objects_s3_remove(struct objects *base, struct str key,
                              const struct etag *match, struct deadline d,
                              struct err *err);

#endif
