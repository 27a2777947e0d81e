#include "answer/representation.h"

#include <assert.h>
#include "answer/front_fields.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stats.h"

/* Part of every ETag and variant: to be raised whenever the bytes of an answer
 * change with the same trips and user; with them HEAD_FORMAT (answer_cache.c),
 * if they are bytes of the front. */
#define FORMAT 2

#define NAME_HEX 32  /* 128 bits of a hash: nobody shares a name by chance */
#define GZIP_LEVEL 6 /* of what stands around the trips: a few KB */

/* ---- names ---- */

static struct str hash_of(struct str text, struct arena *a)
{
    char hex[SHA256_HEX + 1];

    digest_sha256(text, hex);
    return arena_copy(a, (struct str){hex, NAME_HEX});
}

void variant_name(struct variant *v, struct arena *a)
{
    struct str view = view_text(&v->view, a);

    assert(v->coding < CODING_NONE && v->searched_by.n);
    v->name = hash_of(arena_printf(a, "%d\n%.*s\n%.*s\n%d", FORMAT,
                                   STR_ARG(v->searched_by), STR_ARG(view),
                                   (int)v->coding),
                      a);
}

struct str variant_etag(const struct variant *v, struct str state,
                        struct arena *a)
{
    struct str hash = hash_of(
        arena_printf(a, "%.*s %.*s", STR_ARG(v->name), STR_ARG(state)), a);

    assert(v->name.n); /* else all variants had one ETag */
    return arena_printf(a, "W/\"%.*s\"", STR_ARG(hash));
}

/* ---- bytes ---- */

/* An answer's front is CACHE_PIECE_MAX at most (make_front, and an entry's
 * head); whom the reader looked for is an address or an id. */
#define FRONT_MAX ((size_t)2 * CACHE_PIECE_MAX)

/* All but the trips, an object that is still open. */
static void put_whole_front(const struct variant *v, const struct answer *ans,
                            struct buf *b)
{
    char now[TIME_TEXT_MAX];
    struct json_out o = {.b = b};

    json_begin_object(&o, NULL);
    json_put_str(&o, "searched_by", v->searched_by);
    json_put_str(&o, "analysis_timestamp", time_print(clock_wall_us(), now));
    buf_putc(b, ',');
    buf_put(b, ans->front);
}

/* The same with what may be seen of it. */
static enum status narrow_front(struct fields seen, struct buf *b,
                                struct err *err)
{
    struct err why = ERR_NONE;
    struct buf whole = *b;
    struct json root;
    enum status st = ST_OK;

    buf_init(b, FRONT_MAX);
    buf_putc(&whole, '}');
    if (json_check(buf_str(&whole), JSON_DEPTH, &root, &why) == ST_OK) {
        fields_put(seen, &front_fields, root, b);
        assert(buf_ok(b) && b->n >= 2);
        b->n--; /* open again */
    } else {
        st =
            err_set(err, ST_CORRUPT, NULL, "an answer's front is %s", why.text);
    }
    buf_free(&whole);
    return st;
}

/* Before all else, and whatever may be seen of the rest. */
static void put_notice(struct str notice, struct buf *b)
{
    struct buf rest = *b;

    assert(rest.n >= 1);
    buf_init(b, FRONT_MAX);
    buf_printf(b, "{%.*s%s", STR_ARG(notice), rest.n > 1 ? "," : "");
    buf_put(b, (struct str){rest.p + 1, rest.n - 1});
    buf_free(&rest);
}

static enum status front_text(const struct variant *v, const struct answer *ans,
                              struct arena *a, struct str *out, struct err *err)
{
    enum status st = ST_OK;
    struct buf b;

    buf_init(&b, FRONT_MAX);
    put_whole_front(v, ans, &b);
    if (!fields_is_all(v->view.front))
        st = narrow_front(v->view.front, &b, err);
    if (st == ST_OK && ans->notice.n)
        put_notice(ans->notice, &b);
    /* b.n is 1 when nothing of the front may be seen: no comma then. */
    if (!v->view.summary && b.n > 1)
        buf_putc(&b, ',');
    buf_putz(&b, v->view.summary ? "}" : "\"trips\":[");
    assert(buf_ok(&b));
    *out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return st;
}

