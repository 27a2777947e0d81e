/*
 * s3_admin.h - what an operator does to the bucket, not the service.
 *
 * Each setting is read first and only written when it is not so already, so
 * that a second run changes nothing.
 */
#ifndef DG_STORE_S3_ADMIN_H
#define DG_STORE_S3_ADMIN_H

#include "store/s3.h"

struct s3_setting {
    const char *name; /* "versioning", ...; for what is printed */
    enum status (*is_set)(const struct s3 *s, struct deadline d,
                          struct arena *a, bool *out, struct err *err);
    enum status (*set)(const struct s3 *s, struct deadline d, struct arena *a,
                       struct err *err);
};

extern const struct s3_setting s3_settings[];
extern const size_t s3_settings_count;
/*
    What a bucket of ours should be, in the order of setting it: it exists;
    public access is blocked; objects are encrypted by default; overwritten
    and deleted ones are kept as versions; those go after 30 days, and the
    rests of broken uploads after 7. Results beside those of aws_call:
    ST_NO_METHOD when this server has no such setting. One that does not know
    it may also say yes and do nothing: ask again after setting.
 */

#define S3_NONCURRENT_DAYS 30

#endif
