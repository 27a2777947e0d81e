/*
 * objects_impl.h - what an implementation of objects.h is made of.
 *
 * objects.c checks the keys and passes each call on; an implementation puts
 * struct objects first in its own struct and may rely on keys that are valid
 * (keys.h), so that none of them leads out of a folder.
 */
#ifndef DG_STORE_OBJECTS_IMPL_H
#define DG_STORE_OBJECTS_IMPL_H

#include "store/objects.h"

/* Each as the function of objects.h of that name; put is objects_put_derived,
 * too. A want's match and unless are never both set. */
struct objects_ops {
    void (*close)(struct objects *s);
    enum status (*check)(struct objects *s, struct deadline d, struct err *err);
    /* NULL: nobody grants rights here */
    void (*rights)(struct objects *s, struct deadline d,
                   struct tried tried[RIGHTS]);
    enum status (*put)(struct objects *s, struct str key, struct str body,
                       const struct object_meta *meta, bool derived,
                       enum object_condition cond, const struct etag *match,
                       struct deadline d, struct etag *out, struct err *err);
    enum status (*get)(struct objects *s, struct str key,
                       const struct etag *match, size_t max, struct deadline d,
                       struct arena *a, struct object *out, struct err *err);
    enum status (*look)(struct objects *s, struct object_range *range,
                        size_t ranges, const struct object_want *want,
                        size_t wants, size_t max, struct deadline d,
                        objects_got got, void *ctx, struct err *err);
    /* match NULL: whatever version is there */
    enum status (*remove)(struct objects *s, struct str key,
                          const struct etag *match, struct deadline d,
                          struct err *err);
    enum status (*drivers)(struct objects *s, struct deadline d,
                           enum status (*each)(void *ctx, struct str user_id),
                           void *ctx, struct err *err);
    enum status (*sweep)(struct objects *s, struct deadline d, struct err *err);
};

struct objects {
    const struct objects_ops *ops;
    const _Atomic uint64_t *mark; /* objects_belong; NULL: nobody knows */
};

enum status objects_dir_open(struct str folder, struct objects **out,
                             struct err *err) MUST_CHECK;
/*
    folder: an absolute path. It is made when first used.
 */

enum status objects_s3_open(const struct conf *c, struct str bucket,
                            struct objects **out, struct err *err) MUST_CHECK;

#endif