static struct str back_text(const struct variant *v, const struct answer *ans,
                            struct arena *a)
{
    if (v->view.summary)
        return STR_NONE;
    if (!view_paged(&v->view) || !fields_has(v->view.front, FRONT_next_before))
        return STR_LIT("]}");
    if (!ans->next.n)
        return STR_LIT("],\"next_before\":null}");
    return arena_printf(a, "],\"next_before\":\"%.*s\"}", STR_ARG(ans->next));
}

/* The same around the trips' fragments, as one gzip member. */
static void around_gzip(struct body *b, const struct answer *ans,
                        struct arena *a)
{
    char space[GZIP_TAIL_SIZE];
    struct gzip_sum sum, back;
    struct buf f, t;

    /* Twice: deflate makes what cannot be compressed a little longer. */
    buf_init(&f, 2 * b->front.n + CACHE_PIECE_MAX);
    buf_init(&t, 2 * b->back.n + CACHE_PIECE_MAX);
    buf_put(&f, gzip_head());
    gzip_fragment(b->front, GZIP_LEVEL, &f, &sum);
    gzip_fragment(b->back, GZIP_LEVEL, &t, &back);
    if (b->trips.each)
        gzip_sum_add(&sum, &ans->sum);
    gzip_sum_add(&sum, &back);
    buf_put(&t, gzip_tail(&sum, space));
    assert(buf_ok(&f) && buf_ok(&t));
    b->front = arena_copy(a, buf_str(&f));
    b->back = arena_copy(a, buf_str(&t));
    buf_free(&f);
    buf_free(&t);
}

enum status body_make(const struct variant *v, const struct answer *ans,
                      struct arena *a, struct body *out, struct err *err)
{
    bool gzip = v->coding == CODING_GZIP;
    enum status st;

    *out = (struct body){.back = back_text(v, ans, a)};
    if ((st = front_text(v, ans, a, &out->front, err)) != ST_OK)
        return st;
    if (!v->view.summary)
        out->trips = gzip ? ans->gzip : ans->plain;
    if (gzip)
        around_gzip(out, ans, a);
    return ST_OK;
}

size_t body_length(const struct body *b)
{
    return b->front.n + b->trips.length + b->back.n;
}

enum status body_each(const struct body *b, files_take take, void *to,
                      struct err *err)
{
    enum status st = take(to, b->front);

    if (st == ST_OK && b->trips.each)
        st = b->trips.each(b->trips.ctx, take, to, err);
    return st == ST_OK ? take(to, b->back) : st;
}

/* ---- the cache's entry: `1 WHERE ETAG` and a newline, then the body ---- */

#define KEPT_FORMAT '1'
#define WHERE_HERE 'h'
#define WHERE_FILE 'f'
#define WHERE_NOWHERE 'n'

enum status kept_read(struct str head, struct kept *out, struct err *err)
{
    const char *end = head.n ? memchr(head.p, '\n', head.n) : NULL;
    size_t n = end ? (size_t)(end - head.p) : 0;

    /* "1 h E": a letter where the body is, and an ETag that is not empty. */
    if (n < 5 || head.p[0] != KEPT_FORMAT || head.p[1] != ' ' ||
        head.p[3] != ' ')
        return err_set(err, ST_NOT_FOUND, NULL,
                       "the cache entry is of another format");
    *out = (struct kept){.etag = {head.p + 4, n - 4},
                         .file = head.p[2] == WHERE_FILE,
                         .here = head.p[2] == WHERE_HERE};
    out->body = (struct str){end + 1, head.n - n - 1};
    return ST_OK;
}

static enum status append_part(void *to, struct str part)
{
    buf_put(to, part);
    return ST_OK;
}

static void keep_entry(const struct keeping *k, struct str etag, char where,
                       const struct body *b)
{
    struct cache_fill fill = {.user = k->user,
                              .read_began_ms = k->read_began_ms,
                              .chosen = view_chosen(&k->variant->view)};
    struct err err = ERR_NONE;
    enum status st = ST_OK;
    struct buf head;

    /* It would be found under no token, by nobody; or for ever (rule 5). */
    assert(k->token->z[0]);
    buf_init(&head, KEPT_IN_ENTRY + 1024);
    buf_printf(&head, "%c %c %.*s\n", KEPT_FORMAT, where, STR_ARG(etag));
    if (b)
        st = body_each(b, append_part, &head, &err);
    assert(buf_ok(&head));
    fill.head = buf_str(&head);
    if (st == ST_OK)
        st = cache_commit(k->c->stores->cache, k->c->user_id, k->variant->name,
                          k->token, &fill, k->c->deadline, &err);
    if (st != ST_OK)
        log_err(LOG_DEBUG, "not_kept", &err);
    buf_free(&head);
}

