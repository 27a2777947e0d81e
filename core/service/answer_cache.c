/*
 * The head of a driver's cache entry, a line and three texts:
 *
 *   2 EMAIL_LENGTH STATE_LENGTH FRONT_LENGTH TRIPS CRC LENGTH PLAIN_PIECES
 *   PIECE_SIZE ...\n EMAIL STATE FRONT
 *
 * CRC and LENGTH are the text's of the gzip pieces, which follow the plain
 * ones. Read by a worker of any version: another first number is a miss.
 */
#include <assert.h>
#include "base/log.h"
#include "service/answer.h"

#define HEAD_FORMAT 2
#define PIECES_MAX 4096

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

static int read_sizes(struct head_reader *h, size_t *size)
{
    int n = 0;

    while (h->good && h->line.n) {
        if (n == PIECES_MAX) {
            h->good = false;
            return 0;
        }
        size[n++] = (size_t)next_number(h, CACHE_PIECE_MAX);
    }
    return n;
}

struct loading {
    struct service *s;
    struct str user_id;
    const struct cache_token *token;
    int first; /* index of the list's first piece in the entry */
    struct deadline d;
};

static enum status load_piece(void *ctx, int index, size_t size, char *out,
                              struct err *err)
{
    struct loading *l = ctx;

    return cache_piece(l->s->cache, l->user_id, l->token, l->first + index,
                       size, l->d, out, err);
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

enum status answer_found(const struct cache_entry *e, struct arena *a,
                         struct answer_entry *out, struct err *err)
{
    const char *end = memchr(e->head.p, '\n', e->head.n);
    struct answer *ans = &out->answer;
    struct head_reader h = {.good = end != NULL};
    struct str rest;
    size_t n[3];

    *out = (struct answer_entry){.token = e->token};
    if (!end)
        return strange_head(err);
    h.line = (struct str){e->head.p, (size_t)(end - e->head.p)};
    rest = (struct str){end + 1, e->head.n - h.line.n - 1};
    if (next_number(&h, INT64_MAX) != HEAD_FORMAT)
        return strange_head(err);
    for (int i = 0; i < 3; i++)
        n[i] = (size_t)next_number(&h, INT32_MAX);
    ans->n_trips = (size_t)next_number(&h, INT32_MAX);
    ans->sum.crc = (uint32_t)next_number(&h, UINT32_MAX);
    ans->sum.length = (uint64_t)next_number(&h, INT64_MAX);
    out->n_plain = (int)next_number(&h, PIECES_MAX);
    out->size = arena_alloc_n(a, PIECES_MAX, sizeof *out->size);
    out->n_gzip = read_sizes(&h, out->size) - out->n_plain;
    ans->email = next_text(&rest, n[0], &h);
    ans->state = next_text(&rest, n[1], &h);
    ans->front = next_text(&rest, n[2], &h);
    ans->read_began_ms = e->read_began_ms;
    if (!h.good || rest.n || out->n_gzip < 0)
        return strange_head(err);
    return ST_OK;
}

enum status answer_load(struct service *s, struct str user_id,
                        struct answer_entry *e, bool gzip, struct deadline d,
                        struct arena *a, struct err *err)
{
    struct loading l = {s, user_id, &e->token, gzip ? e->n_plain : 0, d};
    struct pieces *list = pieces_new(s->conf->server_spool, a);

    if (gzip)
        e->answer.gzip = list;
    else
        e->answer.plain = list;
    return pieces_fetch(list, e->size + l.first, gzip ? e->n_gzip : e->n_plain,
                        load_piece, &l, err);
}

/* ---- writing ---- */

static void put_sizes(const struct pieces *p, struct buf *b)
{
    for (int i = 0; i < pieces_count(p); i++)
        buf_printf(b, " %zu", pieces_size(p, i));
}

static struct str head_text(const struct answer *ans, struct arena *a)
{
    struct buf b;
    struct str head;

    buf_init(&b, 2 * CACHE_PIECE_MAX);
    buf_printf(&b, "%d %zu %zu %zu %zu %u %llu %d", HEAD_FORMAT, ans->email.n,
               ans->state.n, ans->front.n, ans->n_trips, (unsigned)ans->sum.crc,
               (unsigned long long)ans->sum.length, pieces_count(ans->plain));
    put_sizes(ans->plain, &b);
    put_sizes(ans->gzip, &b);
    buf_putc(&b, '\n');
    buf_put(&b, ans->email);
    buf_put(&b, ans->state);
    buf_put(&b, ans->front);
    assert(buf_ok(&b));
    head = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return head;
}

struct filling {
    struct service *s;
    struct str user_id;
    const struct cache_token *token;
    struct deadline d;
    int n; /* pieces put so far */
};

static enum status fill_pieces(struct filling *f, struct pieces *list,
                               struct err *err)
{
    enum status st = ST_OK;

    for (int i = 0; st == ST_OK && i < pieces_count(list); i++) {
        struct str piece;

        st = pieces_get(list, i, &piece, err);
        if (st == ST_OK)
            st = cache_piece_put(f->s->cache, f->user_id, f->token, f->n++,
                                 piece, f->d, err);
    }
    return st;
}

bool answer_cacheable(const struct service *s, const struct cache_token *t,
                      const struct answer *ans, size_t size)
{
    return t->z[0] && !ans->unreadable &&
           size <= (size_t)s->conf->cache_max_driver;
}

bool answer_fill(struct service *s, struct str user_id,
                 const struct cache_token *t, struct answer *ans,
                 struct deadline d, struct arena *a)
{
    struct filling f = {s, user_id, t, d, 0};
    struct err err = ERR_NONE;
    enum status st;

    if (!answer_cacheable(s, t, ans,
                          ans->front.n + pieces_total(ans->plain) +
                              pieces_total(ans->gzip)) ||
        pieces_count(ans->plain) + pieces_count(ans->gzip) > PIECES_MAX)
        return true;
    st = fill_pieces(&f, ans->plain, &err);
    if (st == ST_OK)
        st = fill_pieces(&f, ans->gzip, &err);
    if (st == ST_OK)
        st = cache_commit(s->cache, user_id, CACHE_WHOLE, t, head_text(ans, a),
                          ans->read_began_ms, d, &err);
    /* The reader has his answer, and the cache counts what fails. */
    if (st != ST_OK)
        log_err(LOG_DEBUG, "fill_failed", &err);
    return st != ST_PRECONDITION;
}
