#include "store/s3_admin.h"

/* ---- documents ---- */

bool s3_knows_not(const struct aws_reply *reply)
{
    return reply->code == 405 || reply->code == 501;
}

/* With Content-MD5: some settings and ?delete are refused without. */
enum status s3_send(const struct s3 *s, const char *method, const char *name,
                    struct str text, struct deadline d, struct arena *a,
                    struct aws_reply *reply, struct err *err)
{
    struct sigv4_pair query = {str_of(name), STR_NONE};
    struct sigv4_pair header[2] = {
        {STR_LIT("content-type"), STR_LIT("application/xml")},
        {STR_LIT("content-md5"), STR_NONE}};
    struct s3_ask ask = {.method = method,
                         .query = &query,
                         .queries = name != NULL,
                         .header = header,
                         .headers = 2,
                         .body = text,
                         .max = S3_XML_MAX};

    header[1].value = s3_md5(text, a);
    return s3_call(s, &ask, d, a, reply, err);
}

/* ---- the bucket ---- */

enum status s3_bucket_there(const struct s3 *s, struct deadline d,
                            struct arena *a, bool *out, struct err *err)
{
    struct sigv4_pair query[] = {{STR_LIT("list-type"), STR_LIT("2")},
                                 {STR_LIT("max-keys"), STR_LIT("1")}};
    struct s3_ask ask = {
        .method = "GET", .query = query, .queries = 2, .max = S3_XML_MAX};
    struct aws_reply reply;
    enum status st = s3_call(s, &ask, d, a, &reply, err);

    *out = st == ST_OK;
    return strcmp(reply.fault, "NoSuchBucket") == 0 ? ST_OK : st;
}

enum status s3_bucket_make(const struct s3 *s, struct deadline d,
                           struct arena *a, struct err *err)
{
    struct aws_reply reply;
    struct str text = STR_NONE;
    enum status st;

    /* AWS's first region is the one that must not be named. */
    if (strcmp(s->region, "us-east-1") != 0)
        text = arena_printf(a,
                            "<CreateBucketConfiguration" S3_XMLNS
                            "><LocationConstraint>%s</LocationConstraint>"
                            "</CreateBucketConfiguration>",
                            s->region);
    st = s3_send(s, "PUT", NULL, text, d, a, &reply, err);
    if (s3_knows_not(&reply))
        return err_set(err, ST_NO_METHOD, NULL, "this server makes no buckets");
    return strcmp(reply.fault, "BucketAlreadyOwnedByYou") == 0 ? ST_OK : st;
}
