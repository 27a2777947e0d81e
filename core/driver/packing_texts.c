#include "driver/pack.h"
#include "driver/packing.h"
#include "store/keys.h"

struct gathering {
    const struct call *c;
    const struct packing *p;
    struct packing_texts *out;
};

static bool lacks(const struct gathering *g, size_t i)
{
    return g->out->text[i].deflate.n == 0;
}

/* Loose ones only: a pack that is replaced must be read, for its version. */
static void take_at_hand(struct gathering *g)
{
    for (size_t i = 0; i < g->p->n; i++) {
        const struct summary_row *row = g->p->row[i];

        if (row->pack == PACK_NONE && (int64_t)row->fragment.n == row->deflate)
            g->out->text[i] =
                (struct trip_text){row->fragment, summary_row_sum(row)};
    }
}

/* ---- from packs ---- */

/* One that is gone or spoilt has nothing in it. young: somebody may have
 * written it after our rows were read. */
static enum status open_pack(struct gathering *g, int64_t number,
                             struct arena *scratch, struct pack *out,
                             bool *young)
{
    struct str key = key_pack(scratch, g->c->user_id, number);
    struct object obj;
    enum status st = objects_get(g->c->stores->objects, key, NULL, PACK_MAX,
                                 g->c->deadline, scratch, &obj, g->c->err);

    if (st == ST_OK && number == g->p->number)
        g->out->version = obj.etag;
    *young = st == ST_OK && !stores_quiet(g->c->stores, obj.modified_us);
    if (st == ST_OK)
        st = pack_open(obj.body, scratch, out, g->c->err);
    if (st != ST_NOT_FOUND && st != ST_CORRUPT && st != ST_TOO_LARGE)
        return st;
    pack_unusable(key, g->c->err);
    err_clear(g->c->err);
    *out = (struct pack){.n = 0};
    return ST_OK;
}

static enum status take_from_pack(struct gathering *g, int64_t number,
                                  struct arena *scratch)
{
    struct pack pack;
    size_t taken = 0;
    bool young;
    enum status st = open_pack(g, number, scratch, &pack, &young);

    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < g->p->n; i++) {
        const struct summary_row *row = g->p->row[i];
        const struct pack_entry *e;

        if (row->pack != number || !lacks(g, i) || !(e = pack_find(&pack, row)))
            continue;
        g->out->text[i] = e->text;
        g->out->text[i].deflate = arena_copy(g->c->arena, e->text.deflate);
        taken++;
    }
    /* What our rows do not say is in it was replaced since, or another's
     * summary says so by now. */
    if (number == g->p->number && young && taken < pack.n)
        return err_set(g->c->err, ST_BUSY, NULL,
                       "another may just have packed");
    return ST_OK;
}

/* A row of the same pack that lacks its text still: the pack had it not. */
static bool was_tried(const struct gathering *g, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (g->p->row[k]->pack == g->p->row[i]->pack && lacks(g, k))
            return true;
    return false;
}

static enum status take_from_packs(struct gathering *g)
{
    struct arena *scratch = arena_new(0);
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < g->p->n; i++) {
        int64_t number = g->p->row[i]->pack;

        if (number == PACK_NONE || !lacks(g, i) || was_tried(g, i))
            continue;
        st = take_from_pack(g, number, scratch);
        arena_reset(scratch);
    }
    arena_free(&scratch);
    return st;
}

/* ---- from the trips' objects ---- */

static enum status got_object(void *ctx, const struct object_want *want,
                              enum status st, const struct object *obj,
                              const struct err *err)
{
    struct gathering *g = ctx;
    size_t i = (size_t)((struct summary_row **)want->user - g->p->row);
    struct trip_text text;

    if (st == ST_OK)
        st = trip_object_text(obj, g->c->arena, &text, g->c->err);
    else
        *g->c->err = *err;
    if (st == ST_OK &&
        summary_row_is_of(g->p->row[i], &text.sum, text.deflate.n))
        g->out->text[i] = text;
    /* What has gone, or is for a person, the next reader finds out. */
    if (st == ST_NOT_FOUND || st == ST_PRECONDITION || st == ST_CORRUPT ||
        st == ST_TOO_LARGE)
        st = ST_OK;
    if (st == ST_OK)
        err_clear(g->c->err);
    return st;
}

static enum status take_objects(struct gathering *g)
{
    struct object_want *want =
        arena_alloc_n(g->c->arena, g->p->n, sizeof *want);
    size_t n = 0;

    for (size_t i = 0; i < g->p->n; i++) {
        const struct summary_row *row = g->p->row[i];

        if (lacks(g, i))
            want[n++] =
                (struct object_want){.key = key_trip(g->c->arena, g->c->user_id,
                                                     row->trip_id, row->end_ms),
                                     .match = row->etag,
                                     .user = &g->p->row[i]};
    }
    return n ? objects_get_many(g->c->stores->objects, want, n, TRIP_JSON_MAX,
                                g->c->deadline, got_object, g, g->c->err)
             : ST_OK;
}

enum status packing_texts(const struct call *c, const struct packing *p,
                          struct packing_texts *out)
{
    struct gathering g = {.c = c, .p = p, .out = out};
    enum status st;

    *out = (struct packing_texts){
        .text = arena_alloc_n(c->arena, p->n, sizeof *out->text)};
    take_at_hand(&g);
    st = take_from_packs(&g);
    return st == ST_OK ? take_objects(&g) : st;
}
