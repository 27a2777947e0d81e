/* objects_s3.c - objects in a bucket: opened, read, listed. */
#include "store/objects_s3.h"

#include <assert.h>
#include <stdlib.h>
#include "store/digest.h"
#include "store/http.h"
#include "store/keys.h"

static struct objects_s3 *of(struct objects *base)
{
    return (struct objects_s3 *)base;
}

static void s3_objects_close(struct objects *base)
{
    struct objects_s3 *s = of(base);

    s3_close(&s->s3);
    arena_free(&s->arena);
    free(s);
}

static enum status ignore_entry(void *ctx, const struct object_entry *e)
{
    (void)ctx;
    (void)e;
    return ST_GONE_CLIENT; /* one is enough */
}

static enum status s3_objects_check(struct objects *base, struct deadline d,
                                    struct err *err)
{
    struct objects_s3 *s = of(base);
    struct s3_listing what = {STR_LIT("users/"), true};
    int pages;
    enum status st = s3_list(&s->s3, &what, d, ignore_entry, NULL, &pages, err);

    return st == ST_GONE_CLIENT ? ST_OK : st;
}

/* ---- get ---- */

/*
 * Where the ETag is the body's MD5 (not with a key of KMS or the customer's,
 * not for an upload in parts), a body that does not fit it is damaged.
 */
static bool body_fits(const struct object *o, struct str head)
{
    struct str sse = http_header(head, "x-amz-server-side-encryption");
    unsigned char md[MD5_SIZE];
    char hex[2 * MD5_SIZE + 1];

    if (strlen(o->etag.z) != 2 * MD5_SIZE ||
        str_starts(sse, STR_LIT("aws:kms")) ||
        http_header(head, "x-amz-server-side-encryption-customer-algorithm").n)
        return true;
    digest_md5(o->body, md);
    digest_hex(md, MD5_SIZE, hex);
    return strcmp(hex, o->etag.z) == 0;
}

/* Ceph's gateway answers with - where the name had _. */
static struct str meta_value(struct str head, const char *name,
                             const char *with_dash)
{
    struct str v = http_header(head, name);

    return v.n ? v : http_header(head, with_dash);
}

static enum status read_object(struct str key, struct str head, struct str body,
                               struct object *o, struct err *err)
{
    int64_t length = -1;

    o->body = body;
    if (!str_to_i64(http_header(head, "content-length"), &length) ||
        (size_t)length != body.n ||
        !s3_etag(http_header(head, "etag"), &o->etag) ||
        !http_date(http_header(head, "last-modified"), &o->modified_us))
        return err_set(err, ST_CORRUPT, NULL,
                       "%.*s: the reply's length, ETag or date is missing or "
                       "wrong",
                       STR_ARG(key));
    if (!body_fits(o, head))
        return err_set(err, ST_CORRUPT, NULL,
                       "%.*s: the body does not fit its ETag", STR_ARG(key));
    o->meta.trip_id =
        meta_value(head, "x-amz-meta-trip_id", "x-amz-meta-trip-id");
    o->meta.user_id =
        meta_value(head, "x-amz-meta-user_id", "x-amz-meta-user-id");
    o->meta.behavior_score = meta_value(head, "x-amz-meta-behavior_score",
                                        "x-amz-meta-behavior-score");
    return ST_OK;
}

/* Cut short at each try: this object is the trouble, not the store. */
static enum status damaged(enum status st, struct err *err)
{
    if (st == ST_UNAVAILABLE && err && strcmp(err->code, "cut_short") == 0)
        err->st = st = ST_CORRUPT;
    return st;
}

static enum status s3_objects_get(struct objects *base, struct str key,
                                  const struct etag *match, size_t max,
                                  struct deadline d, struct arena *a,
                                  struct object *out, struct err *err)
{
    struct sigv4_pair header = {STR_LIT("if-match"),
                                str_of(match ? match->z : "")};
    struct s3_ask ask = {.method = "GET",
                         .key = key,
                         .header = &header,
                         .headers = match != NULL,
                         .max = max};
    struct aws_reply reply;
    enum status st = s3_call(&of(base)->s3, &ask, d, a, &reply, err);