static void name_file(const struct keeping *k, struct file_name *name)
{
    assert(k->token->z[0]);
    files_name(k->c->stores->files, k->c->user_id, k->token, k->variant->name,
               view_chosen(&k->variant->view), k->read_began_ms, name);
}

bool kept_in_file(const struct keeping *k, struct file_name *name)
{
    if (!k->c->stores->files)
        return false;
    name_file(k, name);
    return files_have(k->c->stores->files, name);
}

static enum status body_source(void *ctx, files_take take, void *to,
                               struct err *err)
{
    return body_each(ctx, take, to, err);
}

static enum status write_body_file(const struct keeping *k, files_source source,
                                   void *ctx, struct file_name *name,
                                   struct err *err)
{
    enum status st;

    assert(k->c->stores->files);
    name_file(k, name);
    st = files_write(k->c->stores->files, name, k->read_began_ms, source, ctx,
                     err);
    if (st == ST_OK)
        stat_add(STAT_files_written, 1);
    return st;
}

static void file_failed(const struct err *err)
{
    stat_add(STAT_files_failed, 1);
    log_err(LOG_WARN, "file_not_written", err);
}

bool keep_body(const struct keeping *k, struct str etag, const struct body *b,
               struct file_name *name)
{
    struct err err = ERR_NONE;
    struct body copy = *b;
    bool file = false;

    if (body_length(b) <= KEPT_IN_ENTRY) {
        keep_entry(k, etag, WHERE_HERE, b);
        return false;
    }
    if (k->c->stores->files) {
        file = write_body_file(k, body_source, &copy, name, &err) == ST_OK;
        if (!file)
            file_failed(&err);
    }
    keep_entry(k, etag, file ? WHERE_FILE : WHERE_NOWHERE, NULL);
    return file;
}

/* ---- kept while it is sent ---- */

struct tee {
    const struct body *body;
    files_take reader, file; /* file: NULL when the disk is full */
    void *to_reader, *to_file;
    bool begun;
    enum status st; /* of body and reader */
    struct err *err;
};

static enum status to_both(void *ctx, struct str part)
{
    struct tee *t = ctx;

    /* The disk is full: the reader gets his answer all the same. */
    if (t->file && t->file(t->to_file, part) != ST_OK)
        t->file = NULL;
    return t->reader(t->to_reader, part);
}

static enum status tee_source(void *ctx, files_take take, void *to,
                              struct err *err)
{
    struct tee *t = ctx;

    t->file = take;
    t->to_file = to;
    t->begun = true;
    t->st = body_each(t->body, to_both, t, t->err);
    /* A file of half an answer would be given to the next reader as whole. */
    if (t->st != ST_OK)
        return err_set(err, t->st, NULL, "the answer was not sent wholly");
    return t->file ? ST_OK : err->st;
}

enum status keep_while_sent(const struct keeping *k, struct str etag,
                            const struct body *b, files_take take, void *to)
{
    struct tee tee = {
        .body = b, .reader = take, .to_reader = to, .err = k->c->err};
    struct err file_err = ERR_NONE;
    struct file_name name;
    bool file = k->c->stores->files &&
                write_body_file(k, tee_source, &tee, &name, &file_err) == ST_OK;

    /* No file could be begun; once it was, the reader has had his part. */
    if (!tee.begun)
        tee.st = body_each(b, take, to, k->c->err);
    if (tee.st != ST_OK)
        return tee.st;
    if (k->c->stores->files && !file)
        file_failed(&file_err);
    keep_entry(k, etag, file ? WHERE_FILE : WHERE_NOWHERE, NULL);
    return ST_OK;
}

void keep_etag(const struct keeping *k, struct str etag, bool file)
{
    keep_entry(k, etag, file ? WHERE_FILE : WHERE_NOWHERE, NULL);
}
