/* objects_s3_read.c - objects got from a bucket, and listed: many at once. */
#include "store/objects_s3.h"

#include <stdio.h>
#include <string.h>
#include "base/digest.h"
#include "base/gzip.h"
#include "store/http.h"

#define PACK_LEVEL 6 /* what comes unpacked is rare */

/* ---- get ---- */

/* As HTTP has it. Each server that was tried takes it so in a GET. */
static struct str etag_quoted(const struct etag *etag, struct arena *a)
{
    return etag->z[0] ? arena_printf(a, "\"%s\"", etag->z) : STR_NONE;
}

/*
 * Where the ETag is the body's MD5 (not with a key of KMS or the customer's,
 * not for an upload in parts), a body that does not fit it is damaged.
 */
static bool text_fits(const struct object *o, struct str head)
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

/* A reply without a length is whole if its last chunk came (http.h). */
static bool is_whole(struct str head, struct str body)
{
    struct str length = http_header(head, "content-length");
    int64_t n;

    if (length.n)
        return str_to_i64(length, &n) && n >= 0 && (size_t)n == body.n;
    return str_is(http_header(head, "transfer-encoding"), "chunked");
}

/* Objects are asked for as they are stored; a proxy that does not heed it, or a
 * store that transcodes, sends the text, which is JSON. */
static bool is_unpacked(struct str key, struct str head, struct str body)
{
    return str_ends(key, STR_LIT(".gz")) && str_starts(body, STR_LIT("{")) &&
           http_header(head, "content-encoding").n == 0;
}

static enum status pack_again(struct object *o, struct arena *a,
                              struct err *err)
{
    struct buf b;
    enum status st;

    buf_init(&b, o->body.n + o->body.n / 8 + 1024);
    st = gzip_pack(o->body, PACK_LEVEL, &b, err);
    if (st == ST_OK)
        o->body = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return st;
}

static enum status read_object(struct str key, struct str head, struct str body,
                               struct arena *a, struct object *o,
                               struct err *err)
{
    o->body = body;
    if (!is_whole(head, body) ||
        !s3_etag(http_header(head, "etag"), &o->etag) ||
        !http_date(http_header(head, "last-modified"), &o->modified_us))
        return err_set(err, ST_CORRUPT, NULL,
                       "%.*s: the reply's length, ETag or date is missing or "
                       "wrong",
                       STR_ARG(key));
    if (!text_fits(o, head)) {
        if (!is_unpacked(key, head, body))
            return err_set(err, ST_CORRUPT, NULL,
                           "%.*s: the body does not fit its ETag",
                           STR_ARG(key));
        if (pack_again(o, a, err) != ST_OK)
            return ST_CORRUPT;
    }
    o->meta.trip_id =
        meta_value(head, "x-amz-meta-trip_id", "x-amz-meta-trip-id");
    o->meta.user_id =
        meta_value(head, "x-amz-meta-user_id", "x-amz-meta-user-id");
    o->meta.behavior_score = meta_value(head, "x-amz-meta-behavior_score",
                                        "x-amz-meta-behavior-score");
    return ST_OK;
}

static enum status of_this_object(enum status st, const char *code,
                                  struct err *err)
{
    if (err) {
        err->st = st;
        snprintf(err->code, sizeof err->code, "%s", code);
    }
    return st;
}

/* Archived, cut short at each try, or larger than any may be: this object is
 * the trouble, not the store. */
static enum status reply_damaged(enum status st, const struct aws_reply *reply,
                                 struct err *err)
{
    if (st == ST_DENIED && strcmp(reply->fault, "InvalidObjectState") == 0)
        return of_this_object(ST_CORRUPT, "archived", err);
    if (st == ST_UNAVAILABLE && strcmp(err->code, "cut_short") == 0)
        return of_this_object(ST_CORRUPT, "cut_short", err);
    if (st == ST_UNAVAILABLE && strcmp(err->code, "reply_too_large") == 0)
        return of_this_object(ST_TOO_LARGE, "too_large", err);
    return st;
}

enum status objects_s3_get(struct objects *base, struct str key,
                           const struct etag *match, size_t max,
                           struct deadline d, struct arena *a,
                           struct object *out, struct err *err)
{
    struct sigv4_pair header = {STR_LIT("if-match"),
                                match ? etag_quoted(match, a) : STR_NONE};
    struct s3_ask ask = {.method = "GET",
                         .key = key,
                         .header = &header,
                         .headers = match != NULL,
                         .asks_gzip = true,
                         .max = max,
                         .own = s3_own_version};
    struct aws_reply reply;
    struct err why = ERR_NONE;
    enum status st =
        s3_call(&((struct objects_s3 *)base)->s3, &ask, d, a, &reply, &why);

    if (st == ST_OK)
        return read_object(key, reply.head, reply.body, a, out, err);
    st = reply_damaged(st, &reply, &why);
    if (err)
        *err = why;
    return st;
}

/* ---- many gets and pages at once ---- */

#define TOKEN_MAX 8192

/* A range on its way: one page after the other. */
struct walk {
    struct object_range *range;
    struct s3_listing what;
    struct buf token; /* of the page that comes next; empty: the first */
    enum { PAGE_DUE, PAGE_ASKED, WALK_OVER } state;
};

struct look {
    struct objects_s3 *s;
    struct walk *walk;
    size_t walks;
    const struct object_want *want;
    size_t wants, wanted; /* of them asked for */
    size_t max;
    objects_got got;
    void *ctx;
    struct err *err;
};

/* What a request is for: one of the two. */
struct asked {
    struct walk *walk;
    const struct object_want *want;
};

