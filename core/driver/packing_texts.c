/* The texts of a pack that is to be written. */
#include <assert.h>
#include "driver/packing.h"
#include "driver/texts.h"

struct packing_gathering {
    const struct call *c;
    const struct planned_pack *p;
    struct packing_texts *out;
};

/* A pack that is gone or spoilt has nothing in it. */
static enum status packing_pack_read(void *ctx, const struct pack_read *p)
{
    struct packing_gathering *g = ctx;
    bool replaced = p->number == g->p->number;

    assert(p->missing <= p->n);
    if (p->obj && replaced)
        g->out->version = p->obj->etag;
    switch (p->st) {
    case ST_OK:
        break;
    case ST_NOT_FOUND:
    case ST_CORRUPT:
    case ST_TOO_LARGE:
        pack_unusable(p->key, p->err);
        return ST_OK;
    /* The store is away: without its texts the pack would be written anew and
     * lose what it has. */
    default:
        *g->c->err = *p->err;
        return p->st;
    }
    assert(p->obj);
    /* What our rows do not say is in it was replaced since, or another's
     * summary says so by now. */
    if (replaced && !stores_quiet(g->c->stores, p->obj->modified_us) &&
        p->n - p->missing < p->entries)
        return err_set(g->c->err, ST_BUSY, NULL,
                       "another may just have packed");
    return ST_OK;
}

/* What has gone, or is for a person, the next reader finds out. */
static enum status packing_object_read(void *ctx, struct text_want *w,
                                       enum status st,
                                       const struct trip_text *text)
{
    const struct packing_gathering *g = ctx;

    if (st == ST_OK &&
        summary_row_has_text(w->row, &text->sum, text->deflate.n))
        w->text = *text;
    if (st != ST_OK && st != ST_NOT_FOUND && st != ST_PRECONDITION &&
        st != ST_CORRUPT && st != ST_TOO_LARGE)
        return st;
    err_clear(g->c->err);
    return ST_OK;
}

/* At hand are loose ones only: a pack that is replaced must be read, for its
 * version. */
static struct text_want packing_want(const struct summary_row *row)
{
    struct text_want w = {.row = row};

    if (row->pack == PACK_NONE && (int64_t)row->fragment.n == row->deflate)
        w.text = (struct trip_text){row->fragment, summary_row_sum(row)};
    return w;
}

enum status packing_texts(const struct call *c, const struct planned_pack *p,
                          struct packing_texts *out)
{
    struct packing_gathering g = {.c = c, .p = p, .out = out};
    struct texts t = {.c = c,
                      .want = arena_alloc_n(c->arena, p->n, sizeof *t.want),
                      .n = p->n,
                      .pack_worth = 1, /* its version is needed anyway */
                      .packs_at_once =
                          1, /* memory: this runs beside requests */
                      .pack_read = packing_pack_read,
                      .object_read = packing_object_read,
                      .ctx = &g};

    assert(p->n);
    *out = (struct packing_texts){.want = t.want};
    for (size_t i = 0; i < p->n; i++)
        t.want[i] = packing_want(p->row[i]);
    return texts_gather(&t);
}
