/* What lies under a driver's packs/, whether or not a row names it. */
#include <stdlib.h>
#include "base/list.h"
#include "driver/packing.h"
#include "store/keys.h"

struct listing {
    struct packs_here *out;
    struct arena *a;
};

static enum status note_pack(void *ctx, const struct object_entry *e)
{
    struct listing *l = ctx;
    struct packs_here *out = l->out;
    struct pack_here here = {.etag = e->etag, .modified_us = e->modified_us};
    struct str user_id;

    if (!key_parse_pack(e->key, &user_id, &here.number) || !e->etag.z[0])
        return ST_OK;
    out->pack = list_room(l->a, out->pack, out->n, sizeof *out->pack);
    out->pack[out->n++] = here;
    return ST_OK;
}

static int pack_by_number(const void *pa, const void *pb)
{
    const struct pack_here *a = pa, *b = pb;

    return (a->number > b->number) - (a->number < b->number);
}

enum status packs_list(const struct call *c, struct packs_here *out)
{
    struct listing l = {.out = out, .a = c->arena};
    int pages;
    enum status st;

    *out = (struct packs_here){.n = 0};
    st =
        objects_list(c->stores->objects, key_packs_prefix(c->arena, c->user_id),
                     c->deadline, note_pack, &l, &pages, c->err);
    if (st == ST_OK && out->n)
        qsort(out->pack, out->n, sizeof *out->pack, pack_by_number);
    return st;
}

const struct pack_here *packs_find(const struct packs_here *here,
                                   int64_t number)
{
    struct pack_here sought = {.number = number};

    return here->n ? bsearch(&sought, here->pack, here->n, sizeof *here->pack,
                             pack_by_number)
                   : NULL;
}
