/*
 * s3_settings.h - what a bucket of ours should be, one setting at a time.
 *
 * A setting is a document at a name in the bucket's query (GET, PUT, DELETE
 * /BUCKET?encryption). A server that does not know the name may overlook it
 * and do the same to the bucket itself: to Ceph 16 GET ?encryption is a
 * listing, and DELETE ?encryption removes a bucket that is empty. So nothing
 * is sent to a name where GET finds another document, and nothing is deleted
 * that GET did not show.
 */
#ifndef DG_STORE_S3_SETTINGS_H
#define DG_STORE_S3_SETTINGS_H

#include "store/s3.h"

#define S3_NONCURRENT_DAYS 30

struct s3_setting {
    const char *name;  /* one word, for people */
    const char *query; /* "encryption" of ?encryption */
    const char *root;  /* its document, and how some servers call it */
    const char *other_root;
    const char *taken_back; /* what it is then, for people */
    bool (*is_set)(struct xml root, struct arena *a);
    /* What its document should hold, or hold no more; of what it holds. */
    struct str (*with)(struct xml root, struct arena *a);
    struct str (*without)(struct xml root, struct arena *a);
};

extern const struct s3_setting s3_settings[];
extern const size_t s3_settings_count;
/*
    In the order of setting them: public access is blocked; objects are
    encrypted by default; overwritten and deleted ones are kept as versions;
    those go after 30 days, and the rests of broken uploads after 7.
 */

struct s3_document {
    bool is_set;      /* as we want it */
    struct xml there; /* the document; empty: there is none */
};

enum status s3_setting_read(const struct s3 *s, const struct s3_setting *x,
                            struct deadline d, struct arena *a,
                            struct s3_document *out,
                            struct err *err) MUST_CHECK;
/*
    ST_NO_METHOD when this server has no such setting, or does not understand
    the request (400), here and in what follows.
 */

enum status s3_setting_set(const struct s3 *s, const struct s3_setting *x,
                           const struct s3_document *now, struct deadline d,
                           struct arena *a, struct err *err) MUST_CHECK;
/*
    now: as just read; what others have put there stays. A server may say yes
    and do nothing: read again.
 */

enum status s3_setting_take_back(const struct s3 *s, const struct s3_setting *x,
                                 const struct s3_document *before,
                                 struct deadline d, struct arena *a,
                                 struct err *err) MUST_CHECK;
/*
    As it was before, or with NULL as if never set. Versioning can only be
    suspended. ST_NO_METHOD, with nothing changed, when the server does not show
   the setting as ours.
 */

#endif
