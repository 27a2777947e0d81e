/*
 * The head of a driver's cache entry, a line and four texts:
 *
 *   6 EMAIL_LENGTH STATE_LENGTH FRONT_LENGTH MEMBERS_LENGTH CRC PLAIN GZIP\n
 *   EMAIL STATE FRONT MEMBERS
 *
 * MEMBERS says what each trip shows; CRC is the trips' text's; PLAIN and GZIP
 * are the bytes of its two codings. The pieces of the second follow those of
 * the first. Read by a worker of any version: another first number is a miss.
 */
#include "answer/answer_cache.h"

#include <assert.h>
#include <stdlib.h>
#include "answer/pieces.h"
#include "base/log.h"
#include "base/memory.h"

/* Also to be raised when the front says something else: an ETag of today's
 * FORMAT (representation.c) with yesterday's front would stay for ever. */
#define HEAD_FORMAT 6
#define HEAD_TEXTS 4
/* More than cache.max_driver can be. */
#define TRIPS_MAX ((int64_t)1 << 40)

/* ---- reading ---- */

struct head_reader {
    struct str line;
    bool good;
};

static int64_t next_number(struct head_reader *h, int64_t highest)
{
    const char *blank = memchr(h->line.p, ' ', h->line.n);
    size_t n = blank ? (size_t)(blank - h->line.p) : h->line.n;
    int64_t v = 0;

    if (!str_to_i64((struct str){h->line.p, n}, &v) || v < 0 || v > highest)
        h->good = false;
    n += blank != NULL;
    h->line.p += n;
    h->line.n -= n;
    return h->good ? v : 0;
}

static enum status strange_head(struct err *err)
{
    return err_set(err, ST_NOT_FOUND, NULL,
                   "the cache entry is of another format");
}

static struct str next_text(struct str *rest, size_t n, struct head_reader *h)
{
    struct str text = {rest->p, n};

    if (n > rest->n) {
        h->good = false;
        return STR_NONE;
    }
    rest->p += n;
    rest->n -= n;
    return text;
}

enum status answer_found(const struct cache_entry *e, struct answer_entry *out,
                         struct err *err)
{
    const char *end = memchr(e->head.p, '\n', e->head.n);
    struct answer *ans = &out->answer;
    struct head_reader h = {.good = end != NULL};
    struct str rest;
    size_t n[HEAD_TEXTS];

    *out = (struct answer_entry){.token = e->token};
    if (!end)
        return strange_head(err);
    h.line = (struct str){e->head.p, (size_t)(end - e->head.p)};
    rest = (struct str){end + 1, e->head.n - h.line.n - 1};
    if (next_number(&h, INT64_MAX) != HEAD_FORMAT)
        return strange_head(err);
    for (int i = 0; i < HEAD_TEXTS; i++)
        n[i] = (size_t)next_number(&h, INT32_MAX);
    ans->sum.crc = (uint32_t)next_number(&h, UINT32_MAX);
    out->plain = (size_t)next_number(&h, TRIPS_MAX);
    out->gzip = (size_t)next_number(&h, TRIPS_MAX);
    ans->sum.length = out->plain;
    ans->email = next_text(&rest, n[0], &h);
    ans->state = next_text(&rest, n[1], &h);
    ans->front = next_text(&rest, n[2], &h);
    ans->members = next_text(&rest, n[3], &h);
    ans->user = e->user;
    ans->read_began_ms = e->read_began_ms;
    /* What is left over is another format's, whatever its first number says. */
    return h.good && !rest.n && !h.line.n ? ST_OK : strange_head(err);
}

/* ---- pieces ---- */

int answer_pieces(size_t length)
{
    return (int)((length + CACHE_PIECE_MAX - 1) / CACHE_PIECE_MAX);
}

static size_t piece_size(size_t length, int index)
{
    size_t from = (size_t)index * CACHE_PIECE_MAX;

    assert(index >= 0 && from < length);
    return length - from < CACHE_PIECE_MAX ? length - from : CACHE_PIECE_MAX;
}

enum status answer_piece(const struct call *c, const struct answer_entry *e,
                         enum coding coding, int index, char *out, size_t *size)
{
    bool gzip = coding == CODING_GZIP;

    assert(coding < CODING_NONE);
    *size = piece_size(gzip ? e->gzip : e->plain, index);
    if (gzip)
        index += answer_pieces(e->plain);
    return cache_piece(c->stores->cache, c->user_id, &e->token, index, *size,
                       c->deadline, out, c->err);
}

struct loading {
    const struct call *c;
    const struct answer_entry *entry;
    enum coding coding;
};

static enum status load_piece(void *ctx, int index, size_t size, char *out,
                              struct err *err)
{
    struct loading *l = ctx;

    (void)err; /* the call's */
    return answer_piece(l->c, l->entry, l->coding, index, out, &size);
}

enum status answer_load(const struct call *c, struct answer_entry *e,
                        enum coding coding)
{
    struct loading l = {c, e, coding};
    bool gzip = coding == CODING_GZIP;
    size_t length = gzip ? e->gzip : e->plain;
    int n = answer_pieces(length);
    size_t *size = arena_alloc_n(c->arena, (size_t)n + 1, sizeof *size);
    struct pieces *list = pieces_new(c->stores->conf->server_spool, c->arena);
    enum status st;

    for (int i = 0; i < n; i++)
        size[i] = piece_size(length, i);
    st = pieces_fetch(list, size, n, load_piece, &l, c->err);

    *(gzip ? &e->answer.gzip : &e->answer.plain) = pieces_list(list);
    return st;
}

/* ---- writing ---- */

