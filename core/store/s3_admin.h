/*
 * s3_admin.h - what an operator does to the bucket, not the service: making
 * it. Its settings: s3_settings.h.
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

#endif
