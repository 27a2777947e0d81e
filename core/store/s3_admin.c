#include "store/s3_admin.h"

#include <assert.h>
#include "base/digest.h"

/* ---- documents ---- */

static struct str base64(const unsigned char *p, size_t n, struct arena *a)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = arena_alloc(a, (n + 2) / 3 * 4 + 1);
    size_t k = 0;

    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)p[i] << 16 |
                     (i + 1 < n ? (unsigned)p[i + 1] << 8 : 0) |
                     (i + 2 < n ? p[i + 2] : 0);

        out[k++] = digits[v >> 18];
        out[k++] = digits[v >> 12 & 63];
        out[k++] = i + 1 < n ? digits[v >> 6 & 63] : '=';
        out[k++] = i + 2 < n ? digits[v & 63] : '=';
    }
    return (struct str){out, k};
}

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
    unsigned char md[MD5_SIZE];
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

    digest_md5(text, md);
    header[1].value = base64(md, sizeof md, a);
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

/* ---- versions ---- */

struct page {
    struct xml root;
    struct str key, id; /* where the next one begins; empty: the last */
};

static enum status get_page(const struct s3 *s, struct str prefix,
                            struct str key, struct str id, struct deadline d,
                            struct arena *a, struct page *out, struct err *err)
{
    struct sigv4_pair query[4] = {{STR_LIT("versions"), STR_NONE},
                                  {STR_LIT("prefix"), prefix},
                                  {STR_LIT("key-marker"), key},
                                  {STR_LIT("version-id-marker"), id}};
    struct s3_ask ask = {.method = "GET",
                         .query = query,
                         .queries = key.n ? (id.n ? 4 : 3) : 2,
                         .max = S3_XML_MAX};
    struct aws_reply reply;
    enum status st = s3_call(s, &ask, d, a, &reply, err);

    if (st != ST_OK)
        return st;
    *out = (struct page){0};
    if (!xml_root(reply.body, "ListVersionsResult", &out->root))
        return err_set(err, ST_CORRUPT, NULL, "the versions cannot be read");
    if (!str_is(xml_child_text(out->root, "IsTruncated", a), "true"))
        return ST_OK;
    out->key = xml_child_text(out->root, "NextKeyMarker", a);
    out->id = xml_child_text(out->root, "NextVersionIdMarker", a);
    if (out->key.n == 0 || (str_eq(out->key, key) && str_eq(out->id, id)))
        return err_set(err, ST_CORRUPT, NULL, "the versions have no end");
    return ST_OK;
}

enum status s3_versions(const struct s3 *s, struct str prefix,
                        struct deadline d, s3_versioned each, void *ctx,
                        struct err *err)
{
    struct arena *a = arena_new(0), *last = arena_new(0), *swap;
    struct page page = {0};
    enum status st;

    do {
        struct xml_iter it;
        struct xml e;

        st = get_page(s, prefix, page.key, page.id, d, a, &page, err);
        if (st != ST_OK)
            break;
        for (it = xml_iter(page.root); st == ST_OK && xml_next(&it, &e);) {
            struct s3_version v = {xml_child_text(e, "Key", a),
                                   xml_child_text(e, "VersionId", a),
                                   str_is(e.name, "DeleteMarker")};

            if (v.marker || str_is(e.name, "Version"))
                st = each(ctx, &v);
        }
        swap = last; /* the markers lie in this page's arena */
        last = a;
        a = swap;
        arena_reset(a);
    } while (st == ST_OK && page.key.n);
    arena_free(&a);
    arena_free(&last);
    return st;
}

static struct str delete_document(const struct s3_version *v, size_t n,
                                  struct arena *a)
{
    struct buf b;
    struct str out;

    buf_init(&b, S3_XML_MAX);
    buf_putz(&b, "<Delete" S3_XMLNS "><Quiet>true</Quiet>");
    for (size_t i = 0; i < n; i++) {
        buf_putz(&b, "<Object><Key>");
        xml_escape(&b, v[i].key);
        buf_putz(&b, "</Key>");
        if (v[i].id.n) {
            buf_putz(&b, "<VersionId>");
            xml_escape(&b, v[i].id);
            buf_putz(&b, "</VersionId>");
        }
        buf_putz(&b, "</Object>");
    }
    buf_putz(&b, "</Delete>");
    assert(buf_ok(&b));
    out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return out;
}

static enum status first_refusal(struct str body, struct arena *a,
                                 struct err *err)
{
    struct xml root, e;

    if (!xml_root(body, "DeleteResult", &root))
        return err_set(err, ST_CORRUPT, NULL, "the answer cannot be read");
    e = xml_child(root, "Error");
    if (e.name.n == 0)
        return ST_OK;
    return err_set(err, ST_DENIED, NULL, "%.*s: %.*s",
                   STR_ARG(xml_child_text(e, "Key", a)),
                   STR_ARG(xml_child_text(e, "Code", a)));
}

enum status s3_delete_versions(const struct s3 *s, const struct s3_version *v,
                               size_t n, struct deadline d, struct err *err)
{
    struct arena *a = arena_new(0);
    struct aws_reply reply;
    enum status st;

    assert(n > 0 && n <= S3_DELETE_MAX);
    st = s3_send(s, "POST", "delete", delete_document(v, n, a), d, a, &reply,
                 err);
    if (st == ST_OK)
        st = first_refusal(reply.body, a, err);
    arena_free(&a);
    return st;
}