bool answer_cacheable(const struct call *c, const struct cache_token *t,
                      const struct answer *ans, size_t size)
{
    /* An unreadable object that is mended changes no token, so an answer
     * without it would stay for cache.ttl (rule 9). */
    return t->z[0] && !ans->unreadable &&
           size <= (size_t)c->stores->conf->cache_max_driver;
}

struct open_piece {
    char *bytes;
    size_t n;
    int index;   /* in the entry, of the piece that is open */
    size_t left; /* bytes of the list that are still to come */
};

struct answer_filling {
    const struct call *c;
    const struct cache_token *token;
    const struct answer *answer;
    struct open_piece open[2]; /* by coding */
    bool over;                 /* a failure, or the end */
    enum status st;
};

static void filling_free(void *ctx)
{
    struct answer_filling *f = ctx;

    free(f->open[CODING_PLAIN].bytes);
    free(f->open[CODING_GZIP].bytes);
}

struct answer_filling *answer_filling_new(const struct call *c,
                                          const struct cache_token *t,
                                          const struct answer *ans)
{
    size_t plain = ans->plain.length, gzip = ans->gzip.length;
    struct answer_filling *f;

    if (!answer_cacheable(c, t, ans, ans->front.n + plain + gzip))
        return NULL;
    f = arena_alloc(c->arena, sizeof *f);
    *f =
        (struct answer_filling){.c = c, .token = t, .answer = ans, .st = ST_OK};
    f->open[CODING_PLAIN].left = plain;
    f->open[CODING_GZIP].left = gzip;
    f->open[CODING_GZIP].index = answer_pieces(plain);
    arena_defer(c->arena, filling_free, f);
    return f;
}

/* Every call has the cache's own time limit; a reader's deadline may be over
 * long since, when his line is slow. */
static struct deadline filling_deadline(const struct answer_filling *f)
{
    return deadline_in(f->c->stores->conf->server_request_timeout);
}

static void filling_failed(struct answer_filling *f, enum status st,
                           const struct err *err)
{
    /* For good: an entry that lacks a piece is a miss at its last byte. */
    f->over = true;
    f->st = st;
    log_err(LOG_DEBUG, "fill_failed", err);
}

static void put_piece(struct answer_filling *f, struct open_piece *p)
{
    struct err err = ERR_NONE;
    enum status st;

    assert(p->bytes && p->n && p->n <= CACHE_PIECE_MAX);
    st = cache_piece_put(f->c->stores->cache, f->c->user_id, f->token,
                         p->index++, (struct str){p->bytes, p->n},
                         filling_deadline(f), &err);
    p->n = 0;
    if (st != ST_OK)
        filling_failed(f, st, &err);
}

void answer_filling_put(struct answer_filling *f, enum coding coding,
                        struct str bytes)
{
    struct open_piece *p;

    assert(coding < CODING_NONE);
    p = &f->open[coding];
    while (bytes.n && !f->over) {
        size_t n = CACHE_PIECE_MAX - p->n;

        n = n < bytes.n ? n : bytes.n;
        assert(n <= p->left);
        if (!p->bytes)
            p->bytes = malloc(CACHE_PIECE_MAX);
        memory_check(p->bytes);
        memcpy(p->bytes + p->n, bytes.p, n);
        p->n += n;
        p->left -= n;
        bytes = (struct str){bytes.p + n, bytes.n - n};
        if (p->n == CACHE_PIECE_MAX || !p->left)
            put_piece(f, p);
    }
}

static struct str head_text(const struct answer *ans, struct arena *a)
{
    return arena_printf(a, "%d %zu %zu %zu %zu %u %zu %zu\n%.*s%.*s%.*s%.*s",
                        HEAD_FORMAT, ans->email.n, ans->state.n, ans->front.n,
                        ans->members.n, (unsigned)ans->sum.crc,
                        ans->plain.length, ans->gzip.length,
                        STR_ARG(ans->email), STR_ARG(ans->state),
                        STR_ARG(ans->front), STR_ARG(ans->members));
}

bool answer_filling_end(struct answer_filling *f)
{
    const struct answer *ans = f->answer;
    struct cache_fill fill = {.user = ans->user,
                              .read_began_ms = ans->read_began_ms};
    struct err err = ERR_NONE;

    if (!f->over) {
        assert(!f->open[CODING_PLAIN].left && !f->open[CODING_GZIP].left);
        fill.head = head_text(ans, f->c->arena);
        f->st = cache_commit(f->c->stores->cache, f->c->user_id, CACHE_WHOLE,
                             f->token, &fill, filling_deadline(f), &err);
        if (f->st != ST_OK)
            filling_failed(f, f->st, &err);
    }
    f->over = true;
    /* The token was replaced: a representation would be refused as well. */
    return f->st != ST_PRECONDITION;
}

struct filling_list {
    struct answer_filling *filling;
    enum coding coding;
};

static enum status put_list(void *to, struct str part)
{
    struct filling_list *l = to;

    answer_filling_put(l->filling, l->coding, part);
    return ST_OK;
}

bool answer_fill(const struct call *c, const struct cache_token *t,
                 const struct answer *ans)
{
    struct answer_filling *f = answer_filling_new(c, t, ans);
    struct err err = ERR_NONE;
    enum status st;

    if (!f)
        return true;
    assert(ans->plain.each && ans->gzip.each && !ans->streamed);
    /* Plain first: the numbers of the gzip pieces follow it (head comment). */
    st = ans->plain.each(ans->plain.ctx, put_list,
                         &(struct filling_list){f, CODING_PLAIN}, &err);
    if (st == ST_OK)
        st = ans->gzip.each(ans->gzip.ctx, put_list,
                            &(struct filling_list){f, CODING_GZIP}, &err);
    if (st != ST_OK)
        filling_failed(f, st, &err);
    return answer_filling_end(f);
}
