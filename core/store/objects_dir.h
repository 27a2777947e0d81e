/* objects_dir.h - what reading and writing of objects in a directory share. */
#ifndef DG_STORE_OBJECTS_DIR_H
#define DG_STORE_OBJECTS_DIR_H

#include <limits.h>
#include "store/dir_own.h"
#include "store/objects_impl.h"

struct dir {
    struct objects base;
    char root[PATH_MAX];
    struct dir_own own;
};

enum status objects_dir_begin(struct objects *s, const char *fail,
                              struct deadline d, int *root,
                              struct err *err) MUST_CHECK;
/*
    What each call begins with; fail is its fault point. The root is opened for
    each call: a folder that was moved or mounted over meanwhile would else go
    on being used, unseen. Once it is known whose objects they are, it must be
    theirs (dir_own.h), and is not made. *root is -1 on failure.
 */

enum status objects_dir_list_driver(int root, struct str user_id,
                                    const struct object_range *range,
                                    struct deadline d, struct arena *a,
                                    struct err *err) MUST_CHECK;

/* Of objects_ops, see objects_impl.h. */
enum status objects_dir_get(struct objects *s, struct str key,
                            const struct etag *match, size_t max,
                            struct deadline d, struct arena *a,
                            struct object *out, struct err *err);
enum status objects_dir_look(struct objects *s, struct object_range *range,
                             size_t ranges, const struct object_want *want,
                             size_t wants, size_t max, struct deadline d,
                             objects_got got, void *ctx, struct err *err);

#endif
