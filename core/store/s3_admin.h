/*
 * s3_admin.h - what an operator does to the bucket, not the service: making
 * it, and removing versions. Its settings: s3_settings.h.
 */
#ifndef DG_STORE_S3_ADMIN_H
#define DG_STORE_S3_ADMIN_H

#include "store/s3.h"

#define S3_XMLNS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

enum status s3_send(const struct s3 *s, const char *method, const char *name,
                    struct str text, struct deadline d, struct arena *a,
                    struct aws_reply *reply, struct err *err) MUST_CHECK;
/*
    A document about the bucket, to the name in its query, or with NULL to the
    bucket itself. As aws_call.
 */

bool s3_knows_not(const struct aws_reply *reply);
/*
    The server says that it has no such thing (405, 501).
 */

/* ---- the bucket ---- */

enum status s3_bucket_there(const struct s3 *s, struct deadline d,
                            struct arena *a, bool *out,
                            struct err *err) MUST_CHECK;
enum status s3_bucket_make(const struct s3 *s, struct deadline d,
                           struct arena *a, struct err *err) MUST_CHECK;
/*
    ST_OK also when it is there and ours.
 */

/* ---- versions ---- */

struct s3_version {
    struct str key, id;
    bool marker; /* a deletion's, without a body */
};

typedef enum status (*s3_versioned)(void *ctx, const struct s3_version *v);

enum status s3_versions(const struct s3 *s, struct str prefix,
                        struct deadline d, s3_versioned each, void *ctx,
                        struct err *err) MUST_CHECK;
/*
    Every version and every delete marker below the prefix, page by page.
 */

#define S3_DELETE_MAX 1000
enum status s3_delete_versions(const struct s3 *s, const struct s3_version *v,
                               size_t n, struct deadline d,
                               struct err *err) MUST_CHECK;
/*
    At most S3_DELETE_MAX at once, for good; an empty id deletes the key as
    such. Those that are not there count as deleted. The first refusal is the
    error, after the others were deleted.
 */

#endif
