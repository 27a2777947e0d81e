#include "store/s3_admin.h"

#include "base/digest.h"
#include "base/random.h"

#define XMLNS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""
#define DIGITS_(n) #n
#define DIGITS(n) DIGITS_(n)

/* ---- one setting: a document under ?NAME ---- */

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

static enum status unless_unknown(enum status st, int code, const char *name,
                                  struct err *err)
{
    if (code != 405 && code != 501)
        return st;
    return err_set(err, ST_NO_METHOD, NULL, "this server has no %s",
                   name ? name : "buckets");
}

static enum status read_setting(const struct s3 *s, const char *name,
                                struct deadline d, struct arena *a,
                                struct str *out, struct err *err)
{
    struct sigv4_pair query = {str_of(name), STR_NONE};
    struct s3_ask ask = {
        .method = "GET", .query = &query, .queries = 1, .max = S3_XML_MAX};
    struct aws_reply reply;
    enum status st = s3_call(s, &ask, d, a, &reply, err);

    *out = st == ST_OK ? reply.body : STR_NONE;
    /* No such configuration, but the bucket is there: not an error here. */
    return st == ST_NOT_FOUND ? ST_OK
                              : unless_unknown(st, reply.code, name, err);
}

/* With Content-MD5: some settings are refused without. */
static enum status send_document(const struct s3 *s, const char *name,
                                 struct str text, struct deadline d,
                                 struct arena *a, struct aws_reply *reply,
                                 struct err *err)
{
    struct sigv4_pair query = {str_of(name), STR_NONE};
    unsigned char md[MD5_SIZE];
    struct sigv4_pair header[2] = {
        {STR_LIT("content-type"), STR_LIT("application/xml")},
        {STR_LIT("content-md5"), STR_NONE}};
    struct s3_ask ask = {.method = "PUT",
                         .query = &query,
                         .queries = name != NULL,
                         .header = header,
                         .headers = 2,
                         .body = text,
                         .max = S3_XML_MAX};
    enum status st;

    digest_md5(text, md);
    header[1].value = base64(md, sizeof md, a);
    st = s3_call(s, &ask, d, a, reply, err);
    return unless_unknown(st, reply->code, name, err);
}

static enum status write_setting(const struct s3 *s, const char *name,
                                 const char *text, struct deadline d,
                                 struct arena *a, struct err *err)
{
    struct aws_reply reply;

    return send_document(s, name, str_of(text), d, a, &reply, err);
}

/* ---- the settings ---- */

