#include "store/s3_settings.h"

#include "store/s3_admin.h"

#define DIGITS_(n) #n
#define DIGITS(n) DIGITS_(n)

static struct str nothing_wanted(struct xml root, struct arena *a)
{
    (void)root;
    (void)a;
    return STR_NONE;
}

/* ---- public access ---- */

static bool access_blocked(struct xml root, struct arena *a)
{
    static const char *const blocks[] = {"BlockPublicAcls", "IgnorePublicAcls",
                                         "BlockPublicPolicy",
                                         "RestrictPublicBuckets"};

    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        struct str v = xml_child_text(root, blocks[i], a);

        if (!str_is(v, "true") && !str_is(v, "TRUE"))
            return false;
    }
    return true;
}

static struct str block_access(struct xml root, struct arena *a)
{
    (void)root;
    (void)a;
    return STR_LIT("<BlockPublicAcls>true</BlockPublicAcls>"
                   "<IgnorePublicAcls>true</IgnorePublicAcls>"
                   "<BlockPublicPolicy>true</BlockPublicPolicy>"
                   "<RestrictPublicBuckets>true</RestrictPublicBuckets>");
}

/* ---- encryption ---- */

static bool encryption_set(struct xml root, struct arena *a)
{
    struct xml rule = xml_child(xml_child(root, "Rule"),
                                "ApplyServerSideEncryptionByDefault");

    return xml_child_text(rule, "SSEAlgorithm", a).n > 0;
}

static struct str encryption_wanted(struct xml root, struct arena *a)
{
    (void)root;
    (void)a;
    return STR_LIT("<Rule><ApplyServerSideEncryptionByDefault>"
                   "<SSEAlgorithm>AES256</SSEAlgorithm>"
                   "</ApplyServerSideEncryptionByDefault></Rule>");
}

/* ---- versions ---- */

static bool versions_set(struct xml root, struct arena *a)
{
    return str_is(xml_child_text(root, "Status", a), "Enabled");
}

static struct str keep_versions(struct xml root, struct arena *a)
{
    (void)root;
    (void)a;
    return STR_LIT("<Status>Enabled</Status>");
}

static struct str suspend_versions(struct xml root, struct arena *a)
{
    (void)root;
    (void)a;
    return STR_LIT("<Status>Suspended</Status>");
}

#define RULE "driveguard-old-versions"

static bool is_our_rule(struct xml rule, struct arena *a)
{
    return str_is(xml_child_text(rule, "ID", a), RULE);
}

/* Rules of others stay what they are: ours is looked for by its name. */
static bool expiry_set(struct xml root, struct arena *a)
{
    struct xml rule;
    struct xml_iter it;

    for (it = xml_iter(root); xml_next(&it, &rule);)
        if (is_our_rule(rule, a) &&
            str_is(xml_child_text(rule, "Status", a), "Enabled"))
            return true;
    return false;
}

static struct str rules_of_others(struct xml root, struct arena *a)
{
    struct str out = STR_NONE;
    struct xml rule;
    struct xml_iter it;

    for (it = xml_iter(root); xml_next(&it, &rule);)
        if (!is_our_rule(rule, a))
            out = arena_printf(a, "%.*s<%.*s>%.*s</%.*s>", STR_ARG(out),
                               STR_ARG(rule.name), STR_ARG(rule.inner),
                               STR_ARG(rule.name));
    return out;
}

static struct str expiry_wanted(struct xml root, struct arena *a)
{
    static const char rule[] =
        "<Rule><ID>" RULE "</ID><Filter><Prefix></Prefix></Filter>"
        "<Status>Enabled</Status><NoncurrentVersionExpiration>"
        "<NoncurrentDays>" DIGITS(
            S3_NONCURRENT_DAYS) "</NoncurrentDays>"
                                "</"
                                "NoncurrentVersionExpiration><"
                                "AbortIncompleteMultipartUpload>"
                                "<DaysAfterInitiation>7</DaysAfterInitiation>"
                                "</AbortIncompleteMultipartUpload></Rule>";

    return arena_printf(a, "%.*s%s", STR_ARG(rules_of_others(root, a)), rule);
}

