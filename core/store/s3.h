/*
 * s3.h - one bucket: its address, and requests to it.
 *
 * What objects_s3.c and the operator's s3_admin.c share. Virtual-hosted style
 * (https://BUCKET.s3.REGION.amazonaws.com/KEY) or path style
 * (https://HOST/BUCKET/KEY), at AWS or any other endpoint.
 */
#ifndef DG_STORE_S3_H
#define DG_STORE_S3_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/err.h"
#include "store/aws.h"
#include "store/objects.h"
#include "store/xml.h"

#define S3_BUCKET_MAX 63
#define S3_XML_MAX (4 * 1024 * 1024) /* a page of a listing is under 1 MB */

struct s3 {
    struct aws *aws;
    char bucket[S3_BUCKET_MAX + 1];
    char region[32];
    bool path_style;
    bool foreign; /* s3.endpoint is set: not AWS's own */
};

enum status s3_open(struct s3 *s, const struct conf *c, struct str bucket,
                    struct err *err) MUST_CHECK;
/*
    By the settings of [s3]. ST_BAD_REQUEST for a name that is no bucket's or
    an endpoint that is none. Connects to nothing yet.
 */
void s3_close(struct s3 *s);

struct str s3_path(const struct s3 *s, struct str key, struct arena *a);
/*
    The request's path, encoded; an empty key means the bucket itself.
 */

struct s3_ask {
    const char *method;
    struct str key; /* empty: the bucket */
    const struct sigv4_pair *query, *header;
    size_t queries, headers;
    bool asks_gzip; /* as of aws.h, as is own */
    struct str body;
    size_t max;
    bool (*own)(int code, struct str head, struct str body);
};

enum status s3_call(const struct s3 *s, const struct s3_ask *ask,
                    struct deadline d, struct arena *a, struct aws_reply *out,
                    struct err *err) MUST_CHECK;
/*
    As aws_call.
 */

bool s3_etag(struct str quoted, struct etag *out);
/*
    An ETag header or element without its quotes; false when there is none or
    it is no ETag of ours to keep (over ETAG_MAX).
 */

struct str s3_md5(struct str body, struct arena *a);
/*
    The value of Content-MD5. A bucket with Object Lock refuses every PUT that
    has no checksum, and so are some settings.
 */

bool s3_own_version(int code, struct str head, struct str body);
bool s3_own_removal(int code, struct str head, struct str body);
/*
    Whether a 2xx is what S3 says to a PUT, GET or HEAD of an object (there is
    an ETag), and to a DELETE (there is nothing).
 */

enum status s3_head(const struct s3 *s, struct str key, struct deadline d,
                    struct arena *a, struct etag *out,
                    struct err *err) MUST_CHECK;
/*
    The ETag of what is there now; ST_NOT_FOUND, in the server's own words: a
    404 to HEAD has none, so that a GET follows it.
 */

/* ---- listing ---- */

struct s3_listing {
    struct str prefix;
    bool by_folder;   /* what is below the next slash counts as one */
    struct str after; /* keys behind this one; or empty */
};

typedef enum status (*s3_listed)(void *ctx, const struct object_entry *entry);
/*
    With by_folder: only the folders, as entries with nothing but a key (which
    ends with a slash).
 */

void s3_list_ask(const struct s3 *s, const struct s3_listing *what,
                 struct str token, struct arena *a, struct aws_request *out);
/*
    The request for the page of that token; empty: the first one.
 */

enum status s3_list_page(const struct s3 *s, const struct s3_listing *what,
                         struct str body, struct arena *a, s3_listed each,
                         void *ctx, struct str *next,
                         struct err *err) MUST_CHECK;
/*
    Reads the reply to it; the entries' texts live during the call. *next is
    the token of the next page, in the arena, or empty. What `each` returns
    other than ST_OK ends it.
 */

enum status s3_list(const struct s3 *s, const struct s3_listing *what,
                    struct deadline d, s3_listed each, void *ctx, int *pages,
                    struct err *err) MUST_CHECK;
/*
    Page by page (1000 keys each).
 */

#endif