static enum status bucket_there(const struct s3 *s, struct deadline d,
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

static enum status create_bucket(const struct s3 *s, struct deadline d,
                                 struct arena *a, struct err *err)
{
    struct aws_reply reply;
    struct str text = STR_NONE;
    enum status st;

    /* AWS's first region is the one that must not be named. */
    if (strcmp(s->region, "us-east-1") != 0)
        text = arena_printf(a,
                            "<CreateBucketConfiguration" XMLNS
                            "><LocationConstraint>%s</LocationConstraint>"
                            "</CreateBucketConfiguration>",
                            s->region);
    st = send_document(s, NULL, text, d, a, &reply, err);
    return strcmp(reply.fault, "BucketAlreadyOwnedByYou") == 0 ? ST_OK : st;
}

static bool all_true(struct xml root, const char *const *names, size_t n,
                     struct arena *a)
{
    for (size_t i = 0; i < n; i++) {
        struct str v = xml_child_text(root, names[i], a);

        if (!str_is(v, "true") && !str_is(v, "TRUE"))
            return false;
    }
    return true;
}

static enum status access_blocked(const struct s3 *s, struct deadline d,
                                  struct arena *a, bool *out, struct err *err)
{
    static const char *const blocks[] = {"BlockPublicAcls", "IgnorePublicAcls",
                                         "BlockPublicPolicy",
                                         "RestrictPublicBuckets"};
    struct str text;
    struct xml root;
    enum status st = read_setting(s, "publicAccessBlock", d, a, &text, err);

    /* Ceph's gateway calls the document by the second name. */
    *out = st == ST_OK &&
           (xml_root(text, "PublicAccessBlockConfiguration", &root) ||
            xml_root(text, "BlockPublicAccessBlockConfiguration", &root)) &&
           all_true(root, blocks, 4, a);
    return st;
}

/* An object of no use to anybody, put and removed. */
static bool can_write(const struct s3 *s, struct deadline d, struct arena *a)
{
    char hex[RANDOM_HEX + 1];
    struct s3_ask ask = {.method = "PUT", .body = STR_LIT("probe")};
    struct err none = ERR_NONE;
    struct aws_reply reply;

    random_hex(hex);
    ask.key = arena_printf(a, "probe/%s", hex);
    if (s3_call(s, &ask, d, a, &reply, &none) != ST_OK)
        return false;
    ask.method = "DELETE";
    ask.body = STR_NONE;
    return s3_call(s, &ask, d, a, &reply, &none) == ST_OK;
}

/*
 * Ceph 16's gateway takes every PUT for one with a public ACL, once those are
 * blocked, and refuses it. Such a block is taken back.
 */
static enum status block_access(const struct s3 *s, struct deadline d,
                                struct arena *a, struct err *err)
{
    bool could_write = can_write(s, d, a);
    struct sigv4_pair query = {STR_LIT("publicAccessBlock"), STR_NONE};
    struct s3_ask undo = {.method = "DELETE", .query = &query, .queries = 1};
    struct aws_reply reply;
    enum status st =
        write_setting(s, "publicAccessBlock",
                      "<PublicAccessBlockConfiguration" XMLNS ">"
                      "<BlockPublicAcls>true</BlockPublicAcls>"
                      "<IgnorePublicAcls>true</IgnorePublicAcls>"
                      "<BlockPublicPolicy>true</BlockPublicPolicy>"
                      "<RestrictPublicBuckets>true</RestrictPublicBuckets>"
                      "</PublicAccessBlockConfiguration>",
                      d, a, err);

    if (st != ST_OK || !could_write || can_write(s, d, a))
        return st;
    st = s3_call(s, &undo, d, a, &reply, err);
    return st == ST_OK ? err_set(err, ST_NO_METHOD, NULL,
                                 "with it this server refuses every PUT")
                       : st;
}

static enum status encrypted(const struct s3 *s, struct deadline d,
                             struct arena *a, bool *out, struct err *err)
{
    struct str text;
    struct xml root, rule;
    enum status st = read_setting(s, "encryption", d, a, &text, err);

    *out = false;
    if (st != ST_OK ||
        !xml_root(text, "ServerSideEncryptionConfiguration", &root))
        return st;
    rule = xml_child(xml_child(root, "Rule"),
                     "ApplyServerSideEncryptionByDefault");
    *out = xml_child_text(rule, "SSEAlgorithm", a).n > 0;
    return ST_OK;
}

static enum status encrypt(const struct s3 *s, struct deadline d,
                           struct arena *a, struct err *err)
{
    return write_setting(s, "encryption",
                         "<ServerSideEncryptionConfiguration" XMLNS "><Rule>"
                         "<ApplyServerSideEncryptionByDefault><SSEAlgorithm>"
                         "AES256</SSEAlgorithm>"
                         "</ApplyServerSideEncryptionByDefault></Rule>"
                         "</ServerSideEncryptionConfiguration>",
                         d, a, err);
}

static enum status versioned(const struct s3 *s, struct deadline d,
                             struct arena *a, bool *out, struct err *err)
{
    struct str text;
    struct xml root;
    enum status st = read_setting(s, "versioning", d, a, &text, err);

    *out = st == ST_OK && xml_root(text, "VersioningConfiguration", &root) &&
           str_is(xml_child_text(root, "Status", a), "Enabled");
    return st;
}

static enum status keep_versions(const struct s3 *s, struct deadline d,
                                 struct arena *a, struct err *err)
{
    return write_setting(s, "versioning",
                         "<VersioningConfiguration" XMLNS
                         "><Status>Enabled</Status></VersioningConfiguration>",
                         d, a, err);
}

#define RULE "driveguard-old-versions"

/* Rules of others stay what they are: ours is looked for by its name. */
static bool has_rule(struct str text, struct arena *a)
{
    struct xml root, rule;
    struct xml_iter it;

    if (!xml_root(text, "LifecycleConfiguration", &root))
        return false;
    for (it = xml_iter(root); xml_next(&it, &rule);)
        if (str_is(xml_child_text(rule, "ID", a), RULE) &&
            str_is(xml_child_text(rule, "Status", a), "Enabled"))
            return true;
    return false;
}

static enum status expires(const struct s3 *s, struct deadline d,
                           struct arena *a, bool *out, struct err *err)
{
    struct str text;
    enum status st = read_setting(s, "lifecycle", d, a, &text, err);

    *out = st == ST_OK && has_rule(text, a);
    return st;
}

static enum status expire(const struct s3 *s, struct deadline d,
                          struct arena *a, struct err *err)
{
    struct str old, others = STR_NONE;
    struct xml root;
    enum status st = read_setting(s, "lifecycle", d, a, &old, err);

    if (st != ST_OK)
        return st;
    if (xml_root(old, "LifecycleConfiguration", &root))
        others = root.inner;
    return write_setting(
        s, "lifecycle",
        arena_printf(
            a,
            "<LifecycleConfiguration" XMLNS ">%.*s<Rule><ID>" RULE "</ID>"
            "<Filter><Prefix></Prefix></Filter><Status>Enabled</Status>"
            "<NoncurrentVersionExpiration><NoncurrentDays>" DIGITS(
                S3_NONCURRENT_DAYS) "</NoncurrentDays>"
                                    "</NoncurrentVersionExpiration>"
                                    "<AbortIncompleteMultipartUpload>"
                                    "<DaysAfterInitiation>7"
                                    "</DaysAfterInitiation>"
                                    "</AbortIncompleteMultipartUpload></Rule>"
                                    "</LifecycleConfiguration>",
            STR_ARG(others))
            .p,
        d, a, err);
}

const struct s3_setting s3_settings[] = {
    {"bucket", bucket_there, create_bucket},
    {"public access blocked", access_blocked, block_access},
    {"encryption", encrypted, encrypt},
    {"versioning", versioned, keep_versions},
    {"old versions expire", expires, expire},
};
const size_t s3_settings_count = sizeof s3_settings / sizeof *s3_settings;