const struct s3_setting s3_settings[] = {
    {"public-access-block", "publicAccessBlock",
     "PublicAccessBlockConfiguration",
     "BlockPublicAccessBlockConfiguration", /* Ceph's gateway */
     "taken back", access_blocked, block_access, nothing_wanted},
    {"encryption", "encryption", "ServerSideEncryptionConfiguration", NULL,
     "taken back", encryption_set, encryption_wanted, nothing_wanted},
    {"versioning", "versioning", "VersioningConfiguration", NULL,
     "taken back as far as can be, suspended", versions_set, keep_versions,
     suspend_versions},
    {"expiry", "lifecycle", "LifecycleConfiguration", NULL, "taken back",
     expiry_set, expiry_wanted, rules_of_others},
};
const size_t s3_settings_count = sizeof s3_settings / sizeof *s3_settings;

/* ---- any of them ---- */

/* A server that is not AWS's refuses what it does not understand, and its
 * words are the best there are. */
static enum status
setting_refused(enum status st, const struct aws_reply *reply, struct err *err)
{
    if (st != ST_UNAVAILABLE || reply->code != 400 || !reply->refused)
        return st;
    if (err)
        err->st = ST_NO_METHOD;
    return ST_NO_METHOD;
}

static enum status setting_lacking(const struct s3_setting *x, struct err *err)
{
    return err_set(err, ST_NO_METHOD, NULL, "this server has no %s", x->name);
}

enum status s3_setting_read(const struct s3 *s, const struct s3_setting *x,
                            struct deadline d, struct arena *a,
                            struct s3_document *out, struct err *err)
{
    struct sigv4_pair query = {str_of(x->query), STR_NONE};
    struct s3_ask ask = {
        .method = "GET", .query = &query, .queries = 1, .max = S3_XML_MAX};
    struct aws_reply reply;
    enum status st = s3_call(s, &ask, d, a, &reply, err);

    *out = (struct s3_document){0};
    if (s3_knows_not(&reply))
        return setting_lacking(x, err);
    /* No such configuration, but the bucket is there: not an error here. Each
     * setting, and each server, has a name of its own for it. */
    if ((reply.code == 404 && strcmp(reply.fault, "NoSuchBucket") != 0) ||
        (st == ST_OK && str_trim(reply.body).n == 0))
        return ST_OK;
    if (st != ST_OK)
        return setting_refused(st, &reply, err);
    if (!xml_root(reply.body, x->root, &out->there) &&
        (!x->other_root || !xml_root(reply.body, x->other_root, &out->there)))
        return setting_lacking(x, err);
    out->is_set = x->is_set(out->there, a);
    return ST_OK;
}

static enum status setting_put(const struct s3 *s, const struct s3_setting *x,
                               struct str inner, struct deadline d,
                               struct arena *a, struct err *err)
{
    struct aws_reply reply;
    struct str text = arena_printf(a, "<%s" S3_XMLNS ">%.*s</%s>", x->root,
                                   STR_ARG(inner), x->root);
    enum status st = s3_send(s, "PUT", x->query, text, d, a, &reply, err);

    return s3_knows_not(&reply) ? setting_lacking(x, err)
                                : setting_refused(st, &reply, err);
}

static enum status setting_delete(const struct s3 *s,
                                  const struct s3_setting *x, struct deadline d,
                                  struct arena *a, struct err *err)
{
    struct sigv4_pair query = {str_of(x->query), STR_NONE};
    struct s3_ask ask = {
        .method = "DELETE", .query = &query, .queries = 1, .max = S3_XML_MAX};
    struct aws_reply reply;

    return s3_call(s, &ask, d, a, &reply, err);
}

enum status s3_setting_set(const struct s3 *s, const struct s3_setting *x,
                           const struct s3_document *now, struct deadline d,
                           struct arena *a, struct err *err)
{
    return setting_put(s, x, x->with(now->there, a), d, a, err);
}

enum status s3_setting_take_back(const struct s3 *s, const struct s3_setting *x,
                                 const struct s3_document *before,
                                 struct deadline d, struct arena *a,
                                 struct err *err)
{
    struct s3_document now;
    struct str inner;
    enum status st = s3_setting_read(s, x, d, a, &now, err);

    if (st != ST_OK)
        return st;
    if (!now.is_set)
        return err_set(err, ST_NO_METHOD, NULL,
                       "this server does not show the %s it was given",
                       x->name);
    inner = before && before->there.inner.n ? before->there.inner
                                            : x->without(now.there, a);
    return inner.n ? setting_put(s, x, inner, d, a, err)
                   : setting_delete(s, x, d, a, err);
}
