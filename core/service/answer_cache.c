/*
 * The head of a driver's cache entry, a line and two texts:
 *
 *   1 EMAIL_LENGTH FRONT_LENGTH TRIPS PIECE_SIZE ...\n EMAIL FRONT
 *
 * Read by a worker of any version: another first number is a miss.
 */
#include <assert.h>
#include <stdlib.h>
#include "base/log.h"
#include "service/answer.h"

#define HEAD_FORMAT 1
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
    struct deadline d;
};

static enum status load_piece(void *ctx, int index, size_t size, char *out,
                              struct err *err)
{
    struct loading *l = ctx;

    return cache_piece(l->s->cache, l->user_id, l->token, index, size, l->d,
                       out, err);
}

static enum status strange_head(struct err *err)
{
    return err_set(err, ST_NOT_FOUND, NULL,
                   "the cache entry is of another format");
}

enum status answer_load(struct service *s, struct str user_id,
                        const struct cache_entry *e, struct deadline d,
                        struct arena *a, struct answer *out, struct err *err)
{
    const char *end = memchr(e->head.p, '\n', e->head.n);
    size_t *size = arena_alloc_n(a, PIECES_MAX, sizeof *size);
    struct loading l = {s, user_id, &e->token, d};
    struct head_reader h = {.good = end != NULL};
    struct str rest;
    int n;

    if (!end)
        return strange_head(err);
    h.line = (struct str){e->head.p, (size_t)(end - e->head.p)};
    rest = (struct str){end + 1, e->head.n - h.line.n - 1};
    if (next_number(&h, INT64_MAX) != HEAD_FORMAT)
        return strange_head(err);
    *out = (struct answer){.read_began_ms = e->read_began_ms};
    out->email = (struct str){rest.p, (size_t)next_number(&h, INT32_MAX)};
    out->front =
        (struct str){rest.p + out->email.n, (size_t)next_number(&h, INT32_MAX)};
    out->n_trips = (size_t)next_number(&h, INT32_MAX);
    n = read_sizes(&h, size);
    if (!h.good || out->email.n + out->front.n != rest.n)
        return strange_head(err);
    out->trips = pieces_new(s->conf->server_spool, a);
    return pieces_fetch(out->trips, size, n, load_piece, &l, err);
}

/* ---- writing ---- */

static struct str head_text(const struct answer *ans, struct arena *a)
{
    struct buf b;
    struct str head;

    buf_init(&b, 2 * CACHE_PIECE_MAX);
    buf_printf(&b, "%d %zu %zu %zu", HEAD_FORMAT, ans->email.n, ans->front.n,
               ans->n_trips);
    for (int i = 0; i < pieces_count(ans->trips); i++)
        buf_printf(&b, " %zu", pieces_size(ans->trips, i));
    buf_putc(&b, '\n');
    buf_put(&b, ans->email);
    buf_put(&b, ans->front);
    assert(buf_ok(&b));
    head = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return head;
}

static enum status fill(struct service *s, struct str user_id,
                        const struct cache_token *t, struct answer *ans,
                        struct deadline d, struct arena *a, struct err *err)
{
    for (int i = 0; i < pieces_count(ans->trips); i++) {
        struct str piece;
        enum status st = pieces_get(ans->trips, i, &piece, err);

        if (st == ST_OK)
            st = cache_piece_put(s->cache, user_id, t, i, piece, d, err);
        if (st != ST_OK)
            return st;
    }
    return cache_commit(s->cache, user_id, t, head_text(ans, a),
                        ans->read_began_ms, d, err);
}

void answer_fill(struct service *s, struct str user_id,
                 const struct cache_token *t, struct answer *ans,
                 struct deadline d, struct arena *a)
{
    struct err err = ERR_NONE;

    if (!t->z[0] || ans->unreadable ||
        ans->front.n + pieces_total(ans->trips) >
            (size_t)s->conf->cache_max_driver ||
        pieces_count(ans->trips) > PIECES_MAX)
        return;
    /* The reader has his answer, and the cache counts what fails. */
    if (fill(s, user_id, t, ans, d, a, &err) != ST_OK)
        log_err(LOG_DEBUG, "fill_failed", &err);
}
