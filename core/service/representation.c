#include "service/representation.h"

#include <assert.h>
#include "base/json.h"
#include "base/log.h"
#include "base/stats.h"
#include "store/digest.h"

/* Part of every ETag and variant: to be raised whenever the bytes of an answer
 * change with the same trips and user. */
#define FORMAT 1

#define NAME_HEX 32
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

    return arena_printf(a, "W/\"%.*s\"", STR_ARG(hash));
}

/* ---- bytes ---- */

static struct str front_text(const struct variant *v, const struct answer *ans,
                             struct arena *a)
{
    char now[TIME_TEXT_MAX];
    struct buf b;
    struct json_out o = {.b = &b};
    struct str text;

    buf_init(&b, 2 * CACHE_PIECE_MAX);
    json_begin_object(&o, NULL);
    json_put_str(&o, "searched_by", v->searched_by);
    json_put_str(&o, "analysis_timestamp", time_print(clock_wall_us(), now));
    buf_putc(&b, ',');
    buf_put(&b, ans->front);
    buf_putz(&b, v->view.summary ? "}" : ",\"trips\":[");
    assert(buf_ok(&b));
    text = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return text;
}

static struct str back_text(const struct variant *v, const struct answer *ans,
                            struct arena *a)
{
    if (v->view.summary)
        return STR_NONE;
    if (!view_paged(&v->view))
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

    buf_init(&f, 2 * b->front.n + CACHE_PIECE_MAX);
    buf_init(&t, 2 * b->back.n + CACHE_PIECE_MAX);
    buf_put(&f, gzip_head());
    gzip_fragment(b->front, GZIP_LEVEL, &f, &sum);
    gzip_fragment(b->back, GZIP_LEVEL, &t, &back);
    if (b->trips)
        gzip_sum_add(&sum, &ans->sum);
    gzip_sum_add(&sum, &back);
    buf_put(&t, gzip_tail(&sum, space));
    assert(buf_ok(&f) && buf_ok(&t));
    b->front = arena_copy(a, buf_str(&f));
    b->back = arena_copy(a, buf_str(&t));
    buf_free(&f);
    buf_free(&t);
}

struct body body_make(const struct variant *v, const struct answer *ans,
                      struct arena *a)
{
    bool gzip = v->coding == CODING_GZIP;
    struct body b = {.front = front_text(v, ans, a),
                     .back = back_text(v, ans, a)};

    if (!v->view.summary)
        b.trips = gzip ? ans->gzip : ans->plain;
    if (gzip)
        around_gzip(&b, ans, a);
    return b;
}

size_t body_length(const struct body *b)
{
    return b->front.n + (b->trips ? pieces_total(b->trips) : 0) + b->back.n;
}

enum status body_each(const struct body *b, files_take take, void *to,
                      struct err *err)
{
    int n = b->trips ? pieces_count(b->trips) : 0;
    enum status st = take(to, b->front);

    for (int i = 0; st == ST_OK && i < n; i++) {
        struct str piece;

        st = pieces_get(b->trips, i, &piece, err);
        if (st == ST_OK)
            st = take(to, piece);
    }
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

static enum status append(void *to, struct str part)
{
    buf_put(to, part);
    return ST_OK;
}

static void keep(const struct keeping *k, struct str etag, char where,
                 const struct body *b)
{
    struct err err = ERR_NONE;
    enum status st = ST_OK;
    struct buf head;

    buf_init(&head, KEPT_IN_ENTRY + 1024);
    buf_printf(&head, "%c %c %.*s\n", KEPT_FORMAT, where, STR_ARG(etag));
    if (b)
        st = body_each(b, append, &head, &err);
    assert(buf_ok(&head));
    if (st == ST_OK)
        st = cache_commit(k->s->cache, k->user_id, k->variant->name, k->token,
                          buf_str(&head), k->read_began_ms, k->d, &err);
    if (st != ST_OK)
        log_err(LOG_DEBUG, "not_kept", &err);
    buf_free(&head);
}

static void name_file(const struct keeping *k, struct file_name *name)
{
    files_name(k->s->files, k->user_id, k->token, k->variant->name,
               k->read_began_ms, name);
}

bool kept_in_file(const struct keeping *k, struct file_name *name)
{
    if (!k->s->files)
        return false;
    name_file(k, name);
    return files_have(k->s->files, name);
}

static enum status body_source(void *ctx, files_take take, void *to,
                               struct err *err)
{
    return body_each(ctx, take, to, err);
}

static bool write_file(const struct keeping *k, const struct body *b,
                       struct file_name *name)
{
    struct body copy = *b;
    struct err err = ERR_NONE;

    if (!k->s->files)
        return false;
    name_file(k, name);
    if (files_write(k->s->files, name, k->read_began_ms, body_source, &copy,
                    &err) != ST_OK) {
        stat_add(STAT_files_failed, 1);
        log_err(LOG_WARN, "file_not_written", &err);
        return false;
    }
    stat_add(STAT_files_written, 1);
    return true;
}

bool keep_body(const struct keeping *k, struct str etag, const struct body *b,
               struct file_name *name)
{
    bool file;

    if (body_length(b) <= KEPT_IN_ENTRY) {
        keep(k, etag, WHERE_HERE, b);
        return false;
    }
    file = write_file(k, b, name);
    keep(k, etag, file ? WHERE_FILE : WHERE_NOWHERE, NULL);
    return file;
}

void keep_etag(const struct keeping *k, struct str etag, bool file)
{
    keep(k, etag, file ? WHERE_FILE : WHERE_NOWHERE, NULL);
}