    return st == ST_OK ? read_object(key, reply.head, reply.body, out, err)
                       : damaged(st, err);
}

struct gets {
    const struct s3 *s3;
    const struct object_want *want;
    size_t n, next, max;
    objects_got got;
    void *ctx;
};

static bool next_get(void *ctx, struct arena *a, struct aws_request *out)
{
    struct gets *g = ctx;
    const struct object_want *w = &g->want[g->next];
    struct sigv4_pair *header;

    if (g->next == g->n)
        return false;
    g->next++;
    header = arena_alloc(a, sizeof *header);
    *header = (struct sigv4_pair){STR_LIT("if-match"), str_of(w->match.z)};
    *out = (struct aws_request){.method = "GET",
                                .path = s3_path(g->s3, w->key, a),
                                .header = header,
                                .headers = w->match.z[0] != '\0',
                                .max_body = g->max,
                                .user = (void *)(uintptr_t)w};
    return true;
}

static enum status one_got(void *ctx, const struct aws_request *r,
                           enum status st, const struct aws_reply *reply,
                           const struct err *err)
{
    struct gets *g = ctx;
    const struct object_want *w = r->user;
    struct err bad = *err;
    struct object o;

    if (st == ST_OK)
        st = read_object(w->key, reply->head, reply->body, &o, &bad);
    else
        st = damaged(st, &bad);
    return g->got(g->ctx, w, st, st == ST_OK ? &o : NULL, &bad);
}

static enum status s3_objects_get_many(struct objects *base,
                                       const struct object_want *want, size_t n,
                                       size_t max, struct deadline d,
                                       objects_got got, void *ctx,
                                       struct err *err)
{
    struct objects_s3 *s = of(base);
    struct gets g = {&s->s3, want, n, 0, max, got, ctx};
    enum status st = aws_run(s->s3.aws, next_get, one_got, &g, d);

    return st == ST_OK ? st : err_set(err, st, NULL, "reading was ended");
}

/* ---- list ---- */

static enum status s3_objects_list(struct objects *base, struct str prefix,
                                   struct deadline d, objects_listed listed,
                                   void *ctx, int *pages, struct err *err)
{
    struct s3_listing what = {prefix, false};

    return s3_list(&of(base)->s3, &what, d, listed, ctx, pages, err);
}

struct drivers {
    enum status (*each)(void *ctx, struct str user_id);
    void *ctx;
};

static enum status one_driver(void *ctx, const struct object_entry *e)
{
    struct drivers *dr = ctx;
    struct str id = key_driver(e->key);

    return id.n ? dr->each(dr->ctx, id) : ST_OK;
}

static enum status s3_objects_drivers(struct objects *base, struct deadline d,
                                      enum status (*each)(void *ctx,
                                                          struct str user_id),
                                      void *ctx, struct err *err)
{
    struct s3_listing what = {STR_LIT("users/"), true};
    struct drivers dr = {each, ctx};
    int pages;

    return s3_list(&of(base)->s3, &what, d, one_driver, &dr, &pages, err);
}

/* Writers leave nothing here: a PUT is all or nothing. */
static enum status s3_objects_sweep(struct objects *base, struct deadline d,
                                    struct err *err)
{
    (void)base;
    (void)d;
    (void)err;
    return ST_OK;
}

static const struct objects_ops ops = {
    .close = s3_objects_close,
    .check = s3_objects_check,
    .put = objects_s3_put,
    .get = s3_objects_get,
    .get_many = s3_objects_get_many,
    .remove = objects_s3_remove,
    .list = s3_objects_list,
    .drivers = s3_objects_drivers,
    .sweep = s3_objects_sweep,
};

enum status objects_s3_open(const struct conf *c, struct str bucket,
                            struct objects **out, struct err *err)
{
    struct s3 s3;
    enum status st = s3_open(&s3, c, bucket, err);
    struct objects_s3 *s;

    if (st != ST_OK)
        return st;
    s = calloc(1, sizeof *s);
    assert(s);
    s->base.ops = &ops;
    s->s3 = s3;
    s->arena = arena_new(65536);
    *out = &s->base;
    return ST_OK;
}