static void ask_object(struct look *l, const struct object_want *w,
                       struct arena *a, struct aws_request *out)
{
    struct sigv4_pair *header = arena_alloc(a, sizeof *header);

    if (w->unless.z[0])
        *header = (struct sigv4_pair){STR_LIT("if-none-match"),
                                      etag_quoted(&w->unless, a)};
    else
        *header =
            (struct sigv4_pair){STR_LIT("if-match"), etag_quoted(&w->match, a)};
    *out = (struct aws_request){.method = "GET",
                                .path = s3_path(&l->s->s3, w->key, a),
                                .header = header,
                                .headers = header->value.n > 0,
                                .asks_gzip = true,
                                .max_body = l->max,
                                .own = s3_own_version};
}

/* Pages first: others may follow them. */
static bool next_ask(void *ctx, struct arena *a, struct aws_request *out)
{
    struct look *l = ctx;
    struct asked *asked = arena_alloc(a, sizeof *asked);

    *asked = (struct asked){NULL, NULL};
    for (size_t i = 0; i < l->walks && !asked->walk; i++)
        if (l->walk[i].state == PAGE_DUE)
            asked->walk = &l->walk[i];
    if (asked->walk) {
        asked->walk->state = PAGE_ASKED;
        s3_list_ask(&l->s->s3, &asked->walk->what, buf_str(&asked->walk->token),
                    a, out);
    } else if (l->wanted < l->wants) {
        asked->want = &l->want[l->wanted++];
        ask_object(l, asked->want, a, out);
    } else {
        return false;
    }
    out->user = asked;
    return true;
}

static enum status got_object(struct look *l, const struct object_want *w,
                              enum status st, const struct aws_reply *reply,
                              const struct err *err)
{
    struct arena_mark mark = arena_mark(l->s->arena);
    struct err bad = *err;
    struct object o;

    if (st == ST_OK)
        st = read_object(w->key, reply->head, reply->body, l->s->arena, &o,
                         &bad);
    else
        st = reply_damaged(st, reply, &bad);
    /* A server that knows no If-None-Match sends it all the same. */
    if (st == ST_OK && strcmp(o.etag.z, w->unless.z) == 0)
        st = err_set(&bad, ST_PRECONDITION, NULL,
                     "%.*s: the same version is there", STR_ARG(w->key));
    st = l->got(l->ctx, w, st, st == ST_OK ? &o : NULL, &bad);
    arena_release(l->s->arena, mark);
    return st;
}

static enum status got_entry(void *ctx, const struct object_entry *e)
{
    struct walk *w = ctx;
    struct str until = w->range->until;
    int c = until.n ? str_cmp(e->key, until) : -1;

    if (c >= 0)
        w->state = WALK_OVER;
    return c <= 0 ? w->range->listed(w->range->ctx, e) : ST_OK;
}

static enum status got_page(struct look *l, struct walk *w, struct str body)
{
    struct arena *a = l->s->arena;
    struct arena_mark mark = arena_mark(a);
    struct str next;
    enum status st =
        s3_list_page(&l->s->s3, &w->what, body, a, got_entry, w, &next, l->err);

    if (st == ST_OK && next.n && str_eq(next, buf_str(&w->token)))
        st = err_set(l->err, ST_UNAVAILABLE, "listing_unreadable",
                     "bucket %s: a page of the listing leads to itself",
                     l->s->s3.bucket);
    w->range->pages++;
    w->range->more = next.n && w->state != WALK_OVER && w->range->one_page;
    if (!next.n || w->range->one_page)
        w->state = WALK_OVER;
    if (w->state != WALK_OVER)
        w->state = PAGE_DUE;
    buf_reset(&w->token);
    buf_put(&w->token, next);
    if (st == ST_OK && !buf_ok(&w->token))
        st = err_set(l->err, ST_UNAVAILABLE, "listing_unreadable",
                     "bucket %s: a continuation token of %zu bytes",
                     l->s->s3.bucket, next.n);
    arena_release(a, mark);
    return st;
}

static enum status want_done(void *ctx, const struct aws_request *r,
                             enum status st, const struct aws_reply *reply,
                             const struct err *err)
{
    struct look *l = ctx;
    const struct asked *asked = r->user;

    if (asked->want)
        return got_object(l, asked->want, st, reply, err);
    if (st == ST_OK)
        return got_page(l, asked->walk, reply->body);
    if (l->err)
        *l->err = *err;
    return st;
}

enum status objects_s3_look(struct objects *base, struct object_range *range,
                            size_t ranges, const struct object_want *want,
                            size_t wants, size_t max, struct deadline d,
                            objects_got got, void *ctx, struct err *err)
{
    struct objects_s3 *s = (struct objects_s3 *)base;
    struct look l = {.s = s,
                     .walk =
                         arena_alloc_n(s->arena, ranges + 1, sizeof *l.walk),
                     .walks = ranges,
                     .want = want,
                     .wants = wants,
                     .max = max,
                     .got = got,
                     .ctx = ctx,
                     .err = err};
    enum status st;

    for (size_t i = 0; i < ranges; i++) {
        l.walk[i] =
            (struct walk){.range = &range[i],
                          .what = {range[i].prefix, false, range[i].after}};
        buf_init(&l.walk[i].token, TOKEN_MAX);
    }
    st = aws_run(s->s3.aws, next_ask, want_done, &l, d);
    for (size_t i = 0; i < ranges; i++)
        buf_free(&l.walk[i].token);
    arena_reset(s->arena);
    return st;
}
