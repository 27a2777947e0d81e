/* s3_list.c - ListObjectsV2, page by page. */
#include "store/s3.h"

#include "base/isotime.h"

struct page {
    struct xml root;
    struct str next; /* the token of the next page; empty: the last one */
    bool encoded;    /* keys are percent-encoded */
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* encoding-type=url: %XX, and + for a blank. */
static struct str key_decoded(struct str s, struct arena *a)
{
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        int hi = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
        int lo = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;

        if (s.p[i] == '%' && hi >= 0 && lo >= 0) {
            out[n++] = (char)(hi << 4 | lo);
            i += 2;
        } else {
            out[n++] = s.p[i] == '+' ? ' ' : s.p[i];
        }
    }
    return (struct str){out, n};
}

/* It says nothing of any object: the store is not itself. */
static enum status listing_malformed(const struct s3 *s, struct err *err)
{
    return err_set(err, ST_UNAVAILABLE, "listing_unreadable",
                   "bucket %s: a page of the listing cannot be read",
                   s->bucket);
}

static bool own_page(int code, struct str head, struct str body)
{
    (void)code;
    (void)head;
    return str_ends(str_trim(body), STR_LIT("</ListBucketResult>"));
}

void s3_list_ask(const struct s3 *s, const struct s3_listing *what,
                 struct str token, struct arena *a, struct aws_request *out)
{
    const struct sigv4_pair all[] = {
        {STR_LIT("list-type"), STR_LIT("2")},
        {STR_LIT("prefix"), what->prefix},
        /* XML has no way to write some bytes that a key may have. */
        {STR_LIT("encoding-type"), STR_LIT("url")},
        {STR_LIT("delimiter"), what->by_folder ? STR_LIT("/") : STR_NONE},
        {STR_LIT("start-after"), token.n ? STR_NONE : what->after},
        {STR_LIT("continuation-token"), token},
    };
    struct sigv4_pair *query = arena_alloc(a, sizeof all);
    size_t n = 0;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].value.n)
            query[n++] = all[i];
    *out = (struct aws_request){.method = "GET",
                                .path = s3_path(s, STR_NONE, a),
                                .query = query,
                                .queries = n,
                                .max_body = S3_XML_MAX,
                                .own = own_page};
}

static enum status open_page(const struct s3 *s, struct str body,
                             struct arena *a, struct page *out, struct err *err)
{
    if (!xml_root(body, "ListBucketResult", &out->root))
        return listing_malformed(s, err);
    out->encoded = str_is(xml_child_text(out->root, "EncodingType", a), "url");
    out->next = STR_NONE;
    if (!str_is(xml_child_text(out->root, "IsTruncated", a), "true"))
        return ST_OK;
    out->next = xml_child_text(out->root, "NextContinuationToken", a);
    return out->next.n ? ST_OK : listing_malformed(s, err);
}

/* Some servers list what is no object ("folders") without what objects have:
 * such an entry is nothing but its key, and spoils no other. */
static bool read_entry(const struct page *p, struct xml e, struct arena *a,
                       struct object_entry *out)
{
    out->key = xml_child_text(e, "Key", a);
    if (p->encoded)
        out->key = key_decoded(out->key, a);
    if (!str_to_i64(xml_child_text(e, "Size", a), &out->size) ||
        out->size < 0 || !s3_etag(xml_child_text(e, "ETag", a), &out->etag) ||
        !time_parse(xml_child_text(e, "LastModified", a), &out->modified_us))
        *out = (struct object_entry){.key = out->key};
    return out->key.n > 0;
}

static bool read_folder(const struct page *p, struct xml e, struct arena *a,
                        struct object_entry *out)
{
    out->key = xml_child_text(e, "Prefix", a);
    if (p->encoded)
        out->key = key_decoded(out->key, a);
    return out->key.n > 0;
}

static enum status walk_page(const struct s3 *s, const struct page *p,
                             bool by_folder, struct arena *a, s3_listed each,
                             void *ctx, struct err *err)
{
    struct xml_iter it = xml_iter(p->root);
    enum status st = ST_OK;
    struct xml e;

    while (st == ST_OK && xml_next(&it, &e)) {
        struct arena_mark m = arena_mark(a);
        struct object_entry entry = {0};

        if (!str_is(e.name, by_folder ? "CommonPrefixes" : "Contents"))
            continue;
        if (by_folder ? read_folder(p, e, a, &entry)
                      : read_entry(p, e, a, &entry))
            st = each(ctx, &entry);
        else
            st = listing_malformed(s, err);
        arena_release(a, m);
    }
    return it.bad ? listing_malformed(s, err) : st;
}

enum status s3_list_page(const struct s3 *s, const struct s3_listing *what,
                         struct str body, struct arena *a, s3_listed each,
                         void *ctx, struct str *next, struct err *err)
{
    struct page page;
    enum status st = open_page(s, body, a, &page, err);

    if (st == ST_OK)
        st = walk_page(s, &page, what->by_folder, a, each, ctx, err);
    *next = st == ST_OK ? page.next : STR_NONE;
    return st;
}

enum status s3_list(const struct s3 *s, const struct s3_listing *what,
                    struct deadline d, s3_listed each, void *ctx, int *pages,
                    struct err *err)
{
    struct arena *a = arena_new(0), *last = arena_new(0), *swap;
    struct str token = STR_NONE;
    enum status st;

    *pages = 0;
    do {
        struct aws_request ask;
        struct aws_reply reply;

        s3_list_ask(s, what, token, a, &ask);
        st = aws_call(s->aws, &ask, d, a, &reply, err);
        if (st != ST_OK)
            break;
        ++*pages;
        st = s3_list_page(s, what, reply.body, a, each, ctx, &token, err);
        /* The token lies in this page's arena until the next page is asked. */
        swap = last;
        last = a;
        a = swap;
        arena_reset(a);
    } while (st == ST_OK && token.n);
    arena_free(&a);
    arena_free(&last);
    return st;
}
